"""GPU adapters: a task of one installed library on data that is already where it computes.

An adapter takes a `Place` and a `Problem`, whose arrays are on the device, and returns the function
that is timed. What a library can't take from the device, it is given from the host: its table row
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """What a library is asked to solve: X, and the start of k rows, in the place; X on the host."""

    X: Any
    host: np.ndarray
    start: Any
    k: int
    max_iter: int
    options: Mapping[str, Any]


class Outcome(NamedTuple):
    """What it answered, where it computed."""

    centers: Any = None
    labels: Any = None
    n_iter: int | None = None
    score: float | None = None


Run = Callable[[], Outcome]


class Place:
    """Where a library computes: how data gets there and how time is taken. On the host here."""

    name = "numpy"
    compat = "array_api_compat.numpy"

    @property
    def xp(self) -> Any:
        """The array API namespace of its arrays."""
        return import_module(self.compat)

    def put(self, host: np.ndarray) -> Any:
        """Host data there, complete when this returns."""
        return np.array(host)

    def time(self, run: Run) -> tuple[float, float, Outcome]:
        """Seconds between two events on the device around a run, wall seconds, its outcome."""
        begin = perf_counter()
        outcome = run()
        seconds = perf_counter() - begin
        return seconds, seconds, outcome

    def peak_mib(self) -> float | None:
        """Device memory that the library's allocator has held at most."""
        return None

    def free(self) -> None:
        """Give unused device memory back."""


class HostTorch(Place):
    """PyTorch tensors on the host: what stands in for a GPU in a dry run."""

    name, compat = "torch on the CPU", "array_api_compat.torch"

    def put(self, host: np.ndarray) -> Any:
        return import_module("torch").from_numpy(np.array(host))


class CudaCupy(Place):
    """CuPy arrays on the current GPU."""

    name, compat = "cupy", "array_api_compat.cupy"

    def put(self, host: np.ndarray) -> Any:
        cupy = import_module("cupy")
        there = cupy.asarray(np.ascontiguousarray(host))
        cupy.cuda.get_current_stream().synchronize()
        return there

    def time(self, run: Run) -> tuple[float, float, Outcome]:
        cuda = import_module("cupy").cuda
        start, end = cuda.Event(), cuda.Event()
        cuda.Device().synchronize()
        begin = perf_counter()
        start.record()
        outcome = run()
        end.record()
        end.synchronize()
        cuda.Device().synchronize()  # libraries with streams of their own
        wall = perf_counter() - begin
        return cuda.get_elapsed_time(start, end) / 1e3, wall, outcome

    def peak_mib(self) -> float | None:
        return import_module("cupy").get_default_memory_pool().total_bytes() / 2**20

    def free(self) -> None:
        import_module("cupy").get_default_memory_pool().free_all_blocks()


class CudaTorch(Place):
    """PyTorch tensors on the current GPU."""

    name, compat = "torch", "array_api_compat.torch"

    def put(self, host: np.ndarray) -> Any:
        torch = import_module("torch")
        there = torch.from_numpy(np.array(host)).to("cuda")
        torch.cuda.synchronize()
        return there

    def time(self, run: Run) -> tuple[float, float, Outcome]:
        cuda = import_module("torch").cuda
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda.synchronize()
        begin = perf_counter()
        start.record()
        outcome = run()
        end.record()
        cuda.synchronize()
        wall = perf_counter() - begin
        return start.elapsed_time(end) / 1e3, wall, outcome

    def peak_mib(self) -> float | None:
        return import_module("torch").cuda.max_memory_reserved() / 2**20

    def free(self) -> None:
        import_module("torch").cuda.empty_cache()


class Library(NamedTuple):
    """A library, its module, where it computes (on a GPU, in a dry run), and what to know of it."""

    module: str
    place: type[Place]
    dry_place: type[Place] | None
    tasks: Mapping[str, Callable[[Place, Problem], Run]]
    note: str = ""


# clusterx


def _clusterx_quantize(place: Place, problem: Problem) -> Run:
    from clusterx import quantize

    def run() -> Outcome:
        found = quantize(
            problem.X, problem.k, init=problem.start, n_init=1, max_iter=problem.max_iter, tol=0.0
        )
        return Outcome(found.palette, found.indices, found.n_iter)

    return run


