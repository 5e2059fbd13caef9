"""The pixels of an image as points of colour space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import asarray, namespace, on_host
from ..image.colorspace import check_space, convert
from .canvas import RASTER_FROM, check_axes, counted, drawn_of, pyplot, styled, title
from .data import check_count, host, sample
from .palette import as_rgba


class _Axes(NamedTuple):
    """What the components of a space are called, and which of them are on the axes of a view."""

    labels: tuple[str, str, str]
    views: dict[str, tuple[int, ...]]
    shown: tuple[str, ...]  # by default


_RGB = {"rg": (0, 1), "rb": (0, 2), "gb": (1, 2), "3d": (0, 1, 2)}
_LAB = {"ab": (1, 2), "aL": (1, 0), "bL": (2, 0), "3d": (1, 2, 0)}
_SPACES = {
    "srgb": _Axes(("Red", "Green", "Blue"), _RGB, ("rg", "rb", "3d")),
    "linear": _Axes(("Red, linear", "Green, linear", "Blue, linear"), _RGB, ("rg", "rb", "3d")),
    "lab": _Axes(("CIELAB L*", "CIELAB a*", "CIELAB b*"), _LAB, ("ab", "aL", "3d")),
    "oklab": _Axes(("Oklab L", "Oklab a", "Oklab b"), _LAB, ("ab", "aL", "3d")),
}


class ColorSpaceDisplay:
    """Pixels as points of colour space, each in its own colour, with a palette's colours on top.

    It is best made by `from_image` or `from_estimator`. All parameters become attributes.

    Parameters
    ----------
    colors : array of shape (n, c)
        Grey, RGB or RGBA; uint8, uint16, or floats in 0..1. Invisible colours (alpha 0) are not
        drawn.
    palette : array of shape (k, c), optional
        Colours of the same kind, drawn large.
    space : {'srgb', 'linear', 'lab', 'oklab'}, default='srgb'
        The space that is drawn. sRGB is drawn in the values of the colours, the others as
        `clusterx.image.colorspace.convert` has them.
    n_total : int, optional
        Number of pixels before a sample was drawn; stated in the title.
    name : str, optional
        For the title.

    Attributes
    ----------
    points_ : list of PathCollection
        The pixels, one collection per view.
    palette_ : list of PathCollection
        The palette's colours, one collection per view; empty without a palette.
    axes_ : list of matplotlib Axes
        Those of each view.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from clusterx import quantize
    >>> from clusterx.plotting import ColorSpaceDisplay
    >>> found = quantize("sample:china.jpg", 16, random_state=0)
    >>> ColorSpaceDisplay.from_image("sample:china.jpg", found)  # doctest: +SKIP
    """

    def __init__(
        self,
        colors: Any,
        palette: Any = None,
        *,
        space: str = "srgb",
        n_total: int | None = None,
        name: str | None = None,
    ):
        self.colors = colors
        self.palette = palette
        self.space = space
        self.n_total = n_total
        self.name = name

    @classmethod
    def from_image(
        cls,
        image: Any,
        palette: Any = None,
        *,
        space: str | None = None,
        sample_size: int = 10_000,
        random_state: Any = 0,
        name: str | None = None,
        **plot_kwargs: Any,
    ) -> ColorSpaceDisplay:
        """Draw the pixels of an image.

        Parameters
        ----------
        image : array, path, PIL image or open binary file
            As in `clusterx.quantize`. Only the drawn pixels of an array on a device are copied to
            the host.
        palette : array of shape (k, c), QuantizedImage or fitted ColorQuantizer, optional
            Colours to draw large.
        space : {'srgb', 'linear', 'lab', 'oklab'}, optional
            The space that is drawn; by default that in which the result or the quantiser compared
            colours, and sRGB for others.
        sample_size : int, default=10_000
            If there are more pixels, a random sample of this size is drawn, and the title says so.
        random_state : int, RandomState or None, default=0
            Of the sample.
        name : str, optional
            For the title.
        **plot_kwargs
            Passed to `plot`.

        Returns
        -------
        ColorSpaceDisplay

        Raises
        ------
        TypeError, ValueError
            The image is not valid.
        sklearn.exceptions.NotFittedError
            The palette is a quantiser that is not fitted.
        """
        from ..image.pixels import as_pixels

        pyplot(f"{cls.__name__}.from_image")
        size = check_count("sample_size", sample_size)
        shown = str(space or getattr(palette, "space", "srgb"))
        palette = _palette_of(palette)
        rows = as_pixels(image).rows
        n = rows.shape[0]
        indices = sample(n, size, random_state)
        if indices is not None and on_host(rows):
            rows = rows[indices]
        elif indices is not None:
            rows = namespace(rows).take(rows, asarray(indices, like=rows), axis=0)
        return cls(host(rows), palette, space=shown, n_total=n, name=name).plot(**plot_kwargs)

    @classmethod
    def from_estimator(
        cls, estimator: Any, image: Any, *, name: str | None = None, **kwargs: Any
    ) -> ColorSpaceDisplay:
        """Draw the pixels of an image and the palette that a quantiser has learned.

        Parameters
        ----------
        estimator : fitted ColorQuantizer
        image : array, path, PIL image or open binary file
        name : str, optional
            For the title.
        **kwargs
            Passed to `from_image`.

        Returns
        -------
        ColorSpaceDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        """
        check_is_fitted(estimator)
        return cls.from_image(image, estimator, name=name, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        views: Sequence[str] | None = None,
        scatter_kwargs: dict[str, Any] | None = None,
    ) -> ColorSpaceDisplay:
        """Draw the views.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, optional
            One for each view, with ``projection='3d'`` for ``'3d'``; by default on a new figure.
        views : sequence of {'rg', 'rb', 'gb', '3d'} or {'ab', 'aL', 'bL', '3d'}, optional
            Two components, the first on the horizontal axis, or all three; by default
            ('rg', 'rb', '3d') of RGB, and ('ab', 'aL', '3d') of CIELAB and Oklab.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter` of the pixels.

        Returns
        -------
        ColorSpaceDisplay

        Raises
        ------
        ValueError
            A view is unknown, there is not one Axes per view, the colours are not valid, or all of
            them are invisible.
        """
        check_space("space", self.space)
        offered = _SPACES[self.space]
        views = offered.shown if views is None else views
        views = (views,) if isinstance(views, str) else tuple(views)
        if not views or not set(views) <= set(offered.views):
            raise ValueError(
                f"views must be among {', '.join(map(repr, offered.views))}, at least one; got "
                f"{views!r}."
            )
        colors = as_rgba("colors", self.colors)
        seen = colors[colors[:, 3] > 0]
        if not len(seen):
            raise ValueError("All of the pixels are invisible (alpha 0): there is nothing to draw.")
        palette = None if self.palette is None else as_rgba("palette", self.palette)
        if palette is not None:
            palette = palette[palette[:, 3] > 0]
        self.axes_ = _axes(ax, views)
        self.points_: list[Any] = []
        self.palette_: list[Any] = []
        clouds = [seen] if palette is None else [seen, palette]
        places = [self._places(cloud) for cloud in clouds]
        for view, place in zip(views, self.axes_, strict=True):
            self._draw(place, offered.views[view], clouds, places, scatter_kwargs or {})
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self._title(len(colors), len(seen), palette)
        return self

    def _places(self, rgba: np.ndarray) -> np.ndarray:
        """Where colours lie, (n, 3)."""
        if self.space == "srgb":
            return rgba[:, :3] * _peak(self.colors)
        return convert(rgba[:, :3], "srgb", self.space)

    def _draw(
        self,
        ax: Any,
        channels: tuple[int, ...],
        clouds: list[np.ndarray],
        places: list[np.ndarray],
        scatter_kwargs: dict[str, Any],
    ) -> None:
        colors = clouds[0]
        style = {"s": float(np.clip(40_000 / len(colors), 2, 20)), "c": colors[:, :3]}
        style |= {"linewidths": 0, "rasterized": len(colors) > RASTER_FROM}
        style = styled(style, scatter_kwargs, "PathCollection")
        self.points_.append(ax.scatter(*places[0][:, channels].T, **style))
        for palette, at in zip(clouds[1:], places[1:], strict=True):
            own = {"s": 70 if len(palette) <= 64 else 25, "edgecolors": "black", "linewidths": 1.2}
            if len(channels) == 3:
                own["depthshade"] = False
                ax.computed_zorder = False  # or the cloud hides the palette inside it
            found = ax.scatter(*at[:, channels].T, c=palette[:, :3], zorder=3, **own)
            self.palette_.append(found)
        self._label(ax, channels, np.concatenate(places))

    def _label(self, ax: Any, channels: tuple[int, ...], places: np.ndarray) -> None:
        """Limits, ticks and labels of the axes."""
        solid = len(channels) == 3
        for axis, channel in zip("xyz", channels, strict=False):
            low, high = self._range(channel, places)
            room = 0.03 * (high - low)
            ax.set(**{f"{axis}lim": (low - room, high + room)})
            ax.set(**{f"{axis}label": _SPACES[self.space].labels[channel]})
            if self.space in ("srgb", "linear"):
                ticks = np.linspace(low, high, 5)
                ticks = np.round(ticks) if high > 1 else ticks
                getattr(ax, f"{axis}axis").set_ticks(ticks[::2] if solid else ticks)
            elif solid:
                ax.locator_params(axis, nbins=4)
        if solid:
            ax.zaxis.labelpad = 7
            ax.set_box_aspect(None, zoom=0.8)  # or the label of the third axis is cut off
        elif self.space in ("srgb", "linear") or 0 not in channels:
            ax.set_aspect("equal")

    def _range(self, channel: int, places: np.ndarray) -> tuple[float, float]:
        """All that a component can be; of a and b, as much to both sides as there is."""
        if self.space in ("lab", "oklab") and channel > 0:
            most = float(np.abs(places[:, 1:]).max()) or 1.0
            return -most, most
        return 0.0, {"srgb": _peak(self.colors), "lab": 100.0}.get(self.space, 1.0)

    def _title(self, n: int, n_seen: int, palette: np.ndarray | None) -> None:
        notes = [
            drawn_of(n, self.n_total or n, "pixel") or counted(n, "pixel"),
            f"{n - n_seen:,} of them invisible" if n_seen < n else None,
            None if palette is None else f"{counted(len(palette), 'colour')} of the palette",
        ]
        text = ", ".join(note for note in notes if note)
        text = f"{self.name}: {text}" if self.name else text
        if len(self.axes_) == 1:
            title(self.ax_, text)
        else:
            self.figure_.suptitle(text, fontsize="medium")


def _axes(ax: Any, views: tuple[str, ...]) -> list[Any]:
    """The given axes, or those of a new figure, one for each view."""
    plt = pyplot("ColorSpaceDisplay.plot")
    if ax is None:
        n = len(views)
        figure = plt.figure(figsize=(4.6 * n, 4.6), layout="constrained")
        return [
            figure.add_subplot(1, n, i + 1, projection="3d" if view == "3d" else None)
            for i, view in enumerate(views)
        ]
    found = list(ax) if isinstance(ax, Sequence | np.ndarray) else [ax]
    if len(found) != len(views):
        raise ValueError(
            f"ax has {len(found)} Axes for {len(views)} views: {', '.join(views)}. Pass one for "
            "each view, or fewer views."
        )
    for view, place in zip(views, found, strict=True):
        check_axes(place)
        if (view == "3d") != hasattr(place, "get_zlim"):
            raise ValueError(
                f"The view {view!r} needs Axes of {'three' if view == '3d' else 'two'} dimensions. "
                "plt.figure().add_subplot(projection='3d') makes those of three."
            )
    return found


def _peak(colors: Any) -> float:
    """Largest value of a channel."""
    kind = host(colors).dtype
    return float(np.iinfo(kind).max) if kind.kind == "u" else 1.0


def _palette_of(source: Any) -> Any:
    """The palette of a result, of a quantiser, or itself."""
    if hasattr(source, "palette"):
        return source.palette
    if hasattr(source, "get_params"):
        check_is_fitted(source)
        return source.palette_
    return source
