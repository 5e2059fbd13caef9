"""Graphs of pixels against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.feature_extraction import image as peer

from clusterx import grid_to_graph, img_to_graph

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 5), (1, 1), (1, 7), (3, 4, 5)])
def test_grids_are_scikit_learns(shape):
    mask = RNG.random(shape) < 0.7
    for given in (None, mask, np.zeros(shape, bool)):
        for kind in (np.ndarray, csr_array):
            found = grid_to_graph(*shape, mask=given, return_as=kind, dtype=np.float32)
            whole = None if given is None else np.atleast_3d(given)
            expected = peer.grid_to_graph(*shape, mask=whole, return_as=np.ndarray)
            dense = found if kind is np.ndarray else found.toarray()
            assert isinstance(found, kind)
            np.testing.assert_array_equal(dense, expected)
            assert found.dtype == np.float32
    theirs = peer.grid_to_graph(*shape)
    np.testing.assert_array_equal(grid_to_graph(*shape).row, theirs.row)
    assert grid_to_graph(*shape).dtype == theirs.dtype


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
def test_images_are_scikit_learns(shape):
    img, mask = RNG.random(shape), RNG.random(shape) < 0.7
    for given in (None, mask):
        found = img_to_graph(img, mask=given)
        expected = peer.img_to_graph(img, mask=given)
        np.testing.assert_array_equal(found.toarray(), expected.toarray())
    assert img_to_graph(img, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64, bool])
def test_differences_of_whole_numbers_do_not_wrap_around(dtype):
    low, high = (0, 1) if dtype is bool else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if dtype is np.int64:
        low, high = -(2**62), 2**62
    img = np.array([[low, high], [high, high]], dtype)
    graph = img_to_graph(img).toarray()
    assert int(graph[0, 1]) == int(high) - int(low) == int(graph[2, 0])
    assert graph[1, 3] == 0
    np.testing.assert_array_equal(np.diag(graph).astype(dtype), img.ravel())


def test_wrong_grids():
    with pytest.raises(ValueError, match="n_y must be a whole number of at least 1"):
        grid_to_graph(3, 0)
    with pytest.raises(TypeError, match="n_x must be a whole number"):
        grid_to_graph(3.0, 1)
    with pytest.raises(ValueError, match="one entry per pixel"):
        grid_to_graph(3, 3, mask=np.ones((2, 3)))
    with pytest.raises(ValueError, match="img must be an image"):
        img_to_graph(np.ones((2, 2, 2, 2)))
