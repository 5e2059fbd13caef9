"""The regions of the plane that belong to each cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import asarray, is_array, on_host
from ..rows import Rows
from .canvas import axes, cluster_colors, counted, drawn_of, label, lightened, pyplot, title
from .data import (
    PlotTable,
    check_count,
    clusters_of,
    fitted_centers,
    host,
    host_labels,
    in_plane,
    sample,
)
from .scatter import check_plane, draw_numbers, draw_points


class ClusterBoundaryDisplay:
    """The region of the plane that belongs to each cluster, with points and centres on top.

    For k-means these are the Voronoi cells of the centres. Any model that predicts from two
    features can be drawn.

    It is best made by `from_estimator`. All parameters become attributes.

    Parameters
    ----------
    x, y : arrays of shape (nx,) and (ny,)
        The grid, evenly spaced and rising.
    regions : array of shape (ny, nx)
        The cluster of each grid point.
    points : array of shape (n, 2), optional
    labels : array of shape (n,), optional
        The cluster of each point.
    centers : array of shape (k, 2), optional
        Row i is the centre of the cluster labelled i.
    feature_names : pair of str, optional
        Names of the axes.
    n_total : int, optional
        Number of points before a sample was drawn; stated in the title.
    name : str, optional
        For the title.

    Attributes
    ----------
    regions_ : AxesImage
    boundaries_ : list of ContourSet
        The outline of each region that does not fill the plot.
    points_ : list of PathCollection
        The points of each cluster, the lowest label first; empty without points.
    centers_ : PathCollection or None
    texts_ : list of Text
        The numbers of the clusters.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    ClusterScatterDisplay : For models that don't predict, and for more than two features.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from clusterx import KMeans
    >>> from clusterx.plotting import ClusterBoundaryDisplay
    >>> X, _ = make_blobs(500, centers=5, random_state=0)
    >>> model = KMeans(5, random_state=0).fit(X)
    >>> ClusterBoundaryDisplay.from_estimator(model, X)  # doctest: +SKIP
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        regions: Any,
        *,
        points: Any = None,
        labels: Any = None,
        centers: Any = None,
        feature_names: tuple[str, str] | None = None,
        n_total: int | None = None,
        name: str | None = None,
    ):
        self.x = x
        self.y = y
        self.regions = regions
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
        grid_resolution: int = 400,
        margin: float = 0.08,
        max_points: int = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        scatter_kwargs: dict[str, Any] | None = None,
    ) -> ClusterBoundaryDisplay:
        """Draw the regions of a fitted model's clusters around the rows of X.

        Parameters
        ----------
        estimator : fitted clustering model with `predict`
            Fitted to two features. Its centres are drawn if it has any.
        X : array, data frame or Blocks of shape (n_samples, 2)
            In the library and on the device of the model, where the grid is predicted too.
        grid_resolution : int, default=400
            Number of grid points along each axis.
        margin : float, default=0.08
            Margin around the points, as a share of their range.
        max_points : int, default=10_000
            If X has more rows, a random sample of this size is drawn, and the title says so. The
            grid covers all drawn points and all centres.
        random_state : int, RandomState or None, default=0
            Of the sample.
        name : str, optional
            For the title; the class of the model by default.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of each cluster.

        Returns
        -------
        ClusterBoundaryDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no `predict`.
        ValueError
            X does not have two features.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        if not hasattr(estimator, "predict"):
            raise TypeError(
                f"{kind} has no predict, so only its own rows belong to clusters. Draw them with "
                "ClusterScatterDisplay."
            )
        table = PlotTable(X, estimator)
        if table.d != 2:
            raise ValueError(
                f"Regions are drawn in the plane of 2 features, and X has {table.d}. Fit the model "
                "to two columns, or draw its points with ClusterScatterDisplay."
            )
        resolution = check_count("grid_resolution", grid_resolution)
        indices = sample(table.n, check_count("max_points", max_points), random_state)
        plane = in_plane(table, indices, fitted_centers(estimator), None)
        x, y = grid_ticks(plane.points, plane.centers, margin, resolution)
        rows = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        regions = host_labels("predict(grid)", estimator.predict(rows_like(rows, X, table)))
        labels = estimator.predict(rows_like(plane.points, X, table))
        return cls(
            x,
            y,
            regions.reshape(len(y), len(x)),
            points=plane.points,
            labels=host(labels),
            centers=plane.centers,
            feature_names=plane.names,
            n_total=table.n,
            name=kind if name is None else name,
        ).plot(ax=ax, scatter_kwargs=scatter_kwargs)

    def plot(
        self, ax: Any = None, *, scatter_kwargs: dict[str, Any] | None = None
    ) -> ClusterBoundaryDisplay:
        """Draw the regions, with the points and centres on top.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of each cluster.

        Returns
        -------
        ClusterBoundaryDisplay
        """
        regions = host(self.regions)
        x, y = host(self.x), host(self.y)
        if regions.shape != (len(y), len(x)):
            raise ValueError(
                f"regions must have a row for each of the {len(y)} values of y and a column for "
                f"each of the {len(x)} of x; got shape {regions.shape}."
            )
        points = np.empty((0, 2)) if self.points is None else check_plane("points", self.points)
        centers = None if self.centers is None else check_plane("centers", self.centers)
        labels = self._labels(len(points), regions)
        clusters = clusters_of(
            np.concatenate([regions.ravel(), labels]), None if centers is None else len(centers)
        )
        places = clusters.codes[: regions.size].reshape(regions.shape)
        own = clusters._replace(codes=clusters.codes[regions.size :])
        ax = axes(ax, "ClusterBoundaryDisplay.plot")
        self._draw_regions(ax, x, y, places, len(clusters.ids))
        self.points_ = draw_points(ax, points, own, scatter_kwargs)[0] if len(points) else []
        self.centers_, self.texts_ = draw_numbers(ax, points, own, centers)
        if self.feature_names is not None:
            label(ax, *self.feature_names)
        what = f"{self.name}: regions" if self.name else "Regions"
        n = len(points)
        title(
            ax,
            f"{what} of {counted(len(clusters.ids), 'cluster')}",
            drawn_of(n, self.n_total or n, "point"),
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _labels(self, n: int, regions: np.ndarray) -> np.ndarray:
        if n and self.labels is None:
            raise ValueError("points are given without labels. Pass the cluster of each point.")
        return host_labels("labels", self.labels, n) if n else regions.ravel()[:0]

    def _draw_regions(self, ax: Any, x: Any, y: Any, places: np.ndarray, k: int) -> None:
        # grid points are the centres of the pixels
        halves = [(axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.5 for axis in (x, y)]
        extent = (x[0] - halves[0], x[-1] + halves[0], y[0] - halves[1], y[-1] + halves[1])
        colors = np.vstack([lightened(cluster_colors(k), 0.62), [0.93, 0.93, 0.93]])
        self.regions_ = ax.imshow(
            colors[places],
            origin="lower",
            extent=extent,
            aspect="auto",
            interpolation="nearest",
            zorder=0,
        )
        self.boundaries_ = []
        if min(places.shape) < 2:
            return
        for i in np.unique(places):
            inside = (places == i).astype(np.float64)
            if 0 < inside.mean() < 1:
                outline = ax.contour(
                    x, y, inside, levels=[0.5], colors="white", linewidths=1.2, zorder=1
                )
                self.boundaries_.append(outline)


def grid_ticks(
    points: np.ndarray, centers: np.ndarray | None, margin: float, resolution: int
) -> tuple[np.ndarray, np.ndarray]:
    """Grid coordinates along both axes, around all points and centres."""
    every = points if centers is None else np.vstack([points, centers])
    low, high = every.min(axis=0), every.max(axis=0)
    room = np.where(high > low, margin * (high - low), 0.5)
    x, y = np.linspace(low - room, high + room, resolution, axis=1)
    return x, y


def rows_like(rows: np.ndarray, X: Any, table: PlotTable) -> Any:
    """Host rows in the form of X: on its device, or as a data frame with its column names."""
    X = X.like if isinstance(X, Rows) else X
    if is_array(X):
        dtype = X.dtype if "float" in str(X.dtype) else None
        return asarray(rows, like=X, dtype=dtype)
    if hasattr(X, "columns") and on_host(X):
        return type(X)(dict(zip(X.columns, rows.T, strict=True)))
    return rows
