"""The rooms of `nanogauge.batch` one by one: keys, journal, tables, sources, progress, a worker's handle."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from batch_runs import MEASURE, Running, journal_lines, rows, tables, wait_until
from rich.console import Console

from nanogauge.apps.cli.main import main
from nanogauge.batch import Item, Listed, Watched, parse_workers
from nanogauge.batch.executors import LocalWorkers
from nanogauge.batch.job import Job, Outcome, Task, failure, key_of
from nanogauge.batch.journal import Journal
from nanogauge.batch.measuring import carry_out
from nanogauge.batch.progress import RunProgress, duration
from nanogauge.batch.publish import is_disk_full, is_whole, write_part
from nanogauge.batch.run_lock import RunState
from nanogauge.batch.sources import POLL_S
from nanogauge.batch.worker import Ready, Worker, usual_limit_s
from nanogauge.core.cpu import cores
from nanogauge.core.errors import EngineError, NanogaugeError, OutputError, SettingsError, UnreadableFile
from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.pipeline.measure import Measurer
from nanogauge.reporting.run_report import collect
from nanogauge.results.folder import is_edited
from nanogauge.results.run_tables import MOST_MICROGRAPHS, RunTables
from nanogauge.results.saved import read_saved
from nanogauge.statistics.samples import SIZE_COLUMNS, pool_tables

SETTINGS = Settings().replace("segment", engine="threshold")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(out=tmp_path / "out", base=tmp_path, settings=SETTINGS, engine_sha256="")
    (made.state / "new").mkdir(parents=True)
    return made


def outcome(index: int = 0, **row: object) -> Outcome:
    return Outcome(index=index, row={"file": "a.png", "status": "ok", "seconds": 0.1, **row}, sha256="ab", key="k", files={"x": 3})


def test_a_key_changes_with_all_that_decides_a_number_and_with_nothing_else(job: Job) -> None:
    item = Item(file=Path("a.png"), name="a")

    def key(j: Job = job, i: Item = item, *, sha256: str = "1", beside: dict[str, str] | None = None) -> str:
        return key_of(j.fingerprint(), i, sha256=sha256, beside=beside or {})

    same = [
        key(replace(job, out=Path("/else"), base=Path("/"), n_threads=3, n_slots={"h": 2}, pages="whole")),
        key(i=Item(file=Path("b/a.png"), name="other")),
    ]
    assert set(same) == {key()}
    others = [
        key(sha256="2"),
        key(beside={"a.txt": "3"}),
        key(i=replace(item, scale=Scale((2.0, 2.0), 0.01, "user"))),
        key(replace(job, settings=SETTINGS.replace("measure", seed=1))),
        key(replace(job, engine_sha256="7")),
        key(replace(job, version="0")),
        key(replace(job, ome=True)),
        key_of(job.fingerprint(), item, sha256="1", beside={}, annotation_sha256="9"),
    ]
    assert len({key(), *others}) == 1 + len(others)


def test_a_journal_survives_broken_lines_and_keeps_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    a, b = (Item(file=tmp_path / f"{n}.png", name=n) for n in "ab")
    journal = Journal(path)
    assert journal.done(a) is None
    assert journal.place(a) is None
    first = journal.add(a, outcome(mean_nm=1.5))
    journal.add(b, outcome())
    journal.add(a, outcome(mean_nm=2.5))
    assert journal.read(first)["row"]["mean_nm"] == 1.5
    journal.close()
    with path.open("ab") as f:
        f.write(b'{"file": "half a li')  # killed here
    again = Journal(path)
    assert path.read_bytes().count(b"\n") == 2
    done = again.done(a)
    assert done is not None
    assert (done.key, done.files) == ("k", {"x": 3})
    place = again.place(a)
    assert place is not None
    assert again.read(place)["row"]["mean_nm"] == 2.5
    assert again.done(replace(a, name="other")) is None  # its files lie elsewhere
    assert again.name_of(b.file) == "b"
    assert again.name_of(tmp_path / "new.png") is None
    again.add(b, failure(Task(index=1, item=b), "b.png: no"))
    assert again.done(b) is None
    again.close()
    path.write_bytes(b"\x00" * 100 + b"\nnot json\n[1]\n")
    empty = Journal(path)
    assert empty.place(a) is None
    empty.close()


def test_the_lock_of_a_folder(tmp_path: Path) -> None:
    with RunState(tmp_path / "out") as state:
        assert state.journal.place(Item(file=Path("a"), name="a")) is None
        with pytest.raises(OutputError, match=r"another run is writing there \(process \d+ on "), RunState(tmp_path / "out"):
            pass
    with RunState(tmp_path / "out", fresh=True):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write there"), RunState(tmp_path / "file"):
        pass


def test_a_part_is_whole_or_not_there(job: Job, strips: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from nanogauge.results import folder as folders

    folder = strips(2)
    m = Measurer(SETTINGS).measure(folder / "p000.png")
    target = job.out / "x"
    files, aside = write_part(replace(job, pages="linked", ome=True, coco=True), "x", m)
    assert aside is None
    assert {"measurement.json", "report.html", "labels.ome.tif", "coco.json"} <= set(files)
    assert 'src="overlay.png"' in (target / "report.html").read_text(encoding="utf-8")
    assert is_whole(target, files)
    assert not is_edited(target)
    (target / "mine.txt").touch()
    real, moved = folders.os.replace, []

    def killed(source: Path, goal: Path) -> None:
        moved.append(goal.name)
        if len(moved) == 3:
            raise KeyboardInterrupt
        real(source, goal)

    monkeypatch.setattr(folders.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_part(job, "x", m)
    assert not (target / "measurement.json").exists()  # so that nobody takes it for whole
    assert not is_whole(target, files)
    monkeypatch.undo()
    files, aside = write_part(job, "x", m)
    assert aside is None
    assert {p.name for p in target.iterdir()} == {*files, "mine.txt"}  # no page or OME file of before
    assert not list((job.state / "new").iterdir())
    assert read_saved(target).summary_row("a.png") == m.summary_row() | {"file": "a.png"}
    (target / "measurement.json").write_text("{}")
    with pytest.raises(UnreadableFile, match="damaged results"):
        read_saved(target)


def test_an_edited_result_stays_where_the_new_one_cannot_be_written(
    job: Job, strips: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nanogauge.batch import publish

    m = Measurer(SETTINGS).measure(strips(1) / "p000.png")
    write_part(job, "x", m)
    (job.out / "x" / "edits.jsonl").touch()
    with pytest.raises(OutputError, match="edited by hand; save into another folder"):
        m.save(job.out / "x")
    before = {p.name: p.read_bytes() for p in (job.out / "x").iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish, "write_measurement", full)
    with pytest.raises(OutputError, match="No space left"):
        write_part(job, "x", m)
    assert {p.name: p.read_bytes() for p in (job.out / "x").iterdir()} == before
    monkeypatch.undo()
    _, aside = write_part(job, "x", m)
    assert aside == job.out / ".removed" / "x"
    assert {p.name: p.read_bytes() for p in aside.iterdir() if p.name != "aside.json"} == before


def test_which_errors_are_a_full_disk() -> None:
    wrapped = OutputError("x")
    wrapped.__cause__ = OSError(28, "No space left on device")
    assert is_disk_full(wrapped)
    assert not is_disk_full(OSError(13, "Permission denied"))
    assert not is_disk_full(None)


def test_another_network_or_version_is_refused(job: Job, strips: Callable[..., Path]) -> None:
    task = Task(index=0, item=Item(file=strips(1) / "p000.png", name="x"))
    for other, said in ((replace(job, engine_sha256="f" * 64), "another network"), (replace(job, version="0.0"), "the run 0.0")):
        done = carry_out(other, task, Measurer(SETTINGS))
        assert done.failed
        assert said in done.row["message"]
    assert not (job.out / "x").exists()
    assert not carry_out(job, task, Measurer(SETTINGS)).failed


def test_workers_meant() -> None:
    assert parse_workers("3", n_files=1) == 3
    assert parse_workers("auto", n_files=2) == 0
    assert 1 <= parse_workers("auto", n_files=None) <= cores()
    assert 1 <= parse_workers("auto", n_files=1000) <= cores()
    with pytest.raises(SettingsError, match="got 'many'"):
        parse_workers("many", n_files=1)


@pytest.mark.slow
def test_a_worker_process(job: Job, strips: Callable[..., Path]) -> None:
    folder = strips(2)
    worker = Worker(job)
    assert worker.start() == Ready("threshold", "")
    worker.use(replace(job, unit_row=True))
    done = worker.carry_out(Task(index=4, item=Item(file=Path("in/p000.png"), name="x")))  # relative to the job's base
    assert (done.index, done.row["file"], done.failed) == (4, str(Path("in/p000.png")), False)
    assert (job.out / "x" / "particles.csv").read_text().splitlines()[1].startswith(",")  # the row of units
    worker.close()
    assert worker.carry_out(Task(index=5, item=Item(file=folder / "p001.png", name="y"))).trouble == "lost"
    with pytest.raises(NanogaugeError):
        Worker(replace(job, settings=SETTINGS.replace("segment", engine="gone.onnx"))).start()
    with pytest.raises(EngineError, match="cannot be started"):
        Worker(
            replace(job, n_threads="many")  # type: ignore[arg-type]
        ).start()


def test_the_limit_grows_with_the_file(tmp_path: Path) -> None:
    assert usual_limit_s(tmp_path / "gone") == 600
    with (tmp_path / "large.tif").open("wb") as f:
        f.truncate(1_000_000_000)
    assert usual_limit_s(tmp_path / "large.tif") == pytest.approx(10_600)


@pytest.mark.slow
def test_local_workers_hand_back_everything(job: Job, strips: Callable[..., Path]) -> None:
    strips(6)
    pool = LocalWorkers(job, 2)
    pool.use(job)
    for k in range(6):
        pool.submit(Task(index=k, item=Item(file=Path(f"in/p{k:03d}.png"), name=f"p{k:03d}")))
    assert not pool.has_room
    found: list[Outcome] = []
    wait_until(lambda: found.extend(pool.wait(1)) or len(found) == 6)
    assert sorted(o.index for o in found) == list(range(6))
    assert pool.n_open == 0
    pool.close()
    assert not any(t.is_alive() for t in pool._threads)


def particles(n: int, *, in_nm: bool) -> pd.DataFrame:
    from nanogauge.core.particles import column_dtypes

    columns = column_dtypes(in_nm=in_nm)
    rng = np.random.default_rng(n)
    table = pd.DataFrame({c: rng.lognormal(3, 0.2, n) if d == "float64" else np.arange(1, n + 1) for c, d in columns.items()})
    return table.assign(flags=["touches_border|separated", ""][n % 2], edge_weight=1.0).astype(columns)


def test_tables_are_those_of_one_writer(tmp_path: Path) -> None:
    from nanogauge.results.tables import write_particle_csv, write_particles

    parts = {'a, "b"': particles(3, in_nm=True), "none": particles(0, in_nm=True), "px": particles(4, in_nm=False)}
    for name, table in parts.items():
        (tmp_path / name).mkdir()
        write_particle_csv(tmp_path / name / "particles.csv", table, unit_row=True)
    with RunTables(tmp_path, unit_row=True) as run:
        for name in parts:
            run.add({"file": name, "status": "ok"}, name)
        run.add({"file": "gone", "status": "error"}, None)
    write_particles(tmp_path / "wanted.csv", parts.items(), parquet=tmp_path / "wanted.parquet", unit_row=True)
    assert (tmp_path / "particles.csv").read_bytes() == (tmp_path / "wanted.csv").read_bytes()
    found, wanted = (pd.read_parquet(tmp_path / f"{n}.parquet") for n in ("particles", "wanted"))
    pd.testing.assert_frame_equal(found, wanted)
    assert [r["file"] for r in rows(tmp_path)] == [*parts, "gone"]
    assert run.n_particles == 7


@pytest.mark.slow
def test_a_data_set_can_be_read_while_it_grows(tmp_path: Path) -> None:
    from nanogauge.results.tables import write_particle_csv

    n = 2 * MOST_MICROGRAPHS + 30
    for k in range(n):
        (tmp_path / f"m{k}").mkdir()
        write_particle_csv(tmp_path / f"m{k}" / "particles.csv", particles(2, in_nm=k % 2 == 0))
    with RunTables(tmp_path, data_set=True) as run:
        for k in range(n):
            run.add({"file": f"m{k}", "status": "ok"}, f"m{k}")
        read = pd.read_parquet(tmp_path / "particles.parquet")
        assert len(read) == 2 * 2 * MOST_MICROGRAPHS
        assert len(pd.read_csv(tmp_path / "particles.csv")) == 2 * n
    assert list(pd.read_parquet(tmp_path / "particles.parquet")["micrograph"]) == [f"m{k}" for k in range(n) for _ in range(2)]
    with RunTables(tmp_path, data_set=True, mark=".new-") as new:
        new.add({"file": "m0", "status": "ok"}, "m0")
    new.put_in_place()
    assert len(pd.read_parquet(tmp_path / "particles.parquet")) == len(rows(tmp_path)) * 2 == 2
    with RunTables(tmp_path) as small:
        small.add({"file": "m1", "status": "ok"}, "m1")
    assert (tmp_path / "particles.parquet").is_file()
    assert pd.read_parquet(tmp_path / "particles.parquet")["area_nm2"].isna().all()


def test_coco_of_a_run_is_that_of_its_micrographs(
    strips: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strips(5)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([*MEASURE, "-o", "out", "--coco"])
    coco = json.loads((tmp_path / "out" / "coco.json").read_text(encoding="utf-8"))
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert [i["file_name"] for i in coco["images"]] == [f"p{k:03d}.png" for k in range(5)]
    assert [a["id"] for a in coco["annotations"]] == list(range(1, len(table) + 1))
    assert [f"p{a['image_id'] - 1:03d}" for a in coco["annotations"]] == list(table["micrograph"])
    labels = [tifffile.imread(tmp_path / "out" / f"p{k:03d}" / "labels.tif") for k in range(5)]
    assert [a["area"] for a in coco["annotations"]] == [n for picture in labels for n in np.bincount(picture.ravel())[1:].tolist()]
    assert table["area_px2"].to_numpy() == pytest.approx([a["area"] for a in coco["annotations"]], rel=0.15)  # between the pixels


def test_figures_of_a_very_large_run_are_those_of_all_columns(
    strips: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over MOST_FULL_TABLES micrographs only some columns are read; the sample's figures must not change by that."""
    from nanogauge.reporting import run_report

    strips(8)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([*MEASURE, "-o", "out"])
    entries = [(f"p{k:03d}", row) for k, row in enumerate(rows(tmp_path / "out"))]
    full = collect(tmp_path / "out", entries, n=8, sample="s")
    monkeypatch.setattr(run_report, "MOST_FULL_TABLES", 5)
    thin = collect(tmp_path / "out", entries, n=8, sample="s")
    assert set(thin.parts["s"][0].particles) == set(SIZE_COLUMNS) - {"class"}  # nothing was sorted into classes
    a, b = (pool_tables(c.parts["s"], name="s", settings=SETTINGS).to_dict() for c in (full, thin))
    assert a == b
    assert a["distribution"]["n"] > 5


