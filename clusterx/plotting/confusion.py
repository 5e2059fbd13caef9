"""Classes against clusters, as a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils.validation import check_is_fitted

from ..metrics.contingency import contingency_matrix
from ..metrics.labels import coded_pair
from .canvas import (
    ACCENT,
    axes,
    counted,
    label,
    pyplot,
    shortened,
    size_in_points,
    text_color,
    title,
)
from .data import PlotTable, fitted_labels, host

#: numbers are written by default for up to this many cells: drawing more takes seconds
_NUMBERS = 4_096


class ConfusionDisplay:
    """Number of points of each class (row) in each cluster (column), with clusters matched to
    classes.

    Cluster numbers are arbitrary, so columns are reordered: the Hungarian method assigns clusters
    to classes such that the sum over all pairs is largest, and the cells of these pairs are framed.
    Clusters without a class follow, then noise.

    It is best made by `from_estimator` or `from_predictions`. All parameters become attributes.

    Parameters
    ----------
    matrix : array of shape (n_classes, n_clusters)
        Numbers of points.
    classes : array of shape (n_classes,), optional
        Names of the rows.
    clusters : array of shape (n_clusters,), optional
        Names of the columns.
    noise : array of shape (n_classes,), optional
        Number of points of each class that are in no cluster.
    name : str, optional
        For the title.

    Attributes
    ----------
    order_ : ndarray of shape (n_clusters,)
        Columns of `matrix` in the order drawn.
    accuracy_ : float
        Share of the points in the cluster matched to their class.
    image_ : AxesImage
    texts_ : ndarray of Text, in the shape of the picture, or None
        The numbers in the cells; None if they are not written.
    frames_ : list of Rectangle
        Frames of the matched cells, from the top.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from clusterx.plotting import ConfusionDisplay
    >>> ConfusionDisplay.from_predictions(
    ...     ["cat", "cat", "dog", "dog"], [1, 1, 0, 1]
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        matrix: Any,
        *,
        classes: Any = None,
        clusters: Any = None,
        noise: Any = None,
        name: str | None = None,
    ):
        self.matrix = matrix
        self.classes = classes
        self.clusters = clusters
        self.noise = noise
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None, **plot_kwargs: Any
    ) -> ConfusionDisplay:
        """Draw the classes of rows against their clusters in a fitted model.

        Parameters
        ----------
        estimator : fitted clustering model
            Labels come from its `predict`. If it has none, they are its `labels_`, and X must be
            the rows it was fitted to.
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Classes.
        name : str, optional
            For the title; the class of the model by default.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        ConfusionDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        ValueError
            There is not one class per row, or the model can't label these rows.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        labels = fitted_labels(estimator, X, PlotTable(X).n)
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(y, labels, name=name, **plot_kwargs)

    @classmethod
    def from_predictions(
        cls, labels_true: Any, labels_pred: Any, *, name: str | None = None, **plot_kwargs: Any
    ) -> ConfusionDisplay:
        """Draw classes against clusters.

        Parameters
        ----------
        labels_true : array of shape (n_samples,)
            Classes, as an array of any library. They are counted on their device.
        labels_pred : array of shape (n_samples,)
            Clusters; -1 is noise, which is not matched to any class.
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        ConfusionDisplay

        Raises
        ------
        ValueError
            The lengths differ.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        true, pred = coded_pair(labels_true, labels_pred)
        if not true.codes.shape[0]:
            raise ValueError("labels_true is empty: at least one label is needed.")
        counts, clusters = host(contingency_matrix(true.codes, pred.codes)), host(pred.classes)
        noisy = int(clusters.dtype.kind in "ifO" and clusters[0] == -1)
        return cls(
            counts[:, noisy:],
            classes=host(true.classes),
            clusters=clusters[noisy:],
            noise=counts[:, 0] if noisy else None,
            name=name,
        ).plot(**plot_kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        cmap: Any = "Blues",
        include_values: bool | None = None,
    ) -> ConfusionDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        cmap : str or Colormap, default='Blues'
        include_values : bool, optional
            Whether to write the numbers; by default if they fit into the cells and there are at
            most 4,096.

        Returns
        -------
        ConfusionDisplay
        """
        matrix, classes, clusters, noise = self._checked()
        matched, self.order_ = matching(matrix)
        counts = matrix[:, self.order_]
        names = [str(c) for c in clusters[self.order_]]
        if noise is not None:
            counts, names = np.column_stack([counts, noise]), [*names, "noise"]
        total = counts.sum()
        self.accuracy_ = float(matrix[tuple(np.array(matched).T)].sum() / total) if matched else 0.0
        lines, columns = counts.shape
        rows, names = shortened([str(c) for c in classes]), shortened(names)
        # extra room for long names
        beside, below = (0.08 * max(0, max(map(len, some)) - 8) for some in (rows, names))
        size = (
            np.clip(1.6 + 0.42 * columns, 4.8, 15) + beside,
            np.clip(1.4 + 0.36 * lines, 4.0, 14) + below,
        )
        ax = axes(ax, "ConfusionDisplay.plot", size)
        self.image_ = ax.imshow(
            counts, cmap=cmap, aspect="auto", vmin=0, interpolation="nearest", origin="upper"
        )
        ax.grid(False)
        self._name_axes(ax, rows, names)
        self._frame(ax, matched)
        self._write(ax, counts, include_values)
        what = f"{self.name}: " if self.name else ""
        title(ax, f"{what}{self.accuracy_:.1%} of {counted(int(total), 'point')} in matched cells")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _checked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
        matrix = host(self.matrix)
        if matrix.ndim != 2 or matrix.shape[0] == 0 or matrix.dtype.kind not in "iu":
            raise ValueError(
                "matrix must hold whole numbers, one row per class and one column per cluster; got "
                f"shape {matrix.shape}, dtype {matrix.dtype}."
            )
        lines, columns = matrix.shape
        classes = np.arange(lines) if self.classes is None else host(self.classes)
        clusters = np.arange(columns) if self.clusters is None else host(self.clusters)
        noise = None if self.noise is None else host(self.noise)
        for name, values, wanted in (
            ("classes", classes, lines),
            ("clusters", clusters, columns),
            ("noise", noise, lines),
        ):
            if values is not None and values.shape != (wanted,):
                raise ValueError(
                    f"{name} must have shape ({wanted},) for a matrix of shape {matrix.shape}; got "
                    f"{values.shape}."
                )
        if matrix.sum() + (0 if noise is None else noise.sum()) == 0:
            raise ValueError("matrix counts no points at all.")
        return matrix, classes, clusters, noise

    def _name_axes(self, ax: Any, classes: list[str], clusters: list[str]) -> None:
        label(ax, "Cluster (matched to the class of each row)", "Class")
        for axis, names in ((ax.xaxis, clusters), (ax.yaxis, classes)):
            room = size_in_points(ax)[axis is ax.yaxis] / len(names)
            size = float(np.clip(0.8 * room, 5, 10))
            axis.set_ticks(np.arange(len(names)), names, fontsize=size, parse_math=False)
            axis.set_tick_params(length=0)
            if axis is ax.xaxis and max(map(len, names)) * 0.62 * size > room:
                axis.set_tick_params(labelrotation=90)

    def _frame(self, ax: Any, matched: list[tuple[int, int]]) -> None:
        from matplotlib.patches import Rectangle

        place = {int(column): i for i, column in enumerate(self.order_)}
        self.frames_ = [
            ax.add_patch(
                Rectangle(
                    (place[column] - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ACCENT, lw=1.5
                )
            )
            for row, column in matched
        ]

    def _write(self, ax: Any, counts: np.ndarray, include_values: bool | None) -> None:
        """Write the numbers into the cells, with faint zeros so that the pattern shows."""
        lines, columns = counts.shape
        digits = max(len(f"{counts.max():,}"), 2)
        width, height = (
            room / n for room, n in zip(size_in_points(ax), (columns, lines), strict=True)
        )
        size = min(0.85 * width / (0.6 * digits), 0.75 * height, 10)
        self.texts_ = None
        wanted = (
            (size >= 4 and counts.size <= _NUMBERS) if include_values is None else include_values
        )
        if not wanted:
            return
        colors = self.image_.cmap(self.image_.norm(counts))
        self.texts_ = np.empty(counts.shape, dtype=object)
        for place, count in np.ndenumerate(counts):
            self.texts_[place] = ax.text(
                place[1],
                place[0],
                f"{count:,}",
                ha="center",
                va="center_baseline",
                fontsize=max(size, 3),
                color=text_color(colors[place]),
                alpha=1 if count else 0.35,
            )


def matching(matrix: np.ndarray) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Pairs of rows and columns with the largest sum, and all columns in the order drawn.

    Columns have the order of their rows; those without a row follow, ordered by the row of their
    largest entry.
    """
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    left = np.setdiff1d(np.arange(matrix.shape[1]), columns)
    left = left[np.argsort(matrix[:, left].argmax(axis=0), kind="stable")]
    pairs = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True)]
    return pairs, np.concatenate([columns, left]).astype(np.int64)
