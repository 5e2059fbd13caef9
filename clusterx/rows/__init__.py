"""Where the rows live: in memory, or in blocks that are read one at a time.

An algorithm sees the rows through one pass operations (`reduce`, `map`), `take`, and the prepared
steps of the kernels; whether a step holds all rows or walks over blocks is decided here.
"""

from .blocks import Blocks
from .mapped import in_memory_or_blocks
from .memory import InMemory

__all__ = ["Blocks", "InMemory", "in_memory_or_blocks"]
