"""A decoded image, and the errors for files that cannot be decoded."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .metadata import NO_METADATA, Metadata

#: type and data of PNG chunks
Chunks = tuple[tuple[bytes, bytes], ...]


class UnreadableImageError(ValueError):
    """The file is there, and it is not an image that can be read."""


class ImageTooLargeError(ValueError):
    """The image has more pixels than were allowed."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded image.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3 or 4)
        Grey, RGB or RGBA (alpha not premultiplied), uint8 or uint16; upright.
    name : str
        Where it came from, for messages.
    icc_profile : bytes or None
        The colour profile of RGB pixels: that of sRGB, or another that was to be kept.
    chunks : tuple of (bytes, bytes)
        Type and data of the PNG chunks that describe the pixels: colour space and density.
    reduced : bool
        Whether the file has 16 bits per channel, of which Pillow decoded the upper 8.
    frames : int
        Number of frames in the file; the pixels are those of the first.
    converted : str
        Name of the ICC profile from which the colours were converted to sRGB; empty if none were.
    metadata : Metadata
        EXIF, XMP and text, which a result writes on request.
    """

    pixels: np.ndarray
    name: str
    icc_profile: bytes | None = None
    chunks: Chunks = ()
    reduced: bool = False
    frames: int = 1
    converted: str = ""
    metadata: Metadata = NO_METADATA

    def warn(self, stacklevel: int) -> None:
        """Warn if the file has 16 bits per channel or several frames, which the pixels lack."""
        if self.reduced:
            warnings.warn(
                f"{self.name}: Pillow decodes 8 of the file's 16 bits per channel. To keep all "
                "16, decode it with another library and pass the uint16 array.",
                UserWarning,
                stacklevel=stacklevel + 1,
            )
        if self.frames > 1:
            warnings.warn(
                f"{self.name}: the first of {self.frames} frames is read. To read another, open "
                "the file with PIL.Image.open, seek() to the frame and pass a copy() of it.",
                UserWarning,
                stacklevel=stacklevel + 1,
            )
