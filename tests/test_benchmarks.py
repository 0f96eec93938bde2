"""Benchmarks that others rely on: the dry run of the one for GPUs, and what the history calls worse."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


def benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of benchmarks/, which is no package."""
    if not (ROOT / "benchmarks" / f"{name}.py").is_file():
        pytest.skip("no benchmarks here, as in a source distribution")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(name: str, value: float, *, machine: str = "a", commit: str = "1") -> dict[str, str]:
    return {"date": "2026-11-28", "commit": commit, "machine": machine, "benchmark": name, "value": f"{value:.5g}"}


def test_a_step_of_a_twentieth_more_instructions_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = benchmark("history", monkeypatch).grown
    name = "work: outlines, million instructions"
    assert grown([row(name, 1000), row(name, 1049)]) == []
    assert grown([row(name, 1000), row(name, 1051, commit="2")]) == [f"{name}: 1 1000 -> 2 1051 (+5.1 %)"]
    assert grown([row(name, 2000), row(name, 1000), row(name, 1000)]) == [], "only the newest step counts"
    assert grown([row(name, 1000), row(name, 1200, machine="b")]) == [], "another machine is no measure"
    assert grown([row("speed: outlines", 1.0), row("speed: outlines", 1.15)]) == [], "what the clock is off by"
    assert grown([row("speed: outlines", 1.0), row("speed: outlines", 1.25)])
    assert grown([row("accuracy: F1", 0.9), row("accuracy: F1", 0.99)]) == [], "more is better there"


@pytest.mark.slow
def test_the_benchmark_for_gpus_runs_dry_on_the_processor(tmp_path: Path) -> None:
    """The same path as on a GPU: batches of tiles, bound buffers, whole micrographs; all its figures are there."""
    pytest.importorskip("onnx", reason="needs onnx: pip install nanogauge[train]")
    script = ROOT / "benchmarks" / "gpu.py"
    if not script.is_file():
        pytest.skip("no benchmarks here, as in a source distribution")
    with Image.open(ROOT / "examples" / "thermo-gold-spheres.png") as picture:
        picture.crop((0, 0, 320, 200)).save(tmp_path / "part.png")
    options = ["--device", "cpu", "--batches", "1", "2", "--seconds", "0.01", "-o", "found.json", "part.png"]
    done = subprocess.run(
        [sys.executable, str(script), *options],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        encoding="utf-8",
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["device"] == "cpu"
    assert found["peak"] > 0
    assert found["micrographs"] > 0
    assert set(found["tiles"]) == {"1", "2"}, "the shipped network takes several tiles at a time"
    assert all(v > 0 for v in found["tiles"].values())
    assert 1e9 < found["peak"] / found["roofline_tiles"] < 1e12, "multiplications for a tile: tens of thousands of millions"
    assert "of the roofline" in done.stdout
