"""Animations: read, quantised, written, and opened again by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from clusterx.image import UnreadableImageError, quantize_animation
from clusterx.image.io import frames_of


def moving(channels=3, n=4, size=(18, 25)):
    """A bright square that moves over a ramp; with alpha, over nothing."""
    frames = []
    for number in range(n):
        frame = np.zeros((*size, channels), np.uint8)
        frame[..., :3] = np.linspace(0, 180, size[1])[None, :, None]
        if channels == 4:
            frame[..., 3] = np.where(np.arange(size[1]) < 12, 255, 0)
        frame[3:9, 4 * number : 4 * number + 6] = 255
        frames.append(frame)
    return frames


def shown(data):
    """What Pillow shows of a file: RGBA frames, and their durations."""
    with Image.open(io.BytesIO(data)) as image:
        frames = [np.asarray(f.convert("RGBA")) for f in ImageSequence.Iterator(image)]
        image.seek(1)
        return frames, image.info["duration"], image.info.get("loop")


def rgba(frame, *, binary):
    """The pixels of a result as they are to be shown."""
    pixels = frame.image
    if pixels.shape[2] == 3:
        return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    if binary:
        visible = pixels[..., 3:] >= 128
        pixels = np.where(visible, np.dstack([pixels[..., :3], 0 * visible + 255]), 0)
    return pixels.astype(np.uint8)


@pytest.mark.parametrize("ending", [".gif", ".apng", ".png"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("channels", [3, 4])
def test_files_show_what_the_result_says(tmp_path, ending, shared, channels):
    frames = moving(channels)
    result = quantize_animation(frames, 6, shared=shared, durations=[50, 120, 40, 70], loop=3)
    path = tmp_path / f"a{ending}"
    result.save(path)
    found, duration, loop = shown(path.read_bytes())
    assert (len(found), duration, loop) == (4, 120, 3)
    for pixels, frame in zip(found, result.frames, strict=True):
        wanted = rgba(frame, binary=ending == ".gif")
        visible = wanted[..., 3] > 0
        np.testing.assert_array_equal(pixels[..., 3], wanted[..., 3])
        np.testing.assert_array_equal(pixels[visible], wanted[visible])
    assert all((f.palette == result.frames[0].palette).all() for f in result.frames) or not shared
    with Image.open(path) as image:
        assert (image.mode == "P") == (shared or ending == ".gif")


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})]
)
def test_files_that_are_read(kind, options):
    frames = [Image.fromarray(frame) for frame in moving()]
    file = io.BytesIO()
    frames[0].save(
        file, kind, save_all=True, append_images=frames[1:], duration=[30, 60, 90, 120], loop=2,
        **options,
    )  # fmt: skip
    file.seek(0)
    pictures, durations, loop = frames_of(file)
    assert (durations, loop) == ([30, 60, 90, 120], 2)
    for picture, frame in zip(pictures, moving(), strict=True):
        assert picture.pixels.shape == frame.shape
        if kind != "GIF":
            np.testing.assert_array_equal(picture.pixels, frame)
    file.seek(0)
    result = quantize_animation(file, 300, shared=True)
    np.testing.assert_array_equal(result.frames[2].image, pictures[2].pixels)


def test_a_still_picture_is_an_animation_of_one(tmp_path):
    Image.fromarray(moving()[0]).save(tmp_path / "a.png")
    result = quantize_animation(tmp_path / "a.png", 4)
    assert (len(result.frames), result.durations, result.loop) == (1, [100], 0)
    result.save(tmp_path / "b.gif")
    with pytest.raises(FileExistsError):
        result.save(tmp_path / "b.gif")


def test_dithering_does_not_flicker():
    frames = moving()
    result = quantize_animation(frames, 5, dither="blue-noise", random_state=0)
    still = np.s_[12:, :]
    first = result.frames[0].image[still]
    assert len(np.unique(result.frames[0].indices[still])) > 2
    assert all((frame.image[still] == first).all() for frame in result.frames)


def test_what_is_refused(tmp_path):
    result = quantize_animation(moving(), 4)
    with pytest.raises(ValueError, match=r"written as \.gif"):
        result.save(tmp_path / "a.webp")
    with pytest.raises(ValueError, match="durations has 2 numbers, and there are 4 frames"):
        quantize_animation(moving(), 4, durations=[1, 2])
    with pytest.raises(ValueError, match="one for all"):
        quantize_animation([moving()[0], moving()[0][:5]], 4)
    with pytest.raises(ValueError, match="of none"):
        quantize_animation([], 4)
    file = io.BytesIO()
    images = [Image.fromarray(frame) for frame in moving()]
    images[0].save(file, "GIF", save_all=True, append_images=images[1:])
    (tmp_path / "cut.gif").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    with pytest.raises(UnreadableImageError, match=r"cut\.gif"):
        quantize_animation(tmp_path / "cut.gif", 4)
    with pytest.raises(FileNotFoundError):
        quantize_animation(tmp_path / "no.gif", 4)
