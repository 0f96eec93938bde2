"""Tiny, non-square micrographs that the tests write themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

SHAPE = (6, 10)


@pytest.fixture
def ramp() -> np.ndarray:
    """(6, 10) uint8, every pixel different, bright to the right and down."""
    return np.arange(60, dtype=np.uint8).reshape(SHAPE) * 4


@pytest.fixture
def write_tiff(tmp_path: Path, ramp: np.ndarray) -> Callable[..., Path]:
    """write(pixels, tags={34682: b"..."}, name="a.tif", **options of tifffile.imwrite) -> path."""

    def write(pixels: np.ndarray | None = None, *, tags: dict[int, Any] | None = None, name: str = "a.tif", **options: Any) -> Path:
        path = tmp_path / name
        extra = []
        for code, value in (tags or {}).items():
            if isinstance(value, bytes):
                extra.append((code, 7 if code == 50431 else 1, len(value), value, True))
            elif isinstance(value, float):
                extra.append((code, 12, 1, value, True))
            else:
                extra.append((code, 2, 0, value, True))
        options = {"metadata": None, "photometric": "minisblack"} | options
        tifffile.imwrite(path, ramp if pixels is None else pixels, extratags=extra, **options)
        return path

    return write


@pytest.fixture(scope="session")
def shared_scale() -> Path:
    """The collection of real micrographs, which is not part of the project."""
    root = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[3] / "shared"))
    folder = root / "data" / "scale"
    if not folder.is_dir():
        pytest.skip(f"real micrographs not found in {folder}; set NANOGAUGE_SHARED to the folder that holds data/scale")
    return folder
