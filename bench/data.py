"""Data of the benchmark: made once from seeds, then cached outside the repository.

Every array is a function of a seed and of scikit-learn's bundled data alone, so a record made on
one machine can be made again on another.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PHOTO_SIZES = {"24mp": (6000, 4000), "8.3mp": (3840, 2160), "2.8mp": (2048, 1367)}
SENSOR_NOISE = 2.5  # grey levels; leaves 24 megapixels about as many colours as a camera does
DIGITS_ROWS = 70_000
SIDE = 28
WORDS = 30_000


def cache_folder() -> Path:
    """The folder of the cached arrays: $CLUSTERX_BENCH_CACHE, or one under the temporary folder."""
    named = os.environ.get("CLUSTERX_BENCH_CACHE")
    folder = Path(named) if named else Path(tempfile.gettempdir()) / "clusterx-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def scratch_folder() -> Path:
    """A new folder beside the cached arrays, which is removed when the process ends."""
    folder = tempfile.mkdtemp(dir=cache_folder())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def cached(name: str, make: Callable[[], np.ndarray]) -> Path:
    """The path of a cached array, made first where it is missing."""
    path = cache_folder() / f"{name}.npy"
    if not path.exists():
        # written aside and renamed: a run that was cut short leaves no half array behind
        partial = path.with_suffix(f".{os.getpid()}.npy")
        np.save(partial, make())
        partial.replace(path)
    return path


def make_photo(width: int, height: int, seed: int = 0) -> np.ndarray:
    """scikit-learn's photograph of a temple, enlarged, with a sensor's noise.

    Enlarging alone leaves smooth ramps with few colours; the seeded noise gives each pixel the
    grain that a camera's photo has, and with it 1 to 1.7 million distinct colours at 24 megapixels.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_image

    small = Image.fromarray(load_sample_image("china.jpg"))
    large = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))
    rng = np.random.default_rng(seed)
    out = np.empty_like(large)
    for top in range(0, height, 250):
        band = large[top : top + 250]
        noise = rng.standard_normal(band.shape, dtype=np.float32) * np.float32(SENSOR_NOISE)
        out[top : top + 250] = np.clip(np.rint(band + noise), 0, 255).astype(np.uint8)
    return out


def make_digits(n: int = DIGITS_ROWS, seed: int = 0) -> np.ndarray:
    """Handwritten digits at MNIST's shape: n x 784 float32 in [0, 1], in steps of 1/255.

    scikit-learn's 1,797 digits are enlarged from 8 x 8 to 28 x 28; every row is one of them,
    turned, scaled, moved, dimmed and noised a little.
    """
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    images = load_digits().images.astype(np.float32) / 16
    base = np.clip(zoom(images, (1, SIDE / 8, SIDE / 8), order=3), 0, 1).astype(np.float32)
    rng = np.random.default_rng(seed)
    out = np.empty((n, SIDE * SIDE), dtype=np.float32)
    for start in range(0, n, 2000):
        rows = min(2000, n - start)
        moved = _jitter(base, rng, rows) * rng.uniform(0.7, 1.0, (rows, 1)).astype(np.float32)
        noisy = moved + rng.standard_normal(moved.shape, dtype=np.float32) * np.float32(0.03)
        out[start : start + rows] = np.rint(np.clip(noisy, 0, 1) * 255) / np.float32(255)
    return out


