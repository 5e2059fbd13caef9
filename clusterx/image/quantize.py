"""Colour quantisation by k-means on the unique colours, weighted by how often they occur.

The sum over all pixels of the squared distance to a palette is the sum over the unique colours of
count times squared distance. So k-means weighted by the counts minimises the same sum as k-means on
all pixels, over tens of times fewer points (Celebi, "Improving the performance of k-means for color
quantization", Image and Vision Computing 29(4), 2011).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..arrays import Array, dtype_name, namespace, to_host
from ..files import refuse_existing, write
from ..kernels import kernels_for
from ..properties import cached_property
from .clustering import Clustering
from .device import back, describe, move
from .dithering import Dither, as_dither
from .entries import by_palette
from .formats import Drawing, encoded, format_of
from .metadata import NO_METADATA, Metadata
from .picture import Chunks
from .pixels import PEAK, Pixels, Space, as_pixels, paint, psnr
from .settings import Settings
from .targets import fewest_colors
from .weighting import check_importance, importance_of_colors


@dataclass(frozen=True, eq=False)
class QuantizedImage:
    """An image in few colours: what `quantize` returns.

    Attributes
    ----------
    indices : array of shape (height, width)
        Place in the palette of every pixel's colour; uint8, uint16 or int32, as the palette needs.
    palette : array of shape (k, c)
        The colours, of the image's dtype, in the order asked for.
    counts : array of shape (k,), int64
        Pixels of each colour. It may be 0 for colours that were to be kept or given, in a palette
        that several images share, and after dithering.
    mse : float
        Mean over pixels and channels of the squared difference between the image and the palette
        as stored, in whole numbers; always in sRGB, whatever `space` is. The colours of RGBA are
        premultiplied; see `quantize`.
    psnr : float
        Peak signal-to-noise ratio in dB, ``10 log10(peak**2 / mse)`` with a peak of 255 or 65535;
        infinite for an image without loss.
    inertia : float
        The objective, in `space`: the weighted sum of squared distances from all pixels to the
        centres before they were rounded.
    n_iter : int
        Iterations of k-means; 0 if it did not run, such as for an image that has no more colours
        than the palette may have.
    n_unique : int
        Unique colours of the image, invisible ones counted as one.
    seconds : dict of str to float
        Wall time of the stages: 'read' (decode), 'count', 'cluster', and 'remap' or 'dither'; empty
        after `remap`.
    device : str
        Library and device that did the work.
    space : str
        Space in which colours were compared, and in which `inertia` is measured.
    """

    indices: Array
    palette: Array
    counts: Array
    mse: float
    psnr: float
    inertia: float
    n_iter: int
    n_unique: int
    seconds: dict[str, float]
    device: str
    shape: tuple[int, ...] = field(repr=False)
    space: str = "srgb"
    icc_profile: bytes | None = field(default=None, repr=False)
    chunks: Chunks = field(default=(), repr=False)
    metadata: Metadata = field(default=NO_METADATA, repr=False)

    @cached_property
    def image(self) -> Array:
        """The image painted in the palette's colours, of the shape and dtype of the original."""
        return paint(self.indices, self.palette, self.shape)

    def save(
        self,
        path: Any,
        *,
        overwrite: bool = False,
        compress_level: int = 6,
        metadata: bool = False,
    ) -> None:
        """Write the image to a file that keeps its colours exactly.

        Parameters
        ----------
        path : path ending in .png, .gif, .tif, .tiff or .webp
            PNG, GIF and TIFF have a palette; WebP, which is lossless, and TIFF with alpha or more
            than 256 colours are in true colour. A GIF stores only whether alpha is at least half.
            The file is written whole or not at all.
        overwrite : bool, default=False
            Whether an existing file may be replaced.
        compress_level : int, default=6
            zlib's level for PNG: 0 is fast and gives a large file, 9 is slow and gives a small one.
        metadata : bool, default=False
            Whether to write the metadata of the file that was read, where the format has a place
            for it: EXIF and XMP in PNG, TIFF and WebP, text in PNG, a comment in GIF. It may say
            where a photo was taken. The orientation is left out, because the image is upright. A
            TIFF with EXIF directories is not compressed.

        Raises
        ------
        ValueError
            The name has another ending, or the palette does not fit the format: it has more than
            256 colours, or 16 bits per channel (which only TIFF holds, for grey).
        FileExistsError
            There is such a file.
        UnwritableError
            The folder is missing or not writable.

        Notes
        -----
        The ICC profile of the file that was read is written, except to GIF; its density is written
        to PNG and TIFF, and other chunks on colour to PNG.
        """
        kind = format_of(path)
        if not overwrite:
            refuse_existing(path)
        data = self.encode(kind, compress_level=compress_level, metadata=metadata)
        write(path, data, overwrite=overwrite)

    def to_png(self, *, compress_level: int = 6) -> memoryview:
        """The indexed PNG that `save` writes."""
        return self.encode("PNG", compress_level=compress_level)

    def encode(self, kind: str, *, compress_level: int = 6, metadata: bool = False) -> memoryview:
        """The bytes of a file.

        Parameters
        ----------
        kind : {'PNG', 'GIF', 'TIFF', 'WEBP'}
        compress_level, metadata
            As in `save`.
        """
        drawing = Drawing(
            to_host(self.indices), to_host(self.palette), self.icc_profile, self.chunks
        )
        if metadata:
            drawing = drawing._replace(metadata=self.metadata)
        return encoded(drawing, kind, compress_level=compress_level)


