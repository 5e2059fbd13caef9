"""Quantise TIFFs that are larger than memory, some rows at a time."""

from __future__ import annotations

import math
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import UnwritableError, refuse_existing
from ..kernels import kernels_for
from .many import merged_counts
from .picture import UnreadableImageError
from .pixels import PEAK, Space
from .settings import Settings
from .targets import fewest_colors, psnr

#: colours that are gathered with their counts before equal ones are merged
_GATHERED = 1 << 21
#: bytes that tifffile reads or writes at once
_READ_AT_ONCE = 1 << 24
#: side of the tiles that are written
_TILE = 256
#: above this many pixels, a BigTIFF is written: the file may exceed what a classic TIFF can hold
_CLASSIC = 1 << 31
#: what tifffile's decoders raise for damaged files
_DAMAGE = (ValueError, OSError, RuntimeError, KeyError, IndexError, struct.error, zlib.error)


class TiffResult(NamedTuple):
    """What `quantize_tiff` found."""

    palette: np.ndarray  # (k, 3) uint8
    counts: np.ndarray  # (k,) int64
    mse: float
    psnr: float
    n_unique: int
    shape: tuple[int, ...]


def quantize_tiff(
    source: Any,
    target: Any,
    n_colors: int = 16,
    *,
    space: str = "srgb",
    lightness: float = 1.0,
    overwrite: bool = False,
    compression: str | None = "zlib",
    **parameters: Any,
) -> TiffResult:
    """Reduce a TIFF that may be larger than memory to few colours, exactly.

    The colours are counted some rows at a time, k-means runs on all of them, and the rows are
    written in the palette's colours. This takes two passes over the file.

    Parameters
    ----------
    source : path
        Its first page is read: 8 bits a channel, grey or RGB, in tiles or strips that the package
        tifffile decodes. A BigTIFF may be of any size.
    target : path
        A TIFF with a palette, in tiles of 256 x 256 pixels. Written whole or not at all.
    n_colors : int, default=16
        Colours of the palette, 256 at most.
    space, lightness
        As in `quantize`.
    overwrite : bool, default=False
        Whether an existing file may be replaced.
    compression : str or None, default='zlib'
        tifffile's name of the compression.
    **parameters
        Other parameters of `quantize`, except `importance`, `dither`, `device` and `max_pixels`.

    Returns
    -------
    TiffResult

    Raises
    ------
    ImportError
        The package tifffile is not installed.
    FileNotFoundError, UnreadableImageError
        The file is missing, is no TIFF, is damaged, or has pixels of another kind.
    FileExistsError, UnwritableError
        The target exists, or cannot be written.
    ValueError
        A parameter is out of range.

    Notes
    -----
    O(n) time for n pixels, and O(u k) per iteration for u unique colours; memory for the unique
    colours, of which 8-bit RGB has at most 2**24, and some hundred rows.
    """
    settings = Settings(n_colors, space=Space(space, lightness), **parameters)
    if not overwrite:
        refuse_existing(target)
    if n_colors > 256:
        raise ValueError(f"a TIFF's palette holds 256 colours at most, got n_colors={n_colors}.")
    with _Tiff(source) as tiff:
        settings.check(tiff.channels, "uint8")
        colors, counts = tiff.counts()
        n_values = math.prod(tiff.shape)
        found = fewest_colors(colors, counts, n_values, settings)
        tiff.write(target, colors, found.labels, np.asarray(found.palette), compression)
    mse = found.error / n_values
    palette = np.repeat(found.palette, 3, axis=1) if tiff.channels == 1 else found.palette
    return TiffResult(
        palette, found.counts, mse, psnr(mse, PEAK["uint8"]), found.n_unique, tiff.shape
    )


