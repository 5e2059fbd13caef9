"""The CUDA kernels of k-means, built by g++: contracts, order of threads, faults that are caught.

`test_contract.py` runs them through the `xp` fixture with all other kernels; here is what only
they promise: labels that rounding does not change, and the same bits in any order of threads.
"""

import mmap
import tempfile

import numpy as np
import pytest

from clusterx import KMeans, MiniBatchKMeans
from clusterx.kernels.distances.cuda.screening import TILE_BYTES
from clusterx.kernels.kmeans import CentroidStats
from tests.cuda_on_cpu import arrays
from tests.cuda_on_cpu.arrays import namespace as xp
from tests.cuda_on_cpu.backend import emulated, on_device
from tests.cuda_on_cpu.loader import EmulatedLoader, LaunchError

ORDERS = (
    {"order": "rising"},
    {"order": "falling"},
    *({"order": "shuffled", "seed": s} for s in (1, 2)),
)


pytestmark = pytest.mark.usefixtures("gxx")


def up(values, dtype=None):
    return xp.asarray(np.asarray(values, dtype))


def rows(n, d, dtype="float32", seed=0):
    rng = np.random.default_rng([seed, n, d])
    return (rng.standard_normal((n, d)) + 5 * rng.integers(0, 3, (n, 1))).astype(dtype)


def whole(n, d, dtype="float32", seed=0):
    """Small whole numbers: distances are exact in any arithmetic, and many are equal."""
    return np.random.default_rng([seed, n, d]).integers(-2, 3, (n, d)).astype(dtype)


def brute(X, C):
    X, C = X.astype(float), C.astype(float)
    return ((X[:, None, :] - C[None, :, :]) ** 2).sum(axis=2)


def lloyd_of(gpu, X, w=None):
    Y = up(X)
    total = float(len(X)) if w is None else float(w.sum())
    grid = gpu.kmeans.sum_scales(gpu.reductions.summary(Y), total, len(X))
    return gpu.kmeans.lloyd_stats(Y, None if w is None else up(w), grid)


