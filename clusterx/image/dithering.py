"""Dithering: pixels get palette colours whose local mean is close to the image's."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, dtype_name, namespace, on_host, to_host
from ..kernels import kernels_for
from ..kernels.dither import TOP, Alpha, Diffusion, Lattice
from .colorspace import check_space, linear_to_srgb, srgb_to_linear
from .mixtures import ordered
from .pixels import PEAK, WHITES, Space, coordinates
from .spread import Frame, widest_gap
from .thresholds import bayer, blue_noise

#: methods that pass error on, and methods that compare with thresholds
DIFFUSED = ("floyd-steinberg", "atkinson", "riemersma")
ORDERED: dict[str, Callable[[], np.ndarray]] = {"bayer": bayer, "blue-noise": blue_noise}
METHODS = ("none", *DIFFUSED, *ORDERED)
#: default strengths with palettes that are given and that are found. With found ones, strength 0.5
#: loses to the lower MSE of imagequant and Pillow in 1 row of 48, 0.75 in 18, 1 in 45
#: (bench/colors.py)
_GIVEN_STRENGTH, _FOUND_STRENGTH = 1.0, 0.5


@dataclass(frozen=True)
class Dither:
    """How pixels are dithered.

    Parameters
    ----------
    method : str, default='floyd-steinberg'
        'none': every pixel gets the nearest colour. 'floyd-steinberg' and 'atkinson' pass the
        error on to the pixels that follow; Atkinson passes on three quarters of it, which keeps
        highlights and shadows clear. 'riemersma' passes it on along a Hilbert curve, so that no
        direction stands out. 'bayer' and 'blue-noise' compare each pixel with a threshold that
        depends on its place alone, which suits animations and files that should compress well.
    strength : float, optional
        Share of the error that is made up for, from 0 (none) to 1. By default 0.5 with a palette
        that is found for the image, which has a smaller error than other libraries' dithering
        (docs/colors.md); and 1 with a palette that is given, because the image's colours may be
        far from it.
    serpentine : bool, default=False
        Whether Floyd-Steinberg and Atkinson take every other row from right to left, which leaves
        fewer worm-like patterns and is half as fast.
    space : {'linear', 'srgb', 'lab', 'oklab'}, optional
        Where error is measured. 'linear', the default with a palette that is given, keeps the
        brightness that the eye sees from afar; 'srgb' uses the image's values as they are. With
        'lab' and 'oklab', the nearest colour is found in that space, too. With a palette that is
        found for the image, the default is the space in which it is found.

    Examples
    --------
    >>> from clusterx.image import Dither, quantize
    >>> quantize("sample:china.jpg", 8, dither=Dither("atkinson"), random_state=0).palette.shape
    (8, 3)
    """

    method: str = "floyd-steinberg"
    strength: float | None = None
    serpentine: bool = False
    space: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"dither must be one of {', '.join(map(repr, METHODS))}; got {self.method!r}."
            )
        strength = self.strength
        number = isinstance(strength, numbers.Real) and 0 <= strength <= 1
        if strength is not None and not number:
            raise ValueError(f"strength must be a number from 0 to 1, got {strength!r}.")
        if self.space is not None:
            check_space("space", self.space)

    @property
    def active(self) -> bool:
        """Whether any pixel may get another colour than the nearest."""
        return self.method != "none" and self.strength != 0


@dataclass(frozen=True)
class ChosenDither(Dither):
    """A `Dither` whose strength and space are chosen."""

    strength: float = _GIVEN_STRENGTH
    space: str = "linear"


def as_dither(dither: Any, found_in: str | None = None) -> ChosenDither:
    """The argument `dither` as a method with a strength and a space.

    dither : a `Dither`, the name of a method, or None for 'none'
    found_in : the space in which the palette is found; None for one that is given
    """
    if dither is None or isinstance(dither, str):
        dither = Dither("none" if dither is None else dither)
    elif not isinstance(dither, Dither):
        raise TypeError(
            f"dither is a {type(dither).__name__}; wanted is the name of a method or a Dither."
        )
    strength = _GIVEN_STRENGTH if found_in is None else _FOUND_STRENGTH
    return ChosenDither(
        dither.method,
        strength if dither.strength is None else dither.strength,
        dither.serpentine,
        (found_in or "linear") if dither.space is None else dither.space,
    )


def dithered(pixels: Array, palette: Array, dither: Dither) -> Array:
    """Places in the palette of dithered pixels.

    Parameters
    ----------
    pixels : array of shape (height, width, c)
        uint8 or uint16, c in {1, 3, 4}.
    palette : array of shape (k, c)
        Of the same dtype.
    dither : Dither
        With an active method.

    Returns
    -------
    array of shape (height, width)
        uint8, uint16 or int32, as the palette needs.

    Notes
    -----
    Dithered colours are compared in sRGB, or in CIELAB or Oklab if error is measured there;
    premultiplied with alpha. With 'floyd-steinberg', 'atkinson' and 'riemersma' error is diffused
    in three channels; a pixel gets the entry nearest to its colour plus error, clipped and rounded
    to 8 bits a channel (of CIELAB and Oklab, 255 steps for the longest axis of sRGB). Alpha itself
    gets no error, and invisible pixels pass none on. Colours beyond the palette's are clipped to
    its range first. In each channel, error moves a colour by no more than the widest gap between
    the palette's colours; otherwise, error that no entry can make up for would smear.

    Error is passed on from one pixel to the next. On devices other than the host, the pixels of a
    diagonal are computed at once; 'riemersma' and rows of alternating direction run on the host.
    """
    chosen = as_dither(dither)
    if chosen.method in ORDERED:
        return ordered(pixels, palette, ORDERED[chosen.method](), chosen.strength, chosen.space)
    return _diffused(pixels, palette, chosen)


def _diffused(pixels: Array, palette: Array, dither: ChosenDither) -> Array:
    """Places in the palette of pixels that pass error on."""
    alone = dither.serpentine or dither.method == "riemersma"
    if alone and not on_host(pixels):
        found = dithered(to_host(pixels), to_host(palette), dither)
        return asarray(found, like=pixels)
    if dither.space in WHITES:
        colors, lattice, diffusion, alpha = _in_space(pixels, palette, dither)
    else:
        lattice, diffusion = _plan(to_host(palette), dither)
        colors, alpha = _colors(pixels, palette)
    if alpha is not None:
        gaps = to_host(alpha.axis)[255] - to_host(alpha.entries)
        lattice = lattice._replace(offsets=gaps * gaps)
    lattice = Lattice(*(asarray(part, like=pixels) for part in lattice))
    diffusion = diffusion._replace(
        levels=asarray(diffusion.levels, like=pixels),
        bounds=asarray(diffusion.bounds, like=pixels),
        encoding=asarray(diffusion.encoding, like=pixels),
        entries=asarray(diffusion.entries, like=pixels),
    )
    kernels = kernels_for(namespace(pixels)).dither
    diffuse = kernels.riemersma if dither.method == "riemersma" else kernels.diffuse
    return diffuse(colors, lattice, diffusion, alpha)


def lattice_of(palette: np.ndarray) -> Lattice:
    """The palette (k, 1 or 3) among the colours of sRGB."""
    axis = _scaled(np.arange(256) / 255)
    entries = _scaled(palette / PEAK[palette.dtype.name])
    return Lattice(axis, _three(entries), np.zeros(len(palette), np.int32))


def _plan(palette: np.ndarray, dither: ChosenDither) -> tuple[Lattice, Diffusion]:
    """The palette as the kernels take it, without alpha."""
    peak = PEAK[palette.dtype.name]
    shares = _premultiplied(palette)
    color = np.round(shares * peak).astype(palette.dtype)

    def light(values: np.ndarray) -> np.ndarray:
        return srgb_to_linear(values) if dither.space == "linear" else values

    entries = _three(_scaled(light(color / peak)))
    values = np.arange(peak + 1) / peak
    gap = widest_gap(shares)
    limits = np.stack([values - gap, values + gap], axis=1)
    steps = np.arange(TOP + 1) / TOP
    encoding = np.round(255 * (linear_to_srgb(steps) if dither.space == "linear" else steps))
    low, high = entries.min(axis=0), entries.max(axis=0)
    diffusion = Diffusion(
        levels=np.clip(_scaled(light(values))[:, None], low, high).astype(np.int16),
        bounds=np.clip(_scaled(light(limits)), -TOP, 2 * TOP)[:, None]
        .repeat(3, axis=1)
        .astype(np.int16),
        encoding=encoding.astype(np.uint8),
        entries=entries,
        strength=round(256 * dither.strength),
        atkinson=dither.method == "atkinson",
        serpentine=dither.serpentine,
    )
    return lattice_of(color), diffusion


def _in_space(
    pixels: Array, palette: Array, dither: ChosenDither
) -> tuple[Array, Lattice, Diffusion, Alpha | None]:
    """Pixels as 16-bit values in CIELAB or Oklab, with the kernels' other arguments."""
    xp, (height, width, channels) = namespace(pixels), pixels.shape
    space = Space(dither.space)
    kernels = kernels_for(xp).color
    rows = xp.reshape(pixels, (-1, channels))
    colors, _ = kernels.color_counts(rows)
    numbers = xp.arange(colors.shape[0], dtype=xp.int32, device=device(pixels))
    places = xp.astype(kernels.remap(rows, colors, numbers), xp.int64)
    frame = Frame(space)
    shares = frame.shares(colors)
    values = xp.astype(xp.round(xp.clip(shares[:, :3], 0.0, 1.0) * 65535.0), xp.uint16)
    found = xp.reshape(xp.take(values, places, axis=0), (height, width, 3))
    host = to_host(palette)
    own = to_host(frame.shares(host))
    lattice, diffusion = _plan_in_space(own[:, :3].astype(np.float64), dither)
    if channels < 4:
        return found, lattice, diffusion, None
    entries = _scaled(own[:, 3].astype(np.float64))
    axis = _scaled(np.arange(256) / 255 * frame.white)
    hidden = int(np.argmin(host[:, 3]))
    return (
        found,
        lattice,
        diffusion,
        Alpha(_visible(pixels), asarray(axis, like=pixels), asarray(entries, like=pixels), hidden),
    )


