"""The elbow: inertia against the number of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .canvas import ACCENT, axes, cluster_colors, label, pyplot, styled, title
from .data import host


class ElbowDisplay:
    """Inertia against the number of clusters k, with the k of the elbow marked.

    Inertia falls with each additional cluster. Where the fall turns from steep to slow, the curve
    has an elbow: further clusters split groups that belong together.

    It is best made by `from_sweep`, `from_estimator` or `from_predictions`. All parameters become
    attributes.

    Parameters
    ----------
    n_clusters : sequence of int
        Numbers of clusters, rising.
    inertia : array of the same length
    best : int, optional
        The number to mark; nothing is marked by default.
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
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    SilhouetteSweepDisplay : A score that has a maximum.

    Examples
    --------
    >>> from clusterx.plotting import ElbowDisplay
    >>> ElbowDisplay.from_predictions([2, 3, 4, 5], [90.0, 30.0, 25.0, 22.0])  # doctest: +SKIP
    """

    def __init__(
        self,
        n_clusters: Sequence[int],
        inertia: Any,
        *,
        best: int | None = None,
        name: str | None = None,
    ):
        self.n_clusters = n_clusters
        self.inertia = inertia
        self.best = best
        self.name = name

    @classmethod
    def from_sweep(cls, result: Any, *, name: str | None = None, ax: Any = None) -> ElbowDisplay:
        """Draw the inertia of a sweep, and mark its elbow if it has one.

        Parameters
        ----------
        result : SweepResult
        name : str, optional
            For the title; the class of the swept model by default.
        ax : matplotlib Axes, optional

        Returns
        -------
        ElbowDisplay

        Raises
        ------
        ValueError
            The sweep has no inertia.
        ImportError
            kneed, which finds the elbow, is missing: ``pip install "clusterx[plot]"`` installs it.
        """
        pyplot(f"{cls.__name__}.from_sweep")
        values = sweep_scores(result, "inertia")
        try:
            best = result.best("elbow")
        except ValueError:  # the curve has no knee
            best = None
        return cls(result.n_clusters, values, best=best, name=name or swept_name(result)).plot(
            ax=ax
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_clusters: Any = range(2, 11),
        name: str | None = None,
        ax: Any = None,
        **sweep_kwargs: Any,
    ) -> ElbowDisplay:
        """Fit a model for each number of clusters, and draw the inertias.

        Parameters
        ----------
        estimator : clustering model with `n_clusters` or `n_components`
            It is cloned; whether it is fitted does not matter.
        X : array of shape (n_samples, n_features)
        n_clusters : iterable of int, default=range(2, 11)
        name : str, optional
        ax : matplotlib Axes, optional
        **sweep_kwargs
            Passed to `clusterx.sweep`.

        Returns
        -------
        ElbowDisplay
        """
        from ..selection import sweep

        pyplot(f"{cls.__name__}.from_estimator")
        result = sweep(estimator, X, n_clusters, metrics=("inertia",), **sweep_kwargs)
        return cls.from_sweep(result, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        n_clusters: Sequence[int],
        values: Any,
        *,
        best: int | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> ElbowDisplay:
        """Draw known inertias.

        Parameters
        ----------
        n_clusters : sequence of int, rising
        values : array of the same length
            The inertia for each number of clusters.
        best : int, optional
            The number to mark; nothing is marked by default.
        name : str, optional
        ax : matplotlib Axes, optional

        Returns
        -------
        ElbowDisplay

        Raises
        ------
        ValueError
            The lengths differ, the numbers don't rise, or `best` is not among them.
        """
        return cls(n_clusters, values, best=best, name=name).plot(ax=ax)

    def plot(self, ax: Any = None, *, line_kwargs: dict[str, Any] | None = None) -> ElbowDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        line_kwargs : dict, optional
            Passed to `Axes.plot`.

        Returns
        -------
        ElbowDisplay
        """
        counts, values = checked_curve(self.n_clusters, self.inertia, self.best)
        ax = axes(ax, "ElbowDisplay.plot")
        drawn = draw_curve(ax, counts, values, self.best, line_kwargs, words_at=1)
        self.line_, self.best_line_, self.best_point_, self.text_ = drawn
        label(ax, y="Inertia (sum of squared distances to centres)")
        if np.nanmin(values) >= 0 and ax.get_yscale() == "linear":
            ax.set_ylim(bottom=0)
        what = f"{self.name}: inertia" if self.name else "Inertia"
        title(ax, f"{what} against the number of clusters")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def sweep_scores(result: Any, name: str) -> np.ndarray:
    """The scores of a sweep with this name."""
    if not (hasattr(result, "scores") and hasattr(result, "n_clusters")):
        raise TypeError(
            f"result must be a SweepResult, as from clusterx.sweep, got {type(result).__name__}. "
            "To draw your own numbers, use from_predictions."
        )
    if name not in result.scores:
        raise ValueError(
            f"The sweep has no {name!r}, only {', '.join(map(repr, result.scores))}. Sweep with "
            f"metrics=({name!r},), for a model that has this score."
        )
    return host(result.scores[name])


def swept_name(result: Any) -> str | None:
    """The class of the swept models."""
    models = getattr(result, "estimators", ())
    return type(models[0]).__name__ if models else None


def checked_curve(n_clusters: Any, values: Any, best: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of clusters and values as vectors of equal length."""
    counts, values = np.asarray(n_clusters), host(values).astype(np.float64)
    if counts.ndim != 1 or counts.shape != values.shape or not len(counts):
        raise ValueError(
            "n_clusters and values must have equal lengths of at least 1; got shapes "
            f"{counts.shape} and {values.shape}."
        )
    if counts.dtype.kind not in "iu" or counts[0] < 1 or np.any(np.diff(counts) <= 0):
        raise ValueError(f"n_clusters must be whole numbers from 1, rising; got {n_clusters!r}.")
    if best is not None and best not in counts:
        raise ValueError(f"best is {best}, which is not among n_clusters: {counts.tolist()}.")
    if not np.isfinite(values).any():
        raise ValueError("values has no finite number, so there is nothing to draw.")
    return counts, values


def draw_curve(
    ax: Any,
    counts: np.ndarray,
    values: np.ndarray,
    best: int | None,
    line_kwargs: dict[str, Any] | None,
    *,
    words_at: float,
) -> tuple[Any, Any, Any, Any]:
    """Draw the curve, and the line, the point and the text that mark the best number.

    The text is at the bottom (0) or the top (1) of the line, away from the point.
    """
    from matplotlib.ticker import MaxNLocator

    style = {"color": cluster_colors(1)[0], "marker": "o", "markersize": 5}
    (line,) = ax.plot(counts, values, **styled(style, line_kwargs, "Line2D"))
    label(ax, x="Number of clusters k")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.margins(y=0.12)
    if best is None:
        return line, None, None, None
    height = values[counts == best][0]
    mark = ax.axvline(best, color=ACCENT, linestyle="--", linewidth=1.2, zorder=1)
    point = ax.scatter([best], [height], s=90, color=ACCENT, zorder=3)
    left = best > (counts[0] + counts[-1]) / 2
    text = ax.annotate(
        f"k = {best}",
        (best, words_at),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if left else 6, 6 - 12 * words_at),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top" if words_at else "bottom",
        color=ACCENT,
    )
    return line, mark, point, text
