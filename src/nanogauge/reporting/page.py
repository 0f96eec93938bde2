"""The report as HTML: one page that needs nothing else, or a summary with a page for each micrograph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..results.figures import data_uri
from .cards import Card

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_ROWS = 500
"""Micrographs listed in report.html; a larger run has pages of so many, and in report.html only those with something to look at."""
MOST_DOUBTFUL = 200


def report_page(document: Mapping[str, Any]) -> str:
    """The run's page; `document` as made by `document.build`."""
    cards = [_with_pictures(c) for c in document["cards"]]
    shown = {**document, "cards": cards, **long_list(document)}
    return render("report.html.j2", d=shown)


def long_list(document: Mapping[str, Any]) -> dict[str, Any]:
    """What takes the place of the micrographs' table in the page of a run too large for it: addresses of the pages that list them,
    and those with something to look at."""
    rows, failures = document["rows"], document["failures"]
    n = len(rows) + len(failures)
    if n <= MOST_ROWS:
        return {"pages": [], "n_inputs": n, "doubtful": []}
    return {
        "pages": [(text, f"micrographs/{name}") for text, name in page_names(n)],
        "n_inputs": n,
        "rows": [r for r in rows if r["status"] != "ok" or r["message"]][:MOST_DOUBTFUL],
        "failures": failures[:MOST_DOUBTFUL],
        "doubtful": [
            {"title": t.title, "message": t.message, "link": t.link, "uri": data_uri(t.thumbnail)}
            for t in document.get("doubtful", ())
        ],
    }


def page_names(n: int) -> list[tuple[str, str]]:
    """(rows, file name) of the pages that list n micrographs."""
    return [(f"{k + 1}–{min(k + MOST_ROWS, n)}", f"page-{k // MOST_ROWS + 1:03d}.html") for k in range(0, n, MOST_ROWS)]


def index_pages(title: str, rows: Sequence[dict[str, Any]], failures: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(file name, HTML) of the pages that list a run's micrographs; none where one table holds them all."""
    every = [*rows, *failures]
    if len(every) <= MOST_ROWS:
        return
    names = page_names(len(every))
    for k, (_, name) in enumerate(names):
        links = [(text, "" if other == name else other) for text, other in names]
        part = every[k * MOST_ROWS : (k + 1) * MOST_ROWS]
        yield name, render("index.html.j2", title=title, rows=part, links=links)


def micrograph_page(card: Card, *, linked: bool = False) -> str:
    """One micrograph's own page, for runs too large for one file; linked: it shows the pictures that lie beside it."""
    return render("micrograph.html.j2", c=_with_pictures(card, linked=linked))


def _with_pictures(card: Card, *, linked: bool = False) -> dict[str, Any]:
    pictures = {
        "overlay_uri": "overlay.png" if linked else data_uri(card.overlay) if card.overlay else "",
        "scale_bar_uri": "scale_bar.png" if linked and card.has_scale_bar else data_uri(card.scale_bar) if card.scale_bar else "",
    }
    if card.order_picture or (linked and card.order):
        pictures["order_uri"] = "order.png" if linked else data_uri(card.order_picture or b"")
    if card.fibres_picture or (linked and card.fibres):
        pictures["fibres_uri"] = "fibres.png" if linked else data_uri(card.fibres_picture or b"")
    return {k: getattr(card, k) for k in card.__dataclass_fields__} | pictures


def render(template: str, **content: Any) -> str:
    """A page of a template that has the house's style in it."""
    return _environment().get_template(template).render(style=_style(), **content)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, select_autoescape

    return Environment(
        loader=PackageLoader("nanogauge.reporting"),
        autoescape=select_autoescape(["html", "j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=1)
def _style() -> str:
    return resources.files("nanogauge.reporting").joinpath("templates/style.css").read_text(encoding="utf-8")
