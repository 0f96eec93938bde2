"""What is said of phases: shares, chords, thickness, interfaces, grains and pores, of one micrograph or of several of a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.errors import InputError
from ..statistics.distribution import Distribution, Estimate, summarise_pooled
from .check import LEAST_PICTURES, UNCHECKED, Bias, Check
from .chords import ChordDistribution, distribution_of
from .intervals import length_interval, share_interval, variance_of_ratio, widened
from .part import Part, part_of
from .phase_map import UNSURE_BELOW, PhaseMap

Floats = NDArray[np.float64]
FEW_INDEPENDENT = 12.0
_LEAST_OF_COVARIANCE = 0.6
_MUCH_CUT = 0.5  # of a phase's area
_SHORT_PX = 5.0


@dataclass(frozen=True)
class PhaseShare:
    """Area fraction of a phase.

    whole: with the 95 % interval of the material, all of the budget in it; sampling: as far as this much area can tell, were the
    map right; below, above: half-widths for what the network gets wrong; as_said: before any correction
    """

    whole: Estimate
    sampling: Estimate
    below: float
    above: float
    as_said: float


@dataclass(frozen=True)
class OnePhase:
    """One phase of a micrograph or sample, lengths in `unit`.

    share : PhaseShare
    chord, chord_x, chord_y : Estimate
        Mean linear intercept, over both directions, along x, along y.
    chords : ChordDistribution
        By number, of both directions.
    thickness : Estimate
        Mean local thickness, by area.
    thickness_hidden : float
        Share of the phase so near the frame that its thickness cannot be told.
    pieces : Distribution
        Equivalent diameters of grains or pores that the frame does not cut.
    n_pieces : int
        All of them, cut ones and small ones included.
    cut_share, largest_share : float
        Of the phase's area in pieces that the frame cuts, and in the largest of each micrograph on average.
    spans : (float, float)
        Share of the micrographs in which a piece reaches from left to right, and from top to bottom.
    """

    name: str
    unit: str
    share: PhaseShare
    chord: Estimate
    chord_x: Estimate
    chord_y: Estimate
    chords: ChordDistribution
    thickness: Estimate
    thickness_hidden: float
    pieces: Distribution
    n_pieces: int
    cut_share: float
    largest_share: float
    spans: tuple[float, float]


@dataclass(frozen=True)
class PhaseFigures:
    """All figures of the phases of one micrograph, or of several of one sample.

    parts : tuple of Part
        The micrographs.
    check : Check or None
        What the network gets wrong on held-out pictures. None: it is not known, and shares have the network's own doubts in their
        intervals, lengths nothing of it.
    """

    parts: tuple[Part, ...]
    check: Check | None = None

    def __post_init__(self) -> None:
        names = {p.map.names for p in self.parts}
        if len(names) != 1:
            raise InputError("maps of different phases; measure them one by one" if names else "no micrograph to take figures of")
        for p in self.parts:
            if not p.tally.area.sum() > 0:
                raise InputError(f"{p.map.name}: no pixel of it has a phase; text and scale bars fill it")
        without = [p.map.name for p in self.parts if p.map.scale is None]
        if without and len(without) < len(self.parts):
            raise InputError(f"{without[0]}: no scale, while others of the sample have one; give --scale, or measure it by itself")
        if self.check is not None and self.check.names != self.names:
            raise InputError(
                f"the check is of {', '.join(self.check.names)}, the network tells {', '.join(self.names)}; check it again"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the phases."""
        return self.parts[0].map.names

    @property
    def unit(self) -> str:
        """ "nm" or "px"."""
        return self.parts[0].map.unit

    @property
    def unsure(self) -> float:
        """Share of unsure pixels."""
        n = np.array([p.map.judged.sum() for p in self.parts], np.float64)
        return float(np.average([p.map.unsure for p in self.parts], weights=n)) if n.sum() else math.nan

    @property
    def independent(self) -> float:
        """Areas that count as independent observations, all micrographs together."""
        return sum(p.tally.independent for p in self.parts)

    @cached_property
    def unlike(self) -> bool:
        """Whether the micrographs are unlike what the network was checked on: far more of them unsure."""
        if math.isnan(self.unsure):
            return False
        usual = self.check.usual_unsure() if self.check is not None else math.nan
        return self.unsure > (0.25 if math.isnan(usual) else 1.5 * usual + 0.02)

    @cached_property
    def phases(self) -> tuple[OnePhase, ...]:
        """Each phase."""
        return tuple(self._one(k) for k in range(len(self.names)))

    @cached_property
    def interfaces(self) -> dict[tuple[str, str], Estimate]:
        """Length of interface per area between each two phases, 1/unit."""
        out = {}
        for a in range(len(self.names)):
            for b in range(a + 1, len(self.names)):
                factor = np.maximum(*(np.array([p.tally.inflation[j] for p in self.parts]) for j in (a, b)))
                sums = [(p.tally.interface[:, a, b], p.tally.area) for p in self.parts]
                bias = UNCHECKED if self.check is None else self.check.interface_bias(a, b)
                value, variance, freedom = variance_of_ratio(sums, factor.tolist())
                # phases that only come near each other may come out below 0, as steps of 0 are reckoned from longer ones
                out[self.names[a], self.names[b]] = self._length(
                    max(value, 0.0), variance, freedom, bias, self._doubt([p.tally.interface_doubt[a, b] for p in self.parts])
                )
        return out

    def _one(self, k: int) -> OnePhase:
        tallies = [p.tally for p in self.parts]
        scale = [math.sqrt(math.prod(p.map.step)) for p in self.parts]
        bias = UNCHECKED if self.check is None else self.check.chord_bias()[k]
        of_thickness = UNCHECKED if self.check is None else self.check.thickness_bias()[k]
        factors = [float(t.inflation[k]) for t in tallies]

        def mean_chord(axes: tuple[int, ...]) -> Estimate:
            chosen = list(axes)
            sums = [(2 * t.chord_length[:, chosen, k].sum(1), t.chord_ends[:, chosen, k].sum(1)) for t in tallies]
            return self._length(*variance_of_ratio(sums, factors), bias, self._doubt([t.chord_doubt[k] for t in tallies]))

        thick = [(p.thickness[k].sums[:, 0] * s, p.thickness[k].sums[:, 1]) for p, s in zip(self.parts, scale, strict=True)]
        table = self.pieces_table(k)
        area = np.array([t.share[:, k].sum() for t in tallies])
        cut, largest, hidden = (_mean(v, area) for v in zip(*(self._of_part(p, k) for p in self.parts), strict=True))
        spans = [p.pieces[k].spans for p in self.parts]
        return OnePhase(
            name=self.names[k],
            unit=self.unit,
            share=self._share(k),
            chord=mean_chord((0, 1)),
            chord_x=mean_chord((0,)),
            chord_y=mean_chord((1,)),
            chords=distribution_of([c for p in self.parts for c in p.chords[k]]),
            thickness=self._length(*variance_of_ratio(thick, factors), of_thickness),
            thickness_hidden=hidden,
            pieces=summarise_pooled(
                table[f"equivalent_diameter_{self.unit}"],
                table["micrograph"],
                unit="nm" if self.unit == "nm" else "px",
                weights=table["weight"],
                n_bootstrap=400,
            ),
            n_pieces=len(table),
            cut_share=cut,
            largest_share=largest,
            spans=(float(np.mean([s[0] for s in spans])), float(np.mean([s[1] for s in spans]))),
        )

    @staticmethod
    def _of_part(p: Part, k: int) -> tuple[float, float, float]:
        return p.pieces[k].cut_share, p.pieces[k].largest_share, p.thickness[k].hidden

    def _share(self, k: int) -> PhaseShare:
        tallies = [p.tally for p in self.parts]
        matrix = self.check.correction() if self.check is not None else None
        row = np.eye(len(self.names))[k] if matrix is None else matrix[k]
        factors = [float(t.inflation[k]) for t in tallies]
        said, *_ = variance_of_ratio([(t.share[:, k], t.area) for t in tallies], factors)
        p, variance, freedom = variance_of_ratio([(t.share @ row, t.area) for t in tallies], factors)
        area = np.array([t.area.sum() for t in tallies])
        least = float((np.array([t.least[k] for t in tallies]) * area**2).sum() / max(float(area.sum()), 1e-300) ** 2)
        if variance < _LEAST_OF_COVARIANCE * least:  # blocks that happen to be alike
            variance, freedom = _LEAST_OF_COVARIANCE * least, max(min(freedom, 1e9), 1.0)
        sampling = share_interval(min(max(p, 0.0), 1.0), variance, freedom, self.independent)
        below, above = self._network(k)
        return PhaseShare(widened(sampling, below, above), sampling, below, above, said)

    def _network(self, k: int) -> tuple[float, float]:
        """Half-widths, below and above, for what the network gets wrong of a share: from held-out pictures; where there are none,
        or the micrographs are unlike them, what it doubts itself."""
        areas = np.sum([p.tally.share.sum(axis=0) for p in self.parts], axis=0)
        reach = self.check.reach_at(areas / areas.sum()) if self.check is not None else None
        if reach is not None and not self.unlike:
            return float(reach[k]), float(reach[k])
        doubts = [_doubts(p, k) for p in self.parts if p.map.said is not None]
        if not doubts:
            return (0.0, 0.0) if reach is None else (float(reach[k]), float(reach[k]))
        area = [p.tally.area.sum() for p in self.parts if p.map.said is not None]
        below, above = np.average(np.array(doubts), axis=0, weights=area)
        least = 0.0 if reach is None else float(reach[k])
        return max(float(below), least), max(float(above), least)

    def _doubt(self, values: Sequence[float]) -> float:
        return _mean(values, np.array([p.tally.area.sum() for p in self.parts]))

    def _length(self, value: float, variance: float, freedom: float, bias: Bias, doubt: float = 0.0) -> Estimate:
        """A length, corrected for the network's bias; what that leaves, what pixels hide, and the scale's uncertainty, are in its
        interval."""
        scale = max((p.map.scale.relative_uncertainty for p in self.parts if p.map.scale is not None), default=0.0)
        more = math.hypot(0.0 if math.isnan(bias.reach) else bias.reach, 2 * scale, doubt)
        return length_interval(value * bias.factor, variance * bias.factor**2, freedom, more=more)

    def pieces_table(self, k: int) -> pd.DataFrame:
        """All grains or pores of phase k: micrograph, phase, piece, area, equivalent diameter, place, whether it is cut, weight."""
        tables = []
        for n, p in enumerate(self.parts):
            table = p.pieces[k].table.copy()
            table.insert(0, "phase", self.names[k])
            table.insert(0, "micrograph", p.map.name if len({q.map.name for q in self.parts}) == len(self.parts) else f"{n + 1}")
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before using the figures."""
        return (*_of_network(self), *_of_picture(self))


def _doubts(p: Part, k: int) -> tuple[float, float]:
    """Share of a map that is said to be phase k and is not, and that is said not to be and is, by the network's probabilities."""
    assert p.map.said is not None
    share = p.tally.share.sum(axis=0) / p.tally.area.sum()
    others = np.arange(share.size) != k
    return float(share[k] * (1 - p.map.said[k, k])), float((share * p.map.said[:, k])[others].sum())


