"""Fixed ranges of rows, each of them a task."""

from __future__ import annotations

CHUNK = 256
ROWS_PER_TASK = 8192
#: Multiplications that make a task, at least.
TASK = 1 << 21


def rows_per_task(n: int, cost: int = 1 << 12) -> int:
    """Enough tasks for a few threads, where what a task computes does not depend on its size.

    cost : of a row, in multiplications; a task of less than some ten thousandths of a second is
        not worth handing to another thread.
    """
    return max(CHUNK, TASK // cost, min(ROWS_PER_TASK, n // 16))


def blocks(n: int, rows: int) -> list[tuple[int, int]]:
    return [(a, min(n, a + rows)) for a in range(0, n, rows)]
