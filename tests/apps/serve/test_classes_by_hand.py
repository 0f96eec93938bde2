"""Classes by hand: in the journal, the tables, the report and COCO; keys and colours on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nanogauge.apps.serve.page_state import changes_of, particles_of
from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.studio import save_session
from nanogauge.core.errors import EditError, InputError
from nanogauge.editing.session import Session, open_session
from nanogauge.results.folder import save_measurement
from nanogauge.results.saved import read_saved
from page_tools import PORT, after_edit, free, on_screen, opened
from serve_tools import running


def test_classes_are_kept_undone_and_written(session: Session, tmp_path: Path) -> None:
    a, b, c = session.table["label"].tolist()[2:5]
    delta = session.edit("class", {"labels": [a, b], "class": " rod "})
    assert delta.text == "classed 2 particles as rod"
    assert set(delta.changed) == {a, b}
    session.edit("class", {"labels": [c], "class": "cube"})
    session.edit("class", {"labels": [a], "class": ""})
    assert session.classes() == {b: "rod", c: "cube"}
    shown = particles_of(session)
    assert dict(zip(shown["label"], shown["class"], strict=True))[b] == "rod"
    assert changes_of(session, [delta])["particles"]["label"] == [a, b]
    session.undo()
    assert session.classes() == {a: "rod", b: "rod", c: "cube"}

    again = open_session(session.folder, session.found.micrograph.path or Path())
    assert again.classes() == session.classes()
    save_session(again)
    table = read_saved(session.folder).particles.set_index("label")
    assert table.loc[[a, b, c], "class"].tolist() == ["rod", "rod", "cube"]
    assert table.loc[[a, b, c], "class_confidence"].tolist() == [1, 1, 1]
    assert (table["class"] == "").sum() == len(table) - 3
    assert "rod" in (session.folder / "particles.csv").read_text()
    m = again.measurement()
    assert {"rod", "cube"} <= set(m.by_class())
    save_measurement(m, tmp_path / "out", coco=True)
    names = {k["name"] for k in json.loads((tmp_path / "out" / "coco.json").read_text())["categories"]}
    assert {"rod", "cube"} <= names

    session.go_to(0)
    assert session.classes() == {}
    assert "class" not in session.measurement().particles


def test_odd_names_are_refused(session: Session, work: Path) -> None:
    label = int(session.table["label"].iloc[0])
    for bad in ("x" * 41, "a\0b", "unsure", 7, ["rod"], {"a": 1}):
        with pytest.raises(EditError, match="no name for a class"):
            session.edit("class", {"labels": [label], "class": bad})
    assert session.edit("class", {"labels": [label], "class": "a\nb"}).text.endswith("as a b")
    with pytest.raises(EditError, match="no longer there"):
        session.edit("class", {"labels": [99_999], "class": "rod"})
    project = Project(work)
    project.set_classes([("rod", "#112233"), ("", "#000000")])
    assert Project(work).classes[0] == {"name": "rod", "colour": "#112233"}
    for bad_classes in ([("rod", "red")], [("rod", "#112233"), ("rod", "#445566")]):
        with pytest.raises(InputError):
            project.set_classes(bad_classes)


@pytest.mark.slow
@pytest.mark.browser
def test_number_keys_class_what_is_selected(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        label = free(tab)[0]
        x, y, _ = on_screen(tab, label)
        tab.mouse.click(x, y)
        tab.keyboard.press("1")  # no classes yet: one pixel is one pixel
        assert tab.evaluate("nanogaugeView.camera.zoom") == pytest.approx(1)
        tab.keyboard.press("0")
        tab.click(".q-tab:has-text('Particles')")
        tab.click(".ng-classes .q-item")
        tab.fill("[aria-label='Name of class 2']", "rod")
        tab.wait_for_function("nanogauge.classes[1]?.name === 'rod'")
        tab.keyboard.press("Tab")
        tab.evaluate("document.activeElement.blur()")
        tab.keyboard.press("3")
        tab.wait_for_selector(".q-notification:has-text('stands for no class yet')")
        after_edit(tab, lambda: tab.keyboard.press("2"))
        assert tab.evaluate("(l) => nanogauge.particles.get(l).class", label) == "rod"
        tab.select_option("[aria-label='Colour outlines by']", "class")
        tab.wait_for_selector(".ng-kinds:has-text('rod 1')")
        assert tab.evaluate("(l) => nanogauge.colour(nanogauge.particles.get(l), 'class')", label) == "#e69f00"
        for name, other in zip(("yak", "zebu"), free(tab)[1:3], strict=True):  # which have no key
            after_edit(
                tab,
                lambda name=name, other=other: tab.evaluate(f"nanogauge.edit('class', {{ labels: [{other}], class: '{name}' }})"),
            )
        tab.wait_for_selector(".ng-kinds:has-text('zebu 1')")
        assert len(set(tab.evaluate("nanogauge.kindsOfClass().map((k) => k.colour)"))) == 3
        tab.keyboard.press("Escape")
        tab.keyboard.press("1")  # without a selection it is a zoom, as before
        assert tab.evaluate("nanogaugeView.camera.zoom") == pytest.approx(1)
    table = pd.read_csv(work / "a" / "particles.csv", keep_default_na=False)
    assert table.set_index("label").loc[label, "class"] == "rod"
