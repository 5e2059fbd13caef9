"""Sorted distances to the k-th neighbour, for choosing the radius of DBSCAN."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..neighbors import NearestNeighbors
from ..neighbors.knee import knee_of
from .canvas import ACCENT, axes, cluster_colors, counted, label, pyplot, styled, title
from .data import host

#: maximum number of drawn points of the curve
_POINTS = 4000


class KDistanceDisplay:
    """The sorted distances of the rows to their k-th neighbours, with the knee of the curve.

    Rows left of the knee have neighbours nearby, and rows right of it are increasingly isolated.
    The height of the knee is a first choice of `eps` for `DBSCAN(min_samples=k)` (Ester et al.,
    1996).

    It is best made by `from_data` or `from_predictions`. All parameters become attributes.

    Parameters
    ----------
    distances : array of shape (n_samples,)
        In any order.
    k : int
        The rank of the neighbour; the row itself is the first.
    name : str, optional
        For the title.

    Attributes
    ----------
    eps_ : float
        Height of the knee.
    line_ : Line2D
    eps_line_ : Line2D
    text_ : Annotation
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    References
    ----------
    M. Ester, H.-P. Kriegel, J. Sander, X. Xu, "A density-based algorithm for discovering clusters
    in large spatial databases with noise", KDD 1996, section 4.2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from clusterx.plotting import KDistanceDisplay
    >>> KDistanceDisplay.from_data(load_iris().data, k=5).eps_  # doctest: +SKIP
    """

    def __init__(self, distances: Any, k: int, *, name: str | None = None):
        self.distances = distances
        self.k = k
        self.name = name

    @classmethod
    def from_data(
        cls,
        X: Any,
        k: int = 5,
        *,
        metric: Any = "euclidean",
        name: str | None = None,
        ax: Any = None,
    ) -> KDistanceDisplay:
        """Compute the distances, and draw them.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            On any device; the distances are computed there, and downloaded.
        k : int, default=5
            The `min_samples` to use with `eps`: a row is its own first neighbour.
        metric : str or callable, default="euclidean"
            As in `DBSCAN`.
        name : str, optional
            For the title.
        ax : matplotlib Axes, optional

        Returns
        -------
        KDistanceDisplay

        Raises
        ------
        ValueError
            X has fewer than k rows.
        """
        pyplot(f"{cls.__name__}.from_data")
        model = NearestNeighbors(n_neighbors=k, metric=metric).fit(X)
        if k > model.n_samples_fit_:
            raise ValueError(
                f"k is {k}, but X has {model.n_samples_fit_} rows, which are their own first "
                "neighbours. Choose a smaller k."
            )
        return cls.from_predictions(model.kth_distances(), k, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls, distances: Any, k: int, *, name: str | None = None, ax: Any = None
    ) -> KDistanceDisplay:
        """Draw known distances.

        Parameters
        ----------
        distances : array of shape (n_samples,)
        k : int
        name : str, optional
            For the title.
        ax : matplotlib Axes, optional

        Returns
        -------
        KDistanceDisplay
        """
        pyplot(f"{cls.__name__}.from_predictions")
        return cls(distances, k, name=name).plot(ax=ax)

    def plot(
        self, ax: Any = None, *, line_kwargs: dict[str, Any] | None = None
    ) -> KDistanceDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        line_kwargs : dict, optional
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        KDistanceDisplay

        Raises
        ------
        ValueError
            There are no distances, or one of them is not finite.
        """
        rising = np.sort(host(self.distances).astype(np.float64))
        if rising.ndim != 1 or not rising.size or not np.isfinite(rising).all():
            raise ValueError(
                f"distances must be a vector of finite numbers, got shape {rising.shape}."
            )
        n, knee = rising.size, knee_of(rising)
        self.eps_ = float(rising[knee])
        ax = axes(ax, "KDistanceDisplay.plot", (6.4, 4.4))
        places = np.unique(np.append(np.linspace(0, n - 1, min(n, _POINTS)).astype(int), knee))
        style = {"color": cluster_colors(1)[0], "linewidth": 2}
        (self.line_,) = ax.plot(places, rising[places], **styled(style, line_kwargs, "Line2D"))
        self.eps_line_ = ax.axhline(
            self.eps_, color=ACCENT, linestyle="--", linewidth=1.2, zorder=1
        )
        ax.scatter([knee], [self.eps_], s=60, color=ACCENT, zorder=3)
        ax.margins(y=0.12)
        self.text_ = ax.annotate(
            f"eps = {self.eps_:.3g}",
            (0.02, self.eps_),
            xycoords=("axes fraction", "data"),
            xytext=(0, 5),
            textcoords="offset points",
            color=ACCENT,
        )
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        label(ax, x="Samples, by distance", y=f"Distance to neighbour {self.k}, itself the first")
        what = f"{self.name}: " if self.name else ""
        title(ax, f"{what}{self.k}-distances of {counted(n, 'sample')}")
        self.ax_, self.figure_ = ax, ax.figure
        return self