def quantize(
    image: Any,
    n_colors: int = 16,
    *,
    method: str = "kmeans",
    space: str = "srgb",
    lightness: float = 1.0,
    init: Any = "auto",
    n_init: int = 1,
    max_iter: int = 100,
    tol: float = 1e-5,
    keep: Any = (),
    order: str = "lightness",
    importance: Any = None,
    min_share: float = 0.0,
    min_psnr: float | None = None,
    max_delta_e: float | None = None,
    dither: Any = "none",
    random_state: Any = None,
    device: str = "auto",
    max_pixels: int | None = None,
) -> QuantizedImage:
    """Reduce an image to few colours, by default by exact k-means over all its pixels.

    Parameters
    ----------
    image : array, path, PIL image or open binary file
        An array of any library: (height, width) or (height, width, 1) grey, (height, width, 3)
        RGB, (height, width, 4) RGBA; uint8 or uint16. Files are decoded by `io.load`.
    n_colors : int, default=16
        Colours of the palette, exactly; an image with at most this many keeps all of its own.
    method : {'kmeans', 'minibatch', 'wu', 'median-cut', 'octree'}, default='kmeans'
        k-means, exact or by mini-batches; or by cutting colour space alone, which takes less
        time and has a larger error.
    space : {'srgb', 'linear', 'lab', 'oklab'}, default='srgb'
        Where colours are compared.
    lightness : float, default=1.0
        Factor of the lightness in CIELAB and Oklab; above 1, differences in lightness count more.
    init : {'auto', 'k-means++', 'maximin', 'random', 'wu', 'median-cut', 'octree'} or array of \
shape (n_colors, c), default='auto'
        Starting colours: a method, or an array of colours in the image's values. 'auto' tries
        several starts on at most 8,192 cells of colour space, and improves the best by splitting
        and dropping clusters; for more than 1,024 colours it is 'k-means++'.
    n_init : int, default=1
        Runs from different starts; the best is kept.
    max_iter : int, default=100
        Maximum number of iterations of a run.
    tol : float, default=1e-5
        A run is over when the centres move less than this, relative to the colours' variance.
    keep : sequence of str, or array of shape (m, c), default=()
        Colours that the palette must contain, unchanged: hex codes such as '#ff8800', or rows of
        the image's dtype.
    order : {'lightness', 'hue', 'popularity'}, default='lightness'
        Order of the palette: from dark to light; greys, then by hue; or the most frequent first.
        With the first two, an invisible colour comes first.
    importance : array of shape (height, width), optional
        Weight of each pixel, 0 or more; 1 by default.
    min_share : float, default=0.0
        Protects rare colours: colour space is cut into 32 cubes along each channel, and the
        weight of a cube that has less than this share of the total weight is raised to it.
    min_psnr : float, optional
        Find the fewest colours, at most `n_colors`, with at least this `psnr` in dB, measured
        before any dithering.
    max_delta_e : float, optional
        Find the fewest colours, at most `n_colors`, with at most this mean CIEDE2000 difference.
        With a target, or both, about ten numbers of colours are tried.
    dither : str or Dither, default='none'
        How pixels are dithered with the palette that was found; see `Dither`. `mse`, `psnr` and
        `counts` are then those of the dithered image, and some counts may be 0.
    random_state : int, RandomState or None
        An int makes the result reproducible.
    device : {'auto', 'cpu', 'cuda'}, default='auto'
        Where to compute. 'auto': arrays where they are, files on a GPU if CuPy finds one. Results
        are returned where the image was; those of a file, in host memory.
    max_pixels : int, optional
        Largest file to decode; see `io.load`.

    Returns
    -------
    QuantizedImage

    Raises
    ------
    TypeError, ValueError
        `image` is not an image, its dtype is not uint8 or uint16, or a parameter is out of range.
    FileNotFoundError, UnreadableImageError, ImageTooLargeError
        The file is missing, is no image or is damaged, or exceeds `max_pixels`.
    DeviceError
        There is no such device.

    Warns
    -----
    UserWarning
        `n_colors` colours do not reach `min_psnr` or `max_delta_e`.

    See Also
    --------
    quantize_many : one palette for several images.

    Notes
    -----
    k-means minimises the sum over all pixels of the squared Euclidean distance between colour and
    palette colour in `space`, times the pixel's weight: 1, unless `importance` or `min_share` say
    otherwise. In sRGB, distances are in the values as given. k-means runs on centres in
    floating point; they are rounded to the image's dtype at the end, and every pixel gets the
    nearest of the rounded colours. `mse` and `psnr` are those of that result.

    The palette has exactly `n_colors` different colours, and all have pixels, except for some of
    those in `keep`, and with dithering. If centres coincide after rounding, or are nearest to no
    pixel, others take their places: colours of the image with the largest weighted error. An image
    with at most `n_colors` colours keeps them, without loss, and is not dithered: `n_unique` says
    how many it has, `mse` is 0, and the palette is that short. Colours that have no `importance`
    don't count.

    RGBA is compared with the colour premultiplied, in sRGB as (ra, ga, ba, A), with A the alpha
    channel and a = A / peak. That is the error seen on a black background, plus the error in alpha;
    a faint pixel weighs little. Invisible pixels (A = 0) are one colour, (0, 0, 0, 0). If there are
    any, and two colours or more are allowed, that colour is in the palette, and the other
    ``n_colors - 1`` are found from the visible pixels alone: invisible pixels take one entry,
    however many they are. In an `init` array, the colour of least alpha gives way to it.

    Colours are counted first, in O(n) time for n pixels; an iteration takes at most O(u k) for u
    unique colours.

    Examples
    --------
    >>> from clusterx.image import quantize
    >>> result = quantize("sample:china.jpg", 16, random_state=0)
    >>> result.palette.shape, result.indices.shape
    ((16, 3), (427, 640))
    """
    settings = Settings(
        n_colors, method, Space(space, lightness), init, n_init, max_iter, tol, random_state, keep,
        order, min_share, min_psnr, max_delta_e,
    )  # fmt: skip
    how = as_dither(dither, space)
    seconds: dict[str, float] = {}
    with timed(seconds, "read"):
        pixels = as_pixels(image, max_pixels=max_pixels)
        settings.check(pixels.rows.shape[1], dtype_name(pixels.rows.dtype))
        if importance is not None:
            check_importance(importance, pixels.shape)
        rows = move(pixels.rows, device, from_file=pixels.from_file)
    return quantize_rows(pixels, rows, settings, seconds, importance, how)


