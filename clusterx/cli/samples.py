"""Tables that ship with scikit-learn, to try commands on; named like `sample:iris`."""

from __future__ import annotations

from typing import Any

from .common import TableError

SAMPLE = "sample:"
NAMES = ("breast_cancer", "diabetes", "digits", "iris", "wine")
#: The column with the class of each row; used for clustering only if it is named.
TARGET = "target"


def sample(name: str) -> Any:
    """The data frame for a name that begins with `sample:`; its last column has the classes."""
    from sklearn import datasets

    wanted = name.removeprefix(SAMPLE)
    if wanted not in NAMES:
        known = ", ".join(SAMPLE + one for one in NAMES)
        raise TableError(f"{name}: there is no such sample. There are {known}.")
    found = getattr(datasets, f"load_{wanted}")(as_frame=True)
    classes = getattr(found, "target_names", None)
    if classes is None:
        return found.frame
    return found.frame.assign(**{TARGET: [str(classes[label]) for label in found.target]})
