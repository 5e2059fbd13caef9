"""What NumPy's arrays need besides primitives; their blocks are read by the generic stream."""

from ..cpu.threads import single_threaded_blas

__all__ = ["dtypes", "session"]

dtypes = frozenset({"uint8", "float32", "float64"})
session = single_threaded_blas
