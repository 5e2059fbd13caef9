"""What the kernels ask of CuPy besides arrays: cuBLAS's product of matrices, in memory of the host.

It takes addresses, as cuBLAS does, and numbers as columns before rows. Factors are really cut to
TF32 where that is asked for.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

from .arrays import bytes_at

#: The numbers that CUDA and cuBLAS have for these, which CuPy hands on.
CUDA_R_32F, CUDA_R_64F = 0, 1
CUBLAS_OP_N, CUBLAS_OP_T = 0, 1
CUBLAS_GEMM_DEFAULT = -1
CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F, CUBLAS_COMPUTE_32F_FAST_TF32 = 68, 70, 77
HANDLE = 4711
_TYPES = {CUDA_R_32F: np.float32, CUDA_R_64F: np.float64}


def cut_to_tf32(x: np.ndarray) -> np.ndarray:
    """10 bits after the point, and the rest gone."""
    return (np.ascontiguousarray(x).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


class Blas:
    """Stands in for `cupy.cuda.cublas`; `arithmetic` has what each call computed in."""

    def __init__(self) -> None:
        self.arithmetic: list[int] = []
        for name in (
            "CUBLAS_OP_N", "CUBLAS_OP_T", "CUBLAS_GEMM_DEFAULT", "CUBLAS_COMPUTE_32F",
            "CUBLAS_COMPUTE_64F", "CUBLAS_COMPUTE_32F_FAST_TF32",
        ):  # fmt: skip
            setattr(self, name, globals()[name])

    def gemmEx(
        self, handle, op_a, op_b, m, n, k, alpha, A, kind_a, lda, B, kind_b, ldb, beta, C, kind_c,
        ldc, arithmetic, method,
    ) -> None:  # fmt: skip
        """C (m, n) becomes alpha op(A) op(B) + beta C, columns in order in memory."""
        assert (handle, method) == (HANDLE, CUBLAS_GEMM_DEFAULT)
        assert kind_a == kind_b == kind_c
        assert (kind_c == CUDA_R_64F) == (arithmetic == CUBLAS_COMPUTE_64F)
        dtype = _TYPES[kind_c]
        factors = [_host_value(place, dtype) for place in (alpha, beta)]
        assert factors == [1.0, 0.0]
        a = _operand(A, dtype, (m, k), op_a, lda)
        b = _operand(B, dtype, (k, n), op_b, ldb)
        if arithmetic == CUBLAS_COMPUTE_32F_FAST_TF32:
            a, b = cut_to_tf32(a), cut_to_tf32(b)
        _matrix(C, dtype, m, n, ldc)[...] = a @ b
        self.arithmetic.append(arithmetic)


def _host_value(address: int, dtype: Any) -> float:
    size = np.dtype(dtype).itemsize
    return float(np.frombuffer(ctypes.string_at(address, size), dtype)[0])


def _operand(address: int, dtype: Any, shape: tuple[int, int], op: int, stride: int) -> np.ndarray:
    if op == CUBLAS_OP_T:
        return _matrix(address, dtype, *shape[::-1], stride).T
    return _matrix(address, dtype, *shape, stride)


def _matrix(address: int, dtype: Any, rows: int, columns: int, stride: int) -> np.ndarray:
    """(rows, columns), of which each column begins `stride` values after the last."""
    assert stride >= rows
    size = np.dtype(dtype).itemsize
    values = bytes_at(address, ((columns - 1) * stride + rows) * size).view(dtype)
    return np.lib.stride_tricks.as_strided(values, (rows, columns), (size, stride * size))


def with_cublas(cuda: Any, capability: str) -> Any:
    """What stands in for `cupy.cuda`, on a GPU of this compute capability, with its cuBLAS."""
    cuda.cublas = Blas()
    cuda.device = SimpleNamespace(get_cublas_handle=lambda: HANDLE)
    cuda.runtime = SimpleNamespace(CUDA_R_32F=CUDA_R_32F, CUDA_R_64F=CUDA_R_64F)
    cuda.Device = lambda: SimpleNamespace(compute_capability=capability)
    return cuda
