"""`clusterx remap`: turns images into indexed PNGs with a given palette."""

from __future__ import annotations

import os
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from ..image.palette_files import as_palette
from ..image.picture import Picture
from ..image.quantize import QuantizedImage
from ..image.remapping import remap
from .common import Device, UsageError, reporting_errors, require
from .options import flat
from .pictures import (
    Batch,
    Dithering,
    Files,
    InputsArgument,
    OutputOption,
    SuffixOption,
    Working,
    expanded,
    targets_of,
)
from .quantize import Task, blaming_options, refuse_both, shower


@flat
def remap_files(
    inputs: InputsArgument,
    dithering: Dithering,
    working: Working,
    files: Files,
    palette: Annotated[
        str,
        typer.Option(
            "--palette",
            "-p",
            metavar="FILE|COLORS",
            help="A palette file (.gpl, .pal, .aco, .ase, .act, .hex, .txt), an image, or hex "
            "codes between commas.",
        ),
    ],
    output: OutputOption = None,
    suffix: SuffixOption = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.AUTO,
) -> None:
    """Give every pixel the nearest colour of a palette, or dither it.

    Indexed PNGs are written, or what -o ends like: .png, .gif, .tif, .tiff or .webp (lossless).
    """
    refuse_both(output, working.as_json)
    quiet, notes = working.quiet, Console(stderr=True)
    batch = Batch(working.jobs, quiet, Console(stderr=output == "-"), notes)
    with reporting_errors(notes, "remap", quiet=quiet):
        require("Pillow", "PIL", "image", "clusterx remap")
        task = _Remap(
            {
                "palette": palette_named(palette),
                "dither": dithering.chosen(),
                "device": device.value,
            },
            files,
            working.force,
            batch.remark,
        )
        names, several = expanded(inputs)
        pairs = list(zip(names, targets_of(names, output, suffix, several=several), strict=True))
        show = shower(as_json=working.as_json, quiet=quiet)
        raise typer.Exit(batch.run(task, show, pairs, "Remapping"))


def palette_named(text: str) -> np.ndarray:
    """The colours, at most 256, of a file or of hex codes between commas."""
    codes = [code.strip() for code in text.split(",")]
    if os.path.exists(text) or not all(code.startswith("#") for code in codes):
        colors = as_palette(text)
    else:
        try:
            colors = as_palette(codes)
        except ValueError as error:
            raise UsageError(f"--palette: {error}") from error
    if colors.dtype != np.uint8:
        raise UsageError("--palette: a PNG palette holds 8 bits a channel. Write #rrggbb.")
    if len(colors) > 256:
        raise UsageError(
            f"--palette {text}: {len(colors)} colours, and an indexed PNG holds 256. Name fewer."
        )
    return colors


class _Remap(Task):
    animated = ()

    def result(self, picture: Picture) -> QuantizedImage:
        with blaming_options(picture.name):
            return remap(picture, **self.settings)
