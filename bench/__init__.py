"""The benchmark: clusterx against the installed libraries, with result quality beside time."""
