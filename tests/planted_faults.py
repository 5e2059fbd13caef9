# ruff: noqa: E501
"""Plants small faults in a copy of the package, one at a time; the tests must catch each.

    python tests/planted_faults.py            all of them
    python tests/planted_faults.py ties sums  those whose name contains one of the words
    python tests/planted_faults.py --list     their names, and whether their text is still there

A fault is a text that occurs once in the package, another text in its place, and the tests that
are to fail. Exit status 1 if a fault is not caught, or if its text is gone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("clusterx", "tests", "bench")
FILES = ("conftest.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")


class Fault(NamedTuple):
    name: str
    old: str
    new: str
    tests: str  # files of tests, and options of pytest
    file: str = ""  # part of the path, where the text occurs in several files


STRICT = " -k array_api_strict"  # the generic kernels
STEPS = "tests/kernels/kmeans"
SCREEN = "tests/kernels/kmeans/test_steps.py tests/kernels/kmeans/test_lists.py tests/kernels/kmeans/test_contract.py"
SUMS = "tests/kernels/kmeans/test_sums.py tests/kernels/kmeans/test_steps.py"
SEEDS = "tests/kernels/kmeans/test_seeding.py tests/centroid/test_seeding.py"
BATCHES = "tests/kernels/kmeans/test_batches.py tests/centroid/test_minibatch.py"
MOMENTS = "tests/kernels/reductions"
DISTANCES = "tests/kernels/distances"
LABELS = "tests/kernels/labels tests/metrics"
COLORS = "tests/kernels/color"
KMEANS = "tests/centroid/test_kmeans.py"
MINIBATCH = "tests/centroid/test_minibatch.py"
SCORES = "tests/metrics"
IMAGE = "tests/image"
CUDA = "tests/kernels/kmeans/test_cuda.py tests/kernels/kmeans/test_contract.py"
SCREENED = "tests/kernels/test_mixture_screening.py"
MIXTURES = "tests/kernels/test_mixture.py tests/distribution"
STAND_INS = "tests/kernels/test_stand_ins.py"

LINKAGE = "tests/kernels/linkage tests/connectivity/test_agglomerative.py"

FAULTS = (
    Fault("images of few colours that are dithered", "dither.active and found.error > 0:", "dither.active:", "tests/image/test_completing.py -k dithering", "image/quantize"),
    Fault("palettes that stay short of colours", "if not len(more):", "if True:", "tests/image/test_completing.py", "image/clustering"),
    Fault("a colour kept twice in a palette", ".all(axis=1))[:1]] = True", ".all(axis=1))] = True", "tests/image/test_completing.py", "image/clustering"),
    Fault("palettes completed by clusters of one colour", "(losses > 0) & several[own]", "(losses > 0) & ~several[own]", "tests/image/test_completing.py", "image/completing"),
    Fault("model files whose checksum is not looked at", "and _digest(data) != data[-_DIGEST:]", "and False", "tests/models"),
    Fault("checkpoints of other data", 'other = [what for what, value in self._of.items() if of.get(what) != value]', "other = []", "tests/test_checkpoints.py"),
    Fault("states without the iterations that are done", "    centers, _, done = begin\n", "    centers, _, done = begin._replace(done=before)\n", "tests/test_checkpoints.py"),
    Fault("chunks that blocks cut through", "rows = max(rows // self.height, 1) * self.height if rows >= self.height else rows", "rows = rows", "tests/test_rows_stored.py"),
    Fault("leaves of a loaded tree that go round", "if not np.array_equal(np.sort(walked), np.sort(leaves)):", "if False:", "tests/models"),
    Fault("arrays of a model whose shapes don't fit", "fits = len(found) == len(wanted) and all(", "fits = len(found) == len(wanted) or all(", "tests/models"),
    Fault("draws from chunks that begin at the first row", "rest = np.clip((targets - (cumulated[inside] - sums[inside]))", "rest = np.clip((targets - cumulated[inside])", "tests/test_dask.py -k fits"),
    Fault("boxes without the neighbours of their neighbours", "to_host(outside > 2 * boxes.margin)", "to_host(outside > boxes.margin)", "tests/test_dask.py -k dbscan"),
    Fault("border rows of the lowest cluster of a box", "if (np.diff(final) < 0).any():", "if False:", "tests/test_dask.py -k dbscan"),
    Fault("cells of chunks that fall together", "np.unique(row * shape[1] + column,", "np.unique(row + column,", "tests/test_dask.py -k labelings"),
    Fault("partners of merged clusters that are not asked again", "other[changed | changed[other]] = -1", "other[changed] = -1", LINKAGE),
    Fault("means without what is added to their rows", "return (p.base - q.base) + (p.added - q.added)", "return p.base - q.base", LINKAGE),
    Fault("partners at equal costs in any order", "if w < best or row < other:", "if w < best:", LINKAGE),
    Fault("nearest pairs that a merge made stale", "elif other[k] == a or other[k] == b:", "elif other[k] == a:", LINKAGE, "matrix_loops.py"),
    Fault("merges that rows read later do not learn of", "while b != END and merged.made[b] > known:", "while b != END and merged.made[b] > known + 1:", "tests/kernels/linkage"),
    Fault("merges that rows moved together do not learn of", "if merged.made[b] > merged.known[x]:", "if merged.made[b] > merged.known[x] + 1:", "tests/kernels/linkage"),
    Fault("weights that distances before Ward leave out", 'if linkage == "ward" and (sizes != 1.0).any():', "if False:", LINKAGE),
    Fault("complete linkage of the nearer neighbour", "return max(v, w)\n    return (v * a", "return min(v, w)\n    return (v * a", "tests/connectivity/test_structured.py"),
    Fault("bounds of pairs: nearer by the merge", "v = w - apart * (1.0 + RELATIVE)", "v = w", "tests/connectivity/test_structured.py -k bound"),
    Fault("bounds of pairs: what is between the parts", "square = share * v * v + (1.0 - share) * w * w - share", "square = share * v * v + (1.0 - share) * w * w - 0 * share", "tests/connectivity/test_structured.py -k bound"),
    Fault("bounds of pairs: rounding of centres", "slack = ABSOLUTE * length", "slack = 0.0 * length", "tests/connectivity/test_structured.py -k bound"),
    Fault("pixels that wrap around", 'if a.dtype.kind == "i" and (found < 0).any():', "if False:", "tests/graph/test_grid.py"),
    Fault("bisecting: the leaf of the least inertia", "return not leaf.whole, leaf.size if by_size else leaf.inertia", "return not leaf.whole, leaf.size if by_size else -leaf.inertia", "tests/centroid/test_bisecting.py -k scikit"),
    Fault("birch: scatter without the gap of the means", "scatter = tree.scatter[node, slot] + (scatter + squared * (own * w / weight))", "scatter = tree.scatter[node, slot] + scatter + squared * w / weight", "tests/connectivity/test_birch.py -k definition"),
    Fault("divisive: farthest rows that have left", "inside = np.isin(farthest, rows)", "inside = farthest >= 0", "tests/connectivity/test_divisive.py -k diameters"),
    Fault("medoids: seconds that are not looked for again", "elif nearly[o] == b or away < second[o]:", "elif away < second[o]:", "tests/centroid/test_medoids.py -k definition"),
    Fault("medians: the lower of two", "return values[low, columns] / 2 + values[high, columns] / 2", "return values[low, columns]", "tests/centroid/test_medians.py -k optimal"),
    Fault("maps: a torus without its edges", "gaps -= whole * np.round(gaps / whole)", "pass", "tests/neural/test_som.py -k grids"),
    Fault("maps: missing values counted in means", "return values * own, there * own", "return values * own, (there * 0 + 1) * own", "tests/neural/test_som.py -k ignored"),
    Fault("maps: rows learned where they lack values", "            if x == x:\n                for u in range(k):\n                    column", "            if True:\n                for u in range(k):\n                    column", "tests/kernels/test_maps.py -k compiled"),
    Fault("cells that are as wide as they could be", "SHORTER = 1.0 - 1e-9", "SHORTER = 1.2", "tests/density/test_dbscan.py -k scikit and numpy"),
    Fault("neighbours one cell away alone", "REACH = 2", "REACH = 1", "tests/density/test_dbscan.py -k scikit and numpy", "cell_loops.py"),
    Fault("ranges of cells that are not joined", "for start, stop in parts[1:]:", "for start, stop in parts[:0]:", "tests/kernels/neighbors/test_cpu.py -k ranges", "cells.py"),
    Fault("ranges of cells that are joined one stretch short", "beyond = grid.keys[start - 1] + grid.shifts.max() + REACH", "beyond = grid.keys[start - 1] + REACH", "tests/kernels/neighbors/test_cpu.py -k ranges"),
    Fault("clusters numbered by the first row of their least cell", "first[root] = min(first[root], first[cell])", "first[root] = first[root]", "tests/kernels/neighbors/test_cpu.py -k ranges"),
    Fault("columns whose extremes leave out the last rows", "low, high = np.concatenate([low, rest]), np.concatenate([high, rest])", "low, high = low + 0.0, high + 0.0", "tests/kernels/neighbors/test_cpu.py -k extremes"),
    Fault("borders of the cluster found last", "(0 <= least <= number[other])", "False", "tests/density/test_dbscan.py -k border or scikit and numpy"),
    Fault("neighbours at equal distances in any order", "if s < best[0] or (s == best[0] and tree.order[a + p] < rows[0]):", "if s < best[0]:", "tests/kernels/neighbors -k numpy"),
    Fault("a radius that is not within", "total += weights[a + p] if weighted else 1.0", "total += (weights[a + p] if weighted else 1.0) * (leaf[p] < limit)", "tests/kernels/neighbors -k numpy"),
    Fault("shared walks: a leaf's rows reach too little", "reach = reduced_root(root(out[i - start], kind) + far, kind) * (1.0 + 1e-12)", "reach = out[i - start]", "tests/kernels/neighbors/test_cpu.py"),
    Fault("shared walks: runs cut short", "stops[count - 1] = b", "stops[count - 1] = b - 1", "tests/kernels/neighbors/test_cpu.py"),
    Fault("shared walks: a row is its own neighbour at its core distance", "sums[i - a] = np.inf", "sums[i - a] = 0.0", "tests/kernels/neighbors/test_cpu.py"),
    Fault("shared walks: cores of the others do not count", "near = core[a + p] <= own and sums[p] <= inner", "near = sums[p] <= inner", "tests/kernels/neighbors/test_cpu.py"),
    Fault("shared walks: ties of the core distance", "if inner < sums[p] <= outer and core[a + p] <= own:", "if inner < sums[p] < around and core[a + p] <= own:", "tests/kernels/neighbors/test_cpu.py"),
    Fault("shared walks: edges at core distances ignore their bounds", "done = (lowest < self.n) & (places.core <= bounds)", "done = lowest < self.n", "tests/kernels/neighbors/test_cpu.py"),
    Fault("selected values: equal ones", "elif k - 1 >= equal:", "elif k - 1 > equal:", "tests/kernels/neighbors/test_cpu.py"),
    Fault("selected values: interpolated ranks", "found = max(found, values[p] if values[p] <= x else 0.0)", "found = x", "tests/kernels/neighbors/test_cpu.py"),
    Fault("products without room for their rounding", "self.error = (X.shape[1] + 8) * 2.0**-23", "self.error = 0.0", "tests/kernels/neighbors -k products"),
    Fault("weights of tree edges without cores", "w = max(mine, core[a + p], restored(leaf[p], kind) / alpha)", "w = max(mine, restored(leaf[p], kind) / alpha)", "tests/kernels/neighbors -k numpy"),
    Fault("a graph of distances without its diagonal", "i, j = np.concatenate([rows, missing]), np.concatenate([D.indices, missing])", "missing = missing[:0]; i, j = rows, D.indices", "tests/density/test_dbscan.py -k stored"),
    Fault("mean shift: a radius that is not within", "if near[p] <= limit:\n            if count == 0:", "if near[p] < limit:\n            if count == 0:", "tests/density/test_mean_shift.py -k definition"),
    Fault("mean shift: strips one too few", "first = max(0.0, np.floor((y - reach - room - strips.low) / strips.width))", "first = max(0.0, np.floor((y - reach - room - strips.low) / strips.width) + 1.0)", "tests/density/test_mean_shift.py -k definition"),
    Fault("mean shift: ties to the smaller coordinates", "order = xp.flip(xp.argsort(summits.counts, stable=True))", "order = xp.argsort(-summits.counts, stable=True)", "tests/density/test_mean_shift.py -k scikit and numpy"),
    Fault("graphs: what was before left out of linked sums", "own[q] = share * own[q] + shift * row[q]", "own[q] = shift * row[q]", "tests/kernels/graphs -k linked"),
    Fault("messages: the largest itself as the runner-up", "largest_of(values[at + 1 :], lanes)", "largest_of(values[at:], lanes)", "tests/kernels/test_messages.py -k compiled"),
    Fault("messages: self-responsibility in the sums, too", "if 0 <= own < sums.shape[0] and row[own] < 0.0:", "if False:", "tests/kernels/test_messages.py -k compiled"),
    Fault("affinity propagation: steady a round early", "shortest >= rounds.convergence_iter", "shortest > rounds.convergence_iter", "tests/graph/test_affinity_propagation.py -k scikit and numpy"),
    Fault("spectral: the smallest components first", "by_size = np.argsort(-sizes, kind=\"stable\")", "by_size = np.argsort(sizes, kind=\"stable\")", "tests/graph/test_spectral.py -k largest"),
    Fault("spectral: starts from coarser graphs that are not spread over the rows", "* vectors[groups]", "* vectors[groups * 0]", "tests/graph/test_spectral.py -k coarser"),
    Fault("graphs: rows whose near ones are all inside, taken for far from others", "np.maximum(self.low[inner], weights[inner, -1])", "np.inf", "tests/kernels/graphs -k near_rows"),
    Fault("neighbours: tiles that are seen without their nearest row", ".min(axis=0)\n\n        run_blocks(look", ".max(axis=0)\n\n        run_blocks(look", "tests/kernels/neighbors/test_cpu.py -k bounds"),
    Fault("neighbours: products of some rows, taken for those of the first ones", "Z = Q.Z[r:e] if at.size == e - r else Q.Z[r + at]", "Z = Q.Z[r : r + at.size]", "tests/kernels/neighbors/test_cpu.py -k groups"),
    Fault("graphs: groups of two neighbourhoods", "free &= group[ends[e]] < 0", "free &= True", "tests/kernels/graphs -k neighbourhoods"),
    Fault("spectral: filtered vectors that fall back on known ones", "V = V - known @ (known.T @ V)", "pass", "tests/graph/test_spectral.py -k embeddings and numpy"),
    Fault("spectral: links of rows to themselves count", "W = W - csr_array((W.diagonal(), (np.arange(W.shape[0]),) * 2), shape=W.shape)", "pass", "tests/graph/test_spectral.py -k sparse"),
    Fault("labels: labelled rows that forget theirs", "return xp.where(fixed, start, arrived /", "return xp.where(fixed & False, start, arrived /", "tests/graph/test_labels.py -k scikit and numpy"),
    Fault("labels: far rows without probabilities", "(squares - xp.min(squares, axis=1, keepdims=True))", "squares", "tests/graph/test_labels.py -k nearest"),
    Fault("labels: all rows of a cluster, whatever the percentile", "near = members[away <= np.percentile(away, float(percentile))]", "near = members", "tests/graph/test_labels.py -k take"),
    Fault("affinity display: rows most alike last", "return np.lexsort((-nearness, labels, labels < 0))", "return np.lexsort((nearness, labels, labels < 0))", "tests/plotting/test_affinity_display.py"),
    # -- the definition: kernels in the array API standard ---------------------------------------
    Fault("generic: far ties", "xp.argmin(own - 2 *", "xp.argmin(own - 1.9999 *", DISTANCES + STRICT),
    Fault("generic: sums skip weights", "belongs = belongs * xp.astype(self.w[a:b], self.wide)[:, None]", "pass", STEPS + STRICT),
    Fault("generic: empty cluster moves", "means = xp.where(some[:, None], stats.sums / divisor[:, None], kept)", "means = stats.sums / divisor[:, None]", STEPS + STRICT),
    Fault("generic: variance in float32", "variance = sum(xp.sum((xp.astype(b, wide) - mean) ** 2, axis=0) for b in blocks) / n", "variance = sum(xp.astype(xp.sum((b - xp.astype(mean, b.dtype)) ** 2, axis=0), wide) for b in blocks) / n", MOMENTS + STRICT),
    Fault("generic: largest loses its sign", "largest = xp.max(xp.stack([xp.max(xp.abs(b), axis=0) for b in blocks]), axis=0)", "largest = xp.max(xp.stack([xp.max(b, axis=0) for b in blocks]), axis=0)", MOMENTS + STRICT),
    Fault("generic: distances not centred", "shift = xp.mean(xp.astype(C, wide), axis=0)", "shift = 0 * xp.mean(xp.astype(C, wide), axis=0)", DISTANCES + STRICT),
    Fault("generic: draw before the place", 'rows = xp.searchsorted(cumulated, targets, side="right")', 'rows = xp.searchsorted(cumulated, targets, side="left")', SEEDS + STRICT, "generic"),
    Fault("generic: candidate of the most", "best = xp.reshape(xp.argmin(xp.sum(closest * self.w[:, None], axis=0)), (1,))", "best = xp.reshape(xp.argmax(xp.sum(closest * self.w[:, None], axis=0)), (1,))", SEEDS + STRICT),
    Fault("generic: a batch forgets the past", "sums = C * counts[:, None] + belongs.T @ xp.astype(batch, C.dtype)", "sums = belongs.T @ xp.astype(batch, C.dtype)", BATCHES + STRICT),
    Fault("generic: separation of one block", "if b < a:\n                continue", "if b <= a:\n                continue", DISTANCES),
    Fault("generic: label sums of the first tile", "b = min(m, a + width)\n        total = total +", "b = min(m, a + width)\n        total =", MOMENTS + STRICT),
    Fault("blocks: a row is left out", "return [X[a : min(n, a + rows), ...] for a in range(0, n, rows)]", "return [X[a : min(n - 1, a + rows), ...] for a in range(0, n, rows)]", DISTANCES + STRICT),
    # -- trees of density ------------------------------------------------------------------------
    Fault("graphs: equal edges by the rows alone", "low, low_j = min(i, others[i]), min(j, others[j])", "low, low_j = i, j", "tests/kernels/graphs"),
    Fault("graphs: left is what came first", "if start[row] >= start[y]:", "if start[row] < start[y]:", "tests/kernels/graphs"),
    Fault("graphs: equal rows part at density zero", "level = 1.0 / height[e] if height[e] > 0.0 else np.inf", "level = 1.0 / height[e] if height[e] > 0.0 else 0.0", "tests/kernels/graphs"),
    Fault("graphs: rows inside are never asked again", "self.low[inner] = self.weights[inner]", "self.low[inner] = np.inf", "tests/kernels/graphs"),
    Fault("hdbscan: parts of less stability win", "if below[c] > value[c] or", "if below[c] < value[c] or", "tests/density/test_hdbscan.py"),
    Fault("hdbscan: strengths by the root", "top = self.death[selected[labels[kept]]]", "top = self.death[0 * labels[kept]]", "tests/density/test_hdbscan.py"),
    Fault("hdbscan: scores without clusters below", "densest[up] = max(densest[up], densest[c])", "densest[up] = densest[up]", "tests/density/test_hdbscan.py"),
    Fault("hdbscan: new rows join where they are nearest", "each = np.maximum(np.maximum(distances / alpha, tree.core[indices]), core[:, None])", "each = distances / alpha", "tests/density/test_hdbscan.py"),
    Fault("hdbscan: an absent diagonal is no neighbour", "own[self.row[self.row == self.column]] = False", "own[:] = False", "tests/density/test_hdbscan.py"),
    Fault("optics: the last of equal rows", "if key[j] < least or (at < 0 and key[j] == least):", "if key[j] <= least:", "tests/density/test_optics.py"),
    Fault("optics: areas end one place early", "if flat > most:", "if flat >= most:", "tests/density/test_optics.py"),
    Fault("validity: noise is no row", "score = float(np.sum(validity * sizes) / len(labels))", "score = float(np.sum(validity * sizes) / sizes.sum())", "tests/metrics/test_density_validity.py"),
    # -- sums --------------------------------------------------------------------------------------
    Fault("sums: the second integer is dropped", "los[j] += np.int64(np.rint((scaled[j] - np.rint(scaled[j])) * lo_scale))", "los[j] += 0", SUMS),
    Fault("sums: a term is cut, not rounded", "whole = np.rint(scaled)\n    return np.int64(whole),", "whole = np.floor(scaled)\n    return np.int64(whole),", SUMS),
    Fault("sums: leaving is joining", "sign = -1.0", "sign = 1.0", SUMS),
    Fault("sums: a run ends early", "return clusters, np.append(starts, offsets[-1])", "return clusters, np.append(starts, offsets[-1] - 1)", SUMS),
    Fault("sums: a weight is dropped", "v = w[row]\n            whole, left", "v = 1.0\n            whole, left", SUMS),
    Fault("sums: merge takes the first", "all_lo[j, a] += lo[r, a]", "all_lo[j, a] = lo[r, a]", SUMS),
    Fault("moments: the last rows are skipped", "for p in range(i, stop):\n                for j in range(d):\n                    t = np.float64(X[p, j]) - shift[j]", "for p in range(i, stop - 1):\n                for j in range(d):\n                    t = np.float64(X[p, j]) - shift[j]", MOMENTS),
    Fault("moments: no origin", "origin = np.partition(few, len(few) // 2, axis=0)[len(few) // 2].astype(np.float64)", "origin = np.zeros(d)", MOMENTS),
    Fault("moments: bytes overflow", "BYTE_ROWS = 1 << 15", "BYTE_ROWS = 1 << 20", MOMENTS),
    # -- few columns -------------------------------------------------------------------------------
    Fault("boxes: no slack", "SLACK = 1e-13", "SLACK = -1e-3", SUMS + " " + KMEANS),
    Fault("boxes: ties to the later", "closer = s < best[p]\n            best[p] = s if closer else best[p]", "closer = s <= best[p]\n            best[p] = s if closer else best[p]", SUMS + " " + KMEANS),
    Fault("boxes: the wrong corner", "v = high[box, a] if C[j, a] > C[star, a] else low[box, a]", "v = low[box, a] if C[j, a] > C[star, a] else high[box, a]", SUMS + " " + KMEANS),
    Fault("boxes: the first two swapped", "label[p] = j if closer else i", "label[p] = i if closer else j", SUMS + " " + KMEANS),
    Fault("octree: a box too small", "high[i, j] = max(high[i + 1, j], high[right, j])", "high[i, j] = high[i + 1, j]", SUMS + " " + KMEANS),
    Fault("octree: sums of one child", "hi[i, j] = hi[i + 1, j] + hi[right, j]", "hi[i, j] = hi[i + 1, j]", SUMS + " " + KMEANS),
    Fault("octree: what is short", "brief &= scaled * SHORT == np.rint(scaled * SHORT)", "brief &= True", SUMS + " " + KMEANS),
    Fault("octree: weights of leaves", "load(w, start[i], n, v)", "load(w, 0, n, v)", SUMS + " " + KMEANS),
    Fault("filtering: an owner stays", "owner[below] = likely", "owner[node] = likely", SUMS + " " + KMEANS),
    Fault("filtering: mixed is settled", "owner[node] = MIXED if m > 1 else likely", "owner[node] = likely", SUMS + " " + KMEANS),
    Fault("filtering: a change is lost", "count += old[i] != new[i]", "count += (old[i] != new[i]) & (i > 0)", SUMS + " " + KMEANS),
    Fault("seeding: a box too near", "if box_distance(low[node], high[node], c) * (1 - 1e-13) >= peak[node]:\n            node = skip[node]\n            continue\n        if skip[node] == node + 1:\n            for p", "if box_distance(low[node], high[node], c) * 1.1 >= peak[node]:\n            node = skip[node]\n            continue\n        if skip[node] == node + 1:\n            for p", SEEDS),
    Fault("seeding: no weights", "gain += less * w[p] if w.shape[0] > 0 else less", "gain += less", SEEDS),
    Fault("seeding: the place of a draw", "if so_far > target:", "if so_far >= target and row > 0:", SEEDS),
    Fault("seeding: an untouched block", "changed[row // DRAW_BLOCK] = True", "changed[0] = True", SEEDS),
    # -- many columns ------------------------------------------------------------------------------
    Fault("screen: rounding forgotten", "return 2.0 * (m + 4) * 2.0**-24 + 2.0**-21", "return 0.0", SCREEN),
    Fault("screen: upper bounds shrink", "upper[i] = (upper[i] + drift[labels[i]]) * UP", "upper[i] = upper[i]", SCREEN),
    Fault("screen: lower bounds stay", "lower[i] = lower[i] * DOWN - away[labels[i]]", "lower[i] = lower[i]", SCREEN),
    Fault("screen: ties to the later", "if s < squared or (s == squared and j < label):", "if s <= squared:", SCREEN),
    Fault("screen: a tie of two", "if second < squared:\n        label, squared, second = last, second, squared", "if second <= squared:\n        label, squared, second = last, second, squared", SCREEN),
    Fault("screen: what a projection leaves", "left = max(whole - s, 0.0) + error * reach * reach", "left = 0.0", SCREEN),
    Fault("shared images: what the projection leaves", "left = max(whole - s, 0.0) + error * np.float64(norm) ** 2", "left = 0.0", "tests/kernels/kmeans/test_steps.py -k other_rows"),
    Fault("shared images: of other rows", "old, new = Z[rows[i]], to.Z[i]", "old, new = Z[i], to.Z[i]", "tests/kernels/kmeans/test_steps.py -k other_rows"),
    Fault("shared images: about points off the mean", "if off or other.Q is None", "if other.Q is None", "tests/kernels/kmeans/test_steps.py -k shared"),
    Fault("shared images: little of the variance", "if float(size.sum()) < SHARED * float(centred.sum()):", "if False:", "tests/kernels/kmeans/test_steps.py -k shared"),
    Fault("sums: fractions that are left", "if more or left:", "if left:", "tests/kernels/kmeans/test_sums.py"),
    Fault("sums: fractions that stay behind", "others[j] -= part", "others[j] -= 0", "tests/kernels/kmeans/test_sums.py"),
    Fault("screen: the last rows", "if n == height or (i == stop - 1 and n > 0):", "if n == height:", SCREEN),
    Fault("lists: a bound too small", "screened, measured = self.lists.assign(self.C, self.upper, self.lower, *changes)", "self.upper *= 0.5\n            screened, measured = self.lists.assign(self.C, self.upper, self.lower, *changes)", SCREEN),
    Fault("distances: digits lost", "if s < 1e-4 * (own[i] + others[j]):", "if s < 1e-30 * (own[i] + others[j]):", DISTANCES),
    # -- mini-batches ------------------------------------------------------------------------------
    Fault("batch: a mean of the new alone", "c[a] = old[a] * seen", "c[a] = 0.0", BATCHES),
    Fault("batch: weights in a walk", "v = w[p] if w.shape[0] > 0 else 1.0\n        seen[j] += v", "v = 1.0\n        seen[j] += v", BATCHES),
    Fault("batch: an untouched centre", "new[j, a] = C[j, a]\n", "new[j, a] = 0.0\n", BATCHES, "few_columns"),
    Fault("batch: rows of the batch before", "self.batches, self.rows = batches, drawn[0]", "self.rows = drawn[0]", BATCHES),
    Fault("batch: draws are not taken back", "self.rng.set_state(state)", "pass", MINIBATCH),
    Fault("batch: patience", "if self.patience is not None and self.stale >= self.patience:", "if self.patience is not None and self.stale > self.patience:", MINIBATCH),
    # -- labels ------------------------------------------------------------------------------------
    Fault("labels: the least is not zero", "i = v - low\n        if i < 0", "i = v\n        if i < 0", LABELS),
    Fault("labels: columns out of order", "while j > 0 and values[j - 1] > v:", "while j > 1 and values[j - 1] > v:", LABELS),
    Fault("labels: a row is not wiped", "table[labels[i]] = 0\n        distinct[row]", "distinct[row]", LABELS),
    Fault("labels: chance from the mode up", "total += w * gain(x, mean, log_mean, logs)\n        w *= x * (rest + x)", "w *= x * (rest + x)", LABELS),
    Fault("labels: a series too short", "SMALL = ", "SMALL = 1e3 * ", LABELS, "labels/cpu.py"),
    # -- stand-ins ---------------------------------------------------------------------------------
    Fault("stand-ins: ties go to the last", "np.copyto(label, j, where=s < best)", "np.copyto(label, j, where=s <= best)", STAND_INS),
    Fault("stand-ins: another order of sums", "pairs = (fours[:, 0] + fours[:, 1]) + (fours[:, 2] + fours[:, 3])", "pairs = fours[:, 0] + fours[:, 1] + fours[:, 2] + fours[:, 3]", STAND_INS),
    Fault("stand-ins: new rows leave the last", "np.subtract.at(sums[:, a], old[known], integers[known])", "np.subtract.at(sums[:, a], old, integers)", STAND_INS),
    Fault("stand-ins: they serve for ever", "if self._spent[kind] >= self.seconds:", "if False:", STAND_INS),
    Fault("stand-ins: code on disk is overlooked", "if compiles_always() or self._has_code(*args):", "if compiles_always():", STAND_INS),
    Fault("stand-ins: weights that are not whole", "if w is not None and not np.array_equal(w, np.rint(w)):", "if False:", STAND_INS),
    # -- colours -----------------------------------------------------------------------------------
    Fault("colours: a counter overflows", "if count == 255:", "if count == 300:", COLORS),
    Fault("colours: the last pixels", "for i in range(4 * quarter, len(rows)):\n        sizes[3,", "for i in range(4 * quarter, len(rows) - 1):\n        sizes[3,", COLORS),
    Fault("colours: halves of a word", "code = top + np.uint32(8 * i)", "code = top + np.uint32(8 * i + 1)", COLORS),
    # -- CUDA --------------------------------------------------------------------------------------
    Fault("cuda: a barrier is missed", "__syncthreads();  // no thread still reads the values of an earlier call\n    if (threadIdx.x % WARP == 0)", "if (threadIdx.x % WARP == 0)", CUDA + " -k cuda_on_cpu or races or order"),
    Fault("cuda: a row too many", "if (row >= n)\n            continue;\n        double sum = 0.0;", "if (row > n)\n            continue;\n        double sum = 0.0;", DISTANCES + " " + CUDA),
    Fault("cuda: the carry", "if (low && atomicAdd(&halves[0], low) > 0xffffffffu - low)", "if (low && atomicAdd(&halves[0], low) > 0xfffffffeu)", CUDA),
    Fault("cuda: a plain sum for an atomic", "if (term.high)\n        atomicAdd(&table[cell], (word)term.high);", "if (term.high)\n        table[cell] += (word)term.high;", CUDA),
    Fault("cuda: 61 bits", "#define SUM_BITS 61", "#define SUM_BITS 64", CUDA),
    Fault("cuda: an empty cluster", "mean = count > 0.0 ? (T)(sums[c] / count) : old;", "mean = (T)(sums[c] / count);", CUDA),
    Fault("cuda: weights of seeding", "return w ? closest[i] * w[i] : closest[i];", "return closest[i];", CUDA + " " + SEEDS),
    Fault("cuda: keep what is nearer", "(!keep || sum < closest[i])", "(!keep || sum > closest[i])", CUDA + " " + SEEDS),
    Fault("cuda: moments of the first slab", "a.spread += b.spread + apart * apart * (a.count * share);", "a.spread += b.spread;", MOMENTS),
    Fault("cuda: a place of 32 bits", "T x = X[i * d + column];", "T x = X[(int)(i * d) + column];", MOMENTS),
    # -- rows --------------------------------------------------------------------------------------
    Fault("rows: a changed source", "if seen != self.n or not same:", "if False:", "tests/test_rows.py"),
    Fault("rows: repeated rows of a file", "return np.asarray(given[rows], self.dtype)[places]", "return np.asarray(given[rows], self.dtype)", "tests/test_rows.py"),
    Fault("rows: an offset of a map", "root.offset + skipped +", "root.offset +", "tests/test_rows.py"),
    Fault("rows: an iterator is taken", "if isinstance(given, Iterator):", "if False:", "tests/test_rows.py"),
    # -- estimators --------------------------------------------------------------------------------
    Fault("kmeans: the best of the starts", "if best is None or fit.inertia < best.inertia * (1.0 - SAME_INERTIA):", "if best is None or fit.inertia > best.inertia:", KMEANS),
    Fault("kmeans: tol is not relative", "tol *= mean_variance(rows, w, step)", "pass", KMEANS),
    Fault("kmeans: relocation keeps the row", "sums[old] -= weight * row", "pass", KMEANS),
    Fault("kmeans: cosine inertia", 'best.inertia / 2 if self.metric == "cosine" else best.inertia', "best.inertia", KMEANS),
    Fault("estimators: negative weights", "if least < 0:\n            raise ValueError(f\"Negative", "if False:\n            raise ValueError(f\"Negative", "tests/test_errors.py"),
    Fault("estimators: another device", "if mine is theirs and (on_host(X) or device(fitted) == where):", "if True:", "tests/test_errors.py"),
    Fault("estimators: no finite check", "if not finite:\n            largest = self._largest_there", "if False:\n            largest = self._largest_there", "tests/test_errors.py"),
    # -- mixtures --------------------------------------------------------------------------------
    Fault("mixture: tied scatter is not taken off the likelihood", "likelihood -= float((covariance.precisions(parameters.factors) * total).sum()) / 2", "pass", MIXTURES),
    Fault("mixture: products wherever columns are few", "<= TOLERANCE", "<= 1e30", MIXTURES),
    Fault("mixture: rows of weight zero move the frame", "center = sums / weight", "center = to_host(rows.summary.mean)", MIXTURES),
    Fault("mixture: the means' shift stays in covariances", "S -= shifts[:, :, None] * shifts[:, None, :]", "pass", MIXTURES),
    Fault("mixture: regularised in units of the frame", "reg = self.reg_covar / problem.frame.scale**2", "reg = self.reg_covar + 0 * problem.frame.scale", MIXTURES),
    Fault("mixture: responsibilities are left out too early", "NEGLIGIBLE = 1e-30", "NEGLIGIBLE = 1e-7", MIXTURES),
    Fault("mixture: entropy forgets the total", "weight * (inner[i] / total[i] - log_total)", "weight * (inner[i] / total[i])", MIXTURES),
    Fault("mixture: generic rows that none reaches", "alike = xp.full_like(e, 1.0 / logs.shape[1])", "alike = xp.zeros_like(e)", MIXTURES),
    Fault("mixture: components are far too soon", "FAR = 70.0", "FAR = 1.0", SCREENED),
    Fault("mixture: the best component once more", "wanted = best[i] != j and L[j, i] >= top[i] - FAR", "wanted = L[j, i] >= top[i] - FAR", SCREENED),
    Fault("mixture: bounds that are too low", "0.5 * (1.0 - ERROR) * bounds[i]", "1.5 * bounds[i]", SCREENED),
    Fault("mixture: moments of whitened rows for products", "Y[p] if theta.shape[0] == 0 else Z[rows[p]]", "Y[p]", SCREENED),
    Fault("mixture: bounds of rows that are too far", "few = far <= screen.limit and", "few =", SCREENED),
    Fault("mixture: blocks after one that is dense", "densely(X, w, frame, density, theta, a, a + n, ranges[3], sums)\n            continue", "densely(X, w, frame, density, theta, a, a + n, ranges[3], sums)\n            return", SCREENED),
    # -- metrics -----------------------------------------------------------------------------------
    Fault("metrics: a cluster of one", "found = (next_best - own) / xp.where(most > 0, most, xp.ones_like(most))\n    return xp.where(xp.take(sizes, codes) > 1,", "found = (next_best - own) / xp.where(most > 0, most, xp.ones_like(most))\n    return xp.where(xp.take(sizes, codes) > 0,", SCORES),
    Fault("metrics: own row in the mean", "others = xp.where(size > 1, size - 1, xp.ones_like(size))", "others = size", SCORES),
    Fault("metrics: degrees of freedom", "return between * (points.n - points.k) / (within * (points.k - 1))", "return between * points.n / (within * points.k)", SCORES),
    Fault("metrics: Dunn upside down", 'return least / most if most > 0 else float("inf")', 'return most / least if most > 0 else float("inf")', SCORES),
    # -- images and the command --------------------------------------------------------------------
    Fault("dither: weights", "total = 7 * ring[before, c, y + two] + 5 * ring[before2, c, y + one] + 8", "total = 5 * ring[before, c, y + two] + 7 * ring[before2, c, y + one] + 8", "tests/kernels/dither"),
    Fault("dither: rows above a band", "ring[now, c, i] = above[i,", "ring[now, c, i] = 0 * above[i,", "tests/kernels/dither"),
    Fault("dither: cells that other threads filled", "self._filled |= filled", "self._filled[:] = True", "tests/kernels/dither"),
    Fault("dither: pixels after a missing cell", "found[done:], counts)", "found[done:], 0 * counts)", "tests/kernels/dither"),
    Fault("dither: candidates", "2 * (g1 if g > best_g else g0)", "2 * (g0 if g > best_g else g1)", "tests/kernels/dither"),
    Fault("image: hue of CIEDE2000", "rotation = -2 * xp.sqrt(share)", "rotation = 2 * xp.sqrt(share)", IMAGE + "/test_quality.py"),
    Fault("image: small regions", "np.lexsort((other, apart, mine))", "np.lexsort((other, -apart, mine))", IMAGE + "/test_segment.py"),
    Fault("image: dark to light", "order = np.lexsort((*host.T[::-1], luma(host)))", "order = np.lexsort((*host.T[::-1], -luma(host)))", IMAGE),
    Fault("image: invisible pixels", "shown = xp.logical_and(used, visible)", "shown = used", IMAGE),
    Fault("image: kept colours", "moving[: self.fixed] = False", "pass", IMAGE + "/test_search.py"),
    Fault("image: alpha's unit", "color * alpha, alpha * WHITES.get(space.name, 1.0)", "color * alpha, alpha", IMAGE + "/test_finding.py"),
    Fault("image: protected colours", "least = xp.sum(weights) * min_share", "least = xp.sum(weights) * 0", IMAGE + "/test_finding.py"),
    Fault("image: unused entries stay", "used = (population > 0) | _among", "used = (population >= 0) | _among", IMAGE),
    Fault("selection: the gap's error", "found = gap_statistic(scores[\"inertia\"], sets, models.dispersions)", "found = gap_statistic(2 * scores[\"inertia\"], sets, models.dispersions)", "tests/test_selection.py"),
)  # fmt: skip


def places(fault: Fault, root: Path) -> list[Path]:
    """The files in which the text of the fault occurs, once for each time."""
    found = []
    for path in sorted((root / "clusterx").rglob("*")):
        if path.suffix in (".py", ".cu", ".cuh") and fault.file in path.as_posix():
            found += [path] * path.read_text().count(fault.old)
    return found


def copy(to: Path) -> None:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, to / name)


def run(fault: Fault, root: Path, caches: Path) -> tuple[bool, str]:
    """Whether the tests fail with the fault, and which one does first."""
    (path,) = places(fault, root)
    whole = path.read_text()
    path.write_text(whole.replace(fault.old, fault.new))
    files, _, words = fault.tests.partition(" -k ")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files.split()]
    command += ["-k", words] if words else []
    compiles = "cpu" in path.relative_to(root).parts  # loops may hold the code of others
    with tempfile.TemporaryDirectory() as compiled:
        env = {
            **os.environ,
            "NUMBA_CACHE_DIR": compiled if compiles else str(caches / "numba"),
            "CLUSTERX_CUDA_ON_CPU_CACHE": str(caches / "cuda"),
            "PYTHONPATH": str(root),
        }
        try:
            found = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
        finally:
            path.write_text(whole)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", found.stdout, re.MULTILINE)
    if found.returncode not in (0, 1):
        return True, failed[0] if failed else f"pytest ended with {found.returncode}"
    return found.returncode == 1, failed[0] if failed else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", nargs="*", help="plant only faults whose name has one of these")
    parser.add_argument("--list", action="store_true", help="list the faults and plant none")
    options = parser.parse_args()
    chosen = [f for f in FAULTS if not options.words or any(w in f.name for w in options.words)]
    bad = 0
    if options.list:
        for fault in chosen:
            count = len(places(fault, ROOT))
            bad += count != 1
            print(f"{fault.name:45} {'' if count == 1 else f'occurs {count} times'}")
        print(f"{len(chosen)} faults")
        return int(bad > 0)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as caches:
        root = Path(folder)
        copy(root)
        for fault in chosen:
            start = time.perf_counter()
            if len(places(fault, root)) != 1:
                caught, how = False, "its text is gone, or occurs more than once"
            else:
                caught, how = run(fault, root, Path(caches))
            bad += not caught
            took = time.perf_counter() - start
            print(
                f"{'caught' if caught else 'MISSED':7} {took:4.0f} s  {fault.name}: {how}",
                flush=True,
            )
    print(f"{len(chosen) - bad} of {len(chosen)} caught")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
