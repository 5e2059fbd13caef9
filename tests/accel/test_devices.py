"""`device="cuda"` computes elsewhere and gives NumPy arrays back."""

import sys
import types

import numpy as np
import pytest

from clusterx import accel
from clusterx.accel import devices
from clusterx.accel.records import RECORDS

from .models import PARAMETERS, own_class, rows, user_class

strict = pytest.importorskip("array_api_strict")
X = rows()


@pytest.fixture
def on_device(monkeypatch):
    """A package that is called CuPy, with arrays that refuse silent copies to the host."""
    device = strict.Device("device1")
    seen = []

    def asarray(values):
        seen.append(values.shape)
        return strict.asarray(values, device=device)

    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError)
    cupy = types.SimpleNamespace(
        ndarray=type("ndarray", (), {}),
        asarray=asarray,
        cuda=types.SimpleNamespace(runtime=runtime),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    accel.install(device="cuda", always=True)
    RECORDS.clear()
    yield seen
    accel.uninstall()


@pytest.mark.parametrize("name", ["KMeans", "GaussianMixture", "DBSCAN"])
def test_models_come_back(on_device, name, ran):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    own = own_class(name)(**PARAMETERS[name]).fit(frame)
    mine = user_class(name)(**PARAMETERS[name]).fit(frame)
    assert on_device == [(240, 3)]
    assert list(mine.feature_names_in_) == ["a", "b", "c"]
    assert mine.n_features_in_ == 3
    for attribute, value in vars(own).items():
        if isinstance(value, np.ndarray) and attribute.endswith("_"):
            found = getattr(mine, attribute)
            assert type(found) is np.ndarray
            assert found.dtype == value.dtype
            if attribute != "feature_names_in_":
                np.testing.assert_allclose(found, value, atol=1e-6)
    if hasattr(own, "predict"):
        found = mine.predict(frame)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, own.predict(frame))
    assert set(ran()) == {"clusterx on the GPU"}


def test_scores_come_back(on_device):
    from sklearn.metrics import calinski_harabasz_score

    found = calinski_harabasz_score(X, np.arange(len(X)) % 4)
    assert type(found) is float
    assert on_device[0] == (240, 3)


def test_sparse_rows_stay(on_device, ran):
    from scipy.sparse import csr_array

    user_class("KMeans")(2, random_state=0, n_init=1).fit(csr_array(X))
    assert ran() == {"scikit-learn": ["KMeans.fit"]}


def test_a_missing_cupy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"needs CuPy, which is not installed: pip install"):
        accel.install(device="cuda")
    assert not accel.is_installed()
    assert devices.current() == "cpu"
    with pytest.raises(ValueError, match="device must be one of 'cpu', 'cuda'; got 'gpu'"):
        accel.install(device="gpu")


def test_a_missing_gpu_is_said(monkeypatch):
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 0, CUDARuntimeError=RuntimeError)
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(RuntimeError, match="CuPy finds no GPU"):
        accel.install(device="cuda")


def test_arrays_of_other_libraries_stay_where_they_are(installed):
    rows_there = strict.asarray(X, device=strict.Device("device1"))
    model = user_class("KMeans")(4, random_state=0).fit(rows_there)
    assert type(model.labels_) is type(rows_there)
