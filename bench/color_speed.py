"""Time of images in few colours beside Pillow and imagequant, in one interleaved run.

    python -m bench.color_speed [--rounds 3] [--out bench/results/color_speed.json]

Of each call the least of some rounds is kept, in wall time and in processor time of all threads;
decoding and encoding are not included. The folder is one of photos of 2 megapixels, from JPEG to
PNG by the command, on one core and on two. The results also go to docs/colors.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.colors import RESULTS, write_document
from bench.data import make_photo
from clusterx.image import quantize, remap

K = 256
PACKAGES = ("pillow", "imagequant", "numpy")


def calls(photo: np.ndarray) -> dict[str, dict[str, Callable[[], Any]]]:
    """What is compared: row -> library -> call."""
    import imagequant
    from PIL import Image

    pil = Image.fromarray(photo)
    rgba = pil.convert("RGBA")
    palette = quantize(photo[::8, ::8].copy(), K, random_state=0).palette
    frame = Image.new("P", (1, 1))
    frame.putpalette(palette.tobytes())
    return {
        "palette and pixels": {
            "clusterx": lambda: quantize(photo, K, random_state=0),
            "imagequant": lambda: imagequant.quantize_pil_image(rgba, 0.0, K),
        },
        "palette and pixels, Floyd-Steinberg": {
            "clusterx": lambda: quantize(photo, K, dither="floyd-steinberg", random_state=0),
            "imagequant": lambda: imagequant.quantize_pil_image(rgba, 1.0, K),
        },
        "pixels by a given palette": {
            "clusterx": lambda: remap(photo, palette),
            "Pillow": lambda: pil.quantize(palette=frame, dither=Image.Dither.NONE),
        },
        "pixels by a given palette, Floyd-Steinberg": {
            "clusterx": lambda: remap(photo, palette, dither="floyd-steinberg"),
            "Pillow": lambda: pil.quantize(palette=frame, dither=Image.Dither.FLOYDSTEINBERG),
        },
    }


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def compared(photo: np.ndarray, rounds: int) -> list[dict[str, Any]]:
    rows = []
    for name, libraries in calls(photo).items():
        best: dict[str, tuple[float, float]] = {}
        for _ in range(rounds):
            for library, call in libraries.items():
                wall, cpu = timed(call)
                before = best.get(library, (np.inf, np.inf))
                best[library] = min(before[0], wall), min(before[1], cpu)
        found = {
            library: {"wall_s": round(wall, 4), "cpu_s": round(cpu, 4)}
            for library, (wall, cpu) in best.items()
        }
        own, peer = best.values()
        row = {
            "row": name, "times": found,
            "wall_ratio": round(own[0] / peer[0], 3), "cpu_ratio": round(own[1] / peer[1], 3),
        }  # fmt: skip
        print(row, flush=True)
        rows.append(row)
    return rows


def folder(photo: np.ndarray, n: int) -> dict[str, Any]:
    """n photos of 2 megapixels by the command, on one core and on two."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as where:
        photos = Path(where) / "photos"
        photos.mkdir()
        rng = np.random.default_rng(0)
        for i in range(n):
            y, x = rng.integers(0, photo.shape[0] - 1224), rng.integers(0, photo.shape[1] - 1632)
            part = np.ascontiguousarray(photo[y : y + 1224, x : x + 1632])
            Image.fromarray(part).save(photos / f"{i}.jpg", quality=92)
        seconds = {}
        for cores in (1, 2):
            out = Path(where) / f"out{cores}"
            command = [
                "taskset", "-c", ",".join(map(str, range(cores))), sys.executable, "-m",
                "clusterx.cli", "quantize", str(photos), "-k", str(K), "-j", str(cores),
                "-o", str(out), "-q",
            ]  # fmt: skip
            env = os.environ | {"CLUSTERX_NUM_THREADS": str(cores)}
            start = time.perf_counter()
            subprocess.run(command, check=True, env=env)
            seconds[cores] = round(time.perf_counter() - start, 2)
    return {"row": f"folder of {n} photos", "wall_s": seconds, "faster": seconds[1] / seconds[2]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=24, help="Photos in the folder.")
    parser.add_argument("--out", default="bench/results/color_speed.json")
    options = parser.parse_args()
    photo = make_photo(6000, 4000)
    quantize(photo[:64, :64].copy(), 8, dither="floyd-steinberg")
    rows = compared(photo, options.rounds)
    rows.append(folder(photo, options.photos))
    print(rows[-1])
    found = {
        "versions": {name: version(name) for name in PACKAGES},
        "machine": platform.processor() or platform.machine(),
        "megapixels": 24, "cores": os.cpu_count(), "load": os.getloadavg()[0], "rows": rows,
    }  # fmt: skip
    Path(options.out).write_text(json.dumps(found, indent=1) + "\n")
    if Path(options.out).resolve().parent == RESULTS.resolve():
        write_document()


if __name__ == "__main__":
    main()
