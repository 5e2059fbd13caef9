"""The order of rows along a space-filling curve, in which consecutive rows are near each other."""

from __future__ import annotations

from ....arrays import Array, named_dtype, namespace

#: Most columns that the curve runs through, those of largest extent: with more, each would have too
#: few bits.
COLUMNS = 6
#: Most bits of a code, which fits int64, and of a column.
BITS, COLUMN_BITS = 60, 20


class Curve:
    """The Z-order curve through the columns of largest extent."""

    def __init__(self, X: Array):
        xp = namespace(X)
        self.wide = named_dtype(xp, "float64")
        low, high = xp.astype(xp.min(X, axis=0), self.wide), xp.astype(xp.max(X, axis=0), self.wide)
        extent = high / 2 - low / 2  # half of it, because high - low may overflow
        count = min(COLUMNS, X.shape[1])
        self.columns = xp.argsort(-extent)[:count]
        self.bits = min(COLUMN_BITS, BITS // count)
        self.low = xp.take(low, self.columns)
        extent = xp.take(extent, self.columns)
        self.extent = xp.where(extent > 0, extent, xp.ones_like(extent))

    def codes(self, Y: Array) -> Array:
        """Places (m,) int64 along the curve; rows outside the box of X are clipped to it."""
        xp, cells = namespace(Y), 1 << self.bits
        within = xp.astype(xp.take(Y, self.columns, axis=1), self.wide)
        place = (within / 2 - self.low / 2) / self.extent * cells
        cell = xp.astype(xp.clip(place, 0.0, float(cells - 1)), xp.int64)
        code = xp.zeros_like(cell[:, 0])
        count = cell.shape[1]
        for bit in range(self.bits):
            for c in range(count):
                code = code | (((cell[:, c] >> bit) & 1) << (bit * count + c))
        return code
