"""Rows on a cluster of two worker processes, one of which dies now and then."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone

from clusterx import (
    BayesianGaussianMixture,
    Birch,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    KMedians,
    MiniBatchKMeans,
    SelfOrganizingMap,
)
from clusterx.rows.graph import Graph

da = pytest.importorskip("dask.array", reason="Dask is not installed: pip install clusterx[dask]")
distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install clusterx[dask]"
)

LOCAL = {"dashboard_address": ":0", "threads_per_worker": 1}


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, processes=True, **LOCAL) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def blobs(n=4000, d=5):
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, d)) + 3 * rng.normal(size=(4, d))[rng.integers(4, size=n)]


X = blobs()
START = X[:6]
CHUNKS = ((900, 0, 1100, 1, 999, 1000), 5)
MIXTURE = GaussianMixture(4, init_params="random_from_data", tol=0.3, random_state=0)
MODELS = {
    "KMeans": (KMeans(6, init=START, max_iter=4), "cluster_centers_ labels_ inertia_"),
    "KMeans||": (KMeans(6, init="k-means||", max_iter=2, random_state=0), "cluster_centers_"),
    "MiniBatchKMeans": (
        MiniBatchKMeans(4, batch_size=1000, max_iter=1, random_state=0),
        "cluster_centers_ labels_",
    ),
    "BisectingKMeans": (BisectingKMeans(3, max_iter=3, random_state=0), "cluster_centers_ labels_"),
    "GaussianMixture": (MIXTURE, "means_ weights_"),
    "BayesianGaussianMixture": (
        BayesianGaussianMixture(
            n_components=4, init_params="random_from_data", tol=1.0, random_state=0
        ),
        "means_ weights_",
    ),
    "Birch": (Birch(threshold=4.0, n_clusters=3), "subcluster_centers_ labels_"),
    "KMedians": (KMedians(6, init=START, max_iter=1), "cluster_centers_ labels_"),
    "SelfOrganizingMap": (SelfOrganizingMap((2, 2), max_iter=2), "cluster_centers_ labels_"),
}


@pytest.mark.parametrize("name", MODELS)
def test_fits_on_workers_are_those_in_memory(client, name):
    model, attributes = MODELS[name]
    D, w = da.from_array(X, chunks=CHUNKS), np.arange(len(X)) % 3 + 1.0
    expected = clone(model).fit(X, sample_weight=w)
    found = clone(model).fit(D.persist(), sample_weight=w)
    for attribute in attributes.split():
        here, held = (np.asarray(getattr(m, attribute)) for m in (expected, found))
        np.testing.assert_allclose(held, here, rtol=1e-10)
    if name == "KMeans":  # tests/test_dask.py has the others, under threads
        again = clone(model).fit(D, sample_weight=da.from_array(w, chunks=777))
        np.testing.assert_array_equal(again.cluster_centers_, found.cluster_centers_)
        np.testing.assert_array_equal(again.labels_.compute(), found.labels_.compute())
    np.testing.assert_array_equal(found.predict(D).compute(), expected.predict(X))


def processes(client):
    client.wait_for_workers(2, timeout=30)  # one may have been killed
    return sorted(client.run(os.getpid, nanny=False).values())


@pytest.fixture
def killing(client, monkeypatch):
    """Kills a worker when a fit begins a certain pass."""
    compute, passes = Graph.compute, []

    def counted(self, keys):
        passes.append(self.name)
        if len(passes) == 4:
            os.kill(processes(client)[0], signal.SIGKILL)
        return compute(self, keys)

    monkeypatch.setattr(Graph, "compute", counted)
    return passes


def test_a_worker_that_dies_between_passes_changes_no_bit(client, killing):
    model = KMeans(6, init=START, tol=0, max_iter=8)  # its steps beside the chunks are lost
    D = da.from_array(X, chunks=CHUNKS).persist()
    found = clone(model).fit(D)
    passes = len(killing)
    assert passes > 5
    killing[:] = [None] * 4  # beyond the pass at which one is killed
    whole = clone(model).fit(D)
    assert len(killing) == passes + 4
    for attribute in vars(whole):
        if attribute.endswith("_") and not attribute.startswith("_"):
            a, b = (np.asarray(getattr(m, attribute)) for m in (found, whole))
            np.testing.assert_array_equal(a, b, err_msg=attribute)


class Dying:
    """A function of chunks that kills its process once, as soon as a file is there."""

    def __init__(self, path):
        self.path = path

    def __call__(self, chunk):
        try:
            self.path.unlink()
        except FileNotFoundError:
            return chunk
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_in_the_middle_of_a_pass_changes_no_bit(client, tmp_path, monkeypatch):
    path = tmp_path / "die"
    D = da.from_array(X, chunks=CHUNKS).map_blocks(Dying(path), meta=np.empty((0, 5)))
    whole = clone(MIXTURE).fit(D)
    compute, passes = Graph.compute, []

    def armed(self, keys):
        passes.append(self.name)
        if len(passes) == 5:
            path.touch()
        return compute(self, keys)

    monkeypatch.setattr(Graph, "compute", armed)
    found = clone(MIXTURE).fit(D)
    assert not path.exists()
    assert len(passes) > 5
    for attribute in ("means_", "covariances_", "weights_", "lower_bound_"):
        np.testing.assert_array_equal(getattr(found, attribute), getattr(whole, attribute))


def slow(chunk):
    time.sleep(0.2)
    return chunk


def slower(chunk):
    time.sleep(0.3)
    return chunk


@pytest.fixture
def interrupts():
    """Interrupts are raised, also where the tests run in the background, which ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupted_fit_leaves_no_work_behind(client):
    D = da.from_array(X, chunks=(100, 5)).map_blocks(slower, meta=np.empty((0, 5)))

    def interrupt():
        while not any(client.processing().values()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        KMeans(6, init=START).fit(D)
    thread.join()
    deadline = time.monotonic() + 5
    while client.processing() and any(client.processing().values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_scheduler_that_goes_away_is_named():
    D = da.from_array(X, chunks=(200, 5)).map_blocks(slow, meta=np.empty((0, 5)))
    with distributed.LocalCluster(n_workers=1, processes=False, **LOCAL) as cluster:
        with distributed.Client(cluster):
            timer = threading.Timer(0.5, cluster.close)
            timer.start()
            with pytest.raises(ConnectionError, match="scheduler of Dask went away"):
                KMeans(6, init=START).fit(D)
            timer.join()
