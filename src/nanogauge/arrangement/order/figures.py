"""What is said of the order of a micrograph: `Order`, from a particle table or from the picture itself."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.particles import Flag, has_flag
from ...core.scale import Scale
from ...core.settings import ArrangementSettings
from ..window import Window
from .grains import Grains
from .lattice import LatticeConstant
from .map import CELL
from .neighbours import Floats, Ints
from .particles import LEAST_PARTICLES, ParticleOrder, order_of_particles
from .picture import PictureOrder, order_of_picture
from .symmetry import Lattice, turn_deg

Frame = tuple[int, int, int, int]
Unit = Literal["nm", "px"]


@dataclass(frozen=True)
class Order:
    """How the particles of a micrograph are ordered.

    Attributes
    ----------
    found : ParticleOrder or PictureOrder
        Neighbours, ψ and grains, or the maps of a picture; lengths in px of the mean pixel size.
    settings : ArrangementSettings
        What it was found with.
    unit : {"nm", "px"}
        Of the figures; "px" where there is no scale.
    per_px : float
        Length of such a px in that unit.
    scale_uncertainty : float
        Relative standard uncertainty of the scale; 0 without one.
    labels, sizes : ndarray
        Label of each particle, and its area in px²; empty where the picture itself was looked at.
    n_particles : float
        Particles whose centres lie in the frame: those it cuts count half. NaN where the picture itself was looked at.
    """

    found: ParticleOrder | PictureOrder
    settings: ArrangementSettings
    unit: Unit
    per_px: float
    scale_uncertainty: float
    labels: Ints
    sizes: Floats
    n_particles: float

    @property
    def source(self) -> Literal["particles", "picture"]:
        """What the order was taken from."""
        return "particles" if isinstance(self.found, ParticleOrder) else "picture"

    @property
    def lattice(self) -> Lattice:
        """The lattice it was held against."""
        return self.found.lattice

    @property
    def grains(self) -> Grains:
        """The grains; directions in degrees."""
        return self.found.grains

    @property
    def window(self) -> Window:
        """The frame."""
        return self.found.window

    @property
    def constant(self) -> LatticeConstant:
        """The lattice constant, in px."""
        return self.found.constant

    @cached_property
    def grain_map(self) -> NDArray[np.int64]:
        """(h, w) grain of each place of the frame, 0 where there is none."""
        found = self.found
        return found.plane.of(found.grains.grain) if isinstance(found, ParticleOrder) else found.grain

    @cached_property
    def direction_map(self) -> Floats:
        """(h, w) direction of the lattice in degrees, NaN in voids."""
        found = self.found
        if isinstance(found, ParticleOrder):
            return np.asarray(found.plane.of(found.direction_deg, np.nan), np.float64)
        return np.asarray(np.where(found.void, np.nan, np.rad2deg(np.angle(found.psi)) / found.fold), np.float64)

    @cached_property
    def psi_map(self) -> Floats:
        """(h, w) of |ψ|, NaN in voids."""
        found = self.found
        if isinstance(found, ParticleOrder):
            return np.asarray(found.plane.of(np.abs(found.psi), np.nan), np.float64)
        return np.asarray(np.where(found.void, np.nan, np.abs(found.psi)), np.float64)

    @property
    def _void_area(self) -> float:
        found = self.found
        return found.plane.void_area if isinstance(found, ParticleOrder) else float(found.void.sum()) * found.cell_area

    @cached_property
    def areas(self) -> Floats:
        """(g + 1,) area in px² of each grain, entry 0 what belongs to none; voids left out."""
        found = self.found
        return found.plane.areas(found.grains.grain, found.grains.n) if isinstance(found, ParticleOrder) else found.areas()

    def grain_table(self) -> pd.DataFrame:
        """A row for each grain, the largest first: docs/order.md says what the columns are."""
        g, unit, k = self.grains, self.unit, self.per_px
        grain = self.grain_map
        h, w = grain.shape
        cell = np.array(self.window.shape) / (h, w)
        rows, columns = np.nonzero(grain)
        of = grain[rows, columns]
        count = np.maximum(np.bincount(of, minlength=g.n + 1)[1:], 1)
        y, x = (
            (np.bincount(of, weights=at + 0.5, minlength=g.n + 1)[1:] / count) * side + origin
            for at, side, origin in zip((rows, columns), cell, (self.window.y0, self.window.x0), strict=True)
        )
        rim = np.concatenate([grain[0], grain[-1], grain[:, 0], grain[:, -1]])
        area = self.areas[1:]
        table = pd.DataFrame({"grain": np.arange(1, g.n + 1), f"y_{unit}": y * k, f"x_{unit}": x * k})
        if isinstance(self.found, ParticleOrder):
            table["n_particles"] = np.bincount(g.grain, minlength=g.n + 1)[1:]
        table[f"area_{unit}2"] = area * k**2
        table[f"equivalent_diameter_{unit}"] = np.sqrt(4 * area / np.pi) * k
        table["direction_deg"], table["direction_error_deg"] = g.direction_deg, g.error_deg
        table[f"lattice_constant_{unit}"] = self.constant.of_grain * k
        table["cut_by_frame"] = np.isin(np.arange(1, g.n + 1), rim)
        return table

    @cached_property
    def boundary_table(self) -> pd.DataFrame:
        """A row for each pair of grains that meet."""
        one, other, length = self._meetings()
        g = self.grains
        turn = turn_deg(g.direction_deg[one - 1], g.direction_deg[other - 1], self.found.fold)
        error = np.hypot(g.error_deg[one - 1], g.error_deg[other - 1])
        low = turn < self.settings.low_angle_below_deg
        return pd.DataFrame(
            {
                "grain": one,
                "other_grain": other,
                "misorientation_deg": turn,
                "misorientation_error_deg": error,
                f"length_{self.unit}": length * self.per_px,
                "class": np.where(low, "low angle", "high angle"),
            }
        )

    def _meetings(self) -> tuple[Ints, Ints, Floats]:
        """Pairs of grains that meet, and the length of their boundary in px."""
        size = self.grains.n + 1
        if isinstance(self.found, ParticleOrder):
            b = self.found.boundaries
            key, which = np.unique(b.one * size + b.other, return_inverse=True)
            length = np.asarray(np.bincount(which.ravel(), weights=b.length(), minlength=len(key)), np.float64)
        else:
            key, length = _crofton(self.grain_map, np.array(self.window.shape) / self.grain_map.shape, size)
        one, other = np.divmod(key, size)
        return one, other, length

    def particle_columns(self) -> pd.DataFrame | None:
        """The columns that a particle table gets, in the order of the particles; None where the picture itself was looked at."""
        found = self.found
        if not isinstance(found, ParticleOrder):
            return None
        out = pd.DataFrame({"psi4": np.abs(found.psi4), "psi6": np.abs(found.psi6)})
        out["lattice_direction_deg"] = found.direction_deg
        out["n_neighbours"] = np.where(found.near.sure, found.number, np.nan)
        out["voronoi_area_px2"] = found.near.cell_area
        if self.unit == "nm":
            out["voronoi_area_nm2"] = found.near.cell_area * self.per_px**2
        out["grain"] = found.grains.grain
        return out

    def to_dict(self) -> dict[str, Any]:
        """All figures, for order.json; a number that is not known is None."""
        found, k, unit = self.found, self.per_px, self.unit
        a = self.constant
        combined = a.value * math.hypot(a.standard_error / a.value, self.scale_uncertainty) if a.value > 0 else math.nan
        areas = self.areas[1:]
        total = self.window.area
        whole = ~self.grain_table()["cut_by_frame"].to_numpy(bool) if self.grains.n else np.zeros(0, bool)
        out: dict[str, Any] = {
            "from": self.source,
            "lattice": self.lattice,
            "unit": unit,
            "lattice_constant": {
                "value": a.value * k,
                "standard_error": a.standard_error * k,
                "standard_uncertainty": combined * k,
                "expanded_uncertainty": 2 * combined * k,
                "coverage_factor": 2,
                "n_bonds": a.n_bonds if self.source == "particles" else None,
                "scatter_of_bonds": a.spread,
            },
            "grains": {
                "n": self.grains.n,
                "n_whole": int(whole.sum()),
                f"mean_area_{unit}2": float(areas.mean()) * k**2 if len(areas) else None,
                f"mean_area_of_whole_{unit}2": float(areas[whole].mean()) * k**2 if whole.any() else None,
                f"area_weighted_mean_area_{unit}2": float((areas**2).sum() / areas.sum()) * k**2 if len(areas) else None,
                f"median_equivalent_diameter_{unit}": float(np.median(np.sqrt(4 * areas / np.pi))) * k if len(areas) else None,
            },
            "boundaries": self._boundary_figures(),
            "share_in_grains": float(areas.sum()) / total,
            "share_of_voids": self._void_area / total,
            "settings": asdict(self.settings),
        }
        if isinstance(found, ParticleOrder):
            out |= self._particle_figures(found)
        else:
            out |= {
                "mean_psi": float(np.abs(found.psi[~found.void]).mean()) if (~found.void).any() else None,
                "ring_sharpness": found.sharpness,
                f"number_density_per_{'um' if unit == 'nm' else 'px'}2": self._density_of_lattice(),
            }
        plain = _plain(out)
        assert isinstance(plain, dict)
        return plain

    def _boundary_figures(self) -> dict[str, Any]:
        table = self.boundary_table
        length = table[f"length_{self.unit}"]
        low = table["class"] == "low angle"
        return {
            f"length_{self.unit}": float(length.sum()),
            f"low_angle_length_{self.unit}": float(length[low].sum()),
            f"high_angle_length_{self.unit}": float(length[~low].sum()),
            f"length_per_area_per_{self.unit}": float(length.sum()) / (self.window.area * self.per_px**2),
            "low_angle_below_deg": self.settings.low_angle_below_deg,
            "mean_misorientation_deg": float((table["misorientation_deg"] * length).sum() / length.sum()) if length.sum() else None,
        }

    def _density_of_lattice(self) -> float:
        a = self.constant.value * self.per_px
        cells = self.areas[1:].sum() / self.window.area / (CELL[self.lattice] * a**2) if a > 0 else math.nan
        return float(cells) * (1e6 if self.unit == "nm" else 1)

    def _particle_figures(self, found: ParticleOrder) -> dict[str, Any]:
        k, unit, near = self.per_px, self.unit, found.near
        chosen = near.inside if near.inside.any() else np.ones(near.n, bool)
        nearest = near.nearest[np.isfinite(near.nearest)] * k
        number = found.number[near.sure]
        pairs = found.pairs
        area = self.window.area
        shares = {str(n): float((number == n).mean()) for n in np.unique(number).tolist()} if number.size else {}
        return {
            "n_particles": near.n,
            "n_with_all_neighbours": int(near.sure.sum()),
            "mean_psi4": float(np.abs(found.psi4[chosen]).mean()),
            "mean_psi6": float(np.abs(found.psi6[chosen]).mean()),
            "global_psi": float(abs(found.psi[chosen].mean())),
            "mean_number_of_neighbours": float(number.mean()) if number.size else None,
            "shares_by_number_of_neighbours": shares,
            "nearest_neighbour_distance": {"mean": float(nearest.mean()), "sd": float(nearest.std(ddof=1))},
            f"number_density_per_{'um' if unit == 'nm' else 'px'}2": self.n_particles
            / (area * k**2)
            * (1e6 if unit == "nm" else 1),
            "area_fraction": float(self.sizes.sum()) / area,
            "defects": asdict(found.defects),
            "vacancies": found.plane.vacancies,
            "correlation": None
            if pairs is None
            else {
                f"translational_length_{unit}": pairs.translational_length * k,
                f"orientational_length_{unit}": pairs.orientational_length * k,
                f"reach_{unit}": pairs.reach * k,
            },
        }

    def curves(self) -> pd.DataFrame:
        """g(r), the correlation of ψ and S(k), one below the other: curve, x, x_unit, value. Empty where there are none."""
        pairs = self.found.pairs if isinstance(self.found, ParticleOrder) else None
        if pairs is None:
            return pd.DataFrame({"curve": [], "x": [], "x_unit": [], "value": []})
        k, unit = self.per_px, self.unit
        fold = self.found.fold
        parts = [
            ("g(r)", pairs.r * k, unit, pairs.g),
            (f"g{fold}(r)", pairs.r * k, unit, pairs.g_order),
            ("S(k)", pairs.k / k, f"1/{unit}", pairs.s),
        ]
        return pd.concat([pd.DataFrame({"curve": c, "x": x, "x_unit": u, "value": v}) for c, x, u, v in parts], ignore_index=True)


def order_of_table(table: pd.DataFrame, frame: Frame, scale: Scale | None, settings: ArrangementSettings) -> Order | None:
    """The order of the particles of a table; None for fewer than 12, which have none worth a figure.

    frame: (y0, x0, y1, x1) px, half-open, in which particles could be seen
    """
    if len(table) < LEAST_PARTICLES:
        return None
    pitch, per_px, unit, u = _units(scale)
    at = table[["y", "x"]].to_numpy(np.float64) * pitch
    whole = ~has_flag(table, Flag.TOUCHES_BORDER | Flag.TOUCHES_DATA_BAR)
    # pixel centres are at integers: the frame's sides half a pixel from the outermost ones
    window = Window(
        (frame[0] - 0.5) * pitch[0], (frame[1] - 0.5) * pitch[1], (frame[2] - 0.5) * pitch[0], (frame[3] - 0.5) * pitch[1]
    )
    found = order_of_particles(at, window, whole=whole, **_options(settings))
    sizes = table["area_px2"].to_numpy(np.float64) * pitch[0] * pitch[1]
    n = float(whole.sum()) + 0.5 * float((~whole).sum())
    return Order(found, settings, unit, per_px, u, table["label"].to_numpy(np.int64), sizes, n)


def order_of_pixels(pixels: NDArray[Any], frame: Frame, scale: Scale | None, settings: ArrangementSettings) -> Order | None:
    """The order that a picture (H, W) shows, without its particles being found; None where it shows no lattice."""
    pitch, per_px, unit, u = _units(scale)
    y0, x0, y1, x1 = frame
    found = order_of_picture(pixels[y0:y1, x0:x1], pitch=pitch, **_options(settings))
    return None if found is None else Order(found, settings, unit, per_px, u, np.zeros(0, np.int64), np.zeros(0), math.nan)


def _options(s: ArrangementSettings) -> dict[str, Any]:
    lattice = None if s.lattice == "auto" else s.lattice
    return {"lattice": lattice, "least_turn_deg": s.least_misorientation_deg, "least_grain": s.least_grain}


def _units(scale: Scale | None) -> tuple[tuple[float, float], float, Unit, float]:
    """Height and width of a pixel over their geometric mean, that mean, its unit, and its relative standard uncertainty."""
    if scale is None:
        return (1.0, 1.0), 1.0, "px", 0.0
    mean = scale.mean_nm_per_px
    return (scale.nm_per_px[0] / mean, scale.nm_per_px[1] / mean), mean, "nm", scale.relative_uncertainty


def _crofton(grain: Ints, cell: Floats, size: int) -> tuple[Ints, Floats]:
    """Pairs of grains as one number, and the length along which they meet, by how often lines in four directions cross it."""
    diagonal = math.hypot(*cell)
    ways = [
        (grain[:, :-1], grain[:, 1:], cell[0]),
        (grain[:-1], grain[1:], cell[1]),
        (grain[:-1, :-1], grain[1:, 1:], cell[0] * cell[1] / diagonal),
        (grain[:-1, 1:], grain[1:, :-1], cell[0] * cell[1] / diagonal),
    ]
    keys, weights = [], []
    for a, b, between in ways:
        meets = (a != b) & (a > 0) & (b > 0)
        keys.append(np.minimum(a, b)[meets] * size + np.maximum(a, b)[meets])
        weights.append(np.full(int(meets.sum()), math.pi / 2 * between / len(ways)))
    key, which = np.unique(np.concatenate(keys), return_inverse=True)
    length = np.bincount(which.ravel(), weights=np.concatenate(weights), minlength=len(key))
    return key.astype(np.int64), np.asarray(length, np.float64)


def _plain(value: Any) -> Any:
    """For JSON, which knows no NaN."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
