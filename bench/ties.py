"""k-means on data with exact ties, beside scikit-learn's from the same seeds.

    python -m bench.ties [--seeds 100] [--only NAME] [--out bench/results/ties.json]

One start per fit. The ratio of the inertias, ours by theirs, is averaged over the seeds; random
data are made again for each.
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Setting(NamedTuple):
    """Data as a function of the seed, which may come with weights, and the number of clusters."""

    make: Callable[[int], Any]
    k: int


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([15, seed])


def _binary(n: int, d: int, share: float) -> Callable[[int], np.ndarray]:
    return lambda seed: (_rng(seed).random((n, d)) < share) * 1.0


def _grid(*shape: int) -> Callable[[int], np.ndarray]:
    return lambda seed: np.indices(shape).reshape(len(shape), -1).T.astype(np.float64)


def _survey(seed: int) -> np.ndarray:
    """Answers from 1 to 5 to eight questions about two opinions."""
    rng = _rng(seed)
    opinions = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8))
    return np.clip(np.rint(3 + 0.8 * opinions + 0.6 * rng.normal(size=(400, 8))), 1, 5)


def _one_hot(seed: int) -> np.ndarray:
    rng = _rng(seed)
    return np.concatenate([np.eye(4)[rng.integers(0, 4, 1000)] for _ in range(3)], axis=1)


def _repeated(seed: int) -> np.ndarray:
    rng = _rng(seed)
    return rng.integers(0, 6, (20, 3))[rng.integers(0, 20, 500)].astype(np.float64)


def _counted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of zeros and ones, and how often each occurs."""
    rows, counts = np.unique(_binary(2000, 7, 0.3)(seed), axis=0, return_counts=True)
    return rows, counts.astype(np.float64)


def _weighted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = _rng(seed)
    return rng.integers(0, 10, (200, 2)).astype(np.float64), rng.integers(1, 6, 200) * 1.0


SETTINGS = {
    "0..99": Setting(_grid(100), 2),
    "0..999": Setting(_grid(1000), 7),
    "0/1, 500 x 6, 20%": Setting(_binary(500, 6, 0.2), 8),
    "0/1, 1,000 x 10, 50%": Setting(_binary(1000, 10, 0.5), 8),
    "0/1, 300 x 20, 10%": Setting(_binary(300, 20, 0.1), 5),
    "0/1, 20,000 x 6, 20%": Setting(_binary(20_000, 6, 0.2), 8),
    "0/1, 2,000 x 40, 5%": Setting(_binary(2000, 40, 0.05), 10),
    "grid of 12 x 12": Setting(_grid(12, 12), 6),
    "grid of 5 x 5 x 5": Setting(_grid(5, 5, 5), 8),
    "0..4, 600 x 3": Setting(lambda seed: _rng(seed).integers(0, 5, (600, 3)) * 1.0, 10),
    "survey, 400 x 8": Setting(_survey, 4),
    "counts, 500 x 3": Setting(lambda seed: _rng(seed).poisson([1, 3, 6], (500, 3)) * 1.0, 6),
    "days": Setting(lambda seed: 19000.0 + 7 * _rng(seed).integers(0, 104, (300, 1)), 12),
    "8-bit greys": Setting(
        lambda seed: np.clip(_rng(seed).normal(120, 40, (2000, 1)), 0, 255).astype(np.uint8), 16
    ),
    "halves, 400 x 2": Setting(lambda seed: np.rint(4 * _rng(seed).normal(size=(400, 2))) / 2, 8),
    "repeated rows": Setting(_repeated, 6),
    "one-hot, 3 of 4": Setting(_one_hot, 6),
    "0/1, 7 columns, counted": Setting(_counted, 8),
    "0..9, weighted": Setting(_weighted, 7),
}


def ratios(name: str, seeds: int) -> np.ndarray:
    """Inertia by scikit-learn's, for each seed."""
    from sklearn.cluster import KMeans as Theirs
    from threadpoolctl import threadpool_limits

    from clusterx import KMeans

    make, k = SETTINGS[name]
    found = []
    for seed in range(seeds):
        made = make(seed)
        X, w = made if isinstance(made, tuple) else (made, None)
        with threadpool_limits(1):  # the fits are small
            ours, theirs = (
                kind(k, n_init=1, random_state=seed).fit(X, sample_weight=w).inertia_
                for kind in (KMeans, Theirs)
            )
        found.append(ours / theirs)
    return np.array(found)


def main(arguments: list[str] | None = None) -> None:
    """Print a line per setting, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.ties")
    parser.add_argument("--seeds", type=int, default=100, help="Fits per setting.")
    parser.add_argument("--only", choices=SETTINGS, help="The only setting to run.")
    parser.add_argument("--out", type=Path, help="JSON file to write.")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    found = {}
    for name in [options.only] if options.only else SETTINGS:
        r = ratios(name, options.seeds)
        found[name] = {
            "k": SETTINGS[name].k,
            "mean": round(float(r.mean()), 6),
            "standard_error": round(float(r.std() / len(r) ** 0.5), 6),
            "better": int((r < 1 - 1e-9).sum()),
            "worse": int((r > 1 + 1e-9).sum()),
        }
        print(f"{name:26}", *(f"{key} {value}" for key, value in found[name].items()), flush=True)
    if options.out:
        how = {
            "what": "inertia of clusterx by scikit-learn's, KMeans(k, n_init=1, random_state=s)",
            "made_by": f"python -m bench.ties --seeds {options.seeds}",
            "seeds": options.seeds,
            "versions": {p: version(p) for p in ("clusterx", "numpy", "numba", "scikit-learn")},
            "python": platform.python_version(),
        }
        options.out.write_text(json.dumps({**how, "settings": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
