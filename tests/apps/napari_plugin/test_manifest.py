"""The manifest is what napari understands, ships with the package, and names what exists."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

import nanogauge.apps.napari_plugin
from nanogauge.reading import SUFFIXES

MANIFEST = Path(nanogauge.apps.napari_plugin.__file__).parent / "napari.yaml"
npe2 = pytest.importorskip("npe2", reason="npe2 is not installed: pip install 'nanogauge[test]'")


@pytest.fixture(scope="module")
def manifest() -> npe2.PluginManifest:
    return npe2.PluginManifest.from_file(MANIFEST)


def test_napari_accepts_it(manifest: npe2.PluginManifest) -> None:
    assert manifest.name == distribution("nanogauge").metadata["Name"]
    assert [w.display_name for w in manifest.contributions.widgets or []] == ["Measure"]


def test_entry_point_leads_to_it() -> None:
    points = distribution("nanogauge").entry_points.select(group="napari.manifest")
    if not points:
        pytest.skip("the package was installed before it had this entry point: pip install -e . again")
    assert [(p.name, p.value) for p in points] == [("nanogauge", "nanogauge.apps.napari_plugin:napari.yaml")]


def test_reader_is_offered_for_every_suffix_that_is_read(manifest: npe2.PluginManifest) -> None:
    (reader,) = manifest.contributions.readers or []
    assert sorted(reader.filename_patterns) == sorted(f"*{s}" for s in SUFFIXES)


def test_every_command_exists(manifest: npe2.PluginManifest) -> None:
    """By reading the source: the widget's module needs napari to be imported."""
    commands = manifest.contributions.commands or []
    used = {c.command for group in ("readers", "writers", "widgets", "sample_data") for c in getattr(manifest.contributions, group)}
    assert {c.id for c in commands} == used
    for command in commands:
        module, name = str(command.python_name).split(":")
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}, command.python_name


@pytest.mark.slow
def test_package_alone_imports_neither_napari_nor_qt() -> None:

    code = (
        "import sys, nanogauge.apps.napari_plugin.reader, nanogauge.apps.napari_plugin.writer, "
        "nanogauge.apps.napari_plugin.layers, nanogauge.apps.napari_plugin.editing, "
        " nanogauge.apps.napari_plugin.sample, nanogauge.apps.napari_plugin.saving\n"
        "print([m for m in ('napari', 'qtpy', 'magicgui', 'nicegui') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
