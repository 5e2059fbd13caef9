"""Colour spaces: sRGB, linear RGB, CIELAB and Oklab, there and back, for arrays of any library.

Values of sRGB and linear RGB are in 0..1. CIELAB has the white of sRGB, D65, and L* from 0 to 100;
Oklab has L from 0 to 1. All conversions go through linear RGB.

References
----------
IEC 61966-2-1:1999, "Default RGB colour space - sRGB".
CIE 15:2018, "Colorimetry".
Ottosson, "A perceptual color space for image processing", 2020,
https://bottosson.github.io/posts/oklab/, with the matrices of CSS Color 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, namespace

#: linear RGB to CIE XYZ; its rows sum to the white point
_TO_XYZ = np.array(
    [
        [0.4123907992659593, 0.357584339383878, 0.1804807884018343],
        [0.21263900587151024, 0.715168678767756, 0.07219231536073371],
        [0.01933081871559182, 0.11919477979462598, 0.9505321522496607],
    ]
)
#: XYZ as shares of white to the cube roots' (L*, a*, b*), before 16 is taken off L*
_ROOTS_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
#: CIE XYZ to cone responses, and their cube roots to Oklab
_XYZ_TO_LMS = np.array(
    [
        [0.819022437996703, 0.3619062600528904, -0.1288737815209879],
        [0.03298365393238847, 0.9292868615863434, 0.03614466635064236],
        [0.04817718935962421, 0.2642395317527308, 0.6335478284694309],
    ]
)
_ROOTS_TO_OKLAB = np.array(
    [
        [0.21045426830931396, 0.7936177747023053, -0.0040720430116192585],
        [1.9779985324311686, -2.42859224204858, 0.450593709617411],
        [0.025904042465547734, 0.7827717124575297, -0.8086757549230774],
    ]
)
_TO_SHARES_OF_WHITE = _TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)
_TO_LMS = _XYZ_TO_LMS @ _TO_XYZ

#: below (6 / 29)**3, f of CIELAB is linear; and the cube root of that bound
_LINE_TO, _ROOT_TO = (6 / 29) ** 3, 6 / 29
_SLOPE, _OFFSET = (29 / 6) ** 2 / 3, 4 / 29


def srgb_to_linear(srgb: Array) -> Array:
    """Linear light in 0..1 of sRGB values; for negative values, the curve is mirrored."""
    xp = namespace(srgb)
    size = xp.abs(srgb)
    curve = ((size + 0.055) / 1.055) ** 2.4
    return xp.sign(srgb) * xp.where(size <= 0.04045, size / 12.92, curve)


def linear_to_srgb(linear: Array) -> Array:
    """The inverse of `srgb_to_linear`."""
    xp = namespace(linear)
    size = xp.abs(linear)
    curve = 1.055 * size ** (1 / 2.4) - 0.055
    return xp.sign(linear) * xp.where(size <= 0.04045 / 12.92, size * 12.92, curve)


def linear_to_lab(linear: Array) -> Array:
    """CIELAB (D65) of linear RGB."""
    xp = namespace(linear)
    shares = _mixed(linear, _TO_SHARES_OF_WHITE)
    roots = xp.where(shares > _LINE_TO, _cube_root(shares), _SLOPE * shares + _OFFSET)
    lab = _mixed(roots, _ROOTS_TO_LAB)
    return xp.concat([lab[..., :1] - 16.0, lab[..., 1:]], axis=-1)


def lab_to_linear(lab: Array) -> Array:
    """The inverse of `linear_to_lab`; components outside 0..1 are colours that sRGB lacks."""
    xp = namespace(lab)
    roots = _mixed(
        xp.concat([lab[..., :1] + 16.0, lab[..., 1:]], axis=-1), np.linalg.inv(_ROOTS_TO_LAB)
    )
    shares = xp.where(roots > _ROOT_TO, roots**3, (roots - _OFFSET) / _SLOPE)
    return _mixed(shares, np.linalg.inv(_TO_SHARES_OF_WHITE))


def linear_to_oklab(linear: Array) -> Array:
    """Oklab of linear RGB."""
    return _mixed(_cube_root(_mixed(linear, _TO_LMS)), _ROOTS_TO_OKLAB)


def oklab_to_linear(oklab: Array) -> Array:
    """The inverse of `linear_to_oklab`; components outside 0..1 are colours that sRGB lacks."""
    roots = _mixed(oklab, np.linalg.inv(_ROOTS_TO_OKLAB))
    return _mixed(roots**3, np.linalg.inv(_TO_LMS))


def _unchanged(colors: Array) -> Array:
    return colors


#: space -> functions to and from linear RGB
_CONVERSIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "srgb": (srgb_to_linear, linear_to_srgb),
    "linear": (_unchanged, _unchanged),
    "lab": (lab_to_linear, linear_to_lab),
    "oklab": (oklab_to_linear, linear_to_oklab),
}
SPACES = tuple(_CONVERSIONS)


def check_space(name: str, space: Any) -> None:
    """Raise unless `space` is one of `SPACES`."""
    if space not in SPACES:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, SPACES))}; got {space!r}.")


def convert(colors: Array, source: str, target: str) -> Array:
    """Colours of one space in another.

    Parameters
    ----------
    colors : array of shape (..., 3)
        float32 or float64, of any library; the result has its dtype and device.
    source, target : {'srgb', 'linear', 'lab', 'oklab'}
        sRGB and linear RGB in 0..1, CIELAB (D65) with L* in 0..100, Oklab with L in 0..1.

    Returns
    -------
    array of shape (..., 3)
        Not clipped: colours outside the gamut of sRGB have RGB values outside 0..1.

    Raises
    ------
    ValueError
        There is no such space, or the last axis does not have length 3.

    Notes
    -----
    O(n) time and memory for n colours.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx.image.colorspace import convert
    >>> convert(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), "srgb", "lab").round(2) + 0.0
    array([[100.  ,   0.  ,   0.  ],
           [ 53.24,  80.09,  67.2 ]])
    """
    check_space("source", source)
    check_space("target", target)
    if colors.ndim < 1 or colors.shape[-1] != 3:
        raise ValueError(
            f"colors has shape {tuple(colors.shape)}; wanted is (..., 3), three components last. "
            "Repeat grey three times, and leave alpha out."
        )
    if source == target:
        return colors
    to_linear, from_linear = _CONVERSIONS[source][0], _CONVERSIONS[target][1]
    return from_linear(to_linear(colors))


def _mixed(colors: Array, matrix: np.ndarray) -> Array:
    """Every colour times the matrix; written out, because products differ between threads."""
    xp = namespace(colors)
    parts = [colors[..., i] for i in range(3)]
    rows = [sum(float(m) * part for m, part in zip(row, parts, strict=True)) for row in matrix]
    return xp.stack(rows, axis=-1)


def _cube_root(values: Array) -> Array:
    xp = namespace(values)
    return xp.sign(values) * xp.abs(values) ** (1 / 3)
