"""Colour quantisation: images in few colours."""

from ..files import UnwritableError
from .device import DeviceError
from .dithering import Dither
from .io import load
from .palette_files import UnreadablePaletteError, read_palette, write_palette
from .picture import ImageTooLargeError, Picture, UnreadableImageError
from .quantize import QuantizedImage, quantize
from .quantizer import ColorQuantizer
from .remapping import remap

__all__ = [
    "ColorQuantizer",
    "DeviceError",
    "Dither",
    "ImageTooLargeError",
    "Picture",
    "QuantizedImage",
    "UnreadableImageError",
    "UnreadablePaletteError",
    "UnwritableError",
    "load",
    "quantize",
    "read_palette",
    "remap",
    "write_palette",
]
