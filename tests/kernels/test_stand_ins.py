"""What stands in for kernels that are not compiled: the same bits, until compiling pays."""

import warnings

import numba
import numpy as np
import pytest

from clusterx.kernels.cpu import columns, deferred, direct, fixed_point, jit
from clusterx.kernels.cpu.boxes import candidates
from clusterx.kernels.distances.cpu import to_centers
from clusterx.kernels.kmeans.cpu import centers, plain, seeds
from clusterx.kernels.reductions.cpu import segments

RNG = np.random.default_rng(0)
N, K = 5_000, 7
BYTES = RNG.integers(0, 256, (N, 3)).astype(np.uint8)
#: Rows in place of which ties, far values and other dtypes come.
ROWS = {
    "float64": RNG.normal(size=(N, 3)),
    "float32": RNG.normal(3.0, 2.0, (N, 3)).astype(np.float32),
    "uint8": BYTES,
    "one column": RNG.normal(size=(N, 1)),
    "eight columns": RNG.normal(-50.0, 1.0, (N, 8)),
    "grid": RNG.integers(0, 3, (N, 2)).astype(np.float64),
    "huge": RNG.normal(size=(N, 3)) * 1e160,
    "few": RNG.normal(size=(9, 3)),
}
NO_WEIGHTS = np.empty(0)


@pytest.fixture(params=ROWS)
def X(request):
    return ROWS[request.param]


