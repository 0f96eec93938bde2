"""Outlines by hand as in Fiji and napari: vertices, circles and ellipses by three points, numbers, what was found beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from page_tools import PORT, READY, after_edit, free, labels, on_screen, opened, still
from serve_tools import running

NODES = "nanogaugeView.nodesNow().handles.length"
HANDLE = """(k) => { const s = nanogaugeView.nodesNow(), [y, x] = s.ring[s.handles[k]];
  const r = nanogaugeView.$refs.stage.getBoundingClientRect();
  const [sx, sy] = nanogaugeView.camera.toScreen(x, y); return [r.left + sx, r.top + sy]; }"""


@pytest.mark.slow
@pytest.mark.browser
def test_vertices_are_moved_added_and_removed(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        label = free(tab)[0]
        tab.evaluate("(l) => nanogaugeView.reveal(l)", label)
        tab.evaluate(
            "(l) => { const p = nanogauge.particles.get(l), v = nanogaugeView, c = v.camera; c.zoom = 6;"
            " c.x = p.x - v.width / 12; c.y = p.y - v.height / 12; v.cameraMoved(); }",
            label,
        )
        x, y, _ = on_screen(tab, label)
        tab.mouse.click(x, y)
        tab.keyboard.press("n")
        n = tab.evaluate(NODES)
        assert 4 <= n <= 40
        size = tab.evaluate("(l) => nanogauge.particles.get(l).d_px", label)
        hx, hy = tab.evaluate(HANDLE, 0)
        out = [hx + (hx - x) * 0.4, hy + (hy - y) * 0.4]
        tab.mouse.move(hx, hy)
        tab.mouse.down()
        tab.mouse.move(*out, steps=5)
        after_edit(tab, tab.mouse.up)
        assert tab.evaluate("(l) => nanogauge.particles.get(l).d_px", label) > size
        assert tab.evaluate(NODES) == n, "the vertices stay what they were"

        at = [tab.evaluate(HANDLE, k) for k in range(n)]
        k = max(range(n - 1), key=lambda k: math.dist(at[k], at[k + 1]))
        mid = [(a + b) / 2 for a, b in zip(at[k], at[k + 1], strict=True)]
        tab.mouse.dblclick(*mid)
        tab.wait_for_function(f"(n) => {NODES} === n + 1", arg=n)
        tab.keyboard.down("Alt")
        after_edit(tab, lambda: tab.mouse.click(*tab.evaluate(HANDLE, n)))  # the one that was dragged
        tab.keyboard.up("Alt")
        assert tab.evaluate(NODES) == n
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))
        assert tab.evaluate("(l) => nanogauge.particles.get(l).d_px", label) == size


@pytest.mark.slow
@pytest.mark.browser
def test_circles_and_ellipses_by_three_points(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        n = len(labels(tab))
        label = free(tab)[0]
        tab.evaluate("(l) => nanogaugeView.reveal(l)", label)
        x, y, r = on_screen(tab, label)
        zoom = tab.evaluate("nanogaugeView.camera.zoom")
        tab.mouse.click(x, y)
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        tab.keyboard.press("q")
        for angle in (0.1, 2.0):
            tab.mouse.click(x + r * math.cos(angle), y + r * math.sin(angle))
        after_edit(tab, lambda: tab.mouse.click(x + r * math.cos(4), y + r * math.sin(4)))
        tab.keyboard.press("v")
        assert len(labels(tab)) == n
        (drawn,) = tab.evaluate("[...nanogauge.selection]")
        assert tab.evaluate("(l) => nanogauge.particles.get(l).d_px", drawn) == pytest.approx(2 * r / zoom, rel=0.03)
        assert tab.evaluate("(l) => nanogauge.particles.get(l).circularity", drawn) > 0.97

        tab.keyboard.press("y")  # the one selected is redrawn
        tab.mouse.click(x - r, y)
        tab.mouse.click(x + r, y)
        after_edit(tab, lambda: tab.mouse.click(x + 0.3 * r, y + 0.5 * r))
        assert len(labels(tab)) == n
        ferets = tab.evaluate("(l) => { const p = nanogauge.particles.get(l); return p.feret_max / p.feret_min; }", drawn)
        assert ferets == pytest.approx(2, rel=0.06)
        tab.keyboard.press("q")
        for k in range(3):
            tab.mouse.click(x - r + 20 * k, y)
        tab.wait_for_selector(".q-notification:has-text('one line')")


@pytest.mark.slow
@pytest.mark.browser
def test_numbers_opacity_what_was_found_and_levels(tab: Any, work: Path, free_port: PORT) -> None:
    painted = """() => { const c = nanogaugeView.$refs.lines, d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let white = 0, pink = 0; for (let i = 0; i < d.length; i += 4) { if (d[i + 3] < 100) continue;
      if (d[i] > 240 && d[i + 1] > 240 && d[i + 2] > 240) white++; if (d[i] > 230 && d[i + 1] < 170 && d[i + 2] > 190) pink++; }
      return [white, pink]; }"""
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        label = free(tab)[0]
        tab.click("[aria-label='Look of the outlines']")
        still(tab)
        drawn = f"({painted.replace('[white, pink]', 'd.reduce((n, v, i) => n + (i % 4 === 3 && v > 99), 0)')})()"
        thin = tab.evaluate(drawn)
        tab.fill("[aria-label='Width of the outlines']", "3")
        tab.wait_for_function(f"(n) => {drawn} > 1.3 * n", arg=thin)
        tab.fill("[aria-label='Width of the outlines']", "1")
        still(tab)
        white, pink = tab.evaluate(painted)
        tab.check(".ng-light label:has-text('Numbers') input")
        tab.wait_for_function(f"(n) => ({painted})()[0] > n + 100", arg=white)
        tab.check(".ng-light label:has-text('As found') input")
        x, y, _ = on_screen(tab, label)
        tab.mouse.click(x, y)
        after_edit(tab, lambda: tab.keyboard.press("Shift+g"))
        tab.wait_for_function("nanogaugeView.foundRings?.length === 1")
        tab.wait_for_function(f"(n) => ({painted})()[1] > n + 20", arg=pink)
        tab.evaluate("nanogaugeView.look.opacity = 0.3; nanogaugeView.lookChanged()")
        tab.reload()
        tab.wait_for_function(READY % "a")
        assert tab.evaluate("[nanogaugeView.look.opacity, nanogaugeView.look.numbers]") == [0.3, True]

        tab.click("[aria-label='Brightness and contrast']")
        tab.wait_for_selector(".ng-levels path")
        tab.click(".ng-light button:has-text('Auto')")
        low, high = tab.evaluate("[nanogaugeView.low, nanogaugeView.high]")
        assert 0 < low < high < 255
        assert "ng-levels" in tab.evaluate("nanogaugeView.$refs.picture.style.filter")