def test_a_list_runs_out(tmp_path: Path) -> None:
    source = Listed(Item(file=tmp_path / n, name=n) for n in "ab")
    assert source.n_expected == 2
    assert [source.next(), source.next()] == [Item(file=tmp_path / n, name=n) for n in "ab"]
    assert source.finished
    assert source.next() is None


def test_a_watched_folder_gives_files_that_have_stopped_growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nanogauge.batch import sources

    now = 1000.0
    monkeypatch.setattr(sources.time, "monotonic", lambda: now)
    watched = Watched([tmp_path], lambda file, name: Item(file=file, name=name), idle_s=10)
    watched.known_name = lambda file: "old" if file.stem == "b" else None
    assert watched.next() is None
    (tmp_path / "a.png").write_bytes(b"half")
    (tmp_path / "empty.png").touch()
    now += POLL_S
    assert watched.next() is None
    (tmp_path / "a.png").write_bytes(b"the whole")
    (tmp_path / "b.png").write_bytes(b"b")
    now += POLL_S
    assert watched.next() is None
    now += POLL_S
    assert [watched.next(), watched.next()] == [
        Item(file=tmp_path / "a.png", name="a"),
        Item(file=tmp_path / "b.png", name="old"),
    ]
    assert watched.next() is None
    (tmp_path / "a.tif").write_bytes(b"same stem")
    (tmp_path / "a.png").write_bytes(b"written again, longer")
    for _ in range(2):
        now += POLL_S
        found = [watched.next(), watched.next()]
    assert found == [Item(file=tmp_path / "a.png", name="a"), Item(file=tmp_path / "a.tif", name="a_tif")]
    now += 11
    assert not watched.finished  # the empty file may still fill
    watched.next()
    now += 31
    assert watched.next() == Item(file=tmp_path / "empty.png", name="empty")  # it is given all the same, to be named as what failed
    now += 11
    assert watched.finished