def run_all(gpu, X, k, w=None):
    """The bytes of whatever the kernels make of the rows."""
    Y, C, found = up(X), X[:: max(1, len(X) // k)][:k], []
    found += gpu.distances.nearest(Y, up(C))
    step = lloyd_of(gpu, X, w)
    for shift in (0, 0.5):
        stats = step(up(C + X.dtype.type(shift)))
        found += [stats.sums, stats.counts, stats.n_changed, stats.table, step.labels]
        found += gpu.kmeans.update_centers(stats, up(C))
    found.append(step.distances())
    seeds = gpu.kmeans.seeding(Y, None if w is None else up(w))
    seeds.start(0)
    for _ in range(3):
        found.append(seeds.grow(np.array([0.05, 0.4, 0.6, 0.999])))
    found.append(seeds.closest)
    batch = np.arange(0, len(X), 2)
    found += gpu.kmeans.minibatch(Y, k, 40)(batch, None, up(C, float), up(np.ones(k)))
    return [arrays.Array.get(a).tobytes() for a in found]


# -- centres that follow ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "d", "dtype"),
    [
        (1, 1, "float32"),
        (1, 600, "float64"),
        (2, 3, "float64"),
        (2, 255, "float32"),
        (2, 256, "float64"),
        (255, 1, "float64"),
        (255, 257, "float32"),
        (256, 1, "float32"),
        (256, 256, "float32"),
        (300, 3, "float32"),
        (300, 255, "float64"),
        (300, 257, "float64"),
        (300, 600, "float32"),
    ],
)
def test_means_shift_and_the_lightest_cluster(k, d, dtype):
    gpu, rng = emulated(), np.random.default_rng([k, d])
    sums, C = rng.standard_normal((k, d)), rng.standard_normal((k, d)).astype(dtype)
    for counts in (rng.random(k) + 0.5, rng.integers(0, 3, k).astype(float)):
        found = gpu.kmeans.update_centers(CentroidStats(up(sums), up(counts), 0), up(C))
        some = counts > 0
        wanted = np.where(some[:, None], sums / np.where(some, counts, 1)[:, None], C).astype(dtype)
        np.testing.assert_array_equal(found.centers.get(), wanted)
        shift = ((wanted.astype(float) - C) ** 2).sum()
        np.testing.assert_allclose(found.shift.get(), shift, rtol=1e-13)
        assert found.min_count.get() == counts.min()


# -- labels and sums -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "d", "dtype"),
    [
        (1, 1, "float32"),
        (1, 17, "float64"),
        (2, 3, "float64"),
        (2, 40, "float32"),
        (31, 1, "float64"),
        (31, 2, "float32"),
        (31, 16, "float64"),
        (31, 17, "float32"),
        (33, 3, "float32"),
        (33, 4, "float64"),
        (33, 16, "float32"),
        (33, 40, "float64"),
        (257, 1, "float32"),
        (257, 2, "float64"),
        (257, 5, "float32"),
        (257, 17, "float64"),
        (257, 40, "float32"),
        (1025, 3, "float32"),
        (1025, 4, "float32"),
        (1025, 5, "float64"),
        (1025, 16, "float64"),
        (1025, 17, "float32"),
    ],
)
def test_ragged_sizes_and_ties(n, d, dtype):
    gpu = emulated()
    X = whole(n, d, dtype)
    for k in {1, 2, min(n, 7), 70}:
        C = whole(k, d, dtype, seed=1)
        C = np.concatenate([C, C[::-1]])  # each centre stands twice
        expected = brute(X, C)
        labels, squares = gpu.distances.nearest(up(X), up(C))
        np.testing.assert_array_equal(labels.get(), expected.argmin(axis=1))
        np.testing.assert_array_equal(squares.get(), expected.min(axis=1))
        step = lloyd_of(gpu, X)
        stats = step(up(C))
        np.testing.assert_array_equal(step.labels.get(), expected.argmin(axis=1))
        np.testing.assert_array_equal(
            stats.counts.get(), np.bincount(labels.get(), minlength=2 * k)
        )
        sums = np.zeros((2 * k, d))
        np.add.at(sums, labels.get(), X.astype(float))
        np.testing.assert_array_equal(stats.sums.get(), sums)
        assert int(stats.n_changed.get()) == n
        assert int(step(up(C)).n_changed.get()) == 0


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("k", [1, 2, 33, 100])
def test_products_in_float32_change_no_label(k, offset):
    """Near ties are decided by distances in float64, however little of the products is left."""
    rng = np.random.default_rng(k)
    X = (rng.standard_normal((700, 40)) + offset).astype("float32")
    C = (0.01 * rng.standard_normal((k, 40)) + offset).astype("float32")
    gpu = emulated()
    labels, squares = gpu.distances.nearest(up(X), up(C))
    expected = brute(X, C)
    np.testing.assert_array_equal(labels.get(), expected.argmin(axis=1))
    np.testing.assert_allclose(squares.get(), expected.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("power", [-126, -83, 60, 83, 123])
def test_squares_that_overflow_or_vanish(power, d):
    X = (whole(300, d) * 2.0**power).astype("float32")
    C = X[[3, 50, 77, 120, 3]]
    labels, _ = emulated().distances.nearest(up(X), up(C))
    np.testing.assert_array_equal(labels.get(), brute(X, C).argmin(axis=1))


@pytest.mark.parametrize("d", [3, 40])
def test_normal_numbers_whose_differences_are_none(d):
    X = (2.0**-115 + whole(300, d) * 2.0**-130).astype("float32")
    C = X[[3, 50, 77, 120, 3]]
    labels, _ = emulated().distances.nearest(up(X), up(C))
    np.testing.assert_array_equal(labels.get(), brute(X, C).argmin(axis=1))


@pytest.mark.parametrize("d", [2, 40])
def test_moved_rows_leave_nothing_behind(d):
    X, rng, gpu = rows(600, d, "float64"), np.random.default_rng(0), emulated()
    w = rng.random(600)
    step = lloyd_of(gpu, X, w)
    for _ in range(6):
        step(up(X[rng.integers(0, 600, 5)]))
    C = up(X[:5])
    late, early = step(C), lloyd_of(gpu, X, w)(C)
    assert late.table.get().tobytes() == early.table.get().tobytes()


@pytest.mark.parametrize("weights", ["none", "wild"])
@pytest.mark.parametrize("d", [2, 40])
def test_sums_of_any_split_are_the_same_bits(d, weights):
    X, gpu = rows(500, d, "float64"), emulated()
    rng = np.random.default_rng(0)
    w = None if weights == "none" else np.exp(rng.uniform(-40, 40, 500)) * (rng.random(500) > 0.2)
    grid = gpu.kmeans.sum_scales(
        gpu.reductions.summary(up(X)), 500.0 if w is None else float(w.sum()), 500
    )
    C = up(X[:4])

    def stats_of(part):
        return gpu.kmeans.lloyd_stats(up(X[part]), None if w is None else up(w[part]), grid)(C)

    total = stats_of(slice(0, 500))
    for cuts in ([1], [64, 65], [100, 400]):
        parts = [stats_of(slice(a, b)) for a, b in zip([0, *cuts], [*cuts, 500], strict=True)]
        found = parts[0]
        for part in parts[1:]:
            found = found + part
        assert found.sums.get().tobytes() == total.sums.get().tobytes()
        assert found.counts.get().tobytes() == total.counts.get().tobytes()


def test_number_of_centres_changes_between_calls():
    X, gpu = rows(300, 3), emulated()
    step = lloyd_of(gpu, X)
    for k in (5, 9, 2, 2):
        C = X[:k]
        stats = step(up(C))
        np.testing.assert_array_equal(step.labels.get(), brute(X, C).argmin(axis=1))
        assert stats.counts.get().sum() == 300
        step.assign(up(C[:1]))
        assert not step.labels.get().any()


def test_tables_of_sums_too_large_for_a_block():
    """In global memory, and equal to those in shared memory."""
    X, gpu = whole(900, 3), emulated()
    C = np.concatenate([whole(700, 3, seed=2), np.full((1, 3), 99.0, "float32")])
    stats = lloyd_of(gpu, X)(up(C))
    labels = brute(X, C).argmin(axis=1)
    np.testing.assert_array_equal(stats.counts.get(), np.bincount(labels, minlength=701))


# -- order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "d", "weighted"),
    [("float32", 3, True), ("float32", 20, False), ("float64", 3, False), ("float64", 20, True)],
)
def test_any_order_of_threads_gives_the_same_bits(dtype, d, weighted):
    X = rows(700, d, dtype)
    w = np.random.default_rng(1).random(700) if weighted else None
    expected = run_all(emulated(), X, 6, w)
    assert run_all(emulated(), X, 6, w) == expected
    for options in ORDERS:
        assert run_all(emulated(**options), X, 6, w) == expected


