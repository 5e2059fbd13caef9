"""Switches the substitution of scikit-learn's names on and off."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import devices, routing
from .families import FAMILIES
from .functions import FUNCTIONS, AcceleratedFunction
from .models import accelerated_class
from .records import RECORDS
from .substitution import Substitutes


def _table() -> dict[str, dict[str, Callable[[Any], Any]]]:
    """The makers of the substitute for each name, by module."""
    made: dict[tuple[int, str], Any] = {}  # one substitute where two modules share an object

    def once(make: Callable, module: str, spec: Any, original: Any) -> Any:
        place = id(original), spec.name
        if place not in made:
            made[place] = make(original, module, spec)
        return made[place]

    table: dict[str, dict[str, Callable[[Any], Any]]] = {}
    for module, families in FAMILIES.items():
        table.setdefault(module, {}).update(
            {f.name: partial(once, accelerated_class, module, f) for f in families}
        )
    for module, functions in FUNCTIONS.items():
        own = {f.name: partial(once, AcceleratedFunction, module, f) for f in functions}
        table.setdefault(module, {}).update(own)
    return table


def _owners(modules: dict[str, Any]) -> dict[str, str]:
    return {module: module.partition(".")[0] for module in modules}


_modules = _table()
_substitutes = Substitutes(_modules, _owners(_modules))


def install(*, device: str = "cpu", always: bool = False) -> None:
    """Let scikit-learn's clustering names stand for clusterx in all code but scikit-learn's own.

    Names that were imported before (``from sklearn.cluster import KMeans``) stay what they are,
    so call this above those imports. A second call only sets the device and `always`.

    Parameters
    ----------
    device : {"cpu", "cuda"}, default="cpu"
        ``"cuda"`` copies the rows of each call to the GPU, and the results back.
    always : bool, default=False
        Let clusterx take every call that it can, even where it was not measured to be faster.

    Raises
    ------
    ValueError
        There is no such device.
    ImportError
        The device is ``"cuda"``, and CuPy is not installed.
    RuntimeError
        The device is ``"cuda"``, and there is no GPU.

    Examples
    --------
    >>> import clusterx.accel
    >>> clusterx.accel.install()
    >>> from sklearn.cluster import KMeans
    >>> KMeans(2, random_state=0).fit([[0.0], [0.1], [5.0]]).labels_
    array([0, 0, 1], dtype=int32)
    >>> clusterx.accel.uninstall()
    """
    devices.choose(device)
    routing.take_all(always)
    if not _substitutes.active:
        RECORDS.clear()
        routing.forget()
    _substitutes.install()


def uninstall() -> None:
    """Give scikit-learn's modules their own names back.

    Classes and models made meanwhile go on as before; names imported from now on are
    scikit-learn's. Without an installation this does nothing.
    """
    _substitutes.uninstall()
    devices.choose("cpu")
    routing.take_all(False)


def is_installed() -> bool:
    """Whether the names stand for clusterx now."""
    return _substitutes.active
