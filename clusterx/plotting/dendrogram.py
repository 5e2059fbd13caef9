"""The tree of merges of hierarchical clustering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .canvas import (
    ACCENT,
    axes,
    cluster_colors,
    counted,
    label,
    pyplot,
    shortened,
    size_in_points,
    title,
)
from .data import check_count
from .tree import checked_linkage, clusters_below, linkage_of, threshold_for

#: the whole tree is drawn by default up to this many leaves
_WHOLE = 150

_ORIENTATIONS = ("top", "bottom", "left", "right")


class DendrogramDisplay:
    """A tree of merges: each fork joins two clusters at the height of their distance.

    Subtrees below the colour threshold are clusters, each in its own colour. A dashed line marks
    the threshold.

    It is best made by `from_estimator`, `from_merges` or `from_linkage`. All parameters become
    attributes.

    Parameters
    ----------
    linkage : array of shape (n_leaves - 1, 4)
        SciPy's linkage matrix: the two nodes of each merge, their distance, the leaves below.
    labels : sequence of str, optional
        Labels of the leaves; their numbers by default.
    n_clusters : int, optional
        Number of clusters to colour, which determines the threshold; by default the threshold is
        0.7 times the largest distance.
    name : str, optional
        For the title.

    Attributes
    ----------
    lines_ : LineCollection
        One line of three edges per merge.
    threshold_line_ : Line2D or None
    color_threshold_ : float
    leaves_ : list of int
        Drawn nodes in the order of the picture, from left to right or from bottom to top; numbers
        below n_leaves are leaves, others merged subtrees.
    n_clusters_ : int
        Number of clusters below the threshold, those inside merged subtrees included.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from scipy.cluster.hierarchy import linkage
    >>> from sklearn.datasets import load_iris
    >>> from clusterx.plotting import DendrogramDisplay
    >>> DendrogramDisplay.from_linkage(
    ...     linkage(load_iris().data, "ward"), n_clusters=3
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        linkage: Any,
        *,
        labels: Sequence[str] | None = None,
        n_clusters: int | None = None,
        name: str | None = None,
    ):
        self.linkage = linkage
        self.labels = labels
        self.n_clusters = n_clusters
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, labels: Sequence[str] | None = None, **plot_kwargs: Any
    ) -> DendrogramDisplay:
        """Draw the tree of a fitted model.

        Parameters
        ----------
        estimator : fitted model with `linkage_matrix_`, or `children_` and `distances_`
            scikit-learn's AgglomerativeClustering has distances with `compute_distances=True`.
            The clusters of the model are coloured.
        labels : sequence of str, optional
            Of the leaves.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        DendrogramDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no tree.
        ValueError
            The model has no distances, or its tree is incomplete.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        Z = getattr(estimator, "linkage_matrix_", None)
        if Z is None and not hasattr(estimator, "children_"):
            raise TypeError(
                f"This {kind} has no linkage_matrix_ and no children_: it has built no tree of "
                "merges. AgglomerativeClustering builds one, as does Birch with a whole number as "
                "n_clusters."
            )
        if Z is None and getattr(estimator, "distances_", None) is None:
            raise ValueError(
                f"{kind} has no distances_, which are the heights of the forks. Fit it with "
                "compute_distances=True, or with a distance_threshold."
            )
        if Z is None:
            Z = linkage_of(estimator.children_, estimator.distances_)
        n, k = len(Z) + 1, getattr(estimator, "n_clusters_", None)
        n_clusters = k if k is not None and k < n else None
        display = cls(Z, labels=labels, n_clusters=n_clusters, name=kind)
        return display.plot(**plot_kwargs)

    @classmethod
    def from_merges(
        cls,
        children: Any,
        distances: Any,
        *,
        labels: Sequence[str] | None = None,
        n_clusters: int | None = None,
        name: str | None = None,
        **plot_kwargs: Any,
    ) -> DendrogramDisplay:
        """Draw a tree in the form of scikit-learn's `children_`.

        Parameters
        ----------
        children : array of shape (n_leaves - 1, 2)
            The two nodes of each merge: below n_leaves a leaf, else the merge ``i - n_leaves``.
        distances : array of shape (n_leaves - 1,)
        labels, n_clusters, name
            As in the class.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        DendrogramDisplay

        Raises
        ------
        ValueError
            The merges are not a tree, or there is not one distance per merge.
        """
        pyplot(f"{cls.__name__}.from_merges")
        display = cls(
            linkage_of(children, distances), labels=labels, n_clusters=n_clusters, name=name
        )
        return display.plot(**plot_kwargs)

    @classmethod
    def from_linkage(
        cls,
        Z: Any,
        *,
        labels: Sequence[str] | None = None,
        n_clusters: int | None = None,
        name: str | None = None,
        **plot_kwargs: Any,
    ) -> DendrogramDisplay:
        """Draw a tree in the form of SciPy's linkage matrix.

        Parameters
        ----------
        Z : array of shape (n_leaves - 1, 4)
        labels, n_clusters, name
            As in the class.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        DendrogramDisplay
        """
        pyplot(f"{cls.__name__}.from_linkage")
        display = cls(Z, labels=labels, n_clusters=n_clusters, name=name)
        return display.plot(**plot_kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        orientation: str = "top",
        truncate_mode: str | None = "auto",
        p: int = 30,
        color_threshold: float | None = None,
    ) -> DendrogramDisplay:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        orientation : {'top', 'bottom', 'left', 'right'}, default='top'
            Where the root is.
        truncate_mode : {'auto', 'lastp', 'level'} or None, default='auto'
            ``'lastp'`` draws the last p merged subtrees as leaves, ``'level'`` p levels below the
            root, None everything. ``'auto'`` is ``'lastp'`` for more than 150 leaves and None
            otherwise. The axis label says what is drawn, and the sizes of merged subtrees are in
            brackets.
        p : int, default=30
            See `truncate_mode`.
        color_threshold : float, optional
            Subtrees below this distance are coloured; by default the threshold from `n_clusters`.

        Returns
        -------
        DendrogramDisplay

        Raises
        ------
        ValueError
            The linkage matrix is invalid, a parameter is out of range, or the tree is too deep.
        """
        Z = checked_linkage(self.linkage)
        n = len(Z) + 1
        if orientation not in _ORIENTATIONS:
            raise ValueError(
                f"orientation must be one of {', '.join(map(repr, _ORIENTATIONS))}; got "
                f"{orientation!r}."
            )
        if truncate_mode not in ("auto", "lastp", "level", None):
            raise ValueError(
                "truncate_mode must be one of 'auto', 'lastp', 'level', None; got "
                f"{truncate_mode!r}."
            )
        if truncate_mode == "auto":
            truncate_mode = "lastp" if n > _WHOLE else None
        labels = self._labels(n)
        if color_threshold is None:
            color_threshold = threshold_for(Z, self.n_clusters)
        tree = _layout(Z, truncate_mode, check_count("p", p))
        self.leaves_, self.color_threshold_ = tree["leaves"], float(color_threshold)
        across = orientation in ("left", "right")
        room = float(np.clip(0.17 * len(self.leaves_) + 1, 6.4, 16))
        ax = axes(ax, "DendrogramDisplay.plot", (6.4, room) if across else (room, 4.8))
        self._draw(ax, Z, tree, orientation)
        self._label(ax, Z, labels, orientation)
        what = f"{self.name}: " if self.name else ""
        found = f"{counted(self.n_clusters_, 'cluster')} below the dashed line"
        title(ax, f"{what}tree of {counted(n, 'leaf').replace('leafs', 'leaves')}, {found}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _labels(self, n: int) -> list[str]:
        labels = [str(i) for i in range(n)] if self.labels is None else list(map(str, self.labels))
        if len(labels) != n:
            raise ValueError(f"labels has {len(labels)} entries, but the tree has {n} leaves.")
        return labels

    def _draw(self, ax: Any, Z: np.ndarray, tree: dict[str, Any], orientation: str) -> None:
        from matplotlib import rcParams
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        nodes = np.array([int(node) for node in tree["color_list"]], dtype=np.int64)
        places, heights = np.array(tree["icoord"]), np.array(tree["dcoord"])
        owner = clusters_below(Z, self.color_threshold_)
        shown = in_order(owner[self.leaves_])
        self.n_clusters_ = len(np.unique(owner[: len(Z) + 1]))
        palette = cluster_colors(len(shown))
        rank = {cluster: i for i, cluster in enumerate(shown)}
        # unlike all cluster colours, and visible on any background
        plain = 0.75 * np.array(to_rgb(rcParams["text.color"])) + 0.25 * np.array(
            to_rgb(ax.get_facecolor())
        )
        colors = [palette[rank[c]] if (c := owner[i]) >= 0 else plain for i in nodes]
        across = orientation in ("left", "right")
        paths = np.stack([heights, places] if across else [places, heights], axis=-1)
        self.lines_ = ax.add_collection(LineCollection(list(paths), colors=colors, linewidths=1.3))
        top = max(float(heights.max()), self.color_threshold_)
        limits = (0.0, 1.05 * top if top > 0 else 1.0)
        limits = limits[::-1] if orientation in ("bottom", "left") else limits
        width = 10 * len(self.leaves_)  # SciPy's layout has leaves ten apart
        line = ax.axvline if across else ax.axhline
        self.threshold_line_ = line(
            self.color_threshold_, color=ACCENT, linestyle="--", linewidth=1, zorder=1
        )
        if across:
            ax.set(xlim=limits, ylim=(0, width), xlabel="Distance")
        else:
            ax.set(ylim=limits, xlim=(0, width), ylabel="Distance")

    def _label(self, ax: Any, Z: np.ndarray, labels: list[str], orientation: str) -> None:
        """Write the names of the leaves, if there is room."""
        n = len(Z) + 1
        count = len(self.leaves_)
        labels = shortened(labels)
        names = [labels[i] if i < n else f"({int(Z[i - n, 3]):,})" for i in map(int, self.leaves_)]
        across = orientation in ("left", "right")
        pitch = size_in_points(ax)[1 if across else 0] / count
        upright = not across and max(map(len, names)) * 6 > pitch
        size = float(np.clip(0.85 * pitch, 5, 9)) if across or upright else 9
        fits = pitch >= 5
        axis = ax.yaxis if across else ax.xaxis
        what = "Leaves" if count == n else f"{count} subtrees of {n:,} leaves (number of leaves)"
        if fits:
            axis.set_ticks(5 + 10 * np.arange(count), names, fontsize=size, parse_math=False)
            axis.set_tick_params(length=0, labelrotation=90 if upright else 0)
        else:
            axis.set_ticks([])
            what += ", too many to name"
        label(ax, **{"y" if across else "x": what})
        if orientation == "bottom":
            axis.set_label_position("top")
            axis.tick_top()
        elif orientation == "left":
            axis.set_label_position("right")
            axis.tick_right()


def in_order(owners: np.ndarray) -> list[int]:
    """The distinct owners in the order of the leaves, so that neighbours differ in colour."""
    return list(dict.fromkeys(int(owner) for owner in owners if owner >= 0))


def _layout(Z: np.ndarray, truncate_mode: str | None, p: int) -> dict[str, Any]:
    from scipy.cluster.hierarchy import dendrogram

    try:
        # the "colour" of each line is the node it belongs to
        return dendrogram(
            Z, p=p, truncate_mode=truncate_mode, no_plot=True, link_color_func=lambda i: str(i)
        )
    except RecursionError as error:
        raise ValueError(
            f"The tree of {len(Z) + 1} leaves is too deep to be drawn completely. Draw its top: "
            "truncate_mode='lastp' or 'level', with p."
        ) from error
