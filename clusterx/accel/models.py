"""Subclasses of scikit-learn's classes that compute with clusterx."""

from __future__ import annotations

import functools
import inspect
import pkgutil
import warnings
from abc import ABCMeta
from collections.abc import Callable
from typing import Any

import numpy as np

from . import completion, devices, loading
from .families import Family, is_sparse
from .routing import Size
from .running import run, under_way

#: Holds clusterx's own attributes of a fitted model; left out of copies and pickles.
STATE = "_clusterx_state"
#: Methods that fit, and so set attributes; the others only read them.
FITTING = ("fit", "partial_fit", "fit_predict")


class AcceleratedMeta(ABCMeta):
    """Makes models of scikit-learn's own class instances of the accelerated class, too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or _is_own(cls, type(instance))

    def __subclasscheck__(cls, other: type) -> bool:
        return super().__subclasscheck__(other) or _is_own(cls, other)


def _is_own(cls: type, other: type) -> bool:
    """Whether `other` is the class that `cls` itself accelerates, or a subclass of it."""
    own = vars(cls).get("_accelerates")  # users' subclasses have none of their own
    return own is not None and own in other.__mro__


class Named:
    """Stands in pickles for a name, which is looked up when the pickle is read.

    Reading it needs only Python's standard library, and gives scikit-learn's class where accel is
    not installed or not active.
    """

    def __init__(self, name: str):
        self.name = name

    def __reduce__(self) -> tuple:
        return pkgutil.resolve_name, (self.name,)


def accelerated_class(original: type, module: str, family: Family) -> type:
    """A subclass of scikit-learn's class that runs the family's methods on clusterx."""
    body: dict[str, Any] = {
        "__module__": original.__module__,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
        "_accelerates": original,
        "_family": family,
        "__reduce_ex__": _reduce_ex(f"{module}:{family.name}"),
        "__getstate__": _getstate(original),
        "__getattr__": completion.late_attribute,
    }
    for name in family.methods:
        body[name] = _method(getattr(original, name), name, family)
    return AcceleratedMeta(original.__name__, (original,), body)


def _reduce_ex(place: str) -> Callable:
    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        if "_accelerates" not in vars(type(self)):  # a user's subclass
            return object.__reduce_ex__(self, protocol)
        import copyreg

        make = copyreg._reconstructor  # type: ignore[attr-defined]
        return make, (Named(place), object, None), self.__getstate__()

    return __reduce_ex__


def _getstate(original: Any) -> Callable:
    def __getstate__(self: Any) -> Any:
        completion.complete(self)
        state = original.__getstate__(self)
        return {name: value for name, value in state.items() if name != STATE}

    return __getstate__


def _method(original: Callable, name: str, family: Family) -> Callable:
    """A method that runs on clusterx where that is faster, and otherwise calls the original."""
    label = f"{family.key}.{name}"

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        def on_original() -> Any:
            if name == "partial_fit":
                completion.complete(self)
            if name in FITTING:
                vars(self).pop(STATE, None)
            return original(self, *args, **kwargs)

        if under_way():
            return on_original()
        X = _rows(args, kwargs)
        if devices.is_foreign(X):
            return _by_clusterx(self, family, name, args, kwargs)
        size = None if X is None else size_of(self, family, X)
        work = name if name == "partial_fit" else "fit" if name in FITTING else "predict"
        key = f"{family.key}.{work}"
        variant = family.variant(self, X)
        return run(
            label,
            f"{key} {variant}".rstrip(),
            size,
            lambda: _refusal(self, family, name, X),
            lambda: _by_clusterx(self, family, name, args, kwargs),
            on_original,
            lambda: getattr(self, "n_iter_", None) if family.repeats and work == "fit" else None,
        )

    return method


def size_of(model: Any, family: Family, X: Any) -> Size | None:
    """The size of the data and of the task, or None if X has no rows and columns."""
    shape = getattr(X, "shape", None)
    if shape is None and isinstance(X, list | tuple) and X and isinstance(X[0], list | tuple):
        shape = len(X), len(X[0])
    if shape is None or len(shape) != 2 or not all(isinstance(n, int) for n in shape):
        return None
    clusters = getattr(model, family.clusters) if family.clusters else 1
    repeats = getattr(model, family.repeats[0]) if family.repeats else 1
    whole = [n if isinstance(n, int | np.integer) and n > 0 else 1 for n in (clusters, repeats)]
    return Size(*shape, *map(int, whole))


def _refusal(model: Any, family: Family, name: str, X: Any) -> str | None:
    """Why clusterx does not take a call, or None."""
    own_class: Any = type(model)
    private = _private_overrides(own_class)
    if private:
        return f"{type(model).__name__} overrides {private}, which only scikit-learn calls"
    why = family.refused(model, X)
    if why:
        return why
    begun = name == "partial_fit" and hasattr(model, "n_features_in_")
    if (begun or (name not in FITTING and family.own)) and STATE not in vars(model):
        return "the model was fitted by scikit-learn"
    twin = loading.twin(family.name)
    if family.parameters is not None:
        return None
    unknown = _given(model).keys() - inspect.signature(twin).parameters.keys()
    if unknown:
        return f"clusterx has no parameter {min(unknown)}"
    if is_sparse(X) and not all(m.__sklearn_tags__().input_tags.sparse for m in (model, twin())):
        return "no sparse matrix is taken here"
    return None


def _given(model: Any) -> dict[str, Any]:
    """Its parameters, but for those that scikit-learn is about to drop and nobody has set."""
    values = {name: getattr(model, name) for name in _parameters(type(model)._accelerates)}
    return {
        name: value
        for name, value in values.items()
        if not (isinstance(value, str) and value == "deprecated")
    }


@functools.cache
def _parameters(cls: type) -> frozenset[str]:
    return frozenset(inspect.signature(cls).parameters)


@functools.cache
def _private_overrides(cls: type) -> str:
    """The first private method of scikit-learn's that a user's subclass overrides."""
    for base in cls.__mro__:
        original = vars(base).get("_accelerates")
        if original is not None:
            return ""
        accelerated = next(b for b in cls.__mro__ if "_accelerates" in vars(b))
        for name, value in vars(base).items():
            private = name.startswith("_") and not name.startswith("__")
            if private and callable(value) and hasattr(accelerated._accelerates, name):  # type: ignore[attr-defined]
                return name
    return ""


# -- by clusterx ---------------------------------------------------------------------------------


def _by_clusterx(model: Any, family: Family, name: str, args: tuple, kwargs: dict) -> Any:
    """Run a method on clusterx, and set the model's attributes if the method fits."""
    from sklearn import get_config

    checked = name in FITTING and hasattr(model, "_parameter_constraints")
    if checked and not get_config().get("skip_parameter_validation", False):
        model._validate_params()
    warm = getattr(model, "warm_start", False) and hasattr(model, "n_features_in_")
    fresh = name in ("fit", "fit_predict") and not warm
    moved = devices.current() == "cuda" and not devices.is_foreign(_rows(args, kwargs))
    twin, draws = _twin(model, family, fresh=fresh, named=not moved), _draws(model)
    try:
        if moved:
            args, kwargs = _moved(model, name, args, kwargs)
            twin = twin if fresh else twin.to_device(_rows(args, kwargs))
        result = getattr(twin, name)(*args, **kwargs)
    except Exception:
        _restore(draws)
        raise
    if moved and name in FITTING:
        twin = twin.to_device("cpu")
    if moved:
        result = devices.fetched(result)
    if name in FITTING:
        _adopt(model, twin, family, named=not moved)
    if result is twin or name in ("fit", "partial_fit"):
        return model
    return _wide(result) if name in family.wide else result


