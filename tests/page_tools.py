"""What tests of the page do in a browser: open, drop, point, draw, wait for an edit."""

from __future__ import annotations

import csv
import io
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from serve_tools import Page

PORT = Callable[[], int]
STILL = """() => {
  const v = window.nanogaugeView, stage = v?.$refs?.stage?.getBoundingClientRect();
  const moves = (a) => a.playState === 'running' && a.effect.getComputedTiming().endTime !== Infinity;
  const drawn = () => v.loaded && v.frames > 0 && !v.moving && !v.asked && v.width === stage.width && v.height === stage.height;
  return !document.querySelector('[class*="-enter-active"], [class*="-leave-active"]') && !document.getAnimations().some(moves)
    && (!stage || v.failed || drawn());
}"""  # nothing fades or slides but what does so for ever; the picture is drawn at the size that it has
_AT_A_BAR = """(least) => {
  const svg = document.querySelector('.ng-chart svg').getBoundingClientRect();
  const boxes = [...document.querySelectorAll('.ng-chart .bars rect')].map((b) => b.getBoundingClientRect());
  const b = boxes.filter((b) => b.height > least.height)[least.before];
  return b && { x: b.x + b.width / 2 - svg.x, y: b.bottom - svg.y - 2 };
}"""
READY = "() => window.nanogauge?.name === %r && window.nanogauge.state && window.nanogaugeView?.loaded"
DOUBTFUL = 4
WAIT_MS = 120_000  # a busy machine is slow, not wrong


class window:  # noqa: N801
    """A browser window whose script errors are errors."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True, **options)
        self.errors: list[str] = []
        self.outside: list[str] = []

    def __enter__(self) -> Any:
        self.context.set_default_timeout(WAIT_MS)
        tab = self.context.new_page()
        tab.on("pageerror", lambda e: self.errors.append(str(e)))
        tab.on("request", lambda r: self._seen(r.url))
        return tab

    def _seen(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            self.outside.append(url)

    def __exit__(self, *problem: Any) -> None:
        self.context.close()
        if problem[0] is None:
            assert not self.errors
            assert not self.outside, "the page asked the network for something"


def opened(tab: Any, page: Page, name: str) -> None:
    """One micrograph, ready to be edited."""
    tab.goto(f"{page.address}/m/{name}")
    tab.wait_for_function(READY % name)
    still(tab)


def gone_to(tab: Any, address: str) -> None:
    """Any page, whole: nothing more is being fetched and nothing moves."""
    tab.goto(address, wait_until="networkidle")
    tab.wait_for_selector(".ng-header")
    still(tab)


def still(tab: Any) -> None:
    """Waits until nothing moves: where something is found then, it can be clicked."""
    tab.wait_for_function(STILL)


def click_bar(tab: Any, *, before: int = 0, height: float = 0) -> None:
    """Clicks at the foot of a bar of the chart; the one after as many others that are as high."""
    tab.wait_for_selector(".q-menu", state="detached")
    still(tab)
    at = tab.wait_for_function(_AT_A_BAR, arg={"before": before, "height": height}).json_value()
    tab.click(".ng-chart svg", position=at)


def drop(tab: Any, files: list[Path]) -> None:
    """Files chosen on the page."""
    tab.set_input_files("[data-testid=files]", [str(f) for f in files])


def labels(tab: Any) -> list[int]:
    """All particles."""
    return [int(v) for v in tab.evaluate("[...nanogauge.particles.keys()].sort((a, b) => a - b)")]


def free(tab: Any) -> list[int]:
    """Particles that count, large enough to be hit and cut."""
    wanted = "p.kind === 'counted' && p.d_px > 20 && p.rings.length === 1"
    return [int(v) for v in tab.evaluate(f"[...nanogauge.particles.values()].filter(p => {wanted}).map(p => p.label)")]


def on_screen(tab: Any, label: int) -> tuple[float, float, float]:
    """Where a particle is in the window, and its radius there, once nothing moves."""
    still(tab)
    box = tab.locator(".ng-stage").bounding_box()
    found = "const p = nanogauge.particles.get(l), c = nanogaugeView.camera"
    x, y, r = tab.evaluate(f"(l) => {{ {found}; return [...c.toScreen(p.x, p.y), p.d_px / 2 * c.zoom]; }}", label)
    return box["x"] + x, box["y"] + y, r


def stroke(tab: Any, points: list[tuple[float, float]]) -> None:
    """The mouse pressed along points of the window."""
    tab.mouse.move(*points[0])
    tab.mouse.down()
    for p in points[1:]:
        tab.mouse.move(*p, steps=4)
    tab.mouse.up()


def revision(tab: Any) -> int:
    return int(tab.evaluate("nanogauge.state.revision"))


def after_edit(tab: Any, act: Callable[[], object]) -> None:
    """Does something and waits for the edit it makes."""
    before = revision(tab)
    act()
    tab.wait_for_function("(r) => nanogauge.state.revision > r", arg=before)


def particles(page: Page, name: str) -> list[dict[str, str]]:
    """particles.csv as downloaded."""
    with urllib.request.urlopen(f"{page.address}/api/micrographs/{name}/files/particles.csv", timeout=60) as answer:
        assert answer.headers["content-disposition"].startswith("attachment")
        return list(csv.DictReader(io.StringIO(answer.read().decode())))


def until(true: Callable[[], Any], seconds: float = WAIT_MS / 1000) -> None:
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def settled(page: Page, name: str) -> None:
    """Waits until a micrograph is measured."""
    until((page.root / name / "measurement.json").is_file)


def with_doubts(folder: Path) -> list[int]:
    """Makes some particles of a result unsure; the ones that count, the least certain first. One is cut by the frame."""
    path = folder / "particles.csv"
    table = pd.read_csv(path, keep_default_na=False)
    inside = table.index[table["flags"] == ""][2 : 2 + DOUBTFUL]
    cut = table.index[table["flags"].str.contains("touches_border")][:1]
    for k, i in enumerate([*inside, *cut]):
        table.loc[i, "confidence"] = 0.2 + 0.1 * k
        table.loc[i, "flags"] = "|".join([f for f in [table.loc[i, "flags"]] if f] + ["low_confidence"])
    table.to_csv(path, index=False)
    return [int(v) for v in table.loc[inside, "label"]]
