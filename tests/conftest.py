"""Rendered micrographs with known truth, a text reader that reads nothing, and the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nanogauge.pipeline.measure import Measurer
from nanogauge.training.synthetic import Rendering
from scenes import blind, spheres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of slow tests come first, so that none of them is begun when all others are done; xdist by itself begins with the files
    of the most tests, which are the quick ones."""
    weight: Counter[Path] = Counter()
    for item in items:
        weight[item.path] += 10 * ("browser" in item.keywords) + ("slow" in item.keywords)
    items.sort(key=lambda item: -weight[item.path])


@pytest.fixture(scope="session")
def scene_with_bar() -> Rendering:
    """300 x 420 px of spheres above a Zeiss data bar, 1.7 nm/px."""
    return spheres(nm_per_px=1.7, instrument="zeiss")


@pytest.fixture(scope="session")
def bare_scene() -> Rendering:
    """The same spheres without a data bar, so without a scale."""
    return spheres()


@pytest.fixture
def blind_measurer() -> Measurer:
    """The threshold engine and a reader that finds no text."""
    return blind()


@pytest.fixture
def memory() -> Iterator[Any]:
    """An object store in memory, emptied afterwards."""
    fsspec = pytest.importorskip("fsspec", reason="needs object stores: pip install nanogauge[cloud]")
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


@pytest.fixture(scope="session")
def nanogauge() -> Callable[..., subprocess.CompletedProcess[str]]:
    """nanogauge("measure", "a.tif", cwd=folder) -> what the command printed and its exit code."""

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error::UserWarning:nanogauge", "-m", "nanogauge", *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            env=os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
        )

    return run
