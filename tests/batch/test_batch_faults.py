"""What disks, names and people do to a run: each costs that file's status and a clear line, and nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from batch_runs import MEASURE, Running, rows, tables
from PIL import Image, ImageOps

from nanogauge.apps.cli.main import main
from nanogauge.core.errors import UnreadableFile
from nanogauge.pipeline.measure import Measurer

pytestmark = pytest.mark.slow

Strips = Callable[..., Path]
posix = pytest.mark.skipif(os.name != "posix", reason="file names and rights of POSIX")


def measured(*options: object) -> int:
    """`nanogauge measure in` in this process; its exit code."""
    with pytest.raises(SystemExit) as end:
        main([*MEASURE, *map(str, options)])
    return int(end.value.code or 0)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs Linux and root")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here ({made.stderr.decode().strip()})")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_run_and_more_space_completes_it(
    strips: Strips, small_disk: Path, start: Callable[..., Running], tmp_path: Path
) -> None:
    strips(20)
    out = small_disk / "out"
    run = start(*MEASURE, "-o", out, "--workers", "1")
    assert run.end() in (1, 2)
    assert "Traceback" not in run.errors
    assert "No space left on device" in run.errors
    assert "the same command again" in run.errors or "run the same command again" in run.errors
    n_done = len(list(out.glob("*/measurement.json")))
    assert 2 <= n_done < 20
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert start(*MEASURE, "-o", out, "--workers", "1").end() == 0
    assert start(*MEASURE, "-o", "roomy", "--workers", "1").end() == 0
    assert tables(out) == tables(tmp_path / "roomy")
    assert not list((out / ".nanogauge").glob("new"))


def test_a_disk_that_is_full_for_one_file_only(
    strips: Strips, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from nanogauge.batch import publish

    strips(6)
    real = publish.write_measurement

    def full(m: object, folder: Path, **options: object) -> Path:
        if m.micrograph.name in ("p001.png", "p003.png"):  # type: ignore[attr-defined]
            (folder / "particles.csv").write_text("begun")
            raise OSError(errno.ENOSPC, "No space left on device", "x")
        return real(m, folder, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(publish, "write_measurement", full)
    assert measured("-o", "out") == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("p001", "p003"), strict=True):
        assert f"out/{name}: cannot write (No space left on device); free space" in line
    assert [r["status"] for r in rows(tmp_path / "out")] == ["ok", "error", "ok", "error", "ok", "ok"]
    assert not (tmp_path / "out" / "p001").exists()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert measured("-o", "out") == 0


def test_tables_that_cannot_be_written_for_a_while(strips: Strips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is measured is not lost with the tables: they are written anew in the end."""
    from nanogauge.results.run_tables import RunTables

    strips(4)
    assert measured("-o", "whole") == 0
    real, n = RunTables.add, 0

    def broken(self: RunTables, row: dict[str, object], name: str | None) -> None:
        nonlocal n
        n += 1
        if n == 2:
            raise OSError(errno.ENOSPC, "No space left on device", "particles.csv")
        real(self, row, name)

    monkeypatch.setattr(RunTables, "add", broken)
    assert measured("-o", "out") == 0
    assert n == 6
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".new")]


