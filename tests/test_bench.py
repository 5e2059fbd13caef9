"""The benchmark's own logic, on tiny data: what is recorded and reported, never how fast."""

import json
import os
import signal

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, rand_score

from bench import data, gpu, gpu_peers, gpu_worker, peers, report, worker
from bench.__main__ import chosen, default_output, main
from bench.cases import CASES, SOURCES, Case
from bench.gpu_cases import GPU_CASES
from bench.gpu_cases import SOURCES as GPU_SOURCES
from bench.run import Settings, job_of, record, run, run_case, schedule

FAKE_PEERS = """
import os, time
from bench.peers import Outcome

def prepare(library, task, problem):
    if library == "absent":
        raise ImportError("No module named 'absent'")
    def go(seed):
        if library == "raises":
            raise ValueError("no such thing")
        if library == "dies":
            os._exit(3)
        if library == "slow":
            time.sleep(60)
        return Outcome(problem.start, None, 7)
    return go
"""
KEYS = {
    "case", "title", "library", "status", "rounds", "seeds", "threads", "device", "scale",
    "rows", "measured_rows", "cold_s", "warm_s", "warm_runs", "median_s", "scaled_median_s",
    "quality", "quality_mean", "n_iter", "peak_rss_mib",
}  # fmt: skip


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Settings under which the workers find adapters that behave badly on purpose."""
    (tmp_path / "fake_peers.py").write_text(FAKE_PEERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CLUSTERX_BENCH_CACHE", str(tmp_path))
    return Settings(peers="fake_peers")


def make_case(*libraries, **changes):
    given = {"rounds": 2, "repeats": 2, "seeds": (0, 1), "k": 3} | changes
    return Case("tiny", "tiny data", "lloyd", "iris", libraries, **given)


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
        assert {case.source for case in CASES} <= set(SOURCES)

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_every_library_has_an_adapter(self, case):
        for library in case.libraries:
            assert (
                (library, case.task) in peers.NAMED
                or case.task in peers.CHILDREN
                or (library in peers.MODULES and case.task in peers.ESTIMATORS)
            )

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_overrides_name_libraries_of_the_case(self, case):
        assert set(case.overrides) <= set(case.libraries)
        known = {"rounds", "repeats", "seeds", "time_limit", "rows"}
        assert all(set(changes) <= known for changes in case.overrides.values())

    def test_patterns_choose_in_order(self):
        assert [c.name for c in chosen(["fit-iris-3", "lloyd-*"])] == [
            "lloyd-digits-10",
            "lloyd-digits-256",
            "fit-iris-3",
        ]
        with pytest.raises(SystemExit, match="No case is called 'nothing'"):
            chosen(["nothing"])

    def test_part_of_the_rows_is_kept_apart(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CLUSTERX_BENCH_CACHE", str(tmp_path))
        assert default_output(1.0, "cpu") == report.RESULTS / "cpu.jsonl"
        assert default_output(0.5, "cpu").parent == tmp_path


class TestSchedule:
    def test_libraries_take_turns(self):
        order = list(schedule(make_case("a", "b", "c"), Settings()))
        assert order == [(r, library) for r in (0, 1) for library in "abc"]

    def test_a_slow_library_keeps_its_fewer_rounds(self):
        case = make_case("a", "b", overrides={"b": {"rounds": 1, "repeats": 0}})
        order = list(schedule(case, Settings(rounds=3, repeats=9)))
        assert order == [(0, "a"), (0, "b"), (1, "a"), (2, "a")]
        assert job_of(case, "b", Settings(repeats=9))["repeats"] == 0
        assert job_of(case, "a", Settings(repeats=9))["repeats"] == 9

    def test_settings_reach_the_job(self):
        case = make_case("a", time_limit=60, overrides={"a": {"rows": 40, "seeds": (5,)}})
        job = job_of(case, "a", Settings(time_limit=10, threads=3, scale=0.5))
        wanted = {"time_limit": 10, "threads": 3, "scale": 0.5, "rows": 40, "seeds": [5]}
        assert {key: job[key] for key in wanted} == wanted
        json.dumps(job)

    def test_mnist_takes_the_place_of_the_digits(self):
        (case,) = chosen(["lloyd-digits-10"])
        assert job_of(case, "clusterx", Settings(mnist=True))["source"] == "mnist_70000x784"


class TestRun:
    def test_record_of_a_library_that_works(self, fakes):
        (one,) = run_case(make_case("good"), fakes)
        assert one.keys() >= KEYS
        assert one["status"] == "ok"
        assert len(one["cold_s"]) == 2
        assert one["warm_runs"] == len(one["warm_s"]) == 2 * 2 * 2
        X = data.make_iris()
        expected = worker.inertia(X, worker.start_rows(X, 3))
        assert one["quality"] == [expected, expected]
        assert one["n_iter"] == [7, 7]
        assert one["quality_repeats"]
        assert len(one["load"]) == 2

    def test_failures_are_recorded_once_and_do_not_stop_the_others(self, fakes):
        case = make_case("absent", "raises", "dies", "good")
        found = {one["library"]: one for one in run_case(case, fakes)}
        statuses = {name: one["status"] for name, one in found.items()}
        assert statuses == {
            "absent": "missing", "raises": "error", "dies": "crashed", "good": "ok"
        }  # fmt: skip
        assert found["raises"]["message"] == "ValueError: no such thing"
        assert "3" in found["dies"]["message"]
        assert found["absent"]["rounds"] == 1

    @pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs SIGALRM")
    def test_time_limit_is_recorded(self, fakes):
        slow, good = run_case(make_case("slow", "good", time_limit=0.5, repeats=0), fakes)
        assert (slow["status"], slow["rounds"]) == ("time limit", 1)
        assert good["status"] == "ok"

    def test_without_warm_runs_the_cold_one_counts(self):
        answer = {
            "status": "ok", "cold_s": 3.0, "warm_s": [], "rows": 100, "measured_rows": 25,
            "quality": [1.0], "n_iter": [1], "prepare_s": 0.0, "peak_rss_mib": None,
            "rss_before_mib": None,
        }  # fmt: skip
        one = record(job_of(make_case("a"), "a", Settings()), [answer])
        assert (one["median_s"], one["scaled_by"], one["scaled_median_s"]) == (3.0, 4.0, 12.0)

    def test_lines_are_appended(self, fakes, tmp_path):
        output = tmp_path / "results" / "tiny.jsonl"
        for _ in range(2):
            run([make_case("good", "absent", rounds=1, repeats=0)], fakes, output)
        records = report.read(output)
        assert [one["library"] for one in records] == ["good", "absent"] * 2
        assert {"cpu", "platform", "python", "versions"} <= records[0]["machine"].keys()


class TestQuality:
    @pytest.mark.parametrize("given", [True, False])
    def test_inertia_is_brute_force(self, given):
        rng = np.random.default_rng(0)
        X, C = rng.random((20_000, 3), dtype=np.float32), rng.random((5, 3))
        squared = ((X[:, None].astype(np.float64) - C) ** 2).sum(axis=2)
        labels = squared.argmin(axis=1) if given else None
        np.testing.assert_allclose(worker.inertia(X, C, labels), squared.min(axis=1).sum())

    def test_image_mse(self):
        image = np.array([[[0, 0, 0], [10, 20, 30]]], dtype=np.uint8)
        palette, indices = np.array([[0, 0, 3], [10, 20, 30]], dtype=np.uint8), np.array([[0, 1]])
        assert worker.image_mse(image, palette, indices) == 9 / 6

    def test_score_is_the_value_itself(self):
        assert worker.quality_of("score", np.zeros((2, 2)), peers.Outcome(score=0.25)) == 0.25

    @pytest.mark.parametrize("library", ["clusterx", "scikit-learn"])
    def test_scores_are_summed(self, library):
        labels = data.make_labels(500, 4)
        options = {"scores": ("rand_score", "adjusted_rand_score")}
        problem = peers.Problem(labels, 0, None, 0, 1, options)
        found = peers.prepare(library, "score", problem)(0).score
        expected = rand_score(*labels.T) + adjusted_rand_score(*labels.T)
        assert found == pytest.approx(expected, rel=1e-14)

    @pytest.mark.parametrize("library", ["clusterx", "scikit-learn"])
    def test_rows_are_scored_by_their_nearest_start(self, library):
        X = data.make_blobs(300, 3)
        start = worker.start_rows(X, 4)
        nearest = ((X[:, None] - start) ** 2).sum(axis=2).argmin(axis=1)
        options = {"scores": ("calinski_harabasz_score",)}
        problem = peers.Problem(X, 4, start, 0, 1, options)
        found = peers.prepare(library, "score", problem)(0).score
        assert found == pytest.approx(calinski_harabasz_score(X, nearest), rel=1e-12)

    def test_start_is_distinct_rows(self):
        X = np.repeat(np.arange(40.0), 5)[:, None]
        start = worker.start_rows(X, 30)
        assert len(np.unique(start)) == 30
        np.testing.assert_array_equal(start, worker.start_rows(X, 30))
        with pytest.raises(ValueError, match="distinct rows, k=50"):
            worker.start_rows(X, 50)

    def test_thinning_is_even(self):
        assert worker.thinned(np.zeros((60, 90, 3)), 600).shape == (20, 30, 3)
        assert worker.thinned(np.arange(10.0)[:, None], 4).ravel().tolist() == [0, 3, 6, 9]
        assert worker.thinned(np.zeros((5, 2)), 9).shape == (5, 2)


class TestData:
    def test_photo_is_a_function_of_its_seed(self):
        one = data.make_photo(48, 32)
        assert (one.shape, one.dtype) == ((32, 48, 3), np.uint8)
        np.testing.assert_array_equal(one, data.make_photo(48, 32))
        assert data.n_unique_colors(one) == len(np.unique(one.reshape(-1, 3), axis=0))

    def test_digits_are_eight_bit_greys_in_the_unit_interval(self):
        X = data.make_digits(50)
        assert (X.shape, X.dtype) == ((50, 784), np.float32)
        assert X.min() >= 0
        assert X.max() <= 1
        np.testing.assert_allclose(X * 255, np.rint(X * 255), atol=1e-4)

    def test_labels_agree_in_the_main(self):
        labels = data.make_labels(10_000, 10)
        assert (labels.shape, labels.dtype) == ((10_000, 2), np.int64)
        assert set(np.unique(labels)) == set(range(10))
        assert np.mean(labels[:, 0] == labels[:, 1]) == pytest.approx(0.73, abs=0.02)
        np.testing.assert_array_equal(labels, data.make_labels(10_000, 10))

    def test_cached_makes_once(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CLUSTERX_BENCH_CACHE", str(tmp_path))
        calls = []
        for _ in range(2):
            path = data.cached("three", lambda: calls.append(1) or np.arange(3))
        assert (len(calls), path.parent) == (1, tmp_path)
        assert np.load(path).tolist() == [0, 1, 2]


class TestReport:
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
        ]
        text = report.table({"tiny": records})
        assert "| faster | 500 ms | 0.25× | 13.5 (2 seeds) | -10.00% |" in text
        assert "| stuck | over the limit of 60 s |" in text
        assert "| lost | not installed |" in text

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

    def test_the_last_whole_run_counts(self):
        old, new, part = (
            make_record("clusterx", run=day, scale=scale)
            for day, scale in (("2026-01-01", 1), ("2026-01-02", 1), ("2026-01-03", 0.02))
        )
        assert report.latest([new, old, part]) == {"tiny": [new]}

    def test_only_what_is_between_the_markers_changes(self, tmp_path):
        results, readme = tmp_path / "cpu.jsonl", tmp_path / "README.md"
        results.write_text(json.dumps(make_record("clusterx")) + "\n")
        readme.write_text(f"before\n{report.START}\nyesterday's\n{report.END}\nafter\n")
        report.update([results], readme)
        first = readme.read_text()
        assert first.startswith(f"before\n{report.START}\n")
        assert first.endswith(f"{report.END}\nafter\n")
        assert "tiny data" in first
        assert "a CPU, 2 threads" in first
        assert "yesterday's" not in first
        report.update([results], readme)
        assert readme.read_text() == first

    @pytest.mark.parametrize(
        "text", ["", report.START, report.END + report.START, report.START * 2 + report.END]
    )
    def test_wrong_markers_are_refused(self, text):
        with pytest.raises(ValueError, match="once"):
            report.between_markers(text, "table")


class Scripted:
    """A worker process whose lines are known: what each process says, until it hangs or ends."""

    def __init__(self, scripts):
        self.scripts, self.jobs = scripts, []

    def __call__(self, job, folder):
        self.jobs.append(job)
        self.lines = iter(self.scripts[len(self.jobs) - 1])
        return self

    def answer(self, seconds):
        return next(self.lines, "ended")

    def end(self):
        return "exit status 7: killed"


def begins(name):
    return {"case": name, "begins": True}


def done(name, **changes):
    one = {
        "case": name, "status": "ok", "median_s": 0.002, "cold_s": 0.01, "warm_s": [0.002],
        "quality": 1.5, "device_mib": None, "n_iter": 10,
    }  # fmt: skip
    return one | changes


class TestGpuTable:
    def test_names_are_unique_and_sources_known(self):
        assert len({case.name for case in GPU_CASES}) == len(GPU_CASES)
        assert {case.source for case in GPU_CASES} == set(GPU_SOURCES)

    def test_clusterx_has_every_case_and_each_library_some(self):
        assert gpu.cases_of("clusterx", GPU_CASES) == list(GPU_CASES)
        for library in gpu_peers.LIBRARIES:
            assert gpu.cases_of(library, GPU_CASES)

    def test_uploads_are_rows_of_their_own(self):
        uploads = [case for case in GPU_CASES if case.task == "upload"]
        assert {case.source for case in uploads} == set(GPU_SOURCES)

    def test_quick_and_whole_runs_end_in_time(self):
        assert gpu.Settings.of(quick=False, dry=False).total <= 480
        assert gpu.Settings.of(quick=True, dry=False).total <= 90

    def test_unknown_names_are_refused(self):
        assert [c.name for c in gpu.chosen(["silhouette-*"])] == ["silhouette-digits"]
        with pytest.raises(SystemExit, match="No GPU case is called 'nothing'"):
            gpu.chosen(["nothing"])


class TestGpuRun:
    CASES = tuple(GPU_CASES[:3])
    NAMES = tuple(case.name for case in CASES)

    def follow(self, monkeypatch, *scripts, seconds=1000.0):
        fake = Scripted(scripts)
        monkeypatch.setattr(gpu, "Worker", fake)
        deadline = gpu.monotonic() + seconds
        settings = gpu.Settings.of(quick=True, dry=False)
        return gpu.run_library("torch", self.CASES, settings, deadline), fake

    def test_a_process_that_works_is_started_once(self, monkeypatch):
        script = [said for name in self.NAMES for said in (begins(name), done(name))]
        records, fake = self.follow(monkeypatch, script)
        assert [(r["case"], r["status"]) for r in records] == [(n, "ok") for n in self.NAMES]
        assert len(fake.jobs) == 1

    def test_after_a_crash_or_a_hang_the_next_case_is_run(self, monkeypatch):
        a, b, c = self.NAMES
        crash, hang = [begins(a)], [begins(b), "time limit"]
        records, fake = self.follow(monkeypatch, crash, hang, [begins(c), done(c)])
        assert [r["status"] for r in records] == ["crashed", "time limit", "ok"]
        assert records[0]["message"] == "exit status 7: killed"
        assert [job["cases"] for job in fake.jobs] == [[a, b, c], [b, c], [c]]

    def test_the_last_words_of_a_process(self, tmp_path):
        worker = gpu.Worker({"library": "no such library"}, tmp_path)
        assert worker.answer(60.0) == "ended"
        assert worker.end().endswith("KeyError: 'no such library'")

    def test_a_process_that_never_begins_is_not_tried_for_ever(self, monkeypatch):
        records, _ = self.follow(monkeypatch, [], [], [])
        assert [r["status"] for r in records] == ["crashed"] * 3
        assert records[0]["message"] == "exit status 7: killed"

    def test_cases_that_time_does_not_last_for_say_so(self, monkeypatch):
        records, fake = self.follow(monkeypatch, seconds=-1.0)
        assert [r["status"] for r in records] == ["no time"] * 3
        assert not fake.jobs

    def test_dry_run_from_the_command_line_to_the_table(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CLUSTERX_BENCH_CACHE", str(tmp_path))
        output = tmp_path / "tiny.json"
        names = "quantize-8.3mp-16", "lloyd-digits-10", "labels-10m-5", "upload-digits"
        only = [part for name in names for part in ("--only", name)]
        main(["--device", "cuda", "--dry-run", "--output", str(output), *only])
        document = json.loads(output.read_text())
        found = {(r["case"], r["library"]): r for r in document["records"]}
        assert document["settings"]["dry"]
        for name in names:
            assert found[name, "clusterx"]["status"] == "ok", found[name, "clusterx"]
        assert found["lloyd-digits-10", "cuML"]["status"] == "not in a dry run"
        for name in names[:2]:  # two ways to the same clusters
            ours, torch = (found[name, library]["quality"] for library in ("clusterx", "torch"))
            assert torch == pytest.approx(ours, rel=1e-3)
        assert "| **clusterx** |" in output.with_suffix(".md").read_text()

    def test_dry_runs_are_for_the_gpu_table(self):
        with pytest.raises(SystemExit, match="--dry-run is for --device cuda"):
            main(["--dry-run"])

    def test_without_a_gpu_it_says_what_is_missing(self, monkeypatch):
        def absent(name):
            raise ImportError(f"No module named {name!r}")

        monkeypatch.setattr(gpu, "import_module", absent)
        with pytest.raises(SystemExit, match=r"needs an NVIDIA GPU and CuPy 14.*'cupy'.*--dry-run"):
            main(["--device", "cuda", "--only", "upload-digits"])


class TestGpuWorker:
    @pytest.mark.parametrize("place", [gpu_peers.Place, gpu_peers.HostTorch])
    def test_inertia_is_brute_force(self, place, monkeypatch):
        monkeypatch.setattr(gpu_worker, "QUALITY_VALUES", 700)
        rng = np.random.default_rng(0)
        X, C = rng.random((500, 3), dtype=np.float32), rng.random((7, 3), dtype=np.float32)
        expected = ((X[:, None].astype(np.float64) - C) ** 2).sum(axis=2).min(axis=1).sum()
        at = place()
        assert gpu_worker.inertia(at.xp, at.put(X), at.put(C)) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("place", [gpu_peers.Place, gpu_peers.HostTorch])
    def test_image_mse_is_that_of_the_other_bench(self, place, monkeypatch):
        monkeypatch.setattr(gpu_worker, "QUALITY_VALUES", 200)
        rng = np.random.default_rng(0)
        image, palette = (rng.integers(0, 256, s).astype(np.uint8) for s in ((20, 30, 3), (9, 3)))
        indices = rng.integers(0, 9, (20, 30)).astype(np.uint8)
        at = place()
        found = gpu_worker.image_mse(at.xp, *(at.put(x) for x in (image, palette, indices)))
        assert found == pytest.approx(worker.image_mse(image, palette, indices), rel=1e-14)

    def test_an_error_is_an_answer(self, monkeypatch):
        def broken(*given):
            raise ValueError("no such thing")

        monkeypatch.setattr(gpu_worker, "measure", broken)
        job = {"library": "torch", "dry": True, "cases": [GPU_CASES[0].name]}
        first, second = gpu_worker.answers(job)
        assert first == begins(GPU_CASES[0].name)
        assert (second["status"], second["message"]) == ("error", "ValueError: no such thing")

    def test_mixture_is_a_function_of_its_seed(self):
        X = data.make_mixture(1000, 5)
        assert (X.shape, X.dtype) == ((1000, 5), np.float32)
        np.testing.assert_array_equal(X, data.make_mixture(1000, 5))


class TestGpuReport:
    def test_losses_and_failures_stay_in_the_table(self):
        name = GPU_CASES[0].name
        document = {
            "run": "2026-01-01T00:00:00+00:00", "settings": {"share": 0.1},
            "machine": {
                "gpu": "a GPU", "cuda_driver": 12040, "platform": "an OS", "python": "3",
                "versions": {"numpy": "2", "cuml": "not installed"},
            },
            "records": [
                {**done(name), "library": "clusterx"},
                {**done(name, median_s=0.001, device_mib=10.0), "library": "torch"},
                {"case": name, "library": "cuML", "status": "time limit"},
            ],
        }  # fmt: skip
        text = gpu.text(document)
        assert "| **clusterx** | 2.00 ms |  | 1.5 | 10.0 ms |  |" in text
        assert "| 1.00 ms | 0.50× | 1.5 | 10.0 ms | 10 MiB |" in text
        assert "| cuML | time limit |" in text
        assert "0.1 of the rows of: china.jpg enlarged to 8.3MP" in text
        assert "a GPU, driver 12040" in text
        assert "cuml" not in text.rpartition("\n- ")[2]
