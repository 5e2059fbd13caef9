"""Rows in blocks: whatever their source and size, a fit has the bits of one in memory."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from clusterx import Blocks, KMeans, MiniBatchKMeans, kmeans_plusplus
from clusterx.centroid.steps import lloyd_step
from clusterx.kernels.runtime import cpu as runtime
from clusterx.rows import InMemory, in_memory_or_blocks
from clusterx.rows.available import available_memory


def blobs(n=5000, d=3, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    centers = 6 * rng.standard_normal((8, d))
    return (centers[rng.integers(0, 8, n)] + rng.standard_normal((n, d))).astype(dtype)


def cut(X, rows):
    return [X[a : a + rows] for a in range(0, len(X), rows)]


def saved(X, path):
    """X in a file, mapped."""
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def same_fit(a, b):
    assert a.cluster_centers_.tobytes() == b.cluster_centers_.tobytes()
    assert a.cluster_centers_.dtype == b.cluster_centers_.dtype
    assert_array_equal(a.labels_, b.labels_)
    assert a.inertia_ == b.inertia_
    assert a.n_iter_ == b.n_iter_


def model_for(init, X, **options):
    start = X[:6].astype(np.float64) if init == "array" else init
    return KMeans(6, init=start, n_init=1, random_state=0, **options)


# -- the same bits as in memory ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "d", "dtype", "weighted"),
    [
        ("k-means++", 1, "float32", True),
        ("k-means++", 3, "float64", False),
        ("k-means++", 8, "float32", False),
        ("k-means++", 9, "float32", True),
        ("k-means++", 130, "float32", False),
        ("k-means++", 130, "float64", True),
        ("random", 1, "float64", False),
        ("random", 3, "float32", True),
        ("random", 9, "float64", True),
        ("random", 130, "float32", True),
        ("k-means||", 3, "float32", False),
        ("k-means||", 8, "float64", True),
        ("k-means||", 9, "float32", False),
        ("k-means||", 130, "float32", True),
        ("maximin", 1, "float32", True),
        ("maximin", 3, "float64", True),
        ("maximin", 9, "float64", False),
        ("maximin", 130, "float32", False),
        ("array", 1, "float64", True),
        ("array", 3, "float32", True),
        ("array", 8, "float32", True),
        ("array", 9, "float64", False),
        ("array", 130, "float64", False),
    ],
)
def test_fit_in_blocks_has_the_bits_of_one_in_memory(init, d, dtype, weighted):
    X = blobs(5000, d, dtype)
    w = np.random.default_rng(1).random(5000) if weighted else None
    if weighted:
        w[:50] = 0.0
    whole = model_for(init, X).fit(X, sample_weight=w)
    for rows in (5000, 999, 64):
        same_fit(model_for(init, X).fit(Blocks(X, block_rows=rows), sample_weight=w), whole)


@pytest.mark.parametrize("n", [1, 2, 63, 65, 4096])
def test_ragged_numbers_of_rows(n):
    X = blobs(n, 3)
    k = min(n, 3)
    whole = KMeans(k, random_state=0).fit(X)
    for rows in (1, 7, 64, 10_000):
        if n // rows < 500:
            same_fit(KMeans(k, random_state=0).fit(Blocks(X, block_rows=rows)), whole)


def test_rests_too_small_to_be_kept():
    # in the steps of their sums, the first column's values are 2^-51 below three
    X = np.random.default_rng(0).integers(0, 1024, (8192, 2)) / 1024
    X[:, 0] = (3 - 2.0**-51) / 2.0**47
    X[0, 0] = 1.0
    start = np.array([[0, 0.1], [0, 0.45], [0, 0.55], [0, 0.95]])
    whole = KMeans(4, init=start, tol=0).fit(X)
    same_fit(KMeans(4, init=start, tol=0).fit(Blocks(X, block_rows=1000)), whole)
    members = X[whole.labels_ == 2, 0].astype(np.longdouble)
    assert_allclose(whole.cluster_centers_[2, 0], float(members.mean()), rtol=1e-12)


def test_several_starts():
    X = blobs()
    options = dict(init="random", n_init=4, random_state=3)
    same_fit(KMeans(5, **options).fit(Blocks(X, block_rows=700)), KMeans(5, **options).fit(X))


def test_moments_of_many_rows_do_not_depend_on_blocks():
    X = 1e5 + blobs(1_100_000, 2, "float64")
    whole = InMemory(X).summary
    for rows in (100_000, 333_333, 2_000_000):
        found = Blocks(X, block_rows=rows).summary
        for a, b in zip(found, whole, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("d", [3, 12])
def test_empty_clusters_are_filled_alike(d):
    X = blobs(5000, d)
    start = np.full((6, d), 1e3)
    start[0] = 0.0
    whole = KMeans(6, init=start).fit(X)
    same_fit(KMeans(6, init=start).fit(Blocks(X, block_rows=800)), whole)
    assert len(np.unique(whole.labels_)) == 6


def test_other_methods_and_functions():
    X = blobs()
    B, w = Blocks(X, block_rows=777), np.random.default_rng(0).random(5000)
    model = KMeans(6, random_state=0).fit(X)
    assert_array_equal(model.predict(B), model.labels_)
    assert_array_equal(model.transform(B), model.transform(X))
    assert model.score(B) == model.score(X)
    assert model.score(B, sample_weight=w) == model.score(X, sample_weight=w)
    assert_array_equal(KMeans(6, random_state=0).fit_predict(B), model.labels_)
    assert_array_equal(
        KMeans(6, random_state=0).fit_transform(B), KMeans(6, random_state=0).fit_transform(X)
    )
    for found, expected in zip(
        kmeans_plusplus(B, 5, random_state=1), kmeans_plusplus(X, 5, random_state=1), strict=True
    ):
        assert_array_equal(found, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_mini_batches(weighted):
    X = blobs()
    w = np.random.default_rng(1).random(5000) if weighted else None
    options = dict(batch_size=256, random_state=0, max_iter=5)
    whole = MiniBatchKMeans(6, **options).fit(X, sample_weight=w)
    found = MiniBatchKMeans(6, **options).fit(Blocks(X, block_rows=777), sample_weight=w)
    np.testing.assert_array_equal(found.cluster_centers_, whole.cluster_centers_)
    assert_array_equal(found.labels_, whole.labels_)
    assert found.n_steps_ == whole.n_steps_


def test_rows_from_all_over_a_file(tmp_path, monkeypatch):
    X = blobs(3000, 3)
    np.save(tmp_path / "a.npy", X)
    monkeypatch.setattr("clusterx.rows.source._WINDOW", 1000)  # 41 rows
    rows = np.random.default_rng(0).integers(0, 2900, 500)
    for first in (0, 100):
        mapped = np.load(tmp_path / "a.npy", mmap_mode="r")[first:]
        assert_array_equal(Blocks(mapped).take(rows), X[first:][rows])


@pytest.mark.parametrize("d", [3, 12])
def test_batches_are_gathered_together(d):
    X, passes = blobs(6000, d), []
    options = {"batch_size": 100, "max_iter": 4, "random_state": 0, "max_no_improvement": None}
    whole = MiniBatchKMeans(6, **options).fit(X)
    blocks = Blocks(lambda: (passes.append(1), cut(X, 2500))[1])
    found = MiniBatchKMeans(6, **options).fit(blocks)
    assert found.n_steps_ == whole.n_steps_ == 240
    assert len(passes) < 60
    assert_array_equal(found.cluster_centers_, whole.cluster_centers_)
    assert_array_equal(found.labels_, whole.labels_)


def test_weights_changed_between_fits_on_the_same_blocks():
    X, w = blobs(), np.random.default_rng(0).random(5000)
    B, start = Blocks(X, block_rows=900), X[:6]
    KMeans(6, init=start).fit(B, sample_weight=w)
    w[:] = np.random.default_rng(1).random(5000)
    found = KMeans(6, init=start).fit(B, sample_weight=w)
    same_fit(found, KMeans(6, init=start).fit(X, sample_weight=w))


# -- sources -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float16", "float32", "float64"])
def test_memmap(tmp_path, dtype):
    X = np.clip(8 * blobs() + 100, 0, 255).astype(dtype)
    mapped = saved(X, tmp_path / "rows.npy")
    whole = KMeans(6, random_state=0).fit(X)
    same_fit(KMeans(6, random_state=0).fit(Blocks(mapped)), whole)
    same_fit(KMeans(6, random_state=0).fit(Blocks(mapped, block_rows=613)), whole)
    expected = "float64" if dtype == "float64" else "float32"
    assert whole.cluster_centers_.dtype == expected


SLICES = {
    "rows": np.s_[1000:4000],
    "rows of rows": np.s_[7:],
    "every third": np.s_[::3],
    "backwards": np.s_[::-1],
    "columns": np.s_[:, 1:3],
    "one column": np.s_[100:, 2:3],
}


@pytest.mark.parametrize("part", SLICES)
def test_parts_of_a_memmap(tmp_path, part):
    X = blobs(5000, 4)
    mapped = saved(X, tmp_path / "rows.npy")[SLICES[part]]
    B = Blocks(mapped, block_rows=501)
    assert B.shape == mapped.shape
    assert_array_equal(np.concatenate(list(B)), X[SLICES[part]])
    same_fit(KMeans(5, random_state=0).fit(B), KMeans(5, random_state=0).fit(X[SLICES[part]]))


def test_part_of_a_part_of_a_memmap(tmp_path):
    X = blobs(5000, 4)
    mapped = saved(X, tmp_path / "rows.npy")[500:4500][100:]
    assert_array_equal(np.concatenate(list(Blocks(mapped, block_rows=501))), X[600:4500])


def test_fortran_memmap(tmp_path):
    X = np.asfortranarray(blobs(5000, 4))
    mapped = saved(X, tmp_path / "rows.npy")
    assert mapped.flags.f_contiguous
    B = Blocks(mapped, block_rows=501)
    assert_array_equal(np.concatenate(list(B)), X)
    same_fit(KMeans(5, random_state=0).fit(B), KMeans(5, random_state=0).fit(X))


def test_memmap_of_another_byte_order(tmp_path):
    X = blobs(5000, 4)
    mapped = saved(X.astype(">f4"), tmp_path / "rows.npy")
    same_fit(KMeans(5, random_state=0).fit(Blocks(mapped)), KMeans(5, random_state=0).fit(X))


def test_memmap_changed_in_memory_only(tmp_path):
    """A copy-on-write map differs from its file."""
    X = blobs(1000, 2)
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="c")
    mapped[:500] += 100
    assert_array_equal(np.concatenate(list(Blocks(mapped, block_rows=300))), mapped)


def test_memmap_whose_file_is_gone(tmp_path):
    X = blobs(1000, 2)
    mapped = saved(X, tmp_path / "rows.npy")
    (tmp_path / "rows.npy").unlink()
    assert_array_equal(np.concatenate(list(Blocks(mapped, block_rows=300))), X)


# -- files in memory -----------------------------------------------------------------------------


def sparse_file(path, dtype="float32", d=16, size=2**28):
    """A mapped file of a little more than 256 MiB: zeros that take no room in the file system."""
    rows = size // d // np.dtype(dtype).itemsize + 1
    return np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(rows, d))


def kind_of(X):
    return type(KMeans(1)._rows(X, reset=True))


def test_files_are_read_in_place_where_memory_allows_it(tmp_path, monkeypatch):
    mapped = sparse_file(tmp_path / "rows.npy")
    kept = 80 * len(mapped) + 4 * mapped.size
    for free, kind in ((mapped.nbytes + kept, InMemory), (mapped.nbytes + kept - 1, Blocks)):
        monkeypatch.setattr("clusterx.rows.mapped.available_memory", lambda free=free: free)
        assert isinstance(in_memory_or_blocks(mapped), np.ndarray if kind is InMemory else Blocks)
        # what has to be converted is a copy that the system can't drop
        assert isinstance(in_memory_or_blocks(mapped[:, ::-1]), Blocks)
        assert isinstance(in_memory_or_blocks(mapped.view("int32")), Blocks)
    monkeypatch.setattr("clusterx.rows.mapped.available_memory", lambda: None)
    assert isinstance(in_memory_or_blocks(mapped), Blocks)
    assert kind_of(mapped[:100]) is InMemory


def test_copies_of_files_are_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr("clusterx.rows.mapped.SMALL", 1)
    monkeypatch.setattr("clusterx.rows.mapped.available_memory", lambda: 0)
    mapped = saved(blobs(1000, 2), tmp_path / "rows.npy")
    assert kind_of(mapped) is Blocks
    for copied in (mapped.copy(), mapped + 1, mapped[::2].copy(), mapped[[1, 2, 3]]):
        assert kind_of(copied) is InMemory


def test_a_file_in_place_has_the_bits_of_one_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("clusterx.rows.mapped.SMALL", 1)
    for d, dtype in ((3, "float32"), (12, "float64"), (20, "int16")):
        X = (10 * blobs(3000, d)).astype(dtype)
        mapped = saved(X, tmp_path / "rows.npy")
        models = []
        for free in (2**40, 0):
            monkeypatch.setattr("clusterx.rows.mapped.available_memory", lambda free=free: free)
            models.append(KMeans(6, random_state=0).fit(mapped))
            assert kind_of(mapped) is (InMemory if free else Blocks)
            assert_array_equal(models[-1].predict(mapped), models[-1].labels_)
        same_fit(*models)


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Files in which a Linux of ours tells about memory: what is written, by path."""
    monkeypatch.setattr("clusterx.rows.available.PROC", tmp_path / "proc")
    monkeypatch.setattr("clusterx.rows.available.CGROUP", tmp_path / "cgroup")

    def write(**files):
        for path, text in files.items():
            path = tmp_path / path.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))

    def tell(folder, groups, memory):
        write(**{"proc__meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n"})
        write(**{"proc__self__cgroup": groups})
        write(**{f"cgroup__{folder}{name}": text for name, text in memory.items()})
        return available_memory()

    return tell


