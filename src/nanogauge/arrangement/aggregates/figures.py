"""What is said of the aggregates of a micrograph, and of a sample: `Aggregates`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.scale import Scale
from ...measuring import measure_particles
from .fractal import DENSE, FractalLaw, fractal_law, primaries_by_area
from .groups import connected, find_contacts

Frame = tuple[int, int, int, int]
Unit = Literal["nm", "px"]
_IN_SIGHT = {"aspect_ratio": 0.85, "solidity": 0.9}  # least: a primary partly under another is lopsided
_KEPT = (
    "y", "x", "area", "equivalent_diameter", "feret_max", "feret_min", "perimeter", "aspect_ratio", "solidity", "convexity",
    "orientation_deg", "edge_weight", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class Aggregates:
    """Groups of touching particles of one micrograph or of a sample.

    Attributes
    ----------
    table : DataFrame
        A row for each group, single particles too: docs/aggregates.md says what the columns are.
    primaries : DataFrame
        A row for each particle: ``group``, ``n_in_group``, ``diameter``, ``edge_weight``, ``in_sight``.
    unit : {"nm", "px"}
        Of all lengths.
    """

    table: pd.DataFrame
    primaries: pd.DataFrame
    unit: Unit

    def law(self) -> FractalLaw:
        """N = k (Rg / rp)^D over the whole groups, those that the frame cuts left out."""
        gyration, ratio = self.gyration_and_area()
        return fractal_law(ratio, gyration)

    def gyration_and_area(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) radius of gyration of the primaries' centres, as projected, over the radius of a primary, and projected area over
        that of a primary, of the whole groups."""
        t = self.table[self.table["edge_weight"] > 0]
        rp = t[f"mean_primary_diameter_{self.unit}"].to_numpy(np.float64) / 2
        # the primaries' own extent is not their centres': a disc's is r²/2
        squared = (t[f"radius_of_gyration_{self.unit}"].to_numpy(np.float64) / rp) ** 2 - 0.5
        return np.sqrt(np.maximum(squared, 0)), t[f"area_{self.unit}2"].to_numpy(np.float64) / (math.pi * rp**2)

    def to_dict(self) -> dict[str, Any]:
        """All figures, for aggregates.json; a number that is not known is None."""
        t = self.table[self.table["edge_weight"] > 0]
        w = t["edge_weight"].to_numpy(np.float64)
        n = t["n_primaries"].to_numpy(np.float64)
        several = n > 1
        law, sizes = self.law(), dict[str, Any]()
        p = self.primaries[self.primaries["edge_weight"] > 0]
        for name, chosen in (("single", p["n_in_group"] == 1), ("in_groups", p["n_in_group"] > 1)):
            for seen, among in (("", chosen), ("_in_sight", chosen & p["in_sight"])):
                sizes[name + seen] = _sizes(p["diameter"][among], p["edge_weight"][among], self.unit)
        out = {
            "unit": self.unit,
            "n_particles": len(self.primaries),
            "n_groups": len(self.table),
            "n_cut_by_frame": int((self.table["edge_weight"] == 0).sum()),
            "n_single": int((~several).sum()),
            "n_of_several": int(several.sum()),
            "share_of_primaries_in_groups": float((n * w)[several].sum() / (n * w).sum()) if w.sum() else None,
            "mean_primaries_in_groups": float(np.average(n[several], weights=w[several])) if several.any() else None,
            "largest": int(n.max()) if n.size else None,
            f"mean_radius_of_gyration_{self.unit}": float(
                np.average(t[f"radius_of_gyration_{self.unit}"][several], weights=w[several])
            )
            if several.any()
            else None,
            "primary_diameters": sizes,
            "fractal_law": asdict(law) | {"is_lower_bound": bool(law.dimension > DENSE)},
        }
        return dict(_plain(out))


