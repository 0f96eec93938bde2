"""`--page`, `--detector`, `--channel`: what is measured of a file that holds several pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nanogauge.apps.cli.main import main

CENTRES = ((40, 40), (40, 110), (110, 40), (110, 110), (75, 170))


def discs(radius: float) -> np.ndarray:
    y, x = np.mgrid[:150, :210]
    return np.asarray(40 + 160 * (np.min([np.hypot(y - a, x - b) for a, b in CENTRES], axis=0) < radius), np.uint8)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages: discs of 12, 20 and 28 px."""
    path = tmp_path_factory.mktemp("stack") / "a.tif"
    tifffile.imwrite(path, np.stack([discs(r) for r in (12, 20, 28)]), photometric="minisblack", metadata=None)
    return path


def measured(argv: list[str], out: Path) -> dict:
    with pytest.raises(SystemExit) as end:
        main(["measure", *argv, "-o", str(out), "--engine", "threshold", "--scale", "1 nm/px", "--no-report", "--workers", "1"])
    assert end.value.code == 0
    return json.loads((out / "a" / "measurement.json").read_text(encoding="utf-8"))


def test_the_page_measured_is_the_one_asked_for(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = measured([str(stack)], tmp_path)
    assert about["distribution"]["mean"]["value"] == pytest.approx(24, abs=1)
    assert "first of 3 pages used" in capsys.readouterr().out
    about = measured([str(stack), "--page", "2"], tmp_path)  # the same folder: nothing of page 1 is kept
    assert about["distribution"]["mean"]["value"] == pytest.approx(40, abs=1)
    assert (about["part"]["page"], about["part"]["n_pages"]) == (2, 3)
    assert about["settings"]["read"] == {"page": 2, "detector": "", "channel": ""}
    assert "page 2 of 3 used" in capsys.readouterr().out


def test_settings_and_processes_obey_too(stack: Path, tmp_path: Path) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text('[read]\npage = 3\n[segment]\nengine = "threshold"\n', encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["measure", str(stack), "-o", str(tmp_path), "--settings", str(settings), "--no-report", "-q", "--workers", "2"])
    assert end.value.code == 0
    about = json.loads((tmp_path / "a" / "measurement.json").read_text(encoding="utf-8"))
    assert about["distribution_px"]["mean"]["value"] == pytest.approx(56, abs=1)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--page", "4"], "no page 4; it has 3 pages, 1 to 3"),
        (["--detector", "HAADF"], "no detector 'HAADF'; there are 1, 2, 3"),
        (["--channel", "red"], "no channel 'red', it is grey; leave --channel out"),
    ],
)
@pytest.mark.parametrize("command", ["measure", "scale"])
def test_a_wrong_choice_is_one_line(stack, tmp_path, capsys, option, words, command) -> None:
    argv = [command, str(stack), *option]
    argv += ["-o", str(tmp_path), "--engine", "threshold", "--no-report", "--workers", "1", "-q"] if command == "measure" else []
    with pytest.raises(SystemExit) as end:
        main(argv)
    said = capsys.readouterr()
    if command == "measure":
        rows = (tmp_path / "summary.csv").read_text(encoding="utf-8")
        assert words in rows
    else:
        assert [line for line in said.err.splitlines() if words in line]
    assert end.value.code == 1
    assert "Traceback" not in said.err
