"""Fitted models in files that hold data alone: nothing in them is executed when they are read."""

from ..archive import ModelFileError
from .files import is_model_file, load_model, model_bytes, save_model

__all__ = ["ModelFileError", "is_model_file", "load_model", "model_bytes", "save_model"]
