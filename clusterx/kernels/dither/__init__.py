"""Dithering: the palette entry of every pixel, with or without error diffusion."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ...arrays import Array

#: coordinates of colours go from 0 to this, so that 8-bit values are exact, squared distances fit
#: 32 bits and errors fit 16
TOP = 64 * 255


class Lattice(NamedTuple):
    """A palette, and the coordinates in which the entry nearest to an 8-bit colour is found.

    The squared distance of a colour to an entry is the sum over the channels of
    ``(axis[value] - entry)**2``, and the entry's offset; ties go to the lowest entry.
    """

    axis: Array  # (256,) int32, ascending: coordinate of each value of a channel, 0..TOP
    entries: Array  # (k, 3) int32: coordinates of the palette
    offsets: Array  # (k,) int32, added to squared distances


class Diffusion(NamedTuple):
    """How error is measured and passed on.

    A pixel's sum is its level plus the error that it gets, within its bounds; the palette entry
    that it is given is the nearest to ``encoding[sum clipped to 0..TOP]``, and its error is the sum
    minus the entry's level.
    """

    levels: Array  # (values, 3) int16: level of each value of a channel, 0..TOP
    bounds: Array  # (values, 3, 2) int16: least and greatest sum of each value of a channel
    encoding: Array  # (TOP + 1,) uint8: the lattice's channel value for each level
    entries: Array  # (k, 3) int32: levels of the palette
    strength: int  # share of an error that is passed on, in 256ths
    atkinson: bool  # an eighth to each of six pixels; else Floyd-Steinberg, all to four
    serpentine: bool  # every other row from right to left


class Alpha(NamedTuple):
    """Alpha, which counts in the distance beside the three channels but gets no error."""

    values: Array  # (height, width) uint8
    axis: Array  # (256,) int32: coordinate of each value
    entries: Array  # (k,) int32: coordinates of the palette
    hidden: int  # entry of the pixels whose value is 0, which pass no error on


class DitherKernels(Protocol):
    def nearest_entries(
        self, colors: Array, lattice: Lattice, palette: Array
    ) -> tuple[Array, Array, Array]:
        """The entry nearest to each colour, (n, 3) uint8: uint8, uint16 or int32; and its tally."""

    def diffuse(
        self, pixels: Array, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None
    ) -> Array:
        """The entry of each pixel, of (height, width, 3), with error diffused row by row.

        With alpha, the lattice's offsets are the squared differences of alpha for opaque pixels.
        """

    def riemersma(
        self, pixels: Array, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None
    ) -> Array:
        """The entry of each pixel, with errors weighted by age along a Hilbert curve."""

    def tally(self, pixels: Array, palette: Array, indices: Array) -> tuple[Array, Array]:
        """Pixels of each entry (k,) int64, and the squared differences to the entries, summed."""
