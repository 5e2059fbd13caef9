"""The faults of `planted_faults.py` can be planted; whether they are caught, it says itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_each_text_occurs_once():
    spec = importlib.util.spec_from_file_location(
        "planted_faults", Path(__file__).with_name("planted_faults.py")
    )
    faults = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(faults)
    counts = {f.name: len(faults.places(f, faults.ROOT)) for f in faults.FAULTS}
    assert {name: count for name, count in counts.items() if count != 1} == {}
    assert len(counts) == len(faults.FAULTS)
