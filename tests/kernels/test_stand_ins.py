"""What stands in for kernels that are not compiled: the same bits, until compiling pays."""

import warnings

import numba
import numpy as np
import pytest

from clusterx.kernels import kernels_for
from clusterx.kernels.color.cpu import counts as colors
from clusterx.kernels.color.cpu.nearest import nearest_two_of_few as nearest_two
from clusterx.kernels.cpu import columns, deferred, direct, fixed_point, jit
from clusterx.kernels.cpu.boxes import candidates, morton
from clusterx.kernels.distances.cpu import to_centers
from clusterx.kernels.kmeans.cpu import centers, draws, plain, seeds
from clusterx.kernels.kmeans.cpu.tree import TreeStep
from clusterx.kernels.labels import cpu as labels_cpu
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
    same_bits(centers.deviations_of, X, some_weights(n), C[0], 1, n)
    same_bits(centers.deviations_of, X, some_weights(n), C[0], n, n)


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
    changed = np.array([i != 1 for i in range(-(-n // draws.DRAW_BLOCK))])
    sums = np.zeros(len(changed))
    same_bits(draws.block_sums, closest, w, changed, 0, len(sums), sums)
    draws.block_sums.compiled(closest, w, changed, 0, len(sums), sums)
    cumulated = np.cumsum(sums)
    with np.errstate(invalid="ignore"):  # the sums of huge distances are infinite
        targets = np.array([0.0, 0.3, 0.8, 1.0]) * cumulated[-1]
    inside = np.minimum(np.searchsorted(cumulated, targets, side="right"), len(sums) - 1)
    same_bits(draws.draw_inside, closest, w, cumulated, inside, targets)


def test_draws_from_a_block_without_distances():
    closest = np.zeros(2 * draws.DRAW_BLOCK)
    closest[3] = 1.0
    args = np.array([1.0, 1.0]), np.array([0, 1]), np.array([2.0, 2.0])
    found, _ = same_bits(draws.draw_inside, closest, NO_WEIGHTS, *args)
    assert found.tolist() == [3, draws.DRAW_BLOCK]


@pytest.mark.parametrize(
    ("kernel", "args"),
    [
        (direct.distances_to, (np.ones(9), 0, 4, np.empty(4))),
        (direct.all_distances, (np.ones((2, 9)), 0, 4, np.empty((4, 2)))),
        (centers.deviations_of, (np.ones(4), np.ones(9), 0, 4)),
        (seeds.plain_gains, (NO_WEIGHTS, np.array([1]), 0, 4, np.ones(4), np.zeros(1))),
        (seeds.plain_accept, (1, 0, 4, np.ones(4))),
    ],
    ids=lambda a: getattr(a, "__name__", ""),
)
def test_many_columns_have_no_stand_in(kernel, args):
    assert kernel.stand_in(np.ones((4, 9)), *args) is NotImplemented


def pictures():
    grey = RNG.integers(0, 256, (300, 1)).astype(np.uint8)
    photo = RNG.normal(120, 30, (70_000, 3)).astype(np.uint8)
    yield from (grey, photo[:500], photo, np.c_[photo, photo[:, 0]], np.c_[photo, photo[:, :1] * 0])
    yield RNG.integers(0, 1 << 16, (500, 3)).astype(np.uint16)


@pytest.mark.parametrize("pixels", list(pictures()), ids=lambda a: str(a.shape))
def test_colors(pixels):
    found, _ = same_bits(colors.color_counts, pixels)
    unique = found[0]
    assert unique.dtype == pixels.dtype
    for k in (2, 300):
        labels = RNG.integers(0, min(k, len(unique)), len(unique)).astype(np.int32)
        indices, _ = same_bits(colors.remap, pixels, unique, labels)
        assert indices.dtype == colors.remap.compiled(pixels, unique, labels).dtype


@pytest.mark.parametrize("k", [1, 2, 40])
def test_nearest_colors(k):
    points = RNG.normal(size=(3, 500)).astype(np.float32)
    centers = RNG.normal(size=(k, 3)).astype(np.float32)
    same_bits(nearest_two, points, centers)
    assert nearest_two.stand_in(points, np.zeros((1 << 16, 3), np.float32)) is NotImplemented


@pytest.mark.parametrize(
    "values",
    [
        RNG.integers(0, 5, 1000).astype(np.int32),
        RNG.integers(-9, 9, 1000),
        RNG.integers(-9, 9, 1000) * 10**12,
        RNG.integers(0, 9, 1000).astype(np.uint64) + np.uint64(1 << 63),
        RNG.integers(-3, 3, 1000) / 2,
        np.array([3.0, 1.0]),
        np.array([True, False, True]),
        np.empty(0, np.int64),
    ],
    ids=lambda a: f"{a.dtype} {len(a)}",
)
def test_labels(values):
    (codes, classes), _ = same_bits(labels_cpu.factorize, values)
    assert (codes.dtype, classes.dtype) == (np.int32, values.dtype)
    other = codes[::-1].copy()
    k = len(classes)
    found, _ = same_bits(labels_cpu.contingency, codes, other, (k, k))
    assert {a.dtype for a in found} == {np.dtype(np.int64)}
    same_bits(labels_cpu.contingency, codes, other, (k, 1 << 20))


def test_many_pixels_and_labels_have_no_stand_in():
    pixels = np.broadcast_to(np.uint8(7), ((1 << 21) + 1, 3))
    assert colors.color_counts.stand_in(pixels) is NotImplemented
    assert colors.remap.stand_in(pixels, pixels[:1], np.zeros(1)) is NotImplemented
    labels = np.broadcast_to(np.int32(0), (1 << 17) + 1)
    assert labels_cpu.factorize.stand_in(labels) is NotImplemented
    assert labels_cpu.contingency.stand_in(labels, labels, (1, 1)) is NotImplemented


def test_many_values_have_no_stand_in():
    X = np.broadcast_to(np.float32(1.0), (1 << 20, 9))
    out = np.zeros((4, 9))
    assert columns.column_moments.stand_in(X, out[0], 0, 4, *out) is NotImplemented
    labels = np.zeros(len(X), np.int32)
    assert segments.add_rows.stand_in(X, labels, 0, len(X), out) is NotImplemented
    assert not out.any()


# -- the plain step in place of a tree -------------------------------------------------------------


@pytest.fixture
def no_tree(monkeypatch):
    """No tree has been compiled yet, for pictures or at all."""
    monkeypatch.delenv("CLUSTERX_COMPILE")
    monkeypatch.setattr(plain, "_stood_in", 0)
    monkeypatch.setattr(plain, "has_code", lambda kernel: kernel is not morton.byte_keys)


def picture_step(X=BYTES, w=None, k=64):
    X = np.tile(X, (4, 1))
    w = None if w is None else np.tile(w, 4)
    own = kernels_for(np)
    return own.kmeans.lloyd_stats(
        X, w, own.kmeans.sum_scales(own.reductions.summary(X), 9.0, 9), k=k
    )


def test_pictures_do_without_a_tree_that_is_not_compiled(no_tree):
    step = picture_step(w=np.arange(float(N)))
    assert type(step) is plain.PlainStep
    assert step.supports(64)
    assert not step.supports(1 << 10)


@pytest.mark.parametrize(
    "given",
    [{"X": ROWS["float64"]}, {"w": some_weights(N)}, {"k": 1 << 10}, {"k": None}],
    ids=["float64", "weights", "many centres", "number unknown"],
)
def test_other_rows_get_a_tree(no_tree, given):
    assert type(picture_step(**given)) is TreeStep


def test_a_compiled_tree_is_used(no_tree, monkeypatch):
    monkeypatch.setattr(plain, "has_code", lambda kernel: kernel is morton.byte_keys)
    assert type(picture_step()) is TreeStep


def test_the_tree_is_compiled_for_pictures_that_go_on_coming(no_tree):
    kinds = [type(picture_step()) for _ in range(plain.PICTURES + 2)]
    assert kinds == [plain.PlainStep] * plain.PICTURES + [TreeStep] * 2


@pytest.mark.parametrize("weighted", [False, True])
def test_pictures_come_out_alike_with_and_without_a_tree(no_tree, weighted):
    X = np.unique(RNG.integers(0, 40, (20_000, 3)).astype(np.uint8), axis=0)  # many ties
    w = RNG.integers(1, 1000, len(X)).astype(float) if weighted else None
    own = kernels_for(np).kmeans
    summary = kernels_for(np).reductions.summary(X)
    grid = own.sum_scales(summary, float(len(X) if w is None else w.sum()), len(X))
    steps = plain.PlainStep(X, w, grid, stands_in=True), TreeStep(X, w, grid)
    centers = []
    for step in steps:
        seeding = own.seeding(X, w, step)
        seeding.start(3)
        rng = np.random.default_rng(5)
        centers.append(
            np.array([X[3], *(X[seeding.grow(rng.random(4))] for _ in range(31))], float)
        )
    assert_same(*centers)
    C = centers[0]
    for _ in range(10):
        one, other = (step(C) for step in steps)
        for a, b in (
            (one.sums, other.sums),
            (one.counts, other.counts),
            (one.n_changed, other.n_changed),
        ):
            assert_same(a, b)
        assert_same(steps[0].labels, steps[1].labels)
        C = own.update_centers(one, C).centers
    assert_same(*(step.distances() for step in steps))


# -- when the kernel takes over --------------------------------------------------------------------


def twice(x):
    return x + x


@pytest.fixture
def clock(monkeypatch):
    """The time that stand-ins see, in seconds; a stand-in takes one."""
    now = [0.0]
    monkeypatch.setattr(deferred, "thread_time", lambda: now[0])
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


def test_a_stand_in_can_be_retired(new_process):
    kernel, calls = new_process()
    kernel.retire(np.arange(3.0))
    kernel(np.arange(3.0))
    assert (compiled(kernel), calls) == (1, [])
    kernel(np.arange(3))
    assert len(calls) == 1


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
