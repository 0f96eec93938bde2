"""The report as PDF/A on A4, typeset by Typst from the same content as the page; no network, fonts in the file."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

from ..core.errors import NanogaugeError
from .cards import Card
from .document import inputs_rows
from .formatting import breakable
from .plots import Plot

MOST_ROWS = 200
"""Rows of the micrographs' table in the PDF; summary.csv has all."""
MOST_PICTURES = 24
_LONGEST_PX = 1100
_WIDTH_MM, _MOST_HEIGHT_MM = 95.0, 66.0  # three micrographs a page


def report_pdf(document: Mapping[str, Any], *, timestamp: int | None = None) -> bytes:
    """PDF (PDF/A-2b where the fonts have every character) of a document made by `document.build`.

    timestamp: seconds since 1970, for a file that is the same each time

    Raises NanogaugeError where it cannot be set.
    """
    import typst

    with tempfile.TemporaryDirectory(prefix="nanogauge-") as name:
        folder = Path(name)
        (folder / "data.json").write_text(json.dumps(_content(document, folder), ensure_ascii=False), encoding="utf-8")
        source = resources.files("nanogauge.reporting").joinpath("templates/report.typ").read_text(encoding="utf-8")
        (folder / "report.typ").write_text(source, encoding="utf-8")
        options: dict[str, Any] = {"root": folder, "timestamp": timestamp}
        try:
            return bytes(typst.compile(folder / "report.typ", pdf_standards="a-2b", **options))
        except typst.TypstError:
            pass  # PDF/A refuses characters that no font has, such as those of a file name; a plain PDF shows a box for them
        try:
            return bytes(typst.compile(folder / "report.typ", **options))
        except typst.TypstError as error:
            reason = " ".join(str(error).split())[:200]
            raise NanogaugeError(f"the PDF could not be set ({reason}); report.html has the same content") from error


def _content(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The document as JSON can hold it: pictures as files, long names breakable, tables cut where they would fill a book."""
    rows = document["rows"]
    out = {
        k: v for k, v in document.items() if k not in ("cards", "samples", "comparison", "rows", "failures", "doubtful", "title")
    }
    out["title"] = breakable(document["title"])
    out["short_title"] = breakable(document["title"] if len(document["title"]) <= 70 else document["title"][:69] + "…")
    out["footer"] = dict(document["provenance"]).get("nanogauge", "") and f"nanogauge {dict(document['provenance'])['nanogauge']}"
    out["samples"] = [
        s | {"name": breakable(s["name"]), "plots": [_plot(p, folder, f"{k}-{p.name}") for p in s["plots"]]}
        for k, s in enumerate(document["samples"])
    ]
    comparison = document["comparison"]
    out["comparison"] = comparison and comparison | {"plot": _plot(comparison["plot"], folder, "comparison")}
    shown = rows[:MOST_ROWS]
    out["rows"] = [
        {
            k: breakable(v) if k in ("title", "sample", "scale_evidence") else v.replace("_", " ") if k == "status" else v
            for k, v in r.items()
        }
        | {"n_found": str(r["n_found"]), "n_counted": str(r["n_counted"])}
        for r in shown
    ]
    out["rows_note"] = f"The first {MOST_ROWS} of {len(rows)}; all are in summary.csv." if len(rows) > MOST_ROWS else ""
    out["failures"] = [(breakable(str(f["file"])), breakable(str(f["message"]))) for f in document["failures"][:MOST_ROWS]]
    cards = document["cards"][:MOST_PICTURES]
    out["cards"] = [_card(c, folder, k) for k, c in enumerate(cards)]
    out["cards_note"] = "" if len(rows) <= len(cards) else f"Pictures of all {len(rows)} micrographs are in the results' folders."
    out["inputs"] = [(breakable(a), breakable(b)) for a, b in inputs_rows(shown)]
    for key in ("instrument", "scale", "iso", "provenance"):
        out[key] = [(a, breakable(b)) for a, b in document[key]]
    out["head"] = [(a, breakable(b)) for a, b in document["head"]]
    return out


def _plot(plot: Plot, folder: Path, stem: str) -> dict[str, str]:
    (folder / f"{stem}.svg").write_text(plot.svg, encoding="utf-8")
    return {"file": f"{stem}.svg", "caption": plot.caption}


def _card(card: Card, folder: Path, k: int) -> dict[str, Any]:
    with Image.open(io.BytesIO(card.overlay)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((_LONGEST_PX, _LONGEST_PX))
        small.save(folder / f"{k}.jpg", quality=85)
        width = min(_WIDTH_MM, _MOST_HEIGHT_MM * small.width / small.height)
    if card.order_picture:
        (folder / f"{k}-order.png").write_bytes(card.order_picture)
    if card.fibres_picture:
        (folder / f"{k}-fibres.png").write_bytes(card.fibres_picture)
    if card.scale_bar:
        (folder / f"{k}-bar.png").write_bytes(card.scale_bar)
    return {
        "title": breakable(card.title),
        "headline": card.headline,
        "notes": [breakable(n) for n in card.notes],
        "scale": [(a, breakable(b)) for a, b in card.scale],
        "exclusions": card.exclusions,
        "overlay": f"{k}.jpg",
        "width_mm": round(width, 2),
        "aggregates": [(a, breakable(b)) for a, b in card.aggregates],
        "order": [(a, breakable(b)) for a, b in card.order],
        "order_picture": f"{k}-order.png" if card.order_picture else None,
        "fibres": [(a, breakable(b)) for a, b in card.fibres],
        "fibres_picture": f"{k}-fibres.png" if card.fibres_picture else None,
        "scale_bar": f"{k}-bar.png" if card.scale_bar else None,
    }
