"""The output of `quantize`: palettes for people, JSON for programs."""

from __future__ import annotations

import math

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..image.pixels import hex_codes
from ..image.quantize import QuantizedImage
from .report import dumps

_MOST_SWATCHES = 64


def as_json(name: str, target: str, result: QuantizedImage) -> str:
    """The result as one line of JSON; an infinite PSNR is null."""
    return dumps(
        {
            "input": name,
            "output": target,
            "width": result.shape[1],
            "height": result.shape[0],
            "channels": result.palette.shape[1],
            "colors": len(result.palette),
            "palette": hex_codes(result.palette),
            "counts": result.counts.tolist(),
            "unique_colors": result.n_unique,
            "lossless": result.mse == 0,
            "mse": result.mse,
            "psnr": result.psnr if math.isfinite(result.psnr) else None,
            "iterations": result.n_iter,
            "seconds": {stage: round(t, 6) for stage, t in result.seconds.items()},
            "device": result.device,
        }
    )


def as_table(name: str, target: str, result: QuantizedImage, width: int) -> RenderableType:
    """The palette with its shares, and what is worth knowing about the result."""
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    size = f"{result.shape[1]} x {result.shape[0]}"
    loss = f"{result.psnr:.2f} dB" if math.isfinite(result.psnr) else "infinite (no loss)"
    seconds = ", ".join(f"{stage} {t:.3f}" for stage, t in result.seconds.items())
    facts.add_row("image", f"{escape(name)}, {size}")
    facts.add_row("written", "stdout" if target == "-" else escape(target))
    lossless = "" if result.mse else "; all are kept"
    counted = f"{result.n_unique:,} unique, {len(result.palette)} in the palette{lossless}"
    facts.add_row("colours", counted)
    facts.add_row("MSE, PSNR", f"{result.mse:.4g}, {loss}")
    facts.add_row("k-means", f"{result.n_iter} iterations, {result.device}")
    facts.add_row("seconds", f"{seconds}; {sum(result.seconds.values()):.3f} in all")
    return Group(_swatches(result, width), facts, "")


def _swatches(result: QuantizedImage, width: int) -> RenderableType:
    order = np.argsort(-result.counts, kind="stable")
    shares = result.counts / result.counts.sum()
    codes = hex_codes(result.palette)
    cells = [_swatch(codes[i], shares[i]) for i in order[:_MOST_SWATCHES]]
    columns = max(1, min(8, width // (len(cells[0]) + 3), math.ceil(len(cells) / 8)))
    rows = math.ceil(len(cells) / columns)
    grid = Table.grid(padding=(0, 3))
    for row in range(rows):  # shares fall down one column, then the next
        grid.add_row(*cells[row::rows])
    rest = order[_MOST_SWATCHES:]
    if len(rest) == 0:
        return grid
    return Group(grid, f"and {len(rest)} more, {shares[rest].sum():.1%} together")


def _swatch(code: str, share: float) -> Text:
    hidden = len(code) == 9 and code.endswith("00")
    block = Text("hidden") if hidden else Text(" " * 6, style=f"on {code[:7]}")
    return Text.assemble(block, f" {code} {share:6.1%}")
