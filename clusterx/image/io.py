"""Pictures from files, through Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..files import did_you_mean
from .decode import decoded, global_state, quiet_pillow
from .picture import ImageTooLargeError, Picture, UnreadableImageError
from .profiles import in_srgb
from .repair import without_odd_metadata

if TYPE_CHECKING:
    from PIL import Image

ImageSource = str | os.PathLike[str] | IO[bytes]

#: prefix of the name of a photo that scikit-learn ships
SAMPLE = "sample:"

#: most bytes of a colour profile; Pillow applies its limit for text, a megabyte, to profiles too
_MAX_PROFILE = 64 << 20


def load(
    source: ImageSource, *, max_pixels: int | None = None, profile: str = "convert"
) -> Picture:
    """Decode an image file.

    The orientation in EXIF or XMP is applied; metadata that cannot be read is ignored. Colours in
    an ICC profile are converted to sRGB, in which all later steps work. Images with a palette
    become RGB, or RGBA if they have transparency; so does every other mode that is not grey, RGB
    or RGBA. An image with a transparent grey or colour becomes RGBA. 16-bit grey stays uint16. A
    warning is issued if Pillow decodes only 8 of 16 bits (grey with alpha, RGB and RGBA), and if
    the file has several frames, of which the first is read.

    Parameters
    ----------
    source : path, binary file, or 'sample:china.jpg' or 'sample:flower.jpg'
        The samples are photos that come with scikit-learn.
    max_pixels : int, optional
        Refuse images with more pixels. By default twice ``PIL.Image.MAX_IMAGE_PIXELS``, the
        number from which Pillow itself refuses: a small file can decode to more than memory holds.
    profile : {'convert', 'keep'}, default='convert'
        What to do with RGB or CMYK in an ICC profile: 'convert' it to sRGB (perceptual intent,
        through LittleCMS), which clips colours outside sRGB; or 'keep' the RGB values and their
        profile, which is then written with results. Profiles of sRGB itself are always kept. Grey
        is taken as it is, and so are PNGs with a cICP chunk, such as HDR images.

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
    ValueError
        `profile` is neither 'convert' nor 'keep'.
    """
    if profile not in ("convert", "keep"):
        raise ValueError(f"profile must be 'convert' or 'keep', got {profile!r}.")
    picture = decode(source, max_pixels=max_pixels, keep_profile=profile == "keep")
    picture.warn(stacklevel=2)
    return picture


def decode(
    source: ImageSource, *, max_pixels: int | None = None, keep_profile: bool = False
) -> Picture:
    """Decode an image file as `load` does, but without warnings."""
    name = str(source) if isinstance(source, (str, os.PathLike)) else _name_of(source)
    try:
        return _decode(source, name, max_pixels, keep_profile)
    except UnreadableImageError:
        content = _content(source)
        plain = without_odd_metadata(content)
        if plain == content:
            raise
        return _decode(io.BytesIO(plain), name, max_pixels, keep_profile)


def _decode(source: ImageSource, name: str, max_pixels: int | None, keep_profile: bool) -> Picture:
    theirs = _default_limit()
    limit = 2 * theirs if max_pixels is None and theirs is not None else max_pixels
    with _opened(source, name, limit) as image:
        # Pillow checks the size of a TIFF again as it decodes it
        refused = image.format == "TIFF" and theirs and image.width * image.height > theirs
        with _pillow_limit(limit) if refused else nullcontext():
            return _explained(image, name, keep_profile=keep_profile)


def _content(source: ImageSource) -> bytes:
    """The bytes of a file; empty if it cannot be read again."""
    try:
        if isinstance(source, (str, os.PathLike)):
            return Path(source).read_bytes()
        source.seek(0)
        return source.read()
    except OSError:
        return b""


def frames_of(
    source: ImageSource, *, max_pixels: int | None = None
) -> tuple[list[Picture], list[int], int]:
    """All frames of a file, RGB or RGBA; the milliseconds of each; and how often they are shown.

    Frames are as they appear, with what earlier frames left in place; colours in an ICC profile are
    converted to sRGB. If the file gives neither, a frame lasts 100 milliseconds, and the number is
    0 (forever).
    """
    import numpy as np

    name = str(source) if isinstance(source, (str, os.PathLike)) else _name_of(source)
    theirs = _default_limit()
    limit = 2 * theirs if max_pixels is None and theirs is not None else max_pixels
    with _opened(source, name, limit) as image:
        try:
            found, durations = [], []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                found.append(_in_srgb(image.convert("RGBA"), name))
                durations.append(round(image.info.get("duration", 0)) or 100)
        except Exception as error:  # as for a single picture
            raise UnreadableImageError(
                f"{name}: frame {len(found)} is truncated or damaged ({error}). Fetch or export "
                "the file again."
            ) from error
        loop = image.info.get("loop", 0)
    if all((pixels[..., 3] == 255).all() for pixels in found):
        found = [np.ascontiguousarray(pixels[..., :3]) for pixels in found]
    return [Picture(pixels, name) for pixels in found], durations, int(loop)


def _in_srgb(frame: Image.Image, name: str) -> Any:
    import numpy as np

    profile = frame.info.get("icc_profile")
    found = in_srgb(frame, profile, name) if isinstance(profile, bytes) else None
    return np.asarray(frame) if found is None else found.pixels


def picture_of(image: Image.Image) -> Picture:
    """The pixels of a PIL image, converted as `load` does."""
    picture = _explained(image, "image")
    picture.warn(stacklevel=2)
    return picture


def _explained(image: Image.Image, name: str, *, keep_profile: bool = False) -> Picture:
    """The decoded image; raises an error that explains why it cannot be decoded."""
    try:
        return decoded(image, name, keep_profile=keep_profile)
    except UnreadableImageError:
        raise
    except MemoryError as error:
        raise ImageTooLargeError(
            f"{name}: {image.width} x {image.height} pixels do not fit into memory. "
            "Scale the image down first."
        ) from error
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise UnreadableImageError(
            f"{name}: the image is truncated or damaged ({error}). Fetch or export the file again."
        ) from error


def _name_of(file: IO[bytes]) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "the open file"


@contextmanager
def _opened(source: ImageSource, name: str, limit: int | None) -> Iterator[Image.Image]:
    from PIL import UnidentifiedImageError

    target = _sample(source) if isinstance(source, str) and source.startswith(SAMPLE) else source
    try:
        image = _open_limited(target, name, limit)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{name}: there is no such file.{did_you_mean(name)} sample:china.jpg and "
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


def _default_limit() -> int | None:
    """Pillow's limit of pixels, from which it warns."""
    from PIL import Image

    with global_state:
        return Image.MAX_IMAGE_PIXELS


@contextmanager
def _pillow_limit(limit: int | None) -> Iterator[None]:
    """Replace Pillow's limits, which are globals, by ours; a lock is held meanwhile."""
    from PIL import Image, PngImagePlugin

    with quiet_pillow():
        theirs = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        Image.MAX_IMAGE_PIXELS = limit
        PngImagePlugin.MAX_TEXT_CHUNK = max(theirs[1], _MAX_PROFILE)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = theirs


def _open_limited(source: ImageSource, name: str, limit: int | None) -> Image.Image:
    """Open an image, which reads its header, unless it has more pixels than `limit`."""
    from PIL import Image

    cure = "Raise max_pixels (--max-pixels) if you trust the file, or scale the image down."
    try:
        with _pillow_limit(limit):
            image = Image.open(source)
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(f"{name}: more than max_pixels={limit} pixels. {cure}") from error
    if limit is not None and image.width * image.height > limit:
        image.close()
        raise ImageTooLargeError(
            f"{name}: {image.width} x {image.height} = {image.width * image.height} pixels, more "
            f"than max_pixels={limit}. {cure}"
        )
    return image
