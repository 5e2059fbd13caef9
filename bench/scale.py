"""Time and peak memory of a fit to a file of any size, which is read block by block.

    python -m bench.scale --gigabytes 20 --file /tmp/rows.npy
    python -m bench.scale --rows 1e8 --estimator MiniBatchKMeans --keep
    python -m bench.scale --rows 2e6 --workers 2 --library dask-ml

The file is made first, if there is none: rows around 64 centres, by blocks, so that making it takes
no memory either. One line of JSON is printed, and appended to the file named by --out. Peak memory
is that of a process of its own, which has nothing else to do: all resident pages, mapped files
among them. With --workers, the rows are in the memory of so many processes of Dask, and the time is
that of a second fit; the CPU time is that of all processes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .hardware import machine

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


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Fit the rows of the file; labels go to a file beside it, or stay in memory."""
    import clusterx

    path, estimator, k, max_iter = options.file, options.estimator, options.k, options.max_iter
    mapped = np.load(path, mmap_mode="r")
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = np.array(mapped) if options.whole else clusterx.Blocks(mapped)
    kind = getattr(clusterx, estimator)
    named = kind().get_params()
    given: dict[str, Any] = {"max_iter": max_iter, "random_state": 0, "tol": 0.0}
    given["n_components" if "n_components" in named else "n_clusters"] = k
    # starts over all rows keep some numbers of each
    start = clusterx.kmeans_plusplus(_sample(mapped), k, random_state=0)[0]
    given |= {"init": start, "means_init": start, "init_params": "random_from_data"}
    model = kind(**{key: value for key, value in given.items() if key in named})
    kind(**{key: value for key, value in given.items() if key in named}).fit(
        np.array(mapped[: 1 << 14]) if options.whole else clusterx.Blocks(mapped[: 1 << 15])
    )  # compiles
    labels = path.with_name(path.stem + "-labels.npy")
    wall, cpu = time.perf_counter(), time.process_time()
    if options.labels == "memory":
        model.fit(rows)
    elif estimator in ("KMeans", "MiniBatchKMeans"):
        model.fit(rows, labels_out=labels)
    else:
        model.fit(rows)
        model.predict(rows, labels_out=labels)
    seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
    labels.unlink(missing_ok=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "estimator": estimator,
        "library": "clusterx",
        "in": "memory" if options.whole else "blocks",
        "labels": options.labels,
        **_data(mapped),
        "k": k,
        "iterations": int(getattr(model, "n_iter_", 0)),
        "inertia": getattr(model, "inertia_", None),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "peak_mb": round(peak / 1024),
        "peak_before_mb": round(began / 1024),
        "machine": machine(["clusterx"]),
    }


def _data(mapped: np.ndarray) -> dict[str, Any]:
    return {
        "rows": len(mapped),
        "columns": mapped.shape[1],
        "dtype": str(mapped.dtype),
        "gigabytes": round(mapped.nbytes / 1e9, 3),
    }


def _read(path: Path, a: int, b: int) -> np.ndarray:
    return np.array(np.load(path, mmap_mode="r")[a:b])


def measure_workers(options: argparse.Namespace) -> dict[str, Any]:
    """Fit the rows of the file in the memory of worker processes."""
    import dask
    import dask.array as da
    from distributed import Client, LocalCluster

    import clusterx

    mapped = np.load(options.file, mmap_mode="r")
    n, d = mapped.shape
    start = clusterx.kmeans_plusplus(_sample(mapped), options.k, random_state=0)[0]
    ends = np.linspace(0, n, options.chunks + 1).astype(int).tolist()
    parts = [
        da.from_delayed(dask.delayed(_read)(options.file, a, b), (b - a, d), mapped.dtype)
        for a, b in itertools.pairwise(ends)
    ]
    how = {"n_workers": options.workers, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(processes=True, **how) as cluster, Client(cluster) as client:
        X = da.concatenate(parts).persist()
        _fit(options, X[: ends[1]], start, 2)
        _fit(options, X, start, 1)
        cpu = _cpu(client)
        wall = time.perf_counter()
        model = _fit(options, X, start, options.max_iter)
        seconds, cpu = time.perf_counter() - wall, _cpu(client) - cpu
    return {
        "estimator": "KMeans",
        "library": options.library,
        "in": "workers",
        "workers": options.workers,
        "chunks": options.chunks,
        **_data(mapped),
        "k": options.k,
        "iterations": int(model.n_iter_),
        "inertia": float(model.inertia_),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "centers": float(np.asarray(model.cluster_centers_, np.float64).sum()),
        "machine": machine(["clusterx", "dask", "distributed", "dask_ml"]),
    }


def _fit(options: argparse.Namespace, X: Any, start: np.ndarray, max_iter: int) -> Any:
    if options.library == "clusterx":
        from clusterx import KMeans
    else:
        from dask_ml.cluster import KMeans
    model = KMeans(options.k, init=start, max_iter=max_iter, tol=0.0, random_state=0).fit(X)
    model.labels_.persist()
    return model


def _cpu(client: Any) -> float:
    """Seconds of CPU that the workers and this process have used."""
    return time.process_time() + sum(client.run(time.process_time).values())


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
    parser.add_argument(
        "--labels", choices=("file", "memory"), default="file", help="where the labels go"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes of Dask")
    parser.add_argument("--chunks", type=int, default=8, help="of the array of Dask")
    parser.add_argument("--library", choices=("clusterx", "dask-ml"), default="clusterx")
    parser.add_argument("--out", type=Path, help="a file of JSON lines to append to")
    parser.add_argument("--keep", action="store_true", help="leave the file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        line = json.dumps(measure_workers(options) if options.workers else measure(options))
        print(line)
        if options.out is not None:
            with open(options.out, "a") as file:
                file.write(line + "\n")
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
