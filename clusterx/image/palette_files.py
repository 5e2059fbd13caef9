"""Files of palettes: GIMP's, JASC's, Microsoft's and Adobe's, lists of hex codes, and images."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import is_array, to_host
from ..files import write
from . import palette_formats as formats
from .palette_formats import UnreadablePaletteError
from .pixels import hex_codes

_HEX = re.compile(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}|[0-9a-fA-F]{12})")
#: for each ending, the function that reads the bytes of such a file, and the one that makes them
FORMATS: dict[str, tuple[Callable[[bytes], np.ndarray], Callable[[np.ndarray, str], bytes]]] = {
    ".gpl": (formats.read_gpl, formats.gpl),
    ".pal": (formats.read_pal, formats.jasc),
    ".aco": (formats.read_aco, formats.aco),
    ".ase": (formats.read_ase, formats.ase),
    ".act": (formats.read_act, formats.act),
}
LISTS = (".hex", ".txt")
_MOST = 1 << 16  # colours of an image that is taken for a palette


def read_palette(path: Any) -> np.ndarray:
    """Read a palette.

    Parameters
    ----------
    path : path
        The ending says the format: .gpl (GIMP), .pal (JASC, or Microsoft's RIFF), .aco, .ase and
        .act (Adobe), .hex and .txt (one hex code per line, as ``#rrggbb``; also Paint.NET's). Any
        other file must be an image; its distinct colours are the palette.

    Returns
    -------
    ndarray of shape (k, 3) or (k, 4), uint8
        RGB, or RGBA if the file has transparent colours. 16-bit colours, and those of other colour
        spaces, are rounded to 8 bits per channel in sRGB.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    UnreadablePaletteError
        The file is not a palette of the format of its ending, is damaged, or has no colours.
    UnreadableImageError
        The ending is of no palette format, and the file is not an image either.

    Examples
    --------
    >>> from clusterx.image import read_palette, write_palette
    >>> write_palette("/tmp/two.gpl", ["#102030", "#ffffff"], overwrite=True)
    >>> read_palette("/tmp/two.gpl").tolist()
    [[16, 32, 48], [255, 255, 255]]
    """
    name, ending = str(path), Path(path).suffix.lower()
    if ending not in FORMATS and ending not in LISTS:
        return _of_image(path)
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{name}: there is no such file. Check the path.") from error
    except OSError as error:
        raise UnreadablePaletteError(f"{name}: cannot be read ({error.strerror}).") from error
    try:
        found = _of_list(content) if ending in LISTS else FORMATS[ending][0](content)
    except UnreadablePaletteError as error:
        raise UnreadablePaletteError(f"{name}: {error}") from error
    if len(found) == 0:
        raise UnreadablePaletteError(f"{name}: the palette has no colours.")
    return found


def write_palette(path: Any, palette: Any, *, name: str = "", overwrite: bool = False) -> None:
    """Write a palette in the format that the file's ending says.

    Parameters
    ----------
    path : path
        Ending in .gpl, .pal (JASC), .aco, .ase, .act, .hex or .txt; see `read_palette`.
    palette : array of shape (k, c), list of str, or QuantizedImage
        uint8 or uint16 (rounded to 8 bits), grey, RGB or RGBA; or hex codes. Lists of hex codes
        keep alpha, and .act keeps which colour is invisible; the other formats leave out invisible
        colours, and drop the alpha of the rest.
    name : str, optional
        Name of the palette, if the format has one; by default that of the file.
    overwrite : bool, default=False
        Whether an existing file may be replaced.

    Raises
    ------
    ValueError
        There is no such format, or it cannot hold this many colours.
    FileExistsError, UnwritableError
        The file exists, or cannot be written; it is written whole or not at all.
    """
    data = encode_palette(as_palette(palette), Path(path).suffix, name or Path(path).stem)
    write(path, data, overwrite=overwrite)


def encode_palette(palette: np.ndarray, ending: str, name: str) -> bytes:
    """The bytes of a palette file in the format of `ending`."""
    ending = ending.lower()
    if ending not in FORMATS and ending not in LISTS:
        known = ", ".join([*FORMATS, *LISTS])
        raise ValueError(f"a palette file ends in {known}, not in {ending!r}. Rename it.")
    colors = np.round(palette / 257.0).astype(np.uint8) if palette.itemsize > 1 else palette
    if colors.shape[1] == 1:
        colors = np.repeat(colors, 3, axis=1)
    if ending in LISTS:
        return "".join(code + "\n" for code in hex_codes(colors)).encode()
    return FORMATS[ending][1](colors, name)


def as_palette(palette: Any) -> np.ndarray:
    """Colours (k, c), uint8 or uint16, from any form in which a palette may be given."""
    palette = getattr(palette, "palette", palette)
    if isinstance(palette, (str, os.PathLike)):
        return read_palette(palette)
    if is_array(palette):
        found = to_host(palette)
    elif isinstance(palette, Iterable):
        items = list(palette)
        codes = bool(items) and all(isinstance(item, str) for item in items)
        found = colors_of_hex(items) if codes else _of_numbers(items)
    else:
        raise TypeError(
            f"palette is a {type(palette).__name__}; wanted is an array of colours (k, channels), "
            "hex codes, the path of a palette file, or a QuantizedImage."
        )
    if found.dtype not in (np.uint8, np.uint16):
        raise TypeError(
            f"palette has dtype {found.dtype}, and colours are uint8 (0..255) or uint16 "
            "(0..65535). Convert it."
        )
    if found.ndim != 2 or found.shape[1] not in (1, 3, 4) or len(found) == 0:
        raise ValueError(
            f"palette has shape {found.shape}; wanted is (k, channels) with at least one colour of "
            "1 channel (grey), 3 (RGB) or 4 (RGBA)."
        )
    return found


def colors_of_hex(codes: Iterable[str]) -> np.ndarray:
    """Colours of hex codes, '#rgb', '#rrggbb', '#rrggbbaa' or '#rrrrggggbbbb'.

    Returns
    -------
    ndarray of shape (k, 3), or (k, 4) if any code has an alpha
        uint16 if any colour needs 16 bits per channel, else uint8.
    """
    found = []
    for code in codes:
        match = _HEX.fullmatch(code.strip())
        if match is None:
            raise ValueError(f"{code!r} is no colour. Write it as #rrggbb, such as #ff8000.")
        digits = match[1]
        if len(digits) < 5:
            digits = "".join(2 * digit for digit in digits)
        step = 4 if len(digits) == 12 else 2
        values = [int(digits[i : i + step], 16) for i in range(0, len(digits), step)]
        found.append(values if step == 4 else [257 * value for value in values])
    has_alpha = any(len(values) == 4 for values in found)
    deep = np.array([v + [65535] * (has_alpha and len(v) == 3) for v in found], np.uint16)
    return deep if (deep % 257).any() else (deep // 257).astype(np.uint8)


def _of_numbers(items: list) -> np.ndarray:
    found = np.asarray(items)
    if found.dtype.kind in "iu" and found.size and 0 <= found.min() and found.max() < 256:
        return found.astype(np.uint8)
    return found


def _of_list(content: bytes) -> np.ndarray:
    """Hex codes, separated by line breaks, spaces or commas; a semicolon begins a comment."""
    text = formats.text_of(content)
    alpha_first = "paint.net" in text.partition("\n")[0].lower()
    codes = []
    for line in text.splitlines():
        for word in line.partition(";")[0].replace(",", " ").split():
            if _HEX.fullmatch(word) is None:
                raise UnreadablePaletteError(
                    f"{word!r} is no colour. Write one a line as #rrggbb, such as #ff8000."
                )
            turned = alpha_first and len(word.lstrip("#")) == 8
            codes.append(word.lstrip("#")[2:] + word.lstrip("#")[:2] if turned else word)
    colors = colors_of_hex(codes)
    if colors.dtype == np.uint16:
        colors = np.round(colors / 257.0).astype(np.uint8)
    opaque = colors.ndim == 2 and colors.shape[1] == 4 and (colors[:, 3] == 255).all()
    return colors[:, :3] if opaque else colors


def _of_image(path: Any) -> np.ndarray:
    from ..kernels import kernels_for
    from .io import decode

    pixels = decode(path).pixels
    if pixels.dtype != np.uint8:
        pixels = np.round(pixels / 257.0).astype(np.uint8)
    rows = np.ascontiguousarray(pixels.reshape(-1, 1 if pixels.ndim == 2 else pixels.shape[2]))
    colors, _ = kernels_for(np).color.color_counts(rows)
    if len(colors) > _MOST:
        raise UnreadablePaletteError(
            f"{path}: the image has {len(colors)} colours, too many for a palette. Quantise it "
            "first."
        )
    return np.repeat(colors, 3, axis=1) if colors.shape[1] == 1 else colors
