"""Matrix products by cuBLAS, in the requested arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arithmetic import tf32_allowed
from ...arrays import Array, dtype_name

#: Least compute capability, times 10, of a GPU with TF32.
LEAST_TF32 = 80
#: cuBLAS's factors of the product (1) and of the old content of the result (0), in host memory.
_FACTORS = {name: (np.ones((), name), np.zeros((), name)) for name in ("float32", "float64")}


class Products:
    """Scalar products of the rows of two arrays.

    Each call tells cuBLAS which arithmetic to use. CuPy's `matmul` would take it from a setting of
    the whole process, which starts as the variable ``CUPY_TF32`` and is shared by all threads.

    Parameters
    ----------
    loader : Loader
        Its `cupy` has cuBLAS.
    """

    def __init__(self, loader: Any):
        self._loader = loader

    def in_tf32(self, dtype: Any) -> bool:
        """Whether to compute products of this dtype in TF32: the user allows it, the GPU has it."""
        if dtype_name(dtype) != "float32" or not tf32_allowed():
            return False
        return int(self._loader.cupy.cuda.Device().compute_capability) >= LEAST_TF32

    def __call__(self, a: Array, b: Array, out: Array, *, tf32: bool) -> None:
        """Write out[i, j], the product of a[i] and b[j]. All are contiguous and of one dtype."""
        (n, d), (k, _), name = a.shape, b.shape, dtype_name(out.dtype)
        assert out.shape == (n, k)
        assert dtype_name(a.dtype) == dtype_name(b.dtype) == name
        assert all(x.flags.c_contiguous for x in (a, b, out)), "cuBLAS reads memory in order"
        cuda = self._loader.cupy.cuda
        try:
            blas = cuda.cublas
            kind = cuda.runtime.CUDA_R_32F if name == "float32" else cuda.runtime.CUDA_R_64F
            arithmetic = blas.CUBLAS_COMPUTE_32F if name == "float32" else blas.CUBLAS_COMPUTE_64F
            if tf32:
                arithmetic = blas.CUBLAS_COMPUTE_32F_FAST_TF32
            multiply, handle = blas.gemmEx, cuda.device.get_cublas_handle()
            turned, straight, method = blas.CUBLAS_OP_T, blas.CUBLAS_OP_N, blas.CUBLAS_GEMM_DEFAULT
        except (AttributeError, ImportError) as error:
            raise RuntimeError(
                f"clusterx multiplies matrices by cuBLAS as CuPy 14 offers it, and this CuPy does "
                f"not ({error}). Install cuBLAS and CuPy 14 together: "
                'pip install -U "cupy-cuda12x[ctk]", or cuda13x.'
            ) from error
        one, zero = (factor.ctypes.data for factor in _FACTORS[name])
        # cuBLAS stores matrices by columns, so its result is (k, n)
        multiply(
            handle, turned, straight, k, n, d, one, b.data.ptr, kind, d, a.data.ptr, kind, d, zero,
            out.data.ptr, kind, k, arithmetic, method,
        )  # fmt: skip