def aggregates_of(
    labels: NDArray[np.int32], particles: pd.DataFrame, frame: Frame, scale: Scale | None, *, gap_share: float = 0.1
) -> Aggregates:
    """The groups of touching particles of one micrograph.

    Parameters
    ----------
    labels : (H, W) array of int32
        As the particle table counts them.
    particles : DataFrame
        The particle table.
    frame : (int, int, int, int)
        (y0, x0, y1, x1) of what is picture. A group that it cuts is left out of all figures; whole ones weigh as particles do, by
        Miles and Lantuéjoul, with the box of the whole group.
    scale : Scale or None
        None: lengths in px.
    gap_share : float
        Particles touch where less than this share of the smaller one's diameter, or less than 2 px, lies between them.
    """
    unit: Unit = "px" if scale is None else "nm"
    values = particles["label"].to_numpy(np.int64)
    by_label = np.zeros(int(labels.max(initial=0)) + 1)
    by_label[values] = particles["equivalent_diameter_px"]
    contacts = find_contacts(labels, by_label, gap_share=gap_share)
    group = connected(values, contacts)
    of = np.zeros(len(by_label), np.int32)
    of[values] = group
    merged = of[labels]
    measured = measure_particles(merged, pixels=merged, scale=scale, frame=frame, subpixel=False)
    diameter = particles[f"equivalent_diameter_{unit}"].to_numpy(np.float64)
    n = np.bincount(group, minlength=len(measured) + 1)[1:]
    # areas of the particles as measured, between the pixels; the outline of the group adds its seams
    area = np.bincount(group, weights=particles[f"area_{unit}2"].to_numpy(np.float64), minlength=len(n) + 1)[1:].astype(np.float64)
    sight = np.ones(len(particles), bool)
    for name, least in _IN_SIGHT.items():
        sight &= particles[name].to_numpy(np.float64) >= least
    mean = _mean_in_sight(group, diameter, sight, len(n))
    table = pd.DataFrame({"group": measured["label"], "n_primaries": n})
    table["n_by_area"] = np.where(n > 1, primaries_by_area(area / (math.pi / 4 * mean**2)), 1.0)
    for name in _KEPT:
        known = name in measured
        column = name if known else f"{name}_{unit}" + ("2" if name == "area" else "")
        table[column] = measured[column]
    table[f"area_{unit}2"] = area
    table[f"equivalent_diameter_{unit}"] = np.sqrt(4 * area / math.pi)
    axes = measured[[f"axis_major_{unit}", f"axis_minor_{unit}"]].to_numpy(np.float64)
    table[f"radius_of_gyration_{unit}"] = np.sqrt((axes**2).sum(axis=1)) / 4
    table[f"mean_primary_diameter_{unit}"] = mean
    at = np.zeros(len(by_label), np.int64)
    at[values] = np.arange(len(values))
    share = contacts.width_px / np.minimum(by_label[contacts.one], by_label[contacts.other])
    joints = np.bincount(group[at[contacts.one]], minlength=len(n) + 1)[1:]
    wide = np.bincount(group[at[contacts.one]], weights=share, minlength=len(n) + 1)[1:]
    table["n_contacts"] = joints
    table["mean_contact_width"] = np.where(joints > 0, wide / np.maximum(joints, 1), np.nan)
    primaries = pd.DataFrame(
        {
            "label": values,
            "group": group,
            "n_in_group": n[group - 1],
            "diameter": diameter,
            "edge_weight": particles["edge_weight"].to_numpy(np.float64),
            "in_sight": sight,
        }
    )
    return Aggregates(table, primaries, unit)


def pooled(parts: Sequence[Aggregates], names: Sequence[str]) -> Aggregates:
    """Those of several micrographs as one sample. Raises ValueError where some are in nm and some in px."""
    units = {p.unit for p in parts}
    if len(units) != 1:
        raise ValueError("some micrographs have a scale and some have none")
    tables, primaries = [], []
    for part, name in zip(parts, names, strict=True):
        tables.append(part.table.assign(micrograph=name))
        primaries.append(part.primaries.assign(micrograph=name))
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "micrograph", table.pop("micrograph"))
    return Aggregates(table, pd.concat(primaries, ignore_index=True), units.pop())


def _mean_in_sight(
    group: NDArray[np.int64], diameter: NDArray[np.float64], sight: NDArray[np.bool_], n: int
) -> NDArray[np.float64]:
    """(n,) mean diameter of each group's primaries that are in sight; of all of them where none is."""
    count = np.bincount(group[sight], minlength=n + 1)[1:]
    seen = np.bincount(group[sight], weights=diameter[sight], minlength=n + 1)[1:]
    every = np.bincount(group, weights=diameter, minlength=n + 1)[1:] / np.maximum(np.bincount(group, minlength=n + 1)[1:], 1)
    return np.where(count > 0, seen / np.maximum(count, 1), every)


def _sizes(diameter: pd.Series, weight: pd.Series, unit: Unit) -> dict[str, Any]:
    x, w = diameter.to_numpy(np.float64), weight.to_numpy(np.float64)
    if not len(x):
        return {"n": 0, f"mean_{unit}": None, f"sd_{unit}": None}
    mean = float(np.average(x, weights=w))
    return {"n": len(x), f"mean_{unit}": mean, f"sd_{unit}": math.sqrt(float(np.average((x - mean) ** 2, weights=w)))}


def _plain(value: Any) -> Any:
    """For JSON, which knows no NaN."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
