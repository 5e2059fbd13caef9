"""The definition, in the array API standard alone."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from ...arrays import asarray, concat, device, host_floats, namespace, to_host
from ...blocks import TILE
from ..graphs import Edges
from ..neighbors import Measure
from ..neighbors.generic import RowSearch
from . import ALONG, CENTRAL, LANES
from .rounds import ward_edges


def ward(X, sizes):
    return ward_edges(X, sizes, _partners, _ward_chain)


def _partners(C, sizes, rows):
    """For each of the rows, the least cost of a merge, and the other cluster; tile by tile."""
    xp, n = namespace(C), C.shape[0]
    rows = xp.arange(n, device=device(C)) if rows is None else asarray(rows, like=C)
    step = max(1, TILE // n)
    costs, others = [], []
    for a in range(0, rows.shape[0], step):
        some = rows[a : a + step]
        W = _costs(C, sizes, some)
        others.append(xp.argmin(W, axis=1))
        costs.append(xp.min(W, axis=1))
    return to_host(concat(costs)), to_host(concat(others)).astype(np.int64)


def _costs(C, sizes, own):
    """The costs of merging each of a few centroids with every one; infinite with itself."""
    xp = namespace(C)
    total = 0.0
    for j in range(C.shape[1]):  # in the order of the columns, as every backend adds them
        t = xp.take(C[:, j], own)[:, None] - C[:, j][None, :]
        total = t * t + total
    mine = xp.take(sizes, own)[:, None]
    W = total * (mine * sizes[None, :] * 2.0 / (mine + sizes[None, :]))
    same = own[:, None] == xp.arange(C.shape[0], dtype=own.dtype, device=device(C))[None, :]
    return xp.where(same, xp.asarray(xp.inf, dtype=W.dtype, device=device(C)), W)


def distances(X, metric, p=2.0):
    search = RowSearch(X, Measure(metric, p))
    Q, n = search.queries(None), X.shape[0]
    step = max(1, TILE // n)
    rows = [search.tile(Q[a : min(n, a + step), :], 0, n) for a in range(0, n, step)]
    return concat(search.measure.restored(sums, search.xp) for sums in rows)


class _Stack:
    """The chain: each cluster is the nearest of the one below it."""

    def __init__(self, n):
        self.rows: list[int] = []
        self.alive = [True] * n

    def top(self):
        if not self.rows:  # the lowest cluster that is left
            self.rows.append(self.alive.index(True))
        return self.rows[-1], self.rows[-2] if len(self.rows) > 1 else None

    def meets(self, other):
        """Whether the top and the one below it are nearest to each other; if so, remove both."""
        if len(self.rows) > 1 and self.rows[-2] == other:
            del self.rows[-2:]
            return True
        self.rows.append(other)
        return False


def _chain(n, nearest, merge):
    """Walk from each cluster to its nearest, and merge two that are nearest to each other."""
    stack = _Stack(n)
    edges: list[tuple] = []
    while len(edges) < n - 1:
        row, before = stack.top()
        weight, other = nearest(row, before)
        if stack.meets(other):
            low, high = min(row, other), max(row, other)
            stack.alive[low] = False
            exact = merge(low, high)
            edges.append((low, high, weight if exact is None else exact))
    low, high, weight = (np.array(part) for part in zip(*edges, strict=True))
    return Edges(low.astype(np.int64), high.astype(np.int64), weight)


def _least(values, before):
    """The least value, and its first place, but `before` in the chain wins if it is equal."""
    xp = namespace(values)
    at = 0 if before is None else int(before)
    weight, place, known = host_floats(xp.min(values), xp.argmin(values), values[at])
    return weight, at if before is not None and known == weight else int(place)


def _ward_chain(means, sizes):
    sizes, state = sizes.copy(), [means, np.arange(len(sizes))]  # and the rows that are left

    def nearest(row, before):
        means, rows = state
        at = np.searchsorted(rows, [row])
        near = means.near
        own = asarray(sizes[rows], like=near, dtype=near.dtype)
        W = _costs(near, own, asarray(at, like=near))[0, :]
        weight, place = _least(W, None if before is None else np.searchsorted(rows, before))
        return weight, int(rows[place])

    def merge(low, high):
        means, rows = state
        partner, share = np.arange(len(rows)), np.zeros(len(rows))
        pair = np.searchsorted(rows, [[low], [high]])
        cost = means.costs(*pair, sizes[rows])[0]
        a, b = pair[:, 0]
        partner[b], share[b] = a, sizes[low] / (sizes[low] + sizes[high])
        sizes[high] += sizes[low]
        state[:] = (
            means.merged(partner, share, np.delete(np.arange(len(rows)), a)),
            rows[rows != low],
        )
        return cost

    return _chain(len(sizes), nearest, merge)


def merged_row(a, b, na, nb, sizes, between, method, xp):
    """Distances to a merged cluster, from those to its parts (Lance and Williams 1967)."""
    if method == "complete":
        return xp.maximum(a, b)
    if method == "average":
        return (a * na + b * nb) / (na + nb)
    if method == "weighted":
        return (a + b) * 0.5
    if method == "ward":
        return ((sizes + na) * a + (sizes + nb) * b - sizes * between) / (sizes + (na + nb))
    if method == "centroid":
        return (a * na + b * nb - between * (na * nb / (na + nb))) / (na + nb)
    return (a + b) * 0.5 - between * 0.25


class _Matrix:
    """A matrix of distances between clusters; those that were merged are infinitely far."""

    def __init__(self, D, sizes, method):
        self.xp, self.method = namespace(D), method
        n = D.shape[0]
        eye = self.xp.arange(n, device=device(D))
        D = self.xp.where(
            eye[:, None] == eye[None, :],
            self.xp.asarray(self.xp.inf, dtype=D.dtype, device=device(D)),
            D,
        )
        self.D, self.sizes = D, np.array(sizes, np.float64)

    def nearest(self, row, before):
        return _least(self.D[row, :], before)

    def least(self):
        xp, D = self.xp, self.D
        where = int(to_host(xp.argmin(xp.reshape(D, (-1,)))))
        low, high = divmod(where, D.shape[0])
        return host_floats(D[low, high])[0], low, high

    def merge(self, low, high):
        xp, D = self.xp, self.D
        a, b = D[low, :], D[high, :]
        na, nb = float(self.sizes[low]), float(self.sizes[high])
        between = host_floats(a[high])[0]
        own = asarray(self.sizes, like=D, dtype=D.dtype)
        row = merged_row(a, b, na, nb, own, between, self.method, xp)
        gone = (a == xp.inf) | (b == xp.inf)
        infinite = xp.full_like(row, xp.inf)
        row = xp.where(gone, infinite, row)
        D[high, :], D[:, high] = row, row
        D[low, :], D[:, low] = infinite, infinite
        self.sizes[high] += na


def chained(D, sizes, method):
    matrix = _Matrix(D, sizes, method)
    return _chain(D.shape[0], matrix.nearest, matrix.merge)


def one_by_one(D, sizes, method):
    matrix, edges = _Matrix(D, sizes, method), []
    for _ in range(D.shape[0] - 1):
        weight, low, high = matrix.least()
        edges.append((low, high, weight))
        matrix.merge(low, high)
    low, high, weight = (np.array(part) for part in zip(*edges, strict=True))
    return Edges(low.astype(np.int64), high.astype(np.int64), weight)


def along_graph(low, high, weight, sizes, method, C, made):
    n, size, kind = len(sizes), sizes.tolist(), ALONG.index(method)
    if kind >= CENTRAL:
        centers = list(np.asarray(C, np.float64))
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        weight = np.array([_apart(centers, size, i, j, kind) for j, i in pairs])
    around: list[dict] = [{} for _ in range(n)]
    heap = list(zip(weight.tolist(), high.tolist(), low.tolist(), strict=True))
    for w, i, j in heap:
        around[i][j] = around[j][i] = w
    heapify(heap)
    merges, heights = [], []
    for k in range(n, n + made):
        w, i, j = heappop(heap)
        while not (size[i] and size[j]):
            w, i, j = heappop(heap)
        merges.append((j, i))
        heights.append(w)
        ni, nj = size[i], size[j]
        size[i] = size[j] = 0
        size.append(ni + nj)
        if kind >= CENTRAL:
            share = 0.5 if method == "median" else ni / (ni + nj)
            centers.append(centers[j] + (centers[i] - centers[j]) * share)
        around.append({})
        for t in [*around[i], *(t for t in around[j] if t not in around[i])]:
            if not size[t]:
                continue
            if kind >= CENTRAL:
                v = _apart(centers, size, k, t, kind)
            else:
                v = _joined(around[i].get(t), around[j].get(t), ni, nj, method)
            around[k][t] = around[t][k] = v
            heappush(heap, (v, k, t))
    return np.array(merges, np.int64).reshape(-1, 2), np.array(heights, np.float64)


def _joined(a, b, na, nb, method):
    """The distance to a merged cluster, one of whose parts may be no neighbour (None)."""
    if a is None or b is None:
        return b if a is None else a
    if method == "complete":
        return max(a, b)
    return (a * na + b * nb) / (na + nb) if method == "average" else (a + b) * 0.5


def _apart(centers, size, i, j, kind):
    """The squared distance of two centres; for Ward, the cost of merging them."""
    t = centers[i] - centers[j]
    t = np.concatenate([t * t, np.zeros(-len(t) % LANES)])
    total = 0.0
    for part in np.add.reduce(t.reshape(-1, LANES), axis=0).tolist():
        total += part
    a, b = size[i], size[j]
    return total * (a * b * 2.0 / (a + b)) if kind == CENTRAL else total
