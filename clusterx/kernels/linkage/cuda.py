"""CUDA runs the generic kernels."""