@posix
def test_an_output_folder_that_is_read_only(strips: Strips, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strips(1)
    if os.geteuid() == 0:
        locked = Path("/proc/nanogauge")  # where not even root can write
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        locked = tmp_path / "locked" / "out"
    assert measured("-o", locked) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert said.startswith(f"nanogauge: {locked}: cannot write there (")
    assert "choose another output folder with -o" in said


def test_files_that_vanish_or_grow_while_they_are_read(
    strips: Strips, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = strips(5)
    real = Measurer.measure

    def meddle(self: Measurer, source: Path, **options: object) -> object:
        if source.name == "p001.png":
            source.unlink()
        if source.name == "p002.png":  # still being written: what is there so far cannot be read
            whole = source.read_bytes()
            source.write_bytes(whole[: len(whole) // 2])
        m = None
        try:
            m = real(self, source, **options)  # type: ignore[arg-type]
        except UnreadableFile:
            if source.name == "p002.png":
                source.write_bytes(whole)
            raise
        if source.name == "p003.png":  # what was measured is not what is there now
            source.write_bytes((folder / "p000.png").read_bytes())
        return m

    monkeypatch.setattr(Measurer, "measure", meddle)
    assert measured("-o", "out") == 1
    gone, grown, other = capsys.readouterr().err.strip().splitlines()
    assert "in/p001.png: " in gone
    for line, name in ((grown, "p002"), (other, "p003")):
        assert f"in/{name}.png: the file changed while it was read; run the same command again" in line
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert measured("-o", "out") == 0
    assert [Path(r["file"]).stem for r in rows(tmp_path / "out")] == ["p000", "p002", "p003", "p004"]


@posix
def test_names_and_links_of_all_kinds(strips: Strips, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = strips(1)
    picture = (folder / "p000.png").read_bytes()
    odd = ["größe µm 粒子 🔬.png", "a,b;\"c\" 'd'.png", "new\nline.png", "n" * 251 + ".png", "n" * 251 + ".PNG"]
    odd += [".png.png", "-o.png"]
    for name in odd:
        (folder / name).write_bytes(picture)
    with Image.open(folder / "p000.png") as upright:  # one stem in two spellings, and no copy
        ImageOps.flip(upright).save(folder / odd[4], format="png")
    raw = os.fsencode(folder) + b"/bytes\xff\xfe.png"
    try:
        Path(os.fsdecode(raw)).write_bytes(picture)
    except OSError:
        raw = b""  # a disk that takes text only
    (folder / "circle.png").symlink_to(folder / "circle.png")
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    (folder / "around").symlink_to(folder)
    (folder / "link.png").symlink_to(folder / "p000.png")
    (folder / "secret.png").write_bytes(picture)
    (folder / "secret.png").chmod(0)
    assert measured("-o", "out") == 1
    said = capsys.readouterr().err.strip().splitlines()
    found = rows(tmp_path / "out")
    failed = {Path(r["file"]).name for r in found if r["status"] == "error"}
    assert failed == {"circle.png", "nowhere.png"} | ({"secret.png"} if os.geteuid() else set())
    assert len(said) == len(failed)
    assert not [line for line in said if "unexpected" in line]
    assert len(found) == len(list(folder.iterdir())) - 1  # all but the folder
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert table["micrograph"].nunique() == len(found) - len(failed)
    parquet = pd.read_parquet(tmp_path / "out" / "particles.parquet")
    assert list(parquet["micrograph"]) == list(table["micrograph"])
    assert measured("-o", "out") == 1  # and again: kept
    again, before = ([r["seconds"] for r in table if r["status"] == "ok"] for table in (rows(tmp_path / "out"), found))
    assert again == before


def test_results_that_an_operator_edited_are_kept(strips: Strips, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    strips(3)
    assert measured("-o", "out") == 0
    path = tmp_path / "out" / "p001" / "measurement.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    about["operator_edits"] = ["particle 1 deleted"]
    about["distribution"]["mean"]["value"] = 123.0
    path.write_text(json.dumps(about), encoding="utf-8")
    for _ in range(2):
        assert measured("-o", "out") == 0
        assert json.loads(path.read_text(encoding="utf-8"))["operator_edits"] == ["particle 1 deleted"]
        assert rows(tmp_path / "out")[1]["mean_nm"] == "123"
    (path.parent / "edits.jsonl").write_text("{}\n", encoding="utf-8")
    (path.parent / "found").mkdir()
    (path.parent / "probability.tif").touch()
    (tmp_path / "out" / "p002" / "probability.tif").touch()
    (tmp_path / "other.toml").write_text("[measure]\nseed = 7\n", encoding="utf-8")
    assert capsys.readouterr().err == ""
    assert measured("-o", "out", "--settings", "other.toml") == 0
    aside = Path("out") / ".removed" / "p001"
    assert capsys.readouterr().err == f"nanogauge: 1 edited result was measured again; as edited: {aside.absolute()}\n"
    assert json.loads(path.read_text(encoding="utf-8"))["operator_edits"] == []
    assert not {"edits.jsonl", "found", "probability.tif"} & {p.name for p in path.parent.iterdir()}
    assert not (tmp_path / "out" / "p002" / "probability.tif").exists(), "a map of other settings"
    assert json.loads((aside / "measurement.json").read_text(encoding="utf-8"))["operator_edits"] == ["particle 1 deleted"]
    assert {"edits.jsonl", "found", "probability.tif"} <= {p.name for p in aside.iterdir()}
    assert rows(tmp_path / "out")[1]["mean_nm"] != "123"
    assert measured("-o", "out", "--settings", "other.toml") == 0
    assert capsys.readouterr().err == ""
    (path.parent / "edits.jsonl").touch()  # edited, and all of it undone
    assert measured("-o", "out", "--fresh") == 0
    assert (Path("out") / ".removed" / "p001_2" / "edits.jsonl").exists()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²", "9999"])
def test_numbers_of_workers_that_make_no_sense(strips: Strips, capsys: pytest.CaptureFixture[str], text: str) -> None:
    strips(1)
    assert measured("-o", "out", "--workers", text) == 2
    assert f"--workers must be auto or a number from 1 to 1024, got '{text}'" in capsys.readouterr().err
    assert not Path("out").exists()


def test_watch_needs_a_folder(strips: Strips, capsys: pytest.CaptureFixture[str]) -> None:
    strips(1)
    with pytest.raises(SystemExit) as end:
        main(["measure", "in/p000.png", "--watch", "-o", "out", "--engine", "threshold"])
    assert end.value.code == 2
    assert "--watch needs a folder or a glob to follow" in capsys.readouterr().err
