"""Files of images in few colours: indexed PNG, GIF and TIFF, and lossless WebP."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .metadata import NO_METADATA, XMP_KEY, Metadata
from .picture import Chunks
from .png import density, with_chunks

if TYPE_CHECKING:
    from PIL import Image

#: endings of files, and Pillow's names of the formats that are written for them
FORMATS = {".png": "PNG", ".gif": "GIF", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
MOST_COLORS = 256  # in the palette of a file
_XMP_TAG, _DIRECTORIES = 700, {0x8769, 0x8825}  # tags of a TIFF


class Drawing(NamedTuple):
    """An image in few colours, on the host, and the metadata written beside its pixels."""

    indices: np.ndarray  # (height, width)
    palette: np.ndarray  # (k, 1), (k, 3) or (k, 4)
    icc_profile: bytes | None = None
    chunks: Chunks = ()
    metadata: Metadata = NO_METADATA


def format_of(path: Any) -> str:
    """Pillow's name of the format that a file's ending stands for.

    Raises
    ------
    ValueError
        It stands for no format that keeps few colours exactly.
    """
    kind = FORMATS.get(Path(str(path)).suffix.lower())
    if kind is None:
        raise ValueError(
            f"path is {str(path)!r}, and images in few colours are written as "
            f"{', '.join(FORMATS)}, which keep them exactly. Let the name end in one of these; "
            "for other formats save `.image` with Pillow."
        )
    return kind


def encoded(drawing: Drawing, kind: str, *, compress_level: int = 6) -> memoryview:
    """The bytes of a file in one of the formats of `FORMATS`.

    Raises
    ------
    ValueError
        The format cannot hold that many colours, or 16 bits per channel.
    """
    grey = drawing.palette.shape[1] == 1
    if drawing.palette.itemsize > 1 and not (kind == "TIFF" and grey):
        raise ValueError(
            f"A {kind} of few colours holds 8 bits a channel, and this image has 16. Quantise it "
            "with 8 bits, (image // 257).astype('uint8'); or, if it is grey, write a TIFF."
        )
    if len(drawing.palette) > MOST_COLORS and kind in ("PNG", "GIF"):
        raise ValueError(
            f"A {kind} palette holds {MOST_COLORS} colours, and this one has "
            f"{len(drawing.palette)}. Quantise with n_colors={MOST_COLORS} or fewer, or write a "
            "TIFF or a WebP, in true colour."
        )
    return _WRITERS[kind](drawing, compress_level)


def paletted(indices: np.ndarray, palette: np.ndarray) -> Image.Image:
    """A PIL image of mode P."""
    from PIL import Image

    height, width = indices.shape
    data = np.ascontiguousarray(indices, np.uint8)
    image = Image.frombuffer("P", (width, height), data, "raw", "P", 0, 1)
    colors = np.repeat(palette, 3, axis=1) if palette.shape[1] == 1 else palette
    image.putpalette(colors.tobytes(), "RGBA" if colors.shape[1] == 4 else "RGB")
    return image


def for_gif(indices: np.ndarray, palette: np.ndarray) -> Image.Image:
    """A PIL image of mode P with at most one invisible colour; all others are opaque."""
    if palette.shape[1] < 4:
        return paletted(indices, palette)
    hidden = np.flatnonzero(palette[:, 3] < 128)
    places = np.arange(len(palette), dtype=np.uint8)
    places[hidden] = hidden[:1]
    image = paletted(places[indices], np.ascontiguousarray(palette[:, :3]))
    if len(hidden):
        image.info["transparency"] = int(hidden[0])
    return image


def true_color(drawing: Drawing) -> Image.Image:
    """A PIL image that stores the colour of every pixel."""
    from PIL import Image

    pixels = drawing.palette[drawing.indices]
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _png(drawing: Drawing, compress_level: int) -> memoryview:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    for key, value in drawing.metadata.text:
        text.add_text(key[:79], value)
    if drawing.metadata.xmp:
        text.add_itxt(XMP_KEY, drawing.metadata.xmp.decode("utf-8", "replace"))
    profile = drawing.icc_profile
    file = _saved(
        paletted(drawing.indices, drawing.palette),
        "PNG",
        compress_level=compress_level,
        bits=max(1, (len(drawing.palette) - 1).bit_length()),  # older Pillows miscount RGBA
        icc_profile=profile,
        pnginfo=text,
        exif=drawing.metadata.exif,
    )
    # beside a profile, PNG does not allow sRGB
    return with_chunks(file, (c for c in drawing.chunks if not (profile and c[0] == b"sRGB")))


def _gif(drawing: Drawing, compress_level: int) -> memoryview:
    comment = dict(drawing.metadata.text).get("Comment", "")
    options = {"comment": comment.encode()[: 1 << 16]} if comment else {}
    return _saved(for_gif(drawing.indices, drawing.palette), "GIF", optimize=False, **options)


def _tiff(drawing: Drawing, compress_level: int) -> memoryview:
    from PIL import Image

    palette = drawing.palette
    indexed = palette.shape[1] < 4 and palette.itemsize == 1 and len(palette) <= MOST_COLORS
    image = paletted(drawing.indices, palette) if indexed else true_color(drawing)
    tags = Image.Exif()
    if drawing.metadata.exif:
        tags.load(drawing.metadata.exif)
    if drawing.metadata.xmp:
        tags[_XMP_TAG] = drawing.metadata.xmp
    options: dict[str, Any] = {"exif": tags}
    # compression needs libtiff, which cannot write the directories of EXIF
    compression = "raw" if _DIRECTORIES.intersection(tags) else "tiff_adobe_deflate"
    if (dpi := density(drawing.chunks)) is not None:
        options["dpi"] = dpi
    if drawing.icc_profile:
        options["icc_profile"] = drawing.icc_profile
    return _saved(image, "TIFF", compression=compression, **options)


def _webp(drawing: Drawing, compress_level: int) -> memoryview:
    image = true_color(drawing)
    return _saved(
        image if image.mode in ("RGB", "RGBA") else image.convert("RGB"),
        "WEBP",
        lossless=True,
        exact=True,
        icc_profile=drawing.icc_profile or b"",
        exif=drawing.metadata.exif,
        xmp=drawing.metadata.xmp,
    )


def _saved(image: Image.Image, kind: str, **options: Any) -> memoryview:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getbuffer()


_WRITERS: dict[str, Callable[[Drawing, int], memoryview]] = {
    "PNG": _png,
    "GIF": _gif,
    "TIFF": _tiff,
    "WEBP": _webp,
}
