"""What is done to the micrographs that are selected in the gallery, and going back to what was found in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanogauge.results.saved import read_saved
from page_tools import PORT, after_edit, free, labels, opened, still, until, with_doubts
from serve_tools import running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

NAMES = "[...document.querySelectorAll('.ng-item')].map((i) => i.dataset.name).sort().join('')"


def tick(tab: Any, names: str) -> None:
    for name in names:
        tab.click(f'[data-name="{name}"] .q-checkbox')
    tab.wait_for_selector(f".ng-selected:has-text('{len(names)} selected')")


def menu(tab: Any, words: str) -> None:
    still(tab)
    tab.click(".ng-selected button:has-text('More')")
    tab.click(f".q-menu .q-item:has-text('{words}')")
    tab.wait_for_selector(".ng-dialog")
    still(tab)


def counted(work: Path, name: str) -> int:
    return int(json.loads((work / name / "measurement.json").read_text())["distribution"]["n"])


def test_samples_filters_and_confidence(tab: Any, several: Path, free_port: PORT) -> None:
    (several / "serve.json").write_text(json.dumps({"samples": {"a": "lot 7", "b": "lot 7"}}))
    for name in "ac":
        with_doubts(several / name)
    with running(several, free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-item.openable")
        assert tab.inner_text("[data-name=a] .ng-item-sample") == "lot 7"
        for option, names in (("lot 7", "ab"), ("In no sample", "cd"), ("All samples", "abcd")):
            tab.click('.ng-finding .q-select:has([aria-label="Sample"])')
            tab.click(f".q-menu .q-item:has-text('{option}')")
            tab.wait_for_function(f"() => {NAMES} === '{names}'")
        before = {name: counted(several, name) for name in "abcd"}
        least = sorted(read_saved(several / "b").particles["equivalent_diameter_px"])[10]
        still(tab)
        tick(tab, "ab")
        menu(tab, "Filters")
        tab.click(".ng-dialog .q-btn-toggle button:has-text('px')")
        tab.get_by_label("Diameter from").last.fill(f"{least:.2f}")
        tab.click(".ng-dialog button:has-text('Set them')")
        tab.wait_for_selector(".ng-many:has-text('Filters set in 2 micrographs.')")
        now = {name: counted(several, name) for name in "abcd"}
        assert now["a"] < before["a"]
        assert now["b"] < before["b"]
        assert (now["c"], now["d"]) == (before["c"], before["d"])
        tab.click("button:has-text('Take it back from all of them')")
        tab.wait_for_selector(".ng-many:has-text('Taken back in 2 micrographs.')")
        assert {name: counted(several, name) for name in "abcd"} == before
        still(tab)
        tick(tab, "ab")
        menu(tab, "Accept above")
        tab.fill('.ng-dialog input[aria-label="Confidence"]', "0.1")
        tab.click(".ng-dialog button:has-text('Accept')")
        tab.wait_for_selector(".ng-many:has-text('Accepted particles at or above 0.1 in')")
        assert not any("low_confidence" in f for f in read_saved(several / "a").particles["flags"])
        assert any("low_confidence" in f for f in read_saved(several / "c").particles["flags"])


def test_measured_again_with_other_settings_and_what_is_not_there_is_said(tab: Any, several: Path, free_port: PORT) -> None:
    (several / "uploads" / "a.png").unlink()
    with running(several, free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-item.openable")
        still(tab)
        tick(tab, "abc")
        menu(tab, "Measure again")
        tab.get_by_label("Smallest diameter / px").last.fill("41")
        tab.click(".ng-dialog button:has-text('Measure again')")
        tab.wait_for_selector(".q-notification:has-text('a.png: the file is not here; drop it on the page first')")

        def least(name: str) -> float:
            path = several / name / "measurement.json"
            return read_saved(path.parent).settings.measure.least_diameter_px if path.is_file() else -1.0

        until(lambda: least("b") == least("c") == 41)
        assert least("a") == least("d") == 0
        until(lambda: counted(several, "b") == counted(several, "c") < counted(several, "d"))
        tab.wait_for_selector("[data-name=b].openable")


def test_back_to_what_was_found_and_the_negative(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        found = labels(tab)
        for label in free(tab)[:3]:
            after_edit(tab, lambda label=label: tab.evaluate("(l) => nanogauge.edit('delete', { labels: [l] })", label))
        assert len(labels(tab)) == len(found) - 3
        tab.click(".q-tab:has-text('Files')")
        still(tab)
        tab.click("button:has-text('Undo all edits')")
        tab.wait_for_selector(".ng-dialog:has-text('3 edits will be undone')")
        after_edit(tab, lambda: tab.click(".ng-dialog button:has-text('Undo all')"))
        tab.wait_for_function("(n) => nanogauge.particles.size === n", arg=len(found))
        assert labels(tab) == found
        still(tab)
        tab.focus(".ng-stage")
        after_edit(tab, lambda: tab.keyboard.press("Control+y"))
        assert len(labels(tab)) == len(found) - 1
        tab.click("[aria-label='Brightness and contrast']")
        tab.click("label:has-text('Invert') input")
        tab.wait_for_function("() => nanogaugeView.$refs.picture.style.filter.includes('invert(1)')")
        tab.click(".ng-light button:has-text('Reset')")
        tab.wait_for_function("() => !nanogaugeView.$refs.picture.style.filter.includes('invert(1)')")
