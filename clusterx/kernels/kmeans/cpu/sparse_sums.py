"""Sums of CSR rows, with the terms and the order of dense rows, but without zeros."""

from __future__ import annotations

from ...cpu.fixed_point import add_term
from ...cpu.jit import jit


@jit
def move_rows(
    data, indices, indptr, w, labels, previous, units, lo_scale, hi, lo
):  # fmt: skip
    """Move rows from their previous cluster (negative: none) to their label's."""
    n_changed, d = 0, hi.shape[1] - 1
    for i in range(labels.shape[0]):
        old, new = previous[i], labels[i]
        if old == new:
            continue
        n_changed += 1
        v = w[i] if w.shape[0] > 0 else 1.0
        for e in range(indptr[i], indptr[i + 1]):
            a = indices[e]
            whole, rest = add_term(v * data[e], units[a], lo_scale)
            hi[new, a] += whole
            lo[new, a] += rest
            if old >= 0:
                hi[old, a] -= whole
                lo[old, a] -= rest
        whole, rest = add_term(v, units[d], lo_scale)
        hi[new, d] += whole
        lo[new, d] += rest
        if old >= 0:
            hi[old, d] -= whole
            lo[old, d] -= rest
    return n_changed


@jit
def add_rows(data, indices, indptr, w, labels, start, stop, sums, gained):
    """Add rows start..stop and their weights to those of their label."""
    for i in range(start, stop):
        to, v = sums[labels[i]], w[i]
        gained[labels[i]] += v
        for e in range(indptr[i], indptr[i + 1]):
            to[indices[e]] += v * data[e]


@jit
def batch_means(
    data, indices, indptr, w, order, offsets, C, counts, gained, first, last, new
):  # fmt: skip
    """Move centres first..last to the mean of all rows they have seen; see `batches`."""
    for j in range(first, last):
        c, seen = new[j], counts[j]
        if not gained[j] > 0.0:
            for a in range(c.shape[0]):
                c[a] = C[j, a]
            continue
        for a in range(c.shape[0]):
            c[a] = C[j, a] * seen
        for g in range(offsets[j], offsets[j + 1]):
            i = order[g]
            for e in range(indptr[i], indptr[i + 1]):
                c[indices[e]] += w[i] * data[e]
        inverse = 1.0 / (seen + gained[j])
        for a in range(c.shape[0]):
            c[a] *= inverse
