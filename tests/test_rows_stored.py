"""Rows in files of many kinds: estimators find in them what they find in memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal

from clusterx import (
    DBSCAN,
    BayesianGaussianMixture,
    Birch,
    BisectingKMeans,
    Blocks,
    GaussianMixture,
    KMeans,
    KMedians,
    MiniBatchKMeans,
    SelfOrganizingMap,
)
from clusterx.rows import InMemory, in_memory_or_blocks, mapped
from clusterx.rows.stored import FileArray


def rows(n=900, d=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)) + 9 * (np.arange(n) % 3)[:, None]


class Chunked:
    """Like an array of HDF5 or Zarr: slices alone, in chunks."""

    def __init__(self, X, chunks):
        self.X, self.shape, self.dtype, self.chunks = X, X.shape, X.dtype, chunks
        self.ndim = 2
        self.read = []

    def __getitem__(self, part):
        assert isinstance(part, slice)
        self.read.append((part.start, part.stop))
        return self.X[part]


class Again:
    """Blocks that can be walked over again and again."""

    def __init__(self, *blocks):
        self.blocks = blocks

    def __iter__(self):
        return iter(self.blocks)


def kinds(X, folder):
    """The rows in files and blocks of all kinds."""
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    np.save(folder / "a.npy", X)
    frame.to_parquet(folder / "a.parquet", row_group_size=200)
    (folder / "parts").mkdir()
    for part, a in enumerate(range(0, len(X), 250)):
        frame[a : a + 250].to_parquet(folder / "parts" / f"{part}.parquet", index=False)
    return {
        "path": folder / "a.npy",
        "name": str(folder / "a.npy"),
        "mapped": np.load(folder / "a.npy", mmap_mode="r"),
        "Parquet": folder / "a.parquet",
        "folder": folder / "parts",
        "dataset": pyarrow.dataset.dataset(folder / "parts"),
        "ParquetFile": pyarrow.parquet.ParquetFile(folder / "a.parquet"),
        "sliced": Chunked(X, (130, 3)),
        "list": [X[:100], X[100:]],
        "frames": [frame[:100], frame[100:]],
        "iterable": Again(X[:400], X[400:]),
        "callable": lambda: iter([X[:10], X[10:]]),
    }


NAMED = {"Parquet", "folder", "dataset", "ParquetFile", "frames"}


@pytest.fixture
def no_memory(monkeypatch):
    """What is in files is read block by block, some rows at a time."""
    monkeypatch.setattr(mapped, "SMALL", 0)
    monkeypatch.setattr(mapped, "available_memory", lambda: 0)
    with sklearn.config_context(working_memory=0.02):
        yield


@pytest.mark.parametrize("streamed", [False, True])
def test_kmeans_of_all_kinds_has_the_bits_of_one_in_memory(tmp_path, streamed, request):
    if streamed:
        request.getfixturevalue("no_memory")
    X = rows()
    expected = KMeans(3, random_state=0).fit(X)
    distances, score = expected.transform(X), expected.score(X)
    for kind, given in kinds(X, tmp_path).items():
        model = KMeans(3, random_state=0).fit(given)
        assert model.cluster_centers_.tobytes() == expected.cluster_centers_.tobytes(), kind
        assert model.inertia_ == expected.inertia_
        assert_array_equal(model.labels_, expected.labels_)
        assert_array_equal(model.predict(given), expected.labels_)
        assert_array_equal(model.transform(given), distances)
        assert model.score(given) == score
        names = getattr(model, "feature_names_in_", None)
        assert (names is None) == (kind not in NAMED)
        assert names is None or names.tolist() == ["a", "b", "c"]


MODELS = [
    MiniBatchKMeans(3, batch_size=50, random_state=0, max_iter=3),
    BisectingKMeans(3, random_state=0),
    GaussianMixture(3, random_state=0),
    BayesianGaussianMixture(n_components=3, random_state=0, max_iter=20, tol=1e-2),
    Birch(threshold=1.5),
    SelfOrganizingMap((2, 3), max_iter=3),
    KMedians(3, init=rows()[:3], random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_estimators_in_blocks(model, tmp_path, no_memory):
    X = rows()
    model.fit(X)
    expected = {k: v for k, v in vars(model).items() if k.endswith("_") and k[0] != "_"}
    methods = [name for name in ("predict", "score", "transform") if hasattr(model, name)]
    told, found = {name: getattr(model, name)(X) for name in methods}, kinds(X, tmp_path)
    for kind in ("folder", "sliced", "iterable", "path"):
        given = found[kind]
        model.fit(given)
        for name, value in expected.items():
            if isinstance(value, np.ndarray | float):
                assert_allclose(getattr(model, name), value, rtol=1e-10, err_msg=name)
        for name, value in told.items():
            assert_allclose(getattr(model, name)(given), value, rtol=1e-10, atol=1e-12)


def test_names_are_compared(tmp_path):
    found = kinds(rows(), tmp_path)
    model = KMeans(3, random_state=0).fit(found["folder"])
    frame = pd.read_parquet(found["Parquet"])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c"]])
    frame[["b", "a", "c"]].to_parquet(tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(tmp_path / "b.parquet")


def test_small_files_are_read_into_memory(tmp_path):
    found = kinds(rows(), tmp_path)
    assert isinstance(in_memory_or_blocks(found["folder"]), InMemory)
    assert isinstance(in_memory_or_blocks(found["sliced"]), np.ndarray)
    assert_array_equal(
        DBSCAN(eps=2.0).fit(found["folder"]).labels_, DBSCAN(eps=2.0).fit(rows()).labels_
    )


def test_pairwise_models_say_that_they_need_memory(tmp_path, no_memory):
    with pytest.raises(ValueError, match=r"DBSCAN takes rows in memory, got Blocks\. Load"):
        DBSCAN().fit(kinds(rows(), tmp_path)["folder"])


def test_blocks_end_where_chunks_do():
    X = rows(1000)
    array = Chunked(X, (130, 3))
    assert [len(block) for block in Blocks(array, block_rows=300)] == [260, 260, 260, 220]
    assert [len(block) for block in Blocks(array, block_rows=100)][:2] == [100, 100]
    array.read.clear()
    taken = Blocks(array, block_rows=300).take(np.array([999, 3, 3, 5, 600]))
    assert_array_equal(taken, X[[999, 3, 3, 5, 600]])
    assert array.read == [(3, 6), (600, 1000)]


def test_tall_blocks_are_read_in_parts():
    array = Chunked(rows(1000), None)
    with sklearn.config_context(working_memory=0.01):
        parts = list(Blocks([array, rows(10)]))
    assert max(map(len, parts)) < 200
    assert_array_equal(np.concatenate(parts), np.concatenate([rows(1000), rows(10)]))


def test_dtypes_of_parquet(tmp_path):
    frame = pd.DataFrame({"i": np.arange(9, dtype=np.int16), "f": np.ones(9, np.float32)})
    frame.to_parquet(tmp_path / "a.parquet")
    assert KMeans(2).fit(tmp_path / "a.parquet").cluster_centers_.dtype == np.float32
    frame["l"] = np.arange(9)
    frame.to_parquet(tmp_path / "b.parquet")
    assert KMeans(2).fit(tmp_path / "b.parquet").cluster_centers_.dtype == np.float64
    table = pa.table({"x": [1.0, None, 3.0], "y": [1, 2, None]})
    pa.parquet.write_table(table, tmp_path / "c.parquet")
    with pytest.raises(ValueError, match="contains NaN"):
        KMeans(2).fit(tmp_path / "c.parquet")
    frame["t"] = "text"
    frame.to_parquet(tmp_path / "d.parquet")
    with pytest.raises(TypeError, match=r"Column 't' holds (large_)?string, and real numbers"):
        KMeans(2).fit(tmp_path / "d.parquet")


def test_what_is_refused(tmp_path):
    X = rows(20)
    for given in (iter([X]), (block for block in [X])):
        with pytest.raises(TypeError, match="can be walked over only once"):
            KMeans(2).fit(given)
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        KMeans(2).fit(tmp_path / "a.npy")
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.h5: rows are read from \.npy and"):
        KMeans(2).fit(tmp_path / "a.h5")
    with pytest.raises(TypeError, match="real numbers, got dtype <U1"):
        KMeans(2).fit(Chunked(np.full((3, 2), "x"), None))
    with pytest.raises(ValueError, match="source has 0 rows"):
        Blocks(FileArray(Chunked(X[:0], None)))
    array = Chunked(X, None)
    blocks, array.X = Blocks(array), X[:10]
    with pytest.raises(ValueError, match="source gave 10 rows in this pass and 20 in the first"):
        list(blocks)


def test_hdf5_and_zarr(tmp_path, no_memory):
    X = rows()
    expected = KMeans(3, init=X[:3]).fit(X)
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = file.create_dataset("x", data=X, chunks=(100, 3))
        assert KMeans(3, init=X[:3]).fit(array).inertia_ == expected.inertia_
        assert_array_equal(Blocks(array).take([7, 5, 7]), X[[7, 5, 7]])
    array = zarr.open(tmp_path / "a.zarr", mode="w", shape=X.shape, chunks=(100, 3), dtype="f8")
    array[:] = X
    assert KMeans(3, init=X[:3]).fit(array).inertia_ == expected.inertia_


# -- labels elsewhere ----------------------------------------------------------------------------

START = rows()[:3].copy()


@pytest.mark.parametrize(
    "model",
    [
        KMeans(3, init=START),
        KMeans(3, init=START, metric="cosine"),
        MiniBatchKMeans(3, init=START, batch_size=50, random_state=0, max_iter=3),
        Birch(threshold=1.5),
    ],
    ids=["KMeans", "cosine", "MiniBatchKMeans", "Birch"],
)
def test_labels_go_to_a_file(model, tmp_path, no_memory):
    X = rows()
    expected = model.fit(X).labels_
    before = {k: v for k, v in vars(model).items() if k in ("inertia_", "n_iter_")}
    weights = np.ones(len(X))
    X = X if getattr(model, "metric", "") == "cosine" else kinds(X, tmp_path)["folder"]
    model.fit(X, sample_weight=weights, labels_out=tmp_path / "labels.npy")
    assert isinstance(model.labels_, np.memmap)
    assert_array_equal(np.load(tmp_path / "labels.npy"), expected)
    for name, value in before.items():
        assert_allclose(getattr(model, name), value, rtol=1e-10)
    out = np.lib.format.open_memmap(tmp_path / "own.npy", "w+", np.int32, (len(expected),))
    assert model.fit(X, labels_out=out).labels_ is out
    assert_array_equal(np.load(tmp_path / "own.npy"), expected)
    out = np.zeros(len(expected) + 1, np.int32)
    assert_array_equal(model.predict(X, labels_out=out[1:]), expected)
    with pytest.raises(ValueError, match=r"labels_out has shape \(901,\), and X has 900 rows"):
        model.predict(X, labels_out=out)


@pytest.mark.parametrize("model", [*MODELS[1:4], MODELS[5]], ids=lambda m: type(m).__name__)
def test_predictions_go_to_a_file(model, tmp_path, no_memory):
    X = kinds(rows(), tmp_path)["folder"]
    expected = model.fit(X).predict(X)
    assert_array_equal(model.predict(X, labels_out=tmp_path / "l.npy"), expected)
    few = pd.DataFrame(rows()[:5], columns=["a", "b", "c"])
    assert_array_equal(model.predict(few, labels_out=np.zeros(5, np.int32)), expected[:5])


def test_empty_clusters_without_kept_labels(tmp_path, no_memory):
    X = np.repeat(rows(30), 30, axis=0)
    np.save(tmp_path / "a.npy", X)
    start = np.vstack([X[:2], np.full((3, 3), 1e3)])
    expected = KMeans(5, init=start).fit(X)
    found = KMeans(5, init=start).fit(tmp_path / "a.npy", labels_out=tmp_path / "l.npy")
    assert_array_equal(found.labels_, expected.labels_)
    assert found.inertia_ == expected.inertia_


def test_where_labels_cannot_go(tmp_path):
    for out, error, message in (
        (tmp_path / "a.txt", ValueError, r"a\.txt: is written in NumPy's format"),
        (tmp_path / "b" / "a.npy", OSError, "its folder is missing"),
        ([0], TypeError, "must be a path or a NumPy array"),
        (np.zeros(9), ValueError, r"shape \(9,\) and dtype float64"),
    ):
        with pytest.raises(error, match=message):
            KMeans(3).fit(rows(), labels_out=out)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
def test_medians_of_blocks_are_exact(dtype, weighted):
    rng = np.random.default_rng(1)
    X = (rng.normal(size=(701, 3)) * [1e-3, 1.0, 1e9]).astype(dtype)
    X[::7] = X[3]  # equal rows
    X[::11, 0] = -0.0
    w = rng.integers(0, 4, 701).astype(float) if weighted else None
    expected = KMedians(4, init=X[[0, 9, 30, 77]]).fit(X, sample_weight=w)
    with sklearn.config_context(working_memory=0.02):
        model = KMedians(4, init=X[[0, 9, 30, 77]])
        found = model.fit(Blocks([X[:100], X[100:]]), sample_weight=w)
    assert found.cluster_centers_.dtype == dtype
    assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    assert_array_equal(found.labels_, expected.labels_)
    assert found.n_iter_ == expected.n_iter_


def test_memory_does_not_grow_with_the_rows(tmp_path):
    peaks = []
    for n in (150_000, 600_000):
        path = tmp_path / f"{n}.npy"
        with open(path, "wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (n, 32)}
            np.lib.format.write_array_header_1_0(file, header)
            for part in range(n // 50_000):
                np.random.default_rng(part).random((50_000, 32), np.float32).tofile(file)
        given = Blocks(np.load(path, mmap_mode="r"), block_rows=2_000)
        model = KMeans(3, init=[[0.1] * 32, [0.5] * 32, [0.9] * 32], max_iter=3, tol=0)
        model.fit(given, labels_out=tmp_path / "warm.npy")
        tracemalloc.start()
        model.fit(given, labels_out=tmp_path / "labels.npy")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(model.labels_) == n
    # labels of all rows would add 1.8 MB; blocks of 0.26 MB may be read ahead or not
    assert peaks[1] < peaks[0] + 1_000_000
