"""Palettes that are given, and their files."""

import struct

import numpy as np
import pytest
from PIL import Image

from clusterx.image import (
    UnreadableImageError,
    UnreadablePaletteError,
    UnwritableError,
    quantize,
    read_palette,
    remap,
    write_palette,
)
from clusterx.image.palette_files import FORMATS, LISTS, as_palette, colors_of_hex
from clusterx.image.pixels import coordinates

COLORS = np.array([[0, 0, 0], [255, 128, 1], [3, 200, 250], [255, 255, 255]], np.uint8)


@pytest.mark.parametrize("ending", [*FORMATS, *LISTS])
def test_files_come_back(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    write_palette(path, COLORS, name="Four")
    np.testing.assert_array_equal(read_palette(path), COLORS)
    with pytest.raises(FileExistsError):
        write_palette(path, COLORS)
    write_palette(path, COLORS[:1].astype(np.uint16) + 257, overwrite=True)
    assert read_palette(path).tolist() == [[1, 1, 1]]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4])
    if ending not in (".gpl", *LISTS):
        with pytest.raises(UnreadablePaletteError, match=f"a{ending}: "):
            read_palette(path)


def test_transparent_colors(tmp_path):
    colors = np.array([[0, 0, 0, 0], [1, 2, 3, 255], [4, 5, 6, 128]], np.uint8)
    for ending in (".hex", ".txt"):
        write_palette(tmp_path / f"a{ending}", colors)
        np.testing.assert_array_equal(read_palette(tmp_path / f"a{ending}"), colors)
    write_palette(tmp_path / "a.act", colors)
    assert read_palette(tmp_path / "a.act")[:, 3].tolist() == [0, 255, 255]
    write_palette(tmp_path / "a.gpl", colors)
    assert read_palette(tmp_path / "a.gpl").tolist() == [[1, 2, 3], [4, 5, 6]]


def swatch(space, *values):
    return struct.pack(">HH", 1, 1) + struct.pack(">5H", space, *values)


def block(model, *values):
    data = struct.pack(">H", 1) + b"\0\0" + model + struct.pack(f">{len(values)}fH", *values, 0)
    group = struct.pack(">HI", 0xC001, 4) + struct.pack(">H", 1) + b"\0\0"
    color = struct.pack(">HI", 1, len(data)) + data
    return b"ASEF" + struct.pack(">HHI", 1, 0, 2) + group + color


@pytest.mark.parametrize(
    ("ending", "content", "color"),
    [
        (".gpl", b"GIMP Palette\r\nName: x\r\n#\r\n 1\t2 3\tOld gold 7\r\n", [1, 2, 3]),
        (".pal", b"JASC-PAL\r\n0100\r\n1\r\n1 2 3\r\n", [1, 2, 3]),
        (".pal", b"RIFF\x14\0\0\0PAL data\x08\0\0\0\0\3\1\0\1\2\3\0", [1, 2, 3]),
        (".aco", swatch(0, 257, 514, 771, 0), [1, 2, 3]),
        (".aco", swatch(1, 0, 65535, 65535, 0), [255, 0, 0]),
        (".aco", swatch(2, 65535, 0, 0, 65535), [255, 0, 0]),
        (".aco", swatch(7, 10000, 0, 0, 0), [255, 255, 255]),
        (".aco", swatch(7, 5324, 8009, 6720, 0), [255, 0, 0]),
        (".aco", swatch(8, 10000, 0, 0, 0), [255, 255, 255]),
        (".ase", block(b"RGB ", 1.0, 0.0, 0.2), [255, 0, 51]),
        (".ase", block(b"Gray", 0.2), [51, 51, 51]),
        (".ase", block(b"CMYK", 0.0, 1.0, 1.0, 0.0), [255, 0, 0]),
        (".ase", block(b"LAB ", 0.5324, 80.09, 67.2), [255, 0, 0]),
        (".act", bytes([1, 2, 3]) + bytes(765) + struct.pack(">HH", 1, 65535), [1, 2, 3]),
        (".hex", b"\xef\xbb\xbf010203\n", [1, 2, 3]),
        (".txt", b"; a comment\n#010203 ; another\n", [1, 2, 3]),
        (".txt", b"; paint.net Palette File\nFF010203\n", [1, 2, 3]),
    ],
)
def test_files_of_others(tmp_path, ending, content, color):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    assert read_palette(path).tolist() == [color]


@pytest.mark.parametrize(
    ("ending", "content", "match"),
    [
        (".gpl", b"Palette\n", "first line is not"),
        (".gpl", b"GIMP Palette\n1 2 300\n", "line 2: three numbers from 0 to 255"),
        (".gpl", b"GIMP Palette\n#\n", "no colours"),
        (".pal", b"hello", "neither a JASC palette"),
        (".pal", b"JASC-PAL\n0100\n3\n1 2 3\n", "1 of 3 colours"),
        (".pal", b"RIFF____WAVE", "without a palette"),
        (".aco", b"\0\7\0\1", "version is 1 or 2"),
        (".aco", swatch(12, 0, 0, 0, 0), "space 12"),
        (".ase", b"text", "does not begin with ASEF"),
        (".ase", block(b"HSV ", 1.0, 1.0, 1.0), "HSV"),
        (".act", b"123", "768 or 772 bytes"),
        (".hex", b"red", "'red' is no colour"),
    ],
)
def test_broken_files(tmp_path, ending, content, match):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(UnreadablePaletteError, match=match) as caught:
        read_palette(path)
    assert str(caught.value).startswith(str(path))


