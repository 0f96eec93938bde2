"""Outlines drawn in parts, after an edit or while the picture moves, are those that drawing all of them anew would give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from page_tools import PORT, after_edit, free, opened
from serve_tools import running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

STILL = "() => !nanogaugeView.moving && !nanogaugeView.asked"
# pixels of the canvas of outlines that differ from those drawn anew, how many were drawn at all, and whether all were drawn since
COMPARED = """() => {
  const v = nanogaugeView, layer = v.layer, canvas = layer.canvas, { at, what } = layer.drawn, when = layer.drawn.when;
  const pixels = () => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const parts = pixels(), camera = Object.assign(Object.create(Object.getPrototypeOf(at)), at);
  camera.x += layer.margin[0] / at.zoom;
  camera.y += layer.margin[1] / at.zoom;
  layer.draw(camera, what, false);
  const whole = pixels();
  const shade = (data, i, k) => data[i - k] * (k ? data[i] / 255 : 1);
  let differ = 0, drawn = 0;
  for (let i = 3; i < parts.length; i += 4) {
    if (whole[i]) drawn++;
    if ([0, 1, 2, 3].some((k) => Math.abs(shade(parts, i, k) - shade(whole, i, k)) > 24)) differ++;
  }
  layer.drawn.when = when;
  return [differ, drawn, when];
}"""


def compared(tab: Any) -> float:
    """Nothing differs; when all was drawn last."""
    tab.wait_for_function(STILL)
    differ, drawn, when = tab.evaluate(COMPARED)
    assert drawn > 1000
    assert differ <= drawn / 1000, f"{differ} of {drawn} pixels"  # a single outline has more; a shifted edge may round otherwise
    return float(when)


@pytest.mark.parametrize("numbers", [False, True])
def test_parts_are_drawn_as_the_whole(tab: Any, work: Path, free_port: PORT, numbers: bool) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        tab.evaluate("(on) => { nanogaugeView.look.numbers = on; return nanogaugeView.lookChanged(); }", numbers)
        whole = compared(tab)
        some = free(tab)[:4]
        for act in (
            f"nanogauge.edit('delete', {{ labels: [{some[0]}] }})",
            f"nanogauge.edit('grow', {{ labels: [{some[1]}, {some[2]}] }})",
            f"nanogauge.edit('leave_out', {{ labels: [{some[3]}] }})",
            "nanogauge.edit('undo')",
        ):
            after_edit(tab, lambda act=act: tab.evaluate(act))
            assert compared(tab) == whole, "only what changed was drawn"

        tab.evaluate("nanogaugeView.zoomAt(300, 200, 2)")
        whole = compared(tab)
        for dx, dy in ((37, -21), (-400, 3), (11, 260), (0.4, 0.7), (-9, -180)):
            tab.evaluate("(d) => nanogaugeView.pan(...d)", [dx, dy])
            assert compared(tab) == whole, "only what came new into sight was drawn"

        tab.select_option("[aria-label='Colour outlines by']", "class")
        after_edit(tab, lambda: tab.evaluate(f"nanogauge.edit('class', {{ labels: [{some[1]}], class: 'b' }})"))
        whole = compared(tab)
        after_edit(tab, lambda: tab.evaluate(f"nanogauge.edit('class', {{ labels: [{some[2]}], class: 'a' }})"))
        assert compared(tab) > whole, "the colour of the class b has become another"


def test_while_the_picture_moves_the_window_is_never_bare(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        tab.evaluate("nanogaugeView.zoomAt(300, 200, 3)")
        compared(tab)
        left = tab.evaluate(
            """async () => {
              const v = nanogaugeView, [mx, my] = v.layer.margin;
              let least = Infinity;
              for (let k = 0; k < 60; k++) {
                v.pan(47 * Math.cos(k / 5), 31 * Math.sin(k / 4));
                await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
                const m = new DOMMatrix(getComputedStyle(v.layer.canvas).transform);
                least = Math.min(least, mx - Math.abs(m.e), my - Math.abs(m.f));
              }
              return least;
            }"""
        )
        assert left >= 0
        compared(tab)
