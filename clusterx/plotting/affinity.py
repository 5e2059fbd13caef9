"""A matrix of similarities, its rows sorted by cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import asarray, namespace, on_host, to_host
from .canvas import ACCENT, axes, counted, drawn_of, label, pyplot, size_in_points, spaced, title
from .data import check_count, host_labels

#: Percentiles of the entries that span the colour scale, because a few extreme entries would hide
#: the others.
SPAN = (2.0, 98.0)
#: Lines are drawn if they are at least this many points apart on average.
LEAST = 6.0


class AffinityDisplay:
    """Similarities between all rows, sorted by cluster: clusters appear as squares.

    A good clustering has dark squares along the diagonal and little else. A dark rectangle off the
    diagonal shows two similar clusters, and a pale square a loose cluster. Within a cluster, rows
    are sorted by their similarity to its other rows. Noise comes last.

    It is best made by `from_estimator` or `from_predictions`. All parameters become attributes.

    Parameters
    ----------
    affinity : array of shape (m, m)
        Similarities of the drawn rows.
    labels : array of shape (m,)
        Their clusters; -1 is noise.
    n_samples : int, optional
        Number of rows before sampling; m by default.
    name : str, optional
        For the title.

    Attributes
    ----------
    order_ : ndarray of shape (m,)
        Rows of `affinity` in the order drawn.
    image_ : AxesImage
    lines_ : list of Line2D
        Lines between clusters, if there is room for them.
    colorbar_ : Colorbar or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from clusterx import SpectralClustering
    >>> from clusterx.plotting import AffinityDisplay
    >>> X = [[0.0], [0.1], [0.2], [3.0], [3.1]]
    >>> model = SpectralClustering(2, random_state=0).fit(X)
    >>> AffinityDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(
        self, affinity: Any, labels: Any, *, n_samples: int | None = None, name: str | None = None
    ):
        self.affinity = affinity
        self.labels = labels
        self.n_samples = n_samples
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, size: int = 600, name: str | None = None, **plot_kwargs: Any
    ) -> AffinityDisplay:
        """Draw the affinities of a fitted model.

        Parameters
        ----------
        estimator : fitted model
            With `affinity_matrix_`, dense or sparse, and `labels_`: `SpectralClustering` or
            `AffinityPropagation`.
        size : int, default=600
            Maximum number of drawn rows, evenly spaced in the order of the clusters.
        name : str, optional
            For the title; the class of the model by default.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        AffinityDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        ValueError
            The model has no affinities.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        affinity = getattr(estimator, "affinity_matrix_", None)
        if affinity is None:
            raise ValueError(
                f"{type(estimator).__name__} has no affinity_matrix_: it measures distances, or "
                "the matrix was too large to be kept. Use from_predictions with a matrix of some "
                "rows."
            )
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(
            affinity, estimator.labels_, size=size, name=name, **plot_kwargs
        )

    @classmethod
    def from_predictions(
        cls, affinity: Any, labels: Any, *, size: int = 600, name: str | None = None,
        **plot_kwargs: Any,
    ) -> AffinityDisplay:  # fmt: skip
        """Draw given similarities.

        Parameters
        ----------
        affinity : array or sparse matrix of shape (n, n)
            On any device; only the drawn rows and columns are downloaded.
        labels : array of shape (n,)
            Clusters; -1 is noise.
        size : int, default=600
            Most rows that are drawn.
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        AffinityDisplay

        Raises
        ------
        ValueError
            The matrix is not square, or there is not one label per row.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        size = check_count("size", size)
        sparse = hasattr(affinity, "tocsr")
        if not sparse and on_host(affinity):
            affinity = np.asarray(affinity)
        n = affinity.shape[0]
        if len(affinity.shape) != 2 or affinity.shape[1] != n or not n:
            raise ValueError(
                f"affinity must be a square matrix, got shape {tuple(affinity.shape)}."
            )
        labels = host_labels("labels", labels, n)
        by_cluster = np.lexsort((np.arange(n), labels, labels < 0))
        rows = by_cluster[np.unique(np.linspace(0, n - 1, min(n, size)).astype(np.int64))]
        if sparse:
            part = affinity.tocsr()[rows][:, rows].toarray()
        else:
            xp, places = namespace(affinity), asarray(rows, like=affinity)
            part = to_host(xp.take(xp.take(affinity, places, axis=0), places, axis=1))
        return cls(part, labels[rows], n_samples=n, name=name).plot(**plot_kwargs)

    def plot(
        self, ax: Any = None, *, cmap: Any = "Blues", colorbar: bool = True
    ) -> AffinityDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        cmap : str or Colormap, default='Blues'
            Runs between the 2nd and the 98th percentile of the entries off the diagonal.
        colorbar : bool, default=True
            Whether to draw a colour bar.

        Returns
        -------
        AffinityDisplay
        """
        matrix = np.asarray(self.affinity, np.float64)
        m = len(matrix)
        labels = host_labels("labels", self.labels, m)
        self.order_ = _order(matrix, labels)
        drawn, labels = matrix[np.ix_(self.order_, self.order_)], labels[self.order_]
        apart = drawn[~np.eye(m, dtype=bool)] if m > 1 else drawn.ravel()
        low, high = np.percentile(apart, SPAN)
        if not low < high:  # a sparse graph has hardly any nonzero entries
            low, high = apart.min(), max(apart.max(), apart.min() + 1e-300)
        ax = axes(ax, "AffinityDisplay.plot", (6.0, 5.2))
        self.image_ = ax.imshow(
            drawn, cmap=cmap, vmin=low, vmax=high, interpolation="nearest", origin="upper"
        )
        ax.grid(False)
        ends = np.flatnonzero(labels[1:] != labels[:-1]) + 0.5
        wide = size_in_points(ax)[0] >= LEAST * len(ends)  # or lines would cover the matrix
        self.lines_ = [
            line(at, color=ACCENT, lw=0.8)
            for at in (ends if wide else ())
            for line in (ax.axhline, ax.axvline)
        ]
        self._name_clusters(ax, labels, np.concatenate([[-0.5], ends, [m - 0.5]]))
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, extend="both") if colorbar else None
        n = m if self.n_samples is None else self.n_samples
        k = len(np.unique(labels[labels >= 0]))
        what = f"{self.name}: " if self.name else ""
        title(ax, f"{what}affinities in {counted(k, 'cluster')}", drawn_of(m, n, "sample"))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _name_clusters(self, ax: Any, labels: np.ndarray, ends: np.ndarray) -> None:
        middles = (ends[1:] + ends[:-1]) / 2
        found = labels[np.maximum(ends[:-1] + 0.5, 0).astype(np.int64)]
        names = ["noise" if c < 0 else str(c) for c in found]
        for axis, room in zip((ax.xaxis, ax.yaxis), size_in_points(ax), strict=True):
            shown = spaced(middles, 24.0 * len(labels) / room)
            axis.set_ticks(middles[shown], [names[i] for i in shown])
            axis.set_tick_params(length=0)
        label(ax, "Cluster", "Cluster")


def _order(matrix: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Clusters by number, noise last; inside each, the rows most similar to the others first."""
    nearness = np.zeros(len(labels))
    for c in np.unique(labels):
        own = np.flatnonzero(labels == c)
        inner = matrix[np.ix_(own, own)]
        nearness[own] = inner.sum(axis=1) - np.diag(inner)
    return np.lexsort((-nearness, labels, labels < 0))
