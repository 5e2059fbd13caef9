"""The code that all CUDA kernels share: the device, the loader of `.cu` files, products, positions.

The kernels are CUDA C++ in the folders of the families, compiled on first use for the GPU at hand.
"""