def _mean(values: Sequence[float], weights: Floats) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() > 0 else math.nan


def _of_network(f: PhaseFigures) -> list[str]:
    if all(p.map.said is None for p in f.parts):  # drawn by a person
        return []
    out = []
    if f.check is None:
        out.append(
            "the network was not checked on held-out pictures: intervals of area fractions hold its own doubts, those of lengths "
            "the sampling only; check it with nanogauge phases check"
        )
    elif not f.check.enough:
        n = len(f.check.pictures)
        out.append(f"the network was checked on {n} held-out picture(s), too few to tell its error; {LEAST_PICTURES} are needed")
    else:
        lacking = [n for n, b in zip(f.names, f.check.chord_bias(), strict=True) if math.isnan(b.reach)]
        if lacking:
            of = ", ".join(lacking)
            out.append(
                f"chords of {of} were not checked, for lack of wholly labelled pictures: intervals of lengths hold sampling only"
            )
    if f.unlike:
        usual = f.check.usual_unsure() if f.check is not None else math.nan
        beside = "" if math.isnan(usual) else f" (in the pictures it was checked on {100 * usual:.0f} % at most)"
        out.append(
            f"unlike what the network learned: {100 * f.unsure:.0f} % of the pixels have no phase above {UNSURE_BELOW:.0%}{beside}"
            "; look at the overlay, and train it on some of these"
        )
    return out


