"""`--panels`: every panel of a figure by its own bar, and never one bar for all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nanogauge.apps.cli.main import main
from nanogauge.core.micrograph import Micrograph
from nanogauge.pipeline.panels import letter, panels_of
from nanogauge.training.synthetic.annotate import draw_scale_bar

SHARED = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[4] / "shared")) / "cases"


def panel(radius: float, seed: int) -> np.ndarray:
    """(300, 400) uint8: discs of that radius in px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:300, :400]
    picture = 60 + rng.normal(0, 5, y.shape)
    for a in (45, 120):
        for b in (45, 145, 245, 345):
            picture[np.hypot(y - a, x - b) < radius] = 170
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def figure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same 40 nm discs at 1 nm/px with a bar of 100 nm, at 2 nm/px with one of 200 nm, and without a bar."""
    rng = np.random.default_rng(3)
    parts = [panel(20, 1), panel(10, 2), panel(20, 3)]
    for k, (nm_per_px, value) in enumerate(((1.0, 100.0), (2.0, 200.0))):
        parts[k], _ = draw_scale_bar(parts[k], nm_per_px=nm_per_px, value_nm=value, rng=rng, bright=True)
    gutter = np.full((300, 8), 255, np.uint8)
    path = tmp_path_factory.mktemp("figure") / "fig.png"
    Image.fromarray(np.concatenate([parts[0], gutter, parts[1], gutter, parts[2]], axis=1)).save(path)
    return path


def measured(figure: Path, out: Path, *options: str) -> dict[str, dict]:
    with pytest.raises(SystemExit) as end:
        main(["measure", str(figure), "-o", str(out), "--engine", "threshold", "--no-report", "--workers", "1", "-q", *options])
    assert end.value.code == 0
    return {p.parent.name: json.loads(p.read_text(encoding="utf-8")) for p in sorted(out.glob("*/measurement.json"))}


def test_each_panel_by_its_own_bar(figure: Path, tmp_path: Path) -> None:
    found = measured(figure, tmp_path, "--panels")
    assert list(found) == ["fig-a", "fig-b", "fig-c"]
    for name, nm_per_px in (("fig-a", 1.0), ("fig-b", 2.0)):
        scale = found[name]["scale"]
        assert scale["source"] == "scale_bar"
        assert scale["nm_per_px_y_x"][1] == pytest.approx(nm_per_px, rel=0.02)
        assert found[name]["distribution"]["mean"]["value"] == pytest.approx(40, rel=0.06)
        assert f"panel {name[-1]} of 3 of fig.png" in found[name]["message"]
    assert found["fig-c"]["scale"]["nm_per_px_y_x"] is None, "the bar of another panel says nothing of it"
    assert found["fig-c"]["status"] == "no_scale"
    before = (tmp_path / "fig-a" / "measurement.json").stat().st_mtime_ns
    measured(figure, tmp_path, "--panels")
    assert (tmp_path / "fig-a" / "measurement.json").stat().st_mtime_ns == before, "measured again though nothing changed"


def test_without_the_option_the_figure_is_one_and_has_no_scale(figure: Path, tmp_path: Path) -> None:
    found = measured(figure, tmp_path)
    assert list(found) == ["fig"]
    assert found["fig"]["scale"]["nm_per_px_y_x"] is None
    assert "with --panels" in found["fig"]["message"]


def test_a_toml_beside_the_figure_speaks_of_its_panels(figure: Path, tmp_path: Path) -> None:
    (figure.parent / "nanogauge.toml").write_text('[files."fig-c.tif"]\nscale = "1 nm/px"\n', encoding="utf-8")
    try:
        found = measured(figure, tmp_path, "--panels")
    finally:
        (figure.parent / "nanogauge.toml").unlink()
    assert [found[f"fig-{k}"]["scale"]["source"] for k in "abc"] == ["scale_bar", "scale_bar", "user"]
    assert found["fig-c"]["distribution"]["mean"]["value"] == pytest.approx(40, rel=0.06)


def test_one_micrograph_stays_one(tmp_path: Path) -> None:
    Image.fromarray(panel(20, 1)).save(tmp_path / "one.png")
    assert list(measured(tmp_path / "one.png", tmp_path / "out", "--panels")) == ["one"]
    assert not (tmp_path / "out" / "panel-pictures").exists()


def test_panels_in_a_notebook() -> None:
    pixels = np.concatenate([panel(20, 1), np.full((8, 400), 0, np.uint8), panel(10, 2)])
    found = panels_of(Micrograph(pixels=pixels, name="fig.png"))
    assert [m.name for m in found] == ["fig-a.png", "fig-b.png"]
    np.testing.assert_array_equal(found[1].pixels, panel(10, 2))
    assert [letter(k) for k in (0, 25, 26, 51, 52)] == ["a", "z", "aa", "az", "ba"]


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real cases in {SHARED}; set NANOGAUGE_SHARED")
def test_two_magnifications_and_one_label(tmp_path: Path) -> None:
    """32 nm in the panel that has a bar; the other one has none, and stays in px."""
    found = measured(SHARED / "panels_2mags_1label.png", tmp_path, "--panels")
    assert len(found) == 2
    means = [f["distribution"]["mean"]["value"] for f in found.values() if f["scale"]["nm_per_px_y_x"]]
    assert all(m == pytest.approx(32, rel=0.05) for m in means)
    assert len(means) <= 2
    scales = [f["scale"]["nm_per_px_y_x"] for f in found.values()]
    assert scales[0] is None or scales[1] is None or scales[0] != pytest.approx(scales[1], rel=0.5)
