"""`nanogauge order`, and order with `measure`: what is written, and what is said of bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nanogauge.apps.cli.main import main
from nanogauge.core.particles import ORDER_COLUMNS
from nanogauge.results.arrangement import ORDER_FILES
from nanogauge.results.saved import read_saved

SPACING = 24.0
NAMES = [c.name for c in ORDER_COLUMNS]


def picture(n: int = 400, spacing: float = SPACING, radius: float = 8.0) -> np.ndarray:
    """Bright discs in a hexagonal lattice, its rows turned by 10 degrees."""
    i, j = np.meshgrid(np.arange(-60, 61), np.arange(-60, 61))
    x, y = (i + j / 2).ravel() * spacing, (j * math.sqrt(3) / 2).ravel() * spacing
    t = math.radians(10)
    at = np.stack([n / 2 - (x * math.sin(t) + y * math.cos(t)), n / 2 + x * math.cos(t) - y * math.sin(t)], axis=1)
    at = at[((at > -radius) & (at < n + radius)).all(axis=1)]
    yy, xx = np.mgrid[:n, :n]
    away = np.full((n, n), 99.0)
    for a, b in at:
        window = np.s_[max(int(a) - 14, 0) : max(int(a) + 15, 0), max(int(b) - 14, 0) : max(int(b) + 15, 0)]
        away[window] = np.minimum(away[window], np.hypot(yy[window] - a, xx[window] - b))
    noise = np.random.default_rng(0).normal(0, 4, (n, n))
    return np.asarray(np.clip(50 + 150 / (1 + np.exp((away - radius) / 0.6)) + noise, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """discs.png, fine.png, blank.png."""
    path = tmp_path_factory.mktemp("order")
    Image.fromarray(picture()).save(path / "discs.png")
    Image.fromarray(picture(300, 6.0, 2.0)).save(path / "fine.png")
    Image.fromarray(np.full((200, 200), 90, np.uint8)).save(path / "blank.png")
    return path


@pytest.fixture(scope="module")
def results(folder: Path) -> Path:
    """The run of `measure` with order asked for in the settings."""
    (folder / "my.toml").write_text("[arrangement]\norder = true\n", encoding="utf-8")
    out = folder / "results"
    with pytest.raises(SystemExit) as end:
        main(
            [
                "measure",
                str(folder / "discs.png"),
                "-o",
                str(out),
                "--settings",
                str(folder / "my.toml"),
                *FAST,
                "--scale",
                "2 nm/px",
            ]
        )
    assert end.value.code == 0
    return out


FAST = ["--engine", "threshold"]


def ordered(argv: list[str], *, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(["order", *argv])
    assert end.value.code == code


def check(figures: dict[str, Any], constant: float, unit: str) -> None:
    assert figures["unit"] == unit
    assert figures["lattice"] == "hexagonal"
    assert figures["lattice_constant"]["value"] == pytest.approx(constant, rel=0.003)
    assert figures["grains"]["n"] == 1


def test_measure_writes_order_where_it_was_asked_for(results: Path) -> None:
    made = results / "discs"
    assert set(ORDER_FILES) <= {p.name for p in made.iterdir()}
    check(json.loads((made / "order.json").read_text(encoding="utf-8")), 2 * SPACING, "nm")
    about = json.loads((made / "measurement.json").read_text(encoding="utf-8"))
    check(about["order"], 2 * SPACING, "nm")
    for table in (
        pd.read_csv(made / "particles.csv"),
        pd.read_csv(results / "particles.csv"),
        pq.read_table(results / "particles.parquet").to_pandas(),
    ):
        assert set(NAMES) <= set(table)
        assert table["psi6"].median() > 0.98
        assert (table["grain"] == 1).mean() > 0.95
    assert pd.read_csv(made / "grains.csv")["direction_deg"][0] == pytest.approx(10, abs=0.2)
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "Order: how the particles lie" in page
    assert "Lattice constant" in page


def test_order_is_read_back_as_it_was_never_there(results: Path) -> None:
    """It follows from the table, and is worked out anew."""
    assert not set(NAMES) & set(read_saved(results / "discs").particles)


def test_without_asking_nothing_changes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["measure", str(folder / "discs.png"), "-o", str(tmp_path), *FAST, "--no-report"])
    assert end.value.code == 0
    assert not set(NAMES) & set(pd.read_csv(tmp_path / "discs" / "particles.csv"))
    assert not set(ORDER_FILES) & {p.name for p in (tmp_path / "discs").iterdir()}
    assert "order" not in json.loads((tmp_path / "discs" / "measurement.json").read_text(encoding="utf-8"))


def test_results_are_not_measured_again(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "discs" / "order.json").unlink()
    ordered([str(results), "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    check(row["order"], 2 * SPACING, "nm")
    assert (results / "discs" / "order.json").is_file()


def test_a_fine_lattice_is_seen_in_the_picture_itself(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ordered([str(folder / "fine.png"), "-o", str(tmp_path)])
    figures = json.loads((tmp_path / "fine" / "order.json").read_text(encoding="utf-8"))
    assert figures["from"] == "picture"
    check(figures, 6.0, "px")
    assert not (tmp_path / "fine" / "labels.tif").exists()
    assert "hexagonal" in capsys.readouterr().out


def test_one_that_shows_nothing_is_one_line_and_the_others_are_done(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ordered([str(folder / "blank.png"), str(folder / "fine.png"), "--from", "picture", "-o", str(tmp_path)], code=1)
    said = capsys.readouterr()
    (line,) = said.err.strip().splitlines()
    assert "blank.png" in line
    assert "no lattice" in line
    assert (tmp_path / "fine" / "order.json").is_file()


def test_wrong_words_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ordered([str(folder / "fine.png"), "--from", "thin air"], code=2)
    assert "particles, picture or auto" in capsys.readouterr().err
    ordered([str(folder / "fine.png"), "--lattice", "cubic"], code=2)
    assert "hexagonal, square" in capsys.readouterr().err
