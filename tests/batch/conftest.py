"""Strips of spheres too low for the text reader, so that a micrograph takes a twentieth of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from batch_runs import Running
from PIL import Image

from nanogauge.training.synthetic import Rendering, Scene, render
from nanogauge.training.synthetic.imaging import Look


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """start("measure", "in", ...) -> a running command in tmp_path; killed at the end if it still runs."""
    running: list[Running] = []

    def begin(*arguments: object, module: str = "nanogauge") -> Running:
        running.append(Running(list(arguments), tmp_path, module=module))
        return running[-1]

    yield begin
    for r in running:
        r.close()


@pytest.fixture(scope="session")
def field() -> Rendering:
    """300 x 420 px of small bright spheres on a dark ground, to cut strips from."""
    scene = Scene(shape=(300, 420), layout="sparse", overlap=-0.25, coverage=0.12, median_diameter_px=10, geometric_sd=1.1)
    look = Look(background=0.2, contrast=0.5, body_spread=0.02, edge=0.1, light=0.0, shadow=0.0, texture=0.0, noise=0.02)
    return render(scene, seed=7, look=look)


@pytest.fixture
def strips(tmp_path: Path, field: Rendering) -> Callable[..., Path]:
    """strips(n) -> tmp_path/in with n pictures of 31 x 90 px, each another."""

    def make(n: int, *, first: int = 0) -> Path:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        for k in range(first, first + n):
            Image.fromarray(field.pixels[5 * k % 260 :][:31, 7 * k % 300 :][:, :90]).save(folder / f"p{k:03d}.png")
        return folder

    return make
