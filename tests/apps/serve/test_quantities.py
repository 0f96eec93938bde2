"""The diameter one wants: chart, figures, colours and filters by any size or shape, and the figure as it is shown."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nanogauge.apps.serve.quantities import QUANTITIES, distribution_by
from nanogauge.apps.serve.sample_figures import chart_of, figures_of, sample_of, shown_lengths
from nanogauge.core.errors import EditError
from nanogauge.editing.session import Session
from nanogauge.statistics.samples import Part
from page_tools import PORT, click_bar, opened
from serve_tools import running


def test_every_quantity_has_a_chart_and_figures_that_agree_with_the_table(session: Session) -> None:
    session.edit("scale", {"choice": {"source": "typed", "text": "50 nm/px"}})
    sample = sample_of([Part("a", session.table, session.scale)], name="a", settings=session.settings_in_force())
    unit = shown_lengths(sample, "auto")
    counted = session.table[session.table["edge_weight"] > 0]
    for name, quantity in QUANTITIES.items():
        d = distribution_by(sample, quantity)
        chart = chart_of(sample, unit, by=name, distribution=d)
        values = counted[quantity.in_unit("nm")].to_numpy() * (unit.per_stored if quantity.length else 1)
        assert chart["unit"] == ("µm" if quantity.length else "")
        assert sum(chart["count"]) == len(values)
        if np.ptp(values) > 0:
            assert (chart["edges"][0], chart["edges"][-1]) == (pytest.approx(values.min()), pytest.approx(values.max()))
        assert chart["cumulative"]["y"][-1] == pytest.approx(1)
        rows = {r["name"]: r["value"] for r in figures_of(sample, unit, by=name, distribution=d)}
        mean = np.average(values, weights=counted["edge_weight"])
        assert float(rows["mean"].split()[0]) == pytest.approx(mean, rel=2e-3)
        json.dumps(chart, allow_nan=False)
    wide = chart_of(sample, unit, bin_width=0.5)
    assert wide["edges"][1] - wide["edges"][0] <= 0.5
    assert len(wide["edges"]) - 1 == int(np.ceil((wide["edges"][-1] - wide["edges"][0]) / 0.5 - 1e-9))


def test_one_interval_a_page_is_that_of_the_budget(session: Session) -> None:
    session.edit("scale", {"choice": {"source": "traced", "label": "100 nm", "ends": [[10, 10], [10, 60]]}})
    m = session.measurement()
    sample = sample_of([Part("a", m.particles, m.scale, m.edge_offset_px, m.detection)], name="a", settings=m.settings)
    assert m.budget is not None
    low, high = sample.quotable["mean"]
    assert (low, high) == (pytest.approx(m.budget["mean"].low, rel=1e-6), pytest.approx(m.budget["mean"].high, rel=1e-6))
    assert high - low > sample.distribution.mean.high - sample.distribution.mean.low  # the scale is in it, too
    unit = shown_lengths(sample, "nm")
    rows = {r["name"]: r["interval"] for r in figures_of(sample, unit)}
    assert rows["mean"] == unit.interval(low, high)


def test_a_filter_of_any_quantity_says_what_it_leaves_out(session: Session) -> None:
    counted = session.table[session.table["edge_weight"] > 0]
    limit = float(np.sort(counted["feret_max_px"])[4]) - 1e-6
    session.edit("filters", {"unit": "px", "other": "feret_max", "least_other": limit})
    assert session.judged.removed["other"] == 4
    assert session.journal.done[-1].text.startswith("set the filters: feret max")
    out = session.table[(session.table["feret_max_px"] < limit) & (session.table["label"].isin(counted["label"]))]
    assert (out["edge_weight"] == 0).all()
    assert out["flags"].str.contains("filtered").all()
    session.edit("filters", {"other": "solidity", "largest_other": 0.001})
    assert (session.table["edge_weight"] == 0).all()
    session.edit("filters", {"other": "solidity"})  # without a limit it filters nothing
    assert session.decisions.filters.other is None
    session.edit("filters", {"unit": "nm", "other": "feret_max", "least_other": 5})
    assert "there is no scale" in session.judged.notes[-1]
    assert (session.table["edge_weight"] > 0).any()
    for wrong in ({"other": "label", "least_other": 1}, {"other": "feret_max", "least_other": 5, "largest_other": 4}):
        with pytest.raises(EditError):
            session.edit("filters", wrong)


@pytest.mark.slow
@pytest.mark.browser
def test_chart_colours_and_figure_go_by_what_is_chosen(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        tab.click(".q-tab:has-text('Sizes')")
        tab.wait_for_selector(".ng-chart .bars rect")
        tab.click('.q-select:has([aria-label="Quantity"])')
        tab.click(".q-menu .q-item:has-text('Feret diameter, largest')")
        tab.wait_for_selector(".ng-chart .title:has-text('Feret diameter, largest / px')")
        click_bar(tab)
        tab.wait_for_function("() => nanogauge.selection.size > 0")
        smallest = "Math.min(...[...nanogauge.particles.values()].filter(p => p.kind !== 'left_out').map(p => p.feret_max))"
        assert tab.evaluate(f"[...nanogauge.selection].some(l => nanogauge.particles.get(l).feret_max === {smallest})")
        with tab.expect_download() as download:
            tab.click(".ng-shown button:has-text('its data')")
        rows = list(csv.reader(Path(download.value.path()).read_text().splitlines()))
        assert rows[0] == ["from / px", "to / px", "particles", "share"]
        assert sum(float(r[3]) for r in rows[1:]) == pytest.approx(1)
        tab.click("text=log axis")
        tab.click("text=cumulative")
        tab.wait_for_selector(".ng-chart .title:has-text('share of number no larger')")
        with tab.expect_download() as download:
            tab.click(".ng-shown button:has-text('SVG')")
        svg = Path(download.value.path()).read_text()
        assert download.value.suggested_filename == "a-feret_max-cumulative.svg"
        assert "share of number no larger" in svg
        assert "var(" not in svg
        with tab.expect_download() as download:
            tab.click(".ng-shown button:has-text('PNG')")
        with Image.open(download.value.path()) as picture:
            assert picture.size[0] > 1000
        tab.select_option('select[aria-label="Colour outlines by"]', "aspect_ratio")
        tab.wait_for_selector(".ng-legend .ramp")
        low, high = (float(v) for v in tab.evaluate("nanogaugeView.rampEnds"))
        assert 0 < low < high <= 1


def test_words_of_the_field_are_explained() -> None:
    from nanogauge.apps.serve.glossary import GLOSSARY, explained

    for word in ("GSD", "geometric SD", "D[4,3]", "Cliff's δ", "Cliff’s δ", "circularity", "d50 / nm"):
        assert "<abbr" in explained(word), word
    assert "ImageJ" in explained("circularity")
    assert explained("<b>") == "&lt;b&gt;"
    assert explained("gsdx") == "gsdx"
    assert all(len(text) < 260 and text.endswith(".") for text in GLOSSARY.values())
