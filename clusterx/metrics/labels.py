"""Two labelings of the same samples: checks, codes, and their contingency table."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from ..arrays import (
    Array,
    asarray,
    device,
    dtype_name,
    is_array,
    is_lazy,
    label_array,
    namespace,
    on_host,
    to_host,
)
from ..kernels import kernels_for
from ..validation import check_concrete


class EncodedLabels(NamedTuple):
    """Labels as indices into the distinct labels."""

    codes: Array  # (n,) int32
    classes: Array  # (k,), ascending


class LabelCounts(NamedTuple):
    """The nonzero cells of the table of classes by clusters, on the host.

    No class or cluster is empty. Counts are integers, or floats if a user passed such a table.
    """

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    row_sums: np.ndarray
    column_sums: np.ndarray
    n: Any

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of classes and clusters."""
        return len(self.row_sums), len(self.column_sums)

    @property
    def is_match(self) -> bool:
        """Whether the labelings are the same up to the names of the clusters."""
        return len(self.counts) == len(self.row_sums) == len(self.column_sums)


def check_clusterings(labels_true: Any, labels_pred: Any) -> tuple[Array, Array]:
    """The labelings as arrays, each on its own device.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Integers, booleans, floats or dates; on the host strings and other objects too.

    Returns
    -------
    labels_true, labels_pred : array of shape (n,)

    Raises
    ------
    ValueError
        They are not one-dimensional, differ in length, contain NaN or infinity, or are masked in
        places.
    TypeError
        They are complex numbers or records.

    Warns
    -----
    UserWarning
        They have fractions, like the results of a regression.
    """
    true = _one_dimensional("labels_true", labels_true)
    pred = _one_dimensional("labels_pred", labels_pred)
    sizes = [true.shape[0], pred.shape[0]]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {sizes}. labels_true and "
            "labels_pred must label the same samples, in the same order."
        )
    kinds = [_kind("labels_true", true), _kind("labels_pred", pred)]
    if "continuous" in kinds:
        warnings.warn(
            f"Clustering metrics expects discrete values but received {kinds[0]} values for label, "
            f"and {kinds[1]} values for target: every distinct number counts as a cluster.",
            UserWarning,
            stacklevel=5,  # the caller of the score
        )
    return true, pred


def check_labels(name: str, labels: Any) -> Array:
    """One labeling as an array; raise, naming it, if it can't be one."""
    labels = _one_dimensional(name, labels)
    _kind(name, labels)
    return labels


def _one_dimensional(name: str, labels: Any) -> Array:
    if is_lazy(labels):
        from ..rows.values import known

        labels = known(labels)
    if not is_array(labels) and len(getattr(labels, "shape", (0,))) == 1:  # no frame, not sparse
        try:
            labels = label_array(labels)
        except ValueError as error:
            raise ValueError(f"{name} must be 1D, one label per sample: {error}") from error
    if len(labels.shape) != 1:
        raise ValueError(
            f"{name} must be 1D: shape is {tuple(labels.shape)!r}. Pass one label per sample; "
            "ravel() flattens a single column."
        )
    if np.ma.is_masked(labels):
        raise ValueError(f"{name} is masked in places: drop those samples from both labelings.")
    if not on_host(labels):
        check_concrete(name, labels)
    return labels.detach() if hasattr(labels, "detach") else labels


def _kind(name: str, labels: Array) -> str:
    """'discrete' or 'continuous'; raise if they can't be labels."""
    kind = dtype_name(labels.dtype)
    if kind.startswith(("complex", "void")):
        raise TypeError(f"{name} must hold numbers, strings or dates, got dtype {kind}.")
    if not kind.startswith(("float", "bfloat", "longdouble")):
        return "discrete"
    xp = namespace(labels)
    tests = xp.stack([xp.all(xp.isfinite(labels)), xp.all(xp.floor(labels) == labels)])
    finite, whole = to_host(tests).tolist()
    if not finite:
        raise ValueError(
            f"Input {name} contains NaN or infinity: drop those samples from both labelings, or "
            "give them a label of their own."
        )
    return "discrete" if whole else "continuous"


