"""The ground of all CUDA kernels: the device, the loader of `.cu` files, products, streams.

The kernels are CUDA C++ in the folders of the families, compiled on first use for the GPU at hand.
"""
