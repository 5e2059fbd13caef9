"""Self-organising maps: distances between neighbouring units, and planes of the features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .canvas import axes, label, pyplot, title
from .data import host


def _cells(shape: tuple[int, ...], hexagonal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the units, and the corners of a cell relative to its centre."""
    row, column = (a.ravel().astype(float) for a in np.indices(shape))
    if hexagonal:
        at = np.stack([column + 0.5 * (row % 2), row * 3**0.5 / 2], axis=1)
        angles = np.pi / 6 + np.arange(6) * np.pi / 3
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) / 3**0.5
    else:
        at = np.stack([column, row], axis=1)
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return at, corners


def _draw(ax: Any, values: np.ndarray, hexagonal: bool, cmap: str) -> Any:
    """Draw one cell per unit: squares or hexagons."""
    from matplotlib.collections import PolyCollection

    at, corners = _cells(values.shape, hexagonal)
    cells = ax.add_collection(
        PolyCollection(
            list(at[:, None] + corners), array=values.ravel(), cmap=cmap, edgecolors="face"
        )
    )
    low, high = at.min(axis=0) - 0.6, at.max(axis=0) + 0.6
    ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal", xticks=[], yticks=[])
    return cells


def _draw_hits(ax: Any, hits: np.ndarray, hexagonal: bool) -> Any:
    """Draw a smaller cell in each unit, with an area in proportion to its number of rows."""
    from matplotlib.collections import PolyCollection

    at, corners = _cells(hits.shape, hexagonal)
    sides = 0.9 * np.sqrt(hits.ravel() / max(hits.max(), 1.0))
    inner = at[:, None] + sides[:, None, None] * corners
    return ax.add_collection(
        PolyCollection(list(inner), facecolors="white", edgecolors="black", linewidths=0.5)
    )


class UMatrixDisplay:
    """The mean distance of each unit of a map to its neighbours: ridges separate clusters.

    Parameters
    ----------
    u_matrix : array of shape (rows, columns)
    topology : {'rectangular', 'hexagonal'}, default='rectangular'
    hits : array of shape (rows, columns), optional
        Numbers of rows, as from `SelfOrganizingMap.hit_map`. Each unit gets a white cell whose area
        is proportional to its number.

    Attributes
    ----------
    cells_ : PolyCollection
    hits_ : PolyCollection or None
        The white cells.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    def __init__(self, u_matrix: Any, *, topology: str = "rectangular", hits: Any = None):
        self.u_matrix = u_matrix
        self.topology = topology
        self.hits = hits

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any = None, **plot_kwargs: Any) -> UMatrixDisplay:
        """Draw the distances of a fitted `SelfOrganizingMap`.

        Parameters
        ----------
        estimator : SelfOrganizingMap
        X : array or Blocks of shape (n_samples, n_features), optional
            Rows to count at their nearest units.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        UMatrixDisplay
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        hits = None if X is None else estimator.hit_map(X)
        made = cls(estimator.u_matrix_, topology=estimator.topology, hits=hits)
        return made.plot(**plot_kwargs)

    def plot(self, ax: Any = None, *, cmap: str = "viridis") -> UMatrixDisplay:
        """Draw one cell per unit.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default on a new figure.
        cmap : str, default='viridis'

        Returns
        -------
        UMatrixDisplay
        """
        values = host(self.u_matrix).astype(np.float64)
        hits = None if self.hits is None else host(self.hits).astype(np.float64)
        if hits is not None and hits.shape != values.shape:
            raise ValueError(
                f"hits has shape {hits.shape}, but u_matrix has {values.shape}: pass one number "
                "per unit, as from SelfOrganizingMap.hit_map(X)."
            )
        ax, hexagonal = axes(ax, "UMatrixDisplay.plot"), self.topology == "hexagonal"
        self.cells_ = _draw(ax, values, hexagonal, cmap)
        self.hits_ = None if hits is None else _draw_hits(ax, hits, hexagonal)
        ax.figure.colorbar(self.cells_, ax=ax)
        title(ax, f"U-matrix of {values.shape[0]} x {values.shape[1]} units")
        counted = "" if hits is None else f"; white: rows, at most {hits.max():.0f}"
        label(ax, x=f"Mean distance to the units around{counted}")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class CodebookDisplay:
    """Component planes: the value of each feature at the units of a map, a panel per feature.

    Parameters
    ----------
    codebook : array of shape (rows, columns, n_features)
    names : sequence of str, optional
        Names of the features; their numbers by default.
    topology : {'rectangular', 'hexagonal'}, default='rectangular'

    Attributes
    ----------
    cells_ : list of PolyCollection
    axes_ : array of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    """

    def __init__(
        self, codebook: Any, *, names: Sequence[str] | None = None, topology: str = "rectangular"
    ):
        self.codebook = codebook
        self.names = names
        self.topology = topology

    @classmethod
    def from_estimator(cls, estimator: Any, **plot_kwargs: Any) -> CodebookDisplay:
        """Draw the planes of a fitted `SelfOrganizingMap`; options are those of `plot`."""
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        names = getattr(estimator, "feature_names_in_", None)
        made = cls(estimator.codebook_, names=names, topology=estimator.topology)
        return made.plot(**plot_kwargs)

    def plot(
        self, ax: Any = None, *, features: Sequence[int] | None = None, cmap: str = "viridis"
    ) -> CodebookDisplay:
        """Draw a panel per feature.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw one feature; by default all panels are on a new figure.
        features : sequence of int, optional
            The features to draw; the first 16 by default, or only the first one on given axes.
        cmap : str, default='viridis'

        Returns
        -------
        CodebookDisplay
        """
        plt = pyplot("CodebookDisplay.plot")
        values = host(self.codebook).astype(np.float64)
        if features is None:
            features = range(min(16, values.shape[2]) if ax is None else 1)
        wide = min(4, len(features))
        high = -(-len(features) // wide)
        if ax is None:
            size = (3.0 * wide, 2.7 * high)
            _, panels = plt.subplots(high, wide, figsize=size, squeeze=False, layout="constrained")
        else:
            if len(features) != 1:
                raise ValueError(
                    f"features has {len(features)} entries, but only one fits on ax. Leave ax out."
                )
            panels = np.array([[axes(ax, "CodebookDisplay.plot")]])
        figure = panels[0, 0].figure
        self.cells_ = []
        for panel, feature in zip(panels.ravel(), features, strict=False):
            cells = _draw(panel, values[:, :, feature], self.topology == "hexagonal", cmap)
            figure.colorbar(cells, ax=panel)
            named = f"Feature {feature}" if self.names is None else str(self.names[feature])
            title(panel, named)
            self.cells_.append(cells)
        for panel in panels.ravel()[len(features) :]:
            panel.set_axis_off()
        self.axes_, self.ax_, self.figure_ = panels, panels[0, 0], figure
        return self