def _clusterx_lloyd(place: Place, problem: Problem) -> Run:
    from clusterx import KMeans

    def run() -> Outcome:
        model = KMeans(
            problem.k, init=problem.start, n_init=1, max_iter=problem.max_iter, tol=0.0
        ).fit(problem.X)
        return Outcome(model.cluster_centers_, model.labels_, model.n_iter_)

    return run


def _clusterx_lloyd_tf32(place: Place, problem: Problem) -> Run:
    from clusterx import precision

    return precision("tf32")(_clusterx_lloyd(place, problem))


def _clusterx_minibatch(place: Place, problem: Problem) -> Run:
    from clusterx import MiniBatchKMeans

    def run() -> Outcome:
        model = MiniBatchKMeans(problem.k, random_state=0).fit(problem.X)
        return Outcome(model.cluster_centers_, model.labels_, model.n_iter_)

    return run


def _scores(module: str) -> Callable[[Place, Problem], Run]:
    """The sum of the scores that the case names: of rows and labels, or of two labelings."""

    def prepare(place: Place, problem: Problem) -> Run:
        package = import_module(module)
        scores = [getattr(package, name) for name in problem.options["scores"]]
        return lambda: Outcome(score=sum(float(score(*problem.X)) for score in scores))

    return prepare


def _quantized(prepare: Callable[[Place, Problem], Run]) -> Callable[[Place, Problem], Run]:
    """Image in, palette and indexed image out, through what clusters rows."""

    def adapter(place: Place, problem: Problem) -> Run:
        xp, shape = place.xp, problem.X.shape

        def run() -> Outcome:
            pixels = xp.astype(xp.reshape(problem.X, (-1, 3)), xp.float32)
            found = prepare(place, problem._replace(X=pixels))()
            palette = xp.astype(xp.clip(xp.round(found.centers), 0, 255), xp.uint8)
            indices = xp.reshape(xp.astype(found.labels, xp.uint8), shape[:2])
            return Outcome(palette, indices, found.n_iter)

        return run

    return adapter


# plain PyTorch, as one would write it: blocks of rows, products in float32

_BLOCK_VALUES = 1 << 26


