"""Clusters as coloured points of a plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from .canvas import (
    NOISE,
    RASTER_FROM,
    axes,
    cluster_colors,
    cluster_marker,
    counted,
    drawn_of,
    label,
    pyplot,
    styled,
    title,
)
from .data import (
    Clusters,
    PlotTable,
    check_count,
    clusters_of,
    fitted_centers,
    fitted_labels,
    host_labels,
    host_matrix,
    in_plane,
    sample,
)

#: cluster numbers are large up to the first count of clusters, small up to the second, then absent
_LARGE, _SMALL = 20, 100


class ClusterScatterDisplay:
    """Points coloured by cluster, with the number of each cluster at its centre; noise is grey.

    Clusters differ in colour; if there are more than twelve, points differ in shape too.

    It is best made by `from_estimator` or `from_predictions`. All parameters become attributes.

    Parameters
    ----------
    points : array of shape (n, 2)
    labels : array of shape (n,)
        The cluster of each point; -1 is noise.
    centers : array of shape (k, 2), optional
        Row i is the centre of the cluster labelled i.
    feature_names : pair of str, optional
        Names of the axes.
    n_total : int, optional
        Number of points before a sample was drawn; stated in the title.
    name : str, optional
        Name of the model or the data, for the title.

    Attributes
    ----------
    points_ : list of PathCollection
        The points of each cluster, the lowest label first.
    noise_ : PathCollection or None
    centers_ : PathCollection or None
    texts_ : list of Text
        The numbers of the clusters; empty if there are more than a hundred.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    ClusterBoundaryDisplay : Also draws the regions of the clusters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from clusterx import KMeans
    >>> from clusterx.plotting import ClusterScatterDisplay
    >>> X = load_iris(as_frame=True).data
    >>> model = KMeans(3, random_state=0).fit(X)
    >>> ClusterScatterDisplay.from_estimator(
    ...     model, X, features=["petal length (cm)", "petal width (cm)"]
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        points: Any,
        labels: Any,
        *,
        centers: Any = None,
        feature_names: tuple[str, str] | None = None,
        n_total: int | None = None,
        name: str | None = None,
    ):
        self.points = points
        self.labels = labels
        self.centers = centers
        self.feature_names = feature_names
        self.n_total = n_total
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        features: Any = None,
        max_points: int = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        scatter_kwargs: dict[str, Any] | None = None,
    ) -> ClusterScatterDisplay:
        """Draw rows, coloured by their clusters in a fitted model.

        Parameters
        ----------
        estimator : fitted clustering model
            Labels come from its `predict`. If it has none, they are its `labels_`, and X must be
            the rows it was fitted to. Centres are drawn if it has any (`cluster_centers_`,
            `means_`, `centroids_`).
        X, features, max_points, random_state, ax, scatter_kwargs
            As in `from_predictions`.
        name : str, optional
            For the title; the class of the model by default.

        Returns
        -------
        ClusterScatterDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        ValueError
            As in `from_predictions`, or the model can't label these rows.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        table = PlotTable(X, estimator)
        labels = fitted_labels(estimator, X, table.n)
        return cls._of_table(
            table,
            labels,
            fitted_centers(estimator),
            features,
            max_points,
            random_state,
            type(estimator).__name__ if name is None else name,
        ).plot(ax=ax, scatter_kwargs=scatter_kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        labels: Any,
        *,
        centers: Any = None,
        features: Any = None,
        max_points: int = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        scatter_kwargs: dict[str, Any] | None = None,
    ) -> ClusterScatterDisplay:
        """Draw labelled rows.

        Parameters
        ----------
        X : array, CSR matrix, data frame or Blocks of shape (n_samples, n_features)
            In any library. Only the drawn columns of the drawn rows are copied to the host.
        labels : array of shape (n_samples,)
            -1 is noise.
        centers : array of shape (n_clusters, n_features), optional
            Row i is the centre of the cluster labelled i.
        features : 'pca' or pair of int or str, optional
            The axes: two columns by index or name, or the first two principal components of the
            drawn rows. By default the columns of X if it has two, and principal components if it
            has more; a single column is drawn against the row number. The labels of the axes say
            which.
        max_points : int, default=10_000
            If X has more rows, a random sample of this size is drawn, and the title says so.
        random_state : int, RandomState or None, default=0
            Of the sample.
        name : str, optional
            For the title.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of each cluster.

        Returns
        -------
        ClusterScatterDisplay

        Raises
        ------
        ValueError
            There is not one label per row, X lacks a feature, or labels or X don't fit the centers.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        table = PlotTable(X)
        labels = host_labels("labels", labels, table.n)
        if centers is not None:
            centers = host_matrix("centers", centers)
        return cls._of_table(table, labels, centers, features, max_points, random_state, name).plot(
            ax=ax, scatter_kwargs=scatter_kwargs
        )

    @classmethod
    def _of_table(
        cls, table, labels, centers, features, max_points, random_state, name
    ) -> ClusterScatterDisplay:
        indices = sample(table.n, check_count("max_points", max_points), random_state)
        plane = in_plane(table, indices, centers, features)
        return cls(
            plane.points,
            labels if indices is None else labels[indices],
            centers=plane.centers,
            feature_names=plane.names,
            n_total=table.n,
            name=name,
        )

    def plot(
        self, ax: Any = None, *, scatter_kwargs: dict[str, Any] | None = None
    ) -> ClusterScatterDisplay:
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of each cluster.

        Returns
        -------
        ClusterScatterDisplay
        """
        points = check_plane("points", self.points)
        centers = None if self.centers is None else check_plane("centers", self.centers)
        labels = host_labels("labels", self.labels, len(points))
        clusters = clusters_of(labels, None if centers is None else len(centers))
        ax = axes(ax, "ClusterScatterDisplay.plot")
        self.points_, self.noise_ = draw_points(ax, points, clusters, scatter_kwargs)
        self.centers_, self.texts_ = draw_numbers(ax, points, clusters, centers)
        if self.feature_names is not None:
            label(ax, *self.feature_names)
        what = f"{self.name}: " if self.name else ""
        n = len(points)
        notes = [drawn_of(n, self.n_total or n, "point"), noise_note(clusters.n_noise)]
        title(
            ax,
            f"{what}{counted(len(clusters.ids), 'cluster')}",
            ", ".join(note for note in notes if note),
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self


def check_plane(name: str, values: Any) -> np.ndarray:
    """The argument as points of a plane on the host."""
    found = host_matrix(name, values)
    if found.shape[1] != 2:
        raise ValueError(f"{name} must have 2 columns, got shape {found.shape}.")
    return found


def noise_note(n_noise: int) -> str | None:
    return f"{counted(n_noise, 'noise point')} in grey" if n_noise else None


def draw_points(
    ax: Any, points: np.ndarray, clusters: Clusters, scatter_kwargs: dict[str, Any] | None
) -> tuple[list[Any], Any]:
    """Draw the points of each cluster, and noise points."""
    n, k = len(points), len(clusters.ids)
    style = {
        "s": float(np.clip(12_000 / n, 6, 36)) * (1.8 if cluster_marker(1, k) != "o" else 1),
        "linewidths": 0.4 if n <= 2_000 else 0,
        "edgecolors": "white",
        "rasterized": n > RASTER_FROM,
    }
    noise = None
    if clusters.n_noise:
        found = points[clusters.codes < 0]
        grey = {"color": NOISE, "linewidths": 0.8, "s": style["s"], "marker": "x"}
        noise = ax.scatter(*found.T, rasterized=style["rasterized"], zorder=1.5, **grey)
    drawn = [
        ax.scatter(
            *points[clusters.codes == i].T,
            **styled(
                {"color": color, "marker": cluster_marker(i, k)} | style,
                scatter_kwargs,
                "PathCollection",
            ),
        )
        for i, color in enumerate(cluster_colors(k))
    ]
    return drawn, noise


def draw_numbers(
    ax: Any, points: np.ndarray, clusters: Clusters, centers: np.ndarray | None
) -> tuple[Any, list[Any]]:
    """Draw the centres, and the number of each cluster at its centre or in its middle."""
    k = len(clusters.ids)
    drawn = None
    if centers is not None:
        size = 190 if k <= _LARGE else 75 if k <= _SMALL else 14
        drawn = ax.scatter(
            *centers.T, s=size, color="white", edgecolors="black", linewidths=1, zorder=3
        )
    if k > _SMALL or not (len(points) or centers is not None):
        return drawn, []
    places = _middles(points, clusters) if centers is None else enumerate(centers)
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0.5}
    texts = [
        ax.text(
            *place,
            str(clusters.ids[i]),
            fontsize=8 if k <= _LARGE else 5.5,
            ha="center",
            va="center_baseline",
            color="black",
            bbox=box if centers is None else None,
            zorder=4,
            clip_on=True,
            parse_math=False,
        )
        for i, place in places
    ]
    return drawn, texts


def _middles(points: np.ndarray, clusters: Clusters) -> list[tuple[int, np.ndarray]]:
    """The point of each cluster nearest to its mean: the mean may lie outside the cluster."""
    found = []
    for i in np.unique(clusters.codes[clusters.codes >= 0]):
        own = points[clusters.codes == i]
        spread = np.where(np.ptp(own, axis=0) > 0, np.ptp(own, axis=0), 1.0)
        offsets = (own - own.mean(axis=0)) / spread
        found.append((int(i), own[np.argmin((offsets**2).sum(axis=1))]))
    return found
