"""Empty, because graphs are on the host, where NumPy's kernels serve them."""
