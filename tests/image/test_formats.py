"""Files in which images in few colours are written, reopened by Pillow; profiles and metadata."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from clusterx.image import UnreadableImageError, load, quantize, quantize_animation, remap
from clusterx.image.formats import FORMATS
from tests.image.made_files import chunk, encoded, swapped_profile, with_chunks

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def some(channels, n=300, dtype=np.uint8, seed=0):
    """An image of as many colours as pixels, of which some are invisible."""
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    pixels = rng.integers(0, top, (n // 20, 20, channels), endpoint=True).astype(dtype)
    if channels == 4:
        pixels[..., 3] = rng.choice([0, 60, 200, 255], pixels.shape[:2])
    return pixels


def reopened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def with_hard_edges(rgba):
    """What a GIF keeps of alpha."""
    opaque = rgba[..., 3:] >= 128
    rgb = np.where(opaque, rgba[..., :3], 0)
    return np.concatenate([rgb, np.where(opaque, 255, 0)], axis=2)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_show_what_the_result_says(tmp_path, ending, channels):
    result = quantize(some(channels), 12, random_state=0, max_iter=3)
    path = tmp_path / f"out{ending}"
    result.save(path)
    with Image.open(path) as file:
        shown = np.asarray(file.convert(MODES[channels]))
        true_color = ending == ".webp" or (ending.startswith(".tif") and channels == 4)
        assert file.mode == (MODES[max(3, channels)] if true_color else file.mode)
        if not true_color and ending != ".gif":
            np.testing.assert_array_equal(np.asarray(file), result.indices)
    wanted = result.image
    if channels == 4 and ending == ".gif":
        wanted = with_hard_edges(wanted)
        shown = np.where(shown[..., 3:] > 0, shown, 0)
    np.testing.assert_array_equal(shown.reshape(wanted.shape), wanted)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("k", "bits"), [(2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_has_as_few_bits_as_it_needs(k, bits, channels):
    colors = np.arange(k, dtype=np.uint8)[:, None] * np.ones(channels, np.uint8)
    image = colors[np.random.default_rng(0).permutation(np.arange(300) % k)].reshape(15, 20, -1)
    if channels == 4:
        image[..., 3] = 255 - image[..., 3] // 2
    data = bytes(quantize(image, k).to_png())
    assert (data[24], data[25]) == (bits, 3)  # of the header: depth, and indexed colour
    np.testing.assert_array_equal(
        np.asarray(reopened(data).convert(MODES[channels])).reshape(image.shape), image
    )


def test_true_color_where_a_palette_does_not_fit(tmp_path):
    many = quantize(some(3, 400), 300)
    grey = quantize(some(1, 400, np.uint16), 40, random_state=0, max_iter=2)
    for result, ending in ((many, ".tif"), (many, ".webp"), (grey, ".tiff")):
        result.save(tmp_path / f"a{ending}")
        with Image.open(tmp_path / f"a{ending}") as file:
            shown = np.asarray(file)
        np.testing.assert_array_equal(shown.reshape(result.image.shape), result.image)
    for result, kind, match in (
        (many, "GIF", "holds 256 colours, and this one has 300"),
        (grey, "PNG", "8 bits a channel, and this image has 16"),
        (quantize(some(3, 40, np.uint16), 40), "TIFF", "8 bits a channel"),
    ):
        with pytest.raises(ValueError, match=match):
            result.encode(kind)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"name end in one of these; for other formats save"):
        quantize(some(3), 2).save(tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []


def test_metadata_is_kept_on_request(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8298] = 6, "a photo", "by someone"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:27 06:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:title="fields"/></x:xmpmeta>'
    image = Image.fromarray(some(3))
    with_xmp = Image.Exif()
    with_xmp.load(exif.tobytes())
    with_xmp[700] = xmp
    sources = {
        "JPEG": encoded(image, "JPEG", exif=exif, xmp=xmp, comment=b"words"),
        "WEBP": encoded(image, "WEBP", exif=exif, xmp=xmp),
        "TIFF": encoded(image, "TIFF", exif=with_xmp),
    }
    for kind, source in sources.items():
        result = quantize(io.BytesIO(source), 5, random_state=0)
        assert result.shape[:2] == (20, 15)
        for target in ("PNG", "TIFF", "WEBP"):
            assert not reopened(result.encode(target)).getexif().get(0x8298)
            found = reopened(result.encode(target, metadata=True))
            own = found.getexif()
            assert (own[0x010E], own[0x8298], own.get(0x0112, 1)) == ("a photo", "by someone", 1)
            assert own.get_ifd(0x8769)[0x9003] == "2026:11:27 06:00:00"
            assert own.get_ifd(0x8825)[1] == "N"
            kept = found.info.get("xmp") or found.info["XML:com.adobe.xmp"]
            assert b'tiff:Orientation="1" dc:title="fields"' in kept
            np.testing.assert_array_equal(np.asarray(found.convert("RGB")), result.image)
        gif = reopened(result.encode("GIF", metadata=True))
        assert gif.info.get("comment") == (b"words" if kind == "JPEG" else None)


def test_text_of_a_png_is_kept_on_request():
    text = (b"Title", b"Fields\0of grass"), (b"Raw profile type exif", b"\nexif\n2\n0000")
    data = b"".join(chunk(b"tEXt", key + b"\0" + value) for key, value in text[:1])
    source = with_chunks(encoded(Image.fromarray(some(3))), data)
    result = quantize(io.BytesIO(source), 4)
    assert reopened(result.encode("PNG", metadata=True)).text.keys() == {"Title"}
    assert reopened(result.to_png()).text == {}


def test_damaged_metadata_is_left_out():
    source = with_chunks(
        encoded(Image.fromarray(some(3))), chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")
    )
    result = quantize(io.BytesIO(source), 4)
    assert not reopened(result.encode("PNG", metadata=True)).getexif()


@pytest.mark.parametrize("channels", [3, 4])
def test_profiles_are_converted_to_srgb(channels):
    pixels, profile = some(channels), swapped_profile()
    file = encoded(Image.fromarray(pixels), icc_profile=profile)
    picture = load(io.BytesIO(file))
    wanted = pixels[..., [1, 0, 2, 3][:channels]]
    assert np.abs(picture.pixels.astype(int) - wanted).max() <= 2
    assert picture.icc_profile is None
    assert picture.converted
    png = reopened(quantize(picture, 256).to_png())
    assert png.info["srgb"] == 0
    assert "icc_profile" not in png.info
    kept = load(io.BytesIO(file), profile="keep")
    np.testing.assert_array_equal(kept.pixels, pixels)
    assert (kept.icc_profile, kept.converted) == (profile, "")
    for kind in ("PNG", "TIFF", "WEBP"):
        assert reopened(quantize(kept, 4).encode(kind)).info["icc_profile"] == profile
    with Image.open(io.BytesIO(file)) as image:
        np.testing.assert_array_equal(remap(image, picture.pixels[0, :1]).shape, pixels.shape)
        np.testing.assert_array_equal(
            quantize(image, 300).image[..., :3], quantize(picture, 300).image[..., :3]
        )
    with pytest.raises(ValueError, match="profile must be 'convert' or 'keep', got 'drop'"):
        load(io.BytesIO(file), profile="drop")


def test_frames_are_converted_to_srgb():
    pixels = some(3)
    file = encoded(Image.fromarray(pixels), "WEBP", lossless=True, icc_profile=swapped_profile())
    shown = quantize_animation(io.BytesIO(file), 256, random_state=0).frames[0]
    np.testing.assert_array_equal(
        shown.image, quantize(io.BytesIO(file), 256, random_state=0).image
    )


def test_a_profile_of_srgb_changes_no_value():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = load(io.BytesIO(encoded(Image.fromarray(some(3)), icc_profile=profile)))
    np.testing.assert_array_equal(picture.pixels, some(3))
    assert (picture.icc_profile, picture.converted) == (profile, "")


def test_code_points_go_before_a_profile():
    file = encoded(Image.fromarray(some(3)), icc_profile=swapped_profile())
    picture = load(io.BytesIO(with_chunks(file, chunk(b"cICP", bytes([9, 16, 0, 1])))))
    np.testing.assert_array_equal(picture.pixels, some(3))
    assert picture.icc_profile == swapped_profile()


def test_without_littlecms_a_profile_is_an_error(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    file = encoded(Image.fromarray(some(3)), icc_profile=swapped_profile())
    with pytest.raises(UnreadableImageError, match=r"load\(\.\.\., profile='keep'\)"):
        load(io.BytesIO(file))
    assert load(io.BytesIO(file), profile="keep").converted == ""


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read():
    pixels = np.full((16, 24, 3), 90, np.uint8)
    pixels[:, 12:] = 200
    file = encoded(Image.fromarray(pixels), "AVIF", quality=100, subsampling="4:4:4")
    found = load(io.BytesIO(file)).pixels
    assert found.shape == pixels.shape
    assert np.abs(found.astype(int) - pixels).max() <= 3
