"""The thread pool: every task once, errors out, no deadlock, limits obeyed."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from clusterx.kernels.cpu import threads


@pytest.fixture
def four_threads(monkeypatch):
    monkeypatch.setattr(threads, "_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CLUSTERX_NUM_THREADS", raising=False)


@pytest.mark.parametrize("n_tasks", [0, 1, 2, 3, 100])
def test_every_task_runs_once(four_threads, n_tasks):
    seen = []
    threads.run_blocks(seen.append, n_tasks)
    assert sorted(seen) == list(range(n_tasks))


def test_several_threads_take_part(four_threads):
    meeting = threading.Barrier(3, timeout=30)
    threads.run_blocks(lambda task: meeting.wait(), 3)
    assert not meeting.broken


@pytest.mark.parametrize("cores", [1, 4])
def test_first_error_is_raised_and_the_rest_dropped(four_threads, monkeypatch, cores):
    monkeypatch.setattr(threads, "_cores", lambda: cores)
    seen = []

    def task(i):
        seen.append(i)
        if i == 3:
            raise ZeroDivisionError("task 3")

    with pytest.raises(ZeroDivisionError, match="task 3"):
        threads.run_blocks(task, 10_000)
    assert 3 in seen
    assert len(seen) < 10_000
    threads.run_blocks(seen.append, 2)  # the pool goes on


def test_nested_calls_finish(four_threads):
    done = np.zeros((6, 6, 6), dtype=int)

    def outer(i):
        threads.run_blocks(lambda j: threads.run_blocks(lambda k: add(i, j, k), 6), 6)

    def add(i, j, k):
        done[i, j, k] += 1

    threads.run_blocks(outer, 6)
    assert (done == 1).all()


def test_calls_from_several_threads_finish(four_threads):
    sums = np.zeros(8, dtype=int)

    def caller(slot):
        for _ in range(20):
            parts = np.zeros(16, dtype=int)
            threads.run_blocks(lambda i, parts=parts: parts.__setitem__(i, i), 16)
            sums[slot] += parts.sum()

    callers = [threading.Thread(target=caller, args=(slot,)) for slot in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=60)
    assert sums.tolist() == [20 * 120] * 8


FORKING = """
import os
from clusterx.kernels.cpu import threads
threads._cores = lambda: 4
parent = []
threads.run_blocks(parent.append, 64)
child = os.fork()
if child == 0:
    seen = []
    threads.run_blocks(seen.append, 64)
    with threads.single_threaded_blas():
        pass
    os._exit(0 if sorted(seen) == list(range(64)) else 1)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_works_in_a_forked_child():
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING], timeout=120, capture_output=True
    )
    assert child.returncode == 0, child.stderr.decode()


@pytest.mark.parametrize(
    ("omp", "own", "expected"),
    [
        (None, None, 8),
        ("3", None, 3),
        ("3,2", None, 3),
        ("many", None, 8),
        (None, "2", 2),
        ("5", "2", 2),
        ("1", "6", 1),
        ("100", "100", 8),
    ],
)
def test_thread_count_is_the_least_limit(monkeypatch, omp, own, expected):
    monkeypatch.setattr(threads, "_cores", lambda: 8)
    for name, value in (("OMP_NUM_THREADS", omp), ("CLUSTERX_NUM_THREADS", own)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert threads.thread_count() == expected


@pytest.mark.parametrize("value", ["0", "-2", "two", "1.5"])
def test_wrong_thread_count_is_refused(monkeypatch, value):
    monkeypatch.setenv("CLUSTERX_NUM_THREADS", value)
    with pytest.raises(ValueError, match="CLUSTERX_NUM_THREADS must be a positive whole number"):
        threads.thread_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this platform")
def test_affinity_is_asked_at_every_call(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CLUSTERX_NUM_THREADS", raising=False)
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert threads.thread_count() == 1
    finally:
        os.sched_setaffinity(0, cores)


def blas_threads():
    controller = threads._blas_controller()
    return [lib.num_threads for lib in controller.select(user_api="blas").lib_controllers]


def test_blas_is_held_until_the_last_one_leaves():
    with threads._blas_controller().limit(limits=2, user_api="blas"):
        before = blas_threads()
        first, second = threads.single_threaded_blas(), threads.single_threaded_blas()
        first.__enter__()
        second.__enter__()
        assert set(blas_threads()) == {1}
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_import_is_cheap():
    script = (
        "import sys, importlib.util as u;"
        f"s = u.spec_from_file_location('threads', {threads.__file__!r});"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "print(sorted({'numba', 'numpy', 'joblib', 'threadpoolctl'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.stdout.strip() == "[]", child.stderr
