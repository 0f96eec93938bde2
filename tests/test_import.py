"""`import nanogauge` is quick, its public names are there, and the floors of the house hold."""

from __future__ import annotations

import ast
import importlib
import inspect
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


HOMES = {
    alias.name: node.module
    for node in ast.walk(ast.parse(Path(nanogauge.__file__).with_suffix(".pyi").read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def test_public_names_are_the_ones_with_a_home() -> None:
    assert sorted(nanogauge.__all__) == sorted(HOMES)
    assert set(dir(nanogauge)) >= set(HOMES)


@pytest.mark.parametrize("name", sorted(HOMES))
def test_public_name_resolves_and_says_what_it_is(name: str) -> None:
    home = importlib.import_module(f"nanogauge.{HOMES[name]}")
    public = getattr(nanogauge, name)
    assert public is getattr(home, name)
    assert name == "__version__" or len(inspect.getdoc(public) or "") > 20


def test_the_stub_and_the_marker_of_types_are_installed() -> None:
    folder = Path(nanogauge.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "__init__.pyi").is_file()


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


def test_a_report_imports_nothing_that_measures() -> None:
    """And none of SciPy's slow parts: `nanogauge report` spent half of its time on imports."""
    unwanted = ("scipy.stats", "scipy.optimize", "onnxruntime", "rapidocr", "skimage.measure._regionprops")
    unwanted += ("nanogauge.pipeline.measure", "nanogauge.batch", "nanogauge.detection.find")
    assert python(f"import sys, nanogauge.apps.cli.report; print([m for m in {unwanted} if m in sys.modules])") == "[]"


def test_the_way_from_file_to_sizes_imports_no_optimiser_and_no_plots() -> None:
    unwanted = ("scipy.stats", "scipy.optimize", "matplotlib", "typst", "xlsxwriter", "nanogauge.arrangement.fibres.mats")
    assert python(f"import sys, nanogauge.apps.cli.measure_files; print([m for m in {unwanted} if m in sys.modules])") == "[]"


def test_what_draws_is_imported_ahead_where_it_is_asked_for() -> None:
    code = """if 1:
        import sys, threading
        from nanogauge.reporting import plots
        print('matplotlib' in sys.modules, end=' ')
        plots.load_ahead()
        [t.join() for t in threading.enumerate() if t is not threading.main_thread()]
        print('matplotlib.backends.backend_svg' in sys.modules)"""
    assert python(code) == "False True"


@pytest.mark.parametrize("report", [True, False])
def test_only_a_command_that_reports_imports_what_draws(report: bool, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.png"
    nothing.touch()
    arguments = ["measure", str(nothing), "-q", "-o", str(tmp_path / "out"), *([] if report else ["--no-report"])]
    code = f"""if 1:
        from typer.testing import CliRunner
        from nanogauge.apps.cli import main, measuring
        from nanogauge.reporting import plots
        asked = []
        plots.load_ahead, measuring.cores = lambda: asked.append(1), lambda: 2
        CliRunner().invoke(main.app, {arguments})
        print(len(asked))"""
    assert python(code) == str(int(report))
