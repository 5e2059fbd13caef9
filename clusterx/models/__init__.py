"""Fitted models in files that hold only data: reading a file executes nothing in it."""

from ..archive import ModelFileError
from .files import is_model_file, load_model, model_bytes, save_model

__all__ = ["ModelFileError", "is_model_file", "load_model", "model_bytes", "save_model"]