def test_memory_that_is_available(system):
    stat = "anon 1\nactive_file 300\ninactive_file 40\n"
    group = {"memory.max": 5000, "memory.current": 1000, "memory.stat": stat}
    unlimited = group | {"memory.max": "max"}
    assert system("", "", {}) == 8000 * 1024
    assert system("job/", "0::/job\n", unlimited) == 8000 * 1024
    assert system("job/", "0::/job\n", group) == 4340
    assert system("job/step/", "0::/job/step\n", unlimited) == 4340  # the outer group's
    assert system("job/", "0::/job\n", group | {"memory.current": 9000}) == 0
    total = "active_file 9\ntotal_active_file 500\ntotal_inactive_file 0\n"
    old = {"memory.limit_in_bytes": 6000, "memory.usage_in_bytes": 2000, "memory.stat": total}
    # a container, which sees its own group as the root
    assert system("memory/", "7:cpu:/x\n4:memory:/docker/1f\n0::/\n", old) == 4500


def test_systems_that_do_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr("clusterx.rows.available.PROC", tmp_path)
    assert available_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\n")
    assert available_memory() is None


# -- rows that were prepared ---------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("d", [3, 12])
def test_rows_in_memory_that_are_fitted_again(xp, d):
    n = 5000 if xp.name == "numpy" else 1200
    X = blobs(n, d, "float64")
    kept, w = InMemory(xp.asarray(X)), np.random.default_rng(0).random(n)
    given = xp.asarray(w)
    for k in (3, 70, 2):
        for scale in (1.0, 40.0, None):
            if scale:
                given[: len(w) // 2, ...] *= scale  # in place
                w[: len(w) // 2] *= scale
            options = {"sample_weight": given if scale else None}
            found = KMeans(k, random_state=0, max_iter=3).fit(kept, **options)
            fresh = {"sample_weight": xp.asarray(w) if scale else None}
            same_fit_of(
                xp, found, KMeans(k, random_state=0, max_iter=3).fit(xp.asarray(X), **fresh)
            )


def test_a_step_is_kept_for_equal_weights(xp):
    rows, w = InMemory(xp.asarray(blobs(5000, 12))), np.random.default_rng(0).random(5000)
    step = lloyd_step(rows, xp.asarray(w), w.sum(), 4)
    assert lloyd_step(rows, xp.asarray(w.copy()), w.sum(), 6) is step
    assert lloyd_step(rows, xp.asarray(2 * w), 2 * w.sum(), 4) is not step


def same_fit_of(xp, a, b):
    assert_array_equal(xp.to_host(a.labels_), xp.to_host(b.labels_))
    assert_array_equal(xp.to_host(a.cluster_centers_), xp.to_host(b.cluster_centers_))
    assert a.inertia_ == b.inertia_


def test_list_and_tuple_of_uneven_blocks():
    X = blobs()
    parts = np.split(X, [1, 2, 100, 100, 3000])
    assert len(parts[3]) == 0
    whole = KMeans(6, random_state=0).fit(X)
    same_fit(KMeans(6, random_state=0).fit(Blocks(parts)), whole)
    same_fit(KMeans(6, random_state=0).fit(Blocks(tuple(parts))), whole)


def test_list_of_lists():
    X = np.round(blobs(50, 2))
    B = Blocks([X[:20].tolist(), X[20:].tolist()])
    assert B.dtype == np.float64
    assert_array_equal(np.concatenate(list(B)), X)


@pytest.mark.parametrize("convert", [pd.DataFrame, np.ndarray.tolist, np.ma.masked_array])
@pytest.mark.parametrize("source", ["list", "callable"])
def test_blocks_that_become_arrays(convert, source):
    X = blobs(500)
    blocks = [convert(block) for block in cut(X, 120)]
    B = Blocks(blocks if source == "list" else lambda: iter(blocks))
    assert_array_equal(np.concatenate(list(B)), X)


def test_blocks_of_several_dtypes():
    X = np.clip(8 * blobs() + 100, 0, 255).astype("uint8")
    B = Blocks([X[:2000], X[2000:].astype("float64")])
    assert B.dtype == np.float64
    same_fit(KMeans(6, random_state=0).fit(B), KMeans(6, random_state=0).fit(X.astype("float64")))


def test_callable_is_called_for_each_pass():
    X, calls = blobs(), []

    def source():
        calls.append(1)
        return iter(cut(X, 900))

    B = Blocks(source)
    assert len(calls) == 1
    fits = [KMeans(6, init=X[:6], max_iter=m, tol=0).fit(B) for m in (2, 3)]
    same_fit(fits[1], KMeans(6, init=X[:6], max_iter=3, tol=0).fit(X))
    before = len(calls)
    KMeans(6, init=X[:6], max_iter=2, tol=0).fit(B)
    middle = len(calls)
    KMeans(6, init=X[:6], max_iter=5, tol=0).fit(B)
    assert (len(calls) - middle) - (middle - before) == 3  # one pass an iteration


def test_what_a_model_says_of_blocks_reads_them_once():
    X, calls = blobs(), []

    def source():
        calls.append(1)
        return iter(cut(X, 900))

    B, model = Blocks(source), KMeans(6, init=X[:6], max_iter=2).fit(X)
    for use in (model.predict, model.transform, model.score):
        before = len(calls)
        np.testing.assert_array_equal(use(B), use(X))
        assert len(calls) == before + 1
    X[700, 1] = np.nan
    for use in (model.predict, model.transform, model.score):
        with pytest.raises(ValueError, match=r"NaN or infinity\. KMeans does not"):
            use(B)
    with pytest.raises(ValueError, match="contains NaN"):  # it is checked by each fit
        model.fit(B)


def test_generator_function():
    X = blobs()

    def source():
        yield from cut(X, 1234)

    same_fit(KMeans(6, random_state=0).fit(Blocks(source)), KMeans(6, random_state=0).fit(X))


def test_rows_of_a_callable_are_taken_in_the_order_asked():
    X = blobs()
    wanted = np.array([4999, 0, 17, 17, 2500])
    B = Blocks(lambda: iter(cut(X, 999)))
    assert_array_equal(B.take(wanted), X[wanted])


def test_source_is_not_changed():
    X = blobs(500, 3, "float64")
    parts = cut(X.copy(), 100)
    KMeans(3, random_state=0).fit(Blocks(parts))
    assert_array_equal(np.concatenate(parts), X)


# -- sizes of blocks -----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 999, 1000, 1001])
def test_block_rows(rows):
    lengths = [len(b) for b in Blocks(blobs(1000), block_rows=rows)]
    assert sum(lengths) == 1000
    assert max(lengths) == min(rows, 1000)
    assert set(lengths[:-1]) <= {rows}


def test_working_memory_bounds_blocks():
    X = np.zeros((200_000, 8), np.float32)
    lengths = {}
    for mebibytes in (1, 8, 10**6):
        with sklearn.config_context(working_memory=mebibytes):
            lengths[mebibytes] = max(len(b) for b in Blocks(X))
    assert lengths[1] * 8 * 8 <= 2**20 / 4
    assert lengths[1] < lengths[8] < lengths[10**6] == 200_000


@pytest.mark.parametrize("working_memory", [1, 7])
def test_working_memory_changes_no_bit(working_memory):
    X = blobs(60_000, 5)
    whole = KMeans(6, random_state=0).fit(X)
    with sklearn.config_context(working_memory=working_memory):
        assert len(list(Blocks(X))) > 1
        same_fit(KMeans(6, random_state=0).fit(Blocks(X)), whole)
        same_fit(KMeans(6, random_state=0).fit(X), whole)


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [iter([np.ones((3, 2))]), (b for b in [np.ones((3, 2))])])
def test_iterator_is_refused(source):
    with pytest.raises(TypeError, match=r"only once.*Pass a callable that returns a new iterator"):
        Blocks(source)


@pytest.mark.parametrize("source", [[], np.empty((0, 3)), [np.empty((0, 3))], lambda: iter(())])
def test_empty_source(source):
    with pytest.raises(ValueError, match="source has 0 rows"):
        Blocks(source)


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        (np.ones(5), r"\(5,\)"),
        (np.ones((5, 2, 2)), r"\(5, 2, 2\)"),
        ([np.ones(5)], r"\(5,\)"),
        ([np.ones((5, 2)), np.ones(2)], r"\(2,\)"),
        ([1.0, 2.0], r"\(\)"),
        (lambda: iter([np.ones(5)]), r"\(5,\)"),
        (lambda: iter([[1, 2]]), r"\(2,\)"),
    ],
)
def test_source_must_be_two_dimensional(source, shape):
    with pytest.raises(ValueError, match=f"source must give blocks of shape.*{shape}"):
        Blocks(source)


