"""Loops in which the rows of a leaf share one walk of the tree, which finds runs of near places.

The rows of a leaf have most of their neighbours in common. So the tree is walked once for all of
them, and each row reads whole runs of consecutive places, which vectorises.
"""

from __future__ import annotations

import numpy as np

from ...cpu.jit import INNER, jit
from .walk import (
    DEPTH,
    added,
    farthest_of_box,
    leaf_range,
    measure,
    nearest_of_boxes,
    push_children,
    reduced,
    reduced_root,
    restored,
    root,
)

#: Most places in a merged run, so that the sums computed for it stay in the cache.
LONGEST = 512
#: All rows of a leaf read its runs if these have at most this many times the places that one row's
#: own walk reads. Of 4 to 32, 8 to 16 are best. Relative to separate walks, 50th and 15th
#: neighbours take 0.36 and 0.4 of the time in 2 columns, 0.6 and 0.7 in 3, 0.35 to 1.05 in 4 to 12.
SHARED = 12


@jit(**INNER)
def leaf_of(tree, place):
    """The leaf of a place."""
    n = tree.order.shape[0]
    return (1 << tree.levels) - 1 + (((place + 1) << tree.levels) - 1) // n


@jit(**INNER)
def runs_near(tree, leaf, limit, most, kind, nodes, starts, stops):
    """Find the runs of places in leaves whose boxes are within `limit` of a leaf's box.

    Returns the number of runs, or -1 if they have more than `most` places.
    """
    count, places = 0, 0
    nodes[0], top = 0, 1
    while top:
        top -= 1
        node = nodes[top]
        if nearest_of_boxes(tree, leaf, node, kind) > limit:
            continue
        a, b = leaf_range(tree, node)
        if a < 0:
            nodes[top], nodes[top + 1] = 2 * node + 2, 2 * node + 1
            top += 2
            continue
        places += b - a
        if places > most:
            return -1
        if count and stops[count - 1] == a and b - starts[count - 1] <= LONGEST:
            stops[count - 1] = b
        else:
            starts[count], stops[count] = a, b
            count += 1
    return count


@jit(**INNER)
def keep_within(sums, m, limit, kept, count):
    """Append those of m sums that are within the limit to `kept`; returns the new count."""
    for p in range(m):
        kept[count] = sums[p]
        count += sums[p] <= limit
    return count


@jit(**INNER)
def select(values, m, k):
    """The k-th smallest of m values; moves the k smallest to the front."""
    left, right = 0, m - 1
    while left < right:
        x, y, z = values[left], values[(left + right) >> 1], values[right]
        pivot = max(min(x, y), min(max(x, y), z))
        below = left  # no branches, because the CPU could not predict them
        for j in range(left, right + 1):
            x = values[j]
            values[j], values[below] = values[below], x
            below += x < pivot
        equal = below
        for j in range(below, right + 1):
            x = values[j]
            values[j], values[equal] = values[equal], x
            equal += x == pivot
        if k - 1 < below:
            right = below - 1
        elif k - 1 >= equal:
            left = equal
        else:
            break
    return values[k - 1]


@jit(**INNER)
def select_within(values, m, k, most):
    """The k-th smallest of m values between 0 and `most`; overwrites them.

    It interpolates between ranks that it counts, because counting vectorises.
    """
    least, below, within = 0.0, 0, m
    for _ in range(5):
        x = least + (most - least) * ((k - below) / (within - below))
        if not least < x < most:
            break
        count = 0
        for p in range(m):
            count += values[p] <= x
        if count == k:
            found = 0.0
            for p in range(m):
                found = max(found, values[p] if values[p] <= x else 0.0)
            return found
        if count < k:
            least, below = x, count
        else:
            most, within = x, count
    count = 0
    for p in range(m):
        x = values[p]
        values[count] = x
        count += (x > least or below == 0) and x <= most
    return select(values, count, k - below)


@jit(**INNER)
def kept_of_walk(q, tree, kind, k, limit, nodes, gaps, sums, kept):
    """Walk the leaves near q, and keep sums that include the k smallest within the limit.

    Returns how many sums are kept, and how many places were read.
    """
    m, seen = 0, 0
    nodes[0], gaps[0], top = 0, 0.0, 1
    while top:
        top -= 1
        if gaps[top] > limit:
            continue
        a, b = leaf_range(tree, nodes[top])
        if a < 0:
            top = push_children(q, tree, nodes[top], kind, limit, nodes, gaps, top)
            continue
        seen += b - a
        measure(q, tree.Z, a, b, kind, sums)
        m = keep_within(sums, b - a, limit, kept, m)
        if m >= 2 * k:
            limit = min(limit, select(kept, m, k))
            m = k
    return m, seen


