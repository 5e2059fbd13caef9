"""Animations: GIF, WebP and APNG in, GIF and APNG out, in few colours."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import refuse_existing, write
from .formats import Drawing, for_gif, paletted, true_color
from .io import frames_of
from .many import quantize_many
from .quantize import QuantizedImage, quantize

#: endings of the files that are written, and Pillow's names of their formats
FORMATS = {".gif": "GIF", ".png": "PNG", ".apng": "PNG"}


@dataclass(frozen=True, eq=False)
class QuantizedAnimation:
    """An animation in few colours: what `quantize_animation` returns.

    Attributes
    ----------
    frames : list of QuantizedImage
    durations : list of int
        Milliseconds for which each frame is shown.
    loop : int
        How often the animation is shown; 0 is forever.
    shared : bool
        Whether the frames have one palette.
    """

    frames: list[QuantizedImage]
    durations: list[int]
    loop: int
    shared: bool

    def save(self, path: Any, *, overwrite: bool = False) -> None:
        """Write a GIF or an APNG, whole or not at all.

        Parameters
        ----------
        path : path ending in .gif, .png or .apng
        overwrite : bool, default=False
            Whether an existing file may be replaced.

        Raises
        ------
        ValueError
            The name has another ending, or a palette has more than 256 colours.
        FileExistsError, UnwritableError
            The file exists, or cannot be written.
        """
        if not overwrite:
            refuse_existing(path)
        write(path, self.encode(Path(path).suffix), overwrite=overwrite)

    def encode(self, ending: str) -> bytes:
        """The bytes of a file with this ending.

        A GIF stores durations in hundredths of a second, and only whether alpha is at least half.
        If each frame has its own palette, an APNG is in true colour, because it can hold only one
        palette. A frame that equals the one before is not written; that one is shown longer.
        """
        kind = FORMATS.get(ending.lower())
        if kind is None:
            raise ValueError(
                f"an animation is written as {', '.join(FORMATS)}, not as {ending!r}. Rename it."
            )
        if max(len(frame.palette) for frame in self.frames) > 256:
            raise ValueError("a palette holds 256 colours at most. Quantise with n_colors=256.")
        if kind == "GIF":
            images = [for_gif(frame.indices, frame.palette) for frame in self.frames]
        elif self.shared:
            images = [paletted(frame.indices, frame.palette) for frame in self.frames]
        else:
            images = [true_color(Drawing(frame.indices, frame.palette)) for frame in self.frames]
        hidden = any("transparency" in image.info for image in images)
        options: dict[str, Any] = {"disposal": 2 if hidden else 1} if kind == "GIF" else {}
        file = io.BytesIO()
        images[0].save(
            file,
            kind,
            save_all=True,
            append_images=images[1:],
            duration=self.durations,
            loop=self.loop,
            optimize=False,
            **options,
        )
        return file.getvalue()


def quantize_animation(
    animation: Any,
    n_colors: int = 16,
    *,
    shared: bool = True,
    durations: Iterable[int] | None = None,
    loop: int | None = None,
    max_pixels: int | None = None,
    **parameters: Any,
) -> QuantizedAnimation:
    """Reduce the frames of an animation to few colours.

    Parameters
    ----------
    animation : path, open binary file, or list of arrays of shape (height, width, c)
        A file that Pillow reads, such as GIF, WebP or APNG; or frames of uint8, all of one shape.
    n_colors : int, default=16
        Colours of the palette, or of each frame's palette.
    shared : bool, default=True
        Whether all frames have one palette, which suits motion before a still background; else
        each frame has its own.
    durations : iterable of int, optional
        Milliseconds for which each frame is shown; by default the file's, or 100.
    loop : int, optional
        How often the animation is shown, 0 is forever; by default as in the file, or 0.
    max_pixels : int, optional
        Largest frame to decode.
    **parameters
        Other parameters of `quantize`. With ``dither="blue-noise"`` or ``"bayer"``, still areas
        do not flicker.

    Returns
    -------
    QuantizedAnimation

    Raises
    ------
    FileNotFoundError, UnreadableImageError, ImageTooLargeError
        The file is missing, damaged or too large.
    ValueError
        There are no frames, their shapes differ, or there is not one duration per frame.

    Notes
    -----
    All frames are held in memory at once.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx.image import quantize_animation
    >>> frames = [np.full((4, 4, 3), value, np.uint8) for value in (0, 90, 200)]
    >>> quantize_animation(frames, 2, random_state=0).frames[0].palette.shape
    (2, 3)
    """
    frames: list[Any]
    if isinstance(animation, (list, tuple)):
        frames, own_durations, own_loop = list(animation), [100] * len(animation), 0
    else:
        pictures, own_durations, own_loop = frames_of(animation, max_pixels=max_pixels)
        frames = list(pictures)
    shown = own_durations if durations is None else list(durations)
    shapes = {tuple(getattr(f, "pixels", f).shape) for f in frames}
    if not frames or len(shapes) > 1:
        raise ValueError(f"frames have the shapes {shapes or 'of none'}; wanted is one for all.")
    if len(shown) != len(frames):
        raise ValueError(f"durations has {len(shown)} numbers, and there are {len(frames)} frames.")
    if shared:
        results = quantize_many(frames, n_colors, **parameters)
    else:
        results = [quantize(frame, n_colors, **parameters) for frame in frames]
    return QuantizedAnimation(results, shown, own_loop if loop is None else loop, shared)
