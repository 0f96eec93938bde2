"""`nanogauge calibrate`, and what `nanogauge measure --calibration` makes of it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from nanogauge.apps.cli.main import main
from nanogauge.scale.calibration import read_calibration

sys.path.insert(0, str(Path(__file__).parents[2] / "scale"))
from gratings import grating

TRUE = (2.04, 1.97)  # nm per px in y and x; the files say 2 and 2
HELIOS = "[System]\nSystemType=Helios\n[Beam]\nHV=5000\n[Scan]\nPixelWidth=2e-9\nPixelHeight=2e-9\n"


def write(path: Path, pixels: np.ndarray, text: str = HELIOS) -> Path:
    tag = text.encode()
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, extratags=[(34682, 1, len(tag), tag, True)])
    return path


def spheres(diameter_nm: float, *, seed: int = 0) -> np.ndarray:
    """Twelve or more discs as a microscope of the TRUE pixel size shows them."""
    height, width = 420, 560
    y, x = np.mgrid[: height * 4, : width * 4] / 4.0
    picture = np.zeros((height * 4, width * 4))
    rng = np.random.default_rng(seed)
    for a in range(50, height - 40, 80):
        for b in range(50, width - 40, 80):
            cy, cx = a + rng.uniform(-8, 8), b + rng.uniform(-8, 8)
            picture[((y - cy) * TRUE[0]) ** 2 + ((x - cx) * TRUE[1]) ** 2 < (diameter_nm / 2) ** 2] = 1
    grey = picture.reshape(height, 4, width, 4).mean(axis=(1, 3))
    noisy = 60 + 120 * ndimage.gaussian_filter(grey, 0.8) + rng.normal(0, 4, grey.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def run(*argv: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in argv])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def gratings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("gratings")
    return [write(folder / f"g{k}.tif", grating(40.0, TRUE, angle_deg=a, seed=k)) for k, a in enumerate((4, 21, 50))]


def test_a_grating_to_a_file_to_a_measurement(gratings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.toml"
    given = ("--pitch", "40 nm", "--uncertainty", "0.16 nm", "--certificate", "PTB 4711", "--date", "2026-05-31", "--serial", "D1")
    assert run("calibrate", *gratings, *given, "-o", file) == 0
    said = capsys.readouterr().out
    assert "3 micrographs of a grating of pitch 40 nm ± 0.16 nm (k = 2)" in said
    c = read_calibration(file)
    assert (c.factor_y, c.factor_x) == pytest.approx((1.02, 0.985), rel=5e-4)
    assert c.components["certificate"] == pytest.approx(0.002)
    assert 0.002 <= c.relative_uncertainty < 0.003
    assert (c.instrument, c.serial, c.accelerating_voltage_kv, c.certificate) == ("FEI Helios", "D1", 5.0, "PTB 4711")
    assert (c.nm_per_px_min, c.nm_per_px_max) == pytest.approx((2, 2))
    assert [m["file"] for m in c.micrographs] == ["g0.tif", "g1.tif", "g2.tif"]
    assert "angle between the grid's axes 90.0" in c.remarks

    picture = write(tmp_path / "p.tif", spheres(70.0))
    options = ("--engine", "threshold", "--workers", "1", "-q")
    assert run("measure", picture, "-o", tmp_path / "out", "--calibration", file, *options) == 0
    about = json.loads((tmp_path / "out" / "p" / "measurement.json").read_text(encoding="utf-8"))
    assert about["scale"]["nm_per_px_y_x"] == pytest.approx((2.04, 1.97), rel=5e-4)
    assert about["scale"]["source"] == "metadata"
    assert about["scale"]["calibration"]["certificate"] == "PTB 4711"
    component = about["budget"]["statistics"]["mean"]["components"]["scale"]
    assert component["standard_uncertainty"] == pytest.approx(c.relative_uncertainty)
    assert "calibration of the magnification after ISO 16700 with a grating of pitch 40 nm" in component["source"]
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "certificate PTB 4711, 2026-05-31" in report

    c_text = file.read_text(encoding="utf-8")
    file.write_text(c_text.replace(f"factor_x = {c.factor_x!r}", "factor_x = 1.1"), encoding="utf-8")
    assert run("measure", picture, "-o", tmp_path / "out", "--calibration", file, *options) == 0
    again = json.loads((tmp_path / "out" / "p" / "measurement.json").read_text(encoding="utf-8"))
    assert again["scale"]["nm_per_px_y_x"][1] == pytest.approx(2.2), "another calibration, nothing is kept"


def test_spheres(tmp_path: Path) -> None:
    files = [write(tmp_path / f"s{k}.tif", spheres(70.0, seed=k)) for k in range(2)]
    settings = tmp_path / "s.toml"
    settings.write_text('[segment]\nengine = "threshold"\n', encoding="utf-8")
    given = ("--diameter", "70 nm", "--uncertainty", "1 nm", "--settings", settings, "-o", tmp_path / "c.toml")
    assert run("calibrate", *files, *given) == 0
    c = read_calibration(tmp_path / "c.toml")
    assert (c.factor_y, c.factor_x) == pytest.approx((1.02, 0.985), rel=6e-3)
    assert c.factor_y / c.factor_x == pytest.approx(1.02 / 0.985, rel=2e-3)
    assert c.components["certificate"] == pytest.approx(0.5 / 70)
    assert c.components["outlines"] > 0
    assert all(m["n_spheres"] >= 12 for m in c.micrographs)
    assert abs(c.factor_y - 1.02) < 2 * c.relative_uncertainty


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert run(*argv) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_what_cannot_be_calibrated_is_one_line(gratings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = ("--pitch", "40 nm", "--uncertainty", "0.1 nm", "-o", tmp_path / "c.toml")
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, grating(40.0, TRUE), photometric="minisblack", metadata=None)
    assert "plain.tif: no scale" in refused(capsys, "calibrate", plain, *known)
    assert run("calibrate", plain, *known, "--scale", "2 nm/px") == 0
    capsys.readouterr()
    other = write(tmp_path / "other.tif", grating(40.0, TRUE), HELIOS.replace("Helios", "Scios"))
    assert "is of FEI Helios, other.tif of FEI Scios" in refused(capsys, "calibrate", gratings[0], other, *known)
    off = write(tmp_path / "off.tif", grating(40.0, (2.2, 2.2)))
    said = refused(capsys, "calibrate", gratings[0], off, *known)
    assert re.search(r"(g0.tif and off.tif|off.tif and g0.tif) differ by \d+\.\d %", said)
    noise = write(tmp_path / "noise.tif", np.random.default_rng(0).integers(0, 255, (400, 500)).astype(np.uint8))
    assert "noise.tif: no clear period" in refused(capsys, "calibrate", noise, *known)
    assert "no certificate" in refused(capsys, "calibrate", noise, "--pitch", "40 nm", "--uncertainty", "20 nm")
    assert "none.toml: cannot be read" in refused(capsys, "measure", noise, "--calibration", tmp_path / "none.toml", "-o", tmp_path)
