"""Where the rows live: in memory, or in blocks that are read one at a time.

An algorithm sees `Rows`: passes over them (`map`, `reduce`), prepared steps (`step`), and rows by
their indices (`take`). It passes its kernels in. No algorithm is named here, and none asks which
kind of `Rows` it has.
"""

from .base import Rows
from .blocks import Blocks
from .mapped import fits_in_memory, in_memory_or_blocks, reads_in_blocks
from .memory import InMemory, rows_of
from .output import check_labels_out, labels_into, without_labels

__all__ = [
    "Blocks",
    "InMemory",
    "Rows",
    "check_labels_out",
    "fits_in_memory",
    "in_memory_or_blocks",
    "labels_into",
    "reads_in_blocks",
    "rows_of",
    "without_labels",
]
