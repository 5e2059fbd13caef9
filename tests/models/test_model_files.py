"""Models in files that hold data alone: round trips, and what is refused."""

import io
import json
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans as TheirKMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import clusterx
from clusterx import archive, load_model, save_model
from clusterx.fitted import OtherVersionWarning
from clusterx.models import ModelFileError, classes
from clusterx.models.encoding import Decoder, Encoder


def rows(n=40, d=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)) + 7 * (np.arange(n) % 3)[:, None]


#: parameters of small models
PARAMETERS = {
    "AffinityPropagation": {"random_state": 0},
    "BayesianGaussianMixture": {"n_components": 3, "random_state": 0},
    "Birch": {"threshold": 0.7, "branching_factor": 3},
    "BisectingKMeans": {"n_clusters": 3, "random_state": 0},
    "ColorQuantizer": {"n_colors": 3, "random_state": 0},
    "DBSCAN": {"eps": 2.0},
    "FuzzyCMeans": {"n_clusters": 3, "random_state": 0},
    "GaussianMixture": {"n_components": 3, "random_state": 0},
    "HDBSCAN": {"store_centers": "both"},
    "KMeans": {"n_clusters": 3, "random_state": 0},
    "KMedians": {"n_clusters": 3, "random_state": 0},
    "KMedoids": {"n_clusters": 3, "random_state": 0},
    "MeanShift": {"bandwidth": 2.5},
    "MiniBatchKMeans": {"n_clusters": 3, "random_state": 0, "max_iter": 5},
    "SelfOrganizingMap": {"shape": (2, 3), "max_iter": 2},
    "SpectralClustering": {"n_clusters": 3, "random_state": 0},
}
METHODS = ("predict", "transform", "predict_proba", "approximate_predict", "kneighbors")


def fitted(name, asarray=np.asarray):
    """A small model of that name, and what it predicts for."""
    model = getattr(clusterx, name)(**PARAMETERS.get(name, {}))
    X = rows()
    if name == "ColorQuantizer":
        X = asarray((X * 9).clip(0, 255).astype(np.uint8).reshape(5, 8, 3))
        return model.fit(X), X
    given = asarray(X)
    if name.startswith("Label"):
        return model.fit(given, np.where(np.arange(40) < 9, np.arange(40) % 3, -1)), given
    return model.fit(given), given


def told(model, X):
    """What the model says of rows, on the host."""
    found = {}
    for method in METHODS:
        if hasattr(model, method):
            values = getattr(model, method)(X)
            values = values if isinstance(values, tuple) else (values,)
            found |= {f"{method} {i}": clusterx.arrays.to_host(v) for i, v in enumerate(values)}
    return found


def test_every_public_estimator_is_listed():
    public = (getattr(clusterx, name) for name in clusterx.__all__)
    found = {c.__name__ for c in public if isinstance(c, type) and issubclass(c, BaseEstimator)}
    assert found == classes.ESTIMATORS


@pytest.mark.backends("numpy", "cuda_on_cpu")
@pytest.mark.parametrize("name", sorted(classes.ESTIMATORS))
def test_models_go_from_anywhere_to_anywhere(name, xp, tmp_path):
    model, X = fitted(name, xp.asarray)
    save_model(model, tmp_path / "a")
    there = load_model(tmp_path / "a", device=X)
    assert vars(there).keys() == vars(model).keys()
    assert there.get_params() == model.get_params()
    expected, found = told(model, X), told(there, X)
    assert expected.keys() == found.keys()
    for key, values in expected.items():
        assert_array_equal(found[key], values)
    assert getattr(there, "labels_", X) is not getattr(model, "labels_", None)
    # on the host, and there again
    host = load_model(tmp_path / "a")
    save_model(host, tmp_path / "b")
    for key, values in told(host, xp.to_host(X)).items():
        assert_allclose(values, expected[key], rtol=1e-9, atol=1e-9)
    for key, values in told(load_model(tmp_path / "b", device=X), X).items():
        assert_array_equal(values, expected[key])


