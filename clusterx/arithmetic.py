"""The arithmetic of float32 matrix products: float32, or TF32 on GPUs."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar

PRECISIONS = ("float32", "tf32")

#: The `products` of all open contexts, the innermost last.
_asked: ContextVar[tuple[str, ...]] = ContextVar("clusterx_products", default=())


def precision(products: str) -> _Using:
    """Let this thread's float32 products be computed in TF32 on GPUs, inside a ``with`` statement.

    Outside, float32 means float32, whatever ``CUPY_TF32`` says. TF32 keeps 10 of the 23 mantissa
    bits of each factor, and GPUs multiply such numbers several times faster.

    Parameters
    ----------
    products : {'tf32', 'float32'}
        ``'tf32'`` allows TF32. ``'float32'`` forbids it again, inside a context that allows it.

    Returns
    -------
    context manager
        For ``with`` statements, as often as wanted, or a decorator of a function. Threads that
        start inside it begin with float32, and contexts may be nested.

    Raises
    ------
    ValueError
        `products` is neither of the two.

    Notes
    -----
    Labels, centres and inertia stay the same, bit by bit: only the time changes. Products only rule
    centres out, and only those that are farther away than rounding can explain; the distances to
    the others are computed in float64. With x and c taken relative to a point between the centres,
    TF32 leaves an error of up to ``2^-8 |x| |c|`` in ``|x - c|^2``, and float32 one of about
    ``d 2^-23 |x| |c|``. So TF32 rules out fewer centres, and where many centres are about equally
    near, this costs some of the time saved.

    It affects k-means fits and nearest centres (`predict`, `score`) of float32 rows of more than 16
    columns in CuPy arrays, on NVIDIA GPUs of compute capability 8.0 (Ampere) or higher. Everywhere
    else it changes nothing. Distances that are returned (`transform`, metrics) are never computed
    from products in TF32.

    Examples
    --------
    >>> import numpy as np
    >>> import clusterx
    >>> X = np.random.default_rng(0).standard_normal((1000, 32), dtype=np.float32)
    >>> with clusterx.precision("tf32"):
    ...     model = clusterx.KMeans(8, random_state=0).fit(X)
    """
    if not isinstance(products, str) or products not in PRECISIONS:
        raise ValueError(
            f"products must be one of {', '.join(map(repr, PRECISIONS))}, got {products!r}."
        )
    return _Using(products)


class _Using(ContextDecorator):
    """Holds no state, so that one object can be entered many times and in any thread."""

    def __init__(self, products: str):
        self.products = products

    def __enter__(self) -> None:
        _asked.set((*_asked.get(), self.products))

    def __exit__(self, *error: object) -> None:
        _asked.set(_asked.get()[:-1])


def tf32_allowed() -> bool:
    """Whether this thread lets float32 products be computed in TF32."""
    return _asked.get()[-1:] == ("tf32",)
