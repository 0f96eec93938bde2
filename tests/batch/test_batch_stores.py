"""Inputs and results in an object store, for which a moto server stands: the same tables as on a disk; nothing lost, nothing
measured twice; what cannot be reached is one line that names the URL."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_runs import MEASURE, Running, journal_lines, rows, tables, wait_until
from PIL import Image

from nanogauge.apps.cli.main import main

pytestmark = pytest.mark.slow
moto = pytest.importorskip("moto.server", reason="needs a local S3: pip install 'moto[s3,server]'")
s3fs = pytest.importorskip("s3fs", reason="needs object stores: pip install nanogauge[cloud]")

OPTIONS = MEASURE[2:]
Strips = Callable[..., Path]
Start = Callable[..., Running]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server that speaks S3."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A file system with an empty bucket `lab`; commands of this test, in other processes too, speak to it."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    fs.mkdir("lab")
    yield fs
    fs.rm("lab", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def measured(*arguments: object) -> int:
    """`nanogauge measure` in this process; its exit code."""
    with pytest.raises(SystemExit) as end:
        main(["measure", *map(str, arguments), *OPTIONS])
    return int(end.value.code or 0)  # type: ignore[arg-type]


def brought(fs: Any, folder: str, to: Path) -> Path:
    """The results in a store, on this machine."""
    fs.get(folder, str(to), recursive=True)
    return to


def without_names(found: dict[str, object]) -> dict[str, object]:
    """Tables without where the inputs were, which differs."""
    for key, content in found.items():
        if key == "summary.csv":
            for row in content:  # type: ignore[attr-defined]
                row["file"] = Path(row["file"]).name
                row["message"] = ""
        elif key.endswith("measurement.json"):
            content["file"] = Path(content["file"]).name  # type: ignore[index]
    return found


def test_a_store_holds_what_a_disk_would(s3: Any, strips: Strips, start: Start, tmp_path: Path) -> None:
    (strips(20) / "p005b.png").write_text("no picture at all")
    s3.put("in", "lab/in", recursive=True)
    assert start(*MEASURE, "-o", "disk", "--workers", "1").end() == 1
    run = start("measure", "s3://lab/in", *OPTIONS, "-o", "s3://lab/out", "--workers", "2")
    assert run.end() == 1, run.errors
    assert run.errors.splitlines() == [
        line for line in run.errors.splitlines() if line.startswith("nanogauge: s3://lab/in/p005b.png: ")
    ]
    out = brought(s3, "lab/out", tmp_path / "copy")
    assert without_names(tables(out)) == without_names(tables(tmp_path / "disk"))
    assert rows(out)[0]["file"] == "s3://lab/in/p000.png"
    assert not (tmp_path / "cache" / "nanogauge" / "runs").exists() or not list((tmp_path / "cache").rglob("journal.jsonl"))


def test_a_run_into_a_store_that_is_killed_goes_on(s3: Any, strips: Strips, start: Start, tmp_path: Path) -> None:
    """Killed, it goes on from what this machine has; without that, from what the store has."""
    strips(20)
    s3.put("in", "lab/in", recursive=True)
    command = ("measure", "s3://lab/in", *OPTIONS, "-o", "s3://lab/out", "--workers", "1")
    run = start(*command)

    def stage() -> Path:
        return next((tmp_path / "cache").glob("nanogauge/runs/*/out"), tmp_path)

    wait_until(lambda: journal_lines(stage()) >= 5)
    run.kill()
    whole = {p.rpartition("/")[0] for p in s3.find("lab/out") if p.endswith("/measurement.json")}
    assert 5 <= len(whole) < 20
    before = {p: s3.info(f"{p}/measurement.json")["LastModified"] for p in whole}
    assert start(*command).end() == 0
    stamp = {p: s3.info(f"{p}/measurement.json")["LastModified"] for p in whole}
    assert sum(stamp[p] != before[p] for p in whole) <= 1, "one may have been measured and not written down"
    after = {p: s3.info(p)["LastModified"] for p in s3.find("lab/out") if p.endswith("/measurement.json")}
    assert len(after) == 20
    s3.rm("lab/out/p003/labels.tif")  # a result that is no longer whole
    assert start(*command).end() == 0  # no stage is left: the journal is the store's
    again = {p: s3.info(p)["LastModified"] for p in after}
    assert [p for p in after if again[p] != after[p]] == ["lab/out/p003/measurement.json"]


def test_measurement_json_comes_last_and_goes_first(
    s3: Any, strips: Strips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who looks while a result is replaced sees no mixture: an upload that breaks leaves none that is whole."""
    strips(2)
    s3.put("in", "lab/in", recursive=True)
    assert measured("s3://lab/in/*.png", "-o", "s3://lab/out") == 0
    real = s3fs.S3FileSystem._put_file

    async def breaks(self: Any, local: str, key: str, **options: Any) -> None:
        if key.endswith("p001/labels.tif"):
            raise ConnectionError("Connection broken")
        await real(self, local, key, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_put_file", breaks)
    assert measured("s3://lab/in", "-o", "s3://lab/out", "--fresh") == 1
    assert s3.exists("lab/out/p000/measurement.json")
    assert not s3.exists("lab/out/p001/measurement.json")
    monkeypatch.setattr(s3fs.S3FileSystem, "_put_file", real)
    assert measured("s3://lab/in", "-o", "s3://lab/out") == 0
    assert s3.exists("lab/out/p001/measurement.json")


def test_a_report_is_made_of_what_the_store_holds(s3: Any, strips: Strips, tmp_path: Path) -> None:
    strips(3)
    s3.put("in", "lab/in", recursive=True)
    with pytest.raises(SystemExit) as end:
        main(["measure", "s3://lab/in", "-o", "s3://lab/deep/out", *OPTIONS[:-2]])
    assert not end.value.code
    assert {"report.html", "report.pdf", "results.xlsx", "summary.csv", "run.json"} <= {
        p.rpartition("/")[2] for p in s3.ls("lab/deep/out")
    }
    assert s3.find("lab/deep/out/plots")
    assert "Particle sizes: out" in s3.cat("lab/deep/out/report.html").decode()


def test_scales_and_texts_beside_a_micrograph_count(s3: Any, strips: Strips, tmp_path: Path) -> None:
    strips(2)
    s3.put("in", "lab/in", recursive=True)
    s3.pipe("lab/in/nanogauge.toml", b'scale = "3 nm/px"\n')
    with pytest.raises(SystemExit):
        main(["measure", "s3://lab/in", "-o", "out", "--engine", "threshold", "-q", "--no-report"])
    assert {r["nm_per_px"] for r in rows(tmp_path / "out")} == {"3"}
    s3.rm("lab/in/nanogauge.toml")
    s3.pipe("lab/in/p001.txt", b"[SemImageFile]\nInstructName=SU8000\nImageName=p001.png\nPixelSize=2.5\nDataSize=90x31\n")
    with pytest.raises(SystemExit):
        main(["measure", "s3://lab/in", "-o", "beside", "--engine", "threshold", "-q", "--no-report"])
    assert [r["nm_per_px"] for r in rows(tmp_path / "beside")] == ["", "2.5"]


def test_a_mask_found_in_a_store_is_not_measured_for_a_micrograph(
    s3: Any, strips: Strips, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = strips(1)
    with Image.open(folder / "p000.png") as picture:
        picture.point(lambda v: 255 * (v > 128)).save(folder / "q.png")
    s3.put("in", "lab/in", recursive=True)
    assert measured("s3://lab/in", "-o", "out") == 1
    said = capsys.readouterr().err.strip()
    assert said == "nanogauge: s3://lab/in/q.png: mask, no micrograph, and not measured; to measure it all the same, name it"
    assert measured("s3://lab/in/q.png", "-o", "named") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("s3://nosuch/in", "-o", "out"), "s3://nosuch/in: no such bucket, folder or object; check the address"),
        (("s3://lab/none.png", "-o", "out"), "s3://lab/none.png: no such bucket, folder or object; check the address"),
        (("in", "-o", "s3://nosuch/out"), "s3://nosuch/out: cannot write there (no such bucket or object); check the address"),
        (
            ("ftp://host/in", "-o", "out"),
            "ftp://host/in: not a kind of store that is known; give a path, or a URL that begins with",
        ),
        (("s3://", "-o", "out"), "s3://: names no bucket; give s3://BUCKET/FOLDER"),
        (("s3://lab", "--watch", "-o", "out"), "--watch takes files of this machine, not of an object store"),
    ],
)
def test_what_is_not_there_is_one_line(
    s3: Any, strips: Strips, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    strips(1)
    assert measured(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"nanogauge: {said}")


def test_no_network_and_no_credentials_are_one_line_and_quick(
    s3: Any, strips: Strips, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strips(1)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{s.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed)
    s3fs.S3FileSystem.clear_instance_cache()
    assert measured("s3://lab/in", "-o", "out") == 2
    assert measured("in", "-o", "s3://lab/out") == 2
    reading, writing = capsys.readouterr().err.strip().splitlines()
    assert reading.startswith(
        f'nanogauge: s3://lab/in: the store does not answer: Could not connect to the endpoint URL: "{closed}/lab'
    )
    assert writing.startswith("nanogauge: s3://lab/out: cannot write there (the store does not answer: ")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", os.devnull)
    s3fs.S3FileSystem.clear_instance_cache()
    assert measured("s3://lab/in", "-o", "out") == 2
    said = capsys.readouterr().err.strip()
    assert said == (
        "nanogauge: s3://lab/in: no credentials: Unable to locate credentials; check the address, the credentials and the network"
    )


def test_a_store_that_goes_away_costs_each_micrograph_a_row(
    s3: Any, strips: Strips, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    strips(2)
    s3.put("in", "lab/in", recursive=True)
    real = s3fs.S3FileSystem._get_file

    async def refuses(self: Any, key: str, local: str, **options: Any) -> None:
        if key.endswith("p001.png"):
            raise PermissionError("Forbidden")
        await real(self, key, local, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_get_file", refuses)
    assert measured("s3://lab/in", "-o", "out") == 1
    said = capsys.readouterr().err.strip()
    assert said == (
        "nanogauge: s3://lab/in/p001.png: cannot be fetched (the store refuses: Forbidden); "
        "check the address, the credentials and the network"
    )
    assert [r["status"] for r in rows(tmp_path / "out")] == ["ok", "error"]


def test_memory_is_a_store_too(strips: Strips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    strips(2)
    memory = fsspec.filesystem("memory")
    memory.put("in", "/bench/in", recursive=True)
    assert measured("memory://bench/in", "-o", "memory://bench/out") == 0
    assert {p.rpartition("/")[2] for p in memory.ls("/bench/out/p001", detail=False)} >= {
        "measurement.json",
        "particles.csv",
        "labels.tif",
    }
    assert b"memory://bench/in/p001.png" in memory.cat("/bench/out/summary.csv")
    memory.rm("/bench", recursive=True)


def test_without_the_extra_a_url_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "upath", None)
    assert measured("s3://lab/in", "-o", "out") == 2
    assert capsys.readouterr().err.strip() == (
        'nanogauge: s3://lab/in: object stores need more packages: pip install "nanogauge[cloud]"'
    )
