"""`clusterx quantize`: turns images into indexed PNGs."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import typer
from rich.console import Console

from ..files import refuse_existing
from ..image.animation import QuantizedAnimation
from ..image.formats import FORMATS, format_of
from ..image.io import frames_of
from ..image.many import quantize_many
from ..image.picture import Picture
from ..image.quantize import QuantizedImage, quantize
from . import ExitCode, palettes
from .common import Device, UsageError, reporting_errors, require, tell, write_output
from .options import flat
from .pictures import (
    Batch,
    ColorSpace,
    Dithering,
    Files,
    InputsArgument,
    OutputOption,
    SuffixOption,
    Working,
    expanded,
    read,
    targets_of,
)

#: endings of files that hold animations
ANIMATED = (".gif", ".apng")


class Init(StrEnum):
    """How k-means starts."""

    AUTO = "auto"
    PLUS_PLUS = "k-means++"
    MAXIMIN = "maximin"
    RANDOM = "random"


class Finder(StrEnum):
    """How a palette is found."""

    KMEANS = "kmeans"
    MINIBATCH = "minibatch"
    WU = "wu"
    MEDIAN_CUT = "median-cut"
    OCTREE = "octree"


class Order(StrEnum):
    """The order of a palette."""

    LIGHTNESS = "lightness"
    HUE = "hue"
    POPULARITY = "popularity"


@dataclass(frozen=True)
class Finding:
    """How a palette is found."""

    colors: Annotated[
        int, typer.Option("--colors", "-k", metavar="K", help="Colours of the palette, 1 to 256.")
    ] = 16
    method: Annotated[Finder, typer.Option(help="How the palette is found.")] = Finder.KMEANS
    space: Annotated[ColorSpace, typer.Option(help="Where colours are compared.")] = ColorSpace.SRGB
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLORS", help="Colours that the palette must have, as '#fff,#ff8000'."
        ),
    ] = None
    order: Annotated[Order, typer.Option(help="Order of the palette.")] = Order.LIGHTNESS
    min_share: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share below which rare colours are protected.")
    ] = 0.0
    quality: Annotated[
        float | None,
        typer.Option(metavar="DB", min=0.1, help="The fewest colours, up to K, with this PSNR."),
    ] = None
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")] = 0
    init: Annotated[Init, typer.Option(help="How k-means starts.")] = Init.AUTO
    max_iter: Annotated[int, typer.Option(min=1, help="Most iterations.")] = 100
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.AUTO

    def parameters(self) -> dict[str, Any]:
        """The parameters of `clusterx.quantize`."""
        return {
            "n_colors": self.colors,
            "method": self.method.value,
            "space": self.space.value,
            "keep": [code.strip() for part in self.keep or () for code in part.split(",")],
            "order": self.order.value,
            "min_share": self.min_share,
            "min_psnr": self.quality,
            "random_state": self.seed,
            "init": self.init.value,
            "max_iter": self.max_iter,
            "device": self.device.value,
        }


@flat
def quantize_files(
    inputs: InputsArgument,
    finding: Finding,
    dithering: Dithering,
    working: Working,
    files: Files,
    shared_palette: Annotated[
        bool, typer.Option("--shared-palette", help="Find one palette for all images.")
    ] = False,
    output: OutputOption = None,
    suffix: SuffixOption = None,
) -> None:
    """Reduce images to K colours by exact k-means; write indexed PNGs, or what -o ends like.

    A name that ends in .gif or .apng gets all frames of an animation, with one palette; .tif,
    .tiff and .webp, which is lossless, get the first.
    """
    _check(finding.colors, output, working.as_json)
    settings = finding.parameters() | {"dither": dithering.chosen()}
    quiet, notes = working.quiet, Console(stderr=True)
    batch = Batch(working.jobs, quiet, Console(stderr=output == "-"), notes)
    task = Task(settings, files, working.force, batch.remark)
    with reporting_errors(notes, "quantize", quiet=quiet):
        require("Pillow", "PIL", "image", "clusterx quantize")
        names, several = expanded(inputs)
        targets = targets_of(names, output, suffix, several=several, endings=(*FORMATS, ".apng"))
        pairs = list(zip(names, targets, strict=True))
        show = shower(as_json=working.as_json, quiet=quiet)
        status = ExitCode.OK
        if shared_palette:
            shared = Shared(task)
            status = batch.run(shared.read, lambda *_: None, pairs, "Reading")
            pairs = [pair for pair in pairs if pair[0] in shared.pictures]
            shared.quantize()
            later = batch.run(shared.write, show, pairs, "Writing")
            raise typer.Exit(status or later)
        raise typer.Exit(batch.run(task, show, pairs, "Quantising"))


def _check(colors: int, output: str | None, as_json: bool) -> None:
    if not 1 <= colors <= 256:
        raise typer.BadParameter(
            f"{colors} colours: an indexed PNG holds 1 to 256. For more, use "
            "clusterx.quantize(...).image in Python and save it in true colour.",
            param_hint="--colors",
        )
    refuse_both(output, as_json)


def refuse_both(output: str | None, as_json: bool) -> None:
    """Raise if image and JSON would both go to stdout."""
    if output == "-" and as_json:
        raise typer.BadParameter(
            "--json and -o - would both write to stdout. Write the image to a file.",
            param_hint="--json",
        )


def shower(*, as_json: bool, quiet: bool) -> Callable[[Console, str, str, QuantizedImage], None]:
    """The function that prints a result."""

    def show(console: Console, name: str, target: str, result: QuantizedImage) -> None:
        if as_json:
            tell(console, palettes.as_json(name, target, result))
        elif not quiet:
            tell(console, palettes.as_table(name, target, result, console.width))

    return show


@dataclass(frozen=True)
class Task:
    """What is done with each input."""

    animated: ClassVar[tuple[str, ...]] = ANIMATED  # endings of targets that get all frames
    settings: dict[str, Any]
    files: Files
    force: bool
    remark: Callable[[str], None]

    def __call__(self, name: str, target: str) -> QuantizedImage:
        if target.lower().endswith(self.animated):
            return self.animate(name, target)
        picture, seconds = self.read(name, target)
        result = self.result(picture)
        result.seconds["read"] = seconds
        self.write(result, target)
        return result

    def animate(self, name: str, target: str) -> QuantizedImage:
        """Write all frames with one palette; returns the first of them."""
        if not self.force:
            refuse_existing(target)
        source: Any = io.BytesIO(sys.stdin.buffer.read()) if name == "-" else name
        pictures, durations, loop = frames_of(source, max_pixels=self.files.max_pixels)
        with blaming_options(name):
            results = quantize_many(pictures, **self.settings)
        animation = QuantizedAnimation(results, durations, loop, shared=True)
        write_output(target, animation.encode(Path(target).suffix), force=self.force)
        return results[0]

    def read(self, name: str, target: str) -> tuple[Picture, float]:
        """The picture and how long reading took, unless the target exists."""
        if target != "-" and not self.force:
            refuse_existing(target)
        start = time.perf_counter()
        files = self.files
        picture = read(name, files.max_pixels, self.remark, keep_profile=files.keep_profile)
        return picture, time.perf_counter() - start

    def result(self, picture: Picture) -> QuantizedImage:
        with blaming_options(picture.name):
            return quantize(picture, **self.settings)

    def write(self, result: QuantizedImage, target: str) -> None:
        start = time.perf_counter()
        kind = "PNG" if target == "-" else format_of(target)
        files = self.files
        data = result.encode(kind, compress_level=files.compress, metadata=files.metadata)
        write_output(target, data, force=self.force)
        result.seconds["write"] = time.perf_counter() - start


@contextmanager
def blaming_options(name: str) -> Iterator[None]:
    """Report settings that don't suit this kind of image as wrong options."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


