"""Every `.cu` file compiles for every architecture, and keeps what it works on in registers."""

import pytest

from clusterx.kernels.cuda.loader import FILES, source
from clusterx.kernels.distances.cuda.screening import LOW, TILE_BYTES, rows_per_thread
from clusterx.kernels.dither.cuda import PART, ROWS
from tests.cuda_on_cpu import nvrtc

pytestmark = pytest.mark.nvrtc

ARCHITECTURES = (75, 80, 86, 90, 100, 120)
#: The oldest and the newest compile every variant, those between them one of four.
ENDS = (75, 120)
SIZES = {"float": 4, "double": 8}
#: What the smallest of them offer.
REGISTERS, SHARED = 65536, 48 << 10
BLOCK = 256


def low(value, d):
    """The macros of a kernel for rows of few columns."""
    tile = TILE_BYTES // (SIZES[value] * d)
    return {"T": value, "D": d, "ROWS": rows_per_thread(d), "TILE": tile}


LOW_VARIANTS = [low(value, d) for value in SIZES for d in (1, 3, 4, 8, LOW)]
SCAN = {"BLOCK": BLOCK, "ITEMS": 8}
#: Every file under every kind of macros that it is used with.
VARIANTS = {
    "nearest": LOW_VARIANTS,
    "lloyd": [*LOW_VARIANTS, *({"T": value} for value in SIZES)],
    "screen": [{"T": "float", "TF32": 0}, {"T": "float", "TF32": 1}, {"T": "double", "TF32": 0}],
    "summary": [{"T": value} for value in SIZES],
    "distances": [
        {"T": value, "REAL": real, "DEPTH": depth, "LANES": 32 if depth == 16 else 1}
        for value, real in (("float", "float"), ("float", "double"), ("double", "double"))
        for depth in (1, 3, 16)
    ],
    "seeding": [{"T": value, "LANES": lanes} for value in SIZES for lanes in (1, 32)],
    "minibatch": [{}],
    "positions": [
        {"CELL": cell, "RUNS": runs, "BLOCK": BLOCK, "ITEMS": 8}
        for cell, runs in (("unsigned int", 0), ("unsigned long long", 1), ("double", 1))
    ],
    "contingency": [
        {"COUNT": count, "LABEL": label, "SHARED_CELLS": 1 << 13}
        for count, label in (("unsigned int", "int"), ("unsigned long long", "signed char"))
    ],
    "by_label": [
        {"T": value, "WIDTH": width, "BLOCK": BLOCK} for value in SIZES for width in (1, 32)
    ],
    "mixture": [{"T": value, "LANES": lanes} for value in SIZES for lanes in (1, 32)],
    "neighbors": [
        {"T": value, "METRIC": metric, "DEPTH": depth, "POWER": "3.0", "ROOT": root}
        for value, depth, metric, root in (
            ("float", 2, 0, 1), ("double", 16, 0, 0), ("float", 16, 1, 0), ("double", 2, 2, 0),
            ("double", 16, 3, 2),
        )
    ],
    "distance_sums": [
        {"T": value, "REAL": real, "METRIC": metric, "DEPTH": depth, "WALK": 16}
        for value, real in (("float", "float"), ("float", "double"), ("double", "double"))
        for metric in range(3)
        for depth in (1, 3, 16)
    ],
    "dither": [
        {"CHANNEL": channel, "LABEL": label, "ROWS": ROWS, "PART": PART, "ALPHA": alpha}
        for channel, label, alpha in (
            ("unsigned char", "unsigned char", 0), ("unsigned short", "unsigned short", 1),
        )
    ],
    "color": [
        {
            "CHANNEL": channel, "CHANNELS": channels, "STRIDE": stride, "CODE": code,
            "COUNT": "unsigned int", "LABEL": label, "ITEMS": 8, "SHARED_COLORS": colors,
        }
        for channel, channels, stride, code, label, colors in (
            ("unsigned char", 1, 1, "unsigned int", "unsigned char", 256),
            ("unsigned char", 3, 3, "unsigned int", "unsigned char", 0),
            ("unsigned char", 3, 4, "unsigned int", "unsigned short", 0),
            ("unsigned char", 4, 4, "unsigned int", "int", 0),
            ("unsigned short", 4, 4, "unsigned long long", "int", 0),
        )
    ],
}  # fmt: skip


def test_every_file_is_compiled_here():
    assert set(VARIANTS) == {path.stem for path in FILES.values()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", VARIANTS)
def test_compiles_without_spills(name, architecture, record_property):
    variants = VARIANTS[name] if architecture in ENDS else VARIANTS[name][::4]
    for defines in variants:
        found = nvrtc.compile_for(architecture, source(name, defines), name)
        assert found
        for kernel, resources in found.items():
            what = kernel, defines, resources
            record_property(f"{kernel} {defines}", resources._asdict())
            assert resources.spills == 0, what
            assert resources.shared <= SHARED, what
            assert resources.registers * BLOCK <= REGISTERS, what


def test_what_does_not_compile_is_told():
    broken = source("nearest", low("float", 3)).replace("int label[ROWS]", "int label[ROWZ]", 1)
    with pytest.raises(RuntimeError, match=r"nearest.cu does not compile(.|\n)*ROWZ"):
        nvrtc.compile_for(90, broken, "nearest")


def test_spills_are_seen():
    """A kernel that wants more registers than it may have."""
    text = source("nearest", low("double", 16)).replace(
        "__global__ void nearest", "__global__ void __launch_bounds__(1024, 1) nearest"
    )
    assert nvrtc.compile_for(90, text, "nearest")["nearest"].spills > 0