def test_differing_columns():
    with pytest.raises(ValueError, match=r"different numbers of columns: \[2, 3\]"):
        Blocks([np.ones((4, 2)), np.ones((4, 3))])


def test_no_columns():
    with pytest.raises(ValueError, match=r"source.*0 (columns|feature)"):
        Blocks(np.ones((4, 0)))


@pytest.mark.parametrize("rows", [0, -1, 2.5, "all", True])
def test_wrong_block_rows(rows):
    with pytest.raises(ValueError, match="block_rows must be a positive whole number"):
        Blocks(np.ones((4, 2)), block_rows=rows)


def test_numpy_integer_as_block_rows():
    assert len(list(Blocks(np.ones((4, 2)), block_rows=np.int64(2)))) == 2


@pytest.mark.parametrize("source", [5, None, {"a": 1}, b"rows.npy"])
def test_wrong_kind_of_source(source):
    with pytest.raises(TypeError, match=f"source must be .*got {type(source).__name__}"):
        Blocks(source)


def test_sparse_source():
    with pytest.raises(TypeError, match="sparse"):
        Blocks(csr_matrix(np.eye(4)))


@pytest.mark.parametrize("source", [[csr_matrix(np.eye(4))], lambda: [csr_matrix(np.eye(4))]])
def test_sparse_blocks(source):
    with pytest.raises(TypeError, match=r"dense blocks, got csr_matrix \(sparse\)\. Pass toarray"):
        Blocks(source)


