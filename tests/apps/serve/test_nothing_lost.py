"""What a person decided is neither lost nor spread where it was not meant: in a real browser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanogauge.apps.serve.many import ForMany
from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.scale_for_others import candidates, candidates_of
from nanogauge.apps.serve.studio import Studio
from nanogauge.core.errors import EditError, InputError
from nanogauge.core.scale import parse_scale
from nanogauge.core.settings import Settings
from nanogauge.editing.scale_choice import given
from page_tools import PORT, after_edit, free, labels, on_screen, opened, until
from serve_tools import running


def edits(folder: Path) -> int:
    return len(json.loads((folder / "measurement.json").read_text())["operator_edits"])


@pytest.mark.slow
def test_measured_again_is_kept_and_comes_back(several: Path) -> None:
    studio = Studio(Project(several), settings=Settings().replace("segment", engine="threshold"))
    try:
        session = studio.session("a")
        label = int(session.table["label"].iloc[3])
        session.edit("delete", {"labels": [label]})
        studio.project.assign(["a"], "lot 7")
        studio.measure_again("a")
        with pytest.raises(EditError, match="measured again"):  # in a window that still shows it
            session.edit("delete", {"labels": [label + 1]})
        with pytest.raises(EditError, match="measured again"):
            session.undo()
        until(lambda: studio.project.entries["a"].state == "done")
        assert edits(several / "a") == 0
        (version,) = studio.project.earlier("a")
        assert version.n_edits == 1
        entry = studio.bring_back(version.folder.name)
        assert (entry.sample, entry.summary["n_edits"], edits(several / "a")) == ("lot 7", 1, 1)
        assert label not in studio.session("a").table["label"].tolist()
        assert [v.n_edits for v in studio.project.earlier("a")] == [0]
        studio.remove("b")
        assert [v.name for v in studio.project.removed()] == ["b"]
        assert "b" not in Project(several).entries
        studio.bring_back("b")
        assert studio.project.entries["b"].file == several / "uploads" / "b.png"
        assert studio.project.removed() == []
        with pytest.raises(InputError, match="no longer there"):
            studio.bring_back("b")
    finally:
        studio.close()


@pytest.mark.slow
def test_what_came_back_while_it_was_queued_is_not_measured_over(several: Path) -> None:
    studio = Studio(Project(several), settings=Settings().replace("segment", engine="threshold"))
    try:
        label = int(studio.session("c").table["label"].iloc[3])
        studio.session("c").edit("delete", {"labels": [label]})
        for name in "abc":
            studio.measure_again(name)
        studio.bring_back("c")
        until(lambda: studio.project.entries["b"].state == "done" and not studio.queue_state().n_left)
        assert edits(several / "c") == 1
    finally:
        studio.close()


@pytest.mark.slow
@pytest.mark.browser
def test_measure_again_asks_and_the_edits_come_back(tab: Any, several: Path, free_port: PORT) -> None:
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        n, label = len(labels(tab)), free(tab)[0]
        tab.mouse.click(*on_screen(tab, label)[:2])
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        until(lambda: edits(several / "a") == 1)
        tab.goto(page.address)
        tab.click('[data-name="a"] .q-checkbox')
        tab.click("button:has-text('More')")
        tab.click(".q-menu >> text=Measure again")
        tab.wait_for_selector(".ng-dialog:has-text('a.png holds 1 edit by hand')")
        tab.click(".ng-dialog button:has-text('Cancel')")
        assert edits(several / "a") == 1
        tab.click("button:has-text('More')")
        tab.click(".q-menu >> text=Measure again")
        tab.click(".ng-dialog button:has-text('Measure again')")
        until(lambda: (several / "a" / "measurement.json").is_file() and edits(several / "a") == 0)
        opened(tab, page, "a")
        assert len(labels(tab)) == n
        tab.click(".q-tab:has-text('Files')")
        tab.click(".ng-versions:has-text('1 edit') button:has-text('Bring back')")
        tab.wait_for_function("(n) => window.nanogauge?.particles?.size === n", arg=n - 1)
        assert edits(several / "a") == 1


@pytest.mark.slow
@pytest.mark.browser
def test_a_brush_begun_in_the_hole_of_the_selected_particle_fills_it(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        label = max(free(tab), key=lambda v: tab.evaluate("(l) => nanogauge.particles.get(l).d_px", v))
        x, y, _ = on_screen(tab, label)
        tab.evaluate("nanogaugeView.brush = 4")
        tab.keyboard.press("e")
        after_edit(tab, lambda: tab.mouse.click(x, y))
        n = len(labels(tab))
        assert tab.evaluate("(l) => nanogauge.particles.get(l).rings.length", label) == 2
        tab.evaluate("(l) => nanogauge.select([l])", label)
        tab.keyboard.press("b")
        after_edit(tab, lambda: tab.mouse.click(x, y))
        assert len(labels(tab)) == n
        assert tab.evaluate("(l) => nanogauge.particles.get(l).rings.length", label) == 1


@pytest.mark.slow
@pytest.mark.browser
def test_merging_what_lies_apart_is_refused_and_shift_m_does_it_all_the_same(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        n = len(labels(tab))
        tab.evaluate("(l) => nanogauge.select(l)", free(tab)[:2])
        tab.keyboard.press("m")
        tab.wait_for_selector(".q-notification:has-text('px apart')")
        assert len(labels(tab)) == n
        after_edit(tab, lambda: tab.keyboard.press("Shift+m"))
        assert len(labels(tab)) == n - 1


@pytest.mark.slow
@pytest.mark.browser
def test_training_data_is_what_is_ticked_at_first_what_is_checked(tab: Any, several: Path, free_port: PORT) -> None:
    memory = {"checked": ["b"], "files": {n: str(several / "uploads" / f"{n}.png") for n in "abcd"}}
    (several / "serve.json").write_text(json.dumps(memory))
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        tab.mouse.click(*on_screen(tab, free(tab)[0])[:2])
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        until(lambda: edits(several / "a") == 1)
        tab.goto(f"{page.address}/report")
        tab.click("button:has-text('Save as training data')")
        tab.wait_for_selector(".ng-tick:has-text('edited, not marked as checked')")
        tab.wait_for_selector(".ng-ticks-head:has-text('1 of 4 ticked')")
        tab.wait_for_function("() => [...document.querySelectorAll('.ng-tick img')].slice(0, 2).every(i => i.naturalWidth > 0)")
        tab.click(".ng-tick[data-name=d] .q-checkbox")
        tab.wait_for_selector(".ng-ticks-head:has-text('2 of 4 ticked')")
        tab.click(".ng-dialog button:has-text('Save')")
        tab.wait_for_selector(".q-notification:has-text('2 micrographs saved')")
        assert sorted(p.name for p in (several / "training" / "images").iterdir()) == ["b.png", "d.png"]


def scale_of(folder: Path) -> list[float] | None:
    """nm a pixel, as saved."""
    pair: list[float] | None = json.loads((folder / "measurement.json").read_text())["scale"]["nm_per_px_y_x"]
    return pair


def stated(folder: Path, *, magnification: float | None, scale: float | None = None) -> None:
    """The file of a micrograph states its magnification, and may state a scale."""
    path = folder / "measurement.json"
    about = json.loads(path.read_text())
    about["instrument"]["magnification"] = magnification
    if scale is not None:
        about["scale"] |= {"nm_per_px_y_x": [scale, scale], "relative_uncertainty": 0.01, "source": "metadata"}
    path.write_text(json.dumps(about))


def test_a_scale_is_offered_to_what_is_alike_given_with_its_uncertainty_and_taken_back(several: Path) -> None:
    for name, m in (("b", 50_000.0), ("c", 20_000.0), ("d", None)):
        stated(several / name, magnification=m)
    studio = Studio(Project(several))
    try:
        mine = studio.session("a")
        assert candidates(studio.project, studio.project.entries["a"], mine) == []  # no scale to give
        mine.edit("scale", {"choice": {"source": "traced", "label": "100 nm", "ends": [[10, 10], [10, 60]]}})
        instrument = replace(mine.found.micrograph.instrument, magnification=50_000.0)
        mine.found = replace(mine.found, micrograph=replace(mine.found.micrograph, instrument=instrument))
        found = {c.entry.name: c for c in candidates(studio.project, studio.project.entries["a"], mine)}
        assert [name for name, c in found.items() if c.alike] == ["b"]
        assert "another magnification than this one, 50000 ×" in found["c"].why
        assert "cannot be compared" in found["d"].why
        assert "420 × 300 px, 50000 ×; no scale → 2 nm/px" in found["b"].text
        assert mine.scale is not None
        studio.session("d").edit("scale", {"choice": {"source": "typed", "text": "3 nm/px"}})
        choice = given(mine.scale, "a.png")
        work = ForMany(studio, "giving the scale", "scale given to", ["b", "d"], lambda s: s.edit("scale", {"choice": choice}))
        work.start()
        until(lambda: not work.running)
        assert (sorted(work.made), work.failed) == (["b", "d"], {})
        about = json.loads((several / "b" / "measurement.json").read_text())["scale"]
        assert about["nm_per_px_y_x"] == [2, 2]
        assert about["relative_uncertainty"] == pytest.approx(mine.scale.relative_uncertainty)  # not that of the figure typed
        label = int(studio.session("b").table["label"].iloc[3])
        studio.session("b").edit("delete", {"labels": [label]})
        work.undo()
        until(lambda: not work.running)
        assert studio.session("b").scale is None
        assert label not in studio.session("b").table["label"].tolist()  # what was edited since stays
        assert studio.session("d").scale.nm_per_px == (3, 3)  # type: ignore[union-attr]
        assert json.loads((several / "b" / "measurement.json").read_text())["scale"]["nm_per_px_y_x"] is None
    finally:
        studio.close()


def test_a_scale_that_is_typed_is_offered_to_what_most_of_those_selected_are_like(several: Path) -> None:
    for name, m in (("a", 50_000.0), ("b", 50_000.0), ("c", 20_000.0), ("d", 50_000.0)):
        stated(several / name, magnification=m, scale=4.0 if name == "d" else None)
    project = Project(several)
    found = {c.entry.name: c for c in candidates_of([project.entries[n] for n in "abcd"], parse_scale("2 nm/px"))}
    assert [name for name, c in found.items() if c.alike] == ["a", "b"]
    assert "another magnification than most of them, 50000 ×" in found["c"].why
    assert found["d"].why == "has a scale already: its sizes would be 0.5 times as large"
    assert candidates_of([], parse_scale("2 nm/px")) == []


@pytest.mark.slow
@pytest.mark.browser
def test_micrographs_selected_in_the_gallery_are_given_a_scale(tab: Any, several: Path, free_port: PORT) -> None:
    for name in "abcd":
        stated(several / name, magnification=20_000.0 if name == "c" else 50_000.0)
    with running(several, free_port()) as page:
        tab.goto(page.address)
        tab.click('[aria-label="Select all shown"]')
        tab.click(".ng-selected button:has-text('More')")
        tab.click(".q-menu .q-item:has-text('Scale')")
        tab.fill(".ng-dialog [aria-label^='Pixel size']", "2.5 furlongs/px")
        tab.wait_for_selector(".ng-dialog .ng-note:has-text('furlongs')")
        tab.wait_for_selector(".ng-dialog button:disabled:has-text('Give them this scale')")
        tab.fill(".ng-dialog [aria-label^='Pixel size']", "2.5 nm/px")
        tab.wait_for_selector(".ng-ticks-head:has-text('3 of 4 ticked')")
        tab.click(".ng-dialog button:has-text('Give them this scale')")
        tab.wait_for_selector(".ng-many:has-text('Scale given to 3 micrographs.')")
        assert [scale_of(several / n) for n in "abcd"] == [[2.5, 2.5], [2.5, 2.5], None, [2.5, 2.5]]
        tab.click("button:has-text('Take it back from all of them')")
        tab.wait_for_selector(".ng-many:has-text('Taken back in 3 micrographs.')")
        assert [scale_of(several / n) for n in "abcd"] == [None] * 4


@pytest.mark.slow
@pytest.mark.browser
def test_the_scale_goes_to_what_is_ticked_and_comes_back_by_one_click(tab: Any, several: Path, free_port: PORT) -> None:
    stated(several / "c", magnification=None, scale=0.5)
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        tab.fill('input[aria-label^="Pixel size"]', "2.5 nm/px")
        after_edit(tab, lambda: tab.keyboard.press("Enter"))
        tab.click("button:has-text('Use this scale for others')")
        tab.wait_for_selector(".ng-tick[data-name=c]:has-text('has a scale already: its sizes would be 5 times as large')")
        tab.wait_for_selector(".ng-ticks-head:has-text('0 of 3 ticked')")
        tab.click(".ng-tick[data-name=b] .q-checkbox")
        tab.click(".ng-tick[data-name=d] .q-checkbox")
        tab.click(".ng-dialog button:has-text('Give them this scale')")
        tab.wait_for_selector("text=The scale of a.png given to 2 micrographs.")
        assert [scale_of(several / n) for n in "bcd"] == [[2.5, 2.5], [0.5, 0.5], [2.5, 2.5]]
        tab.click("button:has-text('Take it back from all of them')")
        tab.wait_for_selector("text=Taken back in 2 micrographs.")
        assert [scale_of(several / n) for n in "bcd"] == [None, [0.5, 0.5], None]
