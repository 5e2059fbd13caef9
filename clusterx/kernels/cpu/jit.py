"""Compiles kernels, and keeps the compiled code on disk."""

import pickle
import warnings
from contextlib import AbstractContextManager
from functools import partial
from glob import escape
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numba
from numba.core import event
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.serialize import dumps

from ... import __version__
from ...properties import cached_property
from ..compiling import announce
from .deferred import Deferred

#: No Python entry point, which is a tenth of the compile time: for loops that only loops call.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def jit(function=None, *, stand_in=None, seconds=0.0, **options):
    """`numba.njit` for kernels: they release the GIL and keep their code in a `KernelCache`.

    Parameters
    ----------
    stand_in : callable, optional
        A NumPy function with the same arguments that computes the same bits. The kernel is then
        `Deferred`: it is compiled once the stand-in has taken as long as compiling takes.
    seconds : float
        Approximate compile time.
    """
    if function is None:
        return partial(jit, stand_in=stand_in, seconds=seconds, **options)
    kernel = numba.njit(nogil=True, **options)(function)
    kernel._cache = KernelCache(function)
    if stand_in is None:
        return kernel
    return Deferred(function, stand_in, seconds, kernel, partial(_has_code_for, kernel))


def _has_code_for(kernel, *args):
    """Whether code for such arguments is in this process or on disk."""
    signature = tuple(kernel.typeof_pyval(value) for value in args)
    return signature in kernel.overloads or kernel._cache.has(signature, kernel.targetctx)


class _Announcer(event.Listener):
    """Announces compilations of kernels; one within another is not announced again."""

    def __init__(self):
        self._under_way: list[AbstractContextManager | None] = []

    def on_start(self, event):
        ours = isinstance(event.data["dispatcher"]._cache, KernelCache)
        first = announce() if ours and not any(self._under_way) else None
        self._under_way.append(first)
        if first is not None:
            first.__enter__()

    def on_end(self, event):
        first = self._under_way.pop()
        if first is not None:
            first.__exit__(None, None, None)


event.register("numba:compile", _Announcer())  # numba compiles one function at a time


class KernelCache(NullCache):
    """The code of one kernel on disk, a file per signature; the kernel works without it, too.

    numba's own cache fails without a writable folder, on a full disk and on damaged files, and its
    index mixes up signatures if processes write together or data is missing. Here each file begins
    with a digest of its code and of the code's purpose (signature, target, versions). A file whose
    digest differs counts as missing: the kernel is compiled and written again.
    """

    def __init__(self, function):
        self._function = function

    @cached_property
    def _numba(self):
        """numba's part: it finds a folder and turns code into bytes. None without a folder."""
        try:
            return CompileResultCacheImpl(self._function)
        except (OSError, RuntimeError) as error:
            _warn_once(error)
            return None

    @property
    def cache_path(self):
        return self._numba and self._numba.locator.get_cache_path()

    def has_files(self):
        """Whether there is a file for any signature, even if its code is of another version."""
        if self._numba is None:
            return False
        files = Path(self.cache_path).glob(f"{escape(self._numba.filename_base)}.*.nbc")
        return next(files, None) is not None

    def has(self, sig, target_context):
        """Whether there is usable code for the signature."""
        return self._code(sig, target_context) is not None

    def load_overload(self, sig, target_context):
        target_context.refresh()  # because loaded code is linked against what the context knows
        code = self._code(sig, target_context)
        try:
            return code and self._numba.rebuild(target_context, pickle.loads(code))
        except Exception:  # pickle may raise anything, such as for a class that has moved since
            return None

    def _code(self, sig, target_context):
        if self._numba is None:
            return None
        try:
            file, purpose = self._entry(sig, target_context.codegen())
            content = file.read_bytes()
        except OSError:
            return None
        code = content[_DIGEST:]
        return code if content[:_DIGEST] == _digest(purpose, code) else None

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
        """The file of a signature's code on this machine, and the purpose of that code as bytes."""
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
