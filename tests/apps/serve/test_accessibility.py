"""No serious fault of accessibility on any page, dialog or state of one, in light and dark, by axe-core."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.studio import save_session
from nanogauge.apps.serve.uploads import Received
from nanogauge.editing.session import open_session
from page_tools import PORT, after_edit, free, gone_to, on_screen, opened, still, stroke, with_doubts
from serve_tools import Page, discs, running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

# contrast of a text with the nearest ground behind it
CONTRAST = """(selector) => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const text = document.querySelector(selector);
  let ground = text;
  for (let e = text; e; e = e.parentElement) if (+getComputedStyle(e).opacity < 1) return 1;
  while (ground && (numbers(getComputedStyle(ground).backgroundColor)[3] ?? 1) < 1) ground = ground.parentElement;
  if (!ground) return 1;
  const both = [light(numbers(getComputedStyle(text).color)), light(numbers(getComputedStyle(ground).backgroundColor))];
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""


def faults(tab: Any) -> list[str]:
    """What axe-core calls serious or critical, each with the elements it means; of a dialog alone where one is open. There it takes
    the page beneath for the ground of a text at times, so that contrast is looked at once more."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core is not installed: pip install 'nanogauge[test]'"
    )
    if not tab.evaluate("!!window.axe"):
        tab.evaluate(axe.Axe().axe_script)
    dialog = ".q-dialog" if tab.locator(".q-dialog").count() else None
    options = {"resultTypes": ["violations"]}
    found = tab.evaluate("([where, options]) => axe.run(where || document, options)", [dialog, options])["violations"]
    said = []
    for v in found:
        nodes = v["nodes"]
        if dialog and v["id"] == "color-contrast":
            nodes = [n for n in nodes if tab.evaluate(CONTRAST, n["target"][0]) < 4.5]
        if nodes and v["impact"] in ("serious", "critical"):
            said.append(f"{v['id']}: {v['help']}: " + "; ".join(f"{n['html'][:110]} {colours(n)}" for n in nodes[:4]))
    return said


def colours(node: dict[str, Any]) -> str:
    """Those that axe-core compared."""
    data = [check["data"] for check in node["any"] if isinstance(check.get("data"), dict)]
    return ", ".join(f"{d['fgColor']} on {d['bgColor']}" for d in data if "fgColor" in d)


class Looker:
    """Has axe-core look at one state after another, in light and dark; what it said, by state."""

    def __init__(self, tab: Any) -> None:
        self.tab, self.said, self.seen = tab, [], 0

    def look(self, at: str, until: str = "") -> None:
        """At what is there once something can be seen."""
        if until:
            self.tab.wait_for_selector(until)
        for scheme in ("light", "dark"):
            self.tab.emulate_media(color_scheme=scheme)
            self.tab.wait_for_function("(d) => document.body.classList.contains('body--dark') === d", arg=scheme == "dark")
            still(self.tab)  # what fades in has its colours then
            self.said += [f"{at}, {scheme}: {f}" for f in faults(self.tab)]
        self.seen += 1

    def dialog(self, at: str, act: Callable[[], object], close: str = "Cancel") -> None:
        """At a dialog, which is closed again."""
        act()
        self.look(at, ".q-dialog .q-card")
        self.tab.click(f".q-dialog button:has-text('{close}')")
        self.tab.wait_for_selector(".q-dialog", state="detached")

    def fine(self, n: int) -> None:
        """Nothing was said, in as many states."""
        assert not self.said, "\n".join(self.said)
        assert self.seen == n


def test_axe_finds_no_serious_fault(tab: Any, several: Path, free_port: PORT) -> None:
    with_doubts(several / "a")
    looker = Looker(tab)
    with running(several, free_port()) as page:
        tab.goto(page.address)
        looker.look("gallery", ".ng-item.openable")
        tab.click('[data-name="b"] .q-checkbox')
        looker.look("selection", ".ng-selected")
        opened(tab, page, "a")
        tab.mouse.click(*on_screen(tab, free(tab)[0])[:2])
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        for name in ("Sizes", "Particles", "Order", "Scale", "Filters", "Files"):
            tab.click(f".q-tab:has-text('{name}')")
            looker.look(name)
        tab.keyboard.press("u")
        looker.look("review", ".ng-review")
        for path in ("/samples", "/report", "/m/nowhere", "/nothing"):
            gone_to(tab, page.address + path)
            looker.look(path)
    looker.fine(13)


def send(page: Page, content: dict[str, Any]) -> None:
    """An edit that did not come from the window."""
    url = f"{page.address}/api/micrographs/a/edit"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(content).encode(), {"x-nanogauge": "1"}), timeout=60).close()


def give_classes(work: Path, name: str) -> None:
    """Two classes by hand, six of the one and four of the other."""
    session = open_session(work / name, work / "uploads" / f"{name}.png")
    some = session.table["label"].tolist()[:10]
    session.edit("class", {"labels": some[:6], "class": "sphere"})
    session.edit("class", {"labels": some[6:], "class": "a long name of a class"})
    save_session(session)


def test_the_dialogs_of_the_gallery(tab: Any, several: Path, free_port: PORT) -> None:
    mask = np.zeros((300, 420), np.uint8)
    mask[50:90, 60:120] = 255
    Image.fromarray(mask).save(several / "incoming.png")
    project = Project(several)
    project.take(Received(several / "incoming.png", "a_mask.png", "0" * 64, mask.shape), among_others=True)
    assert project.left_out
    looker = Looker(tab)
    with running(several, free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-item.openable")
        looker.dialog("left out", lambda: tab.click("button:has-text('Look at them')"), close="Close")
        tab.click("article[data-name=b] .ng-item-tick")
        looker.dialog("into a sample", lambda: tab.click("button:has-text('Put into a sample')"))
        tab.click("button:has-text('More')")
        looker.look("more", ".q-menu")
        tab.keyboard.press("Escape")
        for words in ("Scale", "Filters", "Accept above", "Delete below", "Measure again", "Remove from the gallery"):
            tab.wait_for_selector(".q-menu", state="detached")
            tab.click("button:has-text('More')")
            looker.dialog(words, lambda words=words: tab.click(f".q-menu :text('{words}')"))
        tab.click("button:has-text('More')")
        tab.click(".q-menu :text('Remove from the gallery')")
        tab.click(".q-dialog button:has-text('Remove')")
        looker.dialog("removed", lambda: tab.click("button:has-text('Removed')"), close="Close")
    looker.fine(10)


def test_what_opens_over_a_micrograph(tab: Any, several: Path, free_port: PORT, tmp_path: Path) -> None:
    for name in "ab":
        give_classes(several, name)
    Project(several).set_classes([("sphere", "#112233")])
    shape = tuple(json.loads((several / "a" / "measurement.json").read_text())["shape_px"])
    tifffile.imwrite(tmp_path / "mine.tif", discs(shape, [(60, 60, 15), (200, 200, 20)]).astype(np.uint16))
    looker = Looker(tab)
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        looker.dialog("keys", lambda: tab.keyboard.press("?"), close="close")
        tab.select_option("[aria-label='Colour outlines by']", "class")
        tab.click(".q-tab:has-text('Particles')")
        tab.click(".ng-classes .q-item")
        looker.look("classes", ".ng-kinds:has-text('sphere 6')")
        looker.dialog("learn classes", lambda: tab.click("button:has-text('Learn these classes')"))

        tab.click("button[aria-label='Look of the outlines']")
        looker.look("look of the outlines", ".ng-light")
        tab.click("button[aria-label='Brightness and contrast']")
        looker.look("brightness and contrast", ".ng-levels")
        tab.click("button[aria-label='Brightness and contrast']")
        tab.keyboard.press("b")
        looker.look("brush", ".ng-hint")
        tab.keyboard.press("i")
        box = tab.locator(".ng-stage").bounding_box()
        stroke(tab, [(box["x"] + 200, box["y"] + 200), (box["x"] + 330, box["y"] + 260)])
        looker.look("profile", ".ng-profile")
        tab.keyboard.press("Escape")

        tab.click(".q-tab:has-text('Scale')")
        tab.fill("[aria-label^='Pixel size']", "2.5 nm/px")
        after_edit(tab, lambda: tab.keyboard.press("Enter"))
        looker.dialog("scale for others", lambda: tab.click("button:has-text('Use this scale for others')"))

        tab.click(".q-tab:has-text('Filters')")
        tab.fill("[aria-label='Smallest diameter / px']", "30")
        tab.click("button:has-text('Try')")
        looker.look("B beside A", ".ng-trying")
        looker.dialog("take B", lambda: tab.click("button:has-text('Take B')"))
        tab.click("button:has-text('Discard B')")

        data = list((tmp_path / "mine.tif").read_bytes())
        drop = "(d) => { nanogaugeView.takeDropped([new File([new Uint8Array(d)], 'mine.tif')]); }"
        looker.dialog("dropped", lambda: tab.evaluate(drop, data))

        first, second = free(tab)[:2]
        send(page, {"kind": "delete", "labels": [first], "hand": "another", "id": "x"})
        tab.wait_for_function("(l) => !nanogauge.particles.has(l)", arg=first)
        tab.evaluate("document.activeElement.blur()")
        tab.keyboard.press("Control+z")
        looker.look("not yours", ".q-notification:has-text('another person')")
        tab.click(".q-tab:has-text('Files')")
        looker.dialog("back to what was found", lambda: tab.click("button:has-text('Undo all edits')"))

        tab.route("**/edit", lambda route: route.abort())
        tab.evaluate("(l) => { nanogauge.edit('delete', { labels: [l] }); }", second)
        looker.look("the server is away", ".ng-unsent")
        tab.unroute("**/edit")
        tab.wait_for_selector(".ng-unsent", state="detached")
    looker.fine(14)


def test_what_is_learned_and_what_is_being_written(tab: Any, several: Path, free_port: PORT) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'nanogauge[train]'")
    for name in "ab":
        give_classes(several, name)
    project = Project(several)
    project.check("a", True)
    made = several / "training" / "networks"
    made.mkdir(parents=True)
    shutil.copyfile(several / "a" / "labels.tif", made / "classes-1.onnx")  # is not opened
    figures = {"pictures": ["b"], "found": 0.8, "classes": [{"class": "sphere"}, {"class": "rod"}], "confusion": [[11, 1], [3, 5]]}
    (made / "classes-1.json").write_text(json.dumps(figures))
    looker = Looker(tab)
    with running(several, free_port()) as page:
        tab.goto(f"{page.address}/report")
        looker.look("learned", ".ng-learn h3:has-text('Learned: sphere, rod')")
        looker.dialog("training data", lambda: tab.click("button:has-text('Save as training data')"))
        looker.dialog("what the report holds", lambda: tab.click("button:has-text('What it holds')"))
        waiting: list[Any] = []
        tab.route("**/api/files/particles.csv?ready=1", lambda route: waiting.append(route))
        tab.click("a:has-text('particles.csv')")
        looker.look("being written", "a.busy")
        waiting.pop().abort()
        looker.look("not written", ".ng-files .ng-note")
        tab.click("button:has-text('Learn these classes')")
        tab.click(".q-dialog button:has-text('Learn them')")
        looker.look("learning", ".ng-learn [role=progressbar]:visible")
        tab.click(".ng-learn button:has-text('Cancel')")
        looker.look("stopped", "text=Stopped; nothing was kept")
    looker.fine(7)