def coded(name: str, labels: Array) -> EncodedLabels:
    """Checked labels as codes, computed on their device."""
    if is_lazy(labels):
        return _coded_chunks(name, labels)
    kind = dtype_name(labels.dtype)
    if kind.startswith(("object", "str", "bytes", "StringDType")):
        return _coded_objects(name, labels)
    if kind.startswith(("datetime", "timedelta")):
        if np.isnat(labels).any():
            raise ValueError(f"Input {name} contains NaN (NaT): drop those samples.")
        codes, classes = kernels_for(namespace(labels)).labels.factorize(labels.astype(np.int64))
        return EncodedLabels(codes, classes.astype(labels.dtype))
    xp = namespace(labels)
    if kind == "bool":
        codes, classes = kernels_for(xp).labels.factorize(xp.astype(labels, xp.uint8))
        return EncodedLabels(codes, xp.astype(classes, xp.bool))
    return EncodedLabels(*kernels_for(xp).labels.factorize(labels))


def _coded_chunks(name: str, labels: Any) -> EncodedLabels:
    """Codes in the chunks of the labels; classes in this process."""
    from ..rows.values import collect, mapped

    found = np.concatenate(collect(_classes, labels) or [np.empty(0, np.int64)])
    classes = coded(name, found).classes
    return EncodedLabels(mapped(_places, np.empty(0, np.int32), labels, classes), classes)


def _classes(labels: Array) -> np.ndarray:
    return to_host(coded("labels", labels).classes)


def _places(labels: Array, classes: np.ndarray) -> np.ndarray:
    """Indices of labels among all classes."""
    own = coded("labels", labels)
    at = np.searchsorted(classes, to_host(own.classes))
    return at.astype(np.int32)[to_host(own.codes)]


def _coded_objects(name: str, labels: np.ndarray) -> EncodedLabels:
    values = labels.tolist()
    try:
        distinct = list(dict.fromkeys(values))
        # only NaN differs from itself; pandas' NA has no truth value
        missing = [v for v in distinct if v is None or not bool(v == v)]
    except TypeError as error:
        raise ValueError(
            f"Input {name} contains NaN or values that can't be labels ({error}): labels must be "
            "numbers or strings."
        ) from error
    if missing:
        raise ValueError(
            f"Input {name} contains NaN or None ({missing[0]!r}): drop those samples from both "
            "labelings, or give them a label of their own."
        )
    try:
        distinct.sort()
    except TypeError as error:
        raise TypeError(
            f"{name} mixes types of labels that can't be sorted ({error}): convert all of them to "
            "strings."
        ) from error
    classes = np.empty(len(distinct), labels.dtype)
    for i, value in enumerate(distinct):
        classes[i] = value
    place = {value: i for i, value in enumerate(distinct)}
    return EncodedLabels(
        np.fromiter(map(place.__getitem__, values), np.int32, len(values)), classes
    )


def coded_pair(labels_true: Any, labels_pred: Any) -> tuple[EncodedLabels, EncodedLabels]:
    """Both labelings, checked and coded, with their codes on one device.

    If only one is on a device, the codes of the other are uploaded.
    """
    labels_true, labels_pred = check_clusterings(labels_true, labels_pred)
    true, pred = coded("labels_true", labels_true), coded("labels_pred", labels_pred)
    if on_host(true.codes) and on_host(pred.codes):
        return true, pred
    if is_lazy(true.codes) or is_lazy(pred.codes):
        return true, pred
    if on_host(true.codes):
        true = true._replace(codes=asarray(true.codes, like=pred.codes))
    elif on_host(pred.codes):
        pred = pred._replace(codes=asarray(pred.codes, like=true.codes))
    namespace(true.codes, pred.codes)  # refuses two libraries
    if device(true.codes) != device(pred.codes):
        raise ValueError(
            f"labels_true is on {device(true.codes)} and labels_pred on {device(pred.codes)}: move "
            "them to one device."
        )
    return true, pred


def count(true: EncodedLabels, pred: EncodedLabels) -> LabelCounts:
    """The table, counted on the device of the codes; only its cells come to the host."""
    shape = true.classes.shape[0], pred.classes.shape[0]
    if is_lazy(true.codes) or is_lazy(pred.codes):
        return _count_chunks(true, pred, shape)
    found = kernels_for(namespace(true.codes)).labels.contingency(true.codes, pred.codes, shape)
    rows, columns, counts = (to_host(values) for values in found)
    # exact: float64 holds integers below 2**53
    sums = (
        np.bincount(rows, counts, shape[0]).astype(np.int64),
        np.bincount(columns, counts, shape[1]).astype(np.int64),
    )
    return LabelCounts(rows, columns, counts, *sums, true.codes.shape[0])


