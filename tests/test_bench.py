"""The benchmark's own logic, on tiny data: what is recorded and reported, never how fast."""

import json
import os
import signal
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, rand_score

from bench import adapters, children, data, hardware, peers, quality, report, run, sources, worker
from bench.__main__ import chosen, default_output, main
from bench.cases import CASES, CPU, CUDA, Case
from bench.places import Host, HostTorch, Outcome
from bench.run import Budget, Settings, attempt, job_of, run_case, schedule

FAKE_PEERS = """
import os, signal, time
from bench.peers import Library
from bench.places import Host, Outcome

def adapter(name):
    def prepare(problem):
        def go(seed):
            if name == "raises":
                raise ValueError("no such thing")
            if name == "dies":
                os._exit(3)
            if name == "deaf":
                signal.signal(signal.SIGALRM, signal.SIG_IGN)
            if name in ("slow", "deaf"):
                time.sleep(60)
            return Outcome(problem.start, None, 7)
        if name == "lacks":
            raise ImportError("it has no such thing")
        return go
    return prepare

PLACES = {"cpu": Host, "cuda": Host}
LIBRARIES = {
    name: Library("os", PLACES, {"lloyd": adapter(name)})
    for name in ("slow", "deaf", "absent", "lacks", "raises", "dies", "good")
}
LIBRARIES["absent"] = LIBRARIES["absent"]._replace(module="no_such_module")
"""
KEYS = {
    "case", "title", "library", "status", "rounds", "seeds", "threads", "device", "scale",
    "rows", "measured_rows", "cold_s", "warm_s", "warm_runs", "median_s", "scaled_median_s",
    "quality", "quality_mean", "n_iter", "peak_rss_mib",
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A folder of its own for the data."""
    monkeypatch.setenv("CLUSTERX_BENCH_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def fakes(cache, monkeypatch):
    """Settings under which workers find libraries that behave badly on purpose."""
    (cache / "fake_peers.py").write_text(FAKE_PEERS)
    monkeypatch.setenv("PYTHONPATH", str(cache), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(cache))
    return Settings(peers="fake_peers")


def make_case(*libraries, **changes):
    given = {"rounds": 2, "repeats": 2, "seeds": (0, 1), "k": 3, "libraries": libraries} | changes
    return Case("tiny", "tiny data", "lloyd", {CPU: "iris", CUDA: "iris"}, **given)


def make_record(library, **changes):
    one = {
        "run": "2026-01-01T00:00:00+00:00", "case": "tiny", "title": "tiny data", "task": "lloyd",
        "library": library, "source": "iris", "data": "flowers", "status": "ok", "seeds": [0, 1],
        "scale": 1, "rows": 150, "measured_rows": 150, "scaled_by": 1.0, "scaled_median_s": 2.0,
        "cold_median_s": 4.0, "warm_runs": 4, "quality_kind": "inertia", "quality": [10.0, 20.0],
        "quality_mean": 15.0, "peak_rss_mib": 100.0, "threads": 2, "time_limit": 60.0,
        "machine": {"cpu": "a CPU", "platform": "an OS", "python": "3", "versions": {"numpy": "2"}},
    }  # fmt: skip
    return one | changes


class TestTable:
    def test_names_are_unique_and_sources_known(self):
        assert len({case.name for case in CASES}) == len(CASES)
        used = {source for case in CASES for source in case.sources.values()}
        assert used | {"mnist_70000x784"} == set(sources.SOURCES)

    def test_clusterx_runs_every_case_and_every_library_some(self):
        for device in (CPU, CUDA):
            taking_part = [
                peers.libraries_of(case, device, peers.LIBRARIES) for case in chosen(None, device)
            ]
            assert all(names[0] == "clusterx" for names in taking_part)
            able = {name for name, one in peers.LIBRARIES.items() if device in one.places}
            assert set().union(*taking_part) == able

    def test_overrides_are_of_libraries_that_take_part(self):
        known = {"rounds", "repeats", "seeds", "time_limit", "rows"}
        for case in chosen(None, CPU):
            assert set(case.overrides) <= set(peers.libraries_of(case, CPU, peers.LIBRARIES))
            assert all(set(changes) <= known for changes in case.overrides.values())

    def test_a_case_has_its_own_size_on_each_device(self):
        (case,) = chosen(["silhouette-digits"], CPU)
        assert case.title(CPU) == "20,000 x 784 float32, k=10, `silhouette_score`"
        assert case.title(CUDA) == "70,000 x 784 float32, k=10, `silhouette_score`"

    def test_uploads_are_cases_of_their_own(self):
        cases = chosen(None, CUDA)
        uploaded = {case.sources[CUDA] for case in cases if case.task == "upload"}
        assert uploaded == {case.sources[CUDA] for case in cases}

    def test_patterns_choose_in_order(self):
        assert [c.name for c in chosen(["fit-iris-3", "lloyd-*"], CPU)] == [
            "lloyd-digits-10",
            "lloyd-digits-256",
            "lloyd-words-20",
            "fit-iris-3",
        ]
        with pytest.raises(SystemExit, match="No case for cuda is called 'fit-iris-3'"):
            chosen(["fit-iris-3"], CUDA)

    def test_list_names_libraries(self, capsys):
        main(["--device", "cuda", "--list", "--only", "labels-10m-5"])
        assert "10 million labels, k=100, 5 scores in a row" in capsys.readouterr().out

    def test_part_of_the_rows_is_kept_apart(self, cache):
        assert default_output(Settings()) == report.RESULTS / "cpu.jsonl"
        assert default_output(Settings(scale=0.5)).parent == cache

    def test_runs_on_a_gpu_end_in_time(self):
        assert Settings.of(CUDA).total <= 480
        assert Settings.of(CUDA, quick=True).total <= 240
        assert Settings.of(CUDA, quick=True, repeats=7, total=80.0).repeats == 7

    def test_dry_runs_are_for_the_gpu(self):
        with pytest.raises(SystemExit, match="--dry-run is for --device cuda"):
            main(["--dry-run"])

    def test_without_a_gpu_it_says_what_is_missing(self, monkeypatch):
        def absent(name):
            raise ImportError(f"No module named {name!r}")

        monkeypatch.setattr(hardware, "import_module", absent)
        with pytest.raises(SystemExit, match=r"needs an NVIDIA GPU and CuPy 14.*'cupy'.*--dry-run"):
            hardware.gpu()


class TestSchedule:
    def test_libraries_take_turns(self):
        order = list(schedule(make_case(), "abc", Settings()))
        assert order == [(r, library) for r in (0, 1) for library in "abc"]

    def test_a_slow_library_keeps_its_fewer_rounds_on_the_cpu(self):
        case = make_case(overrides={"b": {"rounds": 1, "repeats": 0}})
        order = list(schedule(case, "ab", Settings(rounds=3)))
        assert order == [(0, "a"), (0, "b"), (1, "a"), (2, "a")]
        for settings, repeats in ((Settings(repeats=9), 0), (Settings(CUDA, repeats=9), 9)):
            assert job_of(case, "b", settings)["repeats"] == repeats
            assert job_of(case, "a", settings)["repeats"] == 9

    def test_settings_reach_the_job(self):
        case = make_case(time_limit=60, overrides={"a": {"rows": 40, "seeds": (5,)}})
        job = job_of(case, "a", Settings(time_limit=10, threads=3, scale=0.5))
        wanted = {"time_limit": 10, "threads": 3, "scale": 0.5, "rows": 40, "seeds": [5]}
        assert {key: job[key] for key in wanted} == wanted
        json.dumps(job)

    def test_mnist_takes_the_place_of_the_digits(self):
        (case,) = chosen(["lloyd-digits-10"], CPU)
        assert job_of(case, "clusterx", Settings(mnist=True))["source"] == "mnist_70000x784"

    def test_no_process_starts_when_time_or_the_share_of_a_library_is_over(self, monkeypatch):
        started = []
        monkeypatch.setattr(run, "run_job", lambda job, seconds: started.append(job) or {})
        job, budget = {"place": CPU, "library": "torch"}, Budget(1000.0)
        budget.spend("torch", 251.0)
        assert attempt(job, peers.Library("numpy", {CPU: Host}, {}), budget)["status"] == "no time"
        assert budget.left("clusterx") == pytest.approx(500, abs=1)
        assert Budget(0.0).left("clusterx") <= 0
        assert not started


class TestRun:
    def test_record_of_a_library_that_works(self, fakes):
        (one,) = run_case(make_case("good"), fakes, Budget(None))
        assert one.keys() >= KEYS
        assert one["status"] == "ok"
        assert len(one["cold_s"]) == 2
        assert one["warm_runs"] == len(one["warm_s"]) == 2 * 2 * 2
        X = data.make_iris()
        expected = quality.inertia(Host().xp, X, quality.start_rows(X, 3))
        assert one["quality"] == [expected, expected]
        assert one["n_iter"] == [7, 7]
        assert one["quality_repeats"]
        assert len(one["load"]) == 2

    def test_failures_are_recorded_once_and_do_not_stop_the_others(self, fakes):
        names = "absent", "lacks", "raises", "dies", "good"
        records = run_case(make_case(*names, repeats=1), fakes, Budget(None))
        found = {one["library"]: one for one in records}
        assert [found[name]["status"] for name in names] == [
            "missing", "missing", "error", "crashed", "ok"
        ]  # fmt: skip
        assert found["raises"]["message"] == "ValueError: no such thing"
        assert "3" in found["dies"]["message"]
        assert found["lacks"]["rounds"] == 1

    @pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs SIGALRM")
    @pytest.mark.parametrize(
        ("library", "limits"), [("slow", {"time_limit": 0.5}), ("deaf", {"process_limit": 2.0})]
    )
    def test_time_limit_is_recorded(self, fakes, library, limits):
        case = make_case(library, repeats=0, seeds=(0,))
        (one,) = run_case(case, replace(fakes, **limits), Budget(None))
        assert (one["status"], one["rounds"]) == ("time limit", 1)

    def test_without_warm_runs_the_cold_one_counts(self):
        answer = {
            "status": "ok", "cold_s": 3.0, "warm_s": [], "rows": 100, "measured_rows": 25,
            "quality": [1.0], "n_iter": [1], "prepare_s": 0.0, "peak_rss_mib": None,
            "rss_before_mib": None,
        }  # fmt: skip
        one = run.record(job_of(make_case("a"), "a", Settings()), [answer])
        assert (one["median_s"], one["scaled_by"], one["scaled_median_s"]) == (3.0, 4.0, 12.0)

    @pytest.mark.parametrize(("seconds", "expected"), [(None, 6), (60.0, 6), (1e-9, 0)])
    def test_warm_runs_end_in_time(self, seconds, expected):
        job = {"seeds": [0, 1], "repeats": 3, "time_limit": 60.0, "warm_seconds": seconds}
        answer = {}
        worker._runs(Host(), lambda seed: Outcome(), job | {"device": CUDA}, answer)
        assert len(answer["warm_s"]) == len(answer["warm_wall_s"]) == expected

    def test_lines_are_appended(self, fakes, cache):
        output = cache / "results" / "tiny.jsonl"
        for _ in range(2):
            case = make_case("absent", "good", rounds=1, repeats=0)
            made = run.run([case], fakes, output)
        records = report.read(output)
        assert [one["library"] for one in records] == ["absent", "good"] * 2
        assert records[2:] == made
        assert {"cpu", "platform", "python", "versions"} <= records[0]["machine"].keys()

    def test_dry_run_from_the_command_line_to_the_table(self, cache, capsys, monkeypatch):
        # in this process, which has the imports and the compiled code
        here = lambda job, seconds: {"status": "ok", **worker.measure(job)}  # noqa: E731
        monkeypatch.setattr(run, "run_job", here)
        output = cache / "tiny.jsonl"
        only = "--only", "lloyd-digits-10", "--only", "upload-digits-*"
        main(["--device", "cuda", "--dry-run", "--output", str(output), *only])
        found = {(one["case"], one["library"]): one for one in report.read(output)}
        lloyd = {library: one for (case, library), one in found.items() if case.startswith("lloyd")}
        assert found["upload-digits-70000x784", "clusterx"]["status"] == "ok"
        assert lloyd["clusterx"]["machine"]["gpu"] == "none: a dry run"
        assert lloyd["cuML"]["status"] == "not in a dry run"
        assert lloyd["torch"]["status"] == ("ok" if find_spec("torch") else "missing")
        assert "| **clusterx** |" in capsys.readouterr().out


class TestTasks:
    """Adapters in this process, on what stands in for a GPU."""

    def measure(self, name, library, device=CUDA):
        (case,) = chosen([name], device)
        settings = Settings.of(device, quick=device == CPU, dry=device == CUDA)
        return worker.measure(job_of(case, library, settings))

    @pytest.mark.torch
    def test_two_ways_to_the_same_clusters(self):
        ours, theirs = (self.measure("lloyd-digits-10", name) for name in ("clusterx", "torch"))
        assert theirs["quality"] == pytest.approx(ours["quality"], rel=1e-3)

    @pytest.mark.torch
    def test_images_by_rows_and_by_colours(self):
        ours, theirs = (self.measure("quantize-8.3mp-16", name) for name in ("clusterx", "torch"))
        assert theirs["quality"] == pytest.approx(ours["quality"], rel=1e-2)
        assert ours["shape"] == [22, 38, 3]

    @pytest.mark.torch
    def test_silhouettes(self):
        ours, theirs = (self.measure("silhouette-digits", name) for name in ("clusterx", "torch"))
        assert theirs["quality"] == pytest.approx(ours["quality"], rel=1e-4)

    @pytest.mark.parametrize("library", ["clusterx", "scikit-learn"])
    def test_scores_of_labels_are_summed(self, library):
        columns = data.make_labels(500, 4).T
        names = {"scores": ("rand_score", "adjusted_rand_score")}
        problem = adapters.Problem(Host(), tuple(columns), 0, None, 0, 1, names)
        found = peers.LIBRARIES[library].tasks["score_labels"](problem)(0).score
        expected = rand_score(*columns) + adjusted_rand_score(*columns)
        assert found == pytest.approx(expected, rel=1e-14)

    def test_rows_are_scored_by_their_nearest_start(self):
        X = data.make_blobs(300, 3)
        start = quality.start_rows(X, 4)
        rows, labels = worker.viewed(X, start, "labelled", Host())
        nearest = ((X[:, None] - start) ** 2).sum(axis=2).argmin(axis=1)
        np.testing.assert_array_equal(labels, nearest)
        names = {"scores": ("calinski_harabasz_score",)}
        problem = adapters.Problem(Host(), (rows, labels), 4, start, 0, 1, names)
        found = peers.LIBRARIES["clusterx"].tasks["score_rows"](problem)(0).score
        assert found == pytest.approx(calinski_harabasz_score(X, nearest), rel=1e-12)

    @pytest.mark.parametrize(
        ("name", "library", "said"),
        [
            (
                "first-run-quantize",
                "clusterx",
                "clusterx.cli quantize sample:china.jpg --colors 16",
            ),
            ("first-run-elbow", "clusterx", "clusterx.cli elbow"),
            ("first-run-fit-5000", "clusterx", "from clusterx import KMeans\nKMeans(8"),
            ("first-run-fit-5000", "scikit-learn", "from sklearn.cluster import KMeans\nKMeans(8"),
        ],
    )
    def test_first_runs_find_no_compiled_code(self, name, library, said, monkeypatch):
        seen = []

        def child(command, env, **given):
            kept = Path(env["NUMBA_CACHE_DIR"])
            assert not kept.exists() or not list(kept.iterdir())
            rows = [len(Path(part).read_text().splitlines()) for part in command if "csv" in part]
            assert rows in ([], [201])
            seen.append((" ".join(command), kept))
            return SimpleNamespace(returncode=0, stdout="")

        monkeypatch.setattr(children.subprocess, "run", child)
        answer = self.measure(name, library, CPU)
        assert len(seen) == 1 + len(answer["warm_s"]) == 2
        assert len({kept for _, kept in seen}) == 2
        assert said in seen[0][0]

    def test_the_last_words_of_a_child(self):
        with pytest.raises(RuntimeError, match="ValueError: no such thing"):
            children._child("-c", "raise ValueError('no such thing')")


class TestQuality:
    @pytest.fixture(params=[Host, HostTorch])
    def place(self, request, monkeypatch):
        monkeypatch.setattr(quality, "BLOCK_VALUES", 200)
        return request.param()

    @pytest.mark.parametrize("given", [True, False])
    def test_inertia_is_brute_force(self, place, given):
        rng = np.random.default_rng(0)
        X, C = rng.random((500, 3), dtype=np.float32), rng.random((7, 3), dtype=np.float32)
        squared = ((X[:, None].astype(np.float64) - C) ** 2).sum(axis=2)
        labels = place.put(squared.argmin(axis=1)) if given else None
        found = quality.inertia(place.xp, place.put(X), place.put(C), labels)
        assert found == pytest.approx(squared.min(axis=1).sum(), rel=1e-12)

    def test_rows_of_words_are_sparse(self):
        stored = data.make_words(30, m=5)
        X = worker.viewed(stored, None, "CSR", Host())
        assert (X.shape, X.nnz) == ((30, data.WORDS), 150)
        C, labels = data.sparse_rows(stored[:2]).toarray(), np.arange(30) % 2
        expected = ((X.toarray() - C[labels]) ** 2).sum()
        assert quality.inertia(Host().xp, X, C, labels) == pytest.approx(expected)

    def test_image_mse_is_brute_force(self, place):
        rng = np.random.default_rng(0)
        image, palette = (rng.integers(0, 256, s).astype(np.uint8) for s in ((20, 30, 3), (9, 3)))
        indices = rng.integers(0, 9, (20, 30)).astype(np.uint8)
        found = quality.image_mse(place.xp, *map(place.put, (image, palette, indices)))
        assert found == ((image.astype(np.int64) - palette[indices]) ** 2).mean()

    def test_start_is_distinct_rows(self):
        X = np.repeat(np.arange(40.0), 5)[:, None]
        start = quality.start_rows(X, 30)
        assert len(np.unique(start)) == 30
        np.testing.assert_array_equal(start, quality.start_rows(X, 30))
        with pytest.raises(ValueError, match="distinct rows, k=50"):
            quality.start_rows(X, 50)

    def test_thinning_is_even(self):
        assert worker.thinned(np.zeros((60, 90, 3)), 600).shape == (20, 30, 3)
        assert worker.thinned(np.arange(10.0)[:, None], 4).ravel().tolist() == [0, 3, 6, 9]
        assert worker.thinned(np.zeros((5, 2)), 9).shape == (5, 2)


class TestData:
    @pytest.mark.parametrize(
        ("name", "share", "shape", "dtype"),
        [
            ("photo_24mp", 1e-4, (40, 60, 3), np.uint8),
            ("mixture_10000000x16", 1e-9, (5_000, 16), np.float32),
            ("blobs_200x3", 1e-4, (200, 3), np.float64),
            ("labels_1000000_10", 0.01, (10_000, 2), np.int64),
        ],
    )
    def test_a_share_is_a_function_of_its_seed(self, name, share, shape, dtype):
        one, again = (sources.SOURCES[name].make(share) for _ in range(2))
        assert (one.shape, one.dtype) == (shape, dtype)
        np.testing.assert_array_equal(one, again)

    def test_photo_has_many_colours(self):
        image = data.make_photo(48, 32)
        assert data.n_unique_colors(image) == len(np.unique(image.reshape(-1, 3), axis=0))

    def test_digits_are_eight_bit_greys_in_the_unit_interval(self):
        X = data.make_digits(50)
        assert (X.shape, X.dtype) == ((50, 784), np.float32)
        assert X.min() >= 0
        assert X.max() <= 1
        np.testing.assert_allclose(X * 255, np.rint(X * 255), atol=1e-4)

    def test_labels_agree_in_the_main(self):
        labels = data.make_labels(10_000, 10)
        assert set(np.unique(labels)) == set(range(10))
        assert np.mean(labels[:, 0] == labels[:, 1]) == pytest.approx(0.73, abs=0.02)

    def test_cached_makes_once(self, cache):
        calls = []
        for _ in range(2):
            path = data.cached("three", lambda: calls.append(1) or np.arange(3))
        assert (len(calls), path.parent) == (1, cache)
        assert np.load(path).tolist() == [0, 1, 2]


class TestReport:
    def test_readme_and_docs_are_what_the_report_writes(self):
        for path, text in report.pages(report.kept()).items():
            assert path.read_text(encoding="utf-8") == text, "run python -m bench.report"

    def test_headlines_are_cases_of_the_cpu(self):
        assert set(report.HEADLINES) <= {case.name for case in chosen(None, CPU)}

    def test_ratio_is_the_peer_over_clusterx(self):
        ours = make_record("clusterx", scaled_median_s=0.5)
        assert report.ratio(make_record("peer"), ours) == 4.0
        assert report.ratio(make_record("peer", status="crashed"), ours) is None
        assert report.ratio(make_record("peer"), None) is None

    def test_difference_is_over_common_seeds(self):
        ours = make_record("clusterx")
        peer = make_record("peer", seeds=[1], quality=[21.0])
        assert report.difference(peer, ours) == pytest.approx(0.05)
        assert report.difference(make_record("peer", seeds=[9], quality=[1.0]), ours) is None
        assert report.difference(make_record("peer", measured_rows=50), ours) is None

    def test_scores_show_their_digits(self):
        one = make_record("clusterx", quality_kind="score", quality=[0.123456789], seeds=[0])
        one["quality_mean"] = 0.123456789
        assert report.quality_text(one) == "0.123456789"
        part = {**one, "library": "peer", "measured_rows": 50}
        assert report.difference(part, one) is None
        assert report.difference({**one, "quality": [0.123456789 * 1.5]}, one) == pytest.approx(0.5)

    def test_losses_and_failures_stay_in_the_table(self):
        records = [
            make_record("clusterx"),
            make_record("faster", scaled_median_s=0.5, quality=[9.0, 18.0], quality_mean=13.5),
            make_record("stuck", status="time limit"),
            make_record("lost", status="missing"),
            make_record("late", status="no time"),
        ]
        text = report.document(records)
        assert "| faster | 500 ms | 0.25× | 13.5 (2 seeds) | -10.00% | 4.00 s | 100 MiB |" in text
        assert "| stuck | over the limit of 60 s |" in text
        assert "| lost | not installed |" in text
        assert "| late | no time left |" in text

    def test_a_gpu_has_its_own_memory_notes_and_section(self):
        machine = {**make_record("")["machine"], "gpu": "a GPU", "cuda_driver": 12040}
        on_gpu = {"device": CUDA, "machine": machine, "device_mib": 10.0, "scale": 0.1}
        torch = make_record("torch", scaled_median_s=1.0, **on_gpu)
        text = report.document([make_record("clusterx", **on_gpu), torch])
        assert text.startswith("## On a GPU")
        assert "float32) | 1.00 s | 0.50× | 15 (2 seeds) | +0.00% | 4.00 s | 10 MiB |" in text
        assert "Data (0.1 of the rows):" in text
        assert "a GPU, driver 12040, a CPU" in text

    def test_a_headline_is_clusterx_scikit_learn_and_the_fastest_other(self):
        def record(library, seconds, value=10.0, **changes):
            given = {"scaled_median_s": seconds, "seeds": [0], "quality": [value]}
            return make_record(library, **given | changes)

        ours, sklearn = record("clusterx", 1.0), record("scikit-learn", 4.0, 11.0, scaled_by=3.0)
        others = [record("faiss", 3.0), record("oneDAL", 2.0, 12.0, warm_runs=0)]
        floor, stuck = record("reading twice", 0.1), record("Pillow", 0.5, status="time limit")
        assert report.headline([ours, sklearn, *others, floor, stuck]) == (
            "tiny data", "1.00 s", "4.00 s (scaled)", "oneDAL, 2.00 s (cold)", "4.00×, 2.00×",
            "+10.00%, +20.00%",
        )  # fmt: skip
        stuck = record("scikit-learn", 0.5, status="time limit")
        assert report.headline([ours, stuck])[2:] == ("over 60 s", "", "", "")

    def test_scaled_times_say_so(self):
        one = make_record("peer", scaled_by=4.0, rows=8_000_000, measured_rows=2_000_000)
        assert report.time_text(one) == "2.00 s (scaled by n from 2.00 million rows)"
        assert report.time_text(make_record("peer", warm_runs=0)) == "2.00 s (one cold run)"

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (137.2, "137 s"),
            (7.3, "7.30 s"),
            (0.0123, "12.3 ms"),
            (0.00035, "350 µs"),
            (5e-8, "5e-08 s"),
        ],
    )
    def test_units(self, seconds, text):
        assert report.seconds_text(seconds) == text

    def test_the_last_whole_run_counts(self, cache):
        old, new, part = (
            make_record("clusterx", run=day, scale=scale)
            for day, scale in (("2026-01-01", 1), ("2026-01-02", 1), ("2026-01-03", 0.02))
        )
        lines = [json.dumps(one) + "\n" for one in (new, old, part)]
        (cache / "cpu.jsonl").write_text("".join(lines))
        assert report.latest(report.kept(cache)) == {"tiny": [new]}

    def test_only_what_is_between_the_markers_changes(self, cache):
        (cache / "cpu.jsonl").write_text(json.dumps(make_record("clusterx")) + "\n")
        readme, docs = cache / "README.md", cache / "benchmarks.md"
        for path in (readme, docs):
            path.write_text(f"before\n{report.START}\nyesterday's\n{report.END}\nafter\n")
        report.update(cache, readme, docs)
        first = docs.read_text()
        assert first.startswith(f"before\n{report.START}\n")
        assert first.endswith(f"{report.END}\nafter\n")
        assert "tiny data" in first
        assert "a CPU, 2 threads" in first
        assert "yesterday's" not in first + readme.read_text()
        report.update(cache, readme, docs)
        assert docs.read_text() == first

    @pytest.mark.parametrize(
        "text", ["", report.START, report.END + report.START, report.START * 2 + report.END]
    )
    def test_wrong_markers_are_refused(self, text):
        with pytest.raises(ValueError, match="once"):
            report.between_markers(text, "table")
