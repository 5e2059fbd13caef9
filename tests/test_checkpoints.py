"""Fits that end early and go on from a checkpoint, to the same bits."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clusterx import BayesianGaussianMixture, Blocks, GaussianMixture, KMeans, MiniBatchKMeans
from clusterx.checkpoints import Checkpoint


def rows(n=1500, d=3):
    return np.random.default_rng(0).normal(size=(n, d))


class Ended(Exception):
    pass


def end_after(monkeypatch, writes):
    """Let the next fit end when the state has been written so many times."""
    write, count = Checkpoint.write, []

    def ending(self, state):
        write(self, state)
        count.append(1)
        if len(count) == writes:
            raise Ended

    monkeypatch.setattr(Checkpoint, "write", ending)


def same(a, b):
    for name, value in vars(a).items():
        if isinstance(value, np.ndarray | float | int):
            assert_array_equal(getattr(b, name), value, err_msg=name)


@pytest.mark.parametrize("writes", [1, 5, 9])
@pytest.mark.parametrize(
    "make",
    [
        lambda: KMeans(6, n_init=3, random_state=0, init="random", tol=0, max_iter=25),
        lambda: KMeans(6, init=rows()[:6], metric="cosine", tol=0, max_iter=60),
        lambda: GaussianMixture(3, random_state=0, n_init=2, tol=0, max_iter=18),
        lambda: BayesianGaussianMixture(
            n_components=3, random_state=0, tol=0, max_iter=40, covariance_type="tied"
        ),
    ],
    ids=["KMeans", "cosine", "GaussianMixture", "BayesianGaussianMixture"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_go_on_to_the_same_bits(make, writes, tmp_path, monkeypatch):
    X, path = rows(), tmp_path / "state"
    expected = make().fit(X)
    with monkeypatch.context() as patch:
        end_after(patch, writes)
        with pytest.raises(Ended):
            make().fit(X, checkpoint=path, checkpoint_every=1)
    assert path.exists()
    steps = []
    with monkeypatch.context() as patch:
        write = Checkpoint.write
        patch.setattr(Checkpoint, "write", lambda *given: (steps.append(1), write(*given)))
        found = make().fit(X, checkpoint=path, checkpoint_every=1)
    same(expected, found)
    assert not path.exists()
    again = make().fit(X, checkpoint=path, checkpoint_every=1000)
    same(expected, again)
    assert not path.exists()
    assert len(steps) < 75 - writes + 1


@pytest.mark.parametrize("writes", [1, 4, 7])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_mini_batches_go_on_to_the_same_bits(streamed, weighted, writes, tmp_path, monkeypatch):
    X, path = rows(4000, 12), tmp_path / "state"
    w = np.random.default_rng(1).uniform(size=4000) if weighted else None
    data = Blocks([X[:900], X[900:]]) if streamed else X

    def fit(random_state, **how):
        options = {"max_no_improvement": None, "max_iter": 3, "reassignment_ratio": 0.5}
        model = MiniBatchKMeans(9, batch_size=100, random_state=random_state, **options)
        return model.fit(data, sample_weight=w, **how)

    expected = fit(0)
    with monkeypatch.context() as patch:
        end_after(patch, writes)
        with pytest.raises(Ended):
            fit(0, checkpoint=path, checkpoint_every=9)
    rng = np.random.RandomState(0)
    with pytest.raises(ValueError, match="other parameters"):
        fit(1, checkpoint=path)
    same(expected, fit(0, checkpoint=path))
    assert not path.exists()
    same(expected, fit(rng, checkpoint=path, checkpoint_every=9).set_params(random_state=0))


KILLED = """
import os, signal, sys
import numpy as np
from clusterx import Blocks, KMeans

X = np.random.default_rng(0).normal(size=(1500, 3))
passes = []

def source():
    passes.append(1)
    if len(passes) == 14:
        os.kill(os.getpid(), signal.SIGKILL)
    return [X[:700], X[700:]]

KMeans(6, init=X[:6], tol=0).fit(Blocks(source), checkpoint=sys.argv[1], checkpoint_every=4)
"""


def test_a_process_that_is_killed(tmp_path):
    path = tmp_path / "state"
    ended = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.iterdir()] == ["state"]
    X, passes = rows(), []
    blocks = Blocks(lambda: (passes.append(1), [X[:700], X[700:]])[1])
    found = KMeans(6, init=X[:6], tol=0).fit(blocks, checkpoint=path)
    expected = KMeans(6, init=X[:6], tol=0).fit(Blocks([X[:700], X[700:]]))
    same(expected, found)
    assert expected.n_iter_ > 12
    assert len(passes) < expected.n_iter_


def test_checkpoints_of_other_fits_are_refused(tmp_path, monkeypatch):
    X, path = rows(), tmp_path / "state"
    end_after(monkeypatch, 2)
    with pytest.raises(Ended):
        KMeans(6, init=X[:6]).fit(X, checkpoint=path, checkpoint_every=1)
    kept = path.read_bytes()
    weights = np.arange(1500) + 1.0
    for model, data, w, other in (
        (KMeans(6, init=X[1:7]), X, None, "other parameters"),
        (KMeans(6, init=X[:6], tol=0), X, None, "other parameters"),
        (KMeans(6, init=X[:6]), X[1:], None, "other data"),
        (KMeans(6, init=X[:6]), X + 1e-9, None, "other data"),
        (KMeans(6, init=X[:6]), X, weights, "other weights"),
        (GaussianMixture(6), X, None, "other estimators and parameters"),
    ):
        with pytest.raises(ValueError, match=f"written by a fit with {other}"):
            model.fit(data, sample_weight=w, checkpoint=path)
    assert path.read_bytes() == kept
    for damaged in (kept[:-9], b"", kept[:99] + b"x" + kept[100:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no checkpoint that can be read"):
            KMeans(6, init=X[:6]).fit(X, checkpoint=path)
    with pytest.raises(ValueError, match="'checkpoint_every' parameter of KMeans must"):
        KMeans(6).fit(X, checkpoint=tmp_path / "a", checkpoint_every=0)


def test_states_on_a_device(xp, tmp_path, monkeypatch):
    X, path = xp.asarray(rows(400)), tmp_path / "state"
    expected = KMeans(4, init=rows()[:4], tol=0).fit(X)
    with monkeypatch.context() as patch:
        end_after(patch, 3)
        with pytest.raises(Ended):
            KMeans(4, init=rows()[:4], tol=0).fit(X, checkpoint=path, checkpoint_every=1)
    found = KMeans(4, init=rows()[:4], tol=0).fit(X, checkpoint=path)
    assert_array_equal(xp.to_host(found.cluster_centers_), xp.to_host(expected.cluster_centers_))
    assert_array_equal(xp.to_host(found.labels_), xp.to_host(expected.labels_))
    assert xp.owns(found.cluster_centers_)