class Shared:
    """Pictures that get one palette."""

    def __init__(self, task: Task):
        self.task = task
        self.pictures: dict[str, Picture] = {}
        self.results: dict[str, QuantizedImage] = {}
        self._seconds: dict[str, float] = {}

    def read(self, name: str, target: str) -> None:
        self.pictures[name], self._seconds[name] = self.task.read(name, target)

    def quantize(self) -> None:
        """Find the palette of all pictures that could be read."""
        names = list(self.pictures)
        if not names:
            return
        with blaming_options("--shared-palette"):
            alike = _alike(list(self.pictures.values()))
            results = quantize_many(alike, **self.task.settings)
        self.results = dict(zip(names, results, strict=True))

    def write(self, name: str, target: str) -> QuantizedImage:
        result = self.results[name]
        result.seconds["read"] = self._seconds[name]
        self.task.write(result, target)
        return result


def _alike(pictures: list[Picture]) -> list[Picture]:
    """The pictures with equal channels: RGBA if any has alpha, else RGB if any has colour."""
    channels = max(1 if p.pixels.ndim == 2 else p.pixels.shape[2] for p in pictures)
    found = []
    for picture in pictures:
        pixels = picture.pixels
        if channels > 1 and pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        if channels > pixels.ndim and pixels.shape[2] == 3:
            opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
            pixels = np.concatenate([pixels, opaque], axis=2)
        found.append(replace(picture, pixels=pixels))
    return found