def _twin(model: Any, family: Family, *, fresh: bool, named: bool) -> Any:
    """A clusterx model with the parameters of the model, and its attributes unless `fresh`.

    Unless `named`, it has no names of columns, because arrays on a GPU have none.
    """
    if family.parameters is None:
        parameters = _given(model)
    else:
        parameters = family.parameters(model)
    twin = loading.twin(family.name)(**parameters)
    if not fresh:
        own = vars(model)
        attributes = (*family.attributes, "n_features_in_", *(["feature_names_in_"] * named))
        twin.__dict__.update(own.get(STATE, {}))
        twin.__dict__.update({name: own[name] for name in attributes if name in own})
    return twin


def _adopt(model: Any, twin: Any, family: Family, *, named: bool) -> None:
    """Set the model's attributes to those of clusterx's model, in scikit-learn's types."""
    own = vars(twin)
    names = family.attributes
    if named:
        names = (*names, "n_features_in_", "feature_names_in_")
    for name in names:
        if name in own:
            setattr(model, name, _wide(own[name]) if name in family.wide else own[name])
        else:
            vars(model).pop(name, None)
    given = {*names, *_parameters(type(model)._accelerates)}
    for name in completion.LATE.get(family.key, ()):
        vars(model).pop(name, None)
    vars(model)[STATE] = {name: value for name, value in own.items() if name not in given}
    completion.at_once(model, family.key)


def _wide(values: Any) -> Any:
    """Numbers in the wider types that scikit-learn returns here."""
    if isinstance(values, float):
        return np.float64(values)
    return values.astype(np.int64) if isinstance(values, np.ndarray) else values


def _draws(model: Any) -> tuple[np.random.RandomState, Any] | None:
    """The generator that a call will use, and its state, if the generator outlives the call."""
    given = getattr(model, "random_state", 0)
    if given is None:
        given = np.random.mtrand._rand
    return (given, given.get_state()) if isinstance(given, np.random.RandomState) else None


def _restore(draws: tuple[np.random.RandomState, Any] | None) -> None:
    if draws is not None:
        draws[0].set_state(draws[1])


def _moved(model: Any, name: str, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The arguments with the rows on the GPU; the columns' names and number are checked first."""
    from sklearn.utils.validation import validate_data

    X = _rows(args, kwargs)
    if is_sparse(X):
        raise TypeError("sparse matrices stay on the CPU")
    first = name in ("fit", "fit_predict") or not hasattr(model, "n_features_in_")
    with warnings.catch_warnings():
        validate_data(model, X, reset=first, skip_check_array=True)
    X = devices.placed(X)
    return ((X, *args[1:]), kwargs) if args else (args, kwargs | {"X": X})


def _rows(args: tuple, kwargs: dict) -> Any:
    return args[0] if args else kwargs.get("X")
