"""Files that are written whole or not at all."""

import os
import threading

import pytest

from clusterx.files import UnwritableError, did_you_mean, refuse_existing, write


def test_file_is_new_or_replaced(tmp_path):
    path = tmp_path / "a.bin"
    write(path, b"one", overwrite=False)
    with pytest.raises(FileExistsError, match="not overwritten"):
        write(path, b"two", overwrite=False)
    write(path, memoryview(b"two"), overwrite=True)
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_symbolic_link_stays_one(tmp_path):
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", b"one", overwrite=False)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"one"
    write(tmp_path / "link", b"two", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"two"


def test_pipe_stays_one(tmp_path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe, b"one", overwrite=True)
    reader.join(10)
    assert found == [b"one"]
    assert pipe.is_fifo()


def test_long_name(tmp_path):
    write(tmp_path / ("x" * 250), b"one", overwrite=False)  # a temporary name is no longer
    path = tmp_path / ("x" * 300)
    refuse_existing(path)
    with pytest.raises(UnwritableError, match="too long"):
        write(path, b"one", overwrite=False)


def test_folder(tmp_path):
    with pytest.raises(UnwritableError, match="directory"):
        write(tmp_path, b"one", overwrite=True)
    assert os.listdir(tmp_path) == []


def test_the_most_similar_name_is_asked_about(tmp_path, monkeypatch):
    (tmp_path / "customers.csv").touch()
    assert did_you_mean(tmp_path / "custmers.csv") == f" Did you mean {tmp_path / 'customers.csv'}?"
    monkeypatch.chdir(tmp_path)
    assert did_you_mean("customer.csv") == " Did you mean customers.csv?"
    assert did_you_mean("other.csv") == did_you_mean("no/customers.csv") == ""
