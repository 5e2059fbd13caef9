"""The formats of palette files: bytes to colours (k, 3 or 4) of uint8, and back.

References
----------
Adobe Photoshop File Formats Specification: Color Table, Color Swatches.
GIMP source, app/core/gimppalette-load.c. JASC-PAL is plain text; RIFF palettes: Microsoft, RIFF.
"""

from __future__ import annotations

import struct

import numpy as np

from .colorspace import convert

_RGB, _HSB, _CMYK, _LAB, _GREY = 0, 1, 2, 7, 8  # colour spaces of .aco
_MODELS = {b"RGB ": 3, b"CMYK": 4, b"LAB ": 3, b"Gray": 1}  # of .ase, and their components


class UnreadablePaletteError(ValueError):
    """The file is there, and it is not a palette that can be read."""


def text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _visible(colors: np.ndarray) -> np.ndarray:
    """RGB of the colours that are not invisible."""
    return colors[:, :3] if colors.shape[1] == 3 else colors[colors[:, 3] > 0, :3]


def read_gpl(content: bytes) -> np.ndarray:
    """GIMP: a heading, and lines of three numbers and a name."""
    lines = text_of(content).splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise UnreadablePaletteError("no GIMP palette: its first line is not 'GIMP Palette'.")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        plain = line.strip()
        if plain and not plain.startswith("#") and not plain.startswith(("Name:", "Columns:")):
            rows.append(_numbers(plain.split()[:3], number))
    return np.array(rows, np.uint8).reshape(-1, 3)


def gpl(colors: np.ndarray, name: str) -> bytes:
    lines = ["GIMP Palette", f"Name: {name}", "Columns: 16", "#"]
    for r, g, b in _visible(colors).tolist():
        lines.append(f"{r:3d} {g:3d} {b:3d}\t#{r:02x}{g:02x}{b:02x}")
    return ("\n".join(lines) + "\n").encode()


def read_pal(content: bytes) -> np.ndarray:
    """JASC: 'JASC-PAL', a version, the number of colours, and lines of three numbers; or RIFF."""
    if content.startswith(b"RIFF"):
        return _read_riff(content)
    lines = text_of(content).split("\n")
    if lines[0].strip() != "JASC-PAL" or len(lines) < 3 or not lines[2].strip().isdecimal():
        raise UnreadablePaletteError(
            "neither a JASC palette ('JASC-PAL', a version, and the number of colours on lines) "
            "nor a RIFF one."
        )
    n = int(lines[2])
    rows = [_numbers(line.split(), i) for i, line in enumerate(lines[3:], start=4) if line.strip()]
    if len(rows) < n:
        raise UnreadablePaletteError(f"truncated: {len(rows)} of {n} colours are there.")
    if any(len(row) != len(rows[0]) for row in rows[:n]):
        raise UnreadablePaletteError("some lines have an alpha and others none.")
    found = np.array(rows[:n], np.uint8)
    return found.reshape(n, -1) if n else found.reshape(0, 3)


def jasc(colors: np.ndarray, name: str) -> bytes:
    own = _visible(colors).tolist()
    lines = ["JASC-PAL", "0100", str(len(own)), *(f"{r} {g} {b}" for r, g, b in own)]
    return ("\r\n".join(lines) + "\r\n").encode()


def _numbers(words: list[str], line: int) -> list[int]:
    if len(words) not in (3, 4) or not all(w.isdecimal() and int(w) < 256 for w in words):
        raise UnreadablePaletteError(
            f"line {line}: three numbers from 0 to 255 are wanted, not {' '.join(words)!r}."
        )
    return [int(word) for word in words]


def _read_riff(content: bytes) -> np.ndarray:
    start = content.find(b"data", 12)
    if content[8:12] != b"PAL " or start < 0 or len(content) < start + 12:
        raise UnreadablePaletteError("a RIFF file without a palette.")
    (n,) = struct.unpack_from("<H", content, start + 10)
    return _bytes(content[start + 12 :], n, 4)[:, :3]


def _bytes(content: bytes, n: int, width: int) -> np.ndarray:
    if len(content) < n * width:
        raise UnreadablePaletteError(
            f"truncated: {len(content) // width} of {n} colours are there."
        )
    return np.frombuffer(content, np.uint8, n * width).reshape(n, width).copy()


def read_act(content: bytes) -> np.ndarray:
    """Adobe's colour table: 256 colours; optionally the number in use, and the transparent one."""
    if len(content) not in (768, 772):
        raise UnreadablePaletteError(
            f"an Adobe colour table has 768 or 772 bytes, and this file {len(content)}."
        )
    n, hidden = struct.unpack(">HH", content[768:]) if len(content) == 772 else (256, 65535)
    colors = _bytes(content, 256, 3)[: n if 0 < n <= 256 else 256]
    if hidden >= len(colors):
        return colors
    alpha = np.full((len(colors), 1), 255, np.uint8)
    alpha[hidden] = 0
    return np.concatenate([colors, alpha], axis=1)


