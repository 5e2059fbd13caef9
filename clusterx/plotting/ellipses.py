"""Gaussian components as ellipses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .canvas import axes, cluster_colors, counted, drawn_of, label, pyplot, title
from .data import Clusters, PlotTable, check_count, clusters_of, host, host_labels, in_plane, sample
from .scatter import check_plane, draw_numbers, draw_points


class GaussianEllipseDisplay:
    """The components of a mixture as ellipses of one, two and three standard deviations.

    With two features, an ellipse of one standard deviation contains 39 % of its component, of two
    86 %, and of three 99 %. It is best made by `from_estimator`. All parameters become attributes.

    Parameters
    ----------
    means : array of shape (k, 2)
    covariances : array of shape (k, 2, 2)
    points : array of shape (n, 2), optional
    labels : array of shape (n,), optional
        The component of each point.
    deviations : sequence of float, default=(1, 2, 3)
        Half axes of the ellipses, in standard deviations.
    weights : array of shape (k,), optional
        Components of less weight than `least_weight` are not drawn.
    least_weight : float, default=0.01
    feature_names : pair of str, optional
        Names of the axes.
    n_total : int, optional
        Number of points before a sample was drawn; stated in the title.
    name : str, optional
        For the title.

    Attributes
    ----------
    ellipses_ : list of list of Ellipse
        The ellipses of each drawn component, the smallest first.
    points_ : list of PathCollection
    centers_ : PathCollection
    texts_ : list of Text
        The numbers of the components.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from clusterx import GaussianMixture
    >>> from clusterx.plotting import GaussianEllipseDisplay
    >>> X, _ = make_blobs(500, centers=3, random_state=0)
    >>> model = GaussianMixture(3, random_state=0).fit(X)
    >>> GaussianEllipseDisplay.from_estimator(model, X)  # doctest: +SKIP
    """

    def __init__(
        self,
        means: Any,
        covariances: Any,
        *,
        points: Any = None,
        labels: Any = None,
        deviations: Sequence[float] = (1, 2, 3),
        weights: Any = None,
        least_weight: float = 0.01,
        feature_names: tuple[str, str] | None = None,
        n_total: int | None = None,
        name: str | None = None,
    ):
        self.means = means
        self.covariances = covariances
        self.points = points
        self.labels = labels
        self.deviations = deviations
        self.weights = weights
        self.least_weight = least_weight
        self.feature_names = feature_names
        self.n_total = n_total
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        features: Sequence[Any] = (0, 1),
        deviations: Sequence[float] = (1, 2, 3),
        least_weight: float = 0.01,
        max_points: int = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        scatter_kwargs: dict[str, Any] | None = None,
    ) -> GaussianEllipseDisplay:
        """Draw the components of a fitted mixture on top of the rows of X.

        Parameters
        ----------
        estimator : fitted mixture
            With `means_`, `covariances_` and `covariance_type`, such as `GaussianMixture`.
        X : array, data frame or Blocks of shape (n_samples, n_features)
        features : pair of int or str, default=(0, 1)
            The two columns to draw. Ellipses show the marginal distribution of these columns.
        deviations : sequence of float, default=(1, 2, 3)
        least_weight : float, default=0.01
            Components of less weight are not drawn.
        max_points : int, default=10_000
            If X has more rows, a random sample of this size is drawn, and the title says so.
        random_state : int, RandomState or None, default=0
            Of the sample.
        name : str, optional
            For the title; the class of the model by default.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of each component.

        Returns
        -------
        GaussianEllipseDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no covariances.
        ValueError
            X has only one feature, or other features than the model.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        if not hasattr(estimator, "covariances_"):
            raise TypeError(
                f"{kind} has no covariances_, so its clusters have no ellipses. Pass a fitted "
                "mixture, such as GaussianMixture."
            )
        table = PlotTable(X, estimator)
        means = host(estimator.means_).astype(np.float64)
        if table.d < 2:
            raise ValueError("Ellipses need two features, but X has 1.")
        indices = sample(table.n, check_count("max_points", max_points), random_state)
        plane = in_plane(table, indices, means, features)
        names = [table.name(i) for i in range(table.d)]
        columns = [f if isinstance(f, str) else int(f) % table.d for f in features]
        chosen = [names.index(f) if isinstance(f, str) else f for f in columns]
        return cls(
            plane.centers,
            matrices(estimator)[:, chosen][:, :, chosen],
            points=plane.points,
            labels=host(estimator.predict(table.take(indices))),
            deviations=deviations,
            weights=host(estimator.weights_),
            least_weight=least_weight,
            feature_names=plane.names,
            n_total=table.n,
            name=kind if name is None else name,
        ).plot(ax=ax, scatter_kwargs=scatter_kwargs)

    def plot(
        self, ax: Any = None, *, scatter_kwargs: dict[str, Any] | None = None
    ) -> GaussianEllipseDisplay:
        """Draw the points, with the ellipses on top.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of each component.

        Returns
        -------
        GaussianEllipseDisplay
        """
        means = check_plane("means", self.means)
        k = len(means)
        covariances = host(self.covariances).astype(np.float64)
        if covariances.shape != (k, 2, 2):
            raise ValueError(
                f"covariances must have a 2 x 2 matrix for each of the {k} means; got shape "
                f"{covariances.shape}."
            )
        points = np.empty((0, 2)) if self.points is None else check_plane("points", self.points)
        clusters = Clusters(np.arange(k), np.empty(0, np.int64))
        if len(points):
            clusters = clusters_of(host_labels("labels", self.labels, len(points)), k)
        shown = np.ones(k, bool)
        if self.weights is not None:
            shown = host(self.weights) >= self.least_weight
        ax = axes(ax, "GaussianEllipseDisplay.plot")
        self.points_ = draw_points(ax, points, clusters, scatter_kwargs)[0] if len(points) else []
        colors = cluster_colors(k)
        self.ellipses_ = [
            self._draw(ax, means[j], covariances[j], colors[j]) for j in np.flatnonzero(shown)
        ]
        drawn = clusters._replace(ids=clusters.ids[shown])
        self.centers_, self.texts_ = draw_numbers(ax, points, drawn, means[shown])
        ax.autoscale_view()
        if self.feature_names is not None:
            label(ax, *self.feature_names)
        said = " and ".join(
            filter(
                None,
                [", ".join(f"{r:g}" for r in self.deviations[:-1]), f"{self.deviations[-1]:g}"],
            )
        )
        what = f"{self.name}: " if self.name else ""
        n = len(points)
        title(
            ax,
            f"{what}{counted(int(shown.sum()), 'component')}, ellipses of {said} standard "
            "deviations",
            drawn_of(n, self.n_total or n, "point"),
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: Any, mean: np.ndarray, covariance: np.ndarray, color: Any) -> list[Any]:
        from matplotlib.patches import Ellipse

        variances, vectors = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        minor, major = 2 * np.sqrt(np.maximum(variances, 0.0))
        drawn = []
        for deviation in sorted(self.deviations):
            size = deviation * major, deviation * minor
            fill = Ellipse(tuple(mean), *size, angle=angle, facecolor=color, alpha=0.12, zorder=2)
            outline = Ellipse(
                tuple(mean),
                *size,
                angle=angle,
                fill=False,
                edgecolor=color,
                linewidth=1.4,
                zorder=2.5,
            )
            ax.add_patch(fill)
            drawn.append(ax.add_patch(outline))
        return drawn


def matrices(estimator: Any) -> np.ndarray:
    """The covariances (k, d, d) of a fitted mixture of any type."""
    values = host(estimator.covariances_).astype(np.float64)
    k, d = host(estimator.means_).shape
    kind = estimator.covariance_type
    if kind == "tied":
        return np.broadcast_to(values, (k, d, d))
    if kind == "full":
        return values
    variances = values if kind == "diag" else np.broadcast_to(values[:, None], (k, d))
    return variances[:, :, None] * np.eye(d)
