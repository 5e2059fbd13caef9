"""`python -m bench.accel_scripts`: whole scripts with accel and without, in turns.

Each script is a process of its own. CPU time counts, on one thread each, with compiled kernels on
disk; the least of several rounds. The record says, besides, how far the report's seconds are from
those that the script took itself, and its estimates from scikit-learn's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results" / "accel-scripts.json"
HEAD = """
from time import perf_counter
import numpy as np
from sklearn.datasets import make_blobs, make_moons, load_digits, load_iris, load_wine
seconds = 0.0
def timed(work):
    global seconds
    started = perf_counter()
    found = work()
    seconds += perf_counter() - started
    return found
def blobs(n, d=2, k=5, seed=0):
    return make_blobs(n, d, centers=k, cluster_std=2.0, random_state=seed)
"""
SCRIPTS = {
    "no clustering at all": """
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
LogisticRegression(max_iter=500).fit(X, y)
""",
    "KMeans, 150 x 4": """
from sklearn.cluster import KMeans
X, y = load_iris(return_X_y=True)
timed(lambda: KMeans(3, random_state=0, n_init=10).fit(X))
""",
    "KMeans, 1797 x 64, k of 2 to 12": """
from sklearn.cluster import KMeans
X, y = load_digits(return_X_y=True)
for k in range(2, 13):
    timed(lambda: KMeans(k, random_state=0).fit(X))
""",
    "KMeans, 200,000 x 3": """
from sklearn.cluster import KMeans
X = np.random.RandomState(0).rand(200_000, 3)
m = timed(lambda: KMeans(16, random_state=0, n_init=5).fit(X))
""",
    "KMeans, 10,000 x 784": """
from sklearn.cluster import KMeans
X = np.random.RandomState(0).rand(10_000, 784)
m = timed(lambda: KMeans(10, random_state=0, n_init=3).fit(X))
""",
    "KMeans, 300 fits of 200 x 2": """
from sklearn.cluster import KMeans
X, y = blobs(200)
for seed in range(300):
    timed(lambda: KMeans(5, random_state=seed, n_init=1).fit(X))
""",
    "MiniBatchKMeans, 100,000 x 10": """
from sklearn.cluster import MiniBatchKMeans
X, y = blobs(100_000, 10)
timed(lambda: MiniBatchKMeans(8, random_state=0, n_init=3).fit(X))
""",
    "MiniBatchKMeans, parts of 1000 x 50": """
from sklearn.cluster import MiniBatchKMeans
X, y = blobs(50_000, 50)
m = MiniBatchKMeans(8, random_state=0)
for at in range(0, 50_000, 1000):
    timed(lambda: m.partial_fit(X[at : at + 1000]))
""",
    "DBSCAN, 750 x 2": """
from sklearn.cluster import DBSCAN
X, y = blobs(750)
timed(lambda: DBSCAN(eps=0.3).fit(X))
""",
    "DBSCAN, 50,000 x 2": """
from sklearn.cluster import DBSCAN
X, y = blobs(50_000)
timed(lambda: DBSCAN(eps=0.2).fit(X))
""",
    "HDBSCAN, 5000 x 2": """
from sklearn.cluster import HDBSCAN
X, y = blobs(5000)
timed(lambda: HDBSCAN(copy=True).fit(X))
""",
    "HDBSCAN, 10,000 x 10": """
from sklearn.cluster import HDBSCAN
X, y = blobs(10_000, 10)
timed(lambda: HDBSCAN(copy=True, min_cluster_size=15).fit(X))
""",
    "OPTICS, 1500 x 2": """
from sklearn.cluster import OPTICS
X, y = blobs(1500)
timed(lambda: OPTICS(min_samples=10).fit(X))
""",
    "AgglomerativeClustering, 3000 x 10": """
