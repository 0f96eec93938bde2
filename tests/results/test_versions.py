"""Earlier results: set aside whole, listed, brought back, none of them ever lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanogauge.core.errors import OutputError
from nanogauge.results import versions as earlier
from nanogauge.results.versions import ASIDE, NOTE, bring_back, set_aside, versions


def result(folder: Path, *, edits: int = 0, n: int = 3) -> Path:
    """A folder that looks like a result."""
    folder.mkdir(parents=True)
    about = {"n_particles": n, "operator_edits": ["t x"] * edits, "sha256": "ab", "file": f"{folder.name}.tif"}
    (folder / "measurement.json").write_text(json.dumps(about))
    (folder / "edits.jsonl").write_text("edited\n" * edits)
    return folder


def test_what_is_set_aside_is_listed_and_comes_back(tmp_path: Path) -> None:
    a = result(tmp_path / "a", edits=2)
    assert set_aside(tmp_path / "not there") is None
    aside = set_aside(a, {"sample": "lot 7"})
    assert aside == tmp_path / ASIDE / "a"
    assert not a.exists()
    (version,) = versions(tmp_path, "a")
    assert (version.name, version.n_edits, version.n_particles, version.facts) == ("a", 2, 3, {"sample": "lot 7"})
    assert version.at.endswith("Z")
    result(a, n=5)
    assert bring_back(version, {"why": "swapped"}) == a
    assert (a / "edits.jsonl").read_text() == "edited\nedited\n"
    assert not (a / NOTE).exists()
    (other,) = versions(tmp_path, "a")  # what stood there is an earlier one now
    assert (other.n_edits, other.n_particles, other.facts) == (0, 5, {"why": "swapped"})


def test_names_are_kept_apart_and_the_latest_comes_first(tmp_path: Path) -> None:
    for n in (1, 2, 3):
        set_aside(result(tmp_path / "a", n=n))
    set_aside(result(tmp_path / "a_2", n=9))  # a micrograph of that name, not the second version of a
    assert [v.n_particles for v in versions(tmp_path, "a")] == [3, 2, 1]
    assert [v.n_particles for v in versions(tmp_path, "a_2")] == [9]
    assert len(versions(tmp_path)) == 4


def test_folders_of_earlier_versions_of_nanogauge_are_understood_and_damaged_ones_passed_over(tmp_path: Path) -> None:
    result(tmp_path / ASIDE / "a", n=1)
    result(tmp_path / ASIDE / "a_2", n=2)
    result(tmp_path / ASIDE / "b_2", n=3)
    (result(tmp_path / ASIDE / "c") / "measurement.json").write_text("{")
    assert {(v.name, v.n_particles) for v in versions(tmp_path)} == {("a", 1), ("a", 2), ("b_2", 3)}
    assert versions(tmp_path / "nowhere") == []


def test_where_the_earlier_one_cannot_come_back_the_present_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a = result(tmp_path / "a", n=1)
    set_aside(a)
    result(a, n=2)
    (version,) = versions(tmp_path, "a")
    move = earlier._move

    def held(folder: Path, target: Path) -> None:
        if folder == version.folder:
            raise OutputError("held by another program")
        move(folder, target)

    monkeypatch.setattr(earlier, "_move", held)
    with pytest.raises(OutputError):
        bring_back(version)
    assert json.loads((a / "measurement.json").read_text())["n_particles"] == 2
    assert not (a / NOTE).exists()
    assert [v.n_particles for v in versions(tmp_path, "a")] == [1]
