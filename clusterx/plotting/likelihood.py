"""The likelihood of a mixture over the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .boundary import grid_ticks, rows_like
from .canvas import ACCENT, axes, drawn_of, label, pyplot, title
from .data import PlotTable, check_count, fitted_centers, host, in_plane, sample
from .scatter import check_plane


class LikelihoodContourDisplay:
    """Contours of the negative log-likelihood over a plane, with boundaries of the components.

    Contour levels rise geometrically from the lowest value, so that they are dense near the
    components. Red lines separate the regions in which different components are the most probable.
    It is best made by `from_estimator`. All parameters become attributes.

    Parameters
    ----------
    x, y : arrays of shape (nx,) and (ny,)
        The grid, rising.
    values : array of shape (ny, nx)
        Negative log-likelihood at each grid point.
    regions : array of shape (ny, nx), optional
        The most probable component at each grid point.
    points : array of shape (n, 2), optional
    centers : array of shape (k, 2), optional
    levels : int, default=12
        Number of contours.
    feature_names : pair of str, optional
        Names of the axes.
    n_total : int, optional
        Number of points before a sample was drawn; stated in the title.
    name : str, optional
        For the title.

    Attributes
    ----------
    filled_ : ContourSet
    contours_ : ContourSet
    boundaries_ : list of ContourSet
        The outline of each component's region that does not fill the plot.
    points_ : PathCollection or None
    centers_ : PathCollection or None
    colorbar_ : Colorbar
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from clusterx import GaussianMixture
    >>> from clusterx.plotting import LikelihoodContourDisplay
    >>> X, _ = make_blobs(500, centers=3, random_state=0)
    >>> model = GaussianMixture(3, random_state=0).fit(X)
    >>> LikelihoodContourDisplay.from_estimator(model, X)  # doctest: +SKIP
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        values: Any,
        *,
        regions: Any = None,
        points: Any = None,
        centers: Any = None,
        levels: int = 12,
        feature_names: tuple[str, str] | None = None,
        n_total: int | None = None,
        name: str | None = None,
    ):
        self.x = x
        self.y = y
        self.values = values
        self.regions = regions
        self.points = points
        self.centers = centers
        self.levels = levels
        self.feature_names = feature_names
        self.n_total = n_total
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        levels: int = 12,
        grid_resolution: int = 200,
        margin: float = 0.15,
        max_points: int = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
    ) -> LikelihoodContourDisplay:
        """Draw the likelihood of a fitted mixture around the rows of X.

        Parameters
        ----------
        estimator : fitted mixture with `score_samples` and `predict`
            Fitted to two features.
        X : array, data frame or Blocks of shape (n_samples, 2)
        levels : int, default=12
            Number of contours.
        grid_resolution : int, default=200
            Number of grid points along each axis.
        margin : float, default=0.15
            Margin around the points, as a share of their range.
        max_points : int, default=10_000
            If X has more rows, a random sample of this size is drawn, and the title says so.
        random_state : int, RandomState or None, default=0
            Of the sample.
        name : str, optional
            For the title; the class of the model by default.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        LikelihoodContourDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no `score_samples`.
        ValueError
            X does not have two features.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        if not hasattr(estimator, "score_samples"):
            raise TypeError(
                f"{kind} has no score_samples, so it gives no likelihood. Pass a fitted mixture, "
                "such as GaussianMixture."
            )
        table = PlotTable(X, estimator)
        if table.d != 2:
            raise ValueError(
                f"Likelihoods are drawn in the plane of 2 features, and X has {table.d}. Fit the "
                "model to two columns, or draw it with GaussianEllipseDisplay."
            )
        resolution = check_count("grid_resolution", grid_resolution)
        indices = sample(table.n, check_count("max_points", max_points), random_state)
        plane = in_plane(table, indices, fitted_centers(estimator), None)
        x, y = grid_ticks(plane.points, plane.centers, margin, resolution)
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        rows = rows_like(grid, X, table)
        return cls(
            x,
            y,
            -host(estimator.score_samples(rows)).reshape(len(y), len(x)),
            regions=host(estimator.predict(rows)).reshape(len(y), len(x)),
            points=plane.points,
            centers=plane.centers,
            levels=levels,
            feature_names=plane.names,
            n_total=table.n,
            name=kind if name is None else name,
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> LikelihoodContourDisplay:
        """Draw the contours and boundaries, with the points and centres on top.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        LikelihoodContourDisplay
        """
        x, y, values = host(self.x), host(self.y), host(self.values).astype(np.float64)
        if values.shape != (len(y), len(x)) or min(values.shape) < 2:
            raise ValueError(
                f"values must have a row for each of the {len(y)} values of y and a column for "
                f"each of the {len(x)} of x, at least two; got shape {values.shape}."
            )
        ax = axes(ax, "LikelihoodContourDisplay.plot")
        edges = levels_of(values, check_count("levels", self.levels))
        self.filled_ = ax.contourf(
            x, y, values, levels=edges, colors=shades(len(edges)), extend="max", zorder=0
        )
        self.contours_ = ax.contour(
            x, y, values, levels=edges[1:], colors="black", linewidths=0.4, alpha=0.6, zorder=1
        )
        self.colorbar_ = ax.figure.colorbar(self.filled_, ax=ax, label="Negative log-likelihood")
        self.colorbar_.ax.set_yticks(edges[::2], [f"{edge:.3g}" for edge in edges[::2]])
        self.boundaries_ = [] if self.regions is None else self._boundaries(ax, x, y)
        self.points_ = self.centers_ = None
        points = np.empty((0, 2)) if self.points is None else check_plane("points", self.points)
        n = len(points)
        if n:
            size = float(np.clip(6_000 / n, 2, 16))
            self.points_ = ax.scatter(
                *points.T, s=size, color="black", linewidths=0, alpha=0.7, zorder=2
            )
        if self.centers is not None:
            self.centers_ = ax.scatter(
                *check_plane("centers", self.centers).T,
                s=90, color="white", edgecolors="black", marker="X", zorder=3,
            )  # fmt: skip
        if self.feature_names is not None:
            label(ax, *self.feature_names)
        what = f"{self.name}: negative" if self.name else "Negative"
        title(ax, f"{what} log-likelihood", drawn_of(n, self.n_total or n, "point"))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _boundaries(self, ax: Any, x: np.ndarray, y: np.ndarray) -> list[Any]:
        regions, drawn = host(self.regions), []
        for i in np.unique(regions):
            inside = (regions == i).astype(np.float64)
            if 0 < inside.mean() < 1:
                style = {"colors": ACCENT, "linewidths": 1.4, "zorder": 1.5}
                drawn.append(ax.contour(x, y, inside, levels=[0.5], **style))
        return drawn


def levels_of(values: np.ndarray, count: int) -> np.ndarray:
    """Rising levels from the lowest value, with steps that grow by a constant factor."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    span = high - low
    if not span > 0:
        return low + np.arange(count + 1.0)
    first = min(0.5, span / (2 * count))
    return low + np.concatenate(([0.0], np.geomspace(first, span, count)))


def shades(count: int) -> np.ndarray:
    """Colours of the levels and beyond; darker means less likely."""
    from matplotlib import colormaps

    return colormaps["Blues"](np.linspace(0.02, 0.8, count))
