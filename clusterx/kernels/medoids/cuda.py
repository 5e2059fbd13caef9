"""For CuPy: the generic kernel is products and sums of blocks of the matrix."""
