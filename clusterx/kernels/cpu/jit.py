"""How kernels are compiled, and where the compiled ones are kept."""

import pickle
import warnings
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numba
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.serialize import dumps

from ... import __version__
from ...properties import cached_property

#: Loops that only other loops call: without the way in from Python, a tenth of what is compiled.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def jit(function=None, **options):
    """`numba.njit` for kernels: without the GIL, and with their code in a `KernelCache`."""
    if function is None:
        return partial(jit, **options)
    kernel = numba.njit(nogil=True, **options)(function)
    kernel._cache = KernelCache(function)
    return kernel


class KernelCache(NullCache):
    """The code of one kernel on disk, a file per signature; the kernel works without it, too.

    numba's own cache fails where no folder can be written, on a full disk and on damaged files,
    and its index mixes up signatures if processes write together or data is missing. Here each
    file begins with a digest of its code and of what the code is for: anything else counts as
    missing, and is compiled and written again.
    """

    def __init__(self, function):
        self._function = function

    @cached_property
    def _numba(self):
        """numba's part, which finds a folder and turns code into bytes; None without a folder."""
        try:
            return CompileResultCacheImpl(self._function)
        except (OSError, RuntimeError) as error:
            _warn_once(error)
            return None

    @property
    def cache_path(self):
        return self._numba and self._numba.locator.get_cache_path()

    def load_overload(self, sig, target_context):
        target_context.refresh()  # code is linked against what it knows
        if self._numba is None:
            return None
        try:
            file, purpose = self._entry(sig, target_context.codegen())
            content = file.read_bytes()
            code = content[_DIGEST:]
            if content[:_DIGEST] != _digest(purpose, code):
                return None
            return self._numba.rebuild(target_context, pickle.loads(code))
        except Exception:  # pickle may raise anything, such as for a class that has moved since
            return None

    def save_overload(self, sig, data):
        if self._numba is None or not self._numba.check_cachable(data):
            return
        code = dumps(self._numba.reduce(data))
        try:
            file, purpose = self._entry(sig, data.codegen)
            _write(file, _digest(purpose, code) + code)
        except OSError as error:
            _warn_once(error)

    def _entry(self, sig, codegen):
        """The file of a signature's code on this machine, and what that code is for."""
        target = repr((sig, codegen.magic_tuple()))
        locator = self._numba.locator
        name = f"{self._numba.filename_base}.{sha256(target.encode()).hexdigest()[:16]}.nbc"
        versions = numba.__version__, __version__, locator.get_source_stamp()
        return Path(locator.get_cache_path()) / name, repr((versions, target)).encode()


_DIGEST = sha256().digest_size


def _digest(purpose, code):
    return sha256(purpose + code).digest()


def _write(file, content):
    """Write a file as a whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{uuid4().hex[:16]}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


_warned = False


def _warn_once(error):
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"Compiled kernels can't be kept on disk, so each process compiles them again: {error}."
            " Set the environment variable NUMBA_CACHE_DIR to a writable folder with free space.",
            RuntimeWarning,
            stacklevel=2,
        )
