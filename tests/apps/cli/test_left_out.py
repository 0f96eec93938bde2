"""`measure FOLDER` leaves out masks, labels and overlays that lie among micrographs, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from nanogauge.apps.cli.main import main
from nanogauge.batch.sources import Watched


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two micrographs, one of them called mask, with labels, a mask and an overlay of the first."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :200]
    labels = np.zeros((160, 200), np.uint8)
    for k in range(12):
        labels[np.hypot(y - 25 - 50 * (k // 4), x - 30 - 45 * (k % 4)) < 8 + k] = k + 1
    made = tmp_path / "pictures"
    made.mkdir()
    for name in ("a.png", "a_mask.png"):
        grey = ndimage.gaussian_filter(np.where(labels > 0, 150.0, 60.0), 1) + rng.normal(0, 8, labels.shape)
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(made / name)
    Image.fromarray(labels).save(made / "a_cp_masks.png")
    drawn = np.repeat(np.asarray(Image.open(made / "a.png"))[..., None], 3, 2)
    drawn[(labels > 0) & ~ndimage.binary_erosion(labels > 0)] = (255, 0, 0)
    Image.fromarray(drawn).save(made / "a_overlay.png")
    return made


def test_a_folder_with_masks(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["measure", str(folder), "-o", str(out), "--scale", "1 nm/px", "--engine", "threshold", "--no-report"])
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().err.split())
    listed = "a_cp_masks.png (labels of a.png), a_overlay.png (drawing on a.png)"
    assert f"2 pictures are no micrographs of their own and left out: {listed}" in said
    about = json.loads((out / "run.json").read_text())
    assert [Path(i["file"]).name for i in about["inputs"]] == ["a.png", "a_mask.png"]
    assert {Path(p).name for p in about["left_out"]} == {"a_cp_masks.png", "a_overlay.png"}


def test_a_folder_of_masks_only_points_to_import(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "a_mask.png", "a_overlay.png"):
        (folder / name).unlink()
    with pytest.raises(SystemExit) as end:
        main(["measure", str(folder), "-o", str(tmp_path / "out")])
    assert end.value.code == 1
    assert "nanogauge import" in (tmp_path / "out" / "summary.csv").read_text()


def test_a_watched_folder_says_once_what_is_left_out(folder: Path) -> None:
    said: list[dict[Path, str]] = []
    source = Watched([folder], lambda file, name: None, say_left_out=said.append, settle_s=0.0)  # type: ignore[arg-type,return-value]
    for _ in range(3):
        source.next()
    assert [sorted(p.name for p in s) for s in said] == [["a_cp_masks.png", "a_overlay.png"]]