@pytest.mark.parametrize("d", [3, 20])
def test_no_races(d):
    run_all(emulated(order="shuffled", races=True), rows(600, d), 5, np.ones(600))


# -- faults --------------------------------------------------------------------------------------


def planted(file, old, new, **options):
    """Kernels whose source has a fault."""

    def change(name, text):
        if name != file:
            return text
        assert old in text, "the fault finds no place"
        return text.replace(old, new, 1)

    return emulated(change=change, **options)


BARRIER = "            centers[i] = C[begin * D + i];\n        __syncthreads();\n"


def test_a_removed_barrier_is_caught():
    X = rows(700, 3)
    without = BARRIER.replace("        __syncthreads();\n", "")
    expected = emulated().distances.nearest(up(X), up(X[:300]))[0].get()
    for options in ORDERS:
        gpu = planted("nearest", BARRIER, without, **options)
        assert (gpu.distances.nearest(up(X), up(X[:300]))[0].get() != expected).any()
    with pytest.raises(LaunchError, match=r"a race: thread|nothing has written"):
        planted("nearest", BARRIER, without, races=True).distances.nearest(up(X), up(X[:300]))


def test_a_missing_barrier_before_reuse_is_caught():
    """Every other tile of centres overwrites one that may still be read."""
    X = rows(300, 3)
    old = "        __syncthreads();  // before the last tile is overwritten\n"
    with pytest.raises(LaunchError, match="a race: thread"):
        planted("nearest", old, "", races=True).distances.nearest(up(X), up(rows(900, 3, seed=1)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        if (row >= n)\n            continue;\n        double sum", "        double sum"),
        (
            "if (row >= n)\n            continue;\n        double",
            "if (row > n)\n            continue;\n        double",
        ),
    ],
)
def test_an_off_by_one_bound_is_caught(old, new):
    X = rows(257, 3)
    with pytest.raises(LaunchError, match="wrote beside an array"):
        planted("nearest", old, new).distances.nearest(up(X), up(X[:5]))


