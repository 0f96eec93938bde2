"""The Fiji script: its own parts under CPython, its grammar, and what needs no window under Jython and ImageJ themselves."""

from __future__ import annotations

import ast
import json
import math
import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from nanogauge import Measurement, Scale
from nanogauge.core.micrograph import Micrograph
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.training.synthetic import Rendering

SCRIPT = Path(__file__).parents[2] / "fiji" / "Nanogauge_Measure.py"
JARS = [Path("/usr/share/java") / name for name in ("ij.jar", "jython.jar")]  # Debian's libij-java and jython

if not SCRIPT.is_file():
    pytest.skip("the Fiji script is not in this copy of the source", allow_module_level=True)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("Nanogauge_Measure", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measured(bare_scene: Rendering, blind_measurer: Measurer) -> Measurement:
    micrograph = Micrograph(pixels=bare_scene.pixels, name="a.png")
    return blind_measurer.measure(micrograph, scale=Scale((2.0, 2.5), 0.01, "user"))


def test_grammar_is_that_of_python_2_7() -> None:
    source = SCRIPT.read_bytes()
    source.decode("ascii")  # without a line on its encoding
    for node in ast.walk(ast.parse(source)):
        newer = ast.JoinedStr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Await, ast.Nonlocal, ast.NamedExpr, ast.YieldFrom, ast.Match
        assert not isinstance(node, newer), ast.dump(node)
        if isinstance(node, ast.FunctionDef):
            a = node.args
            assert [*a.kwonlyargs, *a.posonlyargs] == [], node.name
            assert node.returns is None, node.name
            assert all(x.annotation is None for x in a.args), node.name
        if isinstance(node, ast.Raise):
            assert node.cause is None, "raise ... from"
        if isinstance(node, ast.Call):
            starred = [k for k, x in enumerate(node.args) if isinstance(x, ast.Starred)]
            assert starred in ([], [len(node.args) - 1])
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            assert not any(isinstance(x, ast.Starred) for x in node.elts)


def test_command_is_one_that_nanogauge_takes(script: ModuleType) -> None:
    from typer.testing import CliRunner

    from nanogauge.apps.cli.main import app

    line = script.command_line("nanogauge", "a.tif", "out", scale=" 2.5 nm/px ", engine="threshold")
    assert line[-5:] == ["--scale", "2.5 nm/px", "--engine", "threshold", "--no-report"]
    assert "--no-report" not in script.command_line("nanogauge", "a.tif", "out", report=True)
    shown = CliRunner().invoke(app, ["measure", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    for option in [x for x in line if x.startswith("--")]:
        assert option in shown


def test_names(script: ModuleType, tmp_path: Path) -> None:
    assert script.file_name("Gold, 5 nm (2).TIFF") == "Gold_5_nm_2.tif"
    assert script.file_name("../../etc/passwd") == "etc_passwd.tif"
    assert script.file_name("\u00b5\u00b5") == "image.tif"
    assert len(script.file_name("x" * 500)) < 120
    (tmp_path / "a").mkdir()
    assert script.free_folder(str(tmp_path), "a") == str(tmp_path / "a-2")
    assert script.find_command("") == ""
    (tmp_path / "nanogauge").write_text("")
    assert script.find_command(os.pathsep.join(["", "/nowhere", str(tmp_path)])) == str(tmp_path / "nanogauge")


def test_what_was_written_is_read(script: ModuleType, measured: Measurement, tmp_path: Path) -> None:
    measured.save(tmp_path / "out" / "a")
    folder = script.result_folder(str(tmp_path / "out"))
    assert folder == str(tmp_path / "out" / "a")
    columns, rows = script.read_table(folder)
    assert columns == list(measured.particles.columns)
    assert len(rows) == measured.n_particles
    k = columns.index("equivalent_diameter_nm")
    assert [r[k] for r in rows] == pytest.approx(measured.particles["equivalent_diameter_nm"].tolist())
    assert [r[columns.index("flags")] for r in rows] == measured.particles["flags"].tolist()
    about = script.read_measurement(folder)
    assert script.pixel_nm(about) == (2.0, 2.5)
    lines = script.summary_lines(about)
    assert lines[0] == f"a.png: {measured.n_particles} particles, {measured.distribution.n} counted"
    assert lines[1] == "Scale: 2 x 2.5 nm/px (y x x), from you (+/- 1 %)"
    assert f"mean {measured.distribution.mean.value:.4g} nm" in lines[2]
    with pytest.raises(script.Problem, match="no result"):
        script.result_folder(str(tmp_path / "nothing"))


def test_without_scale_or_particles(script: ModuleType, blind_measurer: Measurer, tmp_path: Path) -> None:
    blind_measurer.measure(Micrograph(pixels=np.zeros((60, 80), np.uint8), name="b.png")).save(tmp_path / "b")
    columns, rows = script.read_table(str(tmp_path / "b"))
    assert rows == []
    assert "equivalent_diameter_nm" not in columns
    about = script.read_measurement(str(tmp_path / "b"))
    assert script.pixel_nm(about) is None
    assert any("sizes are in px" in line for line in script.summary_lines(about))
    assert math.isnan(script._cell("confidence", ""))


def test_what_went_wrong_is_said(script: ModuleType) -> None:
    printed = "x\nnanogauge: a.tif: cut off; copy it again\n"
    assert script.error_text(2, printed) == "nanogauge ended with code 2: a.tif: cut off; copy it again"
    assert script.error_text(1, "") == "nanogauge ended with code 1: it printed nothing"


IN_IMAGEJ = """
import os, sys
sys.path.insert(0, sys.argv[1])
import Nanogauge_Measure as n
from ij import IJ
from ij.measure import Calibration
from ij.io import RoiDecoder
from jarray import array
from zipfile import ZipFile
folder, program, picture = sys.argv[2:5]
imp = IJ.openImage(picture)
assert n.original_file(imp) == picture, n.original_file(imp)
code, said = n.run([program, "--version"])
assert code == 0 and said.startswith("nanogauge "), said
try:
    n.run([os.path.join(folder, "missing")])
    raise AssertionError("started what is not there")
except n.Problem as problem:
    assert "cannot start" in str(problem)
cal = Calibration(); cal.pixelHeight, cal.pixelWidth = 2.0, 2.5; cal.setUnit("nm")
imp.setCalibration(cal)
saved = n.save_plane(imp, folder)
imp.setProperty(n.SET_BY_US, n.described(imp.getCalibration()))
os.mkdir(os.path.join(folder, "second"))
n.save_plane(imp, os.path.join(folder, "second"))
columns, rows = n.read_table(os.path.join(folder, "a"))
archive = ZipFile(os.path.join(folder, "a", "rois.zip"))
signed = lambda data: array([ord(c) - 256 * (ord(c) > 127) for c in data], "b")
rois = [RoiDecoder(signed(archive.read(name)), name).getRoi() for name in archive.namelist()]
imp.setCalibration(Calibration())
areas = []
for roi in rois:
    imp.setRoi(roi)
    areas.append("%s %d" % (roi.getName(), imp.getStatistics().pixelCount))
labels = IJ.openImage(os.path.join(folder, "a", "labels.tif"))
c = labels.getCalibration()
print("AREAS " + ";".join(areas))
print("LABELS %.6g %.6g %s" % (c.pixelHeight, c.pixelWidth, c.getUnit()))
print("ROWS %d" % len(rows))
"""


@pytest.mark.skipif(
    not (shutil.which("java") and all(j.is_file() for j in JARS)),
    reason="Jython or ImageJ is not installed: apt install jython libij-java",
)
def test_in_imagej(measured: Measurement, bare_scene: Rendering, tmp_path: Path) -> None:
    """Jython and ImageJ themselves: the script loads, runs programs, writes planes, and ImageJ counts the pixels nanogauge did."""
    picture = tmp_path / "Spheres.png"
    Image.fromarray(bare_scene.pixels).save(picture)
    measured.save(tmp_path / "a")
    (tmp_path / "try.py").write_text(IN_IMAGEJ)
    launcher = tmp_path / "nanogauge"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nanogauge "$@"\n')
    launcher.chmod(0o755)
    java = ["java", "-Djava.awt.headless=true", "-Dpython.home=/usr/share/jython", "-Dpython.cachedir.skip=true"]
    java += ["-cp", os.pathsep.join(map(str, JARS)), "org.python.util.jython", str(tmp_path / "try.py")]
    shutil.copy(SCRIPT, tmp_path)  # Jython writes its compiled class beside the script
    done = subprocess.run(
        [*java, str(tmp_path), str(tmp_path), str(launcher), str(picture)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.split(" ", 1)[0] in ("AREAS", "LABELS", "ROWS"))
    counted = {int(k): int(v) for k, v in (pair.split() for pair in said["AREAS"].split(";"))}
    assert counted == dict(zip(*(v[1:].tolist() for v in np.unique(measured.labels, return_counts=True)), strict=True))
    assert said["LABELS"] == "2 2.5 nm"
    assert int(said["ROWS"]) == measured.n_particles
    saved = read_micrograph(tmp_path / "Spheres.tif")
    assert (saved.pixels == bare_scene.pixels).all()
    assert saved.scale is not None
    assert saved.scale.nm_per_px == pytest.approx((2.0, 2.5))
    assert read_micrograph(tmp_path / "second" / "Spheres.tif").scale is None, "a scale set by a measurement is no metadata"
    assert json.loads((tmp_path / "a" / "measurement.json").read_text(encoding="utf-8"))["n_particles"] == len(counted)
