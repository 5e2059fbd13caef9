"""Check the links inside a built site: files and anchors have to be there.

    python docs/check_links.py docs/_build

Links to other sites are counted, not followed. Exit status 1 if one is broken.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)
            elif name == "srcset" and value:
                self.links += [part.split()[0] for part in value.split(",")]


def check(site: Path) -> tuple[int, int, list[str]]:
    """Links inside the site, links to others, and the broken ones."""
    # the theme keeps templates among its static files
    paths = (path for path in site.rglob("*.html") if "_static" not in path.parts)
    pages = {path.resolve(): Page(path) for path in paths}
    inside = outside = 0
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                outside += 1
                continue
            inside += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            known = pages[target].anchors if target in pages else None
            if not target.exists() or (anchor and known is not None and anchor not in known):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return inside, outside, broken


def main() -> int:
    inside, outside, broken = check(Path(sys.argv[1]))
    print(*broken, sep="\n", end="\n" if broken else "")
    print(f"{inside:,} links inside, {len(broken)} broken; {outside:,} to other sites")
    if not inside:
        print(f"{sys.argv[1]} has no pages")
    return int(bool(broken) or not inside)


if __name__ == "__main__":
    sys.exit(main())
