"""Properties that are computed once."""

import threading

from clusterx.properties import cached_property


def test_instances_do_not_wait_for_each_other():
    # nor does a process that forks while another thread computes
    meeting = threading.Barrier(2, timeout=30)

    class Rows:
        @cached_property
        def summary(self):
            """What they sum to."""
            return meeting.wait()

    rows = Rows(), Rows()
    others = threading.Thread(target=lambda: rows[1].summary)
    others.start()
    found = rows[0].summary
    others.join()
    assert {found, rows[1].summary} == {0, 1}
    assert rows[0].summary is found
    assert Rows.summary.__doc__ == "What they sum to."
