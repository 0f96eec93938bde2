"""The examples in docstrings, in README.md and in docs/ do what they say.

Figures in docstrings may be off by a tenth, so that a network trained anew does not make every example wrong.
"""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(p for p in (ROOT / "src" / "nanogauge").rglob("*.py") if ">>> " in p.read_text(encoding="utf-8"))
PAGES = sorted(
    p
    for p in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if p.is_file() and "```python" in p.read_text(encoding="utf-8")
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
SLACK = 0.1


class Roughly(doctest.OutputChecker):
    """Words must be the same, numbers the same within `SLACK`."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if super().check_output(want, got, optionflags):
            return True
        wanted, there = NUMBER.findall(want), NUMBER.findall(got)
        same_words = super().check_output(NUMBER.sub("#", want), NUMBER.sub("#", got), optionflags)
        return same_words and len(wanted) == len(there) and all(map(_near, wanted, there))


def _near(a: str, b: str) -> bool:
    return abs(float(a) - float(b)) <= SLACK * max(abs(float(a)), abs(float(b)))


def test_figures_are_held_to_a_tenth() -> None:
    checker = Roughly()
    assert checker.check_output("63 particles, 45.6 nm\n", "60 particles, 47.0 nm\n", 0)
    assert not checker.check_output("63 particles, 45.6 nm\n", "63 particles, 55.6 nm\n", 0)
    assert not checker.check_output("63 particles, 45.6 nm\n", "63 particles, 45.6 px\n", 0)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / "src" / "nanogauge")))
def test_examples_in_docstrings(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed: pip install 'nanogauge[test]'")
    runner = doctest.DocTestRunner(checker=Roughly(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    found = [t for t in doctest.DocTestFinder(exclude_empty=True).find(module, name) if t.examples]
    assert found, f"{path}: its examples stand where doctest does not look"
    for test in found:
        runner.run(test, out=report.append)
    assert not runner.summarize(verbose=False).failed, "".join(report)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pages' examples run: a micrograph, the examples, and what was measured in results/."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples" / "thermo-gold-spheres.png", tmp_path / "image.tif")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_examples_in_pages(page: Path, folder: Path, nanogauge: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A page's blocks run one after the other, as a reader would type them."""
    text = page.read_text(encoding="utf-8")
    if "results/particles.parquet" in text:
        done = nanogauge("measure", "image.tif", "-o", "results", "--engine", "threshold", "--quiet", "--no-report", cwd=folder)
        assert done.returncode == 0, done.stderr
    names: dict[str, object] = {}
    for match in re.finditer(r"^( *)```python[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        block = re.sub(rf"^{match[1]}", "", match[2], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1
        exec(compile("\n" * line + block, str(page), "exec"), names)  # the line number of the page shows in a traceback