def act(colors: np.ndarray, name: str) -> bytes:
    if len(colors) > 256:
        raise ValueError(
            f"an Adobe colour table (.act) holds 256 colours, and this palette has {len(colors)}. "
            "Write it as .gpl or .hex."
        )
    places = np.flatnonzero(colors[:, 3] == 0) if colors.shape[1] == 4 else np.array([], int)
    hidden = int(places[0]) if len(places) else 65535
    table = np.ascontiguousarray(colors[:, :3]).tobytes().ljust(768, b"\0")
    return table + struct.pack(">HH", len(colors), hidden)


def read_aco(content: bytes) -> np.ndarray:
    """Adobe's swatches: 16-bit colours of several spaces; a second part repeats them with names."""
    if len(content) < 4 or struct.unpack_from(">H", content)[0] not in (1, 2):
        raise UnreadablePaletteError("no Adobe swatches: their version is 1 or 2.")
    version, n = struct.unpack_from(">HH", content)
    place = 4
    rows: list[list[float]] = []
    for _ in range(n):
        if len(content) < place + 10 + 4 * (version == 2):
            raise UnreadablePaletteError(f"truncated: {len(rows)} of {n} colours are there.")
        space, *values = struct.unpack_from(">5H", content, place)
        place += 10
        if version == 2:
            place += 4 + 2 * struct.unpack_from(">I", content, place)[0]
        rows.append(_of_swatch(space, values))
    return np.array(rows, np.float64).reshape(-1, 3).round().astype(np.uint8)


def _of_swatch(space: int, values: list[int]) -> list[float]:
    if space == _RGB:
        return [value / 257 for value in values[:3]]
    if space == _HSB:
        hue, saturation, value = (v / 65535 for v in values[:3])
        return [255 * v for v in _of_hsv(hue, saturation, value)]
    if space == _CMYK:  # 0 is all ink
        return [255 * values[i] / 65535 * values[3] / 65535 for i in range(3)]
    if space == _LAB:
        a, b = (v - 65536 if v > 32767 else v for v in values[1:3])
        return _of_lab(values[0] / 100, a / 100, b / 100)
    if space == _GREY:
        return [255 * min(1.0, values[0] / 10000)] * 3
    raise UnreadablePaletteError(
        f"a colour of Adobe's space {space}; RGB (0), HSB (1), CMYK (2), Lab (7) and grey (8) are "
        "read. Save the swatches as RGB."
    )


def _of_hsv(hue: float, saturation: float, value: float) -> list[float]:
    from colorsys import hsv_to_rgb

    return list(hsv_to_rgb(hue, saturation, value))


def _of_lab(*lab: float) -> list[float]:
    return (255 * np.clip(convert(np.array(lab), "lab", "srgb"), 0, 1)).tolist()


def aco(colors: np.ndarray, name: str) -> bytes:
    own = _visible(colors)
    if len(own) > 65535:
        raise ValueError(f"Adobe swatches hold 65535 colours, and this palette has {len(own)}.")
    first, second = struct.pack(">HH", 1, len(own)), struct.pack(">HH", 2, len(own))
    for color in own.tolist():
        values = struct.pack(">5H", _RGB, *(257 * value for value in color), 0)
        first += values
        second += values + struct.pack(">I", 8) + _utf16("#{:02x}{:02x}{:02x}".format(*color))
    return first + second


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be") + b"\0\0"


def read_ase(content: bytes) -> np.ndarray:
    """Adobe's swatches for exchange: blocks of groups and of colours in floating point."""
    if content[:4] != b"ASEF" or len(content) < 12:
        raise UnreadablePaletteError("no Adobe swatch exchange file: it does not begin with ASEF.")
    (n,) = struct.unpack_from(">I", content, 8)
    place, rows = 12, []
    for block in range(n):
        if len(content) < place + 6:
            raise UnreadablePaletteError(f"truncated: {block} of {n} blocks are there.")
        kind, length = struct.unpack_from(">HI", content, place)
        if len(content) < place + 6 + length:
            raise UnreadablePaletteError(f"truncated: {block} of {n} blocks are there.")
        if kind == 1:
            rows.append(_of_block(content[place + 6 : place + 6 + length]))
        place += 6 + length
    return np.array(rows, np.float64).reshape(-1, 3).round().astype(np.uint8)


def _of_block(block: bytes) -> list[float]:
    start = 2 + 2 * struct.unpack_from(">H", block)[0] if len(block) > 1 else 0
    model = block[start : start + 4]
    n = _MODELS.get(model)
    if n is None or len(block) < start + 4 + 4 * n:
        raise UnreadablePaletteError(
            f"a colour of the model {model!r}; RGB, CMYK, LAB and Gray are read."
        )
    values = struct.unpack_from(f">{n}f", block, start + 4)
    if model == b"LAB ":
        return _of_lab(100 * values[0], *values[1:])
    shares = np.clip(values, 0, 1)
    if model == b"CMYK":
        return (255 * (1 - shares[:3]) * (1 - shares[3])).tolist()
    return (255 * np.broadcast_to(shares, 3)).tolist()


def ase(colors: np.ndarray, name: str) -> bytes:
    blocks = []
    for color in _visible(colors).tolist():
        label = _utf16("#{:02x}{:02x}{:02x}".format(*color))
        data = struct.pack(">H", len(label) // 2) + label + b"RGB "
        data += struct.pack(">3fH", *(value / 255 for value in color), 2)
        blocks.append(struct.pack(">HI", 1, len(data)) + data)
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(blocks)) + b"".join(blocks)
