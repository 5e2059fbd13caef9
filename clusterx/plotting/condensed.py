"""The condensed tree of density clustering."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .canvas import axes, cluster_colors, counted, label, pyplot, title

#: maximum number of heights at which the width of a cluster is drawn
_STEPS = 200


class _Shape(NamedTuple):
    """A cluster in the plot: its left and right sides from its birth to its end."""

    density: np.ndarray
    left: np.ndarray
    right: np.ndarray


class CondensedTreeDisplay:
    """A tree of clusters: the width of each is its number of rows, from its birth to its end.

    The root is at the top, and density rises downwards. A cluster gets narrower as rows leave it;
    where it splits, its parts continue below it. Selected clusters are coloured; others are grey.

    It is best made by `from_estimator` or `from_tree`. All parameters become attributes.

    Parameters
    ----------
    table : structured array of shape (m,)
        As `condensed_tree_.to_numpy()`: parent, child, lambda_val, child_size.
    selected : sequence of int
        Numbers of the selected clusters, by label.
    n_samples : int
        Number of rows; clusters have numbers from there on.
    name : str, optional
        For the title.

    Attributes
    ----------
    patches_ : list of PolyCollection
        One for each cluster that is drawn.
    texts_ : list of Text
        The labels of selected clusters.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    DendrogramDisplay : A tree of all merges.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from clusterx import HDBSCAN
    >>> from clusterx.plotting import CondensedTreeDisplay
    >>> model = HDBSCAN(min_cluster_size=10).fit(load_iris().data)
    >>> CondensedTreeDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(self, table: Any, selected: Any, n_samples: int, *, name: str | None = None):
        self.table = table
        self.selected = selected
        self.n_samples = n_samples
        self.name = name

    @classmethod
    def from_estimator(cls, estimator: Any, **plot_kwargs: Any) -> CondensedTreeDisplay:
        """Draw the tree of a fitted `HDBSCAN`.

        Parameters
        ----------
        estimator : fitted model with `condensed_tree_`
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        CondensedTreeDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            The model has no such tree.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        kind = type(estimator).__name__
        if not hasattr(estimator, "condensed_tree_"):
            raise TypeError(f"{kind} has no condensed_tree_. Fit clusterx.HDBSCAN.")
        return cls.from_tree(estimator.condensed_tree_, name=kind, **plot_kwargs)

    @classmethod
    def from_tree(
        cls, tree: Any, *, name: str | None = None, **plot_kwargs: Any
    ) -> CondensedTreeDisplay:
        """Draw a tree.

        Parameters
        ----------
        tree : `condensed_tree_` of a fitted `HDBSCAN`
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        CondensedTreeDisplay
        """
        return cls(tree.to_numpy(), tree.selected_, tree.n, name=name).plot(**plot_kwargs)

    def plot(self, ax: Any = None, *, names: bool | None = None) -> CondensedTreeDisplay:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        names : bool, optional
            Whether to write labels below selected clusters; by default for up to 20.

        Returns
        -------
        CondensedTreeDisplay
        """
        from matplotlib.colors import to_rgb

        shapes, deepest = _layout(np.asarray(self.table), self.n_samples)
        ax = axes(ax, "CondensedTreeDisplay.plot", (6.4, 5.2))
        selected = {int(c) - self.n_samples: i for i, c in enumerate(self.selected)}
        palette = cluster_colors(len(selected))
        owner = _owners(np.asarray(self.table), self.n_samples, selected)
        plain = 0.72 * np.array(to_rgb(ax.get_facecolor())) + 0.28 * np.array(to_rgb("black"))
        self.patches_: list[Any] = []
        self.texts_: list[Any] = []
        for c, shape in enumerate(shapes):
            color = plain if owner[c] < 0 else palette[owner[c]]
            self.patches_.append(
                ax.fill_betweenx(
                    shape.density,
                    shape.left,
                    shape.right,
                    facecolor=color,
                    edgecolor=color,
                    linewidth=0.6,
                )
            )
        total = float(shapes[0].right[0] - shapes[0].left[0])
        if names or (names is None and len(selected) <= 20):
            self._write(ax, shapes, selected)
        ax.set(xlim=(-0.02 * total, 1.02 * total), ylim=(1.04 * deepest, 0.0))
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        label(ax, x="Samples", y="Density (one over the distance)")
        what = f"{self.name}: condensed" if self.name else "Condensed"
        found = f"{counted(len(selected), 'selected cluster')} of {len(shapes):,}"
        title(ax, f"{what} tree of {counted(self.n_samples, 'sample')}, {found}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _write(self, ax: Any, shapes: list[_Shape], selected: dict[int, int]) -> None:
        from matplotlib import patheffects

        outline = [patheffects.withStroke(linewidth=2, foreground=ax.get_facecolor())]
        for c, number in selected.items():
            shape = shapes[c]
            self.texts_.append(
                ax.text(
                    (shape.left[0] + shape.right[0]) / 2,
                    shape.density[0],
                    str(number),
                    ha="center",
                    va="bottom",
                    fontsize="small",
                    path_effects=outline,
                )
            )


def _owners(table: np.ndarray, n: int, selected: dict[int, int]) -> list[int]:
    """The label of each cluster: its own, or that of the selected one around it; -1 for none."""
    inner = table[table["child"] >= n]
    owner = [selected.get(0, -1)] + [-1] * len(inner)
    for parent, child in sorted(zip(inner["parent"] - n, inner["child"] - n, strict=True)):
        owner[child] = selected.get(int(child), owner[parent])
    return owner


def _layout(table: np.ndarray, n: int) -> tuple[list[_Shape], float]:
    """The shapes of all clusters by number, and the highest density that is drawn."""
    density = table["lambda_val"].astype(np.float64)
    finite = density[np.isfinite(density)]
    deepest = float(finite.max(initial=0.0)) or 1.0
    # equal rows leave at infinite density, which is drawn below all others
    density = np.where(np.isfinite(density), density, 1.08 * deepest)
    deepest = float(density.max(initial=deepest))
    parent, size = table["parent"] - n, table["child_size"].astype(np.float64)
    inner = table["child"] >= n
    order = np.lexsort((density, parent))
    begin = np.searchsorted(parent[order], np.arange(2 + int(inner.sum())))
    left = np.zeros(len(begin) - 1)  # of each cluster where it is born
    born = np.zeros(len(begin) - 1)
    shapes: list[_Shape] = []
    for c in range(len(begin) - 1):
        own = order[begin[c] : begin[c + 1]]
        rows = own[~inner[own]]
        children = own[inner[own]]
        gone = np.concatenate([[0.0], np.cumsum(size[rows])])
        at = np.concatenate([[born[c]], density[rows]])
        if len(at) > _STEPS:
            kept = np.unique(np.linspace(0, len(at) - 1, _STEPS).astype(int))
            at, gone = at[kept], gone[kept]
        total, lost = size[own].sum(), float(size[rows].sum())
        width = total - gone
        middle = left[c] + total / 2
        shapes.append(_steps(at, middle - width / 2, middle + width / 2))
        place = left[c] + lost / 2
        for child in children[np.argsort(table["child"][children])]:
            number = table["child"][child] - n
            left[number], born[number] = place, density[child]
            place += size[child]
    return shapes, deepest


def _steps(density: np.ndarray, left: np.ndarray, right: np.ndarray) -> _Shape:
    """The sides with a corner before and after each change."""
    return _Shape(np.repeat(density, 2)[1:], np.repeat(left, 2)[:-1], np.repeat(right, 2)[:-1])
