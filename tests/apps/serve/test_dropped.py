"""ROIs and labels dropped onto a micrograph, in place of its particles or beside them; files that are none."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nanogauge.core.errors import EditError
from nanogauge.editing.imported import take_labels
from nanogauge.editing.session import Session
from page_tools import PORT, after_edit, labels, opened
from serve_tools import Page, discs, running


def test_labels_take_the_place_of_all_or_are_added() -> None:
    present = discs((100, 120), [(20, 20, 8), (20, 60, 8), (70, 30, 10)])
    marks = discs((100, 120), [(20, 20, 8), (20, 62, 8), (70, 80, 9)]) * 7
    patch, n = take_labels(present, marks, next_label=10, replace=True)
    after = present.copy()
    y0, x0, y1, x1 = patch.box
    after[y0:y1, x0:x1] = patch.after
    assert n == 2
    assert set(np.unique(after)) == {0, 1, 10, 11}, "the first is the one that was there"
    assert np.array_equal(after > 0, marks > 0)

    patch, n = take_labels(present, marks, next_label=10, replace=False)
    after = present.copy()
    y0, x0, y1, x1 = patch.box
    after[y0:y1, x0:x1] = patch.after
    assert n == 1
    assert np.array_equal(np.where(after == 10, 0, after), present)
    assert np.array_equal(after == 10, marks == 21)
    with pytest.raises(EditError, match="already"):
        take_labels(present, present * 3, next_label=10, replace=True)
    with pytest.raises(EditError, match="120 x 50"):
        take_labels(present, marks[:50], next_label=10, replace=True)


def test_an_import_is_one_edit(session: Session) -> None:
    before, n = session.labels.copy(), len(session.table)
    marks = discs(before.shape, [(60, 60, 15), (200, 200, 20)])
    delta = session.import_labels(marks, source="mine.zip", replace=True)
    assert delta.text == "took 2 particles from mine.zip, in place of those that were there"
    assert len(session.table) == 2
    fresh = session.measured_whole()
    assert fresh["equivalent_diameter_px"].tolist() == session.table["equivalent_diameter_px"].tolist()
    session.undo()
    assert np.array_equal(session.labels, before)
    assert len(session.table) == n


def post(page: Page, name: str, body: bytes) -> dict[str, Any]:
    url = f"{page.address}/api/micrographs/a/annotations?file={name}"
    request = urllib.request.Request(url, body, {"x-nanogauge": "1"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


@pytest.mark.slow
@pytest.mark.browser
def test_a_file_dropped_on_the_picture_is_read_asked_about_and_taken(tab: Any, work: Path, free_port: PORT, tmp_path: Path) -> None:
    marks = discs((300, 420), [(60, 60, 15), (200, 200, 20), (120, 300, 18)])
    tifffile.imwrite(tmp_path / "mine.tif", marks.astype(np.uint16))
    with running(work, free_port()) as page:
        shape = tuple(json.loads((work / "a" / "measurement.json").read_text())["shape_px"])
        if shape != marks.shape:
            tifffile.imwrite(tmp_path / "mine.tif", discs(shape, [(60, 60, 15), (200, 200, 20), (120, 300, 18)]).astype(np.uint16))
        for name, body in {
            "..%2F..%2Fx.zip": b"PK\x03\x04" + b"x" * 200,
            "x.json": b"[" * 4000,
            "x.npy": b"\x93NUMPY",
            "x.txt": b"",
        }.items():
            with pytest.raises(urllib.error.HTTPError) as caught:
                post(page, name, body)
            assert caught.value.code == 400
            text = json.load(caught.value)["error"]
            assert str(work) not in text
            assert "\n" not in text
        assert not list((work / ".incoming").iterdir()), "nothing of what is refused stays"
        opened(tab, page, "a")
        data = list((tmp_path / "mine.tif").read_bytes())
        tab.evaluate("(d) => nanogaugeView.takeDropped([new File([new Uint8Array(d)], 'mine.tif')])", data)
        tab.wait_for_selector(".q-dialog:has-text('3 particles in mine.tif')")
        after_edit(tab, lambda: tab.click(".q-dialog button:has-text('Replace all')"))
        assert len(labels(tab)) == 3
        tab.wait_for_selector(".q-dialog", state="detached")  # keys are the dialog's as long as it fades
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))
        assert len(labels(tab)) > 3
