"""The silhouette score against the number of clusters, and the knife diagrams behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .canvas import axes, drawn_of, label, pyplot, title
from .elbow import checked_curve, draw_curve, sweep_scores, swept_name
from .silhouette import SilhouetteDisplay, own_metric, silhouettes

#: knife diagrams per row
_COLUMNS = 3


class SilhouetteSweepDisplay:
    """Mean silhouette coefficient against the number of clusters k, with the best k marked.

    Optionally, the knife diagram of each k is drawn below the curve, because the score is a mean
    and does not show whether each cluster is good.

    It is best made by `from_sweep`, `from_estimator` or `from_predictions`. All parameters become
    attributes.

    Parameters
    ----------
    n_clusters : sequence of int
        Numbers of clusters, rising.
    scores : array of the same length
    best : int, optional
        The number to mark; nothing is marked by default.
    diagrams : sequence of SilhouetteDisplay, optional
        The knife diagram for each number, to be drawn below the curve.
    n_drawn, n_total : int, optional
        Number of points used for the scores, and of all points; stated in the title.
    name : str, optional
        For the title.

    Attributes
    ----------
    line_ : Line2D
        The curve.
    best_line_ : Line2D or None
        The dashed line at `best`.
    best_point_ : PathCollection or None
    text_ : Annotation or None
    axes_ : list of matplotlib Axes
        Axes of the knife diagrams; empty if there are none.
    ax_ : matplotlib Axes
        Axes of the curve.
    figure_ : matplotlib Figure

    See Also
    --------
    SilhouetteDisplay : The diagram of one clustering.

    Examples
    --------
    >>> from clusterx.plotting import SilhouetteSweepDisplay
    >>> SilhouetteSweepDisplay.from_predictions([2, 3, 4], [0.4, 0.7, 0.5])  # doctest: +SKIP
    """

    def __init__(
        self,
        n_clusters: Sequence[int],
        scores: Any,
        *,
        best: int | None = None,
        diagrams: Sequence[SilhouetteDisplay] | None = None,
        n_drawn: int | None = None,
        n_total: int | None = None,
        name: str | None = None,
    ):
        self.n_clusters = n_clusters
        self.scores = scores
        self.best = best
        self.diagrams = diagrams
        self.n_drawn = n_drawn
        self.n_total = n_total
        self.name = name

    @classmethod
    def from_sweep(
        cls,
        result: Any,
        X: Any = None,
        *,
        sample_size: int | None = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
    ) -> SilhouetteSweepDisplay:
        """Draw the silhouette scores of a sweep, and mark the best one.

        Parameters
        ----------
        result : SweepResult
        X : array of shape (n_samples, n_features), optional
            The rows of the sweep. If given, the knife diagram of each k is drawn too, on a new
            figure.
        sample_size : int or None, default=10_000
            Maximum number of rows for the knife diagrams; None for all. Titles state the sample
            size.
        random_state : int, RandomState or None, default=0
            Of that sample.
        name : str, optional
            For the title; the class of the swept model by default.
        ax : matplotlib Axes, optional
            Where to draw the curve; not together with X.

        Returns
        -------
        SilhouetteSweepDisplay

        Raises
        ------
        ValueError
            The sweep has no silhouette scores, or both X and ax are given.
        """
        pyplot(f"{cls.__name__}.from_sweep")
        scores = sweep_scores(result, "silhouette")
        diagrams = None
        if X is not None:
            _refuse(ax)
            diagrams = [
                _diagram(result, k, X, sample_size, random_state)
                for k, score in zip(result.n_clusters, scores, strict=True)
                if np.isfinite(score)
            ]
        display = cls(
            result.n_clusters,
            scores,
            best=result.best("silhouette"),
            diagrams=diagrams,
            n_drawn=result.silhouette_samples,
            n_total=result.n_samples,
            name=name or swept_name(result),
        )
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_clusters: Any = range(2, 11),
        diagrams: bool = False,
        sample_size: int | None = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **sweep_kwargs: Any,
    ) -> SilhouetteSweepDisplay:
        """Fit a model for each number of clusters, and draw their silhouette scores.

        Parameters
        ----------
        estimator : clustering model with `n_clusters` or `n_components`
            It is cloned; whether it is fitted does not matter.
        X : array of shape (n_samples, n_features)
        n_clusters : iterable of int, default=range(2, 11)
        diagrams : bool, default=False
            Whether to draw the knife diagram of each k too, on a new figure.
        sample_size : int or None, default=10_000
            Maximum number of rows for scores and knife diagrams; None for all.
        random_state : int, RandomState or None, default=0
            Of that sample.
        name, ax
            As in `from_sweep`.
        **sweep_kwargs
            Passed to `clusterx.sweep`.

        Returns
        -------
        SilhouetteSweepDisplay
        """
        from ..selection import sweep

        pyplot(f"{cls.__name__}.from_estimator")
        if diagrams:
            _refuse(ax)
        result = sweep(
            estimator,
            X,
            n_clusters,
            metrics=("silhouette",),
            silhouette_sample_size=sample_size,
            random_state=random_state,
            **sweep_kwargs,
        )
        return cls.from_sweep(
            result,
            X if diagrams else None,
            sample_size=sample_size,
            random_state=random_state,
            name=name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        n_clusters: Sequence[int],
        values: Any,
        *,
        best: int | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> SilhouetteSweepDisplay:
        """Draw known scores.

        Parameters
        ----------
        n_clusters : sequence of int, rising
        values : array of the same length
            The silhouette score for each number; NaN where undefined, as for one cluster.
        best : int, optional
            The number to mark; that of the highest score by default.
        name : str, optional
        ax : matplotlib Axes, optional

        Returns
        -------
        SilhouetteSweepDisplay

        Raises
        ------
        ValueError
            The lengths differ, the numbers don't rise, or `best` is not among them.
        """
        counts, values = checked_curve(n_clusters, values, best)
        best = int(counts[np.nanargmax(values)]) if best is None else best
        return cls(counts.tolist(), values, best=best, name=name).plot(ax=ax)

    def plot(
        self, ax: Any = None, *, line_kwargs: dict[str, Any] | None = None
    ) -> SilhouetteSweepDisplay:
        """Draw the curve, and the knife diagrams if there are any.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw the curve, if there are no diagrams; by default on a new figure.
        line_kwargs : dict, optional
            Passed to `Axes.plot` of the curve.

        Returns
        -------
        SilhouetteSweepDisplay
        """
        counts, values = checked_curve(self.n_clusters, self.scores, self.best)
        self.axes_: list[Any] = []
        if self.diagrams:
            _refuse(ax)
            ax = self._grid()
        else:
            ax = axes(ax, "SilhouetteSweepDisplay.plot")
        drawn = draw_curve(ax, counts, values, self.best, line_kwargs, words_at=0)
        self.line_, self.best_line_, self.best_point_, self.text_ = drawn
        label(ax, y="Mean silhouette coefficient")
        what = f"{self.name}: silhouette" if self.name else "Silhouette"
        sampled = None
        if self.n_drawn is not None and self.n_total is not None:
            sampled = drawn_of(self.n_drawn, self.n_total, "point")
        title(ax, f"{what} against the number of clusters", sampled)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _grid(self) -> Any:
        """Draw the knife diagrams on a new figure; axes above them, for the curve."""
        plt = pyplot("SilhouetteSweepDisplay.plot")
        assert self.diagrams is not None
        lines = -(-len(self.diagrams) // _COLUMNS)
        figure = plt.figure(figsize=(10, 3.2 + 2.8 * lines), layout="constrained")
        grid = figure.add_gridspec(lines + 1, _COLUMNS)
        for i, diagram in enumerate(self.diagrams):
            ax = figure.add_subplot(grid[1 + i // _COLUMNS, i % _COLUMNS])
            diagram.plot(ax=ax)
            if i < len(self.diagrams) - _COLUMNS:
                ax.set_xlabel("")
            if i % _COLUMNS:
                ax.set_ylabel("")
            self.axes_.append(ax)
        least = min(ax.get_xlim()[0] for ax in self.axes_)
        for ax in self.axes_:  # one scale, to compare them
            ax.set_xlim(left=least)
        return figure.add_subplot(grid[0, :])


def _diagram(
    result: Any, k: int, X: Any, sample_size: int | None, random_state: Any
) -> SilhouetteDisplay:
    """The knife diagram of k clusters, without drawing it."""
    metric = own_metric(result.estimator(k))
    values = silhouettes(X, result.labels(k), metric, sample_size, random_state)
    return SilhouetteDisplay(**values)


def _refuse(ax: Any) -> None:
    if ax is not None:
        raise ValueError(
            "ax is given together with knife diagrams, which need a figure of their own. Leave ax "
            "out, or draw the curve alone."
        )
