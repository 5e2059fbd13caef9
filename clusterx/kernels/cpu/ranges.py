"""Fixed ranges of rows, one per task."""

from __future__ import annotations

CHUNK = 256
ROWS_PER_TASK = 8192
#: Least multiplications per task.
TASK = 1 << 21


def rows_per_task(n: int, cost: int = 1 << 12) -> int:
    """Rows per task that give a few threads enough tasks.

    For kernels whose results do not depend on the size of tasks.

    cost : multiplications per row; a task shorter than a few tenths of a millisecond is not worth
        handing to another thread.
    """
    return max(CHUNK, TASK // cost, min(ROWS_PER_TASK, n // 16))


def blocks(n: int, rows: int) -> list[tuple[int, int]]:
    return [(a, min(n, a + rows)) for a in range(0, n, rows)]
