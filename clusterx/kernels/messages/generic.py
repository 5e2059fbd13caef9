"""Messages in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from ...arrays import device, namespace
from . import Messages


def pass_messages(S, messages, sums, totals, first, damping):
    xp, (A, R) = namespace(S), messages
    b, n = S.shape
    zero = xp.zeros((), dtype=R.dtype, device=device(R))
    columns = xp.arange(n, device=device(S))[None, :]
    own = columns == xp.arange(first, first + b, device=device(S))[:, None]

    lacking = xp.where(own, R, xp.maximum(R, zero)) - sums[None, :]
    lacking = xp.where(own, lacking, xp.maximum(lacking, zero))
    A = A * damping - lacking * (1 - damping)

    offers = A + S
    largest = xp.max(offers, axis=1, keepdims=True)
    best = columns == xp.argmax(offers, axis=1, keepdims=True)
    second = xp.max(xp.where(best, zero - xp.inf, offers), axis=1, keepdims=True)
    R = R * damping + (S - xp.where(best, second, largest)) * (1 - damping)
    totals = totals + xp.sum(xp.where(own, R, xp.maximum(R, zero)), axis=0)
    return Messages(A, R), totals
