"""One picture in several formats counts once; two pictures of one name count both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.batch.inputs import said_of_left_out, sort_out
from nanogauge.results.interchange.copies import copies
from scenes import spheres


def grey(seed: int = 0) -> np.ndarray:
    return spheres(seed, shape=(240, 320)).pixels


def save(path: Path, values: np.ndarray, **options: object) -> Path:
    if path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, values, **options)
    else:
        Image.fromarray(values).save(path, **options)
    return path


def test_exports_of_one_picture_are_copies_of_the_best(tmp_path: Path) -> None:
    """Also stretched, of half the size, and lossy."""
    pixels = grey()
    a = save(tmp_path / "a.ome.tif", pixels.astype(np.uint16) * 100)
    others = [
        save(tmp_path / "a.png", np.clip(pixels * 1.2 - 20.0, 0, 255).astype(np.uint8)),
        save(tmp_path / "A.JPG", pixels, quality=40),
        save(tmp_path / "a.bmp", pixels[::2, ::2]),
    ]
    assert copies([a, *others]) == dict.fromkeys(others, "copy of a.ome.tif")


def test_the_one_that_states_its_scale_stays(tmp_path: Path) -> None:
    plain = save(tmp_path / "a.tif", grey())
    scaled = save(tmp_path / "a.tiff", grey(), imagej=True, resolution=(2.0, 2.0), metadata={"unit": "nm"})
    assert copies([plain, scaled]) == {plain: "copy of a.tiff"}
    assert copies([plain, scaled], first={plain}) == {scaled: "copy of a.tif"}
    assert copies([plain, scaled], first={plain, scaled}) == {}


@pytest.mark.parametrize("what", ["another place", "other particles", "with a data bar", "turned", "flat"])
def test_two_pictures_of_one_name_are_two(tmp_path: Path, what: str) -> None:
    pixels = grey()
    other = {
        "another place": np.roll(pixels, 20, 1),
        "other particles": grey(1),
        "with a data bar": np.pad(pixels, ((0, 30), (0, 0))),
        "turned": np.ascontiguousarray(pixels[::-1]),
        "flat": np.full_like(pixels, 7),
    }[what]
    assert copies([save(tmp_path / "a.tif", pixels), save(tmp_path / "a.png", other)]) == {}


def test_what_cannot_be_opened_is_no_copy(tmp_path: Path) -> None:
    a = save(tmp_path / "a.png", grey())
    broken = tmp_path / "a.tif"
    broken.write_bytes(b"II*\0nothing")
    assert copies([a, broken, tmp_path / "a.jpg", save(tmp_path / "b.png", grey())]) == {}


def test_a_folder_is_measured_without_them_unless_they_are_named(tmp_path: Path) -> None:
    a, copy = save(tmp_path / "a.tif", grey()), save(tmp_path / "a.jpg", grey(), quality=80)
    files, left_out = sort_out([tmp_path])
    assert (files, left_out) == ([a], {copy: "copy of a.tif"})
    assert said_of_left_out(left_out) == (
        "1 picture is no micrograph of its own and left out: a.jpg (copy of a.tif); to measure one all the same, name the file"
    )
    assert sort_out([a, copy]) == ([a, copy], {})
