"""Parameters of a quantisation, and their checks."""

from __future__ import annotations

import numbers
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import is_array, to_host
from .pixels import PEAK, SRGB, Space
from .search import MOST_COLORS

METHODS = ("kmeans", "minibatch", "wu", "median-cut", "octree")
#: starts that are found among the cells of colour space
CELL_STARTS = ("auto", "wu", "median-cut", "octree")
ORDERS = ("lightness", "hue", "popularity")
_HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)


class Settings(NamedTuple):
    """Parameters of the clustering; see `quantize`."""

    n_colors: int = 16
    method: str = "kmeans"
    space: Space = SRGB
    init: Any = "auto"
    n_init: int = 1
    max_iter: int = 100
    tol: float = 1e-5
    random_state: Any = None
    keep: Any = ()
    order: str = "lightness"
    min_share: float = 0.0
    min_psnr: float | None = None
    max_delta_e: float | None = None

    @property
    def has_target(self) -> bool:
        """Whether the fewest colours that reach `min_psnr` or `max_delta_e` are wanted."""
        return self.min_psnr is not None or self.max_delta_e is not None

    def check(self, channels: int, dtype: str) -> None:
        """Raise unless the parameters suit images with these channels and this dtype."""
        k = self.n_colors
        if not isinstance(k, numbers.Integral) or isinstance(k, bool):
            raise TypeError(
                f"n_colors must be a whole number, got {k!r} ({type(k).__name__}). Pass an int."
            )
        if k < 1:
            raise ValueError(f"n_colors must be at least 1, got {k}.")
        _check_among("method", self.method, METHODS)
        _check_among("order", self.order, ORDERS)
        self.space.check()
        if not isinstance(self.min_share, numbers.Real) or not 0 <= self.min_share < 1:
            raise ValueError(f"min_share must be 0 or more and below 1; got {self.min_share!r}.")
        for name in ("min_psnr", "max_delta_e"):
            wanted = getattr(self, name)
            if wanted is not None and (not isinstance(wanted, numbers.Real) or not wanted > 0):
                raise ValueError(f"{name} must be a number above 0, got {wanted!r}.")
        kept = len(self.kept(channels, dtype))
        if kept > k:
            raise ValueError(f"keep has {kept} colours, and n_colors={k}. Raise n_colors.")
        if kept and self.method == "minibatch":
            raise ValueError("keep goes with every method but 'minibatch'. Use method='kmeans'.")
        self._check_init(channels, kept)

    def _check_init(self, channels: int, kept: int) -> None:
        k = self.n_colors
        named = isinstance(self.init, str)
        if self.has_target and not named and not callable(self.init):
            raise ValueError(
                "An init array is for one number of colours, and min_psnr and max_delta_e try "
                "several. Leave one of them out."
            )
        if kept and not (named and self.init in CELL_STARTS and k <= MOST_COLORS):
            raise ValueError(
                f"keep needs an init of {', '.join(map(repr, CELL_STARTS))} and at most "
                f"{MOST_COLORS} colours; got init={self.init!r}, n_colors={k}."
            )
        if named or callable(self.init):
            return
        shape = tuple(self.init.shape if is_array(self.init) else np.shape(self.init))
        if shape != (k, channels):
            raise ValueError(
                f"init has shape {shape}; wanted is {(k, channels)}: n_colors={k} colours of "
                f"{channels} channel(s), like the image. Pass as many, or set n_colors."
            )

    def kept(self, channels: int, dtype: str) -> np.ndarray:
        """The colours to keep, distinct, (m, channels) of the dtype, on the host."""
        return colors_of("keep", self.keep, channels, dtype)


def _check_among(name: str, value: Any, allowed: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}.")


def colors_of(name: str, colors: Any, channels: int, dtype: str) -> np.ndarray:
    """Distinct colours, given as hex codes or rows of channels, in the order given.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    colors : sequence of str, or array of shape (m, channels)
        '#rgb', '#rgba', '#rrggbb' or '#rrggbbaa'; or whole numbers of the image's range.
    channels : int
        Codes of grey images must have equal channels; opaque ones suit images with alpha.
    dtype : {'uint8', 'uint16'}

    Returns
    -------
    ndarray of shape (m, channels)
    """
    if isinstance(colors, str):
        colors = [colors]
    if not is_array(colors) and any(isinstance(one, str) for one in colors):
        values = np.array([_from_hex(name, one, channels) for one in colors], dtype=np.int64)
        values = values * (PEAK[dtype] // 255)
    else:
        values = np.asarray(to_host(colors) if is_array(colors) else list(colors))
        values = values.reshape(0, channels) if values.size == 0 else values
    whole = values.size == 0 or values.dtype.kind in "iu"
    if values.ndim != 2 or values.shape[1] != channels or not whole:
        raise ValueError(
            f"{name} must be codes such as '#ff8800', or whole numbers of shape (m, {channels}), "
            f"like the image's colours; got shape {values.shape} of {values.dtype}."
        )
    if values.size and not (values.min() >= 0 and values.max() <= PEAK[dtype]):
        raise ValueError(
            f"{name} must be in 0..{PEAK[dtype]}, the range of the image's {dtype}; got "
            f"{values.min()} to {values.max()}."
        )
    distinct = list(dict.fromkeys(map(tuple, values.tolist())))
    return np.array(distinct, dtype=dtype).reshape(-1, channels)


def _from_hex(name: str, code: Any, channels: int) -> list[int]:
    if not isinstance(code, str) or not _HEX.fullmatch(code):
        raise ValueError(f"{name} has {code!r}; wanted are codes such as '#fff' or '#ff8800'.")
    digits = code[1:] if len(code) > 5 else "".join(2 * digit for digit in code[1:])
    values = [int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)]
    alpha = values[3] if len(values) == 4 else 255
    if channels == 4:
        return [*values[:3], alpha]
    if alpha < 255 or (channels == 1 and len(set(values[:3])) > 1):
        kind = "alpha channel" if alpha < 255 else "colours"
        raise ValueError(f"{name} has {code!r}, and the image has no {kind}. Leave it out.")
    return values[:channels]
