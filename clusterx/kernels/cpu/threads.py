"""A small persistent thread pool for kernels that release the GIL.

Kernels run over fixed blocks, and the blocks are handed out one at a time, so the number of
threads changes only which thread computes a block, never a result.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from queue import SimpleQueue
from typing import Any

Task = Callable[[int], object]


def thread_count() -> int:
    """Number of threads that a kernel may use now.

    Returns
    -------
    int
        The number of cores that this process may run on (affinity and cgroup limits counted), or
        ``OMP_NUM_THREADS``, ``CLUSTERX_NUM_THREADS`` or the calling thread's share (see
        `take_share`) where one is set and smaller; at least 1.

    Raises
    ------
    ValueError
        ``CLUSTERX_NUM_THREADS`` is set to something that is not a positive whole number.
    """
    wanted = os.environ.get("CLUSTERX_NUM_THREADS", "").strip()
    if wanted and not (wanted.isdecimal() and int(wanted) > 0):
        raise ValueError(
            f"CLUSTERX_NUM_THREADS must be a positive whole number, got {wanted!r}: "
            "set it to the number of threads wanted, or unset it."
        )
    limits = [_cores(), _share.threads]
    if wanted:
        limits.append(int(wanted))
    # OpenMP allows a list with one number per nesting level: the outermost level counts here
    omp = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if omp.isdecimal() and int(omp) > 0:
        limits.append(int(omp))
    return max(1, min(limits))


class _Share(threading.local):
    threads = sys.maxsize


_share = _Share()


def take_share(threads: int) -> None:
    """Let kernels that the calling thread runs use at most so many threads.

    Threads that work side by side need no help from others, which would only make them wait.
    """
    _share.threads = threads


def _cores() -> int:
    allowed = _allowed_cores()
    if hasattr(os, "sched_getaffinity"):
        # asked each time, because a program may pin itself later; the cgroup's files are read once
        return min(allowed, len(os.sched_getaffinity(0)))
    return allowed


@cache
def _allowed_cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


class _Job:
    """One call of run_blocks: a counter that hands out tasks, and the first error."""

    def __init__(self, fn: Task, n_tasks: int):
        self.fn = fn
        self.n_tasks = n_tasks
        self.next_task = 0
        self.running = 0
        self.error: BaseException | None = None
        self.lock = threading.Lock()
        self.idle = threading.Condition(self.lock)

    def work(self) -> None:
        """Run tasks until none is left."""
        while True:
            with self.lock:
                if self.next_task >= self.n_tasks:
                    return
                task = self.next_task
                self.next_task += 1
                self.running += 1
            error = None
            try:
                self.fn(task)
            except BaseException as caught:  # a worker must outlive whatever a task raises
                error = caught
            with self.lock:
                self.running -= 1
                if error is not None:
                    self.error = self.error or error
                    self.next_task = self.n_tasks
                if self.running == 0:
                    self.idle.notify_all()

    def finish(self) -> None:
        """Wait for the tasks that other threads still run, then raise the first error."""
        try:
            with self.lock:
                while self.running:
                    self.idle.wait()
        finally:
            self.next_task = self.n_tasks
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # breaks the cycle error -> traceback -> frame -> job


class _Pool:
    """Daemon threads that help with jobs. Nobody ever waits for a helper to begin.

    A caller waits only for tasks that have begun, so a job whose helpers are all busy (nested or
    contended calls) is done by its caller alone.
    """

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.lock = threading.Lock()
        self.workers = 0

    def help(self, job: _Job, helpers: int) -> None:
        with self.lock:
            while self.workers < helpers:
                threading.Thread(target=self._serve, name="clusterx", daemon=True).start()
                self.workers += 1
        for _ in range(helpers):
            self.jobs.put(job)

    def _serve(self) -> None:
        while True:
            job = self.jobs.get()
            job.work()
            del job  # or its arrays would live until the next one


_pool = _Pool()


def run_blocks(fn: Task, n_tasks: int) -> None:
    """Call ``fn(i)`` for every i in ``range(n_tasks)``, on up to ``thread_count()`` threads.

    Threads take the next task when they are free; the calling thread takes its part. Nested calls
    and calls from several threads at once are safe, and so is a process that forked.

    Parameters
    ----------
    fn : callable
        Takes the task's number. It should release the GIL, and write where no other task writes.
    n_tasks : int
        Number of tasks.

    Raises
    ------
    BaseException
        The first error that a task raised, once the tasks that had begun are over; tasks that had
        not begun are dropped.
    """
    threads = min(thread_count(), n_tasks) if n_tasks > 1 else 1
    if threads == 1:
        for task in range(n_tasks):
            fn(task)
        return
    job = _Job(fn, n_tasks)
    _pool.help(job, threads - 1)
    job.work()
    job.finish()


class _SingleThreadedBlas:
    """Counts the holders of BLAS's limit to one thread: the first sets it, the last restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.limit: Any = None

    def acquire(self) -> None:
        with self.lock:
            if self.holders == 0:
                self.limit = _blas_controller().limit(limits=1, user_api="blas")
            self.holders += 1

    def release(self) -> None:
        with self.lock:
            self.holders -= 1
            if self.holders == 0:
                self.limit.restore_original_limits()
                self.limit = None


_blas = _SingleThreadedBlas()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread inside the block, for kernels that thread over blocks themselves.

    The limit holds for the whole process, because BLAS libraries offer no other. Overlapping uses
    are counted, and the last one to end restores the limit that the first one found.
    """
    _blas.acquire()
    try:
        yield
    finally:
        _blas.release()


@cache
def _blas_controller() -> Any:
    # a scan of the loaded libraries costs milliseconds; SciPy's own BLAS must be loaded before it
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _after_fork_in_child() -> None:
    """Threads do not survive a fork, and locks may be held by those that are gone."""
    global _pool
    _pool = _Pool()
    _blas.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
