"""`import nanogauge` is quick, its public names are there, and the floors of the house hold."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nanogauge

HEAVY = ("onnxruntime", "rapidocr", "cv2", "matplotlib", "pandas", "torch", "typer", "numpy", "scipy", "skimage")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_imports_nothing_heavy() -> None:
    assert python(f"import sys, nanogauge; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_the_command_line_starts_without_what_it_does_not_need() -> None:
    heavy = [m for m in HEAVY if m != "typer"]
    assert python(f"import sys, nanogauge.apps.cli.main; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_public_names_are_the_ones_with_a_home() -> None:
    assert sorted(nanogauge.__all__) == sorted(nanogauge._HOME)
    assert dir(nanogauge) == sorted(nanogauge.__all__)


@pytest.mark.parametrize("name", nanogauge.__all__)
def test_public_name_resolves(name: str) -> None:
    home = importlib.import_module(f"nanogauge.{nanogauge._HOME[name]}")
    assert getattr(nanogauge, name) is getattr(home, name)


def test_measure_is_the_function_whatever_was_imported_before() -> None:
    code = "from nanogauge import pipeline, measuring; import nanogauge; print(callable(nanogauge.measure))"
    assert python(code) == "True"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="mesure"):
        nanogauge.mesure  # noqa: B018


def test_the_floors_hold() -> None:
    """pyproject.toml's import contracts: downwards only, onnxruntime, RapidOCR and torch each in one place."""
    lint = shutil.which("lint-imports", path=Path(sys.executable).parent) or shutil.which("lint-imports")
    if lint is None:
        pytest.skip("import-linter is not installed: pip install 'nanogauge[test]'")
    root = Path(__file__).parents[1]
    done = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
