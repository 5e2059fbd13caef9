"""For CuPy: the generic kernels are sorts, cumulated sums and tiles of differences."""
