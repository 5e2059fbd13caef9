"""The CUDA kernels without a GPU: their source built by g++, and arrays that stand in for CuPy's.

The Python that launches them is that of the GPU, launch shapes and index arithmetic included.
"""