def _count_chunks(true: EncodedLabels, pred: EncodedLabels, shape: tuple[int, int]) -> LabelCounts:
    """The table, counted in each chunk; only its cells come to this process."""
    from ..rows.values import aligned, collect

    first, second = true.codes, pred.codes
    if is_lazy(first):
        second = aligned(second, first)
    else:
        first = aligned(first, second)
    none = np.empty((3, 0), np.int64)
    row, column, number = np.hstack([none, *collect(_cells, first, second)])
    cells, which = np.unique(row * shape[1] + column, return_inverse=True)
    counts = np.zeros(len(cells), np.int64)
    np.add.at(counts, which, number)
    rows, columns = np.divmod(cells, max(1, shape[1]))
    sums = np.zeros(shape[0], np.int64), np.zeros(shape[1], np.int64)
    np.add.at(sums[0], rows, counts)
    np.add.at(sums[1], columns, counts)
    return LabelCounts(rows, columns, counts, *sums, int(counts.sum()))


def _cells(true: Array, pred: Array) -> np.ndarray:
    """Pairs of codes in a chunk, and how often each occurs: (3, u) int64."""
    shape = int(to_host(true).max()) + 1, int(to_host(pred).max()) + 1
    found = kernels_for(namespace(true)).labels.contingency(true, pred, shape)
    return np.stack([to_host(values).astype(np.int64) for values in found])


def sizes(found: EncodedLabels) -> np.ndarray:
    """How often each class occurs, on the host."""
    if on_host(found.codes):
        return np.bincount(found.codes)
    if is_lazy(found.codes):
        return _sizes_of_chunks(found)
    # count on the device, against a labeling with one cluster
    xp = namespace(found.codes)
    one, shape = xp.zeros_like(found.codes), (1, found.classes.shape[0])
    return to_host(kernels_for(xp).labels.contingency(one, found.codes, shape)[2])


def _sizes_of_chunks(found: EncodedLabels) -> np.ndarray:
    from ..rows.values import collect

    total = np.zeros(found.classes.shape[0], np.int64)
    for part in collect(_occurrences, found.codes):
        total[: len(part)] += part
    return total


def _occurrences(codes: Array) -> np.ndarray:
    return np.bincount(to_host(codes))


def tabulate(labels_true: Any, labels_pred: Any) -> LabelCounts:
    """The table of two labelings that a user passed."""
    return count(*coded_pair(labels_true, labels_pred))


def table_of(contingency: Any) -> LabelCounts:
    """The table of a contingency matrix that a user passed: an array or a SciPy sparse matrix.

    Raises
    ------
    ValueError
        It is not two-dimensional, or does not contain counts.
    """
    if hasattr(contingency, "tocoo"):
        cells = contingency.tocoo(copy=True)
        cells.sum_duplicates()
        shape, (rows, columns), counts = cells.shape, (cells.row, cells.col), cells.data
        kept = counts != 0
        rows, columns, counts = rows[kept], columns[kept], counts[kept]
    else:
        dense = to_host(contingency)
        if dense.ndim != 2:
            raise ValueError(
                f"Expected 2D array, got {dense.ndim}D array instead: contingency must have one "
                "row per class and one column per cluster."
            )
        shape, (rows, columns) = dense.shape, np.nonzero(dense)
        counts = dense[rows, columns]
    if counts.dtype.kind not in "biuf" or not (np.isfinite(counts).all() and (counts > 0).all()):
        raise ValueError(
            "contingency must hold counts: finite numbers, 0 or more. contingency_matrix() "
            "computes it from labels."
        )
    wide = np.float64 if counts.dtype.kind == "f" else np.int64
    counts = counts.astype(wide)
    row_sums, column_sums = np.zeros(shape[0], wide), np.zeros(shape[1], wide)
    np.add.at(row_sums, rows, counts)
    np.add.at(column_sums, columns, counts)
    rows, columns = (np.cumsum(s > 0)[i] - 1 for s, i in ((row_sums, rows), (column_sums, columns)))
    row_sums, column_sums = row_sums[row_sums > 0], column_sums[column_sums > 0]
    return LabelCounts(rows, columns, counts, row_sums, column_sums, row_sums.sum())