def test_a_centre_too_many_is_caught():
    X = rows(257, 3)
    fault = "nearest", "j < count; ++j", "j <= count; ++j"
    expected = brute(X, X[:5]).argmin(axis=1)
    found = planted(*fault, order="falling").distances.nearest(up(X), up(X[:5]))[0].get()
    assert (found != expected).any()
    with pytest.raises(LaunchError, match="reads shared memory that nothing has written"):
        planted(*fault, races=True).distances.nearest(up(X), up(X[:5]))
    full = rows(TILE_BYTES // 12, 3, seed=1)
    with pytest.raises(LaunchError, match="an index out of bounds"):
        planted(*fault).distances.nearest(up(X), up(full))


@pytest.mark.parametrize(
    ("file", "d", "old", "new"),
    [
        ("nearest", 3, "if (sum < least[r])", "if (sum <= least[r])"),
        ("screen", 20, "if (found < least)", "if (found <= least)"),
    ],
)
def test_a_missing_tie_rule_is_caught(file, d, old, new):
    X = whole(200, d)
    C = np.tile(X[:4], (2, 1))
    expected = brute(X, C).argmin(axis=1)
    np.testing.assert_array_equal(emulated().distances.nearest(up(X), up(C))[0].get(), expected)
    assert (planted(file, old, new).distances.nearest(up(X), up(C))[0].get() != expected).any()


def test_a_plain_sum_in_place_of_an_atomic_one_is_caught():
    X = rows(600, 20)
    old = "atomicAdd(&table[cell], (word)term.high);"
    gpu = planted("lloyd", old, "table[cell] += (word)term.high;", races=True)
    with pytest.raises(LaunchError, match="a race: thread"):
        lloyd_of(gpu, X)(up(X[:3]))


def test_threads_that_meet_at_different_barriers_are_caught():
    old = "    for (long long begin = 0; begin < k; begin += TILE) {"
    new = "    if (threadIdx.x == 3)\n        __syncthreads();\n" + old
    with pytest.raises(LaunchError, match="different barriers"):
        planted("nearest", old, new).distances.nearest(up(rows(9, 3)), up(rows(2, 3)))


def test_a_warp_that_waits_for_a_lost_thread_is_caught():
    old = "    int lane = threadIdx.x % WARP;\n"
    new = old + "    if (lane == 7)\n        return;\n"
    with pytest.raises(LaunchError, match="takes no part"):
        planted("screen", old, new).distances.nearest(up(rows(9, 20)), up(rows(2, 20)))


# -- the launching -------------------------------------------------------------------------------


def test_arguments_are_checked():
    X, gpu = up(rows(40, 3)), emulated()
    module = gpu.gpu.loader.module("minibatch")
    k = [up(np.zeros(6)) for _ in range(4)]
    with pytest.raises(LaunchError, match="takes 8 arguments, got 2"):
        module.launch("move_centers", 1, 32, X, X)
    with pytest.raises(LaunchError, match=r"argument 1 .* is to be of float64"):
        module.launch("move_centers", 1, 32, k[0], X, k[2], k[3], 2, 3, k[0], k[1])
    with pytest.raises(LaunchError, match=r"argument 4 .* is to be a long"):
        module.launch("move_centers", 1, 32, *k, 2.0, 3, k[0], k[1])
    with pytest.raises(LaunchError, match="not contiguous"):
        module.launch("move_centers", 1, 32, up(np.zeros((2, 3))).T, *k[1:], 2, 3, k[0], k[1])
    with pytest.raises(LaunchError, match="1025 threads"):
        module.launch("move_centers", 1, 1025, *k, 2, 3, k[0], k[1])


def test_strided_arrays_are_put_in_order():
    X, gpu = rows(100, 6), emulated()
    expected = brute(X[:, ::2], X[:4, ::2]).argmin(axis=1)
    labels, _ = gpu.distances.nearest(up(X)[:, ::2], up(X[:4])[:, ::2])
    np.testing.assert_array_equal(labels.get(), expected)


# -- more than 2^31 elements ---------------------------------------------------------------------


def unused(folder, n, dtype):
    """n values of a file that takes no room before it is written."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(n * np.dtype(dtype).itemsize)
        return np.frombuffer(mmap.mmap(file.fileno(), 0), dtype)


def last_blocks(kernel, total):
    return (total - 2, 2) if total > 4 else (0, total)


def labels_of_last_rows(folder, few, C, change=None):
    """Of 2^31 + 77 rows: places of their elements don't fit 32 bits."""
    n, d = 2**31 + len(few), few.shape[1]
    X = unused(folder, n * d, "float32")
    labels, squares = unused(folder, n, "int32"), unused(folder, n, "float64")
    X[-few.size :] = few.ravel()
    gpu = on_device(EmulatedLoader(blocks=last_blocks, change=change))
    given = iter([arrays.Array(labels), arrays.Array(squares)])
    gpu.gpu.empty = lambda *_, **__: next(given)
    gpu.distances.nearest(arrays.Array(X.reshape(n, d)), up(C))
    return labels[-len(few) :], squares[-len(few) :]


@pytest.mark.parametrize("d", [3, 16])
def test_places_beyond_32_bits(d, tmp_path):
    few, C = whole(77, d), whole(9, d, seed=1)
    expected = brute(few, C)
    labels, squares = labels_of_last_rows(tmp_path, few, C)
    np.testing.assert_array_equal(labels, expected.argmin(axis=1))
    np.testing.assert_array_equal(squares, expected.min(axis=1))


def test_a_place_of_32_bits_is_caught(tmp_path):
    few, C = whole(77, 3), whole(9, 3, seed=1)
    old, new = "X[row * D + c] : (T)0", "X[(unsigned int)row * D + c] : (T)0"

    def change(name, text):
        assert old in text
        return text.replace(old, new)

    labels, _ = labels_of_last_rows(tmp_path, few, C, change)
    assert (labels != brute(few, C).argmin(axis=1)).any()


# -- estimators ----------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [3, 20])
def test_kmeans_equals_numpys_from_the_same_start(d, gxx):
    from tests.cuda_on_cpu.backend import install

    install()
    X = rows(900, d, "float64")
    start = X[:5]
    host = KMeans(5, init=start, n_init=1).fit(X)
    found = KMeans(5, init=up(start), n_init=1).fit(up(X))
    assert found.n_iter_ == host.n_iter_
    np.testing.assert_array_equal(found.labels_.get(), host.labels_)
    np.testing.assert_allclose(found.cluster_centers_.get(), host.cluster_centers_, rtol=1e-13)
    assert found.inertia_ == pytest.approx(host.inertia_, rel=1e-12)


def test_two_fits_are_the_same_bits(gxx):
    from tests.cuda_on_cpu.backend import install

    install()
    X = rows(900, 3)
    for model in (KMeans(6, random_state=3), MiniBatchKMeans(6, random_state=3, batch_size=64)):
        found = [model.fit(up(X)).cluster_centers_.get().tobytes() for _ in range(2)]
        assert found[0] == found[1]
