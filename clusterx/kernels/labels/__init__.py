"""Labels: as codes, in pairs, and what they tell by chance."""

from __future__ import annotations

from typing import Any, Protocol

from ...arrays import Array


class LabelKernels(Protocol):
    def factorize(self, labels: Array) -> tuple[Array, Array]:
        """Places of the labels among the distinct ones: codes (n,) int32, classes (k,).

        Labels are integers or floats, on either side of zero. Classes come ascending, in the dtype
        of the labels.
        """

    def contingency(self, a: Array, b: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
        """Pairs of codes that occur, and how often: rows, columns, counts, each (u,) int64.

        Codes a are below shape[0], codes b below shape[1]. Row by row, with ascending columns.
        """

    def expected_information(self, a: Array, b: Array, n: int) -> Any:
        """Mutual information in nats that two labelings of n samples have by chance, 0-d.

        On average over all permutations, given the sizes (integers above zero) of their clusters.
        """
