"""Installs accel for a test, and takes it away again."""

import pytest

from clusterx import accel
from clusterx.accel.records import RECORDS


@pytest.fixture
def installed():
    """clusterx takes every call that it can."""
    accel.install(always=True)
    RECORDS.clear()
    yield accel
    accel.uninstall()


@pytest.fixture
def ran():
    """Where the calls ran: their names by place."""

    def by_place():
        found = {}
        for call in RECORDS.totals:
            found.setdefault(call.where, []).append(call.name)
        return found

    return by_place
