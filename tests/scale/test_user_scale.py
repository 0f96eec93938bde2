"""The scale the user states, on the command line and in nanogauge.toml."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nanogauge.core.errors import ScaleError, SettingsError
from nanogauge.scale.user_scale import FILE_NAME, stated_scale, user_scales


def test_stated_scale() -> None:
    assert stated_scale() is None
    plain = stated_scale(scale="2.5 nm/px")
    assert plain is not None
    assert plain.nm_per_px == (2.5, 2.5)
    bar = stated_scale(scale_bar="500 nm", bar_px="123.5")
    assert bar is not None
    assert bar.nm_per_px[1] == pytest.approx(500 / 123.5)
    assert bar.source == "user"
    assert 0 < bar.relative_uncertainty < 0.001  # the rounding of 123.5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scale": "2 nm/px", "scale_bar": "5 nm"}, "not both"),
        ({"scale_bar": "500 nm"}, "length in px is missing"),
        ({"bar_px": 120}, "label is missing"),
        ({"scale_bar": "500", "bar_px": 120}, "cannot read"),
        ({"scale_bar": "500 nm", "bar_px": 0}, "cannot read"),
        ({"scale_bar": "500 nm", "bar_px": -3}, "cannot read"),
    ],
)
def test_what_makes_no_scale(given: dict, words: str) -> None:
    with pytest.raises(ScaleError, match=words):
        stated_scale(**given)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """top/{a.tif, day/{b.tif, deep/c.tif}}, a nanogauge.toml in top and one in deep."""
    deep = tmp_path / "top" / "day" / "deep"
    deep.mkdir(parents=True)
    for path in (tmp_path / "top" / "a.tif", deep.parent / "b.tif", deep / "c.tif", deep / "overview1.tif"):
        path.touch()
    (tmp_path / "top" / FILE_NAME).write_text('scale = "2 nm/px"\n')
    (deep / FILE_NAME).write_text('scale_bar = "500 nm"\nbar_px = 125\n[files."overview*.tif"]\nscale = "30 nm/px"\n')
    return tmp_path


def test_the_nearest_folder_counts_up_to_the_input(tree: Path) -> None:
    top, day = tree / "top", tree / "top" / "day"
    files = [top / "a.tif", day / "b.tif", day / "deep" / "c.tif", day / "deep" / "overview1.tif"]
    found = user_scales(files, [top], None)
    assert [found[f].nm_per_px[1] for f in files] == [2, 2, 4, 30]
    assert set(user_scales(files[1:2], [day], None)) == set()  # top lies above the input
    assert set(user_scales(files[1:2], [files[1]], None)) == set()
    assert set(user_scales([files[0]], [files[0]], None)) == {files[0]}
    by_glob = user_scales([files[1]], [Path(f"{top}/*/b.tif")], None)
    assert by_glob[files[1]].nm_per_px[1] == 2


def test_the_command_line_goes_first(tree: Path) -> None:
    stated = stated_scale(scale="7 nm/px")
    file = tree / "top" / "a.tif"
    assert user_scales([file], [file], stated) == {file: stated}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('sclae = "2 nm/px"', "unknown key 'sclae'"),
        ('[files."a.tif"]\nengine = "unet"', "unknown key 'engine'"),
        ("[segment]\nflips = true", "unknown key 'segment'"),
        ("scale = 2.5", "must be text"),
        ('scale = "2.5 nn/px"', "unknown unit"),
        ('scale_bar = "500 nm"', "length in px is missing"),
        ('scale_bar = "500 nm"\nbar_px = "long"', "must be a number"),
        ("files = 3", "must hold tables"),
        ("scale = ", "not valid TOML"),
    ],
)
def test_mistakes_name_the_file(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        user_scales([tmp_path / "a.tif"], [tmp_path], None)
    assert str(tmp_path / FILE_NAME) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_on_the_command_line(tmp_path: Path, nanogauge) -> None:
    Image.fromarray(np.full((60, 80), 90, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / FILE_NAME).write_text('scale = "2 nm/px"\n')
    rows = json.loads(nanogauge("scale", tmp_path, "--json").stdout)
    assert (rows[0]["nm_per_px"], rows[0]["source"]) == (2, "user")
    rows = json.loads(nanogauge("scale", tmp_path / "a.png", "--scale-bar", "500 nm", "--bar-px", "125", "--json").stdout)
    assert (rows[0]["nm_per_px"], rows[0]["source"]) == (4, "user")
    wrong = nanogauge("scale", tmp_path, "--scale-bar", "500 nm")
    assert wrong.returncode == 2
    assert "length in px is missing" in wrong.stderr
    (tmp_path / FILE_NAME).write_text("colour = 3\n")
    wrong = nanogauge("scale", tmp_path)
    assert wrong.returncode == 2
    assert "colour" in wrong.stderr
    assert "Traceback" not in wrong.stderr
