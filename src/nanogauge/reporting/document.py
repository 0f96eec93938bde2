"""Everything a report says, gathered from samples and cards into one document that page and PDF lay out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.settings import MeasureSettings, Settings
from ..core.version import __version__
from ..results.saved import SavedMeasurement
from ..statistics.samples import Part, Sample, compare, part_of, pool_tables
from .cards import Card, card_of, table_row
from .content import comparison_content, iso_rows, provenance_rows, sample_content, settings_rows
from .facts import Gathered
from .gallery import Doubtful
from .info import ReportInfo
from .plots import comparison_plot, one_scale, sample_plots

MOST_CARDS = 24
"""Micrographs shown in full in report.html; a larger run has a page for each micrograph instead."""


_IN_THE_SIZES = ("edge", "subpixel")  # settings that made the sizes what they are
_IN_THE_FIGURES = ("weighting", "least_diameter_px", "largest_frame_share", "edge_correction")  # and what is made of the sizes


@dataclass
class Collected:
    """What is kept of a run's micrographs as they come: a table row, the particles' sizes, facts; pictures only of the first
    MOST_CARDS, and only where the run is no larger."""

    n_expected: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    gathered: Gathered = field(default_factory=Gathered)
    settings: Settings | None = None
    ways: dict[MeasureSettings, None] = field(default_factory=dict)  # settings that differ, in the order in which they came
    doubtful: list[Doubtful] = field(default_factory=list)
    left_out: str = ""  # which measured micrographs the report was made without, and why

    @property
    def paged(self) -> bool:
        """Whether each micrograph has a page of its own."""
        return self.n_expected > MOST_CARDS

    def add(self, saved: SavedMeasurement, *, sample: str, link: str) -> Card:
        """One micrograph more; its card is returned for a page of its own, and kept where the run is small.

        sample: it is pooled with the others of that name; "": with none
        """
        card = card_of(saved)
        self.gathered.add(saved.about)
        self.settings = self.settings or saved.settings
        self.ways.setdefault(saved.settings.measure)
        if not self.paged:
            self.cards.append(card)
        row = table_row(saved) | {"sample": sample}
        row["link"] = link if self.paged else f"#m{len(self.cards)}"
        self.rows.append(row)
        if sample:
            self.parts.setdefault(sample, []).append(part_of(saved))
        return card


def build(
    collected: Collected,
    *,
    info: ReportInfo | None = None,
    started: str = "",
    plots_folder: Path | None = None,
    single_population: bool = True,
) -> tuple[dict[str, Any], list[Sample]]:
    """The document and its samples. Plots go into PLOTS_FOLDER too where one is given.

    single_population: pool each sample's micrographs; False leaves pooled figures out, for files that belong to no one sample
    """
    info = info or ReportInfo()
    samples = _samples(collected) if single_population else []
    blocks = []
    several = len(samples) > 1
    scale = one_scale(samples)
    for k, sample in enumerate(samples):
        folder = None
        if plots_folder is not None:
            folder = plots_folder / _folder_name(sample.name, k) if several else plots_folder
            folder.mkdir(parents=True, exist_ok=True)
        blocks.append(sample_content(sample) | {"plots": sample_plots(sample, folder=folder, scale=scale)})
    comparison = None
    comparable = [s for s in samples if s.distribution.n]
    if len(comparable) > 1 and len({s.unit for s in comparable}) == 1:
        comparison = comparison_content(compare(comparable)) | {"plot": comparison_plot(comparable, folder=plots_folder)}
    g = collected.gathered
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = info.title or "Particle sizes" + (
        f": {info.sample or samples[0].name}" if len(samples) == 1 and (info.sample or samples[0].name) else ""
    )
    head = [(k, v) for k, v in (
        ("Report", info.report_number), ("Material", info.material), ("Batch", info.batch), ("Laboratory", info.laboratory),
        ("Operator", info.operator), ("Micrographs", f"{g.n}"), ("Made", made), ("Software", f"nanogauge {__version__}"),
    ) if v]  # fmt: skip
    document = {
        "title": title,
        "author": info.operator or info.laboratory or "nanogauge",
        "head": head,
        "head_right": info.report_number or made,
        "samples": blocks,
        "comparison": comparison,
        "rows": collected.rows,
        "cards": collected.cards,
        "doubtful": collected.doubtful,
        "failures": collected.failures,
        "instrument": g.instrument(),
        "scale": g.scale_rows(),
        "iso": iso_rows(info, g, samples),
        "provenance": provenance_rows(g, started=started, made=made, left_out=collected.left_out),
        "settings": settings_rows(g.settings),
        "several_settings": g.several_settings,
    }
    return document, samples


def _samples(collected: Collected) -> list[Sample]:
    samples = [pool_tables(parts, name=name, settings=collected.settings) for name, parts in collected.parts.items()]
    said = _unlike(list(collected.ways))
    return [replace(s, warnings=(*said, *s.warnings)) for s in samples]


def _unlike(ways: list[MeasureSettings]) -> tuple[str, ...]:
    """What to say where micrographs were measured in unlike ways, so that a table of theirs may give another figure than this."""
    said = []
    for names, so in (
        (_IN_THE_SIZES, "sizes differ by that alone; measure them all in one way"),
        (_IN_THE_FIGURES, "the first counts for all in this report, whatever their own tables were made with"),
    ):
        values = {n: list(dict.fromkeys(f"{getattr(w, n)}" for w in ways)) for n in names}
        differing = [f"{name} {', '.join(v)}" for name, v in values.items() if len(v) > 1]
        if differing:
            said.append(f"micrographs were measured with unlike settings ({'; '.join(differing)}): {so}")
    return tuple(said)


def _folder_name(name: str, k: int) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(". ")
    return f"{k + 1}-{kept}"[:60]


def inputs_rows(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """File name and SHA-256 of each micrograph."""
    return [(r["title"], r["sha256"] or "") for r in rows]
