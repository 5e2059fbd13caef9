"""`clusterx quantize`: images to indexed PNGs."""

from __future__ import annotations

import io
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from ..files import refuse_existing
from ..image.io import SAMPLE, decode
from ..image.picture import Picture
from ..image.quantize import QuantizedImage, quantize
from . import ExitCode, palettes
from .common import STATUS, Device, echo, reporting_errors, require, status_of, tell, write_output


class Init(StrEnum):
    """How k-means starts."""

    AUTO = "auto"
    PLUS_PLUS = "k-means++"
    MAXIMIN = "maximin"
    RANDOM = "random"


def quantize_files(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help="Images; sample:china.jpg and sample:flower.jpg are always there; - is stdin.",
        ),
    ],
    colors: Annotated[
        int, typer.Option("--colors", "-k", metavar="K", help="Colours of the palette, 1 to 256.")
    ] = 16,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="A PNG, a folder, or - for stdout."),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(help="Write NAME + SUFFIX + .png: beside each input, or in the folder OUT."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0,
    init: Annotated[Init, typer.Option(help="How k-means starts.")] = Init.AUTO,
    max_iter: Annotated[int, typer.Option(min=1, help="Most iterations.")] = 100,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.")] = False,
    max_pixels: Annotated[
        int | None,
        typer.Option(min=1, help="Largest image to decode; raise it for files that you trust."),
    ] = None,
    compress: Annotated[int, typer.Option(min=0, max=9, help="zlib level of the PNG.")] = 6,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.AUTO,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a file instead of the table.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no table and no notes.")
    ] = False,
) -> None:
    """Reduce images to K colours by exact k-means; write indexed PNGs."""
    _check(colors, output, as_json)
    run = _Run(
        settings={
            "n_colors": colors,
            "init": init.value,
            "max_iter": max_iter,
            "random_state": seed,
            "device": device.value,
        },
        max_pixels=max_pixels,
        force=force,
        compress=compress,
        as_json=as_json,
        quiet=quiet,
        shown=Console(stderr=output == "-"),
        notes=Console(stderr=True),
    )
    with reporting_errors(run.notes, "quantize", quiet=quiet):
        require("Pillow", "PIL", "image", "clusterx quantize")
        raise typer.Exit(run(inputs, _targets(inputs, output, suffix)))


def _check(colors: int, output: str | None, as_json: bool) -> None:
    if not 1 <= colors <= 256:
        raise typer.BadParameter(
            f"{colors} colours: an indexed PNG holds 1 to 256. For more, use "
            "clusterx.quantize(...).image in Python and save it in true colour.",
            param_hint="--colors",
        )
    if output == "-" and as_json:
        raise typer.BadParameter(
            "--json and -o - would both write to stdout. Write the image to a file.",
            param_hint="--json",
        )


@dataclass(frozen=True)
class _Run:
    """What holds for every input of a command."""

    settings: dict[str, Any]
    max_pixels: int | None
    force: bool
    compress: int
    as_json: bool
    quiet: bool
    shown: Console
    notes: Console

    def __call__(self, inputs: list[str], targets: list[str]) -> ExitCode:
        """Quantise each input; the status of the first that failed."""
        status = ExitCode.OK
        pairs = list(zip(inputs, targets, strict=True))
        progress = self.progress(len(pairs))
        # before Rich 14.3 even a disabled bar ends with an empty line
        with nullcontext() if progress.disable else progress:
            for name, target in progress.track(pairs, description="Quantising"):
                try:
                    result = self.quantize(name, target)
                except tuple(STATUS) as error:
                    self.note(f"clusterx: {error or f'{name}: out of memory'}")
                    status = status or status_of(error)
                else:
                    self.show(name, target, result, moving=not progress.disable)
        return status

    def progress(self, n: int) -> Progress:
        """A bar on the terminal, if there are several inputs."""
        return Progress(
            console=self.notes,
            transient=True,
            disable=n == 1 or self.quiet or not self.notes.is_terminal,
            redirect_stdout=False,  # or what is piped away would end up on the terminal
            redirect_stderr=False,
        )

    def note(self, message: str) -> None:
        echo(self.notes, message)

    def remark(self, message: str) -> None:
        if not self.quiet:
            self.note(f"clusterx: {message}")

    def show(self, name: str, target: str, result: QuantizedImage, *, moving: bool) -> None:
        # beside a moving bar on the same terminal, only the bar's console knows where to print
        console = self.notes if moving and self.shown.is_terminal else self.shown
        if self.as_json:
            tell(console, palettes.as_json(name, target, result))
        elif not self.quiet:
            tell(console, palettes.as_table(name, target, result, console.width))

    def quantize(self, name: str, target: str) -> QuantizedImage:
        if target != "-" and not self.force:
            refuse_existing(target)
        start = time.perf_counter()
        picture = self.read(name)
        read = time.perf_counter() - start
        result = quantize(picture, **self.settings)
        result.seconds["read"] = read
        start = time.perf_counter()
        write_output(target, result.to_png(compress_level=self.compress), force=self.force)
        result.seconds["write"] = time.perf_counter() - start
        return result

    def read(self, name: str) -> Picture:
        """The image, with eight bits per channel."""
        source: Any = io.BytesIO(sys.stdin.buffer.read()) if name == "-" else name
        picture = decode(source, max_pixels=self.max_pixels)
        deep = picture.pixels.dtype != np.uint8
        if picture.frames > 1:
            self.remark(f"{name}: the first of {picture.frames} frames is quantised.")
        if deep or picture.reduced:
            self.remark(f"{name}: 16 bits per channel become the 8 of a PNG palette.")
        if not deep:
            return picture
        pixels = np.round(picture.pixels / np.float32(257)).astype(np.uint8)
        return replace(picture, pixels=pixels)


def _targets(inputs: list[str], output: str | None, suffix: str | None) -> list[str]:
    """Where each input's result goes."""
    if output is None and suffix is None:
        raise typer.BadParameter(
            "say where to write: -o OUT, or --suffix=-small for a file beside each input.",
            param_hint="-o",
        )
    if output == "-":
        if len(inputs) > 1:
            raise typer.BadParameter("stdout takes one image; name a folder.", param_hint="-o")
        return ["-"]
    if output is not None and suffix is None and len(inputs) == 1 and not _is_folder(output):
        if not output.lower().endswith(".png"):
            raise typer.BadParameter(
                f"{output}: indexed images are written as PNG. Let the name end in .png, or in / "
                "for a folder.",
                param_hint="-o",
            )
        return [output]
    if output is not None and os.path.isfile(output):
        raise typer.BadParameter(
            f"{output}: is a file, and several results or --suffix need a folder.",
            param_hint="-o",
        )
    targets = [_beside(name, output, suffix or "") for name in inputs]
    if len(set(targets)) < len(targets):
        twice = next(t for t in targets if targets.count(t) > 1)
        raise typer.BadParameter(
            f"several inputs would be written to {twice}. Give them different names, or run them "
            "into different folders.",
            param_hint="IN...",
        )
    return targets


def _is_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or os.path.isdir(output)


def _beside(name: str, folder: str | None, suffix: str) -> str:
    if name == "-":
        raise typer.BadParameter("stdin has no name: say -o FILE.png.", param_hint="-o")
    path = Path(name.removeprefix(SAMPLE))
    return str((Path(folder) if folder is not None else path.parent) / f"{path.stem}{suffix}.png")
