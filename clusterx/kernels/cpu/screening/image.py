"""The float32 image of the rows that centres are screened against; its bounds are in `bounds`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import fixed_point
from ..columns import moments
from ..jit import jit
from ..ranges import CHUNK, ROWS_PER_TASK, blocks, rows_per_task
from ..threads import run_blocks, single_threaded_blas
from . import bounds
from .bounds import UP


class Projected(NamedTuple):
    """Images of projected rows, and the lengths that bound their errors."""

    Z: np.ndarray
    norm: np.ndarray
    rest: np.ndarray
    size: np.ndarray  # |z|^2
    centred: np.ndarray


@jit(fastmath={"reassoc", "contract", "nsz"})
def row_norms(X, mean, start, stop, plain, size, centred):
    """Write upper bounds of |x| to `plain`, |x|^2 to `size`, |x - mean|^2 to `centred`."""
    for i in range(start, stop):
        a = 0.0
        b = 0.0
        for j in range(X.shape[1]):
            x = np.float64(X[i, j])
            t = x - mean[j]
            a += x * x
            b += t * t
        plain[i] = np.float32(np.sqrt(a)) * UP
        size[i] = a
        centred[i] = b


@jit(fastmath={"reassoc", "contract", "nsz"})
def project_rows(X, mean, Q, shift, factor, mean_norm, error, start, stop, to):
    """Z = factor (X - mean) Q = factor X Q - shift.

    norm: upper bounds of factor (|x| + |mean|), to which rounding errors are proportional. rest:
    upper bounds of the lengths of the residuals. size: |z|^2. centred: factor^2 |x - mean|^2.
    error: the largest error of |z|^2 as a share of norm^2.
    """
    Z, norm, rest, size, centred = to
    d, m = Q.shape
    P = np.empty((CHUNK, m), np.float32)
    scaled = np.float32(factor)
    for a in range(start, stop, CHUNK):
        n = min(CHUNK, stop - a)
        np.dot(X[a : a + n], Q, P[:n])
        for p in range(n):
            s = 0.0
            plain = 0.0
            for j in range(d):
                x = np.float64(X[a + p, j])
                t = x - mean[j]
                s += t * t
                plain += x * x
            whole = s * factor * factor
            centred[a + p] = whole
            reach = factor * (np.sqrt(plain) + mean_norm)
            norm[a + p] = np.float32(reach) * UP
            s = 0.0
            for j in range(m):
                z = P[p, j] * scaled - shift[j]
                Z[a + p, j] = z
                s += np.float64(z) * np.float64(z)
            size[a + p] = s
            left = max(whole - s, 0.0) + error * reach * reach
            rest[a + p] = np.float32(np.sqrt(left)) * UP


@jit(fastmath={"reassoc", "contract", "nsz"})
def project_copies(X, mean, Q, factor, error, start, stop, to):
    """As `project_rows`, by way of centred float32 copies, for rows that are not float32, far from
    the origin, or outside float32's range.
    """
    Z, norm, rest, size, centred = to
    d, m = Q.shape
    Y = np.empty((CHUNK, d), np.float32)
    for a in range(start, stop, CHUNK):
        n = min(CHUNK, stop - a)
        for p in range(n):
            s = 0.0
            for j in range(d):
                t = (np.float64(X[a + p, j]) - mean[j]) * factor
                s += t * t
                Y[p, j] = t
            centred[a + p] = s
        np.dot(Y[:n], Q, Z[a : a + n])
        for p in range(n):
            s = 0.0
            for j in range(m):
                s += np.float64(Z[a + p, j]) * np.float64(Z[a + p, j])
            size[a + p] = s
            whole = np.float64(centred[a + p])
            norm[a + p] = np.float32(np.sqrt(whole)) * UP
            left = max(whole - s, 0.0) + error * whole
            rest[a + p] = np.float32(np.sqrt(left)) * UP


@jit(fastmath={"reassoc", "contract", "nsz"})
def move_images(Z, norms, rows, squared, shift, reach, scale, error, start, stop, to):
    """The images of rows whose images relative to another point are in Z; see `project_rows`.

    squared: |x - mean|^2. reach: the distance of the points in the units of Z. scale: factor^2.
    """
    m = Z.shape[1]
    for i in range(start, stop):
        old, new = Z[rows[i]], to.Z[i]
        s = 0.0
        for j in range(m):
            z = old[j] - shift[j]
            new[j] = z
            s += np.float64(z) * np.float64(z)
        whole = squared[i] * scale
        norm = np.float32(norms[rows[i]] + reach) * UP
        to.size[i], to.centred[i], to.norm[i] = s, whole, norm
        left = max(whole - s, 0.0) + error * np.float64(norm) ** 2
        to.rest[i] = np.float32(np.sqrt(left)) * UP


@jit
def centre_rows(X, mean, factor, start, stop, Z, norm, centred):
    """Z = factor (X - mean) in float32, for data far from the origin or outside float32's range."""
    for i in range(start, stop):
        s = 0.0
        for j in range(X.shape[1]):
            t = (np.float64(X[i, j]) - mean[j]) * factor
            s += t * t
            Z[i, j] = t
        centred[i] = s
        norm[i] = np.float32(np.sqrt(s)) * UP


