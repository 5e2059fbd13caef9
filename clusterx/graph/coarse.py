"""Starts of the search for smooth vectors on a sparse graph, from the vectors of coarser graphs."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ..kernels import kernels_for
from .affinities import normalized_products
from .eigen import Operator, filtered

#: From this many rows on, a coarser graph gives the start: spectral-50000 takes 0.6 of the time
#: that it takes from a random one.
MANY = 1024
#: Groups of more than this many times the mean degree mean that a few rows have very many
#: neighbours, as in many columns. Then filters separate vectors quickly, from any start.
HUBS = 2.0
#: Filters on each coarser graph; one more saves none on the next one.
FILTERS = 2


def coarse_start(
    W: csr_array, root: np.ndarray, known: np.ndarray, block: int, rng: np.random.RandomState
) -> np.ndarray | None:
    """Vectors (n, block) near the leading ones of the normalised graph; None if it has no use.

    Linked rows are put together in groups, about as many rows each as a row has neighbours, and
    the weights between the groups are summed. Vectors of that graph, which come from a coarser one
    in turn, are spread over the rows (nested iteration, as in multigrid methods).

    W : symmetric weights (n, n), with those inside of groups on the diagonal.
    root : (n,) what weights are divided by at both ends.
    known : (n, m) orthonormal leading vectors.
    """
    n = W.shape[0]
    if n < MANY:
        return None
    groups = kernels_for(np).graphs.groups(W)
    count = int(groups.max()) + 1
    if n > HUBS * count * W.nnz / n or 2 * count > n or count < 4 * block:
        return None
    members = csr_array((np.ones(n), groups, np.arange(n + 1)), shape=(n, count))
    coarse = csr_array(members.T @ (W @ members))
    scale = np.sqrt(np.bincount(groups, root * root))
    above = (members.T @ (root[:, None] * known)) / scale[:, None]
    start = coarse_start(coarse, scale, above, block, rng)
    if start is None:
        start = rng.standard_normal(size=(count, block))
    operator = Operator(normalized_products(coarse, scale), count, -1.0, 1.0, start)
    vectors = filtered(operator, above, start, FILTERS)
    return (root / scale[groups])[:, None] * vectors[groups]
