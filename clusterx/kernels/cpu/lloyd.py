"""Prepared k-means iterations for arrays in host memory."""

from __future__ import annotations

import numpy as np

from . import exact, screen, tree
from .scan import moments
from .threads import run_blocks, single_threaded_blas

TREE_DIMENSIONS = 8
TREE_ROWS = 4096
ROWS_PER_TASK = 8192
#: Columns kept by a projection: fewer leave more rows to measure, more cost more to multiply.
PROJECTION = 64
PROJECTION_ROWS = 4096
_NONE = np.empty(0, np.int32)
_UNIT = np.empty(0, np.float64)


def rows_per_task(n: int) -> int:
    """Enough tasks for a few threads, where what a task computes does not depend on its size."""
    return max(screen.CHUNK, min(ROWS_PER_TASK, n // 16))


def blocks(n: int, rows: int) -> list[tuple[int, int]]:
    return [(a, min(n, a + rows)) for a in range(0, n, rows)]


def lloyd_stats(X, w, grid, once=False):
    """The step that suits the shape of X."""
    n, d = X.shape
    if d > TREE_DIMENSIONS:
        return ScreenedStep(X, w, grid, once)
    if once or n < TREE_ROWS:
        return PlainStep(X, w, grid)
    return TreeStep(X, w, grid)


def nearest(X: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    step = lloyd_stats(X, None, None, once=True)
    step.assign(C)
    return step.labels, step.distances()


class Step:
    """What the steps share: exact running sums, changed by the rows that change cluster."""

    def __init__(self, X: np.ndarray, w: np.ndarray | None, grid: exact.Grid | None):
        self.X = X
        self.w = _UNIT if w is None else np.ascontiguousarray(w, np.float64)
        self.grid = grid
        self.labels = np.full(X.shape[0], -1, np.int32)
        self.hi = np.empty((0, X.shape[1]), np.int64)

    def empty_sums(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        d = self.X.shape[1]
        return np.zeros((k, d), np.int64), np.zeros((k, d), np.int64), np.zeros((2, k), np.int64)

    def begin(self, C: np.ndarray) -> None:
        """Keep what was found for another number of centres from being used."""
        self.C = np.ascontiguousarray(C, np.float64)
        if self.hi.shape[0] != C.shape[0]:
            self.hi, self.lo, self.weight = self.empty_sums(C.shape[0])
            self.labels[:] = -1
            self.forget()

    def forget(self) -> None:
        pass

    def stats(self, moved: int) -> exact.ExactStats:
        assert self.grid is not None
        return exact.ExactStats(
            self.grid, self.hi.copy(), self.lo.copy(), self.weight.copy(), moved
        )

    def distances(self) -> np.ndarray:
        out = np.empty(self.X.shape[0])

        def block(b):
            screen.own_distances(self.X, self.C, self.labels, *parts[b], out)

        parts = blocks(len(out), ROWS_PER_TASK)
        run_blocks(block, len(parts))
        return out


class PlainStep(Step):
    """Every row against the centres that its neighbours in memory leave over."""

    def assign(self, C):
        self.begin(C)
        self.squared = np.empty(self.X.shape[0])

        def block(b):
            tree.nearest_blocks(self.X, self.C, *parts[b], self.labels, self.squared)

        parts = blocks(self.X.shape[0], ROWS_PER_TASK)
        run_blocks(block, len(parts))

    def __call__(self, C):
        previous = self.labels.copy()
        if self.hi.shape[0] != C.shape[0]:
            previous[:] = -1
        self.assign(C)
        g = self.grid
        moved = tree.add_blocks(
            self.X, self.w, self.labels, previous, 0, len(previous),
            g.hi_scale, g.lo_scale, g.weight_scale, self.hi, self.lo, self.weight,
        )  # fmt: skip
        return self.stats(moved)

    def distances(self):
        return self.squared


class TreeStep(Step):
    """Few dimensions: boxes in a tree, most of them settled without a look at their rows."""

    def __init__(self, X, w, grid):
        super().__init__(X, w, grid)
        keys, bits = _morton(X, grid.largest)
        if _is_sorted(keys):
            self.order = None
            self.XT = _gather_transposed(X, None)
        else:
            self.order, keys = tree.radix_order(keys, bits * X.shape[1])
            self.XT = _gather_transposed(X, self.order)
            if len(self.w):
                self.w = self.w[self.order]
        start, stop, self.skip = tree.cut(keys, tree.LEAF)
        self.start, self.stop = start.copy(), stop.copy()  # lets go of the room for more
        self.low, self.high = self._boxes()
        self.owner = np.full(len(self.start), -1, np.int32)
        self.roots = self._task_roots()
        self.tree_labels = np.full(X.shape[0], -1, np.int32)

    def forget(self):
        self.tree_labels[:] = -1
        self.owner[:] = -1

    def _boxes(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.empty((2, len(self.start), self.X.shape[1]))
        parts = blocks(len(low), 2048)

        def block(b):
            tree.leaf_boxes(self.XT, self.start, self.stop, self.skip, *parts[b], low, high)

        run_blocks(block, len(parts))
        tree.join_boxes(self.skip, low, high)
        return low, high

    def _task_roots(self) -> list[np.ndarray]:
        """Subtrees of a few thousand rows, in a fixed order."""
        roots, node, limit = [], 0, max(4096, self.X.shape[0] // 256)
        while node < len(self.start):
            if self.stop[node] - self.start[node] <= limit or self.skip[node] == node + 1:
                roots.append(node)
                node = self.skip[node]
            else:
                node += 1
        return np.array_split(np.array(roots), min(len(roots), 16))

    def _filter(self, C):
        self.begin(C)
        k, g = C.shape[0], self.grid
        parts = [self.empty_sums(k) for _ in self.roots]
        moved = np.zeros(len(parts), np.int64)

        def block(b):
            moved[b] = tree.filter_subtrees(
                self.roots[b], self.XT, self.w, self.start, self.stop, self.skip, self.low,
                self.high, self.owner, self.C, g.hi_scale, g.lo_scale, g.weight_scale,
                self.tree_labels, *parts[b],
            )  # fmt: skip

        run_blocks(block, len(parts))
        for hi, lo, weight in parts:
            self.hi += hi
            self.lo += lo
            self.weight += weight
        return int(moved.sum())

    def __call__(self, C):
        moved = self._filter(C)
        return self.stats(moved)

    @property
    def labels(self):
        if self.order is None:
            return self.tree_labels
        out = np.empty_like(self.tree_labels)
        out[self.order] = self.tree_labels
        return out

    @labels.setter
    def labels(self, value):
        pass


def _morton(X: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, int]:
    """Keys of the rows in cells of one size for all columns, and the bits a column has in them."""
    n, d = X.shape
    bits = min(16, 63 // d)
    cell = 2.0 ** np.frexp(max(2.0 * float(largest.max()), 1e-300))[1]
    origin = np.full(d, -cell)
    keys = np.empty(n, np.uint64)
    spread = tree.spread_table(d)
    parts = blocks(n, 1 << 16)

    def block(b):
        tree.morton_keys(X, origin, 2.0 ** (bits - 1) / cell, bits, spread, keys, *parts[b])

    run_blocks(block, len(parts))
    return keys, bits


def _is_sorted(keys: np.ndarray) -> bool:
    parts = blocks(len(keys), 1 << 16)
    ordered = np.empty(len(parts), np.bool_)

    def block(b):
        ordered[b] = tree.is_sorted(keys, *parts[b])

    run_blocks(block, len(parts))
    return bool(ordered.all())


def _gather_transposed(X: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """The columns of X[order] as contiguous rows."""
    XT = np.empty((X.shape[1], X.shape[0]), X.dtype)
    parts = blocks(X.shape[0], 1 << 16)

    def block(b):
        a, e = parts[b]
        XT[:, a:e] = X[a:e].T if order is None else X[order[a:e]].T

    run_blocks(block, len(parts))
    return XT


class ScreenedStep(Step):
    """Many dimensions: a float32 screen, bounds between iterations, exact distances at the end."""

    def __init__(self, X, w, grid, once):
        super().__init__(X, w, grid)
        n = X.shape[0]
        self.upper = np.empty(n, np.float32)
        self.lower = np.empty(n, np.float32)
        self.fresh = True
        self.screen = Screen(X, project=not once, grid=grid)

    def forget(self):
        self.fresh = True

    def assign(self, C):
        """Nearest centres of all rows; which rows changed."""
        previous = None if self.fresh else self.C
        self.begin(C)
        moved = np.zeros(len(self.labels), np.uint8)
        measured = self.screen.assign(
            self.C, previous if not self.fresh else None, self.labels, self.upper, self.lower, moved
        )
        self.fresh = False
        self.screen.reconsider(*measured, C.shape[0])
        return moved

    def __call__(self, C):
        known = self.hi.shape[0] == C.shape[0] and not self.fresh
        previous = self.labels.copy() if known else _NONE
        with single_threaded_blas():  # small products only, and our threads want the cores
            rows = np.flatnonzero(self.assign(C))
        self._accumulate(previous, rows, C.shape[0])
        return self.stats(len(rows))

    def _accumulate(self, previous, rows, k):
        entries, offsets = exact.group_entries(self.labels, previous, rows, k)
        clusters, bounds = exact.runs(offsets)
        d, g = self.X.shape[1], self.grid
        hi, lo = np.zeros((2, len(clusters), d), np.int64)
        weight = np.zeros((len(clusters), 2), np.int64)
        # entries are spread evenly over tasks, most of which then have several runs
        parts = exact.even_parts(bounds)

        def block(b):
            exact.sum_entries(
                self.X, self.w, entries, bounds, *parts[b], g.hi_scale, g.lo_scale,
                g.weight_scale, hi, lo, weight,
            )  # fmt: skip

        run_blocks(block, len(parts))
        exact.merge(clusters, hi, lo, weight, self.hi, self.lo, self.weight)


class Screen:
    """The float32 image of the rows that centres are screened against; see `screen`."""

    def __init__(self, X: np.ndarray, *, project: bool, grid: exact.Grid | None = None):
        self.X = X
        n, d = X.shape
        if grid is None:
            mean, variance, low, high = moments(X[:: max(1, n // 1024)])
            largest = np.maximum(np.abs(low), np.abs(high))
        else:
            mean, variance, largest = grid.mean, grid.variance, grid.largest
        size = float(largest.max())
        self.mean = mean
        self.factor = 1.0
        far = float(mean @ mean) > 16 * float(variance.sum())
        outside = not 1e-12 < size < 1e12
        self.copied = X.dtype != np.float32 or far or outside
        if self.copied and size > 0:
            self.factor = 2.0 ** -np.frexp(max(size, 1e-300))[1]
        self.Q = None
        if project and d >= 2 * PROJECTION and n >= PROJECTION_ROWS:
            self._project(PROJECTION)
        if self.Q is None:
            self._take_all()

    def _project(self, m: int) -> None:
        """Project onto the leading directions of a sample if they hold most of its variance."""
        n, d = self.X.shape
        sample = self.X[:: max(1, n // 512)][:1024].astype(np.float64)
        sample = (sample - self.mean) * self.factor
        with single_threaded_blas():  # too small for threads
            Q = _leading_directions(sample.astype(np.float32), m)
            total = float(np.einsum("nd,nd->", sample, sample))
            if total == 0 or float(((sample @ Q) ** 2).sum()) < 0.6 * total:
                return
        self.Q = Q
        self.kappa = (d + 8) * 2.0**-24 * np.sqrt(m)
        self.error = 2.5 * self.kappa
        self.Z = np.empty((n, m), np.float32)
        self.norm, self.rest, self.size, self.centred = np.empty((4, n), np.float32)
        Q32 = np.ascontiguousarray(Q, np.float32)
        parts = blocks(n, ROWS_PER_TASK)
        shift = (self.factor * (self.mean @ Q)).astype(np.float32)
        reach = float(np.sqrt(self.mean @ self.mean))
        out = self.Z, self.norm, self.rest, self.size, self.centred

        def block(b):
            if self.copied:
                screen.project_copies(
                    self.X, self.mean, Q32, self.factor, self.error, *parts[b], *out
                )
            else:
                screen.project_rows(
                    self.X, self.mean, Q32, shift, self.factor, reach, self.error, *parts[b], *out
                )

        with single_threaded_blas():
            run_blocks(block, len(parts))

    def _take_all(self) -> None:
        n, d = self.X.shape
        self.Q = None
        self.kappa, self.error = 0.0, 2.0**-21
        self.norm, self.size, self.centred = np.empty((3, n), np.float32)
        self.rest = np.zeros(n, np.float32)
        parts = blocks(n, ROWS_PER_TASK)
        if self.copied:
            self.kappa = 2.0**-23
            self.Z = np.empty((n, d), np.float32)

            def block(b):
                screen.centre_rows(
                    self.X, self.mean, self.factor, *parts[b], self.Z, self.norm, self.centred
                )
                self.size[slice(*parts[b])] = self.centred[slice(*parts[b])]

        else:
            self.Z = self.X

            def block(b):
                screen.row_norms(self.X, self.mean, *parts[b], self.norm, self.size, self.centred)

        run_blocks(block, len(parts))

    def reconsider(self, screened: int, measured: int, k: int) -> None:
        """Drop the projection when measuring what it leaves costs more than the whole product."""
        if self.Q is not None and measured > 2 * screened + screened * self.X.shape[1] * k // 50_000:
            self._take_all()

    def centres(self, C):
        """The centres' images (m, k) and the terms of their intervals; see screen.screen_rows."""
        E = (C - self.mean) * self.factor
        whole = np.einsum("kd,kd->k", E, E)
        k = C.shape[0]
        if self.Q is not None:
            images = E @ self.Q
            left = np.maximum(whole - np.einsum("km,km->k", images, images), 0.0)
            R = 2.0 * np.sqrt(left + 1e-12 * whole)
            P = whole
        else:
            images, R = E, np.zeros(k)
            P = whole if self.copied else whole + 2.0 * (E @ self.mean)
        m = images.shape[1]
        size = np.sqrt(np.einsum("km,km->k", images, images))
        S = (2.0 * (m + 4) * 2.0**-24 + 2.0**-21 + 2.0 * self.kappa) * size
        slop = 2.0**-21 * (np.abs(P) + whole) + screen.underflow(m)
        padded = -(-k // screen.LANES) * screen.LANES
        terms = np.zeros((4, padded), np.float32)
        terms[0] = screen.FAR
        terms[0, :k] = P
        for term, values in zip(terms[1:], (slop, R, S), strict=True):
            term[:k] = values * (1 + 1e-6)
        ET = np.zeros((m, padded), np.float32)
        ET[:, :k] = images.T
        return ET, terms

    def assign(self, C, previous, labels, upper, lower, moved):
        """Screen all rows; `previous`: the centres that the bounds speak of, or None."""
        ET, terms = self.centres(C)
        drift = _movement(C, previous, self.factor)
        parts = blocks(len(labels), rows_per_task(len(labels)))
        counts = np.zeros((len(parts), 2), np.int64)

        def block(b):
            counts[b] = screen.screen_rows(
                self.X, self.Z, self.norm, self.rest, self.centred, C, ET, terms, drift,
                self.factor, self.error, previous is None, *parts[b], labels, upper, lower, moved,
            )  # fmt: skip

        with single_threaded_blas():
            run_blocks(block, len(parts))
        return (int(a) for a in counts.sum(axis=0))


def _movement(C, previous, factor):
    """Safe float32 bounds of how far each centre moved, then the two largest of them."""
    k = C.shape[0]
    drift = np.zeros(k + 2, np.float32)
    if previous is not None:
        step = C - previous
        drift[:k] = np.sqrt(np.einsum("kd,kd->k", step, step)) * factor * (1 + 1e-6)
        drift[:k] *= screen.UP
        drift[k] = drift[:k].max()
        drift[k + 1] = np.partition(drift[:k], k - 2)[k - 2] if k > 1 else 0
    return drift


def _leading_directions(sample: np.ndarray, m: int) -> np.ndarray:
    """Orthonormal columns near the leading principal directions (Halko et al., 2011)."""
    rng = np.random.default_rng(0)
    Q = rng.standard_normal((sample.shape[1], m)).astype(np.float32)
    for _ in range(2):
        Q = np.linalg.qr(sample.T @ (sample @ Q))[0]
    return np.linalg.qr(Q.astype(np.float64))[0]


def distances_to(X: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Squared distances (n,) to one point."""
    out = np.empty(X.shape[0])
    parts = blocks(X.shape[0], ROWS_PER_TASK)
    c = np.asarray(c, np.float64)

    def block(b):
        screen.distances_to(X, c, *parts[b], out)

    run_blocks(block, len(parts))
    return out


def squared_distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """All squared distances (n, k), without cancellation."""
    out = np.empty((X.shape[0], C.shape[0]))
    C = np.ascontiguousarray(C, np.float64)
    parts = blocks(X.shape[0], ROWS_PER_TASK)

    def block(b):
        screen.all_distances(X, C, *parts[b], out)

    run_blocks(block, len(parts))
    return out


def distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """All Euclidean distances (n, k), by a product of matrices where that keeps the digits."""
    C = np.ascontiguousarray(C, np.float64)
    shift = C.mean(axis=0)
    E = C - shift
    others = np.einsum("kd,kd->k", E, E)
    out = np.empty((X.shape[0], C.shape[0]))
    parts = blocks(X.shape[0], 1024)

    def block(b):
        a, e = parts[b]
        Y = X[a:e] - shift
        own = np.einsum("nd,nd->n", Y, Y)
        np.matmul(Y, E.T, out=out[a:e])
        out[a:e] *= -2.0
        out[a:e] += own[:, None] + others
        screen.mend_distances(X[a:e], C, own, others, 0, e - a, out[a:e])

    with single_threaded_blas():
        run_blocks(block, len(parts))
    return out
