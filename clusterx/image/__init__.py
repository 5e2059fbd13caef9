"""Colour quantisation: images in few colours."""

from ..files import UnwritableError
from .device import DeviceError
from .io import load
from .picture import ImageTooLargeError, Picture, UnreadableImageError
from .quantize import QuantizedImage, quantize
from .quantizer import ColorQuantizer

__all__ = [
    "ColorQuantizer",
    "DeviceError",
    "ImageTooLargeError",
    "Picture",
    "QuantizedImage",
    "UnreadableImageError",
    "UnwritableError",
    "load",
    "quantize",
]
