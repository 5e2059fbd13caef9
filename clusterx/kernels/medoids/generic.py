"""FasterPAM by blocks of candidates, in the array API standard alone."""

from __future__ import annotations

import numpy as np

from ...arrays import asarray, float_dtype, host_floats, namespace, to_host
from ...blocks import TILE, one_hot
from . import LEAST, Swapped


class State:
    """The nearest medoid of each column, and the distances to it and to the second nearest."""

    def __init__(self, D, w, medoids):
        xp = self.xp = namespace(D)
        self.D, self.w, self.wide = D, w, float_dtype(xp, D)
        self.medoids, k = medoids, len(medoids)
        own = xp.astype(xp.take(D, asarray(medoids, like=D), axis=0), self.wide)
        self.near = xp.argmin(own, axis=0)
        self.belongs = one_hot(self.near, k, self.wide)  # (m, k)
        self.first = xp.min(own, axis=0)
        without = xp.where(self.belongs.T > 0, xp.inf, own)
        # a single medoid has no second: its columns go to the candidate
        self.second = xp.min(without, axis=0) if k > 1 else self.first
        self.single = k == 1
        self.removal = (self.w * (self.second - self.first)) @ self.belongs
        (self.loss,) = host_floats(xp.sum(self.w * self.first))

    def changes(self, rows):
        """Each candidate's lowest change of the loss, and the medoid to replace; on the host."""
        xp = self.xp
        d = xp.astype(xp.take(self.D, asarray(rows, like=self.D), axis=0), self.wide)
        if self.single:
            return to_host(xp.sum((d - self.first) * self.w, axis=1)), np.zeros(len(rows), int)
        zero = xp.zeros_like(d)
        nearer, between = d < self.first, (d >= self.first) & (d < self.second)
        gained = xp.sum(xp.where(nearer, d - self.first, zero) * self.w, axis=1)
        saved = xp.where(nearer, self.first - self.second, zero)
        saved = saved + xp.where(between, d - self.second, zero)
        table = self.removal + (saved * self.w) @ self.belongs
        return to_host(gained + xp.min(table, axis=1)), to_host(xp.argmin(table, axis=1))


def eager_swaps(D, w, medoids, order, max_iter):
    state, height = State(D, w, np.array(medoids)), max(1, min(64, TILE // D.shape[1]))
    last, n_iter = -1, 0
    while n_iter < max_iter:
        n_iter += 1
        a, before = 0, last
        while a < len(order):
            rows = order[a : a + height]
            change, place = state.changes(rows)
            change = np.array(change)  # what a library hands out may be read-only
            stop = np.flatnonzero(rows == last)
            change[np.isin(rows, state.medoids)] = 0.0
            better = np.flatnonzero(change < -LEAST * state.loss)
            if stop.size and not (better.size and better[0] < stop[0]):
                return Swapped(state.medoids, n_iter)
            if not better.size:
                a += len(rows)
                continue
            i = better[0]
            medoids = state.medoids.copy()
            medoids[place[i]] = last = rows[i]
            state = State(D, w, medoids)
            a += i + 1
        if last == before:
            break
    return Swapped(state.medoids, n_iter)
