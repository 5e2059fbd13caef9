"""Which arithmetic products of float32 matrices may use."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar

PRECISIONS = ("float32", "tf32")

#: What the contexts that are open ask for, the innermost last.
_asked: ContextVar[tuple[str, ...]] = ContextVar("clusterx_products", default=())


def precision(products: str) -> _Using:
    """Let this thread's float32 products be computed in TF32 on GPUs, inside a ``with`` statement.

    Outside, float32 means float32, whatever ``CUPY_TF32`` says. TF32 keeps 10 of the 23 bits after
    the point of each factor, and GPUs multiply such numbers several times faster.

    Parameters
    ----------
    products : {'tf32', 'float32'}
        ``'float32'`` takes TF32 back inside another context.

    Returns
    -------
    context manager
        For ``with`` statements, as often as wanted, or a decorator of a function. Threads that
        start inside it begin with float32, and contexts may be nested.

    Raises
    ------
    ValueError
        `products` is another word.

    Notes
    -----
    Labels, centres and inertia stay the same, bit by bit: only the time changes. Products are used
    to rule centres out, and one is ruled out only if it is farther than rounding explains; what is
    left is measured in float64. With x and c about a point between the centres, TF32 leaves an
    error of up to 2^-8 |x| |c| in |x - c|^2, and float32 one of about d 2^-23 |x| |c|. So more
    centres are left to be measured, which takes back some of the time where many centres are about
    as near.

    It has an effect on k-means fits and on nearest centres (`predict`, `score`) of float32 rows of
    more than 16 columns in CuPy arrays, on NVIDIA GPUs of compute capability 8.0 (Ampere) or
    higher. Everywhere else it is allowed and changes nothing. Distances that are asked for
    (`transform`, metrics) are never computed from products in TF32.

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
    """Keeps nothing itself, so that one can be entered many times, in any thread."""

    def __init__(self, products: str):
        self.products = products

    def __enter__(self) -> None:
        _asked.set((*_asked.get(), self.products))

    def __exit__(self, *error: object) -> None:
        _asked.set(_asked.get()[:-1])


def tf32_allowed() -> bool:
    """Whether this thread lets float32 products be computed in TF32."""
    return _asked.get()[-1:] == ("tf32",)
