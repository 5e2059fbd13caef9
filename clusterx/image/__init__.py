"""Colour quantisation: images in few colours."""

from ..files import UnwritableError
from .animation import QuantizedAnimation, quantize_animation
from .device import DeviceError
from .dithering import Dither
from .io import load
from .many import quantize_many
from .palette_files import UnreadablePaletteError, read_palette, write_palette
from .picture import ImageTooLargeError, Picture, UnreadableImageError
from .quality import ImageQuality, compare
from .quantize import QuantizedImage, quantize
from .quantizer import ColorQuantizer
from .remapping import remap
from .segment import Segmentation, segment_colors

__all__ = [
    "ColorQuantizer",
    "DeviceError",
    "Dither",
    "ImageQuality",
    "ImageTooLargeError",
    "Picture",
    "QuantizedAnimation",
    "QuantizedImage",
    "Segmentation",
    "UnreadableImageError",
    "UnreadablePaletteError",
    "UnwritableError",
    "compare",
    "load",
    "quantize",
    "quantize_animation",
    "quantize_many",
    "read_palette",
    "remap",
    "segment_colors",
    "write_palette",
]
