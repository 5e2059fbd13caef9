"""Messages of affinity propagation: responsibilities and availabilities."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ...arrays import Array


class Messages(NamedTuple):
    """The messages between the rows of a block and all rows."""

    availabilities: Array  # (b, n) float64
    responsibilities: Array  # (b, n) float64


class MessageKernels(Protocol):
    def pass_messages(
        self,
        S: Array,
        messages: Messages,
        sums: Array,
        totals: Array,
        first: int,
        damping: float,
    ) -> tuple[Messages, Array]:
        """One round over the rows first..first + b: the availabilities that the responsibilities
        lead to, then the responsibilities that follow from these.

        S : (b, n) similarities, with the preferences on the diagonal of the whole matrix.
        messages : those of the last round; a kernel may overwrite them.
        sums : (n,) column sums of the positive responsibilities of the last round over all rows;
            the diagonal is added as it is.
        totals : (n,) the same sums of this round, over the rows before `first`.

        Returns the messages, and the totals up to the end of the block. Rows are added one after
        the other, so that sums don't depend on blocks. Of equally large sums of availability and
        similarity, the first one counts.
        """
