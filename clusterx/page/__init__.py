"""One page about the clusters in a table: what `clusterx report` writes."""

from .analysis import Analysis, analyse
from .html import page

__all__ = ["Analysis", "analyse", "page"]
