"""Dtypes and BLAS limit of NumPy; the generic runtime streams its blocks."""

from ..cpu.threads import single_threaded_blas

__all__ = ["dtypes", "limited_blas"]

dtypes = frozenset({"uint8", "float32", "float64"})
limited_blas = single_threaded_blas