#: Columns of a projection. With fewer, more exact distances are computed; with more, products cost
#: more.
PROJECTION = 64
#: The same for at most two centres: 32 clusters of 70,000 x 784 by bisection take 0.83 of the time.
#: Four centres take about as long as with PROJECTION, and ten take twice as long.
PROJECTION_FOR_TWO = 32
#: Least part of the variance that another image's projection must hold. Sharing takes a fifth off
#: the time of 32 clusters of 70,000 x 784 by bisection.
SHARED = 0.4
#: Least rows for a projection.
PROJECTION_ROWS = 2048
#: Rows that a task projects: few, so that threads end together.
PROJECTED_ROWS = 2048
#: Shortlists need centres within this distance of the rows' mean, in the units of the images.
FARTHEST = 1e17


class ImageOf(NamedTuple):
    """Where rows are among those of another image, and what is known of them."""

    image: RowImage
    rows: np.ndarray  # (m,) their places there
    center: np.ndarray  # (d,) nearly their mean
    squared: np.ndarray  # (m,) their squared distances from it


class RowImage:
    """The float32 image of the rows that centres are screened against; see `bounds`.

    Its parameter `of` tells where the rows are in another image, whose projection they may share.
    """

    def __init__(
        self,
        X: np.ndarray,
        *,
        project: bool,
        k: int | None = None,
        scales: fixed_point.Scales | None = None,
        fill: bool = True,
        of: ImageOf | None = None,
    ):
        self._measure(X, scales)
        n, d = X.shape
        if project and of is not None and self._share(of):
            return
        if project and d >= 2 * PROJECTION and n >= PROJECTION_ROWS:
            self._project(PROJECTION if k is None or k > 2 else PROJECTION_FOR_TWO)
        if self.Q is None:
            self._take_all(fill)

    def _measure(self, X: np.ndarray, scales: fixed_point.Scales | None) -> None:
        """Choose the origin and the unit of the images."""
        self.X = X
        if scales is None:
            mean, variance, low, high = moments(X[:: max(1, len(X) // 1024)])
            largest = np.maximum(np.abs(low), np.abs(high))
        else:
            mean, variance, largest = scales.mean, scales.variance, scales.max_abs
        size = float(largest.max())
        self.mean, self.spread = mean, float(variance.sum())
        self.factor = 1.0
        far = float(mean @ mean) > 16 * self.spread
        outside = not 1e-12 < size < 1e12
        self.copied = X.dtype != np.float32 or far or outside
        if self.copied and size > 0:
            self.factor = 2.0 ** min(-int(np.frexp(size)[1]), 400)  # its square is used too
        self.Q: np.ndarray | None = None

    def _project(self, m: int) -> None:
        """Project onto the leading directions of a sample if they hold most of its variance."""
        n, d = self.X.shape
        sample = self.X[:: max(1, n // 512)][:1024].astype(np.float64)
        sample = ((sample - self.mean) * self.factor).astype(np.float32)
        with single_threaded_blas():  # too small for threads
            Q = _leading_directions(sample, m)
            total = float(np.einsum("nd,nd->", sample, sample))
            if total == 0 or float(((sample @ Q) ** 2).sum()) < 0.6 * total:
                return
        self.kappa = (d + 8) * 2.0**-24 * np.sqrt(m)
        self.error = 2.5 * self.kappa
        self.Z = np.empty((n, m), np.float32)
        self.norm, self.rest, self.size, self.centred = np.empty((4, n), np.float32)
        self._project_onto(Q)

    def _share(self, of: ImageOf) -> bool:
        """Move the other image's projections of the rows, if they hold most of their variance."""
        other, n = of.image, len(of.rows)
        center = np.asarray(of.center, np.float64)
        # otherwise centres that are as near to a row but for the rounding of its float64 distances
        # could be told apart, because the point may be nearer to them than a mean with the row is
        off = 4 * n * float(((center - self.mean) ** 2).sum()) > self.spread
        if off or other.Q is None or other.copied != self.copied:
            return False
        self.factor = other.factor
        away = center - other.mean
        shift = (self.factor * (away @ other.Q)).astype(np.float32)
        reach = self.factor * float(np.sqrt(away @ away))
        # the shift is rounded to float32, and so is its difference from the image
        kappa = other.kappa + 4 * 2.0**-24
        error = 2.5 * kappa
        Z = np.empty((n, other.Q.shape[1]), np.float32)
        norm, rest, size, centred = np.empty((4, n), np.float32)
        out, scale = Projected(Z, norm, rest, size, centred), self.factor**2
        parts = blocks(n, rows_per_task(n, 4 * Z.shape[1]))
        run_blocks(
            lambda b: move_images(
                other.Z, other.norm, of.rows, of.squared, shift, reach, scale, error, *parts[b], out
            ),
            len(parts),
        )
        if float(size.sum()) < SHARED * float(centred.sum()):
            return False
        self.mean, self.kappa, self.error, self.Q = center, kappa, error, other.Q
        self.Z, self.norm, self.rest, self.size, self.centred = out
        return True

    def _project_onto(self, Q: np.ndarray) -> None:
        n = self.X.shape[0]
        self.Q = Q
        Q32 = np.ascontiguousarray(Q, np.float32)
        parts = blocks(n, PROJECTED_ROWS)
        shift = (self.factor * (self.mean @ Q)).astype(np.float32)
        reach = float(np.sqrt(self.mean @ self.mean))
        out = Projected(self.Z, self.norm, self.rest, self.size, self.centred)

        def block(b):
            if self.copied:
                project_copies(self.X, self.mean, Q32, self.factor, self.error, *parts[b], out)
            else:
                project_rows(
                    self.X, self.mean, Q32, shift, self.factor, reach, self.error, *parts[b], out
                )

        with single_threaded_blas():
            run_blocks(block, len(parts))

    def _take_all(self, fill: bool = True) -> None:
        n, d = self.X.shape
        self.Q = None
        self.kappa, self.error = 0.0, 2.0**-21
        self.norm, self.size, self.centred = np.empty((3, n), np.float32)
        self.rest = np.zeros(n, np.float32)
        self.Z = self.X
        if self.copied:
            self.kappa = 2.0**-23
            self.Z = np.empty((n, d), np.float32)
        if not fill:
            return
        parts = blocks(n, ROWS_PER_TASK)
        run_blocks(lambda b: self.fill(*parts[b]), len(parts))

    def fill(self, a: int, b: int) -> None:
        """Compute the images and lengths of rows a..b."""
        if self.copied:
            centre_rows(self.X, self.mean, self.factor, a, b, self.Z, self.norm, self.centred)
            self.size[a:b] = self.centred[a:b]
        else:
            row_norms(self.X, self.mean, a, b, self.norm, self.size, self.centred)

    def reconsider(self, screened: int, measured: int, k: int) -> bool:
        """Drop the projection if its exact distances cost more than products of all columns.

        Returns whether the images changed.
        """
        if self.Q is None or measured <= 2 * screened + screened * self.X.shape[1] * k // 50_000:
            return False
        self._take_all()
        return True

    def centres(self, C):
        """The centres' images (k, m) and the terms of their intervals; see bounds.intervals."""
        k, m = len(C), C.shape[1] if self.Q is None else self.Q.shape[1]
        images, terms = np.empty((k, m), np.float32), np.empty((4, k), np.float32)
        parts = blocks(k, 64)

        def block(b):
            first, last = parts[b]
            images[first:last], terms[:, first:last] = self._centres(C[first:last])

        run_blocks(block, len(parts))
        return images, terms

    def holds(self, C):
        """Whether squared distances to the centres stay far below the largest float32.

        Rows are within 1e12 of the origin in each column.
        """
        return self.factor * float(np.abs(C - self.mean).max()) < FARTHEST / len(self.mean) ** 0.5

    def _centres(self, C):
        E = (C - self.mean) * self.factor
        images = E if self.Q is None else E @ self.Q
        shifted = self.Q is not None or self.copied
        terms = bounds.centre_terms(E, images, self.mean, shifted, self.kappa)  # may change images
        return images, terms

    def rows(self) -> bounds.ImageRows:
        return bounds.ImageRows(self.X, self.Z, self.norm, self.rest, self.centred, self.factor)

    def _variant(self) -> tuple[Any, Any]:
        """The arguments that select the loops to compile; see `bounds.screen_rows`."""
        return self.rows(), None

    def assign(self, C, previous, upper, lower, labels, changed):
        """Screen all rows. previous: the centres for which the bounds hold, or None."""
        rows, centers = self._variant(), bounds.ImageCenters(C, *self.centres(C))
        drift = bounds.movement(C, C if previous is None else previous, self.factor)
        parts = blocks(len(labels), rows_per_task(len(labels), centers.E.size + 256))
        counts = np.zeros((len(parts), 2), np.int64)
        assignment = bounds.Assignment(labels, upper, lower, changed)

        def block(b):
            counts[b] = bounds.screen_rows(
                self.X, self.factor, *rows, centers, drift, previous is None, *parts[b], assignment
            )

        with single_threaded_blas():
            run_blocks(block, len(parts))
        screened, measured = counts.sum(axis=0).tolist()
        return screened, measured


class LazyImage(RowImage):
    """An image that keeps nothing per row: it is made of the rows that are screened."""

    def __init__(self, X: np.ndarray, scales: fixed_point.Scales):
        self._measure(X, scales)
        self.kappa = 2.0**-23 if self.copied else 0.0

    def _variant(self) -> tuple[Any, Any]:
        origin = self.mean if self.copied else np.zeros_like(self.mean)
        return None, bounds.LazyRows(self.X, self.mean, origin, self.factor)


def _leading_directions(sample: np.ndarray, m: int) -> np.ndarray:
    """Orthonormal columns near the leading principal directions (Halko et al., 2011)."""
    rng = np.random.default_rng(0)
    Q = rng.standard_normal((sample.shape[1], m)).astype(np.float32)
    for _ in range(2):
        Q = np.linalg.qr(sample.T @ (sample @ Q))[0]
    return np.linalg.qr(Q.astype(np.float64))[0]