def test_callable_that_returns_nothing():
    with pytest.raises(TypeError, match="must return an iterator over blocks, got NoneType"):
        Blocks(lambda: None)


@pytest.mark.parametrize("wrap", [lambda X: X, lambda X: [X], lambda X: lambda: [X]])
def test_masked_values(wrap):
    X = np.ma.masked_array(np.ones((40, 2)), np.arange(80).reshape(40, 2) == 61)
    with pytest.raises(
        ValueError, match=r"block of source is a masked array with masked values.*fill"
    ):
        Blocks(wrap(X), block_rows=7)


@pytest.mark.parametrize("dtype", ["complex64", "O", "U3", "M8[s]"])
def test_blocks_that_are_no_real_numbers(dtype):
    with pytest.raises((TypeError, ValueError), match=r"source.*dtype"):
        Blocks(np.zeros((4, 2)).astype(dtype))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(bad):
    X = blobs(1000)
    X[700, 1] = bad
    with pytest.raises(ValueError, match="X contains NaN or infinity"):
        KMeans(3).fit(Blocks(X, block_rows=300))


@pytest.mark.parametrize("change", [-1, 1])
def test_source_that_changes_between_passes(change):
    X, passes = blobs(1000), []

    def source():
        passes.append(1)
        blocks = cut(X, 250)
        if len(passes) > 3:
            return iter([*blocks, X[:10]] if change > 0 else blocks[:-1])
        return iter(blocks)

    with pytest.raises(ValueError, match=r"gave (at least 1010|750) rows in this pass and 1000"):
        KMeans(3, init=X[:3], tol=0).fit(Blocks(source))


