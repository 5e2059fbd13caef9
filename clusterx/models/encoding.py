"""Models as JSON and arrays, and back.

Lists, strings, integers, finite floats, true, false and null are themselves in JSON; anything else
becomes an object with one key, which says what it is.
"""

from __future__ import annotations

import inspect
import math
from types import FunctionType
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator

from ..archive import KINDS, ModelFileError
from ..arrays import is_array, to_host
from .checks import check_record, check_state
from .classes import (
    FUNCTIONS,
    estimator_class,
    record_class,
    record_fields,
    record_name,
)

_PLAIN = (bool, int, str, type(None))
#: Members of a class that no attribute of a model may replace.
_METHODS = (FunctionType, classmethod, staticmethod, property)
_SPARSE = {kind.__name__: kind for kind in (scipy.sparse.csr_matrix, scipy.sparse.csr_array)}


class Encoder:
    """Turns a model into values that JSON can hold, and collects its arrays.

    Attributes
    ----------
    arrays : list of NumPy arrays
        Each array once, however often it is used.
    """

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self._places: dict[int, int] = {}
        self._held: list[Any] = []  # keeps objects alive, so that their ids are not reused

    def estimator(self, model: Any, where: str = "The model") -> dict[str, Any]:
        name = type(model).__name__
        if estimator_class(name) is not type(model):
            raise TypeError(
                f"{where} is a {type(model).__module__}.{name}, and a model file holds clusterx's "
                "own estimators. Save it by pickle, or take one of those."
            )
        parameters = model.get_params(deep=False)
        state = model.__getstate__()
        check_state(name, state)
        fields = {}
        for key, value in state.items():
            what = "parameter" if key in parameters else "attribute"
            fields[key] = self.value(value, f"The {key!r} {what} of {name}")
        return {"estimator": [name, fields]}

    def value(self, value: Any, where: str) -> Any:
        """A parameter or an attribute as JSON; `where` is its name in messages."""
        if type(value) in _PLAIN:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is list:
            return [self.value(v, where) for v in value]
        if type(value) is tuple:
            return {"tuple": [self.value(v, where) for v in value]}
        if type(value) is dict:
            items = value.items()
            return {"dict": [[self.value(k, where), self.value(v, where)] for k, v in items]}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), where)}
        return self._object(value, where)

    def _object(self, value: Any, where: str) -> dict[str, Any]:
        if is_array(value):
            return self._array_value(to_host(value), where)
        if scipy.sparse.issparse(value):
            rows = value.tocsr()
            parts = [self._array(a, where) for a in (rows.data, rows.indices, rows.indptr)]
            return {"sparse": [type(rows).__name__, list(rows.shape), parts]}
        if isinstance(value, np.random.RandomState):
            state = value.get_state(legacy=False)
            return {"random_state": self.value(state, where)}
        name = record_name(value)
        if name is not None:
            given = value._asdict() if hasattr(value, "_asdict") else vars(value)
            fields = {key: self.value(given[key], where) for key in record_fields(name)}
            return {"record": [name, fields]}
        if isinstance(value, BaseEstimator):
            return self.estimator(value, where)
        known = [name for name, function in FUNCTIONS.items() if function is value]
        if known:
            return {"function": known[0]}
        if callable(value):
            raise TypeError(
                f"{where} is a function ({getattr(value, '__qualname__', value)!s}), which a model "
                "file can't hold: reading the file would have to execute it. Name what clusterx "
                "has, or save the model by pickle."
            )
        raise TypeError(
            f"{where} is a {type(value).__module__}.{type(value).__qualname__}, which a model file "
            "can't hold. Set numbers, texts, lists or arrays, or save the model by pickle."
        )

    def _array_value(self, values: np.ndarray, where: str) -> dict[str, Any]:
        if values.dtype == object:
            if values.ndim != 1:
                raise TypeError(f"{where} is an array of Python objects. Make it one of numbers.")
            return {"objects": [self.value(v, where) for v in values.tolist()]}
        return {"array": self._array(values, where)}

    def _array(self, values: np.ndarray, where: str) -> int:
        if values.dtype.kind not in KINDS or values.dtype.char == "g":
            raise TypeError(
                f"{where} is an array of dtype {values.dtype}, which a model file can't hold. "
                "Convert it to real numbers or texts."
            )
        if np.ma.is_masked(values):
            raise TypeError(f"{where} is an array with masked values. Fill them first.")
        place = self._places.setdefault(id(values), len(self.arrays))
        if place == len(self.arrays):
            self._held.append(values)
            self.arrays.append(np.asarray(values))
        return place


