"""The page in a real browser: drop, wait, mend by mouse, set the scale, leave with the CSV; the same after a crash."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from page_tools import (
    PORT,
    after_edit,
    click_bar,
    drop,
    free,
    gone_to,
    labels,
    on_screen,
    opened,
    particles,
    settled,
    still,
    stroke,
    window,
)
from scenes import spheres
from serve_tools import Page, running

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two micrographs to drop."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, seed in (("spheres", 7), ("more spheres µ", 9)):
        Image.fromarray(spheres(seed).pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, free_port: PORT) -> Iterator[Page]:
    """An empty work folder, served."""
    with running(tmp_path_factory.mktemp("page") / "work", free_port()) as p:
        yield p


def test_drop_mend_scale_leave_and_all_of_it_after_a_crash(browser: Any, pictures: Path, tmp_path: Path, free_port: PORT) -> None:
    work = tmp_path / "work"
    port = free_port()
    name = "spheres"
    with running(work, port) as page, window(browser) as tab:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-welcome")
        drop(tab, [pictures / "spheres.png", pictures / "more spheres µ.png"])
        tab.wait_for_selector(".ng-item.openable")
        settled(page, name)
        tab.wait_for_selector(f'.ng-item.openable[data-name="{name}"]')
        opened(tab, page, name)
        n = len(labels(tab))
        assert n == len(particles(page, name))
        chosen = free(tab)[:5]

        x, y, _ = on_screen(tab, chosen[0])
        tab.mouse.click(x, y)
        assert tab.evaluate("[...nanogauge.selection]") == [chosen[0]]
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        assert chosen[0] not in labels(tab)

        tab.keyboard.press("a")  # and back by one click
        after_edit(tab, lambda: tab.mouse.click(x, y))
        assert len(labels(tab)) == n

        tab.keyboard.press("s")
        x, y, r = on_screen(tab, chosen[1])
        after_edit(tab, lambda: stroke(tab, [(x, y - 1.3 * r), (x, y), (x, y + 1.3 * r)]))
        assert len(labels(tab)) == n + 1
        tab.keyboard.press("Escape")

        halves = [int(v) for v in tab.evaluate("[...nanogauge.selection]")]
        assert len(halves) == 2
        after_edit(tab, lambda: tab.keyboard.press("m"))  # the two halves are still selected
        assert len(labels(tab)) == n

        tab.keyboard.press("b")
        x, y, r = on_screen(tab, chosen[2])
        grown = tab.evaluate("(l) => nanogauge.particles.get(l).d_px", chosen[2])
        after_edit(tab, lambda: stroke(tab, [(x, y), (x + 1.2 * r, y)]))
        assert tab.evaluate("(l) => nanogauge.particles.get(l).d_px", chosen[2]) > grown
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))
        assert tab.evaluate("(l) => nanogauge.particles.get(l).d_px", chosen[2]) == pytest.approx(grown, rel=1e-4)

        tab.click(".q-tab:has-text('Scale')")
        tab.fill('input[aria-label^="Pixel size"]', "2.5 nm/px")
        after_edit(tab, lambda: tab.keyboard.press("Enter"))
        tab.wait_for_selector(".ng-now:has-text('2.5 nm/px')")
        assert tab.evaluate("nanogauge.state.unit") == "nm"

        tab.click(".q-tab:has-text('Files')")
        with tab.expect_download() as download:
            tab.click(".ng-files a:has-text('particles.csv')")
        rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
        assert len(rows) == n
        for row in rows:
            assert float(row["equivalent_diameter_nm"]) == pytest.approx(2.5 * float(row["equivalent_diameter_px"]), rel=1e-9)
        by_hand = [r for r in rows if "edited" in r["flags"]]
        assert len(by_hand) == 2
        again = float(next(r for r in by_hand if int(r["label"]) > n)["area_px2"])
        before = json.loads((work / name / "found" / "measurement.json").read_text())
        assert before["n_particles"] == n
        assert again > 200
        page.kill()

    with running(work, port) as page, window(browser) as tab:
        opened(tab, page, name)
        assert len(labels(tab)) == n
        same = particles(page, name)
        assert [r["label"] for r in same] == [r["label"] for r in rows]
        assert [r["flags"] for r in same] == [r["flags"] for r in rows]
        np.testing.assert_allclose(
            [float(r["equivalent_diameter_nm"]) for r in same], [float(r["equivalent_diameter_nm"]) for r in rows], rtol=1e-4
        )
        # what was done before the crash can be undone; another browser is asked whether it means it
        tab.keyboard.press("Control+z")
        tab.wait_for_selector(".q-notification:has-text('undo once more')")
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))
        assert tab.evaluate("nanogauge.state.unit") == "px"
    about = json.loads((work / name / "measurement.json").read_text())
    said = [line.split(" ", 1)[1] for line in about["operator_edits"]]
    assert said[0].startswith("deleted particle")
    assert said[1].startswith("added particle")
    assert said[2].startswith("split particle")
    assert said[3].startswith("merged particles")


@pytest.fixture(scope="module")
def filled(page: Page, browser: Any, pictures: Path) -> Page:
    """The page with two measured micrographs."""
    with window(browser) as tab:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-drop")
        drop(tab, sorted(pictures.iterdir()))
        for name in ("spheres", "more spheres µ"):
            settled(page, name)
            tab.wait_for_selector(f'.ng-item.openable[data-name="{name}"]')
    return page


def test_what_the_microscope_wrote_beside_a_picture_gives_its_scale(tab: Any, filled: Page, tmp_path: Path) -> None:
    h, w = 200, 260
    for name, seed in (("hitachi", 21), ("plain", 22)):
        Image.fromarray(spheres(seed, shape=(h, w)).pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "hitachi.txt").write_text(f"[SemImageFile]\r\nInstructName=SU8230\r\nDataSize={w}x{h}\r\nPixelSize=1.5\r\n")
    (tmp_path / "plain.txt").write_text("shopping list\n")
    tab.goto(filled.address)
    tab.wait_for_selector(".ng-drop")
    drop(tab, sorted(tmp_path.iterdir()))
    for name in ("hitachi", "plain"):
        settled(filled, name)
    about = json.loads((filled.root / "hitachi" / "measurement.json").read_text())
    assert about["scale"]["nm_per_px_y_x"] == [1.5, 1.5]
    assert about["scale"]["source"] == "metadata"
    assert (filled.root / "uploads" / "hitachi.png.txt").is_file()
    assert json.loads((filled.root / "plain" / "measurement.json").read_text())["status"] == "no_scale"
    assert not (filled.root / "uploads" / "plain.png.txt").exists()
    assert not any((filled.root / ".incoming").iterdir())


def test_fingers_select_more_than_one_and_pinch(browser: Any, filled: Page) -> None:
    with window(browser, has_touch=True) as tab:
        opened(tab, filled, "spheres")
        chosen = free(tab)[:2]
        for label in chosen:
            x, y, _ = on_screen(tab, label)
            tab.touchscreen.tap(x, y)
        assert tab.evaluate("[...nanogauge.selection].sort((a, b) => a - b)") == sorted(chosen)
        zoom, box = tab.evaluate("nanogaugeView.camera.zoom"), tab.locator(".ng-stage").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        fingers = tab.context.new_cdp_session(tab)
        for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", None)):
            points = [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert tab.evaluate("nanogaugeView.camera.zoom") == pytest.approx(2 * zoom, rel=0.05)
        assert tab.evaluate("nanogauge.selection.size") == 2


def test_the_second_of_two_quick_clicks_with_a_tool_counts(tab: Any, filled: Page) -> None:
    opened(tab, filled, "spheres")
    label = free(tab)[0]
    x, y, _ = on_screen(tab, label)
    n = len(labels(tab))
    tab.mouse.click(x, y)
    after_edit(tab, lambda: tab.keyboard.press("Delete"))
    tab.evaluate("nanogaugeView.gestures.lastTap.t = performance.now()")  # however slow this machine
    tab.keyboard.press("a")
    after_edit(tab, lambda: tab.mouse.click(x, y))
    assert len(labels(tab)) == n
    for _ in range(2):
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))


def test_selection_is_one_in_picture_table_and_chart(tab: Any, filled: Page) -> None:
    opened(tab, filled, "spheres")
    tab.click(".q-tab:has-text('Sizes')")
    tab.wait_for_selector(".ng-chart .bars rect")
    label = free(tab)[3]
    x, y, _ = on_screen(tab, label)
    tab.mouse.click(x, y)
    tab.wait_for_selector(".ng-chart .marked rect")
    tab.mouse.move(x + 1, y)
    tab.wait_for_selector(f".ng-card b:has-text('#{label}')")
    tab.click(".q-tab:has-text('Particles')")
    tab.wait_for_selector(f'.ng-row.on[data-label="{label}"]')
    tab.click(".q-tab:has-text('Sizes')")
    tab.keyboard.press("Escape")
    assert tab.evaluate("nanogauge.selection.size") == 0
    click_bar(tab, before=2, height=6)
    tab.wait_for_function("() => nanogauge.selection.size > 0")
    count = tab.evaluate("nanogauge.selection.size")
    sizes = tab.evaluate("[...nanogauge.selection].map(l => nanogauge.particles.get(l).d)")
    every = tab.evaluate("[...nanogauge.particles.values()].filter(p => p.kind !== 'left_out').map(p => p.d)")
    assert len([v for v in every if min(sizes) <= v <= max(sizes)]) == count


def test_two_windows_follow_each_other(browser: Any, filled: Page) -> None:
    with window(browser) as one, window(browser) as two:
        opened(one, filled, "spheres")
        opened(two, filled, "spheres")
        label = free(one)[1]
        x, y, _ = on_screen(one, label)
        one.mouse.click(x, y)
        after_edit(one, lambda: one.keyboard.press("Delete"))
        two.wait_for_function("(l) => !nanogauge.particles.has(l)", arg=label)
        # the second window, which has not heard of it yet, acts on what is gone: refused, nothing spoiled
        two.evaluate("(l) => { nanogauge.edit('delete', { labels: [l] }); }", label)
        two.wait_for_selector(".q-notification:has-text('no longer there')")
        two.keyboard.press("Control+z")  # of what somebody else did: asked about first
        two.wait_for_selector(".q-notification:has-text('another person')")
        assert label not in labels(one)
        after_edit(two, lambda: two.keyboard.press("Control+z"))
        one.wait_for_function("(l) => nanogauge.particles.has(l)", arg=label)
        assert labels(one) == labels(two)


def test_zoom_and_pan_keep_the_point_under_the_mouse(tab: Any, filled: Page) -> None:
    opened(tab, filled, "spheres")
    label = free(tab)[0]
    x, y, r = on_screen(tab, label)
    tab.mouse.move(x, y)
    tab.mouse.wheel(0, -400)
    tab.wait_for_function("(z) => nanogaugeView.camera.zoom > z", arg=1.0)
    x1, y1, r1 = on_screen(tab, label)
    assert math.hypot(x1 - x, y1 - y) < 1.5
    assert r1 > 1.5 * r
    stroke(tab, [(x, y), (x + 60, y + 30)])
    x2, y2, _ = on_screen(tab, label)
    assert (x2 - x1, y2 - y1) == (pytest.approx(60, abs=2), pytest.approx(30, abs=2))
    assert tab.evaluate("nanogauge.selection.size") == 0  # a drag is no click
    tab.keyboard.press("0")
    assert on_screen(tab, label)[2] == pytest.approx(r, rel=0.01)


def test_the_scale_bar_is_traced_by_its_ends(tab: Any, filled: Page) -> None:
    opened(tab, filled, "more spheres µ")
    tab.wait_for_selector(".ng-ask:has-text('What is the scale?')")  # asked for plainly
    tab.click("button:has-text('Set the ends')")
    tab.wait_for_function("() => nanogaugeView.tool === 'scale'")
    box = tab.locator(".ng-stage").bounding_box()
    for k, target in ((0, (100.0, 200.0)), (1, (300.0, 200.0))):
        sx, sy = tab.evaluate("(k) => nanogaugeView.camera.toScreen(nanogaugeView.ends[k][1], nanogaugeView.ends[k][0])", k)
        tx, ty = tab.evaluate("([x, y]) => nanogaugeView.camera.toScreen(x, y)", list(target))
        stroke(tab, [(box["x"] + sx, box["y"] + sy), (box["x"] + tx, box["y"] + ty)])
    ends = tab.evaluate("nanogaugeView.ends")
    assert ends[1][1] - ends[0][1] == pytest.approx(200, abs=2)
    tab.fill('input[aria-label^="Length of the scale bar"]', "0.4 µm")
    after_edit(tab, lambda: tab.keyboard.press("Enter"))
    assert tab.evaluate("nanogauge.state.nm_per_px[1]") == pytest.approx(2.0, rel=0.02)
    tab.fill('input[aria-label^="Pixel size"]', "2.5 furlongs/px")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".q-notification:has-text('furlongs')")
    after_edit(tab, lambda: tab.keyboard.press("Control+z") if tab.evaluate("document.activeElement.blur() || true") else None)


def test_filters_region_and_volume_follow(tab: Any, filled: Page) -> None:
    opened(tab, filled, "spheres")
    tab.click(".q-tab:has-text('Filters')")
    after_edit(tab, lambda: tab.fill('input[aria-label^="smallest diameter"]', "26"))
    tab.wait_for_selector(".ng-removes:has-text('leaves out')")
    small = tab.evaluate("[...nanogauge.particles.values()].filter(p => p.d_px < 26).map(p => p.weight)")
    assert small
    assert set(small) == {0}
    after_edit(tab, lambda: tab.click("button:has-text('Clear the filters')"))
    tab.click("button:has-text('Rectangle')")
    box = tab.locator(".ng-stage").bounding_box()
    a, b = (tab.evaluate("([x, y]) => nanogaugeView.camera.toScreen(x, y)", p) for p in ([0, 0], [200, 299]))
    after_edit(tab, lambda: stroke(tab, [(box["x"] + a[0], box["y"] + a[1]), (box["x"] + b[0], box["y"] + b[1])]))
    right = tab.evaluate("[...nanogauge.particles.values()].filter(p => p.x > 205).map(p => p.weight)")
    assert set(right) == {0}
    after_edit(tab, lambda: tab.click("button:has-text('Whole picture')"))
    tab.click(".q-tab:has-text('Sizes')")
    tab.click("button:has-text('Volume')")
    tab.wait_for_selector(".ng-chart .title:has-text('volume density')")
    tab.wait_for_selector(".ng-headline:has-text('by volume')")


def test_report_and_files(tab: Any, filled: Page, tmp_path: Path) -> None:
    import zipfile

    tab.goto(f"{filled.address}/samples")
    tab.wait_for_selector(".ng-sorry:has-text('No sample yet')")  # loose files are in none
    tab.goto(filled.address)
    tab.click('[aria-label="Select all shown"]')
    tab.click("button:has-text('Put into a sample')")
    tab.fill('.ng-dialog input[aria-label="Name of the sample"]', "lot 7")
    tab.click(".ng-dialog button:has-text('Put there')")
    tab.wait_for_selector(".ng-item-sample:has-text('lot 7')")
    tab.goto(f"{filled.address}/samples")
    tab.wait_for_selector(".ng-sheet .ng-tiles")
    tab.goto(f"{filled.address}/report")
    with tab.expect_download() as download:
        tab.click(".ng-files a:has-text('everything.zip')")
    names = zipfile.ZipFile(download.value.path()).namelist()
    for wanted in ("report.html", "report.pdf", "results.xlsx", "particles.csv", "spheres/rois.zip", "spheres/labels.tif"):
        assert wanted in names
    assert (filled.root / "run.json").is_file()


def test_keys_are_shown_and_everything_is_reached_by_keyboard(tab: Any, filled: Page) -> None:
    opened(tab, filled, "spheres")
    tab.keyboard.press("?")
    tab.wait_for_selector(".ng-keys-card:has-text('split by a stroke')")
    tab.keyboard.press("Escape")
    tab.wait_for_selector(".ng-keys-card", state="hidden")
    reached = set()
    for _ in range(45):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText?.slice(0, 20) || ''"
            )
        )
    for wanted in ("Split by a stroke", "Undo", "Zoom in", "Colour outlines by"):
        assert any(wanted in r for r in reached) or tab.evaluate(
            "(w) => !!document.querySelector(`[aria-label='${w}']:disabled`)", wanted
        ), wanted


def test_dark_and_light_have_contrast_and_nothing_is_clipped(tab: Any, filled: Page) -> None:
    for path in ("/", "/m/spheres", "/samples", "/report"):
        gone_to(tab, filled.address + path)
        for scheme, width, height in (("light", 1280, 720), ("dark", 1024, 768), ("light", 820, 1180)):
            tab.emulate_media(color_scheme=scheme)
            tab.set_viewport_size({"width": width, "height": height})
            tab.wait_for_function("(d) => document.body.classList.contains('body--dark') === d", arg=scheme == "dark")
            still(tab)
            wide = tab.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
            assert wide <= 0, (path, width, wide)
            poor = tab.evaluate(_CONTRAST)
            assert not poor, (scheme, path, poor)


_CONTRAST = """() => {
  const lum = (c) => { const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const parse = (s) => (s.match(/[\\d.]+/g) || []).map(Number);
  const out = [];
  for (const e of document.querySelectorAll('.ng-header *, .ng-main *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || !box.width || !box.height || e.closest('.ng-stage, svg, :disabled, .disabled, .q-field, .q-tooltip')) continue;
    if (getComputedStyle(e).opacity < 1) continue;
    if (getComputedStyle(e).visibility === 'hidden' || e.classList.contains('ng-skip')) continue;
    let b = e, back = null;
    for (; b && !back; b = b.parentElement) {
      const c = parse(getComputedStyle(b).backgroundColor);
      if (c.length === 3 || c[3] > 0.9) back = c;
    }
    const a = lum(parse(getComputedStyle(e).color)), z = lum(back || [255, 255, 255]);
    const ratio = (Math.max(a, z) + 0.05) / (Math.min(a, z) + 0.05);
    if (ratio < 4.3) out.push([e.textContent.trim().slice(0, 30), e.className, +ratio.toFixed(2)]);
  }
  return out;
}"""
