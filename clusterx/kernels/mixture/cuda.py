"""Mixtures for CuPy: the generic kernels are products of large matrices, which cuBLAS computes."""
