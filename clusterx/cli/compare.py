"""`clusterx compare`: how far an image is from its original, and where."""

from __future__ import annotations

import io
import math
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..image.colorspace import convert
from ..image.picture import Picture
from ..image.pixels import coordinates
from ..image.quality import ImageQuality, compare, delta_e_2000
from .common import UsageError, check_outputs, reporting_errors, require, tell, write_output
from .options import flat
from .pictures import MaxPixelsOption, Printing, read
from .report import dumps

#: CIEDE2000 from which the difference map is white
_WHITE_AT = 20.0
#: pixels whose difference is computed at a time
_BLOCK = 1 << 18


@flat
def compare_files(
    original: Annotated[
        str, typer.Argument(metavar="ORIGINAL", help="An image; - is stdin.", show_default=False)
    ],
    result: Annotated[
        str, typer.Argument(metavar="RESULT", help="An image of the same size.", show_default=False)
    ],
    printing: Printing,
    side_by_side: Annotated[
        str | None,
        typer.Option("--side-by-side", "-o", metavar="PNG", help="Write both beside each other."),
    ] = None,
    difference: Annotated[
        str | None,
        typer.Option(
            "--difference",
            "-d",
            metavar="PNG",
            help="Write CIEDE2000 of each pixel, from black (none) to white (20 or more).",
        ),
    ] = None,
    max_pixels: MaxPixelsOption = None,
) -> None:
    """Measure how far an image is from its original: MSE, PSNR, SSIM and CIEDE2000."""
    notes = Console(stderr=True)
    with reporting_errors(notes, "compare", quiet=printing.quiet):
        require("Pillow", "PIL", "image", "clusterx compare")
        outputs = {"--side-by-side": side_by_side, "--difference": difference}
        check_outputs(original, outputs, force=printing.force)
        pictures = [read(name, max_pixels, lambda message: None) for name in (original, result)]
        try:
            found = compare(pictures[0], pictures[1])
        except ValueError as error:
            raise UsageError(f"{original}, {result}: {error}") from error
        if side_by_side is not None:
            both = np.concatenate([_rgb(picture) for picture in pictures], axis=1)
            write_output(side_by_side, _png(both), force=printing.force)
        if difference is not None:
            write_output(difference, _png(_difference(*pictures)), force=printing.force)
        if printing.as_json:
            tell(Console(), _as_json(original, result, found))
        elif not printing.quiet:
            tell(Console(stderr="-" in outputs.values()), _as_table(original, result, found))


def _as_json(original: str, result: str, found: ImageQuality) -> str:
    numbers = found._asdict()
    numbers["psnr"] = found.psnr if math.isfinite(found.psnr) else None
    return dumps({"original": original, "result": result, **numbers})


def _as_table(original: str, result: str, found: ImageQuality) -> Table:
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    loss = f"{found.psnr:.2f} dB" if math.isfinite(found.psnr) else "infinite (no loss)"
    facts.add_row("images", f"{escape(original)}, {escape(result)}")
    facts.add_row("MSE, PSNR", f"{found.mse:.4g}, {loss}")
    facts.add_row("SSIM", f"{found.ssim:.4f}")
    facts.add_row("CIEDE2000", f"mean {found.delta_e:.2f}, 95% up to {found.delta_e_95:.2f}")
    return facts


def _rgb(picture: Picture) -> np.ndarray:
    """The pixels as they appear on black."""
    pixels = picture.pixels
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    flat_pixels = pixels.reshape(-1, pixels.shape[2])
    return np.round(coordinates(flat_pixels)[:, :3]).astype(np.uint8).reshape(*pixels.shape[:2], 3)


def _difference(first: Picture, second: Picture) -> np.ndarray:
    """CIEDE2000 of each pixel as grey."""
    rows = [_rgb(picture).reshape(-1, 3) for picture in (first, second)]
    found = np.empty(len(rows[0]), np.uint8)
    for start in range(0, len(found), _BLOCK):
        labs = (
            convert(part[start : start + _BLOCK] / np.float32(255), "srgb", "lab") for part in rows
        )
        away = delta_e_2000(*labs)
        found[start : start + _BLOCK] = np.minimum(255, np.round(255 / _WHITE_AT * away))
    return found.reshape(first.pixels.shape[:2])


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