def _of_picture(f: PhaseFigures) -> list[str]:
    out = [f"{p.map.name}: {r}" for p in f.parts for r in p.map.remarks]
    if f.independent < FEW_INDEPENDENT:
        out.append(
            f"only about {f.independent:.0f} independent areas in the picture: intervals are wide and rough; measure more "
            "micrographs, or at a lower magnification"
        )
    per_px = min(math.sqrt(math.prod(p.map.step)) for p in f.parts)
    for phase in f.phases:
        if phase.share.as_said in (0.0, 1.0):
            where = "nowhere" if phase.share.as_said == 0 else "everywhere"
            out.append(f"{phase.name}: {where} in what was measured; the interval is what that can tell")
            continue
        if phase.chord.value < _SHORT_PX * per_px:
            out.append(f"{phase.name}: chords of {phase.chord.value / per_px:.1f} px on average are too short to be measured well")
        if phase.cut_share > _MUCH_CUT:
            of_all = f"{100 * phase.cut_share:.0f} %"
            out.append(
                f"{phase.name}: {of_all} of it is in pieces that the frame cuts; go by chords and thickness, not by diameters"
            )
    return out


def phase_figures(maps: Sequence[PhaseMap], check: Check | None = None) -> PhaseFigures:
    """Figures of one map, or of several of one sample.

    Raises InputError for maps of different phases, a check of others, or where only some have a scale.
    """
    return PhaseFigures(tuple(part_of(m) for m in maps), check)
