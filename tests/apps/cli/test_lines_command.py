"""`nanogauge lines`: what is written, what is said of defects, and of bad input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nanogauge.apps.cli import lines as command
from nanogauge.apps.cli.main import main
from nanogauge.core.protocols import EngineClasses
from nanogauge.results.arrangement import LINES_FILES
from nanogauge.training.synthetic.line_space import DEFECT_KINDS, Defect, LineSpace, LineSpaceRendering, render_line_space

NAMES = ("none", *DEFECT_KINDS)


class Seer:
    """An engine that sees where a rendering says that something is wrong."""

    name, sha256, stride, tile_px = "seer", "00", 32, 512
    working_diameter_px, sees_px = None, (8.0, 200.0)
    detection: Mapping[str, float] = {}
    calibration = None

    def __init__(self, truth: np.ndarray, classes: tuple[str, ...] = NAMES) -> None:
        self.truth, self.classes = truth, EngineClasses(classes, of="phases")

    def predict(self, tile: np.ndarray) -> np.ndarray:
        """(3 + K, H, W); the picture is one tile."""
        padded = np.zeros(tile.shape, np.uint8)
        padded[: self.truth.shape[0], : self.truth.shape[1]] = self.truth
        of_each = [np.where(padded == k, 0.9, 0.02) for k in range(len(self.classes.names))]
        return np.stack([*np.zeros((3, *tile.shape)), *of_each]).astype(np.float32)


@pytest.fixture(scope="module")
def rendered() -> LineSpaceRendering:
    bridge = Defect(kind="bridge", line=1, at_nm=-40.0, length_nm=18.0)
    gap = Defect(kind="gap", line=-3, at_nm=60.0, length_nm=18.0, strength=0.6)
    return render_line_space(LineSpace(shape=(320, 384), nm_per_px=0.8, dose=60.0, defects=(bridge, gap)), 1)


@pytest.fixture(scope="module")
def folder(rendered: LineSpaceRendering, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines")
    Image.fromarray(rendered.pixels).save(path / "resist.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8)).save(path / "noise.png")
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["lines", *arguments])
    return int(end.value.code or 0)


def test_files_and_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(folder / "resist.png"), "-o", str(folder / "out"), "--scale", "0.800 nm/px") == 0
    said = capsys.readouterr().out
    assert "pitch" in said
    assert "disturbed" in said
    result = folder / "out" / "resist"
    assert {p.name for p in result.iterdir()} == set(LINES_FILES) - {"defects.csv"}
    figures = json.loads((result / "lines.json").read_text(encoding="utf-8"))
    assert figures["unit"] == "nm"
    assert figures["cd"]["value"] == pytest.approx(16, rel=0.03)
    assert "defects" not in figures
    table = pd.read_csv(result / "lines.csv")
    assert len(table) == figures["lines"]
    assert (~table["whole"]).sum() == 3
    psd = pd.read_csv(result / "lines_psd.csv")
    assert {"frequency_per_nm", "lwr_psd_nm3", "ler_model_nm3"} <= set(psd)
    assert np.asarray(Image.open(result / "lines.png")).std() > 5


def test_defects_have_class_score_place_and_size(
    folder: Path, rendered: LineSpaceRendering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "make_engine", lambda name, device: Seer(rendered.class_map))
    arguments = (str(folder / "resist.png"), "-o", str(folder / "seen"), "--scale", "0.800 nm/px", "--engine", "any.onnx", "--json")
    assert run(*arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)
    found = row["lines"]["defects"]
    assert sorted(d["class"] for d in found) == ["bridge", "gap"]
    table = pd.read_csv(folder / "seen" / "resist" / "defects.csv")
    for kind, box in zip(rendered.kinds, rendered.boxes.tolist(), strict=True):
        d = table[table["class"] == kind].iloc[0]
        assert [d["box_y0_px"], d["box_x0_px"], d["box_y1_px"], d["box_x1_px"]] == box
        assert d["height_nm"] == pytest.approx(0.8 * (box[2] - box[0]))
        assert d["score"] == pytest.approx(0.9, abs=0.02)


def test_a_network_without_defects_is_refused(
    folder: Path, rendered: LineSpaceRendering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "make_engine", lambda name, device: Seer(rendered.class_map, ("sphere", "rod")))
    assert run(str(folder / "resist.png"), "-o", str(folder / "no"), "--engine", "any.onnx") == 1
    assert "not a network of defects" in capsys.readouterr().err


def test_what_shows_no_lines_fails_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files: tuple[Any, ...] = (str(folder / "noise.png"), str(folder / "resist.png"), str(folder / "none.png"))
    assert run(*files, "-o", str(folder / "both")) == 1
    said = capsys.readouterr()
    errors = said.err.strip().splitlines()
    assert len(errors) == 2
    assert "noise.png: no line–space pattern" in errors[0]
    assert "none.png" in errors[1]
    assert "resist.png" in said.out
    assert not (folder / "both" / "noise").exists()
