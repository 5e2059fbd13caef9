"""CuPy runs the generic kernels."""
