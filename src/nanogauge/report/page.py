"""The report as HTML: one page that needs nothing else, or a summary with a page a micrograph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from ..figures import data_uri
from .cards import Card


def report_page(document: Mapping[str, Any]) -> str:
    """The run's page; `document` as made by `document.build`."""
    cards = [_with_pictures(c) for c in document["cards"]]
    return _environment().get_template("report.html.j2").render(d={**document, "cards": cards}, style=_style())


def micrograph_page(card: Card) -> str:
    """One micrograph's own page, for runs too large for one file."""
    return _environment().get_template("micrograph.html.j2").render(c=_with_pictures(card), style=_style())


def _with_pictures(card: Card) -> dict[str, Any]:
    pictures = {
        "overlay_uri": data_uri(card.overlay) if card.overlay else "",
        "scale_bar_uri": data_uri(card.scale_bar) if card.scale_bar else "",
    }
    return {k: getattr(card, k) for k in card.__dataclass_fields__} | pictures


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nanogauge"), autoescape=select_autoescape(["html", "j2"]), trim_blocks=True, lstrip_blocks=True
    )


@lru_cache(maxsize=1)
def _style() -> str:
    return resources.files("nanogauge").joinpath("templates/style.css").read_text(encoding="utf-8")
