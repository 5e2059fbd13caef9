"""Drawing helpers of the displays: axes, colours, text."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

#: The colours of Okabe and Ito, which can be told apart with all common kinds of colour vision, and
#: five more. Under simulated colour blindness, these are no closer to each other or to the first
#: seven than the first seven are (Machado, Oliveira and Fernandes, 2009; distances in Oklab). Black
#: is reserved for text, and grey for noise.
_FEW = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442"),
    *("#0A0A78", "#782D00", "#A5D2B4", "#A51E69", "#4B1E3C"),
)

#: Shapes that alternate with the cluster number if there are more clusters than colours.
_MARKERS = ("o", "s", "^", "D", "v", "X", "*")

NOISE = "#AEAEAE"
#: colour of lines that mark something
ACCENT = "#B2182B"

#: Approximate width of a letter, relative to the font size.
LETTER = 0.55

#: From this many points on, vector files get them as pixels, because they would grow huge.
RASTER_FROM = 5_000


def pyplot(caller: str) -> Any:
    """matplotlib.pyplot, or an ImportError that says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which can't be imported ({error}). Install it with: "
            'pip install "clusterx[plot]"'
        ) from error
    return plt


def axes(ax: Any, caller: str, size: tuple[float, float] | None = None) -> Any:
    """The given axes, or those of a new figure of this size in inches."""
    plt = pyplot(caller)
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    check_axes(ax)
    return ax


def check_axes(ax: Any) -> None:
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be matplotlib Axes or None, got {type(ax).__name__}. "
            "plt.subplots() makes some: fig, ax = plt.subplots()."
        )


def cluster_colors(k: int) -> np.ndarray:
    """Colours of k clusters, (k, 3) in 0..1: the same for the same k, neighbours far apart.

    Up to twelve clusters get distinct colours. More clusters get colours from a perceptually
    uniform map of changing lightness, in an order that keeps consecutive clusters apart.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if k <= len(_FEW):
        return np.array([to_rgb(color) for color in _FEW[:k]]).reshape(-1, 3)
    stride = next(s for s in range(round(0.382 * k), k) if np.gcd(s, k) == 1)
    places = np.arange(k) * stride % k
    # the end of the map is too light on white paper
    return colormaps["viridis"](0.93 * places / (k - 1))[:, :3]


def cluster_marker(i: int, k: int) -> str:
    """Shape of the points of cluster i of k: all are round while the colours suffice."""
    return "o" if k <= len(_FEW) else _MARKERS[i % len(_MARKERS)]


def lightened(colors: np.ndarray, share: float) -> np.ndarray:
    """The colours mixed with a share of white."""
    return colors + (1 - colors) * share


def text_color(background: Any) -> str:
    """Black or white, whichever has more contrast with the background (WCAG 2 luminance)."""
    rgb = np.asarray(background, dtype=np.float64)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def wrapped(text: str, width: int = 48) -> str:
    """The text in lines of at most `width` characters; its own line breaks are kept."""
    return "\n".join(textwrap.fill(line, width) for line in str(text).splitlines())


def counted(n: int, what: str) -> str:
    """'1 cluster', '1,200 clusters'."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def title(ax: Any, *lines: str | None) -> Any:
    """Set the lines as the title, wrapped to the width of the axes; None and '' are left out."""
    from matplotlib.font_manager import FontProperties

    size = FontProperties(size="medium").get_size_in_points()
    width = max(16, int(size_in_points(ax)[0] / (LETTER * size)))
    text = "\n".join(wrapped(line, width) for line in lines if line)
    return ax.set_title(text, fontsize="medium")


def label(ax: Any, x: str | None = None, y: str | None = None) -> None:
    """Set the labels of the axes literally (a $ is a $), wrapped to the available width."""
    for axis, text, room in zip((ax.xaxis, ax.yaxis), (x, y), size_in_points(ax), strict=True):
        if text is not None:
            width = int(room / (LETTER * axis.label.get_fontsize()))
            axis.set_label_text(wrapped(text, min(max(width, 12), 48)), parse_math=False)


def styled(style: dict[str, Any], given: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    """The style updated with the user's options, under any of Matplotlib's names for them.

    kind: the class in `matplotlib.lines` or `matplotlib.collections` that is drawn.
    """
    from matplotlib import cbook, collections, lines

    drawn = getattr(collections, kind, None) or getattr(lines, kind)
    given = cbook.normalize_kwargs(given or {}, drawn)
    style = cbook.normalize_kwargs(style, drawn)
    if "c" in given:
        style.pop("color", None)
    elif "color" in given or "facecolor" in given:
        style.pop("c", None)
    if "marker" in given:  # crosses have no edges
        style.pop("edgecolor", None)
    return style | given


def shortened(names: list[str], most: int = 30) -> list[str]:
    """The names, each shortened to at most `most` characters."""
    return [name if len(name) <= most else f"{name[: most - 1].rstrip()}…" for name in names]


def drawn_of(n_drawn: int, n_total: int, what: str) -> str | None:
    """'10,000 of 1,000,000 points drawn', or None if all are drawn."""
    return None if n_drawn == n_total else f"{n_drawn:,} of {n_total:,} {what}s drawn"


def size_in_points(ax: Any) -> tuple[float, float]:
    """Width and height of the axes in points, before the layout trims them for labels."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def spaced(places: np.ndarray, least: float) -> np.ndarray:
    """Indices of rising places, each at least `least` away from the one chosen before."""
    chosen: list[int] = []
    for i, place in enumerate(places):
        if not chosen or place - places[chosen[-1]] >= least:
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)
