"""Compiled kernels on disk: kept where that can be done, and never the reason why a call fails."""

import errno
import re
import warnings
from pathlib import Path

import numba
import pytest
from numba.core.caching import CompileResultCacheImpl

import clusterx
from clusterx.kernels.cpu import jit


def twice(x):
    return x + x


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where compiled kernels go; nothing has been warned of yet."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit, "_warned", False)
    return tmp_path


def called(x):
    """What `twice` returns in a new process: its value, and whether its code came from disk."""
    kernel = jit.jit(twice)
    return kernel(x), bool(kernel.stats.cache_hits)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_kernel_is_compiled_by_our_jit():
    package = Path(clusterx.__file__).parent
    named = re.compile("^(from|import) numba", re.MULTILINE)
    users = [path for path in package.rglob("*.py") if named.search(path.read_text())]
    assert users == [Path(jit.__file__)]


def test_code_is_read_again(folder):
    assert called(3) == (6, False)
    assert called(1.5) == (3.0, False)
    assert called(3) == (6, True)
    assert called(1.5) == (3.0, True)
    assert len(files(folder)) == 2
    assert {str(path.parent) for path in files(folder)} == {jit.jit(twice).stats.cache_path}


def test_without_a_writable_folder(folder, monkeypatch):
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])
    with pytest.warns(RuntimeWarning, match=r"no locator available.*NUMBA_CACHE_DIR") as told:
        assert [called(3), called(1.5)] == [(6, False), (3.0, False)]
    assert len(told) == 1
    assert jit.jit(twice).stats.cache_path is None


def test_full_disk(folder, monkeypatch):
    def fill(path, content):
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.warns(RuntimeWarning, match=r"No space left.*NUMBA_CACHE_DIR") as told:
        assert [called(3), called(1.5)] == [(6, False), (3.0, False)]
    assert len(told) == 1
    assert files(folder) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes(len(content)),
    ],
    ids=["empty", "truncated", "one bit", "zeros"],
)
def test_damaged_file_is_written_again(folder, damage):
    called(3)
    (file,) = files(folder)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    with warnings.catch_warnings(action="error"):
        assert called(3) == (6, False)
    assert called(3) == (6, True)
    assert files(folder) == [file]


def test_code_for_another_signature_is_not_used(folder):
    called(3)
    (integer,) = files(folder)
    called(1.5)
    (real,) = {*files(folder)} - {integer}
    real.write_bytes(integer.read_bytes())
    assert called(1.5) == (3.0, False)


def test_code_of_an_older_version_is_not_used(folder, monkeypatch):
    called(3)
    monkeypatch.setattr(jit, "__version__", "0.0.0")
    assert called(3) == (6, False)
    assert len(files(folder)) == 1


def test_code_that_cannot_be_unpickled_is_not_used(folder, monkeypatch):
    def moved(*_):
        raise AttributeError("Can't get attribute 'Old'")

    called(3)
    with monkeypatch.context() as patch:
        patch.setattr(CompileResultCacheImpl, "rebuild", moved)
        assert called(3) == (6, False)
    assert called(3) == (6, True)