def test_columns_that_change_between_passes():
    X, passes = blobs(1000), []

    def source():
        passes.append(1)
        return iter(cut(X[:, :2] if len(passes) > 3 else X, 250))

    with pytest.raises(ValueError, match="other columns than 3"):
        KMeans(3, init=X[:3], tol=0).fit(Blocks(source))


@pytest.mark.parametrize(
    "change", [lambda X: None, lambda X: X[:, 0], lambda X: 1j * X, lambda X: X.astype("U9")]
)
def test_blocks_that_change_their_kind_between_passes(change):
    X, passes = blobs(1000), []

    def source():
        passes.append(1)
        return [change(X) if len(passes) > 3 else X]

    with pytest.raises(ValueError, match="or no real numbers: it must give the same blocks"):
        KMeans(3, init=X[:3], tol=0).fit(Blocks(source))


class Ordered:
    """Like arrays in HDF5 files: rows are taken in rising order, each once."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            assert rows.stop - rows.start <= 700
        else:
            assert (np.diff(rows) > 0).all()
        return self.X[rows]


def test_array_that_takes_rows_in_order_only():
    X = blobs()
    B = Blocks(Ordered(X), block_rows=700)
    assert_array_equal(B.take([4999, 0, 17, 17]), X[[4999, 0, 17, 17]])
    same_fit(KMeans(5, random_state=0).fit(B), KMeans(5, random_state=0).fit(X))


def test_error_in_the_source_comes_out():
    X, passes = blobs(1000), []

    def source():
        passes.append(1)
        yield X[:500]
        if len(passes) > 2:
            raise OSError("the disk is gone")
        yield X[500:]

    with pytest.raises(OSError, match="the disk is gone"):
        KMeans(3, init=X[:3]).fit(Blocks(source))


def test_more_clusters_than_rows():
    with pytest.raises(ValueError, match="n_samples=4 should be >= n_clusters=5"):
        KMeans(5).fit(Blocks(np.ones((4, 2))))


def test_weights_of_wrong_length():
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\), expected \(4,\)"):
        KMeans(2).fit(Blocks(np.ones((4, 2))), sample_weight=np.ones(3))


def test_predict_with_other_columns():
    model = KMeans(2, random_state=0).fit(blobs(100, 3))
    with pytest.raises(ValueError, match=r"2 features.*expecting 3 features"):
        model.predict(Blocks(np.ones((4, 2))))


def test_cosine_is_refused():
    with pytest.raises(ValueError, match="metric='cosine' takes rows in memory, got Blocks"):
        KMeans(2, metric="cosine").fit(Blocks(np.ones((4, 2))))


# -- memory --------------------------------------------------------------------------------------

MEASURE = """
import resource, sys, threading, time
import numpy as np, sklearn
from clusterx import Blocks, KMeans, MiniBatchKMeans

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

