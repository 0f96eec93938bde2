"""Tools of the page beyond drawing: shapes by a key, lengths and grey levels, notes, a history that is a way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanogauge.apps.serve.page_state import grey_profile
from nanogauge.core.errors import InputError
from nanogauge.editing.session import Session
from page_tools import PORT, after_edit, free, labels, on_screen, opened, stroke
from serve_tools import running


def test_the_history_leads_to_every_state(session: Session) -> None:
    n = len(session.table)
    found = session.labels.copy()
    for label in session.table["label"].tolist()[2:6]:
        session.edit("delete", {"labels": [label]})
    session.go_to(1)
    assert len(session.table) == n - 1
    session.go_to(3)
    assert len(session.table) == n - 3
    session.go_to(99)
    assert len(session.table) == n - 4
    session.go_to(0)
    assert np.array_equal(session.labels, found)
    assert session.go_to(0) is None
    assert len(session.journal.undone) == 4


def test_a_grey_profile_is_what_the_pixels_say() -> None:
    pixels = np.arange(200, dtype=np.uint16).reshape(10, 20)
    along = grey_profile(pixels, (4, 0), (4, 19))
    assert along["values"] == list(range(80, 100))
    assert along["at"][-1] == 19
    assert grey_profile(pixels, (3.4, 5.2), (3.4, 5.2))["values"] == [65]
    assert len(grey_profile(pixels, (0, 0), (9, 9))["values"]) == 14
    for bad in ((-5.0, 0.0), (float("nan"), 0.0), (0.0, 1e9)):
        with pytest.raises(InputError):
            grey_profile(pixels, bad, (4, 4))


@pytest.mark.slow
@pytest.mark.browser
def test_shapes_lines_notes_and_history(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        n, label = len(labels(tab)), free(tab)[0]
        d = "(l) => nanogauge.particles.get(l).d_px"
        size = tab.evaluate(d, label)
        x, y, r = on_screen(tab, label)
        tab.mouse.click(x, y)
        after_edit(tab, lambda: tab.keyboard.press("g"))
        assert tab.evaluate(d, label) == pytest.approx(size + 2, abs=0.5)
        after_edit(tab, lambda: tab.keyboard.press("Shift+g"))
        assert tab.evaluate(d, label) == pytest.approx(size, abs=0.3)
        after_edit(tab, lambda: tab.click(".ng-shapes button:has-text('Shrink')"))
        tab.keyboard.press("d")
        tab.wait_for_selector(".q-notification:has-text('no neck')")
        assert len(labels(tab)) == n

        tab.keyboard.press("i")
        stroke(tab, [(x - 2 * r, y), (x, y), (x + 2 * r, y)])
        tab.wait_for_selector(".ng-profile path")
        shown = float(tab.inner_text(".ng-profile b").split()[0])
        assert shown == pytest.approx(4 * r / tab.evaluate("nanogaugeView.camera.zoom"), rel=0.02)
        tab.keyboard.press("Escape")
        tab.wait_for_selector(".ng-profile", state="detached")
        tab.mouse.move(x, y)
        tab.wait_for_selector(".ng-pixel:has-text('grey')")
        tab.click('[aria-label="Brightness and contrast"]')
        tab.check(".ng-light input[type=checkbox]")
        assert "invert" in tab.evaluate("nanogaugeView.$refs.picture.style.filter")
        tab.fill("[aria-label=Gamma]", "2")
        tab.wait_for_function("document.querySelector('#ng-gamma feFuncR').getAttribute('exponent') === '0.5'")
        assert "ng-gamma" in tab.evaluate("nanogaugeView.$refs.picture.style.filter")

        tab.click(".q-tab:has-text('Files')")
        tab.fill('textarea[aria-label^="Note"]', "grown on carbon")
        tab.wait_for_function("document.querySelectorAll('.ng-step').length === 3")
        tab.click(".ng-step:has-text('grew')")
        tab.wait_for_function(f"([l, s]) => Math.abs(({d})(l) - s - 2) < 0.5", arg=[label, size])
        tab.wait_for_selector(".ng-step.now:has-text('grew')")
        tab.wait_for_function("document.querySelectorAll('.ng-step.undone').length === 2")
        tab.click("button:has-text('Undo all edits')")
        tab.click(".ng-dialog button:has-text('Undo all')")
        tab.wait_for_selector(".ng-step.now", state="detached")
        tab.wait_for_function(f"([l, s]) => Math.abs(({d})(l) - s) < 1e-3", arg=[label, size])
    assert json.loads((work / "serve.json").read_text())["notes"] == {"a": "grown on carbon"}


@pytest.mark.slow
@pytest.mark.browser
def test_a_filter_that_is_refused_says_so_as_long_as_it_stands_there(tab: Any, work: Path, free_port: PORT) -> None:
    counted = "[...nanogauge.particles.values()].filter((p) => p.kind === 'counted').length"
    note = ".ng-alert:has-text('is not in force')"
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        tab.click(".q-tab:has-text('Filters')")
        low, high = (tab.get_by_label(f"{which} diameter that counts") for which in ("smallest", "largest"))
        every = tab.evaluate(counted)
        after_edit(tab, lambda: low.fill("30"))
        n = tab.evaluate(counted)
        assert 0 < n < every
        high.fill("10")
        tab.wait_for_selector(f"{note}:visible")
        assert tab.evaluate(counted) == n
        high.fill("")
        tab.wait_for_selector(note, state="hidden")
        low.fill("-5")
        tab.wait_for_selector(f"{note}:visible")
        after_edit(tab, lambda: low.fill(""))
        tab.wait_for_selector(note, state="hidden")
        assert tab.evaluate(counted) == every
