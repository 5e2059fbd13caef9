"""Time and peak memory of a fit to a file of any size, which is read block by block.

    python -m bench.scale --gigabytes 20 --file /tmp/rows.npy
    python -m bench.scale --rows 1e8 --estimator MiniBatchKMeans --keep

The file is made first, if there is none: rows around 64 centres, by blocks, so that making it takes
no memory either. What is printed is one line of JSON. Peak memory is that of a process of its own,
which has nothing else to do: all resident pages, mapped files among them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

#: Rows that are made at a time.
_BLOCK = 1 << 18
_CENTERS = 64


def make(path: Path, n: int, d: int, dtype: str, seed: int = 0) -> None:
    """An NPY file of n rows around some centres."""
    centers = np.random.default_rng(seed).uniform(-10, 10, (_CENTERS, d))
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (n, d)}
        np.lib.format.write_array_header_2_0(file, header)
        for number, a in enumerate(range(0, n, _BLOCK)):
            rng = np.random.default_rng([seed, number])
            m = min(_BLOCK, n - a)
            X = rng.standard_normal((m, d), np.float32)
            X += centers[rng.integers(0, _CENTERS, m)].astype(np.float32)
            X.astype(dtype, copy=False).tofile(file)
    part.replace(path)


def measure(path: Path, estimator: str, k: int, max_iter: int, whole: bool) -> dict[str, Any]:
    """Fit the rows of the file; labels go to a file beside it."""
    import clusterx

    mapped = np.load(path, mmap_mode="r")
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = np.array(mapped) if whole else clusterx.Blocks(mapped)
    kind = getattr(clusterx, estimator)
    named = kind().get_params()
    options: dict[str, Any] = {"max_iter": max_iter, "random_state": 0, "tol": 0.0}
    options["n_components" if "n_components" in named else "n_clusters"] = k
    # starts over all rows keep some numbers of each
    start = clusterx.kmeans_plusplus(_sample(mapped), k, random_state=0)[0]
    options |= {"init": start, "means_init": start, "init_params": "random_from_data"}
    model = kind(**{key: value for key, value in options.items() if key in named})
    labels = path.with_name(path.stem + "-labels.npy")
    wall, cpu = time.perf_counter(), time.process_time()
    if estimator in ("KMeans", "MiniBatchKMeans"):
        model.fit(rows, labels_out=labels)
    else:
        model.fit(rows)
        model.predict(rows, labels_out=labels)
    seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
    labels.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "estimator": estimator,
        "in": "memory" if whole else "blocks",
        "rows": len(mapped),
        "columns": mapped.shape[1],
        "dtype": str(mapped.dtype),
        "gigabytes": round(mapped.nbytes / 1e9, 3),
        "k": k,
        "iterations": int(getattr(model, "n_iter_", 0)),
        "inertia": getattr(model, "inertia_", None),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "peak_mb": round(peak / 1024),
        "peak_before_mb": round(began / 1024),
        "clusterx": clusterx.__version__,
    }


def _sample(mapped: np.ndarray) -> np.ndarray:
    """Rows from some places: single rows from all over would bring all of the file to memory."""
    places = np.linspace(0, max(0, len(mapped) - 320), 64).astype(np.int64)
    return np.concatenate([mapped[a : a + 320] for a in places])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--file", type=Path, default=Path("scale.npy"), help="the NPY file")
    parser.add_argument("--gigabytes", type=float, help="size of the file, in place of --rows")
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--estimator", default="KMeans", help="KMeans, GaussianMixture, ...")
    parser.add_argument("-k", type=int, default=16)
    parser.add_argument("--max-iter", type=int, default=10)
    parser.add_argument("--whole", action="store_true", help="read the rows into memory first")
    parser.add_argument("--keep", action="store_true", help="leave the file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    what = options.file, options.estimator, options.k, options.max_iter, options.whole
    if options.child:
        print(json.dumps(measure(*what)))
        return
    made = not options.file.exists()
    if made:
        n = int(options.rows)
        if options.gigabytes is not None:
            width = options.columns * np.dtype(options.dtype).itemsize
            n = int(options.gigabytes * 1e9 / width)
        make(options.file, n, options.columns, options.dtype)
    try:
        subprocess.run([sys.executable, "-m", "bench.scale", *sys.argv[1:], "--child"], check=True)
    finally:
        if made and not options.keep:
            options.file.unlink()


if __name__ == "__main__":
    main()
