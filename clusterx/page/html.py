"""The page itself: one file that loads nothing from a network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from .. import __version__
from . import svg
from .analysis import Analysis, Cluster, Column, Compared
from .svg import number

#: Columns in a profile: those that set the cluster apart most.
PROFILE = 10
#: Most clusters that get a profile of their own.
PROFILES = 24


def page(found: Analysis) -> str:
    """The HTML text."""
    style = Path(__file__).with_name("style.css").read_text()
    title = f"Clusters in {found.name}"
    sections = (
        ("columns", "The columns", _columns(found)),
        ("number", "How many clusters?", _number(found)),
        ("models", "Models compared", _models(found)),
        ("clusters", f"The {found.k} clusters", _overview(found)),
        ("profiles", "What sets each cluster apart", _profiles(found)),
        ("map", "The rows on a map", _map(found)),
        ("silhouettes", "How well each row fits", _silhouettes(found)),
    )
    links = "".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{escape(name)}</h2>{text}</section>'
        for key, name, text in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n"
        f"<body><header><h1>{escape(title)}</h1>{_summary(found)}<nav>{links}</nav></header>\n"
        f"<main>{body}</main>\n<footer>clusterx {__version__}, on {escape(found.backend)}. "
        f"Trying k took {found.seconds['k']:.1f} s, the other models {found.seconds['models']:.1f} "
        "s.</footer></body></html>\n"
    )


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _summary(found: Analysis) -> str:
    largest = max(found.clusters, key=lambda cluster: cluster.rows)
    text = (
        f"{found.drawn:,} rows and {len(found.names)} columns fall into {found.k} clusters "
        f"({found.why}). The largest has {largest.rows / found.drawn:.0%} of the rows. "
    )
    if math.isfinite(found.silhouette):
        text += f"The mean silhouette is {found.silhouette:.2f}: {_verdict(found.silhouette)}."
    notes = list(found.notes)
    if found.drawn < found.rows:
        notes.insert(
            0,
            f"The file has {found.rows:,} rows. This page is about {found.drawn:,} of them, "
            "drawn at random.",
        )
    if found.standardized:
        notes.append("The columns were standardised: each counts alike.")
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<p class="lead">{escape(text)}</p>' + (f"<ul>{items}</ul>" if items else "")


def _verdict(silhouette: float) -> str:
    """Kaufman and Rousseeuw's (1990) interpretation of a mean silhouette."""
    if silhouette > 0.7:
        return "a strong structure"
    if silhouette > 0.5:
        return "a reasonable structure"
    return (
        "a weak structure, which may be artificial" if silhouette > 0.25 else "hardly any structure"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table of ready-made cells; the first `left` columns are text."""

    def cells(values: Sequence[str], kind: str) -> str:
        return "".join(
            f"<{kind}{'' if i < left else ' class=n'}>{value}</{kind}>"
            for i, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{cells(head, "th")}</tr></thead>{body}</table></div>'
    )


# -- sections ------------------------------------------------------------------------------------

#: Characters of examples that fit beside the other cells of a column of text.
EXAMPLES = 34


def _shortened(examples: Sequence[str]) -> str:
    """As many of the examples as fit on a line, but at least the first."""
    shown = examples[0][:EXAMPLES] if examples else ""
    for text in examples[1:]:
        if len(shown) + 2 + len(text) > EXAMPLES:
            break
        shown += f", {text}"
    return shown


def _columns(found: Analysis) -> str:
    def row(column: Column) -> tuple[str, ...]:
        used = "clustered" if column.used else "not used"
        if column.examples:
            about = column.examples
            numbers = ("", "", "", "")
        else:
            about = ()
            numbers = tuple(
                number(v) for v in (column.least, column.mean, column.most, column.spread)
            )  # type: ignore[assignment]
        picture = svg.histogram(column.bins) or f"<small>{escape(_shortened(about))}</small>"
        return (
            escape(column.name), escape(column.kind), used, f"{column.missing:,}",
            f"{column.distinct:,}", *numbers, picture,
        )  # fmt: skip

    head = (
        *("column", "type", "use", "missing", "distinct", "least", "mean", "most"),
        *("std. deviation", "distribution"),
    )
    return table(head, map(row, found.columns), left=3)


def _number(found: Analysis) -> str:
    ks = found.sweep.n_clusters
    if len(ks) == 1:
        return _paragraph(
            f"{found.k} were asked for. With several numbers (--k 2:10) they are compared."
        )
    scores = found.sweep.scores
    pictures = (
        (
            svg.curve(ks, scores["inertia"], "inertia", found.choices.get("elbow"), "Inertia by k"),
            "Elbow: the sum of squared distances to the centres always falls; after the right k it "
            "falls slowly.",
        ),
        (
            svg.curve(
                ks, scores["silhouette"], "silhouette", found.choices.get("silhouette"),
                "Silhouette by k",
            ),
            "Silhouette: how much nearer rows are to their own cluster than to the next one. The "
            "largest is best.",
        ),
    )  # fmt: skip
    words = {"silhouette": "the silhouette chooses", "elbow": "the elbow is at"}
    said = [f"{text} {found.choices[c]}" for c, text in words.items() if c in found.choices]
    said = said or ["no criterion chooses a k"]
    text = f"{' and '.join(said).capitalize()}. The page goes on with {found.k}: {found.why}."
    figures = "".join(
        f"<figure>{picture}<figcaption>{escape(words)}</figcaption></figure>"
        for picture, words in pictures
    )
    return _paragraph(text) + f'<div class="pair">{figures}</div>'


def _models(found: Analysis) -> str:
    best = {}
    for name, extreme in (
        ("silhouette", max),
        ("calinski_harabasz", max),
        ("davies_bouldin", min),
    ):
        values = [getattr(model, name) for model in found.models]
        best[name] = extreme(filter(math.isfinite, values), default=None)

    def score(model: Compared, name: str) -> str:
        value = getattr(model, name)
        text = number(value) if name == "calinski_harabasz" else f"{value:.3f}"
        if not math.isfinite(value):
            return "–"
        return f"<strong>{text}</strong>" if value == best[name] else text

    def row(model: Compared) -> tuple[str, ...]:
        if math.isnan(model.seconds):
            return (escape(model.name), *["–"] * 7, escape(model.note))
        return (
            escape(model.name), str(model.clusters), f"{model.noise:.1%}",
            score(model, "silhouette"), score(model, "calinski_harabasz"),
            score(model, "davies_bouldin"), f"{model.agreement:.2f}", f"{model.seconds:.3f}",
            escape(model.note),
        )  # fmt: skip

    head = (
        *("model", "clusters", "noise", "silhouette ↑", "Calinski-Harabasz ↑"),
        *("Davies-Bouldin ↓", "agreement", "seconds", ""),
    )
    words = (
        "Agreement is the adjusted Rand index with k-means: 1 means the same clusters, 0 no more "
        "than chance. Noise is left out of the scores. These scores favour round clusters, as "
        "k-means makes them; HDBSCAN finds clusters of any shape, and their number by itself."
    )
    return table(head, map(row, found.models)) + _paragraph(words)


def _overview(found: Analysis) -> str:
    shown = found.names[:8]

    def row(cluster: Cluster) -> tuple[str, ...]:
        share = cluster.rows / found.drawn
        kind = svg.colour(cluster.label)
        bar = f'<span class="bar {kind}" style="width:{share * 100:.1f}%"></span>'
        width = f"{cluster.silhouette:.2f}" if math.isfinite(cluster.silhouette) else "–"
        return (
            f'<span class="chip {kind}"></span>{cluster.label}',
            f'<span class="track">{bar}</span>', f"{cluster.rows:,}", f"{share:.1%}", width,
            *map(number, cluster.means[: len(shown)]),
        )  # fmt: skip

    means = (f"mean <b>{escape(name)}</b>" for name in shown)
    head = ("cluster", "", "rows", "share", "silhouette", *means)
    more = len(found.names) - len(shown)
    words = f"KMeans(n_clusters={found.k}); means in the units of the file."
    words += f" The first {len(shown)} columns; {more} more are in the profiles." if more else ""
    return _paragraph(words) + table(head, map(row, found.clusters), left=2)


def _profiles(found: Analysis) -> str:
    figures = []
    for cluster in found.clusters[:PROFILES]:
        order = np.argsort(-np.abs(cluster.differences), kind="stable")[:PROFILE]
        names = [found.names[i] for i in order]
        tips = [f"{found.names[i]}: mean {number(cluster.means[i])}" for i in order]
        bars = svg.differences(names, cluster.differences[order], tips, svg.colour(cluster.label))
        figures.append(
            f'<figure><h3><span class="chip {svg.colour(cluster.label)}"></span>Cluster '
            f"{cluster.label}: {escape(_words(found, cluster))}</h3>{bars}</figure>"
        )
    words = (
        "Each bar is the difference between the mean of the cluster and the mean of all rows, in "
        "standard deviations of all rows."
    )
    rest = len(found.clusters) - PROFILES
    words += f" The first {PROFILES} clusters; {rest} more are left out." if rest > 0 else ""
    return _paragraph(words) + f'<div class="pair">{"".join(figures)}</div>'


def _words(found: Analysis, cluster: Cluster) -> str:
    """The two largest differences in words."""
    order = np.argsort(-np.abs(cluster.differences), kind="stable")[:2]
    names = [f"column {name}" if name.isdecimal() else name for name in found.names]
    parts = [
        f"{'high' if cluster.differences[i] > 0 else 'low'} {names[i]}"
        for i in order
        if abs(cluster.differences[i]) >= 0.5
    ]
    return " and ".join(parts) or "near the mean in every column"


def _map(found: Analysis) -> str:
    n = len(found.components)
    words = (
        "Rows that are near each other here are alike along the two directions of most variance."
    )
    if n > svg.POINTS:
        words += f" {svg.POINTS:,} of {n:,} rows are drawn."
    return (
        _paragraph(words)
        + f"<figure>{svg.scatter(found.components, found.labels, found.shares)}</figure>"
    )


def _silhouettes(found: Analysis) -> str:
    if not np.isfinite(found.silhouettes).all():
        return _paragraph("A silhouette needs at least two clusters, and fewer than rows.")
    words = (
        "Each row is a line, sorted within its cluster. Near 1 it fits well; near 0 it lies "
        "between two clusters; below 0 another cluster is nearer."
    )
    if len(found.silhouettes) < found.drawn:
        words += f" {len(found.silhouettes):,} rows, drawn at random."
    picture = svg.silhouettes(found.silhouettes, found.silhouette_labels, found.silhouette)
    return _paragraph(words) + f"<figure>{picture}</figure>"
