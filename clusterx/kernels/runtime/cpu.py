"""What NumPy's arrays need besides primitives; their blocks are read by the generic stream."""

from ..cpu.threads import single_threaded_blas

__all__ = ["dtypes", "limited_blas"]

dtypes = frozenset({"uint8", "float32", "float64"})
limited_blas = single_threaded_blas
