"""Blocks on a GPU: what crosses the bus, what is in memory, and what is refused."""

import tracemalloc
import weakref
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from clusterx import Blocks, KMeans, MiniBatchKMeans, kmeans_plusplus, metrics
from clusterx import arrays as clusterx_arrays
from clusterx.arrays import DeviceError
from tests.cuda_on_cpu import arrays as stand_in
from tests.cuda_on_cpu import streams

pytestmark = pytest.mark.backends("cuda_on_cpu")


def rows(n=600, d=3):
    return np.random.default_rng(0).standard_normal((n, d)).astype("float32")


# -- what crosses the bus --------------------------------------------------------------------------


@contextmanager
def counted(monkeypatch):
    """Sizes of what the host reads of the stand-in."""
    sizes, get = [], stand_in.Array.get

    def counting(self):
        sizes.append(self.size)
        return get(self)

    with monkeypatch.context() as patch:
        patch.setattr(stand_in.Array, "get", counting)
        yield sizes


def test_one_read_an_iteration(gpu, monkeypatch):
    X, reads = rows(), []
    for max_iter in (1, 2, 6):
        with counted(monkeypatch) as sizes:
            model = KMeans(6, init=X[:6], tol=0, max_iter=max_iter).fit(gpu.blocks(X, 77))
        assert model.n_iter_ == max_iter
        assert max(sizes) < 10
        reads.append(len(sizes))
    assert np.diff(reads).tolist() == [1, 4]


def test_seeding_reads_the_rows_it_draws(gpu, monkeypatch):
    """Few indices a centre: the rows are on the host."""
    X, reads = rows(), []
    for k in (8, 18):  # as many candidates for each
        with counted(monkeypatch) as sizes:
            kmeans_plusplus(gpu.blocks(X, 77), k, random_state=0)
        assert max(sizes) <= k
        reads.append(len(sizes))
    assert np.diff(reads) == [10]


def test_each_pass_copies_the_rows_once(gpu, monkeypatch):
    X, copied = rows(), []
    for max_iter in (1, 2, 6):
        before = gpu.cuda.copied
        KMeans(6, init=X[:6], tol=0, max_iter=max_iter).fit(gpu.blocks(X, 77))
        copied.append(gpu.cuda.copied - before)
    assert np.diff(copied).tolist() == [X.nbytes, 4 * X.nbytes]


@contextmanager
def live_memory(monkeypatch):
    """Keeps count of the bytes of the stand-in's arrays: what there is, and the most there was."""
    known, count = {}, SimpleNamespace(now=0, most=0)
    init = stand_in.Array.__init__

    def counting(self, held):
        init(self, held)
        owner = streams.root(held)
        if id(owner) in known:
            return
        place, size = id(owner), owner.nbytes

        def freed(_):
            del known[place]
            count.now -= size

        known[place] = weakref.ref(owner, freed)
        count.now += size
        count.most = max(count.most, count.now)

    with monkeypatch.context() as patch:
        patch.setattr(stand_in.Array, "__init__", counting)
        yield count


RUNS = {
    "seeding": lambda rows, X: KMeans(4, random_state=0, max_iter=2).fit(rows),
    "lloyd": lambda rows, X: KMeans(4, init=X[:4], max_iter=2).fit(rows).score(rows),
    "mini-batch": lambda rows, X: MiniBatchKMeans(
        4, init=X[:4], max_iter=1, batch_size=64, init_size=64, random_state=0
    ).fit(rows),
    "calinski_harabasz": lambda rows, X: metrics.calinski_harabasz_score(rows, LABELS),
    "davies_bouldin": lambda rows, X: metrics.davies_bouldin_score(rows, LABELS),
    "simplified": lambda rows, X: metrics.simplified_silhouette_score(rows, LABELS),
}
LABELS = np.random.default_rng(0).integers(0, 4, 4000)


@pytest.mark.parametrize("run", RUNS)
def test_memory_is_bounded_by_the_blocks(gpu, monkeypatch, run):
    for module in ("clusterx.rows.blocks", "clusterx.metrics.centers"):
        monkeypatch.setattr(f"{module}.SUMMARY_VALUES", 64 * 40)
    monkeypatch.setattr("clusterx.centroid.steps.GATHERED", 2 * 64 * 40)
    X = rows(4000, 40)
    per_row, block = 40 * 4000, 64 * 40 * 4
    with live_memory(monkeypatch) as count:
        RUNS[run](gpu.blocks(X, 64), X)
    assert 2 * block <= count.most < per_row + 20 * block < X.nbytes
    with live_memory(monkeypatch) as count:
        RUNS[run](gpu.up(X), X)
    assert count.most >= X.nbytes  # that is what is counted


def test_memory_on_the_host_is_bounded_by_the_blocks(gpu):
    X = rows(20_000, 40)
    blocks = gpu.blocks(X, 256)
    tracemalloc.start()
    try:
        for _ in blocks.walk():
            pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 12 * 256 * 40 * 4 < X.nbytes / 2


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["auto", "gpu", "CUDA", "", None, 0, ["cuda"]])
def test_wrong_device(xp, device):
    with pytest.raises(ValueError, match="device must be 'cpu' or 'cuda', got"):
        Blocks(rows(), device=device)


def test_device_is_a_keyword(xp):
    with pytest.raises(TypeError):
        Blocks(rows(), None, "cuda")


def test_without_cupy(xp, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(clusterx_arrays, "import_module", missing)
    with pytest.raises(DeviceError, match=r"device='cuda' needs CuPy.*or use device='cpu'"):
        Blocks(rows(), device="cuda")


def test_without_a_gpu(xp, monkeypatch):
    runtime = SimpleNamespace(getDeviceCount=lambda: 0, CUDARuntimeError=RuntimeError)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(clusterx_arrays, "import_module", lambda name: cupy)
    with pytest.raises(DeviceError, match="no NVIDIA GPU was found"):
        Blocks(rows(), device="cuda")
