"""The data of the cases: how a share of each is made, and what it is in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import data


class Source(NamedTuple):
    """Data by a share of its rows or pixels, its size as titles give it, and its origin."""

    make: Callable[[float], np.ndarray]
    size: str
    text: str


def path_of(name: str, share: float = 1.0) -> Path:
    """The cached file with a share of the data, which is made first where it is missing."""
    suffix = "" if share == 1 else f"_{share:g}"
    return data.cached(name + suffix, lambda: SOURCES[name].make(share))


def _photo(name: str) -> Source:
    width, height = data.PHOTO_SIZES[name]

    def make(share: float) -> np.ndarray:
        side = share**0.5
        return data.make_photo(max(16, round(width * side)), max(16, round(height * side)))

    return Source(
        make,
        f"{name.removesuffix('mp')} megapixels",
        f"scikit-learn's china.jpg enlarged to {width} x {height}, sensor noise added",
    )


def _rows(
    n: int, size: str, text: str, make: Callable[..., np.ndarray], least: int = 5_000, **given: int
) -> Source:
    """Rows of which a share has at least 5,000, because one case has 4,096 clusters."""
    return Source(lambda share: make(min(n, max(least, round(n * share))), **given), size, text)


def _digits(n: int) -> Source:
    text = f"scikit-learn's digits enlarged to 28 x 28, jittered, {n:,} rows"
    return _rows(n, f"{n:,} x 784 float32", text, data.make_digits, least=2_000)


def _blobs(n: int, d: int) -> Source:
    text = f"{n:,} rows around 10 centres, {d} columns"
    return _rows(n, f"{n:,} x {d} float64", text, data.make_blobs, d=d)


def _round_blobs(n: int, d: int) -> Source:
    words = f"{n // 1_000_000} million" if n >= 1_000_000 else f"{n:,}"
    text = f"{n:,} rows of scikit-learn's make_blobs, {d} columns"
    return _rows(n, f"{words} x {d} float64", text, data.make_round_blobs, least=1_000, d=d)


def _mixture(n: int, d: int) -> Source:
    text = f"{n:,} x {d}, 100 overlapping Gaussians"
    return _rows(n, f"{n:,} x {d} float32", text, data.make_mixture, d=d)


def _words(n: int) -> Source:
    text = f"{n:,} CSR rows of length one, columns drawn by Zipf's law around 50 topics"
    return _rows(n, f"{n:,} x 30,000 CSR, 100 values per row", text, data.make_words, least=500)


def _labels(n: int, k: int) -> Source:
    words = f"{n // 1_000_000} million" if n >= 1_000_000 else f"{n:,}"
    text = f"{n:,} labels of {k:,} classes, 7 in 10 kept and the others redrawn at random"
    return _rows(n, f"{words} labels, k={k:,}", text, data.make_labels, k=k)


def _mnist(n: int) -> np.ndarray:
    return data.make_mnist()[:n]


#: samples and classes of the labelings that are scored
LABELINGS = (
    (1_000, 10), (1_000_000, 10), (1_000_000, 100), (1_000_000, 1_000), (10_000_000, 100),
)  # fmt: skip

SOURCES: dict[str, Source] = {
    **{f"photo_{name}": _photo(name) for name in data.PHOTO_SIZES},
    "digits_70000x784": _digits(70_000),
    "mnist_70000x784": _rows(
        70_000, "70,000 x 784 float32", "MNIST from OpenML, 70,000 rows", _mnist
    ),
    "digits_20000x784": _digits(20_000),
    **{f"blobs_{n}x{d}": _blobs(n, d) for n, d in ((200, 3), (1_000, 10), (5_000, 3))},
    **{
        f"round_blobs_{n}x{d}": _round_blobs(n, d)
        for n, d in (
            (1_000, 2),
            (2_000, 2),
            (5_000, 2),
            (10_000, 2),
            (50_000, 2),
            (100_000, 2),
            (200_000, 2),
            (1_000_000, 2),
            (20_000, 64),
        )
    },
    # of mixtures
    **{
        f"blobs_{n}x{d}": _blobs(n, d)
        for n, d in ((200_000, 16), (70_000, 50), (50_000, 16), (20_000, 32))
    },
    **{f"blobs_{n}x{d}": _blobs(n, d) for n, d in ((1_000, 4), (20_000, 16), (100_000, 16))},
    **{f"mixture_{n}x{d}": _mixture(n, d) for n, d in ((1_000_000, 128), (10_000_000, 16))},
    "words_10000x30000": _words(10_000),
    "digits_1797x64": Source(
        lambda share: data.make_small_digits(),
        "1,797 x 64 float64",
        "scikit-learn's digits of 8 x 8 pixels",
    ),
    "iris": Source(
        lambda share: data.make_iris(),
        "iris, 150 x 4 float64",
        "scikit-learn's iris, 150 rows",
    ),
    **{f"labels_{n}_{k}": _labels(n, k) for n, k in LABELINGS},
}
