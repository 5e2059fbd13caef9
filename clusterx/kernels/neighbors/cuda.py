"""CuPy's arrays are searched by the generic kernels so far."""