def test_models_go_on_learning(tmp_path):
    X = rows()
    for model in (
        clusterx.MiniBatchKMeans(3, random_state=np.random.RandomState(3)),
        clusterx.Birch(threshold=0.8, n_clusters=clusterx.KMeans(2, random_state=0)),
        clusterx.SelfOrganizingMap((2, 2), max_iter=2),
    ):
        model.partial_fit(X[:30])
        save_model(model, tmp_path / "a")
        loaded = load_model(tmp_path / "a")
        assert_array_equal(loaded.partial_fit(X[30:]).labels_, model.partial_fit(X[30:]).labels_)
        assert type(loaded) is type(model)
    assert_array_equal(loaded.cluster_centers_, model.cluster_centers_)


def test_trees_are_cut_again(tmp_path):
    model = clusterx.HDBSCAN().fit(rows(), sample_weight=np.arange(40) % 5)
    save_model(model, tmp_path / "a")
    loaded = load_model(tmp_path / "a")
    assert_array_equal(loaded.recut(4).labels_, model.recut(4).labels_)
    assert_array_equal(loaded.condensed_tree_.to_numpy(), model.condensed_tree_.to_numpy())
    assert_array_equal(
        loaded.single_linkage_tree_.to_numpy(), model.single_linkage_tree_.to_numpy()
    )
    birch, found = fitted("Birch")[0], None
    save_model(birch, tmp_path / "b")
    found = load_model(tmp_path / "b").root_
    assert [s.n_samples_ for s in found.subclusters_] == [
        s.n_samples_ for s in birch.root_.subclusters_
    ]


def test_values_of_parameters(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=["a", "b", "ü"])
    given = {
        "metric": "mahalanobis",
        "metric_params": {"VI": np.eye(3)},
        "n_neighbors": np.int64(4),
        "radius": np.float32(0.1),
    }
    save_model(clusterx.NearestNeighbors(**given).fit(frame), tmp_path / "a")
    loaded = load_model(tmp_path / "a")
    assert_array_equal(loaded.feature_names_in_, ["a", "b", "ü"])
    assert loaded.feature_names_in_.dtype == object
    assert type(loaded.n_neighbors) is np.int64
    assert loaded.radius == np.float32(0.1)
    assert_array_equal(loaded.metric_params["VI"], np.eye(3))
    # sparse rows, infinity, a graph, no fit at all
    sparse = csr_matrix(rows().clip(0))
    model = clusterx.NearestNeighbors().fit(sparse)
    save_model(model, tmp_path / "a")
    assert_array_equal(load_model(tmp_path / "a").kneighbors()[1], model.kneighbors()[1])
    model = clusterx.FeatureAgglomeration(connectivity=np.eye(3), pooling_func=np.max)
    save_model(model, tmp_path / "a")
    loaded = load_model(tmp_path / "a")
    assert loaded.pooling_func is np.max
    assert vars(loaded).keys() == vars(model).keys()
    save_model(clusterx.OPTICS(max_eps=np.inf), tmp_path / "a")
    assert load_model(tmp_path / "a").max_eps == np.inf


def test_pipelines_of_a_scaler_and_a_model(tmp_path):
    model = make_pipeline(StandardScaler(), clusterx.KMeans(3, random_state=0)).fit(rows())
    save_model(model, tmp_path / "a")
    assert_array_equal(load_model(tmp_path / "a").predict(rows()), model.predict(rows()))
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(ValueError, match="holds a Pipeline, which works on the host"):
        load_model(tmp_path / "a", device=strict.asarray([0.0]))