class _Tiff:
    """The first page of a file, in bands of rows."""

    def __init__(self, source: Any):
        import tifffile

        self.name = str(source)
        try:
            self._file = tifffile.TiffFile(source)
            self._page: Any = self._file.pages[0]
            shape, dtype = self._page.shape, self._page.dtype
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self.name}: there is no such file. Check the path."
            ) from error
        except Exception as error:  # decoders raise various errors for damaged files
            raise UnreadableImageError(f"{self.name}: not a TIFF, or damaged ({error}).") from error
        grey = len(shape) == 2
        if dtype != np.uint8 or not (grey or (len(shape) == 3 and shape[2] == 3)):
            self._file.close()
            raise UnreadableImageError(
                f"{self.name}: pixels of shape {shape} and dtype {dtype}; grey and RGB (channels "
                "together) of 8 bits are read. Convert it."
            )
        self.shape, self.channels = tuple(shape), 1 if grey else 3

    def __enter__(self) -> _Tiff:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def bands(self) -> Iterator[np.ndarray]:
        """Rows of the image (some rows, width, channels), from the top down."""
        tiles: list[np.ndarray] = []
        width = 0
        try:
            for data, (_, _, y, x, _), _ in self._page.segments(buffersize=_READ_AT_ONCE):
                if data is None:
                    raise ValueError("a tile or strip is missing")
                tiles.append(data[0, : self.shape[0] - y, : self.shape[1] - x])
                width += tiles[-1].shape[1]
                if width == self.shape[1]:
                    yield np.ascontiguousarray(np.concatenate(tiles, axis=1))
                    tiles, width = [], 0
        except _DAMAGE as error:
            raise UnreadableImageError(
                f"{self.name}: the image is truncated or damaged ({error})."
            ) from error

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """The unique colours, and how often each occurs."""
        count = kernels_for(np).color.color_counts
        pieces: list[tuple[np.ndarray, np.ndarray]] = []
        for band in self.bands():
            pieces.append(count(band.reshape(-1, self.channels)))
            if sum(len(colors) for colors, _ in pieces[1:]) > _GATHERED:
                pieces = [merged_counts(pieces)]
        return merged_counts(pieces)

    def write(
        self,
        target: Any,
        colors: np.ndarray,
        labels: np.ndarray,
        palette: np.ndarray,
        compression: str | None,
    ) -> None:
        """Write the pixels' places in the palette, in tiles."""
        import tifffile

        part = Path(target).with_name(f".{secrets.token_hex(8)}.part")
        table = np.zeros((3, 256), np.uint16)
        table[:, : len(palette)] = 257 * np.broadcast_to(palette, (len(palette), 3)).T.astype(
            np.uint16
        )
        try:
            tifffile.imwrite(
                part,
                self._tiles(colors, labels),
                shape=self.shape[:2],
                dtype=np.uint8,
                photometric="palette",
                colormap=table,
                compression=compression,
                metadata=None,
                buffersize=_READ_AT_ONCE,
                tile=(_TILE, _TILE),
                bigtiff=math.prod(self.shape[:2]) > _CLASSIC,
            )
            os.replace(part, target)
        except OSError as error:
            raise UnwritableError(
                f"{target}: cannot be written ({error.strerror}). Name a file in a folder that "
                "exists, is writable and has room."
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _tiles(self, colors: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
        """The tiles that are written, row by row."""
        remap = kernels_for(np).color.remap
        height, width = self.shape[:2]
        rows: list[np.ndarray] = []
        n_read = n_rows = 0
        for band in self.bands():
            own = remap(band.reshape(-1, self.channels), colors, labels)
            rows.append(own.reshape(len(band), width))
            n_read, n_rows = n_read + len(band), n_rows + len(band)
            while n_rows >= _TILE or (n_read == height and n_rows):
                joined = np.concatenate(rows)
                yield from _cut(joined[:_TILE])
                rows, n_rows = [joined[_TILE:]], max(0, n_rows - _TILE)


def _cut(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Cut at most `_TILE` rows into tiles, padded with zeros."""
    down, across = _TILE - len(rows), -rows.shape[1] % _TILE
    padded = np.pad(rows, [(0, down), (0, across)])
    for start in range(0, padded.shape[1], _TILE):
        yield np.ascontiguousarray(padded[:, start : start + _TILE])