def _torch_lloyd_rows(X: Any, start: Any, iterations: int) -> Outcome:
    import torch

    (n, d), k = X.shape, start.shape[0]
    C, rows = start.to(torch.float32).clone(), max(1, _BLOCK_VALUES // max(start.shape))
    labels = torch.empty(n, dtype=torch.int64, device=X.device)

    def assign() -> None:
        squares = (C * C).sum(dim=1)
        for a in range(0, n, rows):
            labels[a : a + rows] = (squares - 2 * X[a : a + rows] @ C.T).argmin(dim=1)

    for _ in range(iterations):
        assign()
        sums = torch.zeros((k, d), dtype=torch.float32, device=X.device).index_add_(0, labels, X)
        counts = torch.bincount(labels, minlength=k)[:, None]
        C = torch.where(counts > 0, sums / counts.clamp(min=1), C)
    assign()
    return Outcome(C, labels, iterations)


def _torch_lloyd(place: Place, problem: Problem) -> Run:
    return lambda: _torch_lloyd_rows(problem.X, problem.start, problem.max_iter)


def _torch_silhouette(place: Place, problem: Problem) -> Run:
    import torch

    def run() -> Outcome:
        X, labels = problem.X
        n, k = X.shape[0], int(labels.max()) + 1
        member = torch.nn.functional.one_hot(labels.to(torch.int64), k).to(torch.float32)
        counts, total = member.sum(dim=0), 0.0
        for a in range(0, n, max(1, _BLOCK_VALUES // n)):
            rows = slice(a, a + max(1, _BLOCK_VALUES // n))
            sums, own = torch.cdist(X[rows], X) @ member, member[rows].bool()
            inner = sums[own] / (counts[labels[rows]] - 1).clamp(min=1)
            outer = (sums / counts).masked_fill(own, torch.inf).amin(dim=1)
            part = (outer - inner) / torch.maximum(inner, outer)
            total += float(part[counts[labels[rows]] > 1].sum(dtype=torch.float64))
        return Outcome(score=total / n)

    return run


# other libraries


def _flash(module: str, name: str) -> Mapping[str, Callable[[Place, Problem], Run]]:
    """What flash-kmeans and its successor do, which have one interface."""

    def lloyd(place: Place, problem: Problem) -> Run:
        kmeans = getattr(import_module(module), name)

        def run() -> Outcome:
            labels, centers, n_iter = kmeans(
                problem.X[None], problem.k, max_iters=problem.max_iter, tol=0.0,
                init_centroids=problem.start[None],
            )  # fmt: skip
            return Outcome(centers[0], labels[0], int(n_iter))

        return run

    return {"quantize": _quantized(lloyd), "lloyd": lloyd}


def _fastkmeans(place: Place, problem: Problem) -> Run:
    from fastkmeans import FastKMeans

    def run() -> Outcome:
        model = FastKMeans(
            problem.host.shape[1], problem.k, niter=problem.max_iter, tol=-1.0, gpu=True,
            max_points_per_centroid=2**31 - 1,
        )  # fmt: skip
        model.train(problem.host)
        return Outcome(place.put(np.asarray(model.centroids, np.float32)))

    return run


def _faiss(place: Place, problem: Problem) -> Run:
    import faiss

    if faiss.get_num_gpus() == 0:
        raise ImportError("the installed faiss has no GPU support")
    start = np.ascontiguousarray(problem.options["host_start"], np.float32)

    def run() -> Outcome:
        kmeans = faiss.Kmeans(
            problem.host.shape[1], problem.k, niter=problem.max_iter, gpu=True,
            min_points_per_centroid=1, max_points_per_centroid=2**31 - 1,
        )  # fmt: skip
        kmeans.train(problem.host, init_centroids=start)
        return Outcome(place.put(kmeans.centroids))

    return run


def _cuml_lloyd(place: Place, problem: Problem) -> Run:
    from cuml.cluster import KMeans

    def run() -> Outcome:
        model = KMeans(
            n_clusters=problem.k, init=problem.start, n_init=1, max_iter=problem.max_iter,
            tol=1e-30, output_type="cupy",
        ).fit(problem.X)  # fmt: skip
        return Outcome(model.cluster_centers_, model.labels_, int(model.n_iter_))

    return run


_FROM_HOST = "data from the host in every run"
CLUSTERX = "clusterx"
LIBRARIES: dict[str, Library] = {
    CLUSTERX: Library(
        "clusterx", CudaCupy, Place,
        {
            "quantize": _clusterx_quantize,
            "lloyd": _clusterx_lloyd,
            "minibatch": _clusterx_minibatch,
            "silhouette": _scores("clusterx.metrics"),
            "labels": _scores("clusterx.metrics"),
        },
    ),
    "clusterx in TF32": Library(
        "clusterx", CudaCupy, Place, {"lloyd": _clusterx_lloyd_tf32}, "products in TF32"
    ),
    "torch": Library(
        "torch", CudaTorch, HostTorch,
        {
            "quantize": _quantized(_torch_lloyd),
            "lloyd": _torch_lloyd,
            "silhouette": _torch_silhouette,
        },
        "written for this bench: blocks of products, float32",
    ),
    "flash-kmeans": Library(
        "flash_kmeans", CudaTorch, None,
        _flash("flash_kmeans", "batch_kmeans_Euclid"),
        "products in TF32",
    ),
    "flashlib": Library(
        "flashlib", CudaTorch, None,
        _flash("flashlib.primitives.kmeans", "flash_kmeans"),
        "products in TF32",
    ),
    "fastkmeans": Library(
        "fastkmeans", CudaTorch, None, {"lloyd": _fastkmeans},
        f"{_FROM_HOST}, a start of its own, float16",
    ),
    "faiss": Library("faiss", CudaTorch, None, {"lloyd": _faiss}, _FROM_HOST),
    "cuML": Library(
        "cuml", CudaCupy, None,
        {
            "quantize": _quantized(_cuml_lloyd),
            "lloyd": _cuml_lloyd,
            "silhouette": _scores("cuml.metrics.cluster"),
            "labels": _scores("cuml.metrics.cluster"),
        },
    ),
}  # fmt: skip
