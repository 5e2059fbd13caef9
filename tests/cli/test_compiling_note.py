"""What a terminal says while kernels are compiled."""

import io

import numba
import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from clusterx.cli.common import reporting_errors
from clusterx.cli.compiling_note import TEXT
from clusterx.kernels.compiling import listening
from clusterx.kernels.cpu import jit


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call a kernel that is compiled for the arguments, with another one inside it."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")

    @jit.jit
    def inner(x):
        return x + x

    @jit.jit
    def outer(x):
        return inner(x) + x

    return outer


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def said(console, call, *, quiet=False):
    """What the console shows of two compilations."""
    with reporting_errors(console, "test", quiet=quiet):
        assert [call(1), call(1.5)] == [3, 4.5]
    return console.file.getvalue()


def test_a_terminal_shows_a_spinner_that_goes_away(call):
    console = terminal()
    shown = said(console, call)
    assert TEXT in shown
    assert any(frame in shown for frame in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
    assert shown.endswith("\x1b[2K")  # its line is erased


def test_other_streams_show_nothing(call):
    assert said(Console(file=io.StringIO()), call) == ""


def test_quiet_commands_show_nothing(call):
    assert said(terminal(), call, quiet=True) == ""


def test_a_terminal_on_which_nothing_moves_shows_one_line(call, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    shown = said(terminal(), call)
    assert shown == f"clusterx: {TEXT}\n"


def test_beside_a_bar(call):
    console = terminal()
    with reporting_errors(console, "test"), Progress(console=console, transient=True) as bar:
        bar.add_task("Fitting", total=2)
        call(1)
    assert TEXT in console.file.getvalue()


def test_nothing_is_said_once_the_command_is_over(call):
    console = terminal()
    said(console, lambda x: 3 * x)
    call(1)
    assert console.file.getvalue() == ""


class Counter:
    def __init__(self):
        self.seen = []

    def begin(self):
        self.seen.append("begin")

    def end(self):
        self.seen.append("end")


def test_kernels_inside_another_are_not_announced(call):
    counter = Counter()
    with listening(counter):
        call(1)
        assert counter.seen == ["begin", "end"]
        call(2)
        call(1.5)
    assert counter.seen == ["begin", "end"] * 2


def test_a_compilation_that_fails_is_over():
    @jit.jit
    def wrong(x):
        return x.nothing

    counter = Counter()
    with listening(counter), pytest.raises(numba.TypingError):
        wrong(1)
    assert counter.seen == ["begin", "end"]


def test_code_from_disk_and_stand_ins_are_not_announced(call, monkeypatch):
    monkeypatch.delenv("CLUSTERX_COMPILE")
    call(1)
    again = jit.jit(call.py_func)
    deferred = jit.jit(lambda x: x, stand_in=lambda x: x, seconds=9.0)
    counter = Counter()
    with listening(counter):
        again(1)
        deferred(np.arange(3))
    assert counter.seen == []