def test_files_that_cannot_be_had(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_palette(tmp_path / "a.gpl")
    (tmp_path / "b.gpl").mkdir()
    with pytest.raises(UnreadablePaletteError, match="cannot be read"):
        read_palette(tmp_path / "b.gpl")
    (tmp_path / "c.xyz").write_text("no image")
    with pytest.raises(UnreadableImageError):
        read_palette(tmp_path / "c.xyz")
    with pytest.raises(UnwritableError):
        write_palette(tmp_path / "no" / "a.gpl", COLORS)
    with pytest.raises(ValueError, match=r"ends in \.gpl"):
        write_palette(tmp_path / "a.xyz", COLORS)
    with pytest.raises(ValueError, match="holds 256 colours"):
        write_palette(tmp_path / "a.act", np.zeros((257, 3), np.uint8))


def test_an_image_is_a_palette(tmp_path):
    Image.fromarray(COLORS.reshape(2, 2, 3)).save(tmp_path / "a.png")
    found = read_palette(tmp_path / "a.png")
    assert {tuple(c) for c in found.tolist()} == {tuple(c) for c in COLORS.tolist()}


@pytest.mark.parametrize(
    ("code", "color"),
    [
        ("#f80", [255, 136, 0]),
        ("FF8000", [255, 128, 0]),
        ("#ff800040", [255, 128, 0, 64]),
        ("#f804", [255, 136, 0, 68]),
        ("#ffff80800000", [255, 128, 0]),
    ],
)
def test_hex_codes(code, color):
    found = colors_of_hex([code])
    assert found.tolist() == [color]
    assert found.dtype == np.uint8


def test_hex_codes_of_sixteen_bits_and_of_mixed_alpha():
    assert colors_of_hex(["#000100020003"]).tolist() == [[1, 2, 3]]
    assert colors_of_hex(["#000", "#ffffff00"]).tolist() == [[0, 0, 0, 255], [255, 255, 255, 0]]
    with pytest.raises(ValueError, match="'#12345' is no colour"):
        colors_of_hex(["#12345"])


def test_palettes_of_every_kind(tmp_path):
    write_palette(tmp_path / "a.gpl", COLORS)
    codes = ["#000", "#ff8001", "#03c8fa", "#fff"]
    for given in (COLORS, COLORS.tolist(), codes, str(tmp_path / "a.gpl"), tmp_path / "a.gpl"):
        np.testing.assert_array_equal(as_palette(given), COLORS)
    result = quantize(COLORS.reshape(2, 2, 3), 4)
    np.testing.assert_array_equal(as_palette(result), result.palette)


@pytest.mark.parametrize(
    ("palette", "error", "match"),
    [
        (7, TypeError, "hex codes"),
        ([[0.5, 0, 1]], TypeError, "float64"),
        (np.zeros((0, 3), np.uint8), ValueError, "at least one colour"),
        (np.zeros((3, 2), np.uint8), ValueError, r"shape \(3, 2\)"),
        (np.zeros((3, 3), np.uint16), TypeError, "Round the palette"),
        (["#ffffff80"], ValueError, "transparent colours"),
        (["red"], ValueError, "'red' is no colour"),
    ],
)
def test_palettes_that_do_not_fit(palette, error, match):
    with pytest.raises(error, match=match):
        remap(np.zeros((2, 2, 3), np.uint8), palette)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_remap_gives_the_nearest(channels, dtype):
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    image = rng.integers(0, top + 1, (40, 31, channels)).astype(dtype)
    palette = rng.integers(0, top + 1, (20, channels)).astype(dtype)
    found = remap(image, palette)
    points = [coordinates(part.reshape(-1, channels)).astype(float) for part in (image, palette)]
    squared = ((points[0][:, None] - points[1][None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found.indices.ravel(), squared.argmin(axis=1))
    np.testing.assert_array_equal(found.palette, palette)
    assert found.mse == pytest.approx(squared.min(axis=1).mean() / channels, rel=1e-6)


def test_palettes_take_the_kind_of_the_image():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert remap(grey, ["#000", "#f00", "#fff"]).palette.tolist() == [[0], [76], [255]]
    deep = remap(np.zeros((2, 2, 3), np.uint16), ["#010203"])
    assert deep.palette.tolist() == [[257, 514, 771]]
    rgba = remap(np.zeros((2, 2, 4), np.uint8), COLORS)
    assert rgba.palette[:, 3].tolist() == [255] * 4
    color = remap(np.zeros((2, 2, 3), np.uint8), np.array([[7], [9]], np.uint8))
    assert color.palette.tolist() == [[7, 7, 7], [9, 9, 9]]