@pytest.mark.slow
def test_watching_a_folder_as_it_fills(strips: Callable[..., Path], start: Callable[..., Running], tmp_path: Path) -> None:
    strips(2)
    run = start(*MEASURE, "-o", "out", "--watch", "--workers", "1", "--idle", "12")
    wait_until(lambda: journal_lines(tmp_path / "out") >= 2)
    strips(2, first=2)
    (tmp_path / "in" / "p000.png").write_bytes((tmp_path / "in" / "p003.png").read_bytes())
    assert run.end() == 0
    names = [Path(r["file"]).stem for r in rows(tmp_path / "out")]
    assert sorted(names) == ["p000", "p001", "p002", "p003"]
    found = {Path(r["file"]).stem: r["mean_px"] for r in rows(tmp_path / "out")}
    assert found["p000"] == found["p003"] != found["p001"] != ""
    assert set(pd.read_csv(tmp_path / "out" / "particles.csv")["micrograph"]) == set(names)
    assert len(tables(tmp_path / "out")["summary.csv"]) == 4  # type: ignore[arg-type]


def test_progress_on_a_terminal_and_in_a_log() -> None:
    log = Console(file=io.StringIO(), width=100)
    with RunProgress(3, log, every_s=0) as progress:
        progress.step(kept=True)
        progress.step(failed=True)
        time.sleep(0.02)
        progress.step()
        progress.say("nanogauge: b.png: no")
    lines = log.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith("1 of 3 done, 0 failed, 1 kept from before")
    assert lines[1].startswith("2 of 3 done, 1 failed, 1 kept from before")
    assert "left" in lines[1]
    assert lines[-1] == "nanogauge: b.png: no"
    quiet = Console(file=io.StringIO())
    with RunProgress(3, quiet, quiet=True, every_s=0) as progress:
        progress.step()
    assert quiet.file.getvalue() == ""  # type: ignore[attr-defined]
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    with RunProgress(None, terminal) as progress:
        progress.step()
    assert "0 failed" in terminal.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (9000, "2.5 h")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
