"""Mixtures in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from ...arrays import asarray, concat, device, float_dtype, namespace
from ...blocks import TILE, numbered, row_blocks
from . import Spread, Statistics, features


def spread(X, w, center):
    total = None
    for a, block in numbered(row_blocks(X, 1)):
        part = _spread(block, None if w is None else w[a : a + block.shape[0]], center)
        total = part if total is None else total + part
    return total


def _spread(block, w, center):
    xp = namespace(block)
    wide = float_dtype(xp, block)
    away = xp.astype(block, wide) - center
    if w is None:
        weight, own = xp.asarray(block.shape[0], dtype=wide, device=device(block)), 1.0
    else:
        w = xp.astype(w, wide)[:, None]
        weight, own = xp.sum(w), w
        away = xp.where(w > 0, away, xp.zeros_like(away))
    squares = xp.sum(own * away * away, axis=0)
    return Spread(weight, xp.sum(own * away, axis=0), squares, xp.max(xp.abs(away), axis=0))


def piece_rows(density):
    return max(1, TILE // width(density))


def statistics(X, w, density):
    total = None
    for a, block in numbered(row_blocks(X, width(density))):
        part = _statistics(block, None if w is None else w[a : a + block.shape[0]], density)
        total = part if total is None else total + part
    return total


def _statistics(block, w, density):
    xp = namespace(block)
    z = _standardised(block, w, density)
    seen = _features(z, density) if density.theta is not None else whitened(z, density)
    soft = _Softened(log_densities(seen, density))
    w = xp.ones_like(z[:, 0]) if w is None else xp.astype(w, z.dtype)
    zero = xp.zeros_like(w)
    likelihood = xp.sum(xp.where(w > 0, w * soft.log_likelihood, zero))
    entropy = xp.sum(w * soft.entropy)
    R = soft.R * w[:, None]
    if density.theta is not None:
        return Statistics(R.T @ seen, likelihood, entropy)
    return Statistics(weighted_moments(seen, R, density.form), likelihood, entropy)


def moments(X, R, density):
    xp = namespace(X)
    total = None
    for a, block in numbered(row_blocks(X, width(density))):
        weights = R[a : a + block.shape[0], ...]
        z = _standardised(block, xp.sum(weights, axis=1), density)
        Y = whitened(z, density._replace(factors=None))
        zero = xp.zeros((), dtype=z.dtype, device=device(z))
        part = Statistics(weighted_moments(Y, weights, density.form), zero, zero)
        total = part if total is None else total + part
    return total


def assign(X, density):
    xp = namespace(X)
    likelihoods, labels = [], []
    for block in row_blocks(X, width(density)):
        z = _standardised(block, None, density)
        logs = log_densities(whitened(z, density), density._replace(theta=None))
        likelihoods.append(_Softened(logs).log_likelihood)
        labels.append(xp.astype(xp.argmax(logs, axis=1), xp.int32))
    return concat(likelihoods), concat(labels)


def responsibilities(X, density):
    parts = []
    for block in row_blocks(X, width(density)):
        z = _standardised(block, None, density)
        logs = log_densities(whitened(z, density), density._replace(theta=None))
        parts.append(_Softened(logs).R)
    return concat(parts)


class _Softened:
    """Responsibilities, log-likelihoods and entropies of rows, given log-densities (n, k)."""

    def __init__(self, logs):
        xp = namespace(logs)
        top = xp.max(logs, axis=1)
        self.reached = top > -xp.inf
        top = xp.where(self.reached, top, xp.zeros_like(top))
        below = logs - top[:, None]
        e = xp.exp(below)
        total = xp.sum(e, axis=1)
        total = xp.where(self.reached, total, xp.ones_like(total))
        log_total = xp.log(total)
        lost = xp.full_like(total, -xp.inf)
        self.log_likelihood = xp.where(self.reached, top + log_total, lost)
        alike = xp.full_like(e, 1.0 / logs.shape[1])
        self.R = xp.where(self.reached[:, None], e / total[:, None], alike)
        logs = xp.where(self.R > 0, self.R, xp.ones_like(self.R))
        self.entropy = xp.sum(self.R * xp.log(logs), axis=1)


def width(density):
    """Values per row of the largest temporary."""
    d = density.center.shape[0]
    if density.theta is not None:
        return max(density.theta.shape)
    return max(1, density.means.shape[0]) * d


def _standardised(block, w, density):
    xp = namespace(block)
    z = (xp.astype(block, density.center.dtype) - density.center) / density.scale
    return z if w is None else xp.where((w > 0)[:, None], z, xp.zeros_like(z))


def _features(z, density):
    xp = namespace(z)
    first, second = (asarray(i, like=z) for i in features(density.form, z.shape[1]))
    u = xp.concat((xp.ones_like(z[:, :1]), z), axis=1)
    return xp.take(u, first, axis=1) * xp.take(u, second, axis=1)


def whitened(z, density):
    """Rows less each mean, (k, n, d), whitened by the factors."""
    Y = z[None, :, :] - density.means[:, None, :]
    if density.factors is None:
        return Y
    if density.form == "diag":
        return Y * density.factors[:, None, :]
    return Y @ density.factors


def log_densities(seen, density):
    if density.theta is not None:
        return seen @ density.theta.T
    xp = namespace(seen)
    return (density.constants[:, None] - xp.sum(seen * seen, axis=2) / 2).T


def weighted_moments(Y, R, form):
    """Moments (k, number of features) of rows Y (k, n, d)."""
    xp = namespace(Y)
    k, _, d = Y.shape
    weighted = Y * R.T[:, :, None]
    parts = [xp.sum(R, axis=0)[:, None], xp.sum(weighted, axis=1)]
    if form == "diag":
        parts.append(xp.sum(weighted * Y, axis=1))
    elif form == "full":
        squares = xp.reshape(xp.matrix_transpose(weighted) @ Y, (k, d * d))
        first, second = features("full", d - 1)
        parts.append(xp.take(squares, asarray(first * d + second, like=Y), axis=1))
    return xp.concat(parts, axis=1)
