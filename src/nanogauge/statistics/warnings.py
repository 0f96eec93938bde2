"""What a user must be told about a distribution: each doubt a remark of one sentence with its remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..core.remarks import Remark
from ..core.rules import columns_of
from ..core.settings import MeasureSettings, Settings
from ..measuring import EDGE_WEIGHT_CAP
from .distribution import Distribution
from .metrology import weights_of

_FEW_PX = 8.0  # below, sizes are biased by more than 1 % (docs/accuracy.md)
_FEW_SHARE = 0.05
_MANY, _WIDE = 20, 0.2  # particles whose mean one expects to be known, and to how much of it at least (two standard errors)
_ATOM_NM = 0.5  # clusters of a dozen atoms are larger, and the columns of a lattice lie 0.1 to 0.4 nm apart
MOST_LEFT_OUT = 0.2  # share of the foreground, from which the reader is told
LEAST_FOUND = 0.8  # share expected to be found, below which the reader is told
_FEW_ALIKE, _ALIKE_SHARE = 2, 0.03  # places that look like the particles, from which the reader is told; share of the particles
_FEW_FAINT, _FAINT_SHARE = 2, 0.05  # objects that hardly stand out, from which on the reader is told
MUCH_DOUBT = 0.12  # relative standard uncertainty that the detection gives mean or median, from which the reader is told
MANY_MORE = 1.5  # of the particles found, in another reading
SOFT = 0.38  # half width of the edges over the particles' radius, from which on flat particles and round ones look alike
_RINGED, _RINGED_SHARE = 3, 0.3  # particles, and share of those told, that have a ring of the other sign
_ONE_PARTICLE = 0.1  # share of the whole weight
_LEAST_EFFECTIVE = 0.7  # of the number counted


def warnings_of(table: pd.DataFrame, distribution: Distribution, settings: MeasureSettings) -> tuple[Remark, ...]:
    """What makes the distribution unsure: unstable edge weights, a mean that few particles decide, particles of too few pixels
    or no larger than atoms."""
    weights = weights_of(table, settings)
    used = weights[weights > 0]
    if not used.size:
        return ()
    said = []
    if settings.edge_correction and used.size > 1:
        capped = int((used >= EDGE_WEIGHT_CAP).sum())
        number = float(used.sum() ** 2 / (used**2).sum())
        if capped or used.max() > max(_ONE_PARTICLE, 3 / used.size) * used.sum() or number < _LEAST_EFFECTIVE * used.size:
            what = f"{capped} at their limit of {EDGE_WEIGHT_CAP:g}, " if capped else ""
            unstable = f"edge weights are unstable ({what}{used.size} particles weigh as much as {number:.0f})"
            said.append(Remark("edge_weights", f"{unstable}: large particles are seen too rarely, take a wider field"))
    mean = distribution.mean
    error = mean.standard_error
    if distribution.n_clusters > 1:  # by the particles alone: what micrographs differ by is said of the sample
        error = distribution.sd.value / math.sqrt(distribution.n_effective)
    if used.size >= _MANY and not said and 2 * error > _WIDE * mean.value:
        wide = f"the mean of {used.size} particles is known to ± {200 * error / mean.value:.0f} % only"
        said.append(Remark("few_decide", f"{wide}: a few large ones decide it; quote the median, or measure more micrographs"))
    px = table["equivalent_diameter_px"].to_numpy(np.float64)[weights > 0]
    share = float((px < _FEW_PX).mean())
    if share > _FEW_SHARE:
        small = f"{100 * share:.0f} % of the particles are under {_FEW_PX:g} px across"
        said.append(Remark("few_pixels", f"{small}: their sizes are biased, magnify more"))
    if "equivalent_diameter_nm" in table and (d50 := float(np.median(table["equivalent_diameter_nm"][weights > 0]))) < _ATOM_NM:
        atoms = f"half of what was found is under {d50:.2g} nm across, as single atoms are"
        said.append(Remark("atoms", f"{atoms}: columns of a lattice are no particles, or else the scale is wrong"))
    return tuple(said)


def detection_warnings(detection: Mapping[str, float], counts: Mapping[str, float]) -> tuple[Remark, ...]:
    """Warnings where other readings of the picture move the sizes much, or find many more particles.

    detection: relative standard uncertainties; counts: reading -> number of particles in it, what is measured first
    """
    said = []
    worst = max(detection.get("mean", 0.0), detection.get("d50", 0.0))
    if worst >= MUCH_DOUBT:
        doubtful = "it is doubtful what is a particle here, or where one ends and the next begins"
        by = f"other readings of the picture move the sizes by {100 * worst:.0f} % (one standard uncertainty)"
        said.append(Remark("doubtful_sizes", f"{doubtful}: {by}; look at the overlay"))
    measured, *others = counts.values() or (0.0,)
    most = max(others, default=0.0)
    if most >= max(MANY_MORE * measured, measured + 3):
        finds = f"another reading of the picture, nearly as likely, finds {most:.0f} where {measured:.0f} were found"
        said.append(Remark("more_particles", f"particles may have been missed: {finds}; look at the overlay"))
    return tuple(said)


def missed_warnings(expected_found: float | None) -> tuple[Remark, ...]:
    """A warning where many of the particles that a person would draw are expected to be missing (`Measurement.expected_found`)."""
    if expected_found is None or expected_found >= LEAST_FOUND:
        return ()
    share = f"of the particles that a person would draw about {100 * expected_found:.0f} % are expected to be found"
    return (Remark("missed", f"{share}: look at the overlay before you trust counts and small sizes"),)


def look_alike_warnings(n_alike: int, n_particles: int) -> tuple[Remark, ...]:
    """A warning where so many places look like the particles and are none."""
    if n_alike < max(_FEW_ALIKE, _ALIKE_SHARE * n_particles):
        return ()
    places = f"{n_alike} places look like the {n_particles} particles found and are not among them"
    return (Remark("look_alikes", f"{places}: particles were missed; look at the overlay"),)


def faint_warnings(n_faint: int, *, left_out: bool, n_particles: int) -> tuple[Remark, ...]:
    """A warning where so many objects hardly stand out from their surroundings beside the others."""
    if n_faint < max(_FEW_FAINT, _FAINT_SHARE * n_particles):
        return ()
    said = f"{n_faint} objects hardly stand out from their surroundings where the others do, or are bright where those are dark"
    if left_out:
        return (Remark("faint", f"{said}, as stains, holes and ground between particles: they were left out; look at the overlay"),)
    return (Remark("faint", f"{said}: they are another kind of particle, or none; look at the overlay"),)


def overlap_warnings(n_places: int) -> tuple[Remark, ...]:
    """A warning where particles lie over each other at so many places and are seen through."""
    if not n_places:
        return ()
    said = f"at {n_places} places or more particles seem to lie over each other and to be seen through"
    return (Remark("overlaps", f"{said}: an outline ends where the next begins, so many sizes are of parts; look at the overlay"),)


def soft_warnings(soft: float) -> tuple[Remark, ...]:
    """A warning where the edges' half width is so large a share of the particles' radius that flat ones look like round ones."""
    if not soft >= SOFT:
        return ()
    wide = f"the particles' edges are blurred over {100 * min(2 * soft, 1):.0f} % of their radius"
    return (Remark("soft_edges", f"{wide}: where these end is uncertain, round ones may be 15 % larger; focus, or magnify more"),)


def ring_warnings(n_told: int, n_ringed: int) -> tuple[Remark, ...]:
    """A warning where many particles, of those of which it can be told, have a ring of the other sign than their middle."""
    if n_ringed < max(_RINGED, _RINGED_SHARE * n_told):
        return ()
    rings = f"{n_ringed} particles have a bright ring round a dark middle, or a dark one round a bright"
    return (Remark("rings", f"{rings}: it counts as part of them, and where it is a fringe of defocus they are that much smaller"),)


def class_warnings(table: pd.DataFrame, settings: Settings) -> tuple[Remark, ...]:
    """A warning for each rule of classes that asks for a length in nm where there is no scale."""
    missing = {name: sorted(columns_of(rule) - set(table.columns)) for name, rule in settings.classes.rules.items()}
    return tuple(
        Remark("rule_without_scale", f"the rule of class {name} needs {', '.join(columns)}, which there is not without a scale")
        for name, columns in missing.items()
        if columns
    )


def left_out_warnings(likely_px: int, left_out_px: int) -> tuple[Remark, ...]:
    """A warning where much of what may be particles was left out as too unsure: the distribution may miss dim ones."""
    share = left_out_px / max(likely_px, 1)
    if share < MOST_LEFT_OUT:
        return ()
    much = f"{100 * share:.0f} % of what may be particles was left out because the network is unsure about it"
    remedy = "look at the overlay, and lower least_confidence in the settings if particles are missing"
    return (Remark("left_out", f"{much}: {remedy}"),)


def mat_warnings(n_fibres: int, n_particles: int) -> tuple[Remark, ...]:
    """A warning where the picture shows a mat or a net of so many fibres."""
    if not n_fibres:
        return ()
    meshes = f"; the {n_particles} particles found may be its meshes and crossings" if n_particles else ""
    said = f"the picture shows a mat or a net, {n_fibres} long fibres or more{meshes}"
    return (Remark("mat", f"{said}: nanogauge fibres measures the fibres' widths, lengths and directions"),)