mapped = np.load(sys.argv[1], mmap_mode="r")
kind = sys.argv[2]
X = Blocks(mapped) if kind != "callable" else Blocks(
    lambda: (np.array(mapped[a : a + 5000]) for a in range(0, len(mapped), 5000)))
small = Blocks(np.ascontiguousarray(mapped[:20_000]))
start = np.array(mapped[:4])

def fit(rows):
    with sklearn.config_context(working_memory=8):
        if kind == "minibatch":
            MiniBatchKMeans(4, init=start, max_iter=1, compute_labels=True).fit(rows)
        elif kind == "seeding":
            KMeans(3, random_state=0, max_iter=1).fit(rows)
        else:
            model = KMeans(4, init=start, max_iter=2, tol=0).fit(rows)
            model.predict(rows)

fit(small)  # compiles, and loads what there is to load
before = peak()
fit(X)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize("kind", ["memmap", "callable", "minibatch", "seeding"])
def test_memory_is_bounded_by_the_blocks(tmp_path_factory, kind):
    path = tmp_path_factory.getbasetemp() / "large.npy"
    if not path.exists():
        rng = np.random.default_rng(0)
        part = rng.standard_normal((20_000, 128)).astype(np.float32)
        mapped = np.lib.format.open_memmap(path, "w+", dtype="f4", shape=(400_000, 128))
        for a in range(0, 400_000, 20_000):
            mapped[a : a + 20_000] = part + a / 1e5
        mapped.flush()
        del mapped
    size = path.stat().st_size
    assert size > 200e6
    child = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), kind],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert child.returncode == 0, child.stderr
    per_row = 400_000 * 40  # labels, distances, what a draw cumulates
    assert int(child.stdout) < per_row + 24e6


def test_rows_are_gathered_by_several_tasks(monkeypatch):
    monkeypatch.setattr(runtime, "GATHERED", 100)
    chosen = np.random.default_rng(0).permutation(1000)[:333]
    for dtype in ("float32", "uint8"):
        X = blobs(1000, 7).astype(dtype)
        assert_array_equal(InMemory(X, np.float32).subset(chosen).X, X[chosen].astype(np.float32))
