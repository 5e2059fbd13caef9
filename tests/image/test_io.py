"""Decoding: modes, orientation, limits, and a message for every broken file."""

import io
import threading

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms

from clusterx.files import write
from clusterx.image import ImageTooLargeError, UnreadableImageError, UnwritableError, load

YCBCR = pytest.mark.skipif(
    int(PIL.__version__.partition(".")[0]) < 13, reason="Pillow can't read what it writes here"
)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return io.BytesIO(file.getvalue())


def gradient(mode, size=(5, 4)):
    values = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0]) * 12
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind", "shape"),
    [
        ("1", "PNG", (4, 5)),
        ("L", "PNG", (4, 5)),
        ("RGB", "PNG", (4, 5, 3)),
        ("RGBA", "PNG", (4, 5, 4)),
        ("LA", "PNG", (4, 5, 4)),
        ("P", "PNG", (4, 5, 3)),
        ("CMYK", "TIFF", (4, 5, 3)),
        pytest.param("YCbCr", "TIFF", (4, 5, 3), marks=YCBCR),
    ],
)
def test_modes(mode, kind, shape):
    image = gradient(mode)
    pixels = load(encoded(image, kind)).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == shape
    wanted = {2: "L", 3: "RGB"}.get(len(shape) if len(shape) == 2 else shape[2], "RGBA")
    np.testing.assert_array_equal(pixels, np.asarray(image.convert(wanted)))


def test_a_palette_with_transparency_becomes_rgba():
    image = Image.frombytes("P", (2, 1), bytes([0, 1]))
    image.putpalette(bytes([9, 8, 7, 0, 6, 5, 4, 128]), "RGBA")
    assert load(encoded(image)).pixels.tolist() == [[[9, 8, 7, 0], [6, 5, 4, 128]]]


def test_a_transparent_color_becomes_alpha():
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8))
    pixels = load(encoded(image, transparency=(1, 2, 3))).pixels
    assert pixels[..., 3].tolist() == [[0, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_stays(kind):
    values = np.array([[0, 300], [40_000, 65_535]], dtype=np.uint16)
    pixels = load(encoded(Image.fromarray(values), kind)).pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, values)


def test_wide_grey_is_kept_where_it_fits():
    values = np.array([[0, 65_535]], dtype=np.int32)
    assert load(encoded(Image.fromarray(values), "TIFF")).pixels.tolist() == values.tolist()
    for bad in (np.array([[70_000]], dtype=np.int32), np.array([[0.5]], dtype=np.float32)):
        with pytest.raises(UnreadableImageError, match="32-bit grey values"):
            load(encoded(Image.fromarray(bad), "TIFF"))


def test_profile_is_kept_only_where_it_fits():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert load(encoded(gradient("RGB"), icc_profile=profile)).icc_profile == profile
    assert load(encoded(gradient("L"), icc_profile=profile)).icc_profile is None
    assert load(encoded(gradient("RGB"), icc_profile=b"x" * 200)).icc_profile is None


@pytest.mark.parametrize("name", ["china", "flower"])
def test_samples(name):
    picture = load(f"sample:{name}.jpg")
    assert picture.pixels.shape == (427, 640, 3)
    assert picture.name == f"sample:{name}.jpg"


@pytest.mark.parametrize("name", ["sample:moon.jpg", "sample:../README", "sample:"])
def test_unknown_samples(name):
    with pytest.raises(FileNotFoundError, match=r"sample:china\.jpg, sample:flower\.jpg"):
        load(name)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.png: there is no such file"):
        load(tmp_path / "gone.png")


def test_folder(tmp_path):
    with pytest.raises(UnreadableImageError, match="a folder"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello, I am text", b"\x89PNG\r\n\x1a\nrubbish"])
def test_no_image(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"a\.png"):
        load(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
def test_truncated(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind).getvalue()
    path = tmp_path / "cut"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnreadableImageError, match="damaged"):
        load(path)


def test_too_large():
    with pytest.raises(ImageTooLargeError, match=r"5 x 4 = 20 pixels.*max_pixels=19"):
        load(encoded(gradient("L")), max_pixels=19)
    assert load(encoded(gradient("L")), max_pixels=20).pixels.size == 20


def test_the_limit_of_pillow(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    with pytest.raises(ImageTooLargeError, match="max_pixels=16"):
        load(encoded(gradient("L")))
    assert load(encoded(gradient("L")), max_pixels=1000).pixels.size == 20
    assert Image.MAX_IMAGE_PIXELS == 8
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12)
    assert load(encoded(gradient("L"))).pixels.size == 20
    assert load(encoded(gradient("L"), "TIFF")).pixels.size == 20  # checked a second time
    assert load(encoded(gradient("L"), "TIFF"), max_pixels=1000).pixels.size == 20
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert load(encoded(gradient("L"))).pixels.size == 20


def test_loading_in_threads_leaves_the_limit_alone():
    before = Image.MAX_IMAGE_PIXELS
    files = [encoded(gradient("RGB")).getvalue() for _ in range(16)]
    loaded = []
    workers = [
        threading.Thread(target=lambda f=f: loaded.append(load(io.BytesIO(f), max_pixels=99)))
        for f in files
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(loaded) == 16
    assert before == Image.MAX_IMAGE_PIXELS


def test_write_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.bin"
    write(path, b"one", overwrite=False)
    with pytest.raises(FileExistsError, match="not overwritten"):
        write(path, b"two", overwrite=False)
    write(path, memoryview(b"three"), overwrite=True)
    assert path.read_bytes() == b"three"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_write_where_nothing_can_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "no" / "a.png", tmp_path / "file" / "a.png"):
        with pytest.raises(UnwritableError, match="cannot be written"):
            write(path, b"x", overwrite=True)
    (tmp_path / "dir").mkdir()
    with pytest.raises(UnwritableError, match="cannot be written"):
        write(tmp_path / "dir", b"x", overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir", "file"]
