"""The same masks measured by scikit-image, imea, and ImageJ's published definitions. Called by `metrology.py agreement`."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
from rendered import RenderedMap, particle_map

from nanogauge.measuring import measure_particles


def agreement(n: int) -> None:
    """Means over n rendered ellipses of 20 px of what we and others measure on the same masks."""
    for aspect in (0.6, 0.15):
        _agreement_of(n, aspect)


def _agreement_of(n: int, aspect: float) -> None:
    from skimage.measure import regionprops_table

    m = particle_map(20, n=n, seed=3, aspect=aspect, blur_px=0.5)
    print(
        f"\nEllipses of 20 px, axis ratio {aspect}: true axes {m.truth['true_max_px'][0]:.3f}, {m.truth['true_min_px'][0]:.3f} px"
    )
    ours = measure_particles(m.labels, pixels=m.probability, scale=None)
    names = ("area", "equivalent_diameter_area", "feret_diameter_max", "axis_major_length", "axis_minor_length", "solidity")
    theirs = pd.DataFrame(regionprops_table(m.labels, properties=("label", *names, "perimeter_crofton", "perimeter")))
    print(f"{'quantity':30} {'ours':>8} {'scikit-image':>13}")
    for mine, other in zip(
        ("area_px2", "equivalent_diameter_px", "feret_max_px", "axis_major_px", "axis_minor_px", "solidity", "perimeter_px"),
        (*names, "perimeter_crofton"),
        strict=True,
    ):
        print(f"{mine:30} {ours[mine].mean():8.3f} {theirs[other].mean():13.3f}")
    _agreement_imea(m, ours)
    _agreement_imagej(m, ours)


def _agreement_imea(m: RenderedMap, ours: pd.DataFrame) -> None:
    try:
        from imea import extract
    except ImportError:
        print("imea is not installed: pip install imea")
        return
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label in ours["label"]:
            y, x = np.nonzero(m.labels == label)
            mask = np.zeros((np.ptp(y) + 9, np.ptp(x) + 9), bool)
            mask[y - y.min() + 4, x - x.min() + 4] = True
            found = extract.shape_measurements_2d(mask, spatial_resolution_xy=1)
            rows.append(found.iloc[0])
    theirs = pd.DataFrame(rows)
    pairs = {
        "equivalent_diameter_px": "diameter_equal_area",
        "feret_max_px": "feret_max",
        "feret_min_px": "feret_min",
        "feret_mean_px": "feret_mean",
        "axis_major_px": "major_axis_length",
        "axis_minor_px": "minor_axis_length",
        "perimeter_px": "perimeter",
        "inscribed_diameter_px": "diameter_max_inclosing_circle",
        "circumscribed_diameter_px": "diameter_min_enclosing_circle",
        "geodesic_length_px": "geodeticlength",
        "geodesic_thickness_px": "thickness",
    }
    print(f"\n{'quantity':30} {'ours':>8} {'imea':>13}")
    for mine, other in pairs.items():
        value = f"{theirs[other].astype(float).mean():13.3f}" if other in theirs else f"{'(no column)':>13}"
        print(f"{mine:30} {ours[mine].mean():8.3f} {value}")


def _agreement_imagej(m: RenderedMap, ours: pd.DataFrame) -> None:
    """ImageJ's published definitions (user guide, Analyze > Set Measurements), computed from our traced outlines."""
    from nanogauge.measuring.contours import outlines

    rows = []
    for _, polygon in outlines(m.labels):
        p = polygon.astype(float)
        side = np.abs(p - np.roll(p, 1, axis=0)).sum(axis=1)
        corners, cut = 0, False
        for length in side:  # PolygonRoi.getTracedPerimeter: of two corners a pixel apart, one is cut
            cut = length > 1 or not cut
            corners += cut
        apart = p[None] - p[:, None]
        rows.append({"perimeter": side.sum() - (2 - math.sqrt(2)) * corners, "feret": np.hypot(apart[..., 0], apart[..., 1]).max()})
    theirs = pd.DataFrame(rows)
    area = ours["area_px2"]
    circ = np.minimum(4 * math.pi * area / theirs["perimeter"] ** 2, 1)
    print(f"\n{'quantity':30} {'ours':>8} {'ImageJ':>13}")
    for mine, value in (
        ("perimeter_px", theirs["perimeter"]),
        ("form_factor", circ),
        ("feret_max_px", theirs["feret"]),
    ):
        print(f"{mine:30} {ours[mine].mean():8.3f} {value.mean():13.3f}")
