"""`clusterx palette`: writes the palette of an image to a palette file or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from ..files import refuse_existing
from ..image.palette_files import FORMATS, LISTS, encode_palette
from ..image.pixels import hex_codes
from ..image.quantize import quantize
from .common import Device, UsageError, reporting_errors, require, write_output
from .options import flat
from .pictures import MaxPixelsOption, Printing, read
from .quantize import refuse_both, shower

#: pixels per side of the squares in a picture of a palette, and squares per row
_SQUARE, _COLUMNS = 32, 16


@flat
def palette_of_file(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="An image; sample:china.jpg is always there; - is stdin."
        ),
    ],
    printing: Printing,
    colors: Annotated[
        int, typer.Option("--colors", "-k", metavar="K", min=1, max=65536, help="Most colours.")
    ] = 16,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A palette file (.gpl, .pal, .aco, .ase, .act, .hex, .txt) or a picture (.png); "
            "by default hex codes go to stdout.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0,
    max_pixels: MaxPixelsOption = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.AUTO,
) -> None:
    """Find the palette of an image by exact k-means."""
    refuse_both(output, printing.as_json)
    notes = Console(stderr=True)
    with reporting_errors(notes, "palette", quiet=printing.quiet):
        require("Pillow", "PIL", "image", "clusterx palette")
        ending = Path(output).suffix.lower() if output not in (None, "-") else ".hex"
        known = [*FORMATS, *LISTS, ".png"]
        if ending not in known:
            raise UsageError(f"-o {output}: a palette is written as {', '.join(known)}. Rename it.")
        if output not in (None, "-") and not printing.force:
            refuse_existing(str(output))
        picture = read(source, max_pixels, lambda message: None)
        result = quantize(picture, colors, random_state=seed, device=device.value)
        palette = np.asarray(result.palette)
        if output in (None, "-"):
            if not printing.as_json:
                codes = "".join(code + "\n" for code in hex_codes(palette))
                write_output("-", codes.encode(), force=False)
        else:
            try:
                data = _encoded(palette, ending, Path(str(output)).stem)
            except ValueError as error:
                raise UsageError(f"-o {output}: {error}") from error
            write_output(str(output), data, force=printing.force)
        if printing.as_json or output not in (None, "-"):
            shower(as_json=printing.as_json, quiet=printing.quiet)(
                Console(), source, output or "-", result
            )


def _encoded(palette: np.ndarray, ending: str, name: str) -> bytes | memoryview:
    return swatches(palette) if ending == ".png" else encode_palette(palette, ending, name)


def swatches(palette: np.ndarray) -> memoryview:
    """A PNG of squares in the palette's colours, sixteen in a row."""
    from ..image.formats import Drawing, encoded

    if len(palette) > 256:
        raise ValueError(f"an indexed PNG holds 256 colours, and this palette has {len(palette)}.")
    columns = min(_COLUMNS, len(palette))
    rows = -(-len(palette) // columns)
    places = np.minimum(np.arange(rows * columns), len(palette) - 1).astype(np.uint8)
    squares = places.reshape(rows, columns).repeat(_SQUARE, axis=0).repeat(_SQUARE, axis=1)
    return encoded(Drawing(squares, palette), "PNG")
