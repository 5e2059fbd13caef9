"""Pictures in and out of files, through Pillow."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

Source = str | os.PathLike[str] | IO[bytes]

#: what stands before the name of a photo that scikit-learn ships
SAMPLE = "sample:"


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
        The colour profile that RGB pixels are in.
    """

    pixels: np.ndarray
    name: str
    icc_profile: bytes | None = None


def load(source: Source, *, max_pixels: int | None = None) -> Picture:
    """Decode an image file.

    The EXIF orientation is applied. Palettes become RGB, or RGBA where they have transparency;
    so does every other mode that is not grey, RGB or RGBA. Sixteen-bit grey stays uint16; Pillow
    reads sixteen-bit colour as eight, which a warning tells. Of an animation, the first frame.

    Parameters
    ----------
    source : path, binary file, or 'sample:china.jpg' or 'sample:flower.jpg'
        The samples are photos that come with scikit-learn.
    max_pixels : int, optional
        Refuse images with more pixels. By default twice ``PIL.Image.MAX_IMAGE_PIXELS``, where
        Pillow itself refuses: a small file can decode to more than the memory holds.

    Returns
    -------
    Picture

    Raises
    ------
    FileNotFoundError
        There is no such file or sample.
    UnreadableImageError
        It is not an image, it is truncated or damaged, or it may not be read.
    ImageTooLargeError
        It has more than `max_pixels` pixels.
    """
    name = str(source) if isinstance(source, (str, os.PathLike)) else _name_of(source)
    with _opened(source, name, max_pixels) as image:
        try:
            return _decoded(image, name)
        except UnreadableImageError:
            raise
        except MemoryError as error:
            raise ImageTooLargeError(
                f"{name}: {image.width} x {image.height} pixels do not fit into memory. "
                "Scale the image down first."
            ) from error
        except Exception as error:  # decoders of damaged files raise whatever they stumble over
            raise UnreadableImageError(
                f"{name}: the image is truncated or damaged ({error}). "
                "Fetch or export the file again."
            ) from error


def picture_of(image: Image.Image) -> Picture:
    """The pixels of a PIL image, converted as `load` does."""
    return _decoded(image, "image")


def _name_of(file: IO[bytes]) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "the open file"


@contextmanager
def _opened(source: Source, name: str, max_pixels: int | None) -> Iterator[Image.Image]:
    from PIL import UnidentifiedImageError

    target = _sample(source) if isinstance(source, str) and source.startswith(SAMPLE) else source
    try:
        image = _open_limited(target, name, max_pixels)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{name}: there is no such file. Check the path; sample:china.jpg and "
            "sample:flower.jpg are always there."
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            f"{name}: not an image in a format that Pillow reads. Convert it to PNG, JPEG or TIFF."
        ) from error
    except ImageTooLargeError:
        raise
    except IsADirectoryError as error:
        raise UnreadableImageError(f"{name}: a folder; name the image files in it.") from error
    except PermissionError as error:
        raise UnreadableImageError(f"{name}: no permission to read the file.") from error
    except Exception as error:
        raise UnreadableImageError(
            f"{name}: the file's header is damaged ({error}). Fetch or export it again."
        ) from error
    with image:
        yield image


def _sample(source: str) -> Path:
    import sklearn.datasets

    folder = Path(sklearn.datasets.__file__).parent / "images"
    path = folder / source.removeprefix(SAMPLE)
    names = sorted(photo.name for photo in folder.glob("*.jpg"))
    if path.name not in names or path.parent != folder:
        known = ", ".join(SAMPLE + name for name in names)
        raise FileNotFoundError(f"{source}: there is no such sample. Samples: {known}.")
    return path


_limit_lock = threading.Lock()


def _open_limited(source: Source, name: str, max_pixels: int | None) -> Image.Image:
    """Read the header, under a limit of our own in the place of Pillow's."""
    from PIL import Image

    pillow_limit = Image.MAX_IMAGE_PIXELS
    limit = max_pixels
    if limit is None and pillow_limit is not None:
        limit = 2 * pillow_limit
    # Pillow has its limit in a global only. It is set for the header alone, and never unset.
    with _limit_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = limit
        try:
            image = Image.open(source)
        except Image.DecompressionBombError as error:
            raise ImageTooLargeError(
                f"{name}: more than max_pixels={limit} pixels. Raise max_pixels (--max-pixels) "
                "if you trust the file, or scale the image down."
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit
    if limit is not None and image.width * image.height > limit:
        image.close()
        raise ImageTooLargeError(
            f"{name}: {image.width} x {image.height} = {image.width * image.height} pixels, more "
            f"than max_pixels={limit}. Raise max_pixels (--max-pixels) if you trust the file, or "
            "scale the image down."
        )
    return image


def _decoded(image: Image.Image, name: str) -> Picture:
    from PIL import ImageOps

    if image.mode == "RGB" and any("16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        warnings.warn(
            f"{name}: Pillow reads sixteen-bit colour as eight bits a channel. Decode the file "
            "with another library and pass the uint16 array to keep them all.",
            UserWarning,
            stacklevel=4,
        )
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    pixels = _pixels(upright, name)
    # a profile of another colour space, CMYK for one, does not describe the converted pixels
    fits = profile and pixels.ndim == 3 and profile[16:20] == b"RGB "
    return Picture(pixels, name, profile if fits else None)


def _pixels(image: Image.Image, name: str) -> np.ndarray:
    mode = image.mode
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16, copy=False)
    if mode in ("I", "F"):
        return _integers(np.asarray(image), name)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image)


def _integers(values: np.ndarray, name: str) -> np.ndarray:
    """32-bit grey as uint16, where that holds it exactly."""
    narrow = np.clip(np.nan_to_num(values), 0, 65535).astype(np.uint16)
    if not np.array_equal(narrow, values):
        raise UnreadableImageError(
            f"{name}: 32-bit grey values from {values.min()} to {values.max()}, which uint16 does "
            "not hold exactly. Scale them to whole numbers in 0..65535 and pass that array."
        )
    return narrow


def indexed_png(
    indices: np.ndarray,
    palette: np.ndarray,
    *,
    icc_profile: bytes | None = None,
    compress_level: int = 6,
) -> memoryview:
    """Encode an indexed PNG.

    Parameters
    ----------
    indices : ndarray of shape (height, width), uint8
    palette : ndarray of shape (k, 1), (k, 3) or (k, 4), uint8, k <= 256
        Grey, RGB or RGBA.
    icc_profile : bytes, optional
        Colour profile of the palette's colours.
    compress_level : int
        zlib's, 0 to 9.

    Returns
    -------
    memoryview
    """
    from PIL import Image

    height, width = indices.shape
    image = Image.frombuffer("P", (width, height), np.ascontiguousarray(indices), "raw", "P", 0, 1)
    if palette.shape[1] == 1:
        palette = np.repeat(palette, 3, axis=1)
    image.putpalette(palette.tobytes(), "RGBA" if palette.shape[1] == 4 else "RGB")
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=compress_level, icc_profile=icc_profile)
    return file.getbuffer()
