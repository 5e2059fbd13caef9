"""Online training in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from ...arrays import namespace


def learn(X, order, w, C, shares):
    xp = namespace(X)
    zero = xp.zeros_like(C)
    for i in order:
        apart = xp.astype(X[int(i), :], C.dtype) - C
        apart = xp.where(xp.isnan(apart), zero, apart)
        unit = xp.reshape(xp.argmin(xp.sum(apart * apart, axis=1)), (1,))
        share = xp.take(shares, unit, axis=0)[0, :]
        if w is not None and w[i] != 1.0:  # w[i] moves towards the same row at once
            share = 1.0 - (1.0 - share) ** float(w[i])
        C = C + share[:, None] * apart
    return C
