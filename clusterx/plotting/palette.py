"""Swatches of a palette, with the share of each colour."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import dtype_name
from ..image.ordering import by_hue, luma
from .canvas import axes, counted, pyplot, size_in_points, text_color, title
from .data import check_count, host

#: height of the strip of shares, and space below it, in swatches
_STRIP, _SPACE = 0.5, 0.15


class PaletteDisplay:
    """The colours of a palette with their codes and shares, under a strip of their proportions.

    Transparent colours have a chequered background.

    It is best made by `from_image`, `from_estimator` or `from_palette`. All parameters become
    attributes.

    Parameters
    ----------
    palette : array of shape (k, c)
        Grey, RGB or RGBA; uint8, uint16, or floats in 0..1.
    counts : array of shape (k,), optional
        Number of pixels of each colour.
    name : str, optional
        For the title.

    Attributes
    ----------
    swatches_ : list of Rectangle
        One per colour, row by row in the order drawn.
    strip_ : list of Rectangle
        The strip of proportions; empty without counts.
    texts_ : list of Text
        Codes and shares; empty if they don't fit.
    order_ : ndarray of shape (k,)
        Indices into the palette in the order drawn.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from clusterx import quantize
    >>> from clusterx.plotting import PaletteDisplay
    >>> PaletteDisplay.from_image(quantize("sample:china.jpg", 16))  # doctest: +SKIP
    """

    def __init__(self, palette: Any, counts: Any = None, *, name: str | None = None):
        self.palette = palette
        self.counts = counts
        self.name = name

    @classmethod
    def from_image(
        cls, image: Any, *, name: str | None = None, **plot_kwargs: Any
    ) -> PaletteDisplay:
        """Draw the palette of a quantised image.

        Parameters
        ----------
        image : QuantizedImage
            The result of `clusterx.quantize`.
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        PaletteDisplay
        """
        if not (hasattr(image, "palette") and hasattr(image, "counts")):
            raise TypeError(
                "image must be a QuantizedImage, as from clusterx.quantize, got "
                f"{type(image).__name__}. Quantise it first, or pass a palette to from_palette."
            )
        return cls.from_palette(image.palette, image.counts, name=name, **plot_kwargs)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, **plot_kwargs: Any
    ) -> PaletteDisplay:
        """Draw the palette that a quantiser has learned.

        Parameters
        ----------
        estimator : fitted ColorQuantizer
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        PaletteDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "palette_"):
            raise TypeError(
                f"{type(estimator).__name__} has no palette_. Pass a fitted ColorQuantizer, or a "
                "palette to from_palette."
            )
        counts = getattr(estimator, "counts_", None)
        return cls.from_palette(estimator.palette_, counts, name=name, **plot_kwargs)

    @classmethod
    def from_palette(
        cls, palette: Any, counts: Any = None, *, name: str | None = None, **plot_kwargs: Any
    ) -> PaletteDisplay:
        """Draw a palette.

        Parameters
        ----------
        palette : array of shape (k, c)
            Grey, RGB or RGBA, of any library; uint8, uint16, or floats in 0..1.
        counts : array of shape (k,), optional
            Number of pixels of each colour.
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        PaletteDisplay
        """
        pyplot(f"{cls.__name__}.from_palette")
        return cls(palette, counts, name=name).plot(**plot_kwargs)

    def plot(
        self, ax: Any = None, *, sort: str = "palette", n_columns: int | None = None
    ) -> PaletteDisplay:
        """Draw the swatches.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.
        sort : {'palette', 'share', 'lightness', 'hue'}, default='palette'
            In the order of the palette, the most frequent colour first, from dark to light, or
            greys and then the others by their hue in Oklab.
        n_columns : int, optional
            Swatches per row; by default such that the plot is wide.

        Returns
        -------
        PaletteDisplay

        Raises
        ------
        ValueError
            The palette holds no colours, or there is not one count per colour.
        """
        colors = as_rgba("palette", self.palette)
        shares = _shares(self.counts, len(colors))
        k = len(colors)
        self.order_ = _order(colors, shares, sort)
        columns = math.ceil(math.sqrt(2 * k)) if k > 8 else k
        columns = columns if n_columns is None else min(k, check_count("n_columns", n_columns))
        lines = -(-k // columns)
        tile = float(np.clip(9 / columns, min(0.45, 14 / columns), 1.1))
        top = 0.0 if shares is None else _STRIP + _SPACE
        size = (max(4.0, tile * columns), max(1.2, tile * (lines + top) + 0.5))
        ax = axes(ax, "PaletteDisplay.plot", size)
        self._draw(ax, colors, shares, columns, top)
        ax.set(xlim=(0, columns), ylim=(lines + top, 0))
        ax.set_aspect("equal")
        ax.axis("off")
        self._write(ax, colors, shares, columns)
        what = f"{self.name}: palette" if self.name else "Palette"
        title(ax, f"{what} of {counted(k, 'colour')}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(
        self, ax: Any, colors: np.ndarray, shares: np.ndarray | None, columns: int, top: float
    ) -> None:
        from matplotlib.patches import Rectangle

        self.strip_, self.swatches_ = [], []
        if shares is not None:
            left = 0.0
            for i in self.order_:
                width = float(shares[i]) * columns
                rectangle = Rectangle((left, 0), width, _STRIP, color=on_white(colors[i]), lw=0)
                self.strip_.append(ax.add_patch(rectangle))
                left += width
        for place, i in enumerate(self.order_):
            corner = place % columns + 0.03, place // columns + top + 0.03
            if colors[i, 3] < 1:
                _chequer(ax, corner)
            self.swatches_.append(
                ax.add_patch(
                    Rectangle(corner, 0.94, 0.94, facecolor=colors[i], edgecolor="0.6", lw=0.4)
                )
            )

    def _write(self, ax: Any, colors: np.ndarray, shares: np.ndarray | None, columns: int) -> None:
        codes = hex_of(self.palette)
        texts = [
            codes[i] if shares is None else f"{codes[i]}\n{percent(shares[i])}" for i in self.order_
        ]
        longest = max(len(line) for text in texts for line in text.split("\n"))
        size = min(9.0, size_in_points(ax)[0] / columns * 0.86 / (0.62 * longest))
        self.texts_ = []
        if size < 4.5:
            return
        for swatch, text, i in zip(self.swatches_, texts, self.order_, strict=True):
            x, y = swatch.get_center()
            color = text_color(on_white(colors[i]))
            self.texts_.append(
                ax.text(x, y, text, fontsize=size, ha="center", va="center", color=color)
            )


def _order(colors: np.ndarray, shares: np.ndarray | None, sort: str) -> np.ndarray:
    """Places of the colours in the order that they are drawn in."""
    if sort not in ("palette", "share", "lightness", "hue"):
        raise ValueError(f"sort must be 'palette', 'share', 'lightness' or 'hue', got {sort!r}.")
    if sort == "share":
        if shares is None:
            raise ValueError("sort='share' needs counts: pass the number of pixels of each colour.")
        return np.argsort(-shares, kind="stable")
    if sort == "palette":
        return np.arange(len(colors))
    order = np.argsort(luma(colors), kind="stable")
    return order if sort == "lightness" else order[by_hue(colors[order])]


def as_rgba(name: str, palette: Any) -> np.ndarray:
    """Colours as RGBA in 0..1 on the host, (k, 4)."""
    found = host(palette)
    if found.ndim != 2 or not len(found) or found.shape[1] not in (1, 3, 4):
        raise ValueError(
            f"{name} must have shape (k, c), one colour per row, with c = 1 (grey), 3 (RGB) or 4 "
            f"(RGBA); got {found.shape}."
        )
    kind = dtype_name(found.dtype)
    if kind in ("uint8", "uint16"):
        found = found / np.iinfo(found.dtype).max
    elif found.dtype.kind != "f" or not (found.min() >= 0 and found.max() <= 1):
        span = f", from {found.min()} to {found.max()}" if found.dtype.kind in "iuf" else ""
        raise ValueError(
            f"{name} must be uint8, uint16 or floats in 0..1; got {kind}{span}. Convert it: "
            "colours in 0..255 are palette.round().astype('uint8')."
        )
    found = found.astype(np.float64)
    if found.shape[1] == 1:
        found = np.repeat(found, 3, axis=1)
    return found if found.shape[1] == 4 else np.column_stack([found, np.ones(len(found))])


def hex_of(palette: Any) -> list[str]:
    """'#rrggbb', or '#rrggbbaa' with alpha; sixteen bits are rounded to eight."""
    rgba = np.round(as_rgba("palette", palette) * 255).astype(int)
    width = 4 if host(palette).shape[1] == 4 else 3
    return ["#" + "".join(f"{value:02x}" for value in row[:width]) for row in rgba.tolist()]


def on_white(color: np.ndarray) -> np.ndarray:
    """An RGBA colour as it looks on white."""
    return color[:3] * color[3] + (1 - color[3])


def percent(share: float) -> str:
    """'12%', '1.2%', '<0.1%'."""
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}"


def _shares(counts: Any, k: int) -> np.ndarray | None:
    if counts is None:
        return None
    found = host(counts).astype(np.float64)
    if found.shape != (k,):
        raise ValueError(f"counts must have shape ({k},), one per colour; got {found.shape}.")
    if not (np.isfinite(found).all() and found.min() >= 0 and found.sum() > 0):
        raise ValueError("counts must be numbers of pixels: none below 0, and not all of them 0.")
    return found / found.sum()


def _chequer(ax: Any, corner: tuple[float, float]) -> None:
    """Draw the background of a transparent swatch."""
    from matplotlib.patches import Rectangle

    side = 0.94 / 4
    for i in range(16):
        place = corner[0] + i % 4 * side, corner[1] + i // 4 * side
        grey = "0.8" if (i + i // 4) % 2 else "white"
        ax.add_patch(Rectangle(place, side, side, color=grey, lw=0))
