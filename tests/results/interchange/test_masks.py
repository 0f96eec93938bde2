"""Masks as programs write them: dark on light, with inverting tables, rings, smooth edges, classes; each gives its particles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from nanogauge.core.errors import AnnotationError
from nanogauge.results.interchange import Annotation, read_annotation

SHAPE = (200, 260)


def discs(n: int, radius: float, *, apart: float = 3.0, seed: int = 0, long: float = 1.0) -> np.ndarray:
    """Labels of discs (ellipses), some cut by the frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    out = np.zeros(SHAPE, np.int32)
    centres: list[np.ndarray] = []
    for _ in range(20_000):
        c = rng.uniform((0, 0), SHAPE)
        if len(centres) < n and all(np.hypot(*((c - o) / (1, long))) > 2 * radius + apart for o in centres):
            centres.append(c)
            out[np.hypot(y - c[0], (x - c[1]) / long) < radius] = len(centres)
    return out


def read(path: Path, values: Any = None, **options: Any) -> Annotation:
    if values is not None:
        (tifffile.imwrite if path.suffix == ".tif" else _png)(path, values, **options)
    return read_annotation(path, shape=SHAPE)


def _png(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


def areas(labels: np.ndarray) -> list[int]:
    found = np.bincount(labels.ravel())[1:]
    return sorted(found[found > 0].tolist())


KINDS = {
    "few": discs(1, 30, seed=5),
    "sparse": discs(12, 11),
    "crowded": discs(80, 10, apart=2.5),
    "tiny": discs(300, 3, apart=3),
    "rods": discs(20, 5, long=6, apart=4),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("levels", [(0, 255), (0, 1), (1, 2), (7, 200)])
def test_light_on_dark_and_dark_on_light_are_one(tmp_path: Path, kind: str, dark: bool, levels: tuple[int, int]) -> None:
    labels = KINDS[kind]
    high = (labels == 0) if dark else (labels > 0)
    found = read(tmp_path / "m.png", np.where(high, levels[1], levels[0]).astype(np.uint8))
    assert areas(found.labels) == areas(labels)
    assert any("inverted" in w for w in found.warnings) == dark


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_inverting_tables_of_imagej_change_nothing(tmp_path: Path, dark: bool, suffix: str) -> None:
    """Fiji keeps 255 for particles, shows it black, and saves a palette in PNG, MINISWHITE in TIFF."""
    labels = KINDS["sparse"]
    values = np.where((labels > 0) ^ dark, 255, 0).astype(np.uint8)
    if suffix == ".png":
        image = Image.frombytes("P", SHAPE[::-1], values.tobytes())
        image.putpalette([v for k in range(255, -1, -1) for v in (k, k, k)])
        image.save(tmp_path / "m.png")
        found = read(tmp_path / "m.png")
    else:
        found = read(tmp_path / "m.tif", values, photometric="miniswhite")
    assert areas(found.labels) == areas(labels)


def test_a_mask_whose_particles_all_touch_is_not_turned_round(tmp_path: Path) -> None:
    """Hexagonally packed discs that overlap a little: their gaps are no particles."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    packed = np.zeros(SHAPE, bool)
    for j, row in enumerate(range(0, 220, 18)):
        for column in range(-10, 280, 21):
            packed |= np.hypot(y - row, x - column - 10.5 * (j % 2)) < 11
    assert packed.mean() > 0.8
    with pytest.raises(AnnotationError, match="invert the mask"):
        read(tmp_path / "m.png", packed.astype(np.uint8) * 255)


def test_rings_are_filled_and_loops_of_touching_particles_are_not(tmp_path: Path) -> None:
    labels = discs(8, 14, apart=8)
    ring = (labels > 0) & ~ndimage.binary_erosion(labels > 0, iterations=2, border_value=1)
    found = read(tmp_path / "r.png", ring.astype(np.uint8) * 255)
    whole = [a for k, a in enumerate(np.bincount(labels.ravel())[1:], 1) if not _at_frame(labels == k)]
    assert set(whole) <= set(areas(found.labels))
    assert any("filled" in w for w in found.warnings)
    dark = read(tmp_path / "d.png", (~ring).astype(np.uint8) * 255)
    assert set(whole) <= set(areas(dark.labels))
    assert any("inverted" in w for w in dark.warnings)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    loop = np.zeros(SHAPE, bool)
    for k in range(10):
        loop |= np.hypot(y - 100 - 50 * np.sin(k * 0.628), x - 130 - 50 * np.cos(k * 0.628)) < 16
    found = read(tmp_path / "l.png", loop.astype(np.uint8) * 255)
    assert areas(found.labels) == [loop.sum()]
    assert any("holes that are left" in w for w in found.warnings)


def _at_frame(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def test_a_core_in_a_ring_stays_a_particle_of_its_own(tmp_path: Path) -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    r = np.hypot(y - 100, x - 130)
    found = read(tmp_path / "m.png", ((r < 10) | ((r > 30) & (r < 40))).astype(np.uint8))
    assert areas(found.labels) == [int((r < 10).sum()), int(((r > 30) & (r < 40)).sum())]


def test_smoothed_edges_are_cut_half_way(tmp_path: Path) -> None:
    labels = KINDS["sparse"]
    fine = np.kron(labels > 0, np.ones((4, 4)))
    soft = np.rint(255 * ndimage.gaussian_filter(fine, 3)[1::4, 2::4]).astype(np.uint8)
    found = read(tmp_path / "m.png", soft)
    assert found.n_particles == len(areas(labels))
    assert np.sum(areas(found.labels)) == pytest.approx(np.sum(areas(labels)), rel=0.02)
    assert "smoothed edges" in found.warnings[0]
    assert read(tmp_path / "d.png", 255 - soft).n_particles == len(areas(labels))


def test_labels_whose_background_is_not_zero(tmp_path: Path) -> None:
    labels = KINDS["sparse"]
    values = np.where(labels == 0, 255, labels).astype(np.uint8)
    found = read(tmp_path / "l.png", values)
    assert areas(found.labels) == areas(labels)
    assert "255" in found.warnings[0]


def test_classes_are_parted_into_pieces(tmp_path: Path) -> None:
    labels = KINDS["sparse"]
    found = read(tmp_path / "c.tif", np.where(labels == 0, 0, 1 + labels % 2).astype(np.uint8))
    assert found.kind == "class_image"
    assert areas(found.labels) == areas(labels)
    assert "classes" in found.warnings[0]


def test_holes_in_labels_are_said(tmp_path: Path) -> None:
    labels = KINDS["sparse"].copy()
    at = np.argwhere(ndimage.distance_transform_edt(np.pad(labels > 0, 1))[1:-1, 1:-1] > 8)[0]
    labels[at[0] - 2 : at[0] + 3, at[1] - 2 : at[1] + 3] = 0
    found = read(tmp_path / "l.tif", labels.astype(np.uint16))
    assert np.array_equal(found.labels, labels)
    assert any("1 particle has holes" in w for w in found.warnings)


def test_a_light_frame_round_the_mask_is_no_ground(tmp_path: Path) -> None:
    labels = np.where(ndimage.binary_erosion(np.ones(SHAPE, bool), iterations=3), KINDS["sparse"], 0)
    mask = (labels > 0).astype(np.uint8) * 255
    mask[[0, -1]] = mask[:, [0, -1]] = 255
    found = read(tmp_path / "m.png", mask)
    assert not any("inverted" in w for w in found.warnings)
    assert found.n_particles >= len(areas(labels)) - 2
