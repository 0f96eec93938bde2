"""What is seen at every width, with keys alone, and where there is nothing to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from page_tools import PORT, free, gone_to, on_screen, opened, still, stroke, with_doubts
from serve_tools import running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

WINDOWS = ((390, 844), (600, 900), (820, 1180), (1280, 720))
PAGES = ("/", "/samples", "/report", "/m/a")
HEADER = """() => [document.querySelector('.ng-header').getBoundingClientRect().height,
  ...[...document.querySelectorAll('.ng-nav')].map((a) => { const r = a.getBoundingClientRect(); return [r.x, r.y, r.width]; })]"""
SORTED = """(order) => {
  const shown = [...document.querySelectorAll('.ng-row .c-d')].slice(0, 5).map((cell) => +cell.innerText);
  return shown.length === 5 && shown.every((v, k) => !k || (order === 'descending' ? shown[k - 1] >= v : shown[k - 1] <= v));
}"""
# what of these lies outside the stage, or under something else
COVERED = """(queries) => {
  const stage = document.querySelector('.ng-stage').getBoundingClientRect();
  return queries.filter((q) => {
    const e = document.querySelector(q), r = e.getBoundingClientRect();
    if (r.x < stage.x || r.y < stage.y || r.right > stage.right || r.bottom > stage.bottom) return true;
    const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
    return getComputedStyle(e).pointerEvents !== 'none' && !e.contains(top) && !top.contains(e);
  });
}"""
# the control that has the focus, and whether a ring shows it
FOCUSED = """() => {
  const e = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(e);
  const ring = (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || !!e.closest('.q-field--focused');
  return [e.tagName === 'BODY' ? '' : (e.getAttribute('aria-label') || e.innerText || e.tagName).slice(0, 40), ring];
}"""


def test_nothing_is_wider_than_the_window_and_the_header_stays(tab: Any, several: Path, free_port: PORT) -> None:
    with running(several, free_port()) as page:
        headers: dict[tuple[str, int], object] = {}
        for path in PAGES:
            tab.set_viewport_size({"width": WINDOWS[0][0], "height": WINDOWS[0][1]})
            gone_to(tab, page.address + path)
            for width, height in WINDOWS:  # as one turns a tablet, or draws a window larger
                tab.set_viewport_size({"width": width, "height": height})
                still(tab)
                assert tab.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0, (path, width)
                headers[path, width] = tab.evaluate(HEADER)
        for path in PAGES[:3]:
            for width, _ in WINDOWS:
                assert headers[path, width] == headers["/", width], "the header is another from page to page"
        assert headers["/m/a", 1280] == headers["/", 1280]  # below 900, the name of the micrograph has a line of its own


def test_nothing_in_the_picture_covers_something_else(tab: Any, several: Path, free_port: PORT) -> None:
    """Nor is cut off: hint and brush, the card of a particle, a grey profile. In a review the picture fills the window."""
    with_doubts(several / "a")
    with running(several, free_port()) as page:
        for width, height in WINDOWS:
            tab.set_viewport_size({"width": width, "height": height})
            opened(tab, page, "a")
            tab.keyboard.press("b")
            still(tab)
            seen = [
                ".ng-hint b",
                ".ng-hint button",
                ".ng-slider input",
                ".ng-slider span:last-child",
                ".ng-select select",
                ".ng-percent",
            ]
            assert tab.evaluate(COVERED, seen) == [], width
            tab.keyboard.press("Escape")
            for at in ("Math.min", "Math.max"):
                label = tab.evaluate(
                    f"(() => {{ const all = [...nanogauge.particles.values()], x = {at}(...all.map((p) => p.x));"
                    " return all.find((p) => p.x === x).label; })()"
                )
                x, y, _ = on_screen(tab, label)
                tab.mouse.move(x, y)
                tab.wait_for_selector(f".ng-card:has-text('#{label} ')")
                assert tab.evaluate(COVERED, [".ng-card"]) == [], (width, at)
            tab.keyboard.press("i")
            box = tab.locator(".ng-stage").bounding_box()
            across = [(box["x"] + k * box["width"], box["y"] + 0.6 * box["height"]) for k in (0.3, 0.6)]
            stroke(tab, across)
            tab.wait_for_selector(".ng-profile")
            assert tab.evaluate(COVERED, [".ng-profile button", ".ng-profile svg"]) == [], width
            tab.keyboard.press("Escape")
            tab.keyboard.press("Escape")
            tab.keyboard.press("u")
            tab.wait_for_selector(".ng-review")
            still(tab)
            bare = tab.evaluate(
                "(() => { const v = nanogaugeView, c = v.camera, [h, w] = nanogauge.state.shape;"
                " return [Math.max(-c.x, c.x + v.width / c.zoom - w) * c.zoom, Math.max(0, v.width - w * c.zoom)]; })()"
            )
            assert bare[0] <= bare[1] + 50, f"{width}: {bare[0]:.0f} px beside the picture are bare"


def test_the_focus_is_seen_on_every_control(tab: Any, several: Path, free_port: PORT) -> None:
    with running(several, free_port()) as page:
        for path, least in (("/", 12), ("/m/a", 25)):
            tab.goto(page.address + path)
            tab.wait_for_selector(".ng-item.openable" if path == "/" else ".ng-zoom")
            reached, unseen = set(), []
            for _ in range(60):
                tab.keyboard.press("Tab")
                name, ring = tab.evaluate(FOCUSED)
                if name:
                    reached.add(name)
                    if not ring:
                        unseen.append(name)
            assert not unseen
            assert len(reached) >= least


def test_selected_particles_show_what_they_enclose_and_columns_how_they_sort(tab: Any, several: Path, free_port: PORT) -> None:
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        label = free(tab)[0]
        tab.evaluate("(l) => nanogauge.select([l])", label)
        tab.wait_for_function("() => !nanogaugeView.asked && !nanogaugeView.moving")
        middle, anywhere = tab.evaluate(
            """(l) => {
              const v = nanogaugeView, p = nanogauge.particles.get(l), [x, y] = v.camera.toScreen(p.x, p.y);
              const r = (p.d_px * v.camera.zoom) / 2, c = v.$refs.top.getContext('2d');
              const at = (a, b, w) => c.getImageData(a * v.ratio, b * v.ratio, w, w).data;
              const some = (data) => data.some((value, i) => i % 4 === 3 && value > 0);
              return [some(at(x - 2, y - 2, 4)), some(at(x - 1.5 * r, y - 1.5 * r, Math.ceil(3 * r * v.ratio)))];
            }""",
            label,
        )
        assert anywhere, "it is outlined"
        assert not middle, "and not painted over"
        tab.click(".q-tab:has-text('Particles')")
        diameter = tab.locator(".ng-head [role=columnheader]:has-text('diam.')")
        for order, arrow in (("descending", "▾"), ("ascending", "▴")):
            diameter.click()
            tab.wait_for_selector(f".ng-head [aria-sort={order}]:has-text('diam.'):has-text('{arrow}')")
            tab.wait_for_function(SORTED, arg=order)


def test_where_there_is_nothing_the_page_says_what_to_do(tab: Any, several: Path, free_port: PORT) -> None:
    with running(several, free_port()) as page:
        for path, words in (("/nothing", "leads nowhere"), ("/m/nowhere", "no such micrograph")):
            tab.goto(page.address + path)
            tab.wait_for_selector(f".ng-sorry:has-text('{words}')")
            tab.click("button:has-text('To the micrographs')")
            tab.wait_for_selector(".ng-item.openable")
        page.kill()
        tab.wait_for_selector(".nicegui-error-popup:has-text('start it again with the same folder'):visible")
