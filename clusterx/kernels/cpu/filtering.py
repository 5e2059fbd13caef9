"""One Lloyd assignment over the octree: what moves, and the sums that follow it.

A node whose rows are all in one cluster is settled by its sums, without a look at its rows; labels
are written only where a leaf has rows of several clusters.
"""

import numpy as np
from numba import njit

from .boxes import LEAF, keep_candidates, nearest_of

DEPTH = 130  # of the tree: 63 key bits, and halving below equal keys
#: Owners of nodes that are not those of all their rows.
MIXED, NOWHERE = -1, -2


@njit(nogil=True, cache=True)
def change_labels(XT, w, start, stop, new, labels, units, lo_scale, whole_only, hi, lo, spare):
    """Give rows start..stop (at most LEAF) the labels `new`; how many of them changed.

    Their shares leave the clusters that `labels` names (none if negative).

    units : (d + 1,), the scales of the columns and of the weights
    whole_only : whether all terms are whole numbers, which leave no rest for `lo`
    hi, lo : (k, d + 1), sums of the weighted rows and of their weights
    spare : (2, LEAF) int32, room for the rows that changed and their old labels
    """
    d = XT.shape[0]
    different = np.int32(0)
    for p in range(start, stop):
        different |= labels[p] ^ new[p - start]
    if different == 0:
        return 0
    count = 0
    for i in range(stop - start):
        spare[0, count] = i
        spare[1, count] = labels[start + i]
        count += labels[start + i] != new[i]
    for a in range(d + 1):  # a column at a time, which is faster than a few columns of a row
        for q in range(count):
            i, old = spare[0, q], spare[1, q]
            value = w[start + i] if w.shape[0] > 0 else 1.0
            if a < d:
                value *= np.float64(XT[a, start + i])
            scaled = value * units[a]
            j = new[i]
            if whole_only:
                whole = np.int64(scaled)
                hi[j, a] += whole
                if old >= 0:
                    hi[old, a] -= whole
            else:
                whole = np.int64(np.rint(scaled))
                rest = np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
                hi[j, a] += whole
                lo[j, a] += rest
                if old >= 0:
                    hi[old, a] -= whole
                    lo[old, a] -= rest
    for i in range(stop - start):  # a slice's assignment would take long to compile
        labels[start + i] = new[i]
    return count


@njit(nogil=True, cache=True)
def move_node(node, old, new, node_hi, node_lo, hi, lo):
    """Take all of a node from cluster `old` (none if negative) and give it to `new`."""
    for a in range(hi.shape[1]):
        whole, rest = node_hi[node, a], node_lo[node, a]
        hi[new, a] += whole
        lo[new, a] += rest
        if old >= 0:
            hi[old, a] -= whole
            lo[old, a] -= rest


@njit(nogil=True, cache=True)
def move_subtree(
    node, new, XT, w, start, stop, skip, node_hi, node_lo, owner, units, lo_scale, whole_only,
    labels, hi, lo, label, spare,
):  # fmt: skip
    """Give all rows below a node to one cluster; how many moved. The last two are for scratch."""
    moved = 0
    i = node
    while i < skip[node]:
        if owner[i] != MIXED:
            if owner[i] != new:
                move_node(i, owner[i], new, node_hi, node_lo, hi, lo)
                moved += stop[i] - start[i]
            i = skip[i]
            continue
        if skip[i] == i + 1:
            label[:] = new
            moved += change_labels(
                XT, w, start[i], stop[i], label, labels, units, lo_scale, whole_only, hi, lo, spare
            )
        i += 1
    owner[node : skip[node]] = new
    return moved


@njit(nogil=True, cache=True)
def filter_subtrees(
    roots, XT, w, start, stop, skip, low, high, node_hi, node_lo, owner, C, units, lo_scale,
    whole_only, labels, hi, lo,
):  # fmt: skip
    """One Lloyd assignment of some subtrees; the sums change by the rows that change cluster."""
    k = C.shape[0]
    cands = np.empty((DEPTH, k), np.int32)
    counts = np.empty(DEPTH, np.int64)
    ends = np.empty(DEPTH, np.int64)
    best = np.empty(LEAF)
    acc = np.empty(LEAF)
    label = np.empty(LEAF, np.int32)
    spare = np.empty((2, LEAF), np.int32)
    for j in range(k):
        cands[0, j] = j
    counts[0] = k
    moved = 0
    for root in roots:
        ends[0] = skip[root]
        depth = 0
        node = root
        while node < skip[root]:
            while ends[depth] <= node:
                depth -= 1
            m = keep_candidates(low, high, node, C, cands, depth, counts[depth])
            old, likely = owner[node], cands[depth + 1, 0]
            if m == 1:
                if old != likely:
                    moved += move_subtree(
                        node, likely, XT, w, start, stop, skip, node_hi, node_lo, owner, units,
                        lo_scale, whole_only, labels, hi, lo, label, spare,
                    )  # fmt: skip
                node = skip[node]
                continue
            first, last = start[node], stop[node]
            owner[node] = MIXED
            if skip[node] > node + 1:
                depth += 1
                counts[depth] = m
                ends[depth] = skip[node]
                node += 1
                continue
            if old == NOWHERE:  # all together to a likely one, from where some move on
                move_node(node, NOWHERE, likely, node_hi, node_lo, hi, lo)
            if old != MIXED:
                labels[first:last] = likely if old == NOWHERE else old
            nearest_of(XT, first, last, C, cands[depth + 1], m, best, label, acc)
            changed = change_labels(
                XT, w, first, last, label, labels, units, lo_scale, whole_only, hi, lo, spare
            )
            moved += last - first if old == NOWHERE else changed
            node += 1
    return moved


@njit(nogil=True, cache=True)
def write_labels(start, stop, skip, owner, labels):
    """Labels of the rows of nodes that have one owner; -1 where there is none yet."""
    i = 0
    while i < skip.shape[0]:
        if owner[i] >= 0:
            labels[start[i] : stop[i]] = owner[i]
            i = skip[i]
        else:
            if owner[i] == NOWHERE and skip[i] == i + 1:
                labels[start[i] : stop[i]] = -1
            i += 1


@njit(nogil=True, cache=True)
def change_all(XT, w, new, labels, units, lo_scale, hi, lo):
    """Give all rows the labels `new`; how many of them changed."""
    spare = np.empty((2, LEAF), np.int32)
    moved = 0
    for start in range(0, labels.shape[0], LEAF):
        stop = min(start + LEAF, labels.shape[0])
        moved += change_labels(
            XT, w, start, stop, new[start:stop], labels, units, lo_scale, False, hi, lo, spare
        )
    return moved