from sklearn.cluster import AgglomerativeClustering
X, y = blobs(3000, 10)
for linkage in ("ward", "average", "complete", "single"):
    timed(lambda: AgglomerativeClustering(5, linkage=linkage).fit(X))
""",
    "MeanShift, 1000 x 2": """
from sklearn.cluster import MeanShift, estimate_bandwidth
X, y = blobs(1000)
b = estimate_bandwidth(X, quantile=0.2)
timed(lambda: MeanShift(bandwidth=b).fit(X))
""",
    "AffinityPropagation, 300 x 2": """
from sklearn.cluster import AffinityPropagation
X, y = blobs(300)
timed(lambda: AffinityPropagation(random_state=0, preference=-50).fit(X))
""",
    "SpectralClustering, 1000 x 2": """
from sklearn.cluster import SpectralClustering
X, y = make_moons(1000, noise=0.05, random_state=0)
timed(lambda: SpectralClustering(2, affinity="nearest_neighbors", random_state=0).fit(X))
""",
    "Birch, 20,000 x 2": """
from sklearn.cluster import Birch
X, y = blobs(20_000)
timed(lambda: Birch(n_clusters=5).fit(X))
""",
    "GaussianMixture, 20,000 x 10, k of 1 to 8": """
from sklearn.mixture import GaussianMixture
X, y = blobs(20_000, 10)
for k in range(1, 9):
    m = timed(lambda: GaussianMixture(k, random_state=0).fit(X))
    timed(lambda: m.score_samples(X))
""",
    "scores of labels and silhouettes, 5000 x 10": """
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, silhouette_score
X, y = blobs(5000, 10)
for k in range(2, 7):
    labels = timed(lambda: KMeans(k, random_state=0).fit_predict(X))
    timed(lambda: silhouette_score(X, labels))
    timed(lambda: adjusted_mutual_info_score(y, labels))
    timed(lambda: adjusted_rand_score(y, labels))
""",
}
TAIL = """
import sys
print(seconds, file=sys.stderr)
"""


class Run(NamedTuple):
    cpu: float
    own: float  # seconds of the calls, by the script's own clock


def run(arguments: list[str]) -> Run:
    """CPU seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(cpu, float(child.stderr.split()[-1]))


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Both ways in turns, after a first run that compiles."""
    with tempfile.TemporaryDirectory() as folder:
        script, report = Path(folder) / "script.py", Path(folder) / "report.json"
        script.write_text(HEAD + SCRIPTS[name] + TAIL)
        accelerated = ["-m", "clusterx.accel", "--report-json", str(report), str(script)]
        run(["-m", "clusterx.accel", "--always", str(script)])
        plain, accel, errors, estimates = [], [], [], []
        for _ in range(rounds):
            plain.append(run([str(script)]))
            accel.append(run(accelerated))
            found = json.loads(report.read_text())
            total = sum(row["seconds"] for row in found["rows"])
            errors.append(total - accel[-1].own)
            known = [r["scikit_learn"] or r["seconds"] for r in found["rows"]]
            estimates.append(sum(known))
    best = min(one.cpu for one in plain), min(one.cpu for one in accel)
    return {
        "scikit-learn": best[0], "accel": best[1], "ratio": best[1] / best[0],
        "clusterx": sorted({r["call"] for r in found["rows"] if r["where"] != "scikit-learn"}),
        "report off by": max(errors, key=abs),
        "calls": min(one.own for one in plain), "estimated": min(estimates),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accel_scripts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of the name of a script")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in SCRIPTS:
        if options.only in name:
            results[name] = compare(name, options.rounds)
            one = results[name]
            print(
                f"{name}: {one['scikit-learn']:.2f} s, with accel {one['accel']:.2f} s "
                f"({one['ratio']:.2f}); report off by {one['report off by']:.4f} s, calls took "
                f"{one['calls']:.3f} s, estimated {one['estimated']:.3f}; "
                f"{', '.join(one['clusterx'])}",
                flush=True,
            )
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
