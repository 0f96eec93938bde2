"""`nanogauge fibres`, and fibres with `measure`: what is written, and what is said where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nanogauge.apps.cli.main import main
from nanogauge.results.arrangement import FIBRE_FILES


def net(width: float = 10.0) -> np.ndarray:
    """Five bright fibres across a dark frame."""
    y, x = np.mgrid[:220, :280].astype(float)
    body = np.zeros(y.shape)
    for slope, at in ((0.3, 20), (-0.55, 200), (3.0, -60), (-5.0, 1250), (0.1, 165)):
        body = np.maximum(body, np.clip(width / 2 + 0.5 - np.abs(y - slope * x - at) / np.hypot(1, slope), 0, 1))
    grey = cv2.GaussianBlur(40 + 120 * body, (0, 0), 1.0) + np.random.default_rng(0).normal(0, 4, y.shape)
    return np.asarray(np.clip(grey, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net.png, blank.png."""
    path = tmp_path_factory.mktemp("fibres")
    Image.fromarray(net()).save(path / "net.png")
    Image.fromarray(np.full((200, 200), 90, np.uint8)).save(path / "blank.png")
    return path


def ended(argv: list[str], *, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == code


def test_one_without_fibres_is_one_line_and_the_others_are_done(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(["fibres", str(folder / "blank.png"), str(folder / "net.png"), "-o", str(tmp_path), "--scale", "2 nm/px"], code=1)
    said = capsys.readouterr()
    (line,) = said.err.strip().splitlines()
    assert "blank.png" in line
    assert "nothing in it is a fibre" in line
    assert set(FIBRE_FILES) <= {p.name for p in (tmp_path / "net").iterdir()}
    assert not (tmp_path / "blank").exists()
    figures = json.loads((tmp_path / "net" / "fibres.json").read_text(encoding="utf-8"))
    assert figures["unit"] == "nm"
    assert figures["width"]["mean_nm"] == pytest.approx(20, rel=0.02)
    table = pd.read_csv(tmp_path / "net" / "fibres.csv")
    assert len(table) == figures["n_fibres"]
    assert 5 <= len(table) <= 6  # one of them goes through two knots of three
    widths = pd.read_csv(tmp_path / "net" / "fibre_widths.csv")
    assert widths["weight"].sum() == pytest.approx(1, abs=1e-3)
    assert np.average(widths["width_nm"], weights=widths["weight"]) == pytest.approx(figures["width"]["mean_nm"], rel=0.002)


def test_measure_says_that_it_is_a_mat_and_writes_fibres_where_asked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.toml").write_text("[arrangement]\nfibres = true\n", encoding="utf-8")
    argv = ["measure", str(folder / "net.png"), "-o", str(tmp_path / "out"), "--engine", "threshold", "--scale", "2 nm/px"]
    ended([*argv, "--settings", str(tmp_path / "my.toml")])
    made = tmp_path / "out" / "net"
    about = json.loads((made / "measurement.json").read_text(encoding="utf-8"))
    (mat,) = [w for w in about["warnings"] if w["code"] == "mat"]
    assert "nanogauge fibres" in mat["text"]
    assert about["fibres"]["n_fibres"] in (5, 6)
    assert set(FIBRE_FILES) <= {p.name for p in made.iterdir()}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Fibres: widths, lengths, directions, meshes" in page
    assert "Order parameter" in page
    del capsys


def test_wrong_words_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended(["fibres", str(folder / "net.png"), "--tone", "pink"], code=2)
    assert "bright, dark" in capsys.readouterr().err
