"""The knife diagram: silhouette coefficients, sorted within each cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import asarray, namespace, on_host
from .canvas import (
    ACCENT,
    RASTER_FROM,
    axes,
    cluster_colors,
    counted,
    drawn_of,
    pyplot,
    shortened,
    size_in_points,
    spaced,
    styled,
    title,
)
from .data import PlotTable, check_count, clusters_of, fitted_labels, host, host_labels, sample


class SilhouetteDisplay:
    """Silhouette coefficients as one band of sorted bars per cluster: a knife diagram.

    A good clustering has bands of similar shape that all reach past the dashed line of the mean;
    bars left of zero are points that are nearer to another cluster.

    It is best made by `from_estimator` or `from_predictions`. All parameters become attributes.

    Parameters
    ----------
    silhouette_values : array of shape (n,)
        The coefficient of each point, between -1 and 1.
    labels : array of shape (n,)
        Its cluster.
    n_total : int, optional
        Number of points before a sample was drawn; stated in the title.
    n_noise : int, default=0
        Number of points left out as noise; stated in the title.
    name : str, optional
        Name of the model or the data, for the title.

    Attributes
    ----------
    mean_ : float
        Mean of the coefficients: the silhouette score.
    bars_ : list of PolyCollection
        The band of each cluster, the lowest label first (and at the bottom).
    line_ : Line2D
        The dashed line at the mean.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    SilhouetteSweepDisplay : The score against the number of clusters.

    References
    ----------
    Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
    analysis", Journal of Computational and Applied Mathematics 20, 1987.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from clusterx import KMeans
    >>> from clusterx.plotting import SilhouetteDisplay
    >>> X = load_iris().data
    >>> model = KMeans(3, random_state=0).fit(X)
    >>> SilhouetteDisplay.from_estimator(model, X)  # doctest: +SKIP
    """

    def __init__(
        self,
        silhouette_values: Any,
        labels: Any,
        *,
        n_total: int | None = None,
        n_noise: int = 0,
        name: str | None = None,
    ):
        self.silhouette_values = silhouette_values
        self.labels = labels
        self.n_total = n_total
        self.n_noise = n_noise
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        metric: str | None = None,
        sample_size: int | None = None,
        random_state: Any = None,
        name: str | None = None,
        ax: Any = None,
        bar_kwargs: dict[str, Any] | None = None,
    ) -> SilhouetteDisplay:
        """Draw the silhouettes of a fitted model's clusters.

        Parameters
        ----------
        estimator : fitted clustering model
            Labels come from its `predict`. If it has none, they are its `labels_`, and X must be
            the rows it was fitted to.
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
        metric : str, optional
            As in `clusterx.metrics.silhouette_samples`; by default the model's own, or
            ``'euclidean'`` if it has none.
        sample_size, random_state, ax, bar_kwargs
            As in `from_predictions`.
        name : str, optional
            For the title; the class of the model by default.

        Returns
        -------
        SilhouetteDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        ValueError
            As in `from_predictions`, or the model can't label these rows.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        labels = fitted_labels(estimator, X, PlotTable(X).n)
        return cls.from_predictions(
            X,
            labels,
            metric=metric or own_metric(estimator),
            sample_size=sample_size,
            random_state=random_state,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            bar_kwargs=bar_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        labels: Any,
        *,
        metric: str = "euclidean",
        sample_size: int | None = None,
        random_state: Any = None,
        name: str | None = None,
        ax: Any = None,
        bar_kwargs: dict[str, Any] | None = None,
    ) -> SilhouetteDisplay:
        """Draw the silhouettes of labelled points.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
            In any library; the coefficients are computed on its device.
        labels : array of shape (n_samples,)
            Points labelled -1 are noise. They belong to no cluster, so they are left out, and the
            title says how many there are. (The scores in `clusterx.metrics` treat noise as a
            cluster like any other.)
        metric : str, default='euclidean'
            As in `clusterx.metrics.silhouette_samples`.
        sample_size : int, optional
            Use a random sample of this size, because time grows with the square of the number of
            points. The title states the sample size.
        random_state : int, RandomState or None
            Of the sample.
        name : str, optional
            For the title.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        bar_kwargs : dict, optional
            Passed to `Axes.fill_betweenx` of each band.

        Returns
        -------
        SilhouetteDisplay

        Raises
        ------
        ValueError
            There is not one label per row, or there are fewer than two clusters.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        values = silhouettes(X, labels, metric, sample_size, random_state)
        return cls(**values, name=name).plot(ax=ax, bar_kwargs=bar_kwargs)

    def plot(
        self, ax: Any = None, *, bar_kwargs: dict[str, Any] | None = None
    ) -> SilhouetteDisplay:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        bar_kwargs : dict, optional
            Passed to `Axes.fill_betweenx` of each band.

        Returns
        -------
        SilhouetteDisplay
        """
        values = host(self.silhouette_values).astype(np.float64)
        ids, codes = clusters_of(host_labels("labels", self.labels, len(values)))
        k, n = len(ids), len(values)
        ax = axes(ax, "SilhouetteDisplay.plot", (6.4, float(np.clip(1.2 + 0.13 * k, 4.8, 14))))
        gap = min(0.02, 0.15 / k) * n
        low, middles, self.bars_ = gap, np.empty(k), []
        for i, color in enumerate(cluster_colors(k)):
            band = np.sort(values[codes == i])
            style = {"facecolor": color, "linewidth": 0, "rasterized": n > RASTER_FROM}
            edges = low + np.arange(len(band) + 1)
            style = styled(style, bar_kwargs, "PolyCollection")
            ends = np.append(band, band[-1])
            self.bars_.append(ax.fill_betweenx(edges, 0, ends, step="post", **style))
            middles[i] = low + len(band) / 2
            low += len(band) + gap
        self.mean_ = float(values.mean())
        self.line_ = ax.axvline(self.mean_, color=ACCENT, linestyle="--", linewidth=1.5)
        ax.axvline(0, color="black", linewidth=0.8)
        least = float(values.min())
        ax.set(xlim=(min(-0.05, least - 0.05), 1), ylim=(0, low))
        ax.set(xlabel="Silhouette coefficient", ylabel="Cluster")
        self._number(ax, ids, middles, low)
        self._title(ax, k, n)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _number(self, ax: Any, ids: np.ndarray, middles: np.ndarray, height: float) -> None:
        """Write cluster numbers at the left, as many as there is room for."""
        size = 10 if len(ids) <= 20 else 7
        shown = spaced(middles, 1.1 * size * height / size_in_points(ax)[1])
        names = shortened([str(i) for i in ids[shown]])
        ax.set_yticks(middles[shown], names, fontsize=size, parse_math=False)
        ax.tick_params(axis="y", length=0)

    def _title(self, ax: Any, k: int, n: int) -> None:
        noise = f"{counted(self.n_noise, 'noise point')} left out" if self.n_noise else None
        notes = [drawn_of(n, self.n_total or n, "point"), noise]
        what = f"{self.name}: " if self.name else ""
        title(
            ax,
            f"{what}{counted(k, 'cluster')}, mean silhouette {self.mean_:.3f} (dashed)",
            ", ".join(note for note in notes if note),
        )


