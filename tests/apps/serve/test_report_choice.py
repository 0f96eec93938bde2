"""What the report is made of and what its head says, as chosen on the page; charts of several samples at one scale."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nanogauge.apps.serve import downloads
from nanogauge.apps.serve.pages.samples import pooled
from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.report_choice import ReportChoice, choice_from_dict
from nanogauge.core.errors import InputError
from nanogauge.reporting.plots import one_scale
from page_tools import PORT, gone_to
from serve_tools import running

CHOSEN = ReportChoice(title="Silica, lot 7", operator="A. Weber", instrument="SU8230", checked_only=True, without=("lot 8",))

# the figures along the axis of each chart with bars, and where they stand
AXES = """[...document.querySelectorAll('.ng-chart')].filter((c) => c.querySelector('.bars rect')).map(
  (c) => [...c.querySelectorAll('.axis text:not(.title)')].map((t) => `${t.textContent} ${t.getAttribute('x')}`))"""


@pytest.fixture
def sorted_out(several: Path) -> Path:
    """a and b in lot 7, c in lot 8, d in none; a and c are checked."""
    project = Project(several)
    project.assign(["a", "b"], "lot 7")
    project.assign(["c"], "lot 8")
    for name in "ac":
        project.check(name, True)
    return several


def test_a_choice_is_kept_and_whatever_was_kept_is_read(sorted_out: Path) -> None:
    project = Project(sorted_out)
    project.set_report(CHOSEN)
    assert Project(sorted_out).report == CHOSEN
    assert {name: [e.name for e in group] for name, group in project.reported().items()} == {"lot 7": ["a"]}
    samples = project.samples()
    assert CHOSEN.left_out(samples) == "3 of 4: sample lot 8 (1), not marked as checked (2)"
    assert ReportChoice().left_out(samples) == ""
    assert ReportChoice(without=("",)).left_out(samples) == "1 of 4: micrographs in no sample (1)"
    assert choice_from_dict(
        {"title": 7, "operator": "A\n B" + "x" * 400, "without": "lot 7", "checked_only": "no"}
    ) == ReportChoice(title="7", operator="A B" + "x" * 197)
    project.assign(["d"], "new")  # a new sample is in the report by itself
    assert list(project.report.of(project.samples())) == ["lot 7"]
    project.check("d", True)
    assert list(project.report.of(project.samples())) == ["lot 7", "new"]
    project.set_report(ReportChoice(without=("lot 7", "lot 8", "new")))
    with pytest.raises(InputError, match="would hold no micrograph"):
        downloads.write_for_download(project, "summary.csv")


def test_files_hold_what_was_chosen_and_say_what_they_leave_out(sorted_out: Path) -> None:
    project = Project(sorted_out)
    downloads.write_for_download(project, "particles.csv")
    assert set(pd.read_csv(sorted_out / "particles.csv")["micrograph"]) == set("abcd")
    project.set_report(CHOSEN)
    downloads.write_for_download(project, "report.html")
    assert set(pd.read_csv(sorted_out / "particles.csv")["micrograph"]) == {"a"}
    assert len((sorted_out / "summary.csv").read_text().splitlines()) == 2
    text = (sorted_out / "report.html").read_text()
    for said in ("Silica, lot 7", "A. Weber", "SU8230", "3 of 4: sample lot 8 (1), not marked as checked (2)"):
        assert said in text, said
    assert json.loads((sorted_out / "run.json").read_text())["report"]["without"] == ["lot 8"]
    downloads.zip_everything(project, sorted_out / "all.zip")
    stamp = (sorted_out / "report.pdf").stat().st_mtime_ns
    project.check("d", True)  # is in no sample of the report, but in the report
    downloads.write_for_download(project, "report.pdf")
    assert (sorted_out / "report.pdf").stat().st_mtime_ns > stamp


def test_charts_of_samples_share_unit_and_axis_unless_they_are_far_apart(sorted_out: Path) -> None:
    project = Project(sorted_out)
    groups = project.samples()
    first, second = (pooled(name, groups[name], weighting="number") for name in ("lot 7", "lot 8"))
    far = second.particles.assign(equivalent_diameter_px=30 * second.particles["equivalent_diameter_px"])
    assert one_scale([first]) is None
    scale = one_scale([first, second])
    assert scale is not None
    counted = first.particles[first.particles["edge_weight"] > 0]["equivalent_diameter_px"]
    assert 0 <= scale.low < counted.min() < counted.max() < scale.high
    assert far["equivalent_diameter_px"].median() > 10 * counted.median()

    downloads.write_for_download(project, "report.html")
    axes = [
        re.findall(r"<!-- ([\d.]+) -->", (p / "distribution.svg").read_text())
        for p in sorted((sorted_out / "plots").iterdir())
        if p.is_dir()
    ]
    assert len(axes) == 2
    assert axes[0][:3] == axes[1][:3], "the same ticks"
    text = (sorted_out / "report.html").read_text()
    assert not re.findall(r"coefficient of variation</t[dh]>\s*<td[^>]*>0\.", text), "in percent, as everywhere"
    assert re.search(r"coefficient of variation</t[dh]>\s*<td[^>]*>[\d.]+ %", text)


@pytest.mark.slow
@pytest.mark.browser
def test_the_report_is_made_as_the_dialog_says(tab: Any, sorted_out: Path, free_port: PORT) -> None:
    with running(sorted_out, free_port()) as page:
        gone_to(tab, f"{page.address}/report")
        tab.click("button:has-text('What it holds')")
        dialog = tab.locator(".q-dialog")
        dialog.locator("text=4 of 4 micrographs").wait_for()
        tab.fill(".q-dialog [aria-label=Title]", "Silica, lot 7")
        tab.fill(".q-dialog [aria-label=Operator]", "A. Weber")
        tab.click(".q-dialog .q-checkbox:has-text('lot 8 (1 micrograph, 1 checked)')")
        dialog.locator("text=3 of 4 micrographs").wait_for()
        tab.click(".q-dialog .q-checkbox:has-text('Only micrographs marked as checked')")
        dialog.locator("text=1 of 4 micrographs").wait_for()
        tab.click(".q-dialog .q-checkbox:has-text('lot 7')")
        dialog.locator("text=0 of 4 micrographs").wait_for()
        tab.wait_for_selector(".q-dialog button:disabled:has-text('Use')")
        tab.click(".q-dialog .q-checkbox:has-text('lot 7')")
        tab.click(".q-dialog button:has-text('Use')")
        tab.wait_for_selector(".ng-note:has-text('Left out: 3 of 4: sample lot 8 (1), not marked as checked (2).')")
        tab.wait_for_selector("text=Its head says: title Silica, lot 7; operator A. Weber.")
        with tab.expect_download() as download:
            tab.click(".ng-files a:has-text('report.html')")
        text = Path(download.value.path()).read_text()
        assert "Silica, lot 7" in text
        assert "A. Weber" in text
        gone_to(tab, f"{page.address}/samples")
        tab.wait_for_function(f"() => {AXES}.length === 2")
        first, second = tab.evaluate(AXES)
        assert first == second, "charts at one scale"
        assert len(first) > 2

        gone_to(tab, f"{page.address}/report")
        tab.click("button:has-text('What it holds')")
        dialog.locator("text=1 of 4 micrographs").wait_for()
        assert tab.input_value(".q-dialog [aria-label=Operator]") == "A. Weber"
