"""Saving and loading of models."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import clusterx

from ..archive import ModelFileError, packed, unpacked
from ..arrays import gpu_library, is_array
from ..base import Estimator
from ..files import write
from .encoding import Decoder, Encoder

#: Errors that inconsistent values raise while a model is rebuilt.
_UNFIT = ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError
#: First bytes of ZIP archives, and so of model files.
_MAGIC = b"PK\x03\x04"


def save_model(model: Any, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Write a model to a file that holds only data, unlike a pickle.

    The file is a ZIP archive of JSON and of arrays in NumPy's format, which other programs can
    read. It is written whole or not at all, and ends with a checksum. Arrays on a GPU are copied to
    the host first.

    Parameters
    ----------
    model : estimator of clusterx
        Fitted or not; or scikit-learn's Pipeline of a StandardScaler and such an estimator.
    path : str or path-like
    overwrite : bool, default=True
        Whether an existing file may be replaced.

    Raises
    ------
    TypeError
        The model, or one within it, is not an estimator of clusterx; or a parameter is a function
        or another object that a file can't hold. The message names it.
    FileExistsError
        The file exists, and `overwrite` is False.
    clusterx.files.UnwritableError
        The file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from clusterx import KMeans, load_model, save_model
    >>> model = KMeans(2, random_state=0).fit([[0.0], [1.0], [8.0], [9.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, f"{folder}/two.clusterx")
    ...     load_model(f"{folder}/two.clusterx").predict([[2.0]]) == model.predict([[2.0]])
    array([ True])
    """
    write(path, model_bytes(model), overwrite=overwrite)


def model_bytes(model: Any) -> memoryview:
    """The bytes that `save_model` writes."""
    encoder = Encoder()
    described = encoder.estimator(model)
    return packed("model", described, encoder.arrays, clusterx.__version__)


def load_model(path: str | os.PathLike[str], *, device: Any = "cpu") -> Any:
    """Read a model that `save_model` wrote. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
    device : {'cpu', 'cuda'} or array, default='cpu'
        Where to put the model's arrays: in NumPy arrays, on an NVIDIA GPU, or in the library and
        on the device of the given array. It need not be where the model was fitted.

    Returns
    -------
    estimator

    Raises
    ------
    ModelFileError
        The file is damaged, is not a model file, or has a later version of the format.
    FileNotFoundError
    clusterx.arrays.DeviceError
        'cuda' was asked for, and CuPy is missing or finds no GPU.

    Warns
    -----
    OtherVersionWarning
        Another version of clusterx wrote the file.
    """
    like = _like(device)
    with open(path, "rb") as file:
        data = file.read()
    try:
        described, arrays = unpacked("model", data)
        model = Decoder(arrays).model(described)
    except _UNFIT as error:
        cause = error if isinstance(error, ModelFileError) else f"its values don't fit ({error})"
        raise ModelFileError(
            f"{os.fspath(path)}: is no model that clusterx can read: {cause}. Save the model again "
            "with clusterx.save_model."
        ) from error
    if like is None or isinstance(model, clusterx.ColorQuantizer):  # computes where the image is
        return model
    if not isinstance(model, Estimator):
        raise ValueError(
            f"{os.fspath(path)}: holds a {type(model).__name__}, which works on the host. Load it "
            "with device='cpu'."
        )
    return model.to_device(like)


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins like a model file, as no pickle does."""
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _like(device: Any) -> Any:
    """An array on the device; None for the host."""
    if isinstance(device, str) and device in ("cpu", "cuda"):
        return None if device == "cpu" else gpu_library().empty(0)
    if isinstance(device, np.ndarray):
        return None
    if not is_array(device):
        raise ValueError(f"device must be 'cpu', 'cuda' or an array, got {device!r}.")
    return device