def own_metric(estimator: Any) -> str:
    """The metric of a model."""
    return getattr(estimator, "metric", None) or "euclidean"


def silhouettes(
    X: Any, labels: Any, metric: str, sample_size: int | None, random_state: Any
) -> dict[str, Any]:
    """The arguments of a SilhouetteDisplay for the rows and their labels."""
    from ..metrics import silhouette_samples

    table = PlotTable(X)
    labels = host_labels("labels", labels, table.n)
    clusters = clusters_of(labels)
    kept = np.flatnonzero(clusters.codes >= 0)
    n_total, drawn = len(kept), None
    if sample_size is not None:
        drawn = sample(n_total, check_count("sample_size", sample_size), random_state)
    kept = kept if drawn is None else kept[drawn]
    k = len(np.unique(labels[kept]))
    if not 2 <= k < len(kept):
        raise ValueError(
            "A silhouette compares clusters: it needs at least 2, and more points than clusters; "
            f"labels have {counted(k, 'cluster')} of {counted(len(kept), 'point')}"
            f"{'' if drawn is None else ' in the sample'} (noise, -1, does not count)."
        )
    rows = table.X
    if len(kept) < table.n:
        rows = table.take(kept)
        if metric == "precomputed":  # keep the distances among the kept rows
            if on_host(rows):
                rows = rows[:, kept]
            else:
                rows = namespace(rows).take(rows, asarray(kept, like=rows), axis=1)
    values = silhouette_samples(rows, clusters.codes[kept], metric=metric)
    return {
        "silhouette_values": host(values),
        "labels": labels[kept],
        "n_total": n_total,
        "n_noise": clusters.n_noise,
    }
