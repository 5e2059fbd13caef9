"""The reachability plot of OPTICS."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .canvas import ACCENT, NOISE, axes, cluster_colors, counted, label, pyplot, title
from .data import host, host_labels

#: maximum number of bars: more are joined, and the highest of them is shown
_BARS = 4000
#: maximum number of levels of nested clusters drawn below the plot
_LEVELS = 12


class ReachabilityDisplay:
    """Reachability in the order of OPTICS: each valley is a cluster, and valleys inside it its
    parts.

    Bars have the colours of their clusters, and noise is grey. A walk begins at an infinite
    reachability, which is drawn up to the top. Lines below the plot show the nested clusters of
    ``cluster_method='xi'``; a dashed line shows the cut of ``'dbscan'``.

    It is best made by `from_estimator` or `from_predictions`. All parameters become attributes.

    Parameters
    ----------
    reachability : array of shape (n_samples,)
        By row.
    ordering : array of shape (n_samples,)
        Rows in the order of the walk.
    labels : array of shape (n_samples,), optional
        By row; -1 is noise.
    clusters : array of shape (n_clusters, 2), optional
        First and last place of each cluster, as `OPTICS.cluster_hierarchy_`.
    eps : float, optional
        Height of a cut.
    name : str, optional
        For the title.

    Attributes
    ----------
    bars_ : list of PolyCollection
        One for each cluster, and one for noise.
    levels_ : LineCollection or None
        The clusters below the plot.
    eps_line_ : Line2D or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from clusterx import OPTICS
    >>> from clusterx.plotting import ReachabilityDisplay
    >>> model = OPTICS(min_samples=10).fit(load_iris().data)
    >>> ReachabilityDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(
        self,
        reachability: Any,
        ordering: Any,
        labels: Any = None,
        *,
        clusters: Any = None,
        eps: float | None = None,
        name: str | None = None,
    ):
        self.reachability = reachability
        self.ordering = ordering
        self.labels = labels
        self.clusters = clusters
        self.eps = eps
        self.name = name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> ReachabilityDisplay:
        """Draw the plot of a fitted `OPTICS` of clusterx or scikit-learn.

        Parameters
        ----------
        estimator : fitted model with `reachability_` and `ordering_`
        ax : matplotlib Axes, optional

        Returns
        -------
        ReachabilityDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no reachability.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        if not hasattr(estimator, "reachability_"):
            raise TypeError(f"{kind} has no reachability_. Fit clusterx.OPTICS.")
        cut = getattr(estimator, "cluster_method", None) == "dbscan"
        return cls.from_predictions(
            estimator.reachability_,
            estimator.ordering_,
            estimator.labels_,
            clusters=None if cut else getattr(estimator, "cluster_hierarchy_", None),
            eps=estimator.eps if cut else None,
            name=kind,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        reachability: Any,
        ordering: Any,
        labels: Any = None,
        *,
        clusters: Any = None,
        eps: float | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> ReachabilityDisplay:
        """Draw known reachabilities.

        Parameters
        ----------
        reachability, ordering, labels, clusters, eps, name
            As in the class.
        ax : matplotlib Axes, optional

        Returns
        -------
        ReachabilityDisplay

        Raises
        ------
        ValueError
            The lengths differ, or the ordering is not a permutation of the rows.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        display = cls(reachability, ordering, labels, clusters=clusters, eps=eps, name=name)
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> ReachabilityDisplay:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        ReachabilityDisplay
        """
        heights, labels = self._in_order()
        n = len(heights)
        finite = heights[np.isfinite(heights)]
        top = 1.08 * max(float(finite.max(initial=0.0)), self.eps or 0.0) or 1.0
        ax = axes(ax, "ReachabilityDisplay.plot", (8.0, 4.8))
        bars, edges, owner = _joined(np.minimum(heights, top), labels)
        names = np.unique(owner)
        palette = dict(zip(names[names >= 0], cluster_colors(int((names >= 0).sum())), strict=True))
        self.bars_ = [
            ax.fill_between(
                *_stairs(edges, np.where(owner == name, bars, 0.0)),
                color=palette.get(name, NOISE),
                linewidth=0,
                zorder=2,
            )
            for name in names
        ]
        ax.set(xlim=(0, n), ylim=(0, top))
        self.eps_line_ = None
        if self.eps is not None and np.isfinite(self.eps):
            self.eps_line_ = ax.axhline(
                self.eps, color=ACCENT, linestyle="--", linewidth=1, zorder=3
            )
        self.levels_ = self._draw_levels(ax, top)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        label(ax, x="Place in the order", y="Reachability distance")
        what = f"{self.name}: reachability" if self.name else "Reachability"
        found = f"{counted(len(palette), 'cluster')}, {int((labels < 0).sum()):,} noise"
        title(ax, f"{what} of {counted(n, 'sample')}, {found}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _in_order(self) -> tuple[np.ndarray, np.ndarray]:
        heights = host(self.reachability).astype(np.float64)
        ordering = host(self.ordering)
        n = len(heights)
        if heights.ndim != 1 or not np.array_equal(np.sort(ordering), np.arange(n)):
            raise ValueError(
                f"ordering must contain the numbers of the {n} rows of reachability, once each."
            )
        labels = np.zeros(n, int) if self.labels is None else host_labels("labels", self.labels, n)
        return heights[ordering], labels[ordering]

    def _draw_levels(self, ax: Any, top: float) -> Any:
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        clusters = [] if self.clusters is None else host(self.clusters).tolist()
        if not clusters:
            return None
        level = _nesting(clusters)
        shown = [(c, k) for c, k in zip(clusters, level, strict=True) if k < _LEVELS]
        deepest = 1 + max(k for _, k in shown)
        step = 0.028 * top
        lines = [
            [(first, -step * (deepest - k)), (last + 1, -step * (deepest - k))]
            for (first, last), k in shown
        ]
        found = LineCollection(lines, colors=[to_rgb("0.35")], linewidths=1.6)
        ax.set_ylim(bottom=-step * (deepest + 0.7))
        ax.axhline(0, color="0.35", linewidth=0.6, zorder=3)
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
        return ax.add_collection(found)


def _joined(heights: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bars, their edges and labels; neighbouring bars are joined if there are too many to see."""
    n = len(heights)
    edges = np.unique(np.linspace(0, n, min(n, _BARS) + 1).astype(int))
    return np.maximum.reduceat(heights, edges[:-1]), edges, labels[edges[:-1]]


def _stairs(edges: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(edges, 2)[1:-1], np.repeat(heights, 2)


def _nesting(clusters: list[list[int]]) -> list[int]:
    """The number of levels of clusters nested inside each; inner clusters come first."""
    level: list[int] = []
    for i, (first, last) in enumerate(clusters):
        below = [level[j] for j in range(i) if first <= clusters[j][0] and clusters[j][1] <= last]
        level.append(1 + max(below) if below else 0)
    return level
