"""Scripts as tutorials write them print the same with accel as without."""

import contextlib
import io
import runpy
import sys
from pathlib import Path

import pytest

from clusterx import accel
from clusterx.accel.records import RECORDS

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


def printed(script):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(script), run_name="__main__")
    return out.getvalue()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")
def test_scripts_print_the_same(script):
    pytest.importorskip("pandas")
    main = sys.modules["__main__"]
    without = printed(script)
    accel.install(always=True)
    try:
        RECORDS.clear()
        assert printed(script) == without
        places = {call.where for call in RECORDS.totals}
    finally:
        accel.uninstall()
    assert without.count("\n") >= 3
    assert places == {"clusterx"}
    assert sys.modules["__main__"] is main
