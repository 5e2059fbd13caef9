"""CuPy runs the generic kernel, which is products and sums of blocks of the matrix."""
