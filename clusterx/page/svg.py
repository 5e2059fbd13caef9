"""Pictures as SVG in the page: their colours are the page's, so they follow dark and light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

#: Cluster colours in the style sheet; further clusters repeat them.
COLOURS = 12
#: Most points in the scatter plot: more would make the file large and hide each other.
POINTS = 4000


def colour(label: int) -> str:
    """The CSS class that colours a cluster."""
    return "noise" if label < 0 else f"c{label % COLOURS}"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two values."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    step = 10.0 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number, formatted for people."""
    if not math.isfinite(value):
        return "–"
    if value and (abs(value) >= 1e7 or abs(value) < 1e-3):
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def tick(value: float) -> str:
    """A number beside an axis, where there is little room."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * unit or (abs(value) >= unit and letter != "k"):
            return f"{value / unit:.6g}{letter}"
    return number(value)


class Frame:
    """A picture with axes.

    Parameters
    ----------
    title : str
        Read out by screen readers.
    x, y : tuple of two floats
        Ranges of the data.
    labels : tuple of two str
        Of the axes.
    """

    LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 46

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        labels: tuple[str, str],
        size: tuple[int, int] = (460, 300),
    ):
        self.title, self.labels, self.size = title, labels, size
        self._x, self._y = _widened(*x), _widened(*y)
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        low, high = self._x
        return round(
            self.LEFT + (value - low) / (high - low) * (self.size[0] - self.LEFT - self.RIGHT), 1
        )

    def y(self, value: float) -> float:
        low, high = self._y
        return round(
            self.size[1]
            - self.BOTTOM
            - (value - low) / (high - low) * (self.size[1] - self.TOP - self.BOTTOM),
            1,
        )

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        path = " ".join(f"{self.x(a)},{self.y(b)}" for a, b in points)
        self.parts.append(f'<polyline class="{kind}" points="{path}"/>')

    def dot(self, a: float, b: float, kind: str, radius: float, tip: str = "") -> None:
        tip = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(
            f'<circle class="{kind}" cx="{self.x(a)}" cy="{self.y(b)}" r="{radius}">{tip}</circle>'
        )

    def vertical(self, a: float, text: str, *, below: bool = False) -> None:
        x, top, low = self.x(a), self.TOP, self.size[1] - self.BOTTOM
        y = low - 8 if below else top + 11
        left = x > self.size[0] * 0.6
        self.parts.append(
            f'<line class="mark" x1="{x}" x2="{x}" y1="{top}" y2="{low}"/>'
            f'<text class="note" x="{x + (-5 if left else 5)}" y="{y}" '
            f'text-anchor="{"end" if left else "start"}">{escape(text)}</text>'
        )

    def svg(self, x_ticks: Sequence[float] | None = None, *, y_axis: bool = True) -> str:
        """The picture as an element of the page."""
        w, h = self.size
        low = h - self.BOTTOM
        axes = []
        for value in x_ticks if x_ticks is not None else ticks(*self._x):
            x = self.x(value)
            axes.append(
                f'<line class="grid" x1="{x}" x2="{x}" y1="{self.TOP}" y2="{low}"/>'
                f'<text x="{x}" y="{low + 16}" text-anchor="middle">{tick(value)}</text>'
            )
        for value in ticks(*self._y) if y_axis else ():
            y = self.y(value)
            axes.append(
                f'<line class="grid" x1="{self.LEFT}" x2="{w - self.RIGHT}" y1="{y}" y2="{y}"/>'
                f'<text x="{self.LEFT - 6}" y="{y + 4}" text-anchor="end">{tick(value)}</text>'
            )
        middle = (self.LEFT + w - self.RIGHT) / 2
        axes.append(
            f'<text class="axis" x="{middle}" y="{h - 8}" text-anchor="middle">'
            f"{escape(self.labels[0])}</text>"
            f'<text class="axis" transform="translate(14 {(self.TOP + low) / 2}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.labels[1])}</text>'
        )
        return (
            f'<svg viewBox="0 0 {w} {h}" role="img" aria-label="{escape(self.title, quote=True)}">'
            f"{''.join(axes)}{''.join(self.parts)}</svg>"
        )


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range, widened a little on both sides."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    margin = 0.05 * (high - low) or max(1e-9, 0.05 * abs(high)) or 1.0
    return low - margin, high + margin


def curve(ks: Sequence[int], values: np.ndarray, label: str, best: int | None, title: str) -> str:
    """A score by the number of clusters."""
    finite = [(k, float(v)) for k, v in zip(ks, values, strict=True) if math.isfinite(v)]
    if not finite:
        return "<p>No number of clusters has this score.</p>"
    heights = [v for _, v in finite]
    frame = Frame(title, (min(ks), max(ks)), (min(heights), max(heights)), ("clusters", label))
    if best is not None:
        # on the side of the line's ends where the curve is not
        high = dict(finite).get(best, 0.0) > (min(heights) + max(heights)) / 2
        frame.vertical(best, f"k = {best}", below=high)
    frame.line(finite, "curve")
    for k, v in finite:
        frame.dot(k, v, "point", 4, f"k = {k}: {number(v)}")
    whole = [k for k in ks if k == int(k)]
    step = max(1, len(whole) // 12)
    return frame.svg(whole[::step])


def scatter(
    points: np.ndarray, labels: np.ndarray, shares: tuple[float, float], seed: int = 0
) -> str:
    """The rows along two principal components, coloured by cluster."""
    x_axis, y_axis = (
        f"component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares)
    )
    low, high = points.min(axis=0), points.max(axis=0)
    frame = Frame(
        "Rows by cluster along the first two principal components", (low[0], high[0]),
        (low[1], high[1]), (x_axis, y_axis), (720, 470),
    )  # fmt: skip
    n = len(points)
    drawn = np.random.RandomState(seed).permutation(n)[:POINTS]
    radius = 3.2 if n <= 500 else 2.4 if n <= 2000 else 1.8
    for i in drawn:
        frame.dot(points[i, 0], points[i, 1], f"row {colour(int(labels[i]))}", radius)
    for label in np.unique(labels[labels >= 0]):
        a, b = points[labels == label].mean(axis=0)
        frame.parts.append(
            f'<text class="label" x="{frame.x(a)}" y="{frame.y(b) + 5}" text-anchor="middle">'
            f"{label}</text>"
        )
    return frame.svg()


def silhouettes(widths: np.ndarray, labels: np.ndarray, mean: float) -> str:
    """A sorted band of silhouettes per cluster."""
    ids = np.unique(labels)
    gap = max(1, len(widths) // 50)
    total = len(widths) + gap * (len(ids) + 1)
    low = min(0.0, float(np.nanmin(widths)) - 0.02)
    height = int(min(620, max(300, 44 * len(ids) + 60)))
    frame = Frame(
        "Silhouettes of the rows by cluster", (low, 1.0), (0, total),
        ("silhouette", "cluster"), (720, height),
    )  # fmt: skip
    at = gap
    for label in ids[::-1]:
        own = np.sort(widths[labels == label])
        # 120 points show as much as all rows
        places = np.unique(np.linspace(0, len(own) - 1, min(len(own), 120)).astype(int))
        edge = [(float(own[i]), at + i + 0.5) for i in places]
        corners = [(0.0, at), (float(own[0]), at), *edge, (float(own[-1]), at + len(own))]
        outline = [*corners, (0.0, at + len(own))]
        path = " ".join(f"{frame.x(a)},{frame.y(b)}" for a, b in outline)
        middle = frame.y(at + len(own) / 2) + 4
        tip = f"cluster {label}: mean {own.mean():.3f}"
        frame.parts.append(
            f'<polygon class="{colour(int(label))}" points="{path}"><title>{tip}</title></polygon>'
            f'<text x="{frame.LEFT - 8}" y="{middle}" text-anchor="end">{label}</text>'
        )
        at += len(own) + gap
    frame.vertical(mean, f"mean {mean:.2f}")
    return frame.svg(y_axis=False)


def differences(names: Sequence[str], values: np.ndarray, tips: Sequence[str], kind: str) -> str:
    """Bars to the left and right: how far a cluster is from the mean, in standard deviations."""
    w, row, left, beside = 460, 22, 150, 42  # `beside`: room for the number beside a bar
    reach = max(1.0, float(np.abs(values).max()))
    half = (w - left) / 2 - beside
    middle = left + beside + half
    parts = []
    for i, (name, value, tip) in enumerate(zip(names, values, tips, strict=True)):
        length = abs(float(value)) / reach * half
        x, y = (middle if value >= 0 else middle - length), i * row + 4
        short = name if len(name) <= 20 else f"{name[:19]}…"
        end = middle + length + 5 if value >= 0 else middle - length - 5
        parts.append(
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(short)}'
            f"<title>{escape(name)}</title></text>"
            f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{max(length, 0.5):.1f}" height="16">'
            f"<title>{escape(tip)}</title></rect>"
            f'<text x="{end:.1f}" y="{y + 13}" text-anchor="{"start" if value >= 0 else "end"}">'
            f"{_signed(float(value))}</text>"
        )
    h = len(names) * row + 6
    parts.append(f'<line class="mark" x1="{middle}" x2="{middle}" y1="0" y2="{h}"/>')
    return (
        f'<svg viewBox="0 0 {w} {h}" role="img" aria-label="Differences from the mean of all rows">'
        f"{''.join(parts)}</svg>"
    )


def _signed(value: float) -> str:
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0.0"


def histogram(bins: Sequence[int]) -> str:
    """A little histogram in a table."""
    if not bins:
        return ""
    top = max(bins)
    bars = "".join(
        f'<rect x="{i * 4}" y="{24 - 22 * count / top:.1f}" width="3" '
        f'height="{22 * count / top:.1f}"/>'
        for i, count in enumerate(bins)
        if count
    )
    return f'<svg class="small" viewBox="0 0 {len(bins) * 4} 24" aria-hidden="true">{bars}</svg>'