def _jitter(base: np.ndarray, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Random images of `base`, each under a small random rotation, scale and shift (bilinear)."""
    pick = rng.integers(0, len(base), rows)
    angle = np.deg2rad(rng.uniform(-12, 12, rows))
    inverse_scale = 1 / rng.uniform(0.8, 1.05, rows)
    shift = rng.uniform(-2.5, 2.5, (2, rows, 1))
    centre = (SIDE - 1) / 2
    y, x = (g.ravel() - centre for g in np.mgrid[:SIDE, :SIDE].astype(np.float64))
    cos = (np.cos(angle) * inverse_scale)[:, None]
    sin = (np.sin(angle) * inverse_scale)[:, None]
    y, x = y - shift[0], x - shift[1]
    y, x = cos * y + sin * x + centre, cos * x - sin * y + centre
    padded = np.pad(base, ((0, 0), (1, 1), (1, 1)))  # what comes from outside the frame is dark
    y, x = np.clip(y + 1, 0, SIDE + 0.999), np.clip(x + 1, 0, SIDE + 0.999)
    top, left = y.astype(np.int64), x.astype(np.int64)
    dy, dx = (y - top).astype(np.float32), (x - left).astype(np.float32)
    flat, width = padded.ravel(), SIDE + 2
    at = pick[:, None] * width * width + top * width + left
    upper = flat[at] * (1 - dx) + flat[at + 1] * dx
    lower = flat[at + width] * (1 - dx) + flat[at + width + 1] * dx
    return upper * (1 - dy) + lower * dy


def make_mnist() -> np.ndarray:
    """The real MNIST through OpenML, as 70,000 x 784 float32 in [0, 1]. Needs the network."""
    from sklearn.datasets import fetch_openml

    X = fetch_openml("mnist_784", version=1, as_frame=False, parser="auto").data
    return np.ascontiguousarray(X, dtype=np.float32) / np.float32(255)


def make_iris() -> np.ndarray:
    """scikit-learn's iris: 150 x 4 float64."""
    from sklearn.datasets import load_iris

    return load_iris().data


def make_small_digits() -> np.ndarray:
    """scikit-learn's digits: 1,797 x 64 float64."""
    from sklearn.datasets import load_digits

    return load_digits().data


def make_blobs(n: int, d: int, k: int = 10, seed: int = 0) -> np.ndarray:
    """n x d float64 rows around k centres that overlap somewhat."""
    rng = np.random.default_rng(seed)
    centers = 2 * rng.standard_normal((k, d))
    return centers[rng.integers(0, k, n)] + rng.standard_normal((n, d))


def make_round_blobs(n: int, d: int) -> np.ndarray:
    """n x d float64 rows of scikit-learn: 20 round clusters, tight ones where d is 2."""
    from sklearn.datasets import make_blobs as blobs

    return blobs(n, d, centers=20, cluster_std=0.5 if d == 2 else 1.0, random_state=0)[0]


def make_mixture(n: int, d: int, k: int = 100, seed: int = 0) -> np.ndarray:
    """n x d float32 rows of k overlapping Gaussians, a block of rows at a time."""
    rng = np.random.default_rng(seed)
    centers = 2 * rng.standard_normal((k, d), dtype=np.float32)
    out = np.empty((n, d), np.float32)
    for start in range(0, n, 1 << 18):
        block = out[start : start + (1 << 18)]
        rng.standard_normal(out=block, dtype=np.float32)
        block += centers[rng.integers(0, k, len(block))]
    return out


def make_words(n: int, m: int = 100, d: int = WORDS, k: int = 50, seed: int = 0) -> np.ndarray:
    """n rows of length one with m values among d columns, as `sparse_rows` reads them.

    Columns are drawn by Zipf's law, half of them counted from where one of k topics begins.
    """
    rng = np.random.default_rng(seed)
    columns = np.empty((n, m))
    for row in columns:
        rank = np.exp(rng.random(12 * m) * np.log(d)).astype(np.int64) - 1
        start = rng.integers(0, k) * (d // k)
        drawn = (rank + start * rng.integers(0, 2, len(rank))) % d
        first = np.sort(np.unique(drawn, return_index=True)[1])[:m]
        row[:] = np.sort(drawn[first])
    values = rng.random((n, m))
    return np.hstack([columns, values / np.linalg.norm(values, axis=1)[:, None]])


def sparse_rows(stored: np.ndarray, d: int = WORDS) -> Any:
    """A CSR matrix of d columns from rows of m columns and their m values."""
    from scipy.sparse import csr_matrix

    n, m = len(stored), stored.shape[1] // 2
    columns = stored[:, :m].astype(np.int32).ravel()
    return csr_matrix((stored[:, m:].ravel(), columns, np.arange(n + 1) * m), shape=(n, d))


def make_labels(n: int, k: int, seed: int = 0) -> np.ndarray:
    """n x 2 int64: k classes, and clusters that are the class for 7 in 10 samples, else random."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, n)
    return np.column_stack([true, np.where(rng.random(n) < 0.7, true, rng.integers(0, k, n))])


def n_unique_colors(image: np.ndarray) -> int:
    """The number of distinct colours of an 8-bit RGB image."""
    seen = np.zeros(1 << 24, dtype=bool)
    for band in image:
        red, green, blue = band.astype(np.int32).T
        seen[red << 16 | green << 8 | blue] = True
    return int(seen.sum())
