"""What the image commands share: finding files, reading 8-bit images, working in parallel."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from ..image.dithering import Dither
from ..image.formats import FORMATS
from ..image.io import SAMPLE, decode
from ..image.picture import Picture, UnreadableImageError
from . import ExitCode
from .common import STATUS, UsageError, echo, status_of

Done = TypeVar("Done")

InputsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...",
        help="Images, folders of images or patterns such as '*.jpg'; sample:china.jpg and "
        "sample:flower.jpg are always there; - is stdin.",
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="OUT", help="A file, a folder, or - for stdout."),
]
SuffixOption = Annotated[
    str | None,
    typer.Option(
        help="Write NAME + SUFFIX beside each input, or in the folder OUT: .png, unless SUFFIX "
        "ends like another format."
    ),
]
MaxPixelsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Largest image to decode; raise it for files that you trust."),
]


class ColorSpace(StrEnum):
    """The colour space in which colours are compared."""

    SRGB = "srgb"
    LINEAR = "linear"
    LAB = "lab"
    OKLAB = "oklab"


class Method(StrEnum):
    """How pixels are dithered."""

    NONE = "none"
    FLOYD_STEINBERG = "floyd-steinberg"
    ATKINSON = "atkinson"
    RIEMERSMA = "riemersma"
    BAYER = "bayer"
    BLUE_NOISE = "blue-noise"


@dataclass(frozen=True)
class Dithering:
    """How pixels are dithered."""

    dither: Annotated[Method, typer.Option("--dither", help="How pixels are dithered.")] = (
        Method.NONE
    )
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            min=0,
            max=1,
            help="Strength of dithering; by default 0.5, or 1 with a palette that is given.",
        ),
    ] = None
    serpentine: Annotated[
        bool, typer.Option("--serpentine", help="Dither every other row from right to left.")
    ] = False

    dither_space: Annotated[
        ColorSpace | None,
        typer.Option(
            "--dither-space",
            help="Where dithering measures error; by default --space, or linear with a palette "
            "that is given.",
        ),
    ] = None

    def chosen(self) -> Dither:
        space = self.dither_space and self.dither_space.value
        return Dither(self.dither.value, self.strength, self.serpentine, space)


@dataclass(frozen=True)
class Files:
    """How files are read and written."""

    max_pixels: MaxPixelsOption = None
    keep_profile: Annotated[
        bool,
        typer.Option(
            "--keep-profile", help="Take values in an ICC profile as they are, and keep it."
        ),
    ] = False
    metadata: Annotated[
        bool, typer.Option("--metadata", help="Keep EXIF, XMP and text, where they may stand.")
    ] = False
    compress: Annotated[int, typer.Option(min=0, max=9, help="zlib level of a PNG.")] = 6


@dataclass(frozen=True)
class Printing:
    """What may be overwritten and printed."""

    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.")] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a file instead of the table.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table and no notes.")] = (
        False
    )


@dataclass(frozen=True)
class Working(Printing):
    """How many pictures are worked on at a time, and what may be overwritten and printed."""

    jobs: Annotated[
        int,
        typer.Option("--jobs", "-j", min=0, help="Images worked on at a time; 0: one per core."),
    ] = 0


def expanded(inputs: list[str]) -> tuple[list[str], bool]:
    """The files that the inputs name, and whether any input is a folder or a pattern.

    Raises
    ------
    UnreadableImageError
        A folder has no images.
    FileNotFoundError
        No file matches a pattern.
    """
    found: list[str] = []
    several = False
    for name in inputs:
        if os.path.isdir(name):
            found += _images_in(name)
        elif any(mark in name for mark in "*?[") and not os.path.exists(name):
            matching = sorted(path for path in glob.glob(name) if os.path.isfile(path))
            if not matching:
                raise FileNotFoundError(f"{name}: no file matches the pattern. Check the path.")
            found += matching
        else:
            found.append(name)
            continue
        several = True
    return found, several


def _images_in(folder: str) -> list[str]:
    from PIL import Image

    endings = Image.registered_extensions()
    found = sorted(
        str(path)
        for path in Path(folder).iterdir()
        if path.suffix.lower() in endings and path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise UnreadableImageError(
            f"{folder}: the folder has no images. Name another, or the files in its subfolders."
        )
    return found


def read(
    name: str,
    max_pixels: int | None,
    remark: Callable[[str], None],
    *,
    keep_profile: bool = False,
) -> Picture:
    """The image, with eight bits per channel."""
    source: Any = io.BytesIO(sys.stdin.buffer.read()) if name == "-" else name
    picture = decode(source, max_pixels=max_pixels, keep_profile=keep_profile)
    deep = picture.pixels.dtype != np.uint8
    if picture.frames > 1:
        remark(f"{name}: the first of {picture.frames} frames is quantised.")
    if deep or picture.reduced:
        remark(f"{name}: 16 bits per channel become the 8 of a palette.")
    if picture.converted:
        remark(f"{name}: colours are converted from {picture.converted} to sRGB.")
    if not deep:
        return picture
    pixels = np.round(picture.pixels / np.float32(257)).astype(np.uint8)
    return replace(picture, pixels=pixels)


@dataclass(frozen=True)
class Batch:
    """Pictures that are processed several at a time, and reported in their order."""

    jobs: int
    quiet: bool
    shown: Console
    notes: Console

    def run(
        self,
        work: Callable[[str, str], Done],
        show: Callable[[Console, str, str, Done], None],
        pairs: list[tuple[str, str]],
        description: str,
    ) -> ExitCode:
        """Work on each pair of input and target; returns the status of the first that failed."""
        status = ExitCode.OK
        progress = self._progress(len(pairs))
        # while a bar moves on the same terminal, only its console knows where to print
        moving = not progress.disable and self.shown.is_terminal
        console = self.notes if moving else self.shown
        # before Rich 14.3 even a disabled bar ends with an empty line
        with nullcontext() if progress.disable else progress:
            outcomes = _in_order(work, pairs, self.jobs)
            for (name, target), outcome in progress.track(
                outcomes, total=len(pairs), description=description
            ):
                if isinstance(outcome, Exception):
                    self.note(f"clusterx: {outcome or f'{name}: out of memory'}")
                    status = status or status_of(outcome)
                else:
                    show(console, name, target, outcome)
        return status

    def note(self, message: str) -> None:
        echo(self.notes, message)

    def remark(self, message: str) -> None:
        if not self.quiet:
            self.note(f"clusterx: {message}")

    def _progress(self, n: int) -> Progress:
        """A bar on the terminal, if there are several inputs."""
        return Progress(
            console=self.notes,
            transient=True,
            disable=n == 1 or self.quiet or not self.notes.is_terminal,
            redirect_stdout=False,  # or piped output would end up on the terminal
            redirect_stderr=False,
        )


def _in_order(
    work: Callable[[str, str], Done], pairs: list[tuple[str, str]], jobs: int
) -> Iterator[tuple[tuple[str, str], Done | Exception]]:
    """The outcomes of work, in the order of the pairs; few are started ahead of their use.

    jobs : how many are worked on at a time, each with its share of the cores; 0: one per core
    """
    from ..kernels.cpu.threads import take_share

    def outcome(pair: tuple[str, str]) -> Done | Exception:
        try:
            return work(*pair)
        except tuple(STATUS) as error:
            return error

    cores = _cores()
    jobs = min(jobs or cores, len(pairs))
    if jobs <= 1:
        yield from ((pair, outcome(pair)) for pair in pairs)
        return
    # 12 photos of 2 megapixels on 2 cores take 4.9 s; 5.4 s if each is worked on by all threads
    pool = ThreadPoolExecutor(jobs, initializer=take_share, initargs=(max(1, cores // jobs),))
    begun: deque[tuple[tuple[str, str], Future[Any]]] = deque()
    try:
        for pair in pairs:
            begun.append((pair, pool.submit(outcome, pair)))
            if len(begun) >= 2 * jobs:
                first, future = begun.popleft()
                yield first, future.result()
        while begun:
            first, future = begun.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    from ..kernels.cpu.threads import thread_count

    try:
        return thread_count()
    except ValueError as error:  # a wrong environment variable
        raise UsageError(str(error)) from error


def targets_of(
    inputs: list[str],
    output: str | None,
    suffix: str | None,
    *,
    several: bool,
    endings: tuple[str, ...] = tuple(FORMATS),
) -> list[str]:
    """Where each input's result goes.

    several : whether an input is a folder or a pattern, even if it gives only one file
    """
    if output is None and suffix is None:
        raise typer.BadParameter(
            "say where to write: -o OUT, or --suffix=-small for a file beside each input.",
            param_hint="-o",
        )
    if output == "-":
        if len(inputs) > 1:
            raise typer.BadParameter("stdout takes one image; name a folder.", param_hint="-o")
        return ["-"]
    one = len(inputs) == 1 and not several
    if output is not None and suffix is None and one and not _is_folder(output):
        if not output.lower().endswith(endings):
            raise typer.BadParameter(
                f"{output}: images in few colours are written as {', '.join(endings)}. Let the "
                "name end in one of these, or in / for a folder.",
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
    ending = "" if Path(suffix).suffix.lower() in FORMATS else ".png"
    where = Path(folder) if folder is not None else path.parent
    return str(where / f"{path.stem}{suffix}{ending}")
