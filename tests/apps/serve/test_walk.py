"""A review is a walk: through the unsure particles of a micrograph, and through the micrographs of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.studio import Studio
from nanogauge.core.particles import Flag, has_flag
from nanogauge.editing.session import Session
from nanogauge.results.saved import read_saved
from page_tools import DOUBTFUL, PORT, READY, after_edit, free, labels, on_screen, opened, revision, still, with_doubts
from serve_tools import running


def test_what_is_left_out_stays_in_the_table_and_counts_no_more(session: Session) -> None:
    counted = session.table[session.table["edge_weight"] > 0]["label"].tolist()
    a, b = counted[2:4]
    delta = session.edit("leave_out", {"labels": [a, b]})
    assert set(delta.changed) >= {a, b}
    assert delta.text == "left out 2 particles: seen, not counted"
    row = session.table.set_index("label").loc[a]
    assert row["edge_weight"] == 0
    assert "left_out_by_hand" in row["flags"].split("|")
    assert session.labels[session.labels == a].size  # no background, for whoever trains on it
    m = session.measurement()
    assert m.exclusions["left_out_by_hand"] == 2
    assert m.distribution.n == len(counted) - 2
    assert session.judged.removed["by_hand"] == 2
    session.edit("leave_out", {"labels": [a]})  # once more: it counts again
    assert session.table.set_index("label").loc[a, "edge_weight"] > 0
    session.undo()
    assert int(has_flag(session.table, Flag.LEFT_OUT_BY_HAND).sum()) == 2


def test_the_order_of_a_visit_stays(several: Path) -> None:
    studio = Studio(Project(several))
    try:
        studio.begin_visit(["d", "b", "a", "c"])
        studio.project.check("b", True)
        assert studio.visit("a") == ["d", "b", "a", "c"]
        assert [studio.next_unchecked(n) for n in "dbac"] == ["a", "a", "c", "d"]
        studio.begin_visit(["c", "a"])  # as filtered in the gallery; the others come after
        assert studio.visit("a") == ["c", "a", "b", "d"]
        for name in "abcd":
            studio.project.check(name, True)
        assert studio.next_unchecked("a") is None
    finally:
        studio.close()


@pytest.mark.slow
@pytest.mark.browser
def test_unsure_particles_come_one_by_one_and_deciding_goes_on(tab: Any, several: Path, free_port: PORT) -> None:
    asked = with_doubts(several / "a")
    with running(several, free_port()) as page:
        opened(tab, page, "a")
        n = len(labels(tab))
        chosen = "[...nanogauge.selection]"
        assert tab.inner_text(".ng-unsure").startswith(f"{DOUBTFUL} unsure")
        tab.click(".ng-unsure")
        tab.wait_for_selector(f".ng-review:has-text('1 of {DOUBTFUL}'):has-text('of ten like it 2 are right')")
        assert tab.evaluate(chosen) == [asked[0]]
        _, y, r = on_screen(tab, asked[0])
        card = tab.locator(".ng-review").bounding_box()
        assert y - r > card["y"] + card["height"], "what is asked about lies under the card that asks"
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        tab.wait_for_function("(l) => nanogauge.selection.has(l)", arg=asked[1])
        tab.wait_for_selector(f".ng-review:has-text('2 of {DOUBTFUL}')")
        after_edit(tab, lambda: tab.keyboard.press("k"))
        tab.wait_for_function("(l) => nanogauge.selection.has(l)", arg=asked[2])
        after_edit(tab, lambda: tab.keyboard.press("Control+z"))  # back to the one before
        tab.wait_for_function("(l) => nanogauge.selection.has(l)", arg=asked[1])
        after_edit(tab, lambda: tab.click(".ng-review button:has-text('Leave out')"))
        tab.wait_for_selector(f".ng-review:has-text('3 of {DOUBTFUL}')")
        tab.keyboard.press("u")
        tab.wait_for_function("(l) => nanogauge.selection.has(l)", arg=asked[3])
        after_edit(tab, lambda: tab.keyboard.press("k"))
        tab.wait_for_selector(".ng-toast:has-text('4 seen, 1 still unsure')")  # the one that the frame cuts is not asked about
        tab.wait_for_selector(".ng-review", state="detached")
        assert len(labels(tab)) == n - 1
        tab.wait_for_function("() => document.querySelector('.ng-title-line').innerText.includes('saved')")
    table = read_saved(several / "a").particles.set_index("label")
    assert asked[0] not in table.index
    assert "left_out_by_hand" in table.loc[asked[1], "flags"]
    assert "accepted" in table.loc[asked[3], "flags"]


@pytest.mark.slow
@pytest.mark.browser
def test_one_key_checks_and_goes_to_the_next_unchecked_in_an_order_that_stays(tab: Any, several: Path, free_port: PORT) -> None:
    with_doubts(several / "b")
    with_doubts(several / "d")
    with running(several, free_port()) as page:
        tab.goto(page.address)
        tab.wait_for_selector(".ng-item.openable")
        order = tab.evaluate("[...document.querySelectorAll('.ng-item')].map(i => i.dataset.name)")
        assert set(order[:2]) == {"b", "d"}
        tab.click(f'[data-name="{order[0]}"] .ng-item-name')
        for at, name in enumerate(order):
            tab.wait_for_function(READY % name)
            tab.wait_for_function("(t) => document.querySelector('.ng-title-line').innerText.startsWith(t)", arg=f"{at + 1} of 4")
            if at == 0:  # what is mended or checked on the way changes nothing in the order
                tab.keyboard.press("u")
                after_edit(tab, lambda: tab.keyboard.press("k"))
            tab.keyboard.press("c")
        tab.wait_for_selector(".ng-grid")  # all are checked
        assert sorted(json.loads((several / "serve.json").read_text())["checked"]) == sorted(order)


@pytest.mark.slow
@pytest.mark.browser
def test_ctrl_z_in_a_polygon_takes_back_its_last_point_and_no_edit(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        x, y, _ = on_screen(tab, free(tab)[0])
        tab.mouse.click(x, y)
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        before = revision(tab)
        tab.keyboard.press("p")
        for dx, dy in ((-12, -12), (12, -12), (12, 12), (60, 60)):
            tab.mouse.click(x + dx, y + dy)
            tab.evaluate("nanogaugeView.lastPoint = 0")  # a quick second click would close it
        tab.keyboard.press("Control+z")
        assert tab.evaluate("nanogaugeView.stroke.points.length") == 3
        assert revision(tab) == before
        for _ in range(3):
            tab.keyboard.press("Control+z")
        assert tab.evaluate("nanogaugeView.stroke") is None
        assert revision(tab) == before


@pytest.mark.slow
@pytest.mark.browser
def test_what_is_said_covers_no_tool_and_swallows_no_stroke(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        tab.evaluate("nanogaugeView.$emit('refused', 'this cannot be done, for a reason that takes a whole line to be said')")
        tab.wait_for_selector(".q-notification")
        still(tab)
        covered = """() => {
          const box = document.querySelector('.q-notification').getBoundingClientRect();
          const tools = [...document.querySelectorAll('.ng-tools button, .ng-zoom button, .ng-look, .ng-header .q-btn, .ng-hint')];
          const over = tools.filter((t) => { const b = t.getBoundingClientRect();
            return b.left < box.right && b.right > box.left && b.top < box.bottom && b.bottom > box.top; });
          const under = document.elementFromPoint(box.left + 20, box.top + box.height / 2);
          return [over.map((t) => t.className), !!under.closest('.q-notification')];
        }"""
        assert tab.evaluate(covered) == [[], False]
