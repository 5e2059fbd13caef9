"""Labels as codes, counts of pairs of labels, and the expected mutual information."""

from __future__ import annotations

from typing import Any, Protocol

from ...arrays import Array


class LabelKernels(Protocol):
    def factorize(self, labels: Array) -> tuple[Array, Array]:
        """Codes (n,) int32 of the labels, and the distinct labels (k,), which the codes index.

        Labels are integers or floats, on either side of zero. The distinct labels are in ascending
        order and keep their dtype.
        """

    def contingency(self, a: Array, b: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
        """Pairs of codes that occur, and how often: rows, columns, counts, each (u,) int64.

        Codes a are below shape[0], codes b below shape[1]. Pairs are sorted by row, then by column.
        """

    def expected_information(self, a: Array, b: Array, n: int) -> Any:
        """Expected mutual information, in nats, of two random labelings of n samples, 0-d.

        It is the mean over all permutations, given the sizes a and b (integers above zero) of the
        clusters.
        """
