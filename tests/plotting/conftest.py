"""Figures are drawn without a screen, checked to hold all that is on them, and closed."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def figures():
    """Draw every figure a test leaves: that warns of nothing, and no words stick out of it."""
    plt.close("all")
    yield
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.draw()
        if figure.get_layout_engine() is not None:  # one of ours
            _check_inside(figure)
    plt.close("all")


def _check_inside(figure):
    room, slack = figure.bbox.extents, 2  # pixels, for the ends of lines
    for ax in figure.axes:
        box = ax.get_tightbbox(figure.canvas.get_renderer()).extents
        assert (box[:2] >= room[:2] - slack).all(), (ax.get_title(), box, room)
        assert (box[2:] <= room[2:] + slack).all(), (ax.get_title(), box, room)
