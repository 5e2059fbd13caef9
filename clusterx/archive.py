"""Models and checkpoints as bytes: a ZIP archive of JSON and NPY files, and a checksum.

The archive's comment, which ends the file, is the SHA-256 of all bytes before it. Members are
stored uncompressed, so that what is read is never larger than the file.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from typing import Any

import numpy as np

#: Version of the layout of the files; a reader refuses later ones.
FORMAT = 1
_DESCRIPTION = "description.json"
_DIGEST = 64
#: Kinds of dtypes in files: booleans, integers, floats and strings.
KINDS = "buifU"
_EPOCH = (1980, 1, 1, 0, 0, 0)
#: Most bytes in the header of an NPY file.
_HEADER = 4096


class ModelFileError(ValueError):
    """The file was not written by clusterx, or it is damaged."""


def packed(what: str, content: Any, arrays: list[np.ndarray], version: str) -> memoryview:
    """The bytes of a file.

    Parameters
    ----------
    what : str
        "model" or "checkpoint".
    content : any value that JSON can hold
    arrays : list of arrays
        Arrays of booleans, real numbers or strings.
    version : str
        Version of clusterx.
    """
    described = {"format": f"clusterx {what}", "format_version": FORMAT}
    described |= {"clusterx": version, what: content}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        text = json.dumps(described, allow_nan=False)
        archive.writestr(zipfile.ZipInfo(_DESCRIPTION, _EPOCH), text)
        for place, array in enumerate(arrays):
            with archive.open(zipfile.ZipInfo(_member(place), _EPOCH), "w", force_zip64=True) as to:
                np.lib.format.write_array(to, array, allow_pickle=False)
        archive.comment = b" " * _DIGEST
    data = file.getbuffer()
    data[-_DIGEST:] = _digest(data)
    return data


def unpacked(what: str, data: bytes) -> tuple[Any, list[np.ndarray]]:
    """The content and the arrays in the bytes of a model or checkpoint file.

    Raises
    ------
    ModelFileError
        The bytes are not what `packed` returned, or they have a later version of the format.
    """
    if zipfile.is_zipfile(io.BytesIO(data)) and _digest(data) != data[-_DIGEST:]:
        raise ModelFileError("its checksum is wrong: it is damaged, or no file of clusterx")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            _check_members(members, len(archive.infolist()), len(data))
            described = _described(what, archive.read(_DESCRIPTION))
            arrays = [_array(archive.read(_member(i))) for i in range(len(members) - 1)]
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"it can't be read ({error})") from error
    return described[what], arrays


def _member(place: int) -> str:
    return f"arrays/{place}.npy"


def _digest(data: bytes | memoryview) -> bytes:
    return hashlib.sha256(memoryview(data)[:-_DIGEST]).hexdigest().encode()


def _check_members(members: dict[str, zipfile.ZipInfo], entries: int, most: int) -> None:
    wanted = {_DESCRIPTION, *(_member(i) for i in range(len(members) - 1))}
    if set(members) != wanted or entries != len(members):
        raise ModelFileError("it holds other files than it should")
    stored = all(m.compress_type == zipfile.ZIP_STORED for m in members.values())
    if not stored or sum(m.file_size for m in members.values()) > most:
        raise ModelFileError("it holds compressed files, which may be of any size")


def _described(what: str, text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("format") != f"clusterx {what}":
        raise ModelFileError(f"it is no {what} file")
    version = found.get("format_version")
    if version != FORMAT:
        raise ModelFileError(
            f"it has version {version!r} of the format, of clusterx {found.get('clusterx')!r}, and "
            f"{FORMAT} is the latest that is known here"
        )
    if what not in found:
        raise ModelFileError(f"it has no {what}")
    return found


def _array(member: bytes) -> np.ndarray:
    """The array in an NPY file; its size is checked before anything is allocated."""
    file = io.BytesIO(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(file))
    if read is None:
        raise ModelFileError("it has an array in an unknown version of NPY")
    shape, by_columns, dtype = read(file, max_header_size=_HEADER)
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in KINDS or min(shape, default=0) < 0 or size != len(member) - file.tell():
        raise ModelFileError(f"it has an array of dtype {dtype} and shape {shape} in other bytes")
    values = np.frombuffer(member, dtype, math.prod(shape), file.tell()) if size else ()
    return np.array(values, dtype).reshape(shape, order="F" if by_columns else "C")
