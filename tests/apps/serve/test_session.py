"""An open micrograph: every edit measured at once equals measuring everything; nothing is lost; undo is exact."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nanogauge.apps.serve.page_state import changes_of, particles_of, state_of
from nanogauge.apps.serve.studio import save_session
from nanogauge.core.errors import EditError, ScaleError, UnreadableFile
from nanogauge.editing.journal import Edit, read_journal
from nanogauge.editing.scale_choice import decide, evidence
from nanogauge.editing.session import Session, open_session
from nanogauge.results.folder import EDITS


def again(session: Session) -> Session:
    """The same micrograph opened anew, as after a crash."""
    return open_session(session.folder, session.found.micrograph.path or Path())


def whole(session: Session) -> None:
    """The table kept up by edits is that of measuring everything."""
    fresh, kept = session.measured_whole(), session._table
    assert kept["label"].tolist() == fresh["label"].tolist()
    for column in kept:
        if column not in ("flags", "edge_weight"):
            # 1e-4: the map is kept in 65536 steps, the rows as first measured are of the map before
            np.testing.assert_allclose(kept[column], fresh[column], rtol=1e-4, atol=1e-6, err_msg=str(column))


def centre(session: Session, label: int) -> tuple[float, float]:
    row = session.table.set_index("label").loc[label]
    return float(row["y"]), float(row["x"])


def across(session: Session, label: int, reach: float = 40) -> list[list[float]]:
    y, x = centre(session, label)
    return [[y - reach, x], [y + reach, x]]


def some(session: Session, n: int) -> list[int]:
    """Particles well inside."""
    inside = session.table[session.table["edge_weight"] > 0]
    return [int(v) for v in inside["label"].to_numpy()[2 : 2 + n]]


def test_an_outline_moved_in_one_place_stays_everywhere_else(session: Session) -> None:
    inside = session.table[session.table["flags"] == ""]
    label = int(inside["label"].iloc[0])
    before = session.labels.copy()
    (ring,) = session.outlines([label])[label]
    was = np.array(ring).reshape(-1, 2)[:, ::-1]
    top = int(was[:, 0].argmin())
    now = was.copy()
    now[top, 0] -= 6  # one vertex pulled up
    delta = session.edit("vertices", {"labels": [label], "was": was.tolist(), "points": now.tolist()})
    assert delta.focus == (label,)
    changed = session.labels != before
    assert changed.any()
    assert set(np.unique(session.labels[changed])) == {label}
    assert (np.argwhere(changed)[:, 0] <= was[:, 0].min() + 1).all(), "only between the old outline and the new one"
    with pytest.raises(EditError, match="farther"):
        session.edit("vertices", {"labels": [label], "was": now.tolist(), "points": now.tolist()})
    for bad in ({"was": None}, {"was": [[1, 2]]}, {"was": [[0, float("nan")]] * 3}, {"was": "ring"}):
        with pytest.raises(EditError):
            session.edit("vertices", {"labels": [label], "points": now.tolist(), **bad})
    far = (now + np.array([1000, 1000])).tolist()
    with pytest.raises(EditError, match="delete it instead"):
        session.edit("vertices", {"labels": [label], "was": now.tolist(), "points": far})


def test_outlines_as_found_are_those_of_what_was_edited(session: Session) -> None:
    assert session.found_outlines() == {}
    a, b = session.table["label"].tolist()[2:4]
    as_found = session.outlines([a, b])
    session.edit("grow", {"labels": [a]})
    session.edit("delete", {"labels": [b]})
    assert session.found_outlines() == as_found
    session.undo()
    assert set(session.found_outlines()) == {a}


def test_every_kind_of_edit_is_measured_as_if_all_were(session: Session) -> None:
    a, b, c, d, e = some(session, 5)
    (y, x), (dy, dx), (ey, ex) = centre(session, a), centre(session, d), centre(session, e)
    found = session.table.set_index("label")["area_px2"]
    gestures: list[tuple[str, dict[str, Any]]] = [
        ("delete", {"labels": [a]}),
        ("click", {"points": [[y, x]]}),
        ("split", {"points": across(session, b), "labels": [b]}),
        ("erase", {"points": [list(centre(session, c))], "radius_px": 3}),
        ("brush", {"points": [[dy, dx], [dy + 18, dx]], "radius_px": 5, "labels": [d]}),
        ("polygon", {"points": [[2, 2], [2, 16], [16, 16], [16, 2]]}),
        ("redraw", {"labels": [e], "points": [[ey - 8, ex - 8], [ey - 8, ex + 8], [ey + 8, ex + 8], [ey + 8, ex - 8]]}),
        ("merge", {"labels": [c, d], "apart": True}),
    ]  # fmt: skip
    for kind, gesture in gestures:
        delta = session.edit(kind, gesture)
        assert delta.text
        whole(session)
    assert a not in session.table["label"].tolist()
    back = next(edit for edit in session.journal.done if edit.kind == "click").patch
    assert back is not None
    assert (back.after > 0).sum() == pytest.approx(found[a], rel=0.1)  # one click finds what was there
    assert set(session.table.loc[session.table["flags"].str.contains("edited"), "label"]) == session.edited & set(
        session.table["label"]
    )


def test_what_is_selected_is_the_target_of_a_stroke(session: Session) -> None:
    session.edit("delete", {"labels": session.table["label"].tolist()[1:]})
    (label,) = session.edit("polygon", {"points": [[100, 100], [100, 140], [140, 140], [140, 100]]}).focus
    session.edit("erase", {"points": [[120, 120]], "radius_px": 8, "labels": [label]})
    delta = session.edit("brush", {"points": [[120, 120]], "radius_px": 3, "labels": [], "selected": [label]})
    assert delta.focus == (label,)  # begun in its hole
    new = session.edit("brush", {"points": [[115.5, 123.5]], "radius_px": 2, "labels": []}).focus
    assert new != (label,)  # with nothing selected it is a core within a shell
    beside = session.edit("polygon", {"points": [[100, 141], [100, 170], [140, 170], [140, 141]]}).focus[0]
    area = session.table.set_index("label")["area_px2"]
    session.edit("brush", {"points": [[95, 155], [95, 120]], "radius_px": 6, "labels": [beside], "selected": [label]})
    session.edit("erase", {"points": [[135, 132], [135, 150]], "radius_px": 3, "labels": [beside], "selected": [label]})
    session.edit("split", {"points": [[120, 90], [120, 180]], "selected": [label]})
    now = session.table.set_index("label")["area_px2"]
    assert now[beside] == area[beside]
    assert now[label] != area[label]
    whole(session)


def test_a_drawn_outline_is_measured_where_it_was_drawn(session: Session) -> None:
    delta = session.edit("polygon", {"points": [[2, 2], [2, 21.9], [21.9, 21.9], [21.9, 2]]})
    row = session.table.set_index("label").loc[delta.focus[0]]
    assert row["area_px2"] == pytest.approx(400, rel=0.02)
    assert row["confidence"] == 1  # a person's word, whatever the network thinks
    assert row["flags"] == "touches_border|edited" or row["flags"] == "edited"


def test_confidence_of_what_a_person_changed_is_1_and_that_of_the_rest_as_found(session: Session) -> None:
    found = session.found.particles.set_index("label")["confidence"]
    a, b = some(session, 2)
    delta = session.edit("split", {"points": across(session, a), "labels": [a]})
    now = session.table.set_index("label")["confidence"]
    assert (now.loc[list(delta.focus)] == 1).all()
    rest = now.index.difference(list(delta.focus))
    assert b in rest
    pd.testing.assert_series_equal(now.loc[rest], found.loc[rest])
    session.undo()
    pd.testing.assert_series_equal(session.table.set_index("label")["confidence"], found)


def test_a_bar_taken_together_with_the_magnification_is_offered_so(session: Session, work: Path) -> None:
    session.edit("scale", {"choice": {"source": "typed", "text": "1.873 nm/px"}})
    save_session(session)
    shutil.rmtree(work / "a" / "found")
    path = work / "a" / "measurement.json"
    about = json.loads(path.read_text())
    bar = {"text": "100 nm", "value_nm": 100.0, "length_px": 54.0, "box_y0_x0_y1_x1": [250, 20, 256, 74], "nm_per_px": 100 / 54}
    bar |= {
        "confidence": 0.9,
        "relative_uncertainty": 0.0095,
        "refined_by": "printed magnification",
        "warnings": [],
        "refused": None,
    }
    about["scale"] |= {"source": "scale_bar", "nm_per_px_y_x": [1.873, 1.873], "relative_uncertainty": 0.003, "scale_bar": bar}
    path.write_text(json.dumps(about))
    found = open_session(work / "a", work / "uploads" / "a.png").found
    (row,) = evidence(metadata=None, bar=found.scale_bar)
    assert row["text"] == "1.873 nm/px"
    assert row["why"] == "100 nm over 54.0 px = 1.8519 nm/px, taken together with the printed magnification"
    again = decide({"source": "scale_bar"}, found=found.decision, metadata=None, bar=found.scale_bar)
    assert again.scale is not None
    assert again.scale.nm_per_px == (1.873, 1.873)
    assert again.scale.relative_uncertainty == 0.003


def test_after_a_crash_everything_is_there(session: Session, work: Path) -> None:
    a, b = some(session, 2)
    session.edit("delete", {"labels": [a]})
    session.edit("split", {"points": across(session, b), "labels": [b]})
    session.edit("scale", {"choice": {"source": "typed", "text": "2.5 nm/px"}})
    session.edit("filters", {"unit": "nm", "least_diameter": 60})
    session.edit("accept", {"above_confidence": 0.5})
    session.undo()
    same = again(session)  # nothing was saved but the journal
    pd.testing.assert_frame_equal(same.table, session.table)
    assert np.array_equal(same.labels, session.labels)
    assert len(same.journal.undone) == 1
    save_session(session)
    pd.testing.assert_frame_equal(again(session).table, session.table)
    about = json.loads((work / "a" / "measurement.json").read_text())
    assert about["operator_edits"][0].split(" ", 1)[1] == f"deleted particle {a}"
    assert len(about["operator_edits"]) == 4
    assert about["scale"]["source"] == "user"
    found = json.loads((work / "a" / "found" / "measurement.json").read_text())
    assert found["operator_edits"] == []


def test_a_journal_line_cut_off_by_a_crash_is_dropped(session: Session, work: Path) -> None:
    a, b = some(session, 2)
    session.edit("delete", {"labels": [a]})
    session.edit("delete", {"labels": [b]})
    path = work / "a" / EDITS
    path.write_bytes(path.read_bytes()[:-40])
    same = again(session)
    assert a not in same.table["label"].tolist()
    assert b in same.table["label"].tolist()
    same.edit("delete", {"labels": [b]})
    assert len(read_journal(path).done) == 2


def test_a_damaged_journal_is_said_with_its_line(work: Path) -> None:
    (work / "a" / EDITS).write_text('{"kind": "delete", "text": "x", "at": "now", "patch": {"box": [0,0,1,1]}}\n{"kind":"undo"}\n')
    with pytest.raises(UnreadableFile, match="line 1"):
        open_session(work / "a", work / "uploads" / "a.png")


def test_undo_and_redo_are_exact_and_a_new_edit_ends_redo(session: Session) -> None:
    before, table = session.labels.copy(), session.table
    a, b, c = some(session, 3)
    session.edit("delete", {"labels": [a]})
    session.edit("merge", {"labels": [b, c], "apart": True})
    session.edit("region", {"excluded": [[[0, 0], [0, 100], [100, 100], [100, 0]]]})
    after = session.table
    for _ in range(3):
        assert session.undo() is not None
    assert session.undo() is None
    assert np.array_equal(session.labels, before)
    np.testing.assert_allclose(session.table["area_px2"], table["area_px2"], rtol=1e-4)
    assert session.table["flags"].tolist() == table["flags"].tolist()
    for _ in range(3):
        session.redo()
    pd.testing.assert_frame_equal(session.table, after)
    session.undo()
    session.edit("delete", {"labels": [b]})
    assert session.redo() is None


def test_scale_follows_at_once_and_back(session: Session) -> None:
    assert session.unit == "px"
    delta = session.edit("scale", {"choice": {"source": "typed", "text": "2 nm/px"}})
    assert delta.everything
    assert session.unit == "nm"
    np.testing.assert_allclose(session.table["equivalent_diameter_nm"], 2 * session.table["equivalent_diameter_px"])
    whole(session)
    session.edit("scale", {"choice": {"source": "typed", "text": "2 x 3 nm/px"}})  # pixels that are not square
    whole(session)
    session.edit("scale", {"choice": {"source": "traced", "label": "0.5 µm", "ends": [[290.0, 100.0], [290.0, 200.0]]}})
    assert session.scale is not None
    assert session.scale.nm_per_px == (5.0, 5.0)
    assert session.scale.relative_uncertainty == pytest.approx(np.sqrt(2 / 3) / 100, rel=1e-6)
    session.edit("scale", {"choice": None})
    assert "equivalent_diameter_nm" not in session.table


@pytest.mark.parametrize(
    "choice",
    [
        {"source": "typed", "text": "2.5 furlongs"},
        {"source": "typed", "text": ""},
        {"source": "traced", "label": "500 nm", "ends": [[5, 5], [5, 6]]},
        {"source": "traced", "label": "", "ends": [[5, 5], [5, 60]]},
        {"source": "traced", "label": "500 nm"},
        {"source": "traced", "label": "500 nm", "ends": [[5, 5], [5, float("inf")]]},
        {"source": "traced", "label": "500 nm", "ends": [[5, 5], [5, 10**400]]},
        {"source": "metadata"},
        {"source": "scale_bar"},
        {"source": "elsewhere"},
        {"source": "given", "of": "b.tif", "nm_per_px": [0, 2], "relative_uncertainty": 0.01},
        {"source": "given", "of": "b.tif", "nm_per_px": [2]},
    ],
)
def test_a_scale_that_makes_no_sense_changes_nothing(session: Session, choice: dict[str, Any]) -> None:
    with pytest.raises(ScaleError):
        session.edit("scale", {"choice": choice})
    assert session.scale is None
    assert not session.journal.done


def test_filters_say_what_each_removes(session: Session) -> None:
    counted = int((session.table["edge_weight"] > 0).sum())
    d = np.sort(session.table.loc[session.table["edge_weight"] > 0, "equivalent_diameter_px"])
    session.edit("filters", {"unit": "px", "least_diameter": float(d[3]) + 1e-6})
    assert session.judged.removed["size"] == 4
    assert int((session.table["edge_weight"] > 0).sum()) == counted - 4
    assert session.measurement().exclusions["too_small"] >= 4
    session.edit("filters", {"border": True})
    assert (session.table["edge_weight"] == 1).all()
    assert session.measurement().settings.measure.edge_correction is False
    session.edit("filters", {"least_circularity": 1.9})
    assert (session.table["edge_weight"] == 0).all()
    assert session.measurement().exclusions["filtered"] == len(session.table)
    with pytest.raises(EditError, match="empty"):
        session.edit("filters", {"least_diameter": 50, "largest_diameter": 40})
    with pytest.raises(EditError, match="number"):
        session.edit("filters", {"least_diameter": "many"})


def test_a_rectangle_cuts_and_weighs(session: Session) -> None:
    h, w = session.found.micrograph.shape
    session.edit("region", {"rectangle": [0, 0, h, w // 2]})
    out = session.table["flags"].str.contains("excluded")
    assert out.any()
    assert (session.table.loc[session.table["x"] > w // 2, "edge_weight"] == 0).all()
    inside = session.table[session.table["edge_weight"] > 0]
    assert (inside["edge_weight"] > 1).all()
    assert session.measurement().frame == (0, 0, h, w // 2)
    with pytest.raises(EditError, match="rectangle"):
        session.edit("region", {"rectangle": [0, 0, 3, 3]})


def test_accepting_takes_the_doubt_away(session: Session) -> None:
    label = some(session, 1)[0]
    session.edit("accept", {"labels": [label]})
    assert "accepted" in session.table.set_index("label").loc[label, "flags"]
    n = len(session.table)
    session.edit("accept", {"above_confidence": 0.0})
    assert session.table["flags"].str.contains("accepted").sum() == n
    with pytest.raises(EditError, match="already"):
        session.edit("accept", {"above_confidence": 0.0})


@pytest.mark.parametrize(
    ("kind", "gesture"),
    [
        ("delete", {}),
        ("delete", {"labels": [99999]}),
        ("delete", {"labels": "all"}),
        ("delete", {"labels": [-1]}),
        ("merge", {"labels": [1], "apart": True}),
        ("split", {"points": []}),
        ("split", {"points": [[1, 2, 3]]}),
        ("split", {"points": [["a", "b"]]}),
        ("brush", {"points": [[float("nan"), 1]], "radius_px": 5}),
        ("brush", {"points": [[1e9, 1e9]], "radius_px": 5}),
        ("polygon", {"points": [[1, 1], [2, 2]]}),
        ("click", {"points": [[-50, -50]]}),
        ("region", {"rectangle": ["a", 2, 3, 4]}),
        ("region", {"excluded": [[[1, 2], [3, "x"]]]}),
        ("region", {"rectangle": {"a": 1}}),
        ("region", {"rectangle": [float("inf"), 2, 3, 4]}),
        ("filters", {"least_diameter": 10**400}),
        ("filters", {"other": [1], "least_other": 0.2}),
        ("polygon", {"points": [[1, 1], [2, 10**400], [3, 1]]}),
        ("format_disk", {}),
    ],
)
def test_senseless_edits_are_refused_and_not_recorded(session: Session, kind: str, gesture: dict[str, Any]) -> None:
    before = session.labels.copy()
    with pytest.raises(EditError):
        session.edit(kind, gesture)
    assert np.array_equal(session.labels, before)
    assert not session.journal.done
    assert not (session.folder / EDITS).exists()


def test_windows_are_told_only_what_changed(session: Session) -> None:
    told: list[Any] = []
    session.listeners.append(told.append)
    a = some(session, 1)[0]
    delta = session.edit("delete", {"labels": [a]})
    assert told == [delta]
    changes = changes_of(session, [delta])
    assert changes["removed"] == [a]
    assert not changes["everything"]
    assert len(changes["particles"]["label"]) < 0.3 * len(session.table)
    everything = particles_of(session)
    assert everything["label"] == session.table["label"].tolist()
    assert all(len(rings[0]) >= 6 for rings in everything["outline"])
    state = state_of(session)
    assert state["can_undo"]
    assert state["undo_text"] == f"deleted particle {a}"
    json.dumps(changes), json.dumps(everything, allow_nan=False), json.dumps(state, allow_nan=False)


def test_a_map_that_comes_later_is_used(work: Path) -> None:
    (work / "a" / "probability.tif").rename(work / "kept.tif")
    session = open_session(work / "a", work / "uploads" / "a.png")
    assert session.probability is None
    assert session.wants_map
    b = some(session, 1)[0]
    session.edit("split", {"points": across(session, b), "labels": [b]})
    (work / "kept.tif").rename(work / "a" / "probability.tif")
    probability = open_session(work / "a", work / "uploads" / "a.png").probability
    assert probability is not None
    session.set_probability(probability)
    pd.testing.assert_frame_equal(session.table, again(session).table)


def test_results_that_do_not_fit_are_refused(work: Path) -> None:
    other = work / "uploads" / "b.png"
    other.write_bytes((work / "uploads" / "a.png").read_bytes() + b"\0")
    with pytest.raises(UnreadableFile, match="SHA-256"):
        open_session(work / "a", other)
    (work / "a" / "labels.tif").write_bytes(b"II*\0")
    with pytest.raises(UnreadableFile, match=r"labels\.tif"):
        open_session(work / "a", work / "uploads" / "a.png")


def test_a_journal_undoes_only_what_there_is(tmp_path: Path) -> None:
    journal = read_journal(tmp_path / "none.jsonl")
    assert journal.undo() is None
    assert journal.redo() is None
    journal.add(Edit("filters", "set", "now", None, "filters", {}, {"border": True}))
    assert journal.texts == ("now set",)
    assert read_journal(tmp_path / "none.jsonl").done[0].after == {"border": True}


def test_what_was_edited_follows_undo_and_redo(session: Session, work: Path) -> None:
    def by_all_edits(s: Session) -> frozenset[int]:
        return frozenset(label for e in s.journal.done if e.patch is not None for label in e.patch.touched)

    a, b, c = some(session, 3)
    session.edit("merge", {"labels": [a, b], "apart": True})
    session.edit("delete", {"labels": [min(a, b)]})
    session.edit("delete", {"labels": [c]})
    assert session.edited == by_all_edits(session) == {a, b, c}
    for step in (session.undo, session.undo, session.redo, session.undo, session.undo):
        step()
        assert session.edited == by_all_edits(session)
    assert session.edited == frozenset()
    for _ in range(3):
        session.redo()
    again = open_session(work / "a", work / "uploads" / "a.png")
    assert again.edited == session.edited == {a, b, c}
