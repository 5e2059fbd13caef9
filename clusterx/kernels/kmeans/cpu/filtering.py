"""One Lloyd assignment over the octree, with updates of the sums of clusters.

If all rows of a node belong to one cluster, the node's sums are moved as a whole, and its rows are
not read. Labels are written only where a leaf has rows of several clusters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.boxes.candidates import (
    LEAF,
    keep_candidates,
    keep_candidates_of_three,
    nearest_of,
    nearest_of_three,
)
from ...cpu.boxes.octree import load
from ...cpu.jit import INNER, jit

DEPTH = 130  # most levels of the tree: 63 key bits, then halving of equal keys
#: Owners of a node whose rows may be in several clusters, and of one whose rows are in none yet.
MIXED, NOWHERE = -1, -2
#: Leaves whose rows are measured in one call.
BATCH = 64
#: Rows of a leaf are padded to a multiple of this, with rows that join and leave no cluster.
LANES = 16


class TreeRows(NamedTuple):
    """Rows in the order of the tree, column by column, and their weights (empty: ones)."""

    XT: np.ndarray
    w: np.ndarray


class Leaves(NamedTuple):
    """Leaves that wait for their rows to be measured."""

    node: np.ndarray
    owner: np.ndarray  # the owner until now
    kept: np.ndarray  # number of candidates
    cands: np.ndarray


class Sums(NamedTuple):
    """Sums (k, d + 1) of the weighted rows and of their weights, and their scales."""

    units: np.ndarray  # (d + 1,), of the columns and of the weights
    lo_scale: float
    #: Whether all terms are whole numbers, so that `lo` stays zero: worth 5 % of the iterations of
    #: quantize-2.8mp.
    no_remainder: bool
    short: bool | None  # True if sums of terms over a leaf are exact in float64, else None
    hi: np.ndarray
    lo: np.ndarray


#: Above this many changed rows per candidate, re-sum the whole leaf instead of moving single rows.
#: Without that the iterations of quantize-2.8mp-16 take 15 % longer, and those of -256 7 %.
FEW_CHANGES = 2
# In a function with several exits numba counts references to arrays by atomic additions, which cost
# more than a short loop. So functions that are called per node or leaf have one exit, functions
# with more exits take many leaves per call, and tuples are unpacked outside loops.


@jit(**INNER)
def count_changed(old, new, n):
    """How many of the first n labels differ."""
    changed = np.int32(0)
    for i in range(n):
        changed += np.int32(old[i] != new[i])
    return changed


@jit(**INNER)
def count_inside(old, n, cands, m):
    """How many of the first n labels are among the first m of `cands`."""
    inside = np.int32(0)
    for g in range(m):
        j = cands[g]
        for i in range(n):
            inside += np.int32(old[i] == j)
    return inside


@jit(**INNER, fastmath={"reassoc"})
def exchange(Y, v, old, new, n, cands, m, units, hi, share):
    """Update the sums of the m clusters between which rows of a leaf move, for the whole leaf.

    Sums over a leaf are exact, because `fill_leaves` found all terms to be short.
    """
    d = Y.shape[0]
    last = cands[m - 1]  # gets what the others lose
    for g in range(m - 1):
        j = cands[g]
        total = 0.0
        for i in range(n):
            share[i] = v[i] * (np.float64(new[i] == j) - np.float64(old[i] == j))
            total += share[i]
        steps = np.int64(total * units[d])
        hi[j, d] += steps
        hi[last, d] -= steps
        for a in range(d):
            total = 0.0
            y = Y[a]
            for i in range(n):
                total += share[i] * y[i]
            steps = np.int64(total * units[a])
            hi[j, a] += steps
            hi[last, a] -= steps


@jit(**INNER)
def change_rows(XT, w, start, old, new, n, units, lo_scale, no_remainder, hi, lo, spare):
    """Update the sums for each of n rows from `start` whose label changes.

    The terms of a row leave its cluster in `old` (none if negative) and join that in `new`.

    units : (d + 1,), the scales of the columns and of the weights
    no_remainder : whether all terms are whole numbers, so that `lo` stays zero
    hi, lo : (k, d + 1), sums of the weighted rows and of their weights
    spare : (2, LEAF) int32, a temporary for the rows that changed and their old labels
    """
    d = XT.shape[0]
    count = 0
    for i in range(n):
        spare[0, count] = i
        spare[1, count] = old[i]
        count += old[i] != new[i]
    for a in range(d + 1):  # column by column, because inner loops over few columns are slower
        for q in range(count):
            i, left = spare[0, q], spare[1, q]
            value = w[start + i] if w.shape[0] > 0 else 1.0
            if a < d:
                value *= np.float64(XT[a, start + i])
            scaled = value * units[a]
            j = new[i]
            if no_remainder:
                whole = np.int64(scaled)
                hi[j, a] += whole
                if left >= 0:
                    hi[left, a] -= whole
            else:
                whole = np.int64(np.rint(scaled))
                rest = np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
                hi[j, a] += whole
                lo[j, a] += rest
                if left >= 0:
                    hi[left, a] -= whole
                    lo[left, a] -= rest


@jit(**INNER)
def move_node(node, old, new, node_hi, node_lo, hi, lo):
    """Move the sums of a node from cluster `old` (none if negative) to `new`."""
    for a in range(hi.shape[1]):
        whole, rest = node_hi[node, a], node_lo[node, a]
        hi[new, a] += whole
        lo[new, a] += rest
        if old >= 0:
            hi[old, a] -= whole
            lo[old, a] -= rest


@jit(**INNER)
def load_rows(XT, first, n, padded, Y):
    for a in range(XT.shape[0]):
        x, y = XT[a, first : first + n], Y[a]
        for i in range(n):
            y[i] = x[i]
        for i in range(n, padded):
            y[i] = 0.0


@jit(**INNER)
def store_labels(new, n, labels, first):
    x = labels[first : first + n]
    for i in range(n):  # a slice's assignment would take long to compile
        x[i] = new[i]


@jit(**INNER)
def measure_leaves(leaves, count, rows, tree, C, sums, labels, three, other):
    """Assign the rows of `count` leaves, which may be mixed; returns how many rows moved."""
    XT, w = rows
    nodes, owners, kept, cands = leaves
    start, stop, node_hi, node_lo = tree.start, tree.stop, tree.hi, tree.lo
    units, lo_scale, no_remainder, short, hi, lo = sums
    Y = np.empty((C.shape[1], LEAF))
    v = np.ones(LEAF)
    best = np.empty(LEAF)
    acc = np.empty(LEAF)
    old = np.empty(LEAF, np.int32)
    new = np.empty(LEAF, np.int32)
    spare = np.empty((2, LEAF), np.int32)
    n_changed = 0
    for q in range(count):
        node, owner, m = nodes[q], owners[q], kept[q]
        first, n = start[node], stop[node] - start[node]
        # whole vectors, because the remainder of a loop runs row by row
        padded = min(LEAF, n + LANES - 1 & -LANES)
        leaf_cands, likely = cands[q], cands[q, 0]
        if owner == NOWHERE:  # first move the whole leaf to a likely cluster; some rows move on
            move_node(node, owner, likely, node_hi, node_lo, hi, lo)
        if owner == MIXED:
            load(labels, first, n, old)
        else:
            for i in range(n):
                old[i] = likely if owner == NOWHERE else owner
        load_rows(XT, first, n, padded, Y)
        if three is not None:
            nearest_of_three(Y, padded, C, leaf_cands, m, best, new)
        if other is not None:
            nearest_of(Y, padded, C, leaf_cands, m, best, new, acc)
        for i in range(n, padded):
            old[i] = new[i] = NOWHERE
        changed = count_changed(old, new, padded)
        n_changed += n if owner == NOWHERE else changed
        if changed > 0 or owner != MIXED:
            store_labels(new, n, labels, first)
        if changed == 0:
            continue
        if w.shape[0] > 0:
            load(w, first, n, v)
        # either sum the whole leaf for each cluster but one, or move the changed rows one by one
        together = False
        if short is not None:
            together = changed > FEW_CHANGES * m and count_inside(old, padded, leaf_cands, m) == n
            if together:
                exchange(Y, v, old, new, padded, leaf_cands, m, units, hi, best)
        if not together:
            change_rows(XT, w, first, old, new, n, units, lo_scale, no_remainder, hi, lo, spare)
    return n_changed


@jit
def filter_subtrees(roots, rows, tree, owner, C, sums, labels, three, other):
    """One Lloyd assignment of some subtrees; updates the sums by the rows that change cluster.

    owner : (nodes,), the cluster that has all rows of a node, or MIXED or NOWHERE
    three, other : see `candidates.variant`
    """
    k = C.shape[0]
    start, stop, skip, low, high, node_hi, node_lo = tree
    hi, lo = sums.hi, sums.lo
    cands = np.empty((DEPTH, k), np.int32)
    counts = np.empty(DEPTH, np.int64)
    ends = np.empty(DEPTH, np.int64)
    nodes = np.empty(BATCH, np.int64)
    owners = np.empty(BATCH, np.int32)
    kept = np.empty(BATCH, np.int64)
    leaf_cands = np.empty((BATCH, k), np.int32)
    leaves = Leaves(nodes, owners, kept, leaf_cands)
    waiting = np.int64(0)  # a literal 0 has its own type, and what it is passed to compiles twice
    for j in range(k):
        cands[0, j] = j
    counts[0] = k
    n_changed = 0
    at, node, end, depth = -1, 0, 0, 0
    while True:
        if node == end:
            at += 1
            node = roots[at] if at < len(roots) else 0
            end = skip[node]
            ends[0], depth = end, 0
        if waiting == BATCH or at == len(roots):  # one call, because each takes long to compile
            n_changed += measure_leaves(leaves, waiting, rows, tree, C, sums, labels, three, other)
            waiting = np.int64(0)
        if at == len(roots):
            return n_changed
        while ends[depth] <= node:
            depth -= 1
        if three is not None:
            m = keep_candidates_of_three(low, high, node, C, cands, depth, counts[depth])
        if other is not None:
            m = keep_candidates(low, high, node, C, cands, depth, counts[depth])
        old, likely = owner[node], cands[depth + 1, 0]
        leaf = skip[node] == node + 1
        if m == 1 and old != MIXED:
            if old != likely:
                move_node(node, old, likely, node_hi, node_lo, hi, lo)
                n_changed += stop[node] - start[node]
                for below in range(node, skip[node]):
                    owner[below] = likely
            node = skip[node]
            continue
        owner[node] = MIXED if m > 1 else likely
        node += 1
        if leaf:
            nodes[waiting], owners[waiting], kept[waiting] = node - 1, old, m
            for g in range(m):
                leaf_cands[waiting, g] = cands[depth + 1, g]
            waiting += 1
        else:
            depth += 1
            counts[depth] = m
            ends[depth] = skip[node - 1]


@jit
def write_labels(tree, owner, labels):
    """Write the labels of nodes that have one owner, and -1 to leaves that have none yet."""
    start, stop, skip = tree.start, tree.stop, tree.skip
    i = 0
    while i < skip.shape[0]:
        if owner[i] >= 0:
            for p in range(start[i], stop[i]):
                labels[p] = owner[i]
            i = skip[i]
        else:
            if owner[i] == NOWHERE and skip[i] == i + 1:
                for p in range(start[i], stop[i]):
                    labels[p] = -1
            i += 1
