"""Labels as codes and counts of pairs of them, in the array API standard alone."""

from __future__ import annotations

from ...arrays import device, float_dtype, namespace


def factorize(labels):
    xp = namespace(labels)
    unique = xp.unique_inverse(labels)
    order = xp.argsort(unique.values)  # because the standard promises no order
    codes = xp.take(xp.argsort(order), xp.reshape(unique.inverse_indices, (-1,)))
    return xp.astype(codes, xp.int32), xp.sort(unique.values)


def contingency(a, b, shape):
    xp = namespace(a)
    unique = xp.unique_counts(xp.astype(a, xp.int64) * shape[1] + xp.astype(b, xp.int64))
    order = xp.argsort(unique.values)
    cells = xp.take(unique.values, order)
    rows = cells // max(1, shape[1])
    return rows, cells - rows * shape[1], xp.astype(xp.take(unique.counts, order), xp.int64)


def expected_information(a, b, n):
    """A sum over the number x of common members (Vinh, Epps and Bailey, JMLR 2010)."""
    xp = namespace(a)
    wide = float_dtype(xp, a)
    x = xp.arange(n + 1, dtype=xp.int64, device=device(a))
    logs = xp.log(xp.astype(xp.where(x > 0, x, xp.ones_like(x)), wide))
    factorials = xp.cumulative_sum(logs)
    total = xp.zeros((), dtype=wide, device=device(a))
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            s, t = xp.astype(a[i], xp.int64), xp.astype(b[j], xp.int64)
            possible = (x >= 1) & (x <= s) & (x <= t) & (x >= s + t - n)
            log_p = xp.zeros_like(logs)
            for sign, number in (
                (1, s), (1, t), (1, n - s), (1, n - t), (-1, x[-1]),
                (-1, x), (-1, s - x), (-1, t - x), (-1, n - s - t + x),
            ):  # fmt: skip
                at = xp.clip(xp.reshape(number, (-1,)), 0, n)
                log_p = log_p + sign * xp.take(factorials, at)
            ratio = logs + logs[-1] - logs[s] - logs[t]
            terms = xp.astype(x, wide) * ratio * xp.exp(log_p)
            total = total + xp.sum(xp.where(possible, terms, xp.zeros_like(terms)))
    return total / n
