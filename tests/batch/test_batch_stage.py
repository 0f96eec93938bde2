"""Where a run's own files are made when its results go into an object store."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from nanogauge.batch import stage
from nanogauge.core import stores

pytest.importorskip("fsspec", reason="needs object stores: pip install nanogauge[cloud]")
pytest.importorskip("upath", reason="needs object stores: pip install nanogauge[cloud]")
URL = "memory://staged"


def test_of_two_journals_the_newer_counts(memory: Any, tmp_path: Path) -> None:
    """What a run left here that was killed, and what another machine has written since."""
    out, mine = stores.path_of(f"{URL}/out"), tmp_path / stage.JOURNAL
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    stage._take_up(out, tmp_path)
    assert mine.read_bytes() == b"mine"
    memory.pipe(f"/staged/out/{stage.JOURNAL}", b"stored")
    os.utime(mine, (1, 1))
    stage._take_up(out, tmp_path)
    assert mine.read_bytes() == b"mine\nstored"
    mine.write_bytes(b"mine")
    os.utime(mine, (time.time() + 60,) * 2)
    stage._take_up(out, tmp_path)
    assert mine.read_bytes() == b"stored\nmine"
    mine.unlink()
    stage._take_up(out, tmp_path)
    assert mine.read_bytes() == b"stored"
    assert [p.name for p in mine.parent.iterdir()] == ["journal.jsonl"]


def test_only_what_is_there_is_gathered_and_pages_that_were_lacking_go_up(memory: Any, tmp_path: Path) -> None:
    for name in ("a/measurement.json", "a/particles.csv", "a/report.html", "a/overlay.png", "b/measurement.json", "b/labels.tif"):
        memory.pipe(f"/staged/out/{name}", name.encode())
    row = {"status": "ok", "message": ""}
    records = [
        {"name": "a", "row": row, "files": dict.fromkeys(("measurement.json", "particles.csv", "report.html", "overlay.png"), 1)},
        {"name": "b", "row": row, "files": dict.fromkeys(("measurement.json", "labels.tif"), 1)},
        {"name": "c", "row": {"status": "error", "message": "no picture"}, "files": {}},
    ]
    staged = stage.Stage(stores.path_of(f"{URL}/out"), tmp_path)
    staged.gather(iter(records), 10_000)
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == ["a/measurement.json", "a/particles.csv", "a/report.html", "b/measurement.json"]
    staged.gather(iter(records), 3)
    assert (tmp_path / "a" / "overlay.png").read_bytes() == b"a/overlay.png"
    (tmp_path / "b" / "report.html").write_text("page")
    (tmp_path / "summary.csv").write_text("rows")
    staged.put_up()
    assert memory.cat("/staged/out/b/report.html") == b"page"
    assert memory.cat("/staged/out/summary.csv") == b"rows"
