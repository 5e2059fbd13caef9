"""Adapters: one task of one installed library, behind one signature.

An adapter takes a `Problem`, does what is not to be timed (imports, settings) and returns the
function that is. Conversions that a user of the library cannot avoid are inside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .data import cache_folder


class Problem(NamedTuple):
    """What a library is asked to solve."""

    X: np.ndarray
    k: int
    start: np.ndarray | None
    max_iter: int
    threads: int
    options: Mapping[str, Any]


class Outcome(NamedTuple):
    """What it answered; `seconds` only where a child process did the timing."""

    centers: Any = None
    labels: Any = None
    n_iter: int | None = None
    seconds: float | None = None
    score: float | None = None


Run = Callable[[int], Outcome]

MODULES = {
    "clusterx": "clusterx",
    "scikit-learn": "sklearn.cluster",
    "oneDAL": "sklearnex.cluster",
}
DISTRIBUTIONS = {
    "clusterx": "clusterx",
    "scikit-learn": "scikit-learn",
    "oneDAL": "scikit-learn-intelex",
    "faiss": "faiss-cpu",
    "Pillow": "pillow",
    "reading twice": "numpy",
}


def prepare(library: str, task: str, problem: Problem) -> Run:
    """The timed function of a task of a library.

    Raises
    ------
    ImportError
        The library is not installed, or lacks what the task needs.
    """
    named = NAMED.get((library, task))
    if named is not None:
        return named(problem)
    if task in CHILDREN:
        return CHILDREN[task](library, problem)
    return ESTIMATORS[task](import_module(MODULES[library]), problem)


# Libraries with scikit-learn's interface


def _fitted(model: Any) -> Outcome:
    return Outcome(model.cluster_centers_, model.labels_, int(model.n_iter_))


def _from_start(module: Any, problem: Problem) -> Any:
    return module.KMeans(
        problem.k, init=problem.start, n_init=1, max_iter=problem.max_iter, tol=0.0
    )


def _lloyd(module: Any, problem: Problem) -> Run:
    module.KMeans  # noqa: B018  (a missing name shows before the clock starts)
    return lambda seed: _fitted(_from_start(module, problem).fit(problem.X))


def _fit(module: Any, problem: Problem) -> Run:
    KMeans = module.KMeans
    return lambda seed: _fitted(KMeans(problem.k, random_state=seed).fit(problem.X))


def _minibatch(module: Any, problem: Problem) -> Run:
    MiniBatchKMeans = module.MiniBatchKMeans
    return lambda seed: _fitted(MiniBatchKMeans(problem.k, random_state=seed).fit(problem.X))


def _seeding(module: Any, problem: Problem) -> Run:
    kmeans_plusplus = module.kmeans_plusplus
    return lambda seed: Outcome(kmeans_plusplus(problem.X, problem.k, random_state=seed)[0])


def _quantize_pixels(module: Any, problem: Problem) -> Run:
    """Image in, palette and indexed image out, through an estimator that takes rows."""

    def run(seed: int) -> Outcome:
        pixels = problem.X.reshape(-1, 3).astype(np.float32)
        return _indexed(problem, _fitted(_from_start(module, problem).fit(pixels)))

    return run


def _indexed(problem: Problem, found: Outcome) -> Outcome:
    palette = np.rint(found.centers).clip(0, 255).astype(np.uint8)
    indices = found.labels.astype(np.uint8).reshape(problem.X.shape[:2])
    return Outcome(palette, indices, found.n_iter)


ESTIMATORS: dict[str, Callable[[Any, Problem], Run]] = {
    "lloyd": _lloyd,
    "fit": _fit,
    "minibatch": _minibatch,
    "seeding": _seeding,
    "quantize": _quantize_pixels,
}


# Libraries with interfaces of their own


def _clusterx_quantize(problem: Problem) -> Run:
    from clusterx import quantize

    def run(seed: int) -> Outcome:
        answer = quantize(
            problem.X,
            problem.k,
            init=problem.start,
            n_init=1,
            max_iter=problem.max_iter,
            tol=0.0,
        )
        return Outcome(answer.palette, answer.indices, getattr(answer, "n_iter", None))

    return run


def _faiss(X: np.ndarray, problem: Problem) -> Outcome:
    import faiss

    kmeans = faiss.Kmeans(
        X.shape[1],
        problem.k,
        niter=problem.max_iter,
        nredo=1,
        min_points_per_centroid=1,
        max_points_per_centroid=2**31 - 1,  # its default trains on 256 points a centroid
    )
    kmeans.train(X, init_centroids=problem.start)
    labels = kmeans.index.search(X, 1)[1][:, 0]
    return Outcome(kmeans.centroids, labels, len(np.asarray(kmeans.obj)))


def _faiss_lloyd(problem: Problem) -> Run:
    import faiss

    faiss.omp_set_num_threads(problem.threads)
    return lambda seed: _faiss(problem.X, problem)


def _faiss_quantize(problem: Problem) -> Run:
    import faiss

    faiss.omp_set_num_threads(problem.threads)

    def run(seed: int) -> Outcome:
        pixels = problem.X.reshape(-1, 3).astype(np.float32)
        return _indexed(problem, _faiss(pixels, problem))

    return run


def _pillow_quantize(problem: Problem) -> Run:
    from PIL import Image

    def run(seed: int) -> Outcome:
        answer = Image.fromarray(problem.X).quantize(problem.k, dither=Image.Dither.NONE)
        palette = np.asarray(answer.getpalette(), dtype=np.uint8).reshape(-1, 3)
        return Outcome(palette[: problem.k], np.asarray(answer))

    return run


def _read_twice(problem: Problem) -> Run:
    """The floor of any two-pass method: the file read twice from the page cache, and summed."""
    folder = tempfile.TemporaryDirectory(dir=cache_folder())
    path = Path(folder.name) / "pixels.npy"
    np.save(path, problem.X)

    def run(seed: int, folder: Any = folder) -> Outcome:  # holding the folder keeps its file
        for _ in range(2):
            np.load(path).sum()
        return Outcome()

    return run


def _score(module: str, problem: Problem) -> Run:
    """Scores of a clustering, one after the other; their sum is the outcome.

    The data are rows, which are scored by their nearest start, or two columns of labels.
    """
    package = import_module(module)
    scores = [getattr(package, name) for name in problem.options["scores"]]
    if problem.start is None:
        given = tuple(np.ascontiguousarray(column) for column in problem.X.T)
    else:
        given = problem.X, _nearest(problem.X, problem.start)
    return lambda seed: Outcome(score=float(sum(score(*given) for score in scores)))


def _nearest(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    X, C = X.astype(np.float64), C.astype(np.float64)
    return ((C**2).sum(axis=1) - 2 * X @ C.T).argmin(axis=1)


NAMED: dict[tuple[str, str], Callable[[Problem], Run]] = {
    ("clusterx", "quantize"): _clusterx_quantize,
    ("faiss", "quantize"): _faiss_quantize,
    ("faiss", "lloyd"): _faiss_lloyd,
    ("Pillow", "quantize"): _pillow_quantize,
    ("reading twice", "minibatch"): _read_twice,
    ("clusterx", "score"): partial(_score, "clusterx.metrics"),
    ("scikit-learn", "score"): partial(_score, "sklearn.metrics.cluster"),
}


# Tasks of a fresh interpreter

_FIRST_FIT = """
import json, sys, time
import numpy as np
start = time.perf_counter()
from {module} import KMeans
imported = time.perf_counter()
X = np.load(sys.argv[1])
before = time.perf_counter()
KMeans({k}, n_init=1, random_state=0).fit(X)
print(json.dumps([imported - start, time.perf_counter() - before]))
"""


def _child(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """What a fresh interpreter prints; where it fails, the last line of its complaint."""
    command = [sys.executable, "-c", code, *arguments]
    child = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
        raise RuntimeError(last[0])
    return child.stdout


def _import(library: str, problem: Problem) -> Run:
    """Wall time of an interpreter that imports a library and ends."""
    statement = "pass"
    if library != "bare Python":
        package = MODULES[library]
        import_module(package)  # says so before the clock starts if it is missing
        top = package.partition(".")[0]
        wants_estimator = problem.options["estimator"]
        statement = f"from {package} import KMeans" if wants_estimator else f"import {top}"

    def run(seed: int) -> Outcome:
        _child(statement)
        return Outcome()

    return run


def _first_fit(library: str, problem: Problem) -> Run:
    """Seconds of the first fit of a process, its import apart, by the state of numba's cache."""
    module = MODULES[library]
    import_module(module)
    code = _FIRST_FIT.format(module=module, k=problem.k)
    holder = tempfile.TemporaryDirectory(dir=cache_folder())
    path = Path(holder.name) / "X.npy"
    np.save(path, problem.X[: problem.options["rows"]])
    warm = problem.options["numba_cache"] == "warm"

    def run(seed: int) -> Outcome:
        fresh = nullcontext(holder.name) if warm else tempfile.TemporaryDirectory()
        with fresh as folder:
            said = _child(code, str(path), env={**os.environ, "NUMBA_CACHE_DIR": folder})
        return Outcome(seconds=json.loads(said)[1])

    if warm:
        run(0)
    return run


CHILDREN: dict[str, Callable[[str, Problem], Run]] = {"import": _import, "first_fit": _first_fit}