def quantize_rows(
    pixels: Pixels,
    rows: Array,
    settings: Settings,
    seconds: dict[str, float],
    importance: Any = None,
    dither: Dither | None = None,
) -> QuantizedImage:
    """Quantise the pixels; `rows` are their colours, on the device where the work is done."""
    kernels = kernels_for(namespace(rows))
    with timed(seconds, "count"):
        colors, counts = kernels.color.color_counts(rows)
        weights = None
        if importance is not None:
            weights = importance_of_colors(importance, rows, colors)
    with timed(seconds, "cluster"):
        found = fewest_colors(colors, counts, math.prod(rows.shape), settings, weights)
    # diffused colours are rounded, which would lose what a palette of all colours keeps
    if dither is not None and dither.active and found.error > 0:
        with timed(seconds, "dither"):
            entries = by_palette(rows, pixels.shape[:2], found.palette, dither)
        found = found._replace(counts=entries.counts, error=entries.error)
        return quantized(pixels, rows, entries.indices, found, settings.space.name, seconds)
    with timed(seconds, "remap"):
        indices = kernels.color.remap(rows, colors, found.labels)
    return quantized(pixels, rows, indices, found, settings.space.name, seconds)


def quantized(
    pixels: Pixels,
    rows: Array,
    indices: Array,
    found: Clustering,
    space: str,
    seconds: dict[str, float],
) -> QuantizedImage:
    """The result, moved back to where the image was."""
    mse = found.error / math.prod(rows.shape)
    indices = namespace(rows).reshape(indices, pixels.shape[:2])
    return QuantizedImage(
        indices=back(indices, pixels.rows),
        palette=back(found.palette, pixels.rows),
        counts=back(found.counts, pixels.rows),
        mse=mse,
        psnr=psnr(mse, PEAK[dtype_name(rows.dtype)]),
        inertia=found.inertia,
        n_iter=found.n_iter,
        n_unique=found.n_unique,
        seconds=seconds,
        device=describe(rows),
        space=space,
        shape=pixels.shape,
        icc_profile=pixels.icc_profile,
        chunks=pixels.chunks,
        metadata=pixels.metadata,
    )


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage takes."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