def same_bits(kernel, *args):
    """The stand-in changes its arguments and returns what the kernel does; what it returned."""
    ours, theirs = ([np.copy(a) if isinstance(a, np.ndarray) else a for a in args] for _ in "ab")
    with np.errstate(all="ignore"):
        found = kernel.stand_in(*ours)
    assert found is not NotImplemented
    expected = kernel.compiled(*theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert_same(one, other)
    ours, theirs = (a if isinstance(a, tuple) else (a,) for a in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        assert_same(one, other)
    return found, args


def assert_same(one, other):
    if one is None or other is None:
        assert one is other
        return
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    assert one.dtype.kind == other.dtype.kind
    assert one.tobytes() == np.asarray(other, one.dtype).tobytes()


def some_weights(n):
    return RNG.integers(0, 4, n) / 3


def centers_of(X):
    """Rows as centres, two of them the same."""
    C = X[RNG.choice(len(X), K)].astype(np.float64)
    C[3] = C[1]
    return C


def test_moments(X):
    for start, stop in ((0, len(X)), (1, 8), (2, 5)):
        out = np.zeros((4, X.shape[1]))
        same_bits(columns.column_moments, X, X[2].astype(np.float64), start, stop, *out)


def test_moments_of_bytes():
    sums, squares = np.ones((2, 3), np.int64)
    same_bits(columns.byte_moments, BYTES, 3, N, sums, squares, np.zeros(3, np.uint8))


def test_nearest(X):
    n = len(X)
    for variant in {candidates.variant(X.shape[1]), (None, True)}:
        labels, squared = np.full(n, -1, np.int32), np.full(n, -1.0)
        args = X, centers_of(X), 2, n - 1, labels, squared, *variant
        same_bits(candidates.nearest_blocks, *args)


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_move(X, weighted):
    n, d = X.shape
    labels = RNG.integers(0, K - 1, n).astype(np.int32)  # none in the last cluster
    previous = np.where(RNG.random(n) < 0.3, RNG.integers(-1, K, n), labels).astype(np.int32)
    w = some_weights(n) if weighted else NO_WEIGHTS
    units = fixed_point.power_of_two_scale(np.append(n * np.abs(X.astype(float)).max(axis=0), n))
    hi, lo = RNG.integers(-(2**40), 2**40, (2, K, d + 1))
    _, args = same_bits(plain.move_changed, X, w, labels, previous, units, 2.0**40, hi, lo)
    plain.move_changed.compiled(*args)
    same_bits(fixed_point.read_table, np.stack([hi, lo]), units, 2.0**40)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means(dtype):
    sums, counts = RNG.normal(size=(K, 4)), RNG.random(K)
    for empty in ([], [2, 6], range(K)):
        counts[empty] = 0.0
        C = RNG.normal(size=(K, 4)).astype(dtype)
        same_bits(centers.move_means, sums, counts, C, np.empty_like(C))


def test_distances(X):
    n, C = len(X), centers_of(X)
    labels = RNG.integers(0, K, n).astype(np.int32)
    same_bits(direct.distances_to, X, C[0], 1, n, np.zeros(n))
    same_bits(direct.all_distances, X, C, 1, n, np.zeros((n, K)))
    same_bits(to_centers.few_columns, X, C, labels, 1, n, np.zeros(n))
    same_bits(centers.scatter_of, X, some_weights(n), C[0], 1, n)
    same_bits(centers.scatter_of, X, some_weights(n), C[0], n, n)


def test_sums_of_rows(X):
    labels = RNG.integers(0, K - 1, len(X)).astype(np.int32)
    same_bits(segments.add_rows, X, labels, 1, len(X), np.zeros((K, X.shape[1])))


@pytest.mark.parametrize("weighted", [False, True])
def test_seeding(X, weighted):
    n = len(X)
    w = some_weights(n) if weighted else NO_WEIGHTS
    closest = np.full(n, np.inf)
    same_bits(seeds.plain_accept, X, 5, 1, n, closest)
    seeds.plain_accept.compiled(X, 5, 0, n, closest)
    chosen = RNG.integers(0, n, 3)
    same_bits(seeds.plain_gains, X, w, chosen, 1, n, closest, np.zeros(3))
    changed = np.array([i != 1 for i in range(-(-n // seeds.DRAW_BLOCK))])
    sums = np.zeros(len(changed))
    same_bits(seeds.block_sums, closest, w, changed, 0, len(sums), sums)
    seeds.block_sums.compiled(closest, w, changed, 0, len(sums), sums)
    cumulated = np.cumsum(sums)
    with np.errstate(invalid="ignore"):  # the sums of huge distances are infinite
        targets = np.array([0.0, 0.3, 0.8, 1.0]) * cumulated[-1]
    inside = np.minimum(np.searchsorted(cumulated, targets, side="right"), len(sums) - 1)
    same_bits(seeds.draw_inside, closest, w, cumulated, inside, targets)


def test_draws_from_a_block_without_distances():
    closest = np.zeros(2 * seeds.DRAW_BLOCK)
    closest[3] = 1.0
    args = np.array([1.0, 1.0]), np.array([0, 1]), np.array([2.0, 2.0])
    found, _ = same_bits(seeds.draw_inside, closest, NO_WEIGHTS, *args)
    assert found.tolist() == [3, seeds.DRAW_BLOCK]


@pytest.mark.parametrize(
    ("kernel", "args"),
    [
        (direct.distances_to, (np.ones(9), 0, 4, np.empty(4))),
        (direct.all_distances, (np.ones((2, 9)), 0, 4, np.empty((4, 2)))),
        (centers.scatter_of, (np.ones(4), np.ones(9), 0, 4)),
        (seeds.plain_gains, (NO_WEIGHTS, np.array([1]), 0, 4, np.ones(4), np.zeros(1))),
        (seeds.plain_accept, (1, 0, 4, np.ones(4))),
    ],
    ids=lambda a: getattr(a, "__name__", ""),
)
def test_many_columns_have_no_stand_in(kernel, args):
    assert kernel.stand_in(np.ones((4, 9)), *args) is NotImplemented


def test_many_values_have_no_stand_in():
    X = np.broadcast_to(np.float32(1.0), (1 << 20, 9))
    out = np.zeros((4, 9))
    assert columns.column_moments.stand_in(X, out[0], 0, 4, *out) is NotImplemented
    labels = np.zeros(len(X), np.int32)
    assert segments.add_rows.stand_in(X, labels, 0, len(X), out) is NotImplemented
    assert not out.any()


# -- when the kernel takes over --------------------------------------------------------------------


def twice(x):
    return x + x


@pytest.fixture
def clock(monkeypatch):
    """The time that stand-ins see, in seconds; a stand-in takes one."""
    now = [0.0]
    monkeypatch.setattr(deferred, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def new_process(tmp_path, monkeypatch, clock):
    """What makes the kernel as a new process does, and what its stand-in was called with."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("CLUSTERX_COMPILE")

    def make(most=1000, seconds=2.5):
        calls = []

        def stand_in(x):
            calls.append(x)
            clock[0] += 1.0
            return NotImplemented if len(x) > most else twice(x)

        return jit.jit(twice, stand_in=stand_in, seconds=seconds), calls

    return make


def compiled(kernel):
    return len(kernel.compiled.overloads)


def test_a_stand_in_works_as_long_as_compiling_takes(new_process):
    kernel, calls = new_process()
    x = np.arange(3.0)
    for _ in range(3):
        assert kernel(x).tolist() == [0.0, 2.0, 4.0]
        assert compiled(kernel) == 0
    for _ in range(2):
        assert kernel(x).tolist() == [0.0, 2.0, 4.0]
        assert compiled(kernel) == 1
    assert len(calls) == 3


def test_each_dtype_has_its_own_time(new_process):
    kernel, calls = new_process()
    for _ in range(4):
        kernel(np.arange(3.0))
    assert kernel(np.arange(3)).dtype == np.int64
    assert (compiled(kernel), len(calls)) == (1, 4)


def test_data_too_large_for_the_stand_in_are_compiled_for(new_process):
    kernel, calls = new_process(most=2)
    kernel(np.arange(2.0))
    assert compiled(kernel) == 0
    assert kernel(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    kernel(np.arange(2.0))
    assert (compiled(kernel), len(calls)) == (1, 2)


def test_code_on_disk_is_used_at_once(new_process):
    kernel, _ = new_process(seconds=0.0)
    kernel(np.arange(3.0))
    kernel, calls = new_process()
    assert kernel(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    assert kernel.compiled.stats.cache_hits
    assert not calls
    kernel(np.arange(3))  # there is none for integers
    assert len(calls) == 1


def test_code_on_disk_that_is_damaged_is_not_waited_for(new_process, tmp_path):
    kernel, _ = new_process(seconds=0.0)
    kernel(np.arange(3.0))
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:-1])
    kernel, calls = new_process()
    kernel(np.arange(3.0))
    assert len(calls) == 1


def test_the_environment_switches_stand_ins_off(new_process, monkeypatch):
    monkeypatch.setenv("CLUSTERX_COMPILE", "always")
    kernel, calls = new_process()
    kernel(np.arange(3.0))
    assert (compiled(kernel), calls) == (1, [])


def test_compiled_code_calls_the_kernel(new_process):
    kernel, calls = new_process()

    @jit.jit
    def four_times(x):
        return kernel(kernel(x))

    assert four_times(np.arange(3.0)).tolist() == [0.0, 4.0, 8.0]
    assert (compiled(kernel), calls) == (1, [])


def test_functions_are_deferred_by_what_they_call(new_process):
    kernel, _ = new_process(seconds=0.0)
    inner = kernel.compiled
    found = deferred.deferred(lambda x: "stand-in", 10.0, (inner,))(inner)
    assert found(np.arange(3)) == "stand-in"
    inner(np.arange(3.0))
    assert deferred.has_code(inner)
    assert found(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]


def test_a_stand_in_warns_of_nothing(new_process):
    kernel = deferred.Deferred(twice, twice, 9.0, None, lambda x: False)
    with warnings.catch_warnings(action="error"):
        assert kernel(np.array([1e308]))[0] == np.inf
