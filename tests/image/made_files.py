"""PNGs, TIFFs and EXIF made byte by byte, as Pillow does not write them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

ORIENTATION = 0x0112


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind, data, *, damaged=False):
    checksum = zlib.crc32(kind + data) ^ damaged
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def with_chunks(png, *chunks):
    """A PNG with chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def png(values, bits, color_type, *chunks):
    """A PNG of (height, width, channels) values at a bit depth, with chunks before the pixels."""
    height, width, _ = values.shape
    digits = (values[..., None] >> np.arange(bits)[::-1]) & 1
    lines = np.packbits(digits.reshape(height, -1).astype(np.uint8), axis=1)
    data = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def directory(*entries, order="<", following=0):
    """EXIF or the start of a TIFF: entries of tag, type, count and data."""
    heap_start = 8 + 2 + 12 * len(entries) + 4
    places, heap = b"", b""
    for tag, kind, count, data in sorted(entries):
        value = data.ljust(4, b"\0")
        if len(data) > 4:
            value = struct.pack(order + "I", heap_start + len(heap))
            heap += data
        places += struct.pack(order + "HHI", tag, kind, count) + value
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    return start + places + struct.pack(order + "I", following) + heap


def turn(value, order="<"):
    return ORIENTATION, 3, 1, struct.pack(order + "H", value)


def tiff(values, *entries, order="<", deflate=False, planar=False, photometric=None):
    """A TIFF of (height, width) or (height, width, channels) values in one strip per plane."""
    pixels = values.reshape(*values.shape[:2], -1)
    height, width, channels = pixels.shape
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    planes = list(np.moveaxis(stored, 2, 0)) if planar else [stored]
    strips = [zlib.compress(p.tobytes()) if deflate else p.tobytes() for p in planes]

    def shorts(tag, *numbers):
        return tag, 3, len(numbers), struct.pack(f"{order}{len(numbers)}H", *numbers)

    def longs(tag, numbers):
        return tag, 4, len(numbers), struct.pack(f"{order}{len(numbers)}I", *numbers)

    if photometric is None:
        photometric = 2 if channels > 2 else 1
    own = [shorts(256, width), shorts(257, height), shorts(258, *[values.itemsize * 8] * channels)]
    own += [shorts(259, 8 if deflate else 1), shorts(262, photometric), shorts(277, channels)]
    own += [shorts(278, height), shorts(284, 2 if planar else 1), longs(279, [*map(len, strips)])]
    if channels == 4:
        own.append(shorts(338, 2))
    kept = [entry for entry in own if entry[0] not in {entry[0] for entry in entries}]
    length = len(directory(*kept, *entries, longs(273, [0] * len(strips)), order=order))
    starts = length + np.cumsum([0, *map(len, strips[:-1])])
    return directory(*kept, *entries, longs(273, starts.tolist()), order=order) + b"".join(strips)


def with_exif(pixels, kind, exif):
    """An RGB image in a format, its EXIF as given."""
    image = Image.fromarray(pixels)
    if kind == "PNG":
        return with_chunks(encoded(image), chunk(b"eXIf", exif))
    if kind == "WEBP":
        return encoded(image, kind, lossless=True, exif=b"Exif\0\0" + exif)
    jpeg = encoded(image, kind, quality=95)
    segment = b"Exif\0\0" + exif
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[20:]


def swapped_profile():
    """A profile in which red and green have each other's primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {}
    for entry in range(int.from_bytes(profile[128:132])):
        place = 132 + 12 * entry
        places[bytes(profile[place : place + 4])] = place
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12], profile[red + 4 : red + 12],
    )  # fmt: skip
    return bytes(profile)
