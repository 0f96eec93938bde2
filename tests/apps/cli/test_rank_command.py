"""`nanogauge rank`: the order, the table, the files, and what is said of inputs that fail."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanogauge
from nanogauge.apps.cli.main import main
from nanogauge.pipeline.rank import COLUMNS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rank")
    yy, xx = np.mgrid[0:400, 0:500].astype(np.float32)
    for name, d in (("b_small", 14.0), ("a_large", 70.0), ("c_middle", 32.0)):
        grey = np.full(yy.shape, 60.0)
        pitch = 1.7 * d
        for y in np.arange(pitch, 400 - d / 2, pitch):
            for x in np.arange(pitch, 500 - d / 2, pitch):
                grey = np.maximum(grey, 60 + 120 * np.clip(d / 2 - np.hypot(yy - y, xx - x) + 0.5, 0, 1))
        noisy = grey + np.random.default_rng(1).normal(0, 5, grey.shape)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def run(argv: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(argv)
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_micrographs_are_ranked_by_size_and_the_table_says_what_it_is(folder: Path, capsys):
    code, out, err = run(["rank", str(folder)], capsys)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in lines[1:4]] == ["b_small.png", "c_middle.png", "a_large.png"]
    assert "px" in lines[1]
    assert "state one with --scale" in out
    assert lines[-1].startswith("Estimated from the pictures alone: nothing was outlined.")


def test_a_stated_scale_turns_px_into_nm_and_the_order_round(folder: Path, tmp_path: Path, capsys):
    table = tmp_path / "made" / "ranking.csv"
    code, out, _ = run(["rank", str(folder), "--scale", "2 nm/px", "--largest-first", "-o", str(table)], capsys)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert code == 0
    assert "nm" in out.splitlines()[1]
    assert tuple(rows[0]) == COLUMNS
    assert [r["rank"] for r in rows] == ["1", "2", "3"]
    assert [Path(r["file"]).stem for r in rows] == ["a_large", "c_middle", "b_small"]
    for r in rows:
        assert float(r["d50_nm"]) == pytest.approx(2 * float(r["d50_px"]), rel=1e-4)
        assert float(r["d50_px_low"]) < float(r["d50_px"]) < float(r["d50_px_high"])
        assert r["scale_source"] == "user"


def test_json_says_what_it_is_and_in_which_unit_it_is_ranked(folder: Path, tmp_path: Path, capsys):
    code, out, _ = run(["rank", str(folder), "--json", "-o", str(tmp_path / "r.json")], capsys)
    said = json.loads(out)
    assert code == 0
    assert "nothing was outlined" in said["what"]
    assert said["ranked_in"] == "px"
    assert [m["rank"] for m in said["micrographs"]] == [1, 2, 3]
    assert all(m["d50_nm"] is None for m in said["micrographs"])
    kept = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    drop = "milliseconds"
    assert [{k: v for k, v in m.items() if k != drop} for m in kept["micrographs"]] == [
        {k: v for k, v in m.items() if k != drop} for m in said["micrographs"]
    ]


def test_a_file_that_cannot_be_read_is_named_in_one_line_and_the_others_are_ranked(folder: Path, tmp_path: Path, capsys):
    bad, tiny = tmp_path / "bad.tif", tmp_path / "tiny.png"
    bad.write_bytes(b"no picture")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tiny)
    code, out, err = run(["rank", str(bad), str(tiny), str(folder / "c_middle.png")], capsys)
    assert code == 1
    assert "c_middle.png" in out.splitlines()[1]
    bad_line, tiny_line = err.splitlines()
    assert bad_line.startswith(f"nanogauge: {bad}: ")
    assert tiny_line == f"nanogauge: {tiny}: too small to be looked at: 32 px are needed"
    assert "Traceback" not in err


def test_a_ranking_is_written_as_csv_or_json_only(folder: Path, tmp_path: Path, capsys):
    code, out, err = run(["rank", str(folder), "-o", str(tmp_path / "r.txt")], capsys)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "written as .csv or .json" in err


def test_python_ranks_as_the_command_does(folder: Path):
    table = nanogauge.rank(folder, scale="2 nm/px")
    assert list(table.columns) == list(COLUMNS)
    assert [Path(f).stem for f in table["file"]] == ["b_small", "c_middle", "a_large"]
    alone = nanogauge.estimate_size(folder / "c_middle.png")
    assert table["d50_px"][1] == pytest.approx(alone.d50_px)
    assert nanogauge.estimate_size(np.asarray(Image.open(folder / "c_middle.png"))).d50_px == pytest.approx(alone.d50_px)


def test_python_refuses_what_is_no_picture(tmp_path: Path):
    with pytest.raises(nanogauge.InputError, match="array: 20 x 20 px, too small"):
        nanogauge.estimate_size(np.zeros((20, 20), np.uint8))
    with pytest.raises(nanogauge.InputError, match="nothing to rank"):
        nanogauge.rank([])
