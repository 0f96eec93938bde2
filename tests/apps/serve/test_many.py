"""Many micrographs at once: chosen, ordered, edited together, queued, left with."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nanogauge.apps.serve import downloads
from nanogauge.apps.serve.many import ForMany, accept_above, delete_below
from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.studio import Studio
from nanogauge.core.errors import EditError
from nanogauge.core.settings import Settings
from nanogauge.results.saved import read_saved
from page_tools import DOUBTFUL, PORT, until, with_doubts
from scenes import spheres
from serve_tools import running


def found(folder: Path) -> int:
    return int(json.loads((folder / "measurement.json").read_text())["n_particles"])


def test_one_edit_in_many_is_counted_rightly_and_taken_back(several: Path) -> None:
    for name in "abcd":
        with_doubts(several / name)
    studio = Studio(Project(several))
    try:
        n, few, limit = found(several / "a"), DOUBTFUL + 1, 0.7
        studio.session("b").edit("accept", {"above_confidence": 0.0})  # nothing left to delete in b
        work = ForMany(studio, "deleting", "deleted in", ["a", "b", "c"], lambda s: delete_below(s, limit))
        work.start()
        with pytest.raises(EditError, match="wait until that is done"):
            ForMany(studio, "x", "x", ["d"], lambda s: None).start()
        until(lambda: not work.running)
        assert work.said() == "deleted in 2 micrographs, nothing to change in 1"
        assert [found(several / name) for name in "abcd"] == [n - few, n, n - few, n]
        studio.session("c").edit("delete", {"labels": [int(studio.session("c").table["label"].iloc[5])]})
        work.undo()
        until(lambda: not work.running)
        assert "edited since" in work.failed["c"]
        assert work.said() == "taken back in 1 micrograph"
        assert [found(several / name) for name in "abd"] == [n, n, n]
        accept = ForMany(studio, "accepting", "accepted in", ["a", "b"], lambda s: accept_above(s, 0.0))
        accept.start()
        until(lambda: not accept.running)
        assert list(accept.made) == ["a"]  # all of b were accepted before
    finally:
        studio.close()


def test_what_is_stopped_leaves_the_rest_as_it_was(several: Path) -> None:
    studio = Studio(Project(several))
    try:
        work = ForMany(
            studio, "filtering", "filters set in", ["a", "b", "c"], lambda s: (s.edit("filters", {"border": True}), work.stop())
        )
        work.start()
        until(lambda: not work.running)
        assert work.said() == "filters set in 1 micrograph, 2 left as they were"
        work.undo()
        until(lambda: not work.running)
        assert not studio.session("a").decisions.filters.border
    finally:
        studio.close()


@pytest.mark.slow
def test_the_queue_pauses_cancels_and_tells_the_time(tmp_path: Path) -> None:
    for k in range(6):
        Image.fromarray(spheres(k, shape=(120, 160)).pixels).save(tmp_path / f"{k}.png")
    settings = Settings().replace("segment", engine="threshold")
    studio = Studio(Project(tmp_path / "work", sorted(tmp_path.glob("*.png"))), settings=settings)
    try:
        studio.paused = True
        studio.enqueue([str(k) for k in range(6)])
        time.sleep(1)
        assert studio.queue_state().n_left == 6
        assert studio.queue_state().seconds_left is None
        assert studio.preview(studio.project.entries["3"]).read_bytes()[:2] == b"\xff\xd8"  # seen before it is measured
        studio.paused = False
        until(lambda: studio.queue_state().n_left < 6)
        studio.cancel_queue()
        until(lambda: studio.queue_state().n_left == 0)
        states = [e.state for e in studio.project.entries.values()]
        assert states.count("waiting") >= 2
        assert states.count("done") == 6 - states.count("waiting")
        studio.enqueue(studio.waiting())
        until(lambda: all(e.state == "done" for e in studio.project.entries.values()))
        studio.measure_again("2", settings=settings.replace("measure", least_diameter_px=30.0))
        until(lambda: studio.project.entries["2"].state == "done")
        assert read_saved(tmp_path / "work" / "2").settings.measure.least_diameter_px == 30
    finally:
        studio.close()


def test_what_has_not_changed_is_not_written_again_and_a_table_is_written_alone(several: Path) -> None:
    project = Project(several)
    downloads.write_for_download(project, "particles.csv")
    assert not (several / "report.pdf").exists()
    rows = (several / "particles.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 * found(several / "a")
    stamp = (several / "particles.csv").stat().st_mtime_ns
    downloads.write_for_download(project, "summary.csv")
    assert (several / "particles.csv").stat().st_mtime_ns == stamp
    (several / "a" / "measurement.json").touch()
    downloads.write_for_download(project, "summary.csv")
    assert (several / "particles.csv").stat().st_mtime_ns > stamp
    downloads.write_for_download(project, "report.html")
    stamp = (several / "report.pdf").stat().st_mtime_ns
    for file in (*downloads.REPORT_FILES,):
        downloads.write_for_download(Project(several), file)  # after a restart, too
    assert (several / "report.pdf").stat().st_mtime_ns == stamp
    project.assign(["b"], "lot 7")
    downloads.write_for_download(project, "report.pdf")
    assert (several / "report.pdf").stat().st_mtime_ns > stamp


@pytest.mark.slow
@pytest.mark.browser
def test_the_gallery_selects_orders_filters_and_edits_many(tab: Any, several: Path, free_port: PORT) -> None:
    memory = {"checked": ["b"], "files": {n: str(several / "uploads" / f"{n}.png") for n in "abcd"}}
    (several / "serve.json").write_text(json.dumps(memory))
    for name in "ac":
        with_doubts(several / name)
    names = "[...document.querySelectorAll('.ng-item')].map(i => i.dataset.name)"

    def pick(label: str, option: str) -> None:
        tab.click(f'.ng-finding .q-select:has([aria-label="{label}"])')
        tab.click(f".q-menu .q-item:has-text('{option}')")

    with running(several, free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-item.openable")
        assert tab.evaluate(names)[-1] == "b"
        pick("Order", "By name")
        tab.wait_for_function(f"() => {names}.join('') === 'abcd'")
        pick("Status", "Not checked")
        tab.wait_for_function(f"() => {names}.join('') === 'acd'")
        tab.click('[aria-label="Select all shown"]')
        tab.wait_for_selector(".ng-selected:has-text('3 selected')")
        tab.click('[aria-label="Select all shown"]')
        tab.wait_for_selector(".ng-selected", state="hidden")
        pick("Status", "Every status")
        tab.wait_for_function(f"() => {names}.join('') === 'abcd'")
        tab.click('[data-name="a"] .q-checkbox')
        tab.click('[data-name="c"] .q-checkbox', modifiers=["Shift"])
        tab.wait_for_selector(".ng-selected:has-text('3 selected')")
        n = found(several / "a")
        tab.click(".ng-selected button:has-text('More')")
        tab.click(".q-menu .q-item:has-text('Delete below')")
        tab.fill('.ng-dialog input[aria-label="Confidence"]', "0.7")
        tab.click(".ng-dialog button:has-text('Delete')")
        tab.wait_for_selector(".ng-many:has-text('Deleted particles below 0.7 in 2 micrographs, nothing to change in 1.')")
        assert found(several / "a") < n
        assert found(several / "d") == n
        tab.click("button:has-text('Take it back from all of them')")
        tab.wait_for_selector(".ng-many:has-text('Taken back in 2 micrographs.')")
        assert [found(several / name) for name in "abcd"] == [n] * 4
        tab.goto(f"{page.address}/report")
        busy = """() => new MutationObserver(() => { window.wasBusy ||= !!document.querySelector(".ng-files a.busy") }).observe(
            document.body, {subtree: true, childList: true, attributes: true})"""
        tab.evaluate(busy)  # on a busy machine it may be over before anybody looks
        with tab.expect_download() as download:
            tab.click(".ng-files a:has-text('particles.csv')")
            tab.wait_for_function("() => window.wasBusy")
        assert Path(download.value.path()).read_text().startswith("micrograph,")
        assert not (several / "report.pdf").exists()
        stamp = (several / "particles.csv").stat().st_mtime_ns
        urllib.request.urlopen(f"{page.address}/api/files/particles.csv", timeout=60).read()
        assert (several / "particles.csv").stat().st_mtime_ns == stamp, "it is not written again"