def test_files_are_archives_of_arrays(tmp_path):
    model, _ = fitted("KMeans")
    save_model(model, tmp_path / "a")
    with np.load(tmp_path / "a", allow_pickle=False) as found:
        arrays = [found[name] for name in found.files if name.startswith("arrays/")]
        described = json.loads(found["description.json"])
    assert any(np.array_equal(a, model.cluster_centers_) for a in arrays)
    assert described["clusterx"] == clusterx.__version__
    with pytest.raises(FileExistsError, match="is not overwritten"):
        save_model(model, tmp_path / "a", overwrite=False)
    first = (tmp_path / "a").read_bytes()
    save_model(model, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == first


def test_another_version_is_told(tmp_path, monkeypatch):
    save_model(fitted("KMeans")[0], tmp_path / "a")
    monkeypatch.setattr(clusterx, "__version__", "7.8.9")
    with pytest.warns(OtherVersionWarning, match=r"KMeans was saved by clusterx 0.*7\.8\.9"):
        load_model(tmp_path / "a")


class Own(clusterx.KMeans):
    pass


REFUSED = {
    "metric": (clusterx.DBSCAN(metric=lambda a, b: 0.0), "The 'metric' parameter of DBSCAN is a f"),
    "init": (clusterx.KMeans(init=max), r"The 'init' parameter of KMeans is a function \(max\)"),
    "within": (
        clusterx.Birch(n_clusters=clusterx.DBSCAN(metric=max)),
        "The 'metric' parameter of DBSCAN is a function",
    ),
    "theirs": (
        clusterx.Birch(n_clusters=TheirKMeans()),
        "The 'n_clusters' parameter of Birch is a sklearn.cluster._kmeans.KMeans",
    ),
    "model": (TheirKMeans(), "The model is a sklearn.cluster._kmeans.KMeans"),
    "subclass": (Own(), "The model is a .*Own, and a model file holds clusterx's own"),
    "object": (clusterx.KMeans(random_state=object()), "'random_state' parameter .* is a builtins"),
    "complex": (clusterx.KMeans(init=np.eye(2) * 1j), "'init' parameter .* dtype complex128"),
    "objects": (clusterx.KMeans(init=np.eye(2).astype(object)), "'init' parameter .* objects"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_files_do_not_hold(case, tmp_path):
    model, message = REFUSED[case]
    with pytest.raises(TypeError, match=message):
        save_model(model, tmp_path / "a")
    assert not (tmp_path / "a").exists()


# -- damage --------------------------------------------------------------------------------------


def saved(name):
    encoder = Encoder()
    return archive.packed("model", encoder.estimator(fitted(name)[0]), encoder.arrays, "0.1.0")


def test_damaged_files_give_one_error(tmp_path):
    rng = np.random.default_rng(0)
    files = [bytes(saved(name)) for name in sorted(classes.ESTIMATORS)]
    path, kept, count = tmp_path / "a", 0, len(files)
    for case in range(22 * count):
        data = bytearray(files[case % count])
        places = rng.integers(0, len(data), 4)
        match case // count % 3:
            case 0:  # bits flipped
                data[places[0]] ^= 1 << int(rng.integers(8))
            case 1:  # cut short
                del data[places[0] :]
            case 2:  # fields swapped
                a, b = sorted(places[:2])
                length = min(b - a, len(data) - b, 64)
                data[a : a + length], data[b : b + length] = (
                    data[b : b + length],
                    data[a : a + length],
                )
        if bytes(data) == files[case % count]:
            kept += 1
            continue
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match="is no model that"):
            load_model(path)
    assert 22 * count - kept > 500


@pytest.mark.parametrize("name", ["GaussianMixture", "BisectingKMeans", "Birch", "HDBSCAN"])
def test_arrays_that_are_swapped_do_not_fit(name):
    encoder = Encoder()
    described = encoder.estimator(fitted(name)[0])
    state = described["estimator"][1]
    arrays = {key: v["array"] for key, v in state.items() if isinstance(v, dict) and "array" in v}
    swapped = 0
    for a, i in arrays.items():
        for b, j in arrays.items():
            first, second = encoder.arrays[i], encoder.arrays[j]
            if first.shape == second.shape or a > b:
                continue
            swap = json.loads(json.dumps(described))
            swap["estimator"][1][a], swap["estimator"][1][b] = state[b], state[a]
            with pytest.raises((ModelFileError, ValueError), match=f"of {name} has"):
                Decoder(encoder.arrays).model(swap)
            swapped += 1
    assert swapped > 2


def changed(name, change):
    """The model's file with another description, or other arrays, and the right checksum."""
    described, arrays = archive.unpacked("model", bytes(saved(name)))
    state = described["estimator"][1]
    change(described, state, arrays)
    return bytes(archive.packed("model", described, arrays, "0.1.0"))


HOSTILE = {
    "class": ("KMeans", lambda m, s, a: m.update(estimator=["os.system", s]), "no estimator"),
    "record": ("Birch", lambda m, s, a: s["_tree"].update(record=["os.stat", {}]), "no model has"),
    "function": ("KMeans", lambda m, s, a: s.update(init={"function": "os.system"}), "function"),
    "kind": ("KMeans", lambda m, s, a: s.update(init={"pickle": "x"}), "unknown kind"),
    "attribute": ("KMeans", lambda m, s, a: s.update(predict=1), "attribute 'predict'"),
    "private": ("KMeans", lambda m, s, a: s.update(__class__=1), "attribute '__class__'"),
    "missing": ("KMeans", lambda m, s, a: s.pop("n_init"), "lacks n_init"),
    "no array": ("KMeans", lambda m, s, a: s.update(labels_={"array": 99}), "no array 99"),
    "negative": ("KMeans", lambda m, s, a: s.update(labels_={"array": -1}), "no array -1"),
    "columns": ("KMeans", lambda m, s, a: s.update(n_features_in_=4), "shape .3, 3., and .k, 4."),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_made_files_are_refused(case, tmp_path):
    name, change, message = HOSTILE[case]
    (tmp_path / "a").write_bytes(changed(name, change))
    with pytest.raises(ModelFileError, match=message):
        load_model(tmp_path / "a")


def reversed_order(values):
    values[:] = values[::-1].copy()


def entry(place, value):
    """A change of one entry; `value` is a number, or the place of another entry."""

    def change(values):
        values[place] = values[value] if isinstance(value, tuple) else value

    return change


#: by estimator and path of an array in its trees: changes after which it is no tree
BROKEN = {
    ("HDBSCAN", "_tree linkage left"): {
        "none": (entry(0, 10**9), "numbers of nodes"),
        "later": (entry(0, 41), "numbers of nodes"),
        "twice": (entry(1, (0,)), "a node twice"),
    },
    ("HDBSCAN", "_tree linkage height"): {"falls": (reversed_order, "do not rise")},
    ("HDBSCAN", "condensed_tree_ tree child"): {
        "twice": (entry(5, (4,)), "below none, or below several"),
        "none": (entry(5, -1), "below none, or below several"),
    },
    ("HDBSCAN", "condensed_tree_ tree parent"): {
        "itself": (entry(3, 44), "below itself"),
        "none": (entry(3, 45), "numbers of nodes"),
    },
    ("HDBSCAN", "condensed_tree_ selected_"): {
        "none": (entry(0, 45), "numbers of nodes"),
        "twice": (entry(0, 43), "a node twice"),
    },
    ("HDBSCAN", "_hierarchy parent"): {"itself": (entry(2, 2), "numbers of nodes")},
    ("HDBSCAN", "_hierarchy row_cluster"): {"none": (entry(0, 5), "numbers of nodes")},
    ("BisectingKMeans", "_tree node"): {"twice": (entry(1, 0), "a node twice")},
    ("BisectingKMeans", "_tree left"): {
        "twice": (entry(1, 1), "a node twice"),
        "root": (entry(1, 0), "below itself"),
    },
    ("BisectingKMeans", "_tree label"): {
        "inner": (entry(0, 0), "those of its leaves"),
        "twice": (entry(1, 1), "those of its leaves"),
    },
    ("Birch", "_merges children"): {
        "twice": (entry((1, 0), (0, 0)), "a node twice"),
        "itself": (entry((0, 0), 10**6), "numbers of nodes"),
    },
    ("Birch", "_tree child"): {
        "below itself": (entry(slice(None), 0), "several levels|below itself"),
        "shared": (entry((14, 1), (14, 0)), "below none, or below several"),
    },
    ("Birch", "_tree used"): {"branch left out": (entry(14, 1), "below none, or below several")},
    ("Birch", "_tree top"): {
        "flatter": (entry(2, 1), "several levels"),
        "higher": (entry(2, 5), "several levels"),
        "deep": (entry(2, 10**15), "numbers of nodes"),
    },
    ("Birch", "_tree after"): {
        "loop": (entry(slice(None), 0), "do not follow each other"),
        "left out": (entry(0, -1), "do not follow each other"),
    },
    ("AgglomerativeClustering", "children_"): {
        "twice": (entry((1, 0), (0, 0)), "a node twice"),
        "later": (entry((0, 0), 40), "numbers of nodes"),
    },
}
TREES = [
    pytest.param(*where, *how, id=" ".join((*where, case)))
    for where, cases in BROKEN.items()
    for case, how in cases.items()
]


@pytest.mark.parametrize(("name", "path", "change", "message"), TREES)
def test_trees_that_are_none_are_refused(name, path, change, message):
    encoder = Encoder()
    described = encoder.estimator(fitted(name)[0])
    fields = described["estimator"][1]
    *records, last = path.split()
    for record in records:
        (found,) = fields[record].get("tuple", [fields[record]])
        fields = found["record"][1]
    place = fields[last]["array"]
    values = encoder.arrays[place].copy()
    change(values)
    arrays = [values if i == place else found for i, found in enumerate(encoder.arrays)]
    with pytest.raises(ValueError, match=message):
        Decoder(arrays).model(described)
    Decoder(encoder.arrays).model(described)


def test_rows_that_are_left_out_of_a_tree(tmp_path):
    X = rows()
    X[3] = np.nan
    encoder = Encoder()
    model = clusterx.HDBSCAN().fit(X, sample_weight=np.where(np.arange(40) == 7, 0, 1))
    described = encoder.estimator(model)
    assert_array_equal(Decoder(encoder.arrays).model(described).labels_, model.labels_)
    place = described["estimator"][1]["_tree"]["record"][1]["rows"]["array"]
    for change in (entry(1, 0), entry(1, 40), entry(1, -1)):
        arrays = [array.copy() for array in encoder.arrays]
        change(arrays[place])
        with pytest.raises(ValueError, match=r"a node twice|numbers of nodes"):
            Decoder(arrays).model(described)


def made(members, *, compress=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as to:
        for name, data in members:
            to.writestr(name, data)
        to.comment = b" " * 64
    data = file.getbuffer()
    data[-64:] = archive.hashlib.sha256(data[:-64]).hexdigest().encode()
    return bytes(data)


def npy(header):
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


MODEL = json.dumps({"format": "clusterx model", "format_version": 1, "model": {}})
SHAPE = "{{'descr': '{}', 'fortran_order': False, 'shape': {}}}"


def one_array(data):
    return made([("description.json", MODEL), ("arrays/0.npy", data)])


FOREIGN = {
    "empty": b"",
    "text": b"a,b\n1,2\n",
    "pickle": pickle.dumps(clusterx.KMeans()),
    "archive": made([("a.npy", b"")]),
    "other": made([("description.json", "{}")]),
    "no JSON": made([("description.json", "{")]),
    "bomb": made([("description.json", MODEL + " " * 10**7)], compress=zipfile.ZIP_DEFLATED),
    "later": made([("description.json", MODEL.replace('version": 1', 'version": 2'))]),
    "more": made([("description.json", MODEL), ("arrays/1.npy", b"")]),
    "no array": one_array(b"abc"),
    "vast": one_array(npy(SHAPE.format("<f8", (1 << 50,)))),
    "short": one_array(npy(SHAPE.format("<f8", (2,))) + b"8" * 9),
    "minus": one_array(npy(SHAPE.format("<f8", (-1, -1))) + b"8" * 8),
    "objects": one_array(npy(SHAPE.format("|O", (1,))) + b"8" * 8),
    "code": one_array(npy("__import__('os').abort()")),
    "brackets": made([("description.json", "[" * 100_000)]),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_files_are_refused(case, tmp_path):
    (tmp_path / "a").write_bytes(FOREIGN[case])
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=r"a: is no model that clusterx can read: .*\. Save"):
        load_model(tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_no_file_and_no_device(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "a")
    with pytest.raises(ValueError, match="device must be 'cpu', 'cuda' or an array, got 'gpu'"):
        load_model(tmp_path / "a", device="gpu")
