"""The gallery's bar stays in sight and says how long the queue will take; toggles look and speak alike on every page."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from page_tools import PORT, drop, gone_to, opened, still, until
from scenes import spheres
from serve_tools import running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

# where the bar and the header are, and whether what lies at the bar's tick is the bar's
BAR = """() => {
  const box = (q) => document.querySelector(q).getBoundingClientRect();
  const bar = box('.ng-sticky'), tick = box('.ng-sticky .q-checkbox');
  const there = document.elementFromPoint(tick.x + tick.width / 2, tick.y + tick.height / 2);
  return { top: bar.top, bottom: bar.bottom, header: box('.ng-header').bottom, window: innerHeight,
           free: !!there?.closest('.ng-sticky'), first: box('.ng-item').top };
}"""
SCROLLED = "(y) => { document.querySelectorAll('.ng-item')[y].scrollIntoView({ block: 'center' }); }"
QUEUE = ".ng-bar .ng-soft:has-text('to measure')"
TOGGLES = """() => [...document.querySelectorAll('.q-btn-toggle .q-btn')].filter((b) => b.offsetParent).map((b) => {
  const s = getComputedStyle(b), on = b.getAttribute('aria-pressed');
  return { on, look: [s.height, s.fontSize, s.paddingLeft, s.textTransform, s.backgroundColor, s.color].join(' ') };
})"""
PRESSED = """(q) => [...document.querySelectorAll(q)].map((b) =>
  [b.getAttribute('aria-pressed'), b.classList.contains('on'), getComputedStyle(b).backgroundColor])"""


def many(work: Path, n: int) -> Path:
    """A work folder with n measured micrographs."""
    about = json.loads((work / "a" / "measurement.json").read_text())
    for k in range(1, n):
        name = f"b{k:02d}"
        shutil.copytree(work / "a", work / name)
        (work / name / "measurement.json").write_text(json.dumps(about | {"file": f"{name}.png"}))
    return work


def test_the_bar_stays_in_sight_and_can_be_used_there(tab: Any, work: Path, free_port: PORT) -> None:
    with running(many(work, 24), free_port()) as page:
        gone_to(tab, page.address)
        tab.wait_for_selector(".ng-item.openable")
        at_first = tab.evaluate(BAR)
        assert at_first["first"] > at_first["bottom"] - 1, "nothing lies under it at the top"
        tab.evaluate(SCROLLED, 20)
        still(tab)
        seen = tab.evaluate(BAR)
        assert seen["first"] < 0, "the page was scrolled"
        assert seen["header"] - 2 <= seen["top"] or seen["header"] <= 0, "the header does not cover it"
        assert seen["top"] >= -2
        assert seen["bottom"] < seen["window"] / 3
        assert seen["free"], "nothing covers it"
        tab.click(".ng-sticky .q-checkbox")
        tab.wait_for_selector(".ng-selected:has-text('24 selected')")
        tab.click(".ng-selected button:has-text('More')")
        tab.wait_for_selector(".q-menu .q-item:has-text('Measure again')")
        tab.keyboard.press("Escape")
        tab.wait_for_selector(".q-menu", state="detached")
        still(tab)
        after = tab.evaluate(BAR)
        assert after["free"]
        assert after["first"] == pytest.approx(seen["first"], abs=60), "the page did not jump"


def test_the_queue_says_how_long_it_will_take(tab: Any, tmp_path: Path, free_port: PORT) -> None:
    files = []
    for k in range(10):
        files.append(tmp_path / f"{k}.png")
        Image.fromarray(spheres(k, shape=(700, 900)).pixels).save(files[-1])
    with running(tmp_path / "work", free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector("[data-testid=files]", state="attached")
        drop(tab, files)
        told = tab.wait_for_selector(f"{QUEUE}:has-text('left')").inner_text()
        began = time.monotonic()
        found = re.fullmatch(r"(\d+) to measure, about (\d+) (s|min) left", told)
        assert found is not None, told
        tab.click(".ng-bar button:has-text('Pause')")
        tab.wait_for_selector(f"{QUEUE}:has-text('paused')")
        assert "left" not in tab.inner_text(QUEUE), "nobody knows while it stands still"
        stood = time.monotonic()
        tab.click(".ng-bar button:has-text('Go on')")
        began += time.monotonic() - stood
        tab.wait_for_selector(f"{QUEUE}:has-text('left')")
        tab.wait_for_selector(QUEUE, state="hidden")
        took, said = time.monotonic() - began, float(found[2]) * (60 if found[3] == "min" else 1)
        assert took / 4 - 3 < said < 4 * took + 3, f"{told}: it took {took:.0f} s"
        until(lambda: len(list((tmp_path / "work").glob("*/measurement.json"))) == len(files))


def test_toggles_look_and_speak_alike(tab: Any, several: Path, free_port: PORT) -> None:
    (several / "serve.json").write_text(json.dumps({"samples": {"a": "one", "b": "one", "c": "two", "d": "two"}}))
    looks: dict[str, set[str]] = {"true": set(), "false": set()}
    n = 0
    with running(several, free_port()) as page:

        def collect() -> None:
            nonlocal n
            still(tab)
            tab.mouse.move(2, 2)
            for toggle in tab.evaluate(TOGGLES):
                n += 1
                looks[toggle["on"]].add(toggle["look"])

        gone_to(tab, f"{page.address}/samples")
        tab.wait_for_selector(".q-btn-toggle")
        collect()
        opened(tab, page, "a")
        tab.click(".q-tab:has-text('Sizes')")
        tab.wait_for_selector(".ng-panel .q-btn-toggle:visible")
        collect()
        tab.click(".q-tab:has-text('Filters')")
        tab.wait_for_selector(".ng-part-filters, .q-tab-panel:has-text('Circularity')")
        collect()
        assert n >= 12, "two on Samples, four beside a micrograph"
        assert {on: len(of) for on, of in looks.items()} == {"true": 1, "false": 1}, looks
        buttons = ".ng-tools [data-tool], .ng-zoom button[aria-pressed]"
        states = tab.evaluate(PRESSED, buttons)
        assert all((pressed == "true") == on for pressed, on, _ in states)
        for label in ("Look of the outlines", "Brightness and contrast", "Hide the outlines"):
            tab.click(f"[aria-label='{label}']")
            still(tab)
            tab.mouse.move(2, 2)
            states = tab.evaluate(PRESSED, buttons)
            assert sum(pressed == "true" for pressed, *_ in states) == 2, f"{label}: the tool, and this one"
            assert len({colour for pressed, _, colour in states if pressed == "true"}) == 1
            tab.click(f"[aria-label='{label}']")
