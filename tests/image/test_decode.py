"""Modes, depths and frames: read right, or refused or warned of in plain words."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from clusterx.image import UnreadableImageError, decode, load, quantize
from tests.image.made_files import directory, encoded, png, tiff

GREY = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
COLOR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)
DEEP = np.random.default_rng(0).integers(0, 65536, (4, 5, 4)).astype(np.uint16)
ONE_FRAME = "the first of 3 frames"


@pytest.mark.parametrize("mode", ["RGBX", "CMYK", "YCbCr", "HSV", "P"])
def test_modes_that_become_rgb(mode):
    image = Image.fromarray(COLOR).convert(mode)
    np.testing.assert_array_equal(quantize(image, 256).image, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La", "PA"])
def test_modes_that_become_rgba(mode):
    image = Image.fromarray(np.dstack([COLOR, GREY + 20]))
    image = image.convert({"La": "LA", "PA": "P"}.get(mode, "RGBA")).convert(mode)
    between = image.convert("LA") if mode == "La" else image
    np.testing.assert_array_equal(quantize(image, 256).image, np.asarray(between.convert("RGBA")))


def test_lab_becomes_srgb():
    lab, srgb = (ImageCms.createProfile(space) for space in ("LAB", "sRGB"))
    red = Image.new("RGB", (2, 1), (200, 30, 90))
    image = ImageCms.profileToProfile(red, srgb, lab, outputMode="LAB")
    for source in (image, io.BytesIO(encoded(image, "TIFF"))):
        np.testing.assert_allclose(quantize(source, 1).palette, [[200, 30, 90]], atol=3)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I;16N", "I", "F", "1"])
def test_modes_that_become_grey(mode):
    if mode.startswith("I;16"):
        values = DEEP[..., 0]
        stored = values.astype(">u2") if mode == "I;16B" else values
        image = Image.frombytes(mode, (5, 4), stored.tobytes())
    else:
        image = Image.fromarray(GREY).convert(mode)
        values = np.asarray(image.convert("L") if mode == "1" else image)
    np.testing.assert_array_equal(quantize(image, 256).image, values)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(("channels", "planar"), [(3, False), (3, True), (4, False)])
def test_a_tiff_of_sixteen_bit_colors_is_read_with_a_warning(order, deflate, channels, planar):
    file = io.BytesIO(tiff(DEEP[..., :channels], order=order, deflate=deflate, planar=planar))
    with pytest.warns(UserWarning, match="8 of the file's 16 bits per channel"):
        pixels = load(file).pixels
    np.testing.assert_array_equal(pixels, DEEP[..., :channels] >> 8)


@pytest.mark.parametrize(("color_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_a_png_of_sixteen_bit_colors_is_read_with_a_warning(color_type, channels):
    file = io.BytesIO(png(DEEP[..., :channels], 16, color_type))
    for source in (file, Image.open(file)):
        with pytest.warns(UserWarning, match="8 of the file's 16 bits per channel"):
            image = quantize(source, 256).image
    channel = -1 if channels != 3 else 2
    np.testing.assert_array_equal(image[..., channel], DEEP[..., channels - 1] >> 8)


def test_a_pixmap_of_sixteen_bit_colors_is_read_with_a_warning():
    file = b"P6 5 4 65535\n" + DEEP[..., :3].astype(">u2").tobytes()
    with pytest.warns(UserWarning, match="8 of the file's 16 bits per channel"):
        assert load(io.BytesIO(file)).pixels.shape == (4, 5, 3)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_eight_bits_are_not_taken_for_sixteen(kind):
    # 160 columns, 16 strips and 16 bits for a whole pixel
    image = Image.fromarray(np.zeros((16, 160, 3), np.uint8))
    assert load(io.BytesIO(encoded(image, kind))).pixels.dtype == np.uint8


@pytest.mark.parametrize("deflate", [False, True])
def test_sixteen_bit_grey_whose_zero_is_white(deflate):
    file = tiff(DEEP[..., 0], deflate=deflate, photometric=0)
    np.testing.assert_array_equal(load(io.BytesIO(file)).pixels, 65535 - DEEP[..., 0])


def test_twelve_bit_grey_fills_the_range():
    packed = np.frombuffer(bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x01]), np.uint8).reshape(1, 6)
    bits, width = (258, 3, 1, b"\x0c\0"), (256, 3, 1, b"\4\0")
    file = tiff(packed, bits, width)
    assert load(io.BytesIO(file)).pixels.tolist() == [[0, 65535, 0x8008, 16]]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("PNG", {"default_image": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("MPO", {}),
    ],
)
def test_the_first_of_several_frames_is_read_with_a_warning(kind, options):
    frames = [Image.new("RGB", (6, 6), (v, v, v)) for v in (0, 90, 180)]
    file = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    for source in (io.BytesIO(file), Image.open(io.BytesIO(file))):
        with pytest.warns(UserWarning, match=ONE_FRAME):
            assert (quantize(source, 2).image[..., :3] == 0).all()
    with Image.open(io.BytesIO(file)) as chosen:
        chosen.seek(1)
        assert abs(quantize(chosen, 2).image[..., 0].astype(int) - 90).max() < 3


def test_one_frame_is_not_several():
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        assert load(io.BytesIO(encoded(Image.new("L", (2, 2)), kind))).frames == 1


def test_counting_frames_keeps_what_was_drawn():
    frames = [Image.new("L", (6, 6), v) for v in (0, 90)]
    for kind in ("GIF", "TIFF"):
        image = Image.open(
            io.BytesIO(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
        )
        ImageDraw.Draw(image).point((0, 0), 1)
        drawn = np.asarray(image.convert("RGB"))[..., 0]
        found = quantize(image, 3).image
        np.testing.assert_array_equal(found if found.ndim == 2 else found[..., 0], drawn)


def test_a_damaged_second_frame_is_no_fault_of_the_first():
    file = tiff(GREY)
    assert file[-4:] == GREY.tobytes()[-4:]
    second = len(file) + len(file) % 2
    broken = directory((256, 3, 1, b"\7\0"))[8:]  # a width and nothing else
    end = 8 + 2 + 12 * int.from_bytes(file[8:10], "little")
    linked = file[:end] + second.to_bytes(4, "little") + file[end + 4 :]
    linked = linked.ljust(second, b"\0") + broken
    with pytest.warns(UserWarning, match="the first of 2 frames"):
        np.testing.assert_array_equal(load(io.BytesIO(linked)).pixels, GREY)


def test_an_open_image_that_is_truncated_is_named():
    file = encoded(Image.effect_noise((64, 64), 50), "PNG")
    with Image.open(io.BytesIO(file[: len(file) // 2])) as image:
        with pytest.raises(UnreadableImageError, match="image: the image is truncated"):
            quantize(image, 2)


def test_odd_metadata_warns_of_nothing():
    resolution = (282, 3, 1, b"\7\0\7\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(io.BytesIO(tiff(GREY, resolution, (315, 2, 2**30, b"\xff" * 4))))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_large_images_are_taken_in_parts(mode, monkeypatch):
    monkeypatch.setattr(decode, "_AT_ONCE", 100)
    grey = np.arange(600, dtype=np.uint8).reshape(20, 30)
    image = Image.fromarray(np.stack([grey, grey[::-1], grey[:, ::-1]], axis=2)).convert(mode)
    wanted = np.asarray(image.convert("RGB") if mode == "P" else image)
    found = load(io.BytesIO(encoded(image))).pixels
    np.testing.assert_array_equal(found, wanted)
    assert not found.flags.writeable
