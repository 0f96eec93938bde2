"""Pictures that are no micrographs are known by what they hold and what they are named after; a micrograph called mask is one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw
from scipy import ndimage

from nanogauge.batch.inputs import picture, said_of_left_out, sort_out
from nanogauge.core.errors import UnreadableFile
from nanogauge.results.interchange.companions import no_micrographs

SHAPE = (160, 200)


def scene(seed: int = 0, noise: float = 9.0, ground: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """A micrograph of a dozen discs, and its labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, np.uint16)
    for k in range(12):
        labels[np.hypot(y - 25 - 50 * (k // 4), x - 30 - 45 * (k % 4)) < 8 + k] = k + 1
    grey = ndimage.gaussian_filter(np.where(labels > 0, ground + 90, ground).astype(float), 1) + rng.normal(0, noise, SHAPE)
    return np.clip(grey, 0, 255).astype(np.uint8), labels


def save(path: Path, values: np.ndarray) -> Path:
    if path.suffix == ".tif":
        tifffile.imwrite(path, values)
    else:
        Image.fromarray(values).save(path)
    return path


def overlay(grey: np.ndarray, labels: np.ndarray) -> np.ndarray:
    out = np.repeat(grey[..., None], 3, 2)
    out[(labels > 0) & ~ndimage.binary_erosion(labels > 0, iterations=2)] = (255, 220, 0)
    return out


@pytest.mark.parametrize(
    "name",
    [
        "a_mask.png", "a_masks.tif", "a_cp_masks.png", "a-labels.tif", "a_seg.png", "a_gt.png", "a_Simple Segmentation.tif",
        "a.png_mask.png", "mask_a.png", "Mask of a.png", "Count Masks of a.tif", "labels-a.png", "a_mask_2.png", "aMask.png",
    ],
)  # fmt: skip
def test_labels_and_masks_named_after_a_micrograph(tmp_path: Path, name: str) -> None:
    grey, labels = scene()
    a = save(tmp_path / "a.png", grey)
    other = save(tmp_path / name, labels if "ask" not in name else (labels > 0).astype(np.uint8) * 255)
    found = no_micrographs([a, other])
    assert list(found) == [other]
    assert found[other].endswith("of a.png")


@pytest.mark.parametrize("noise", [0.0, 1.5, 9.0])
@pytest.mark.parametrize("ground", [0.0, 60.0])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_micrographs_called_mask_are_micrographs(tmp_path: Path, noise: float, ground: float, suffix: str) -> None:
    """Even next to one that they are named after, clean, and with a ground that is black."""
    first = save(tmp_path / f"gold{suffix}", scene(0, noise, ground)[0])
    others = [
        save(tmp_path / f"{n}{suffix}", scene(k, noise, ground)[0]) for k, n in enumerate(("gold_mask", "mask_gold", "labels"), 1)
    ]
    assert no_micrographs([first, *others]) == {}


def test_pictures_without_a_companion(tmp_path: Path) -> None:
    grey, labels = scene()
    colours = np.random.default_rng(0).integers(60, 255, (13, 3), np.uint8)
    colours[0] = 0
    files = {
        "m1.png": (labels > 0).astype(np.uint8) * 255,
        "m2.tif": labels > 0,
        "l.tif": labels,
        "l32.tif": labels.astype(np.float32),
        "c.png": colours[labels],
        "classes.png": (labels % 3).astype(np.uint8) * 100,
        "grey.png": grey,
        "deep.tif": grey.astype(np.uint16) * 64,
        "colour.png": np.repeat(grey[..., None], 3, 2),
    }
    found = no_micrographs([save(tmp_path / n, v) for n, v in files.items()])
    assert {p.name: w for p, w in found.items()} == {
        "m1.png": "mask", "m2.tif": "mask", "l.tif": "labels", "l32.tif": "labels", "c.png": "labels", "classes.png": "labels",
    }  # fmt: skip


def test_drawings_maps_and_lossy_masks_beside_a_micrograph(tmp_path: Path) -> None:
    grey, labels = scene()
    a = save(tmp_path / "a.tif", grey)
    drawn = save(tmp_path / "a_overlay.png", overlay(grey, labels))
    image = Image.fromarray(np.repeat(grey[..., None], 3, 2))
    ImageDraw.Draw(image).ellipse((20, 20, 60, 60), outline=(255, 0, 0), width=2)
    image.save(tmp_path / "a_outlines.jpg", quality=95)
    soft = ndimage.gaussian_filter((labels > 0) * 255.0, 0.7).astype(np.uint8)
    Image.fromarray(soft).save(tmp_path / "a_mask.jpg", quality=80)
    chance = save(tmp_path / "a_Probabilities.tif", ndimage.gaussian_filter((labels > 0).astype(np.float32), 1))
    empty = save(tmp_path / "a_pred.png", np.zeros(SHAPE, np.uint8))
    files = [a, drawn, tmp_path / "a_outlines.jpg", tmp_path / "a_mask.jpg", chance, empty]
    found = no_micrographs(files)
    assert set(found) == set(files[1:])
    assert found[drawn] == "drawing on a.tif"
    assert no_micrographs(files[2:4]) == {}  # without the micrograph nothing says what they are


def test_drawings_in_grey_smaller_overlays_and_products_of_cellpose(tmp_path: Path) -> None:
    grey, labels = scene()
    a = save(tmp_path / "a.tif", grey)
    lines = (labels > 0) & ~ndimage.binary_erosion(labels > 0)
    files = [
        save(tmp_path / "a_outlines.png", np.where(lines, 255, grey).astype(np.uint8)),
        save(tmp_path / "a (overlay).png", overlay(grey, labels)[::2, ::2]),
        save(
            tmp_path / "a_annotated.png",
            np.pad(np.kron(overlay(grey, labels), np.ones((3, 3, 1), np.uint8)), ((0, 90), (0, 0), (0, 0))),
        ),
        save(tmp_path / "a_flows.tif", np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)),
        save(tmp_path / "a_cp_output.png", np.concatenate([overlay(grey, labels)] * 2, 1)),
    ]
    found = no_micrographs([a, *files])
    assert [found.get(f) for f in files] == [
        *["drawing on a.tif"] * 3, "product of Cellpose beside a.tif", "product of Cellpose beside a.tif",
    ]  # fmt: skip


def test_a_coloured_micrograph_called_overlay_is_one(tmp_path: Path) -> None:
    tinted = scene(1)[0][..., None] * np.array([1.0, 0.97, 0.9])
    files = [save(tmp_path / "a.png", scene()[0]), save(tmp_path / "a_overlay.png", tinted.astype(np.uint8))]
    assert no_micrographs(files) == {}


def test_folders_and_globs_are_sorted_out_and_named_files_are_taken(tmp_path: Path) -> None:
    grey, labels = scene()
    a, mask = save(tmp_path / "a.png", grey), save(tmp_path / "a_mask.png", (labels > 0).astype(np.uint8))
    for given in ([tmp_path], [tmp_path / "*.png"], [tmp_path, a]):
        assert sort_out(given) == ([a], {mask: "mask of a.png"})
    assert sort_out([mask]) == ([mask], {})
    assert sort_out([tmp_path, mask]) == ([a, mask], {})
    assert "a_mask.png (mask of a.png)" in said_of_left_out({mask: "mask of a.png"})
    a.unlink()
    files, left_out = sort_out([tmp_path])
    assert (files, left_out) == ([tmp_path], {mask: "mask"})
    with pytest.raises(UnreadableFile, match="no micrographs in this folder; 1 picture"):
        picture(files[0])


def test_our_overlays_wherever_they_are(tmp_path: Path) -> None:
    from nanogauge.results.figures import png_bytes

    grey, labels = scene()
    (tmp_path / "figure 3.png").write_bytes(png_bytes(overlay(grey, labels)))
    a = save(tmp_path / "a.png", grey)
    assert sort_out([tmp_path]) == ([a], {tmp_path / "figure 3.png": "made by nanogauge"})


def test_results_of_our_own_and_what_cannot_be_opened(tmp_path: Path) -> None:
    grey, labels = scene()
    own = [save(tmp_path / "labels.tif", labels), save(tmp_path / "overlay.png", overlay(grey, labels))]
    (tmp_path / "measurement.json").write_text("{}")
    (tmp_path / "bad_mask.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    bad = save(tmp_path / "bad.png", grey)
    assert set(no_micrographs([*own, bad, tmp_path / "bad_mask.png", tmp_path / "gone.png"])) == set(own)


CASES = Path(os.environ.get("NANOGAUGE_SHARED", Path(__file__).parents[4] / "shared"))


@pytest.mark.skipif(not (CASES / "cases").is_dir(), reason="the cases that people report are not there")
def test_the_folder_that_people_report() -> None:
    files, left_out = sort_out([CASES / "cases" / "folder_with_masks"])
    assert [f.name for f in files] == ["a.png"]
    assert {f.name: what for f, what in left_out.items()} == {"a_cp_masks.png": "labels of a.png", "a_mask.png": "mask of a.png"}


@pytest.mark.skipif(not (CASES / "data").is_dir(), reason="needs the real micrographs in ../shared/data")
def test_no_real_micrograph_is_left_out() -> None:
    folders = [p for p in (CASES / "data").glob("*/images") if p.is_dir()]
    assert folders
    for folder in folders:
        assert sort_out([folder])[1] == {}