def _plan_in_space(palette: np.ndarray, dither: ChosenDither) -> tuple[Lattice, Diffusion]:
    """The same for a palette (k, 3) in the coordinates of a `Frame`."""
    entries = _scaled(palette)
    values = np.arange(65536) / 65535
    gap = widest_gap(palette)
    limits = _scaled(np.stack([values - gap, values + gap], axis=1))
    levels = np.clip(_scaled(values)[:, None], entries.min(axis=0), entries.max(axis=0))
    diffusion = Diffusion(
        levels=levels.astype(np.int16),
        bounds=np.clip(limits, -TOP, 2 * TOP)[:, None].repeat(3, axis=1).astype(np.int16),
        encoding=np.round(255 * np.arange(TOP + 1) / TOP).astype(np.uint8),
        entries=entries,
        strength=round(256 * dither.strength),
        atkinson=dither.method == "atkinson",
        serpentine=dither.serpentine,
    )
    return Lattice(
        _scaled(np.arange(256) / 255), entries, np.zeros(len(entries), np.int32)
    ), diffusion


def _premultiplied(palette: np.ndarray) -> np.ndarray:
    """Colours (k, 1 or 3) in 0..1."""
    shares = palette / PEAK[palette.dtype.name]
    return shares[:, :3] * shares[:, 3:] if palette.shape[1] == 4 else shares


