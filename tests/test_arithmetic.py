"""clusterx.precision: where it holds, and that nothing changes where there is no TF32."""

import threading
from contextvars import copy_context

import numpy as np
import pytest

import clusterx
from clusterx.arithmetic import tf32_allowed


def test_float32_means_float32_outside():
    assert not tf32_allowed()
    with clusterx.precision("tf32"):
        assert tf32_allowed()
    assert not tf32_allowed()


def test_contexts_may_be_nested():
    with clusterx.precision("tf32"):
        with clusterx.precision("float32"):
            assert not tf32_allowed()
            with clusterx.precision("tf32"):
                assert tf32_allowed()
            assert not tf32_allowed()
        assert tf32_allowed()


def test_an_error_inside_ends_it():
    with pytest.raises(KeyError), clusterx.precision("tf32"):
        raise KeyError("inside")
    assert not tf32_allowed()


def test_making_it_changes_nothing():
    made = clusterx.precision("tf32")
    assert not tf32_allowed()
    with made:
        assert tf32_allowed()


def test_one_serves_many_times_and_inside_itself():
    made = clusterx.precision("tf32")
    for _ in range(2):
        with made:
            with clusterx.precision("float32"), made:
                assert tf32_allowed()
            assert tf32_allowed()
        assert not tf32_allowed()


def test_it_decorates_a_function():
    @clusterx.precision("tf32")
    def inside():
        return tf32_allowed()

    assert inside()
    assert inside()
    assert not tf32_allowed()


def test_other_threads_begin_with_float32():
    found = []

    def look(run):
        thread = threading.Thread(target=lambda: found.append(run(tf32_allowed)))
        thread.start()
        thread.join()

    with clusterx.precision("tf32"):
        look(lambda function: function())
        look(copy_context().run)  # unless they are told
    assert found == [False, True]


@pytest.mark.parametrize("wrong", ["TF32", "bfloat16", "", None, True, 32, np.float32, ["tf32"]])
def test_other_words_are_refused_at_once(wrong):
    with pytest.raises(ValueError, match=r"products must be one of 'float32', 'tf32', got"):
        clusterx.precision(wrong)


@pytest.mark.smoke
def test_every_backend_takes_it_and_results_stay(xp):
    X = np.random.default_rng(0).standard_normal((300, 20)).astype("float32")
    models, found = [], []
    for name in ("float32", "tf32"):
        with clusterx.precision(name):
            model = clusterx.KMeans(5, random_state=0).fit(xp.asarray(X))
            models.append(model)
            found.append(xp.to_host(model.transform(xp.asarray(X))).tobytes())
    assert found[0] == found[1]
    for name in ("cluster_centers_", "labels_"):
        a, b = (xp.to_host(getattr(model, name)).tobytes() for model in models)
        assert a == b
    assert models[0].inertia_ == models[1].inertia_