@jit(**INNER)
def kth_of_runs(q, tree, kind, k, limit, runs, starts, stops, sums, kept):
    """The k-th smallest sum between q and the places of the runs; it must be within the limit."""
    m = 0
    for r in range(runs):
        a, b = starts[r], stops[r]
        measure(q, tree.Z, a, b, kind, sums)
        m = keep_within(sums, b - a, limit, kept, m)
        if m >= 2 * k:
            limit = min(limit, select(kept, m, k))
            m = k
    return select_within(kept, m, k, limit)


@jit(**INNER)
def reach_from(q, tree, kind, place, least):
    """An upper bound on the k-th smallest sum of q, given that of the row at `place`."""
    step = 0.0
    for j in range(q.shape[0]):
        step = added(step, abs(q[j] - tree.Z[j, place]), kind)
    return reduced_root(root(least, kind) + root(step, kind), kind) * (1.0 + 1e-12)


@jit
def kth_least(tree, kind, k, start, stop, out):
    """The k-th smallest sum of each of the rows at start..stop.

    By the triangle inequality, a row's k-th smallest distance is at most that of another row plus
    the distance between the two.
    """
    d, n = tree.Z.shape
    q = np.empty(d)
    sums = np.empty(LONGEST + n // (1 << tree.levels) + 1)
    kept = np.empty(2 * k + sums.shape[0])
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    starts, stops = np.empty(1 << tree.levels, np.int64), np.empty(1 << tree.levels, np.int64)
    metric = not (kind.sums == 3 and kind.p < 1.0)
    leaf_end, runs = start, -1
    for i in range(start, stop):
        for j in range(d):
            q[j] = tree.Z[j, i]
        limit = np.inf
        if i > start and metric:
            limit = reach_from(q, tree, kind, i - 1, out[i - start - 1])
        if i < leaf_end and runs >= 0:
            out[i - start] = kth_of_runs(q, tree, kind, k, limit, runs, starts, stops, sums, kept)
            continue
        m, seen = kept_of_walk(q, tree, kind, k, limit, nodes, gaps, sums, kept)
        out[i - start] = select(kept, m, k)
        if i >= leaf_end:
            leaf = leaf_of(tree, i)
            leaf_end, runs = leaf_range(tree, leaf)[1], -1
            if metric and i + 1 < min(leaf_end, stop):
                far = root(farthest_of_box(q, tree, leaf, kind), kind)
                reach = reduced_root(root(out[i - start], kind) + far, kind) * (1.0 + 1e-12)
                runs = runs_near(tree, leaf, reach, SHARED * seen, kind, nodes, starts, stops)


@jit
def lowest_at_core(tree, kind, core, alpha, most, start, stop, rows):
    """For each row at start..stop, the lowest other row at its own core distance; n for none.

    No edge of mutual reachability from a row weighs less than its core distance, so such a row is
    the nearest. The rows of a leaf that has more than `most` places near it get n.
    """
    n = tree.order.shape[0]
    q = np.empty(tree.Z.shape[0])
    sums = np.empty(LONGEST + n // (1 << tree.levels) + 1)
    nodes = np.empty(DEPTH, np.int64)
    starts, stops = np.empty(1 << tree.levels, np.int64), np.empty(1 << tree.levels, np.int64)
    leaf_end, runs = start, 0
    for i in range(start, stop):
        if i >= leaf_end:
            leaf = leaf_of(tree, i)
            leaf_end, reach = leaf_range(tree, leaf)[1], 0.0
            for p in range(i, min(leaf_end, stop)):
                reach = max(reach, core[p])
            limit = reduced(reach * alpha, kind) * (1.0 + 1e-12)
            runs = runs_near(tree, leaf, limit, most, kind, nodes, starts, stops)
        for j in range(q.shape[0]):
            q[j] = tree.Z[j, i]
        own = core[i]
        around = reduced(own * alpha, kind)
        lowest = np.int32(n)
        for r in range(runs if around < np.inf else 0):
            a, b = starts[r], stops[r]
            measure(q, tree.Z, a, b, kind, sums)
            if a <= i < b:
                sums[i - a] = np.inf
            found = lowest_within(tree, kind, core, own, alpha, a, b, sums, around)
            lowest = min(lowest, found)
        rows[i] = lowest


@jit(**INNER)
def lowest_within(tree, kind, core, own, alpha, a, b, sums, around):
    """The lowest row at places a..b whose edge weighs `own`; n if there is none."""
    inner, outer = around * (1.0 - 1e-12), around * (1.0 + 1e-12)
    lowest, unsure = np.int32(tree.order.shape[0]), 0
    for p in range(b - a):
        near = core[a + p] <= own and sums[p] <= inner
        lowest = min(lowest, tree.order[a + p] if near else lowest)
        unsure += sums[p] > inner and sums[p] <= outer
    if unsure:
        for p in range(b - a):
            if inner < sums[p] <= outer and core[a + p] <= own:
                if restored(sums[p], kind) / alpha <= own:
                    lowest = min(lowest, tree.order[a + p])
    return lowest
