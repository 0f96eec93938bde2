"""What stands in more than one place about the project says the same everywhere."""

from __future__ import annotations

import re
import tomllib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import nanogauge
from nanogauge.core.remarks import CODES
from nanogauge.reading.containers import tiff

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ELSEWHERE = {"matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv", "typst": "typst-py"}  # names on conda-forge


def test_the_recipe_has_the_version_and_the_dependencies() -> None:
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    assert f'version: "{PROJECT["version"]}"' in recipe
    run = recipe[recipe.index("  run:") : recipe.index("tests:")]
    there = set(re.findall(r"^    - (\S+) (>=[\d.]+)$", run, re.MULTILINE))
    wanted = {re.fullmatch(r"([\w-]+)(>=[\d.]+)", d.lower()).groups() for d in PROJECT["dependencies"]}  # type: ignore[union-attr]
    assert there == {(ELSEWHERE.get(name, name), least) for name, least in wanted}


def test_the_changelog_knows_the_version_and_what_comes_next() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PROJECT["version"] in headings


def test_the_version_is_that_of_the_installed_package() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", nanogauge.__version__)
    source = [
        p for p in (ROOT / "src").rglob("*.py") if re.search(r"^__version__ = [\"']", p.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert source == []


def test_the_test_command_of_the_readme_is_found() -> None:
    """As .ci/run finds it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme[readme.index("<!-- test command -->") :].split("```")[1]
    assert block.startswith("sh\n")
    assert "pytest" in block


def test_the_maker_in_contributing_reads_the_tag_it_speaks_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worked example is the code a reader copies."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = next(b for b in re.findall(r"```py\n(.*?)```", text, re.DOTALL) if "MAKER = " in b)
    module = types.ModuleType("nanogauge.reading.makers.acme")
    module.__package__ = "nanogauge.reading.makers"
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)
    monkeypatch.setattr(tiff, "MAKERS", (module.MAKER,))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((6, 10), np.uint8), metadata=None, extratags=[(65000, 2, 0, "pixel=1.35;kv=200", True)])
    micrograph = nanogauge.read_micrograph(path)
    assert micrograph.format == "tiff/acme"
    assert micrograph.scale == nanogauge.Scale((1.35, 1.35), 0.02, "metadata")
    assert micrograph.instrument.accelerating_voltage_kv == 200


def test_every_warning_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "warnings.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(CODES)