class Decoder:
    """Turns JSON and arrays back into a model; ModelFileError if anything does not fit.

    Parameters
    ----------
    arrays : list of NumPy arrays
    """

    def __init__(self, arrays: list[np.ndarray]):
        self.arrays = arrays
        self._kinds = {
            "tuple": lambda given: tuple(map(self.value, self._list(given))),
            "dict": self._dict,
            "float": self._float,
            "scalar": lambda given: self._array(given, 0)[()],
            "array": self._array,
            "objects": self._objects,
            "sparse": self._sparse,
            "random_state": self._random_state,
            "record": self._record,
            "function": self._function,
            "estimator": self._estimator,
        }

    def model(self, given: Any) -> Any:
        """The model in a file."""
        if not (isinstance(given, dict) and "estimator" in given):
            raise ModelFileError("it has no model")
        return self.value(given)

    def value(self, given: Any) -> Any:
        if isinstance(given, list):
            return [self.value(v) for v in given]
        if not isinstance(given, dict):
            return given
        if len(given) != 1:
            raise ModelFileError(f"it has a value of {len(given)} kinds")
        ((kind, inner),) = given.items()
        if kind not in self._kinds:
            raise ModelFileError(f"it has a value of the unknown kind {kind!r}")
        return self._kinds[kind](inner)

    def _list(self, given: Any, length: int | None = None) -> list:
        if not isinstance(given, list) or length not in (None, len(given)):
            raise ModelFileError("it has a value that is no list of the length wanted")
        return given

    def _fields(self, given: Any) -> tuple[Any, dict[str, Any]]:
        name, fields = self._list(given, 2)
        if not isinstance(name, str) or not isinstance(fields, dict):
            raise ModelFileError("it has an object without name and fields")
        return name, {key: self.value(v) for key, v in fields.items()}

    def _dict(self, given: Any) -> dict:
        pairs = (self._list(pair, 2) for pair in self._list(given))
        return {self.value(key): self.value(value) for key, value in pairs}

    def _float(self, given: Any) -> float:
        if given not in ("nan", "inf", "-inf"):
            raise ModelFileError(f"it has {given!r} as a float")
        return float(given)

    def _array(self, given: Any, ndim: int | None = None) -> np.ndarray:
        if type(given) is not int or not 0 <= given < len(self.arrays):
            raise ModelFileError(f"it has no array {given!r}")
        found = self.arrays[given]
        if ndim not in (None, found.ndim):
            raise ModelFileError(f"it has an array of {found.ndim} dimensions in place of {ndim}")
        return found

    def _objects(self, given: Any) -> np.ndarray:
        values = [self.value(v) for v in self._list(given)]
        found = np.empty(len(values), object)
        found[:] = values
        return found

    def _sparse(self, given: Any) -> Any:
        name, shape, places = self._list(given, 3)
        if name not in _SPARSE or not all(type(s) is int for s in self._list(shape, 2)):
            raise ModelFileError("it has an unknown kind of sparse matrix")
        parts = tuple(self._array(place, 1) for place in self._list(places, 3))
        if parts[0].dtype.kind not in "buif" or any(p.dtype.kind != "i" for p in parts[1:]):
            raise ModelFileError("it has a sparse matrix of no numbers")
        found = _SPARSE[name](parts, shape=tuple(shape))
        found.check_format(full_check=True)
        return found

    def _random_state(self, given: Any) -> np.random.RandomState:
        found = np.random.RandomState()
        found.set_state(self.value(given))
        return found

    def _record(self, given: Any) -> Any:
        name, fields = self._fields(given)
        kind = record_class(name)
        if kind is None or tuple(fields) != record_fields(name):
            raise ModelFileError(f"it has an object {name!r} that no model has")
        check_record(name, fields)
        if issubclass(kind, tuple):
            return kind(**fields)
        made = kind.__new__(kind)
        made.__dict__.update(fields)
        return made

    def _function(self, given: Any) -> Any:
        if given not in FUNCTIONS:
            raise ModelFileError(f"it names the function {given!r}")
        return FUNCTIONS[given]

    def _estimator(self, given: Any) -> Any:
        name, state = self._fields(given)
        kind = estimator_class(name)
        if kind is None:
            raise ModelFileError(f"it holds a {name!r}, which is no estimator of clusterx")
        parameters = set(inspect.signature(kind).parameters)
        if not parameters <= set(state):
            raise ModelFileError(f"its {name} lacks {', '.join(sorted(parameters - set(state)))}")
        for key in set(state) - parameters:
            own = inspect.getattr_static(kind, key, None)
            if not key.isidentifier() or key.startswith("__") or isinstance(own, _METHODS):
                raise ModelFileError(f"its {name} has an attribute {key!r}")
        check_state(name, state)
        made = kind.__new__(kind)
        made.__setstate__(state)
        return made
