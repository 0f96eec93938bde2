"""Benchmarks that others rely on: the dry run of the one for GPUs, and what the history calls worse."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
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
    monkeypatch.setitem(sys.modules, spec.name, module)  # its dataclasses look there for their module
    spec.loader.exec_module(module)
    return module


def test_a_drawn_box_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    supports = benchmark("supports", monkeypatch)
    labels = np.zeros((60, 80), np.int32)
    labels[10:20, 10:20], labels[21:31, 13:23], labels[40:50, 60:70] = 1, 3, 7
    found = supports.boxes_of(labels)
    assert found.tolist() == [[10, 10, 20, 20], [13, 21, 23, 31], [60, 40, 70, 50]]
    drawn = supports.corners([[15, 15, 14, 14], [15, 15, 10, 10], [66, 46, 10, 10]])
    assert drawn[0].tolist() == [8, 8, 22, 22]
    assert supports.n_found(found, drawn) == 2  # two boxes round one particle: one is found; the last is off by a pixel
    assert supports.n_found(found[:0], drawn) == supports.n_found(found, drawn[:0]) == 0


def star_convex(monkeypatch: pytest.MonkeyPatch, name: str = "star_convex") -> ModuleType:
    pytest.importorskip("onnx", reason="needs onnx: pip install nanogauge[train]")
    return benchmark(name, monkeypatch)


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


def two_discs() -> np.ndarray:
    """Discs of radius 20; the second lies behind the first."""
    y, x = np.mgrid[:100, :140]
    labels = np.where((y - 50) ** 2 + (x - 80) ** 2 < 400, 2, 0).astype(np.int32)
    labels[(y - 50) ** 2 + (x - 46) ** 2 < 400] = 1
    return labels


def test_rays_of_star_convex_outlines_say_how_far_and_what_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    star, labels = star_convex(monkeypatch, "star_rays"), two_discs()
    valid = np.ones(labels.shape, bool)
    valid[:34] = False
    length, end = star.rays(labels, valid, np.array([[50, 46], [50, 80]]))
    quarter = star.N_RAYS // 4  # to the right, down, to the left, up
    assert length[0, 2 * quarter] == pytest.approx(19.5)
    assert length[1, 2 * quarter] == pytest.approx(14.5), "it ends where the first disc does"
    assert end[0, ::quarter].tolist() == [star.NEIGHBOUR, star.GROUND, star.GROUND, star.UNKNOWN]
    assert end[1, 2 * quarter] == star.NEIGHBOUR


def test_star_convex_outlines_painted_and_shared_areas_are_those_of_discs(monkeypatch: pytest.MonkeyPatch) -> None:
    star, labels = star_convex(monkeypatch), two_discs()
    middle = np.array([[50.0, 46.0], [50.0, 80.0], [52.0, 47.0]])
    stars = star.Stars(middle, np.full((3, star.N_RAYS), 20.0))
    assert stars.area == pytest.approx(math.pi * 400, rel=0.01)
    lens = 2 * 400 * math.acos(17 / 20) - 17 * math.sqrt(1600 - 34**2)
    assert star.shared_area(stars[:1], stars) == pytest.approx([math.pi * 400, lens, 1160], rel=0.2)
    assert len(star.suppressed(stars, 0.4)) == 2, "the third is the first once more"
    assert (star.painted(stars[:2], labels.shape) != labels).mean() < 0.02
    shared = star.owners(stars[:2], labels > 0, 1.3)
    assert (shared == 1).sum() == pytest.approx((shared == 2).sum(), rel=0.02), "the lens is halved, whoever lies on top"


def test_the_loss_of_whole_outlines_lets_them_reach_under_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    star = star_convex(monkeypatch, "star_rays")
    true = torch.full((1, star.N_RAYS), 10.0)
    end = torch.zeros((1, star.N_RAYS), dtype=torch.uint8)
    end[:, :8] = star.NEIGHBOUR
    longer = true.clone()
    longer[:, :8] = 15
    assert star.star_loss(torch.cat([true, longer], 1), true, end).tolist() == [0, 0]
    assert star.star_loss(torch.cat([longer, true], 1), true, end).tolist() == pytest.approx([0.5 * 8 / 32, 0])
    end[:, :8] = star.UNKNOWN
    assert star.star_loss(torch.cat([longer, longer], 1), true, end).tolist() == [0, 0]


def test_pieces_are_joined_and_cut_where_star_convex_outlines_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """One disc with a wall across it, whose halves see one outline; two discs without a wall between them, each with its own."""
    star = star_convex(monkeypatch)
    y, x = np.mgrid[:100, :140].astype(np.float32)
    inside = (y - 50) ** 2 + (x - 46) ** 2 < 400
    maps, rays = {}, np.zeros((2 * star.N_RAYS, 50, 70), np.float32)
    for k, angle in enumerate(star.ANGLES):  # from each pixel to the outline of a disc of radius 20
        v, u = y - 50, x - 46
        along = -(v * np.sin(angle) + u * np.cos(angle))
        rays[k] = (along + np.sqrt(np.maximum(400 - v**2 - u**2 + along**2, 0)))[::2, ::2]
    distance = np.where(inside, 1 - np.hypot(y - 50, x - 46) / 20, 0).astype(np.float32)
    wall = (inside & (np.abs(x - 46) < 2)).astype(np.float32)
    maps["joined"] = star.Maps(inside.astype(np.float32), wall, np.where(wall > 0, 0, distance + 0.3).astype(np.float32), rays)
    picture = star.Picture(maps["joined"], (100, 140))
    assert star.shipped(picture, star.Constants()).max() == 2
    assert star.corrected(picture, star.Constants(), cut=False).max() == 1
    two = two_discs()
    rays = np.full((2 * star.N_RAYS, 50, 70), 19.5, np.float32)
    flat = np.maximum(distance, np.where(two == 2, 1 - np.hypot(y - 50, x - 80) / 20, 0)).astype(np.float32)
    bridge = np.maximum(flat, 0.95 * ((np.abs(y - 50) < 4) & (np.abs(x - 63) < 17))).astype(np.float32)
    picture = star.Picture(star.Maps((two > 0).astype(np.float32), np.zeros_like(flat), bridge, rays), (100, 140))
    assert star.shipped(picture, star.Constants()).max() == 1
    assert star.corrected(picture, star.Constants(above=0.9), join=False).max() == 2