def _scaled(values: np.ndarray) -> np.ndarray:
    return np.round(TOP * values).astype(np.int32)


def _three(entries: np.ndarray) -> np.ndarray:
    """Grey as three equal channels."""
    return np.repeat(entries, 3, axis=1) if entries.shape[1] == 1 else entries


def _colors(pixels: Array, palette: Array) -> tuple[Array, Alpha | None]:
    """Three channels, premultiplied, and alpha where there is one."""
    xp = namespace(pixels)
    height, width, channels = pixels.shape
    if channels == 1:
        return xp.concat([pixels, pixels, pixels], axis=2), None
    if channels == 3:
        return pixels, None
    peak = PEAK[dtype_name(pixels.dtype)]
    flat = xp.reshape(pixels, (-1, 4))
    color = xp.astype(xp.round(coordinates(flat)[:, :3]), pixels.dtype)
    host = to_host(palette)
    entries = _scaled(host[:, 3] / peak)
    shown = coordinates(host).astype(np.float64)
    hidden = int(np.argmin(np.square(shown).sum(axis=1)))
    own = Alpha(
        _visible(pixels),
        asarray(_scaled(np.arange(256) / 255), like=pixels),
        asarray(entries, like=pixels),
        hidden,
    )
    return xp.reshape(color, (height, width, 3)), own


def _visible(pixels: Array) -> Array:
    """Alpha in 8 bits, rounded up so that what is visible stays visible."""
    xp = namespace(pixels)
    alpha = xp.astype(pixels[:, :, 3], xp.float32)
    return xp.astype(xp.ceil(alpha * (255 / PEAK[dtype_name(pixels.dtype)])), xp.uint8)
