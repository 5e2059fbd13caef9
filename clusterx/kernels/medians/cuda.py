"""CuPy runs the generic kernels, which are sorts, cumulated sums and tiles of differences."""
