"""What a report says, as plain lists and text: the HTML page and the PDF lay out the same content."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.particles import has_classes
from ..core.settings import Settings
from ..statistics.distribution import MIN_N_FOR_INTERVALS, STATISTICS, WITHOUT_UNIT, Estimate
from .facts import Gathered
from .formatting import BASES, DASH, LAWS, NAMES, REASONS, Lengths, fixed, lengths, number, p_value, percent
from .info import ReportInfo

if TYPE_CHECKING:
    from ..statistics.classes import Classes
    from ..statistics.distribution import Distribution
    from ..statistics.samples import Comparison, Sample

Block = dict[str, Any]
_SKIPPED = ("d50",)  # the median under its other name


def sample_content(sample: Sample) -> Block:
    """Everything on one sample but its plots and pictures."""
    d = sample.distribution
    unit = lengths(sample.unit, d.median.value)
    return {
        "name": sample.name,
        "unit": unit.unit,
        "headline": _headline(sample, unit),
        "statistics": _statistics(sample, unit),
        "statistics_note": _statistics_note(sample),
        "budget": _budget(sample, unit),
        "required_n": _required_n(sample),
        "verdicts": [_verdict(v) for v in sample.verdicts],
        "classes": class_rows(sample.by_class(), unit) if has_classes(sample.particles) else [],
        "classes_note": _classes_note(sample),
        "fits": _fits(sample, unit),
        "homogeneity": _homogeneity(sample),
        "exclusions": exclusion_rows(sample.n_particles, d.n, sample.exclusions),
        "warnings": list(sample.warnings),
    }


CLASS_HEADS = ("class", "found", "counted", "share by number", "by area", "by volume", "mean", "d10", "d50", "d90")


def class_rows(classes: Classes, unit: Lengths) -> list[tuple[str, ...]]:
    """Of each class: numbers, shares with their intervals, sizes in `unit`, under `CLASS_HEADS`."""
    return [
        (
            f.name or "no class",
            f"{f.n_particles}",
            f"{f.distribution.n}",
            *(_share(e) for e in (f.number, f.area, f.volume)),
            *(unit.show(f.distribution[k].value) for k in ("mean", "d10", "d50", "d90")),
        )
        for f in classes.values()
    ]


def _share(e: Estimate) -> str:
    interval = f" ({percent(e.low, 2)} to {percent(e.high, 2)})" if math.isfinite(e.low) else ""
    return f"{percent(e.value)}{interval}" if math.isfinite(e.value) else DASH


def _classes_note(sample: Sample) -> str:
    how = ", clustered by micrograph" if sample.distribution.n_clusters > 1 else ""
    return (
        f"Shares of the particles that count, with 95 % intervals by bootstrap{how}; volume is taken as diameter³. The intervals "
        f"cover the choice of particles, not that a class may be told wrongly."
    )


def _headline(sample: Sample, unit: Lengths) -> list[tuple[str, str, str]]:
    """(what, value, note) of the first figures a reader looks for."""
    d, budget = sample.distribution, sample.budget
    rows = [
        ("Particles counted", f"{d.n}", f"{sample.n_particles} found, {sample.n_micrographs} micrograph{_s(sample.n_micrographs)}")
    ]
    for name, heading in (("mean", "Mean diameter"), ("d10", "d10"), ("d50", "d50 (median)"), ("d90", "d90")):
        e = getattr(d, name)
        if budget is not None and d.n:
            b = budget[name]
            k = fixed(b.coverage_factor, 0 if b.coverage_factor == round(b.coverage_factor) else 1)
            note = f"k = {k}" if math.isfinite(b.expanded) else ""
            rows.append((heading, f"{unit.with_uncertainty(b.value, b.expanded)} {unit.unit}", note))
        else:
            rows.append((heading, unit.with_unit(e.value), ""))
    rows.append(("Coefficient of variation", percent(d.cv.value), f"GSD {number(d.geometric_sd.value)}"))
    return rows


def _statistics(sample: Sample, unit: Lengths) -> list[tuple[str, str, str, str]]:
    """(name, value, 95 % interval, standard error) with units; the interval to quote where there is one."""
    d, quotable = sample.distribution, sample.quotable
    rows = []
    for name in STATISTICS:
        e = getattr(d, name)
        if math.isnan(e.value) or name in _SKIPPED:
            continue
        show = unit_of(name, unit)
        of = f" {show.unit}" if show.unit else ""
        known = math.isfinite(e.low)
        interval = show.interval(*quotable.get(name, (e.low, e.high))) + of if known else _no_interval(d)
        se = show.show(e.standard_error, 2) + of if math.isfinite(e.standard_error) else DASH
        rows.append((NAMES.get(name, name), show.show(e.value, digits_of(name)) + of, interval, se))
    return rows


def unit_of(statistic: str, unit: Lengths) -> Lengths:
    """What a statistic is written in: lengths in `unit`, the coefficient of variation in percent everywhere."""
    return Lengths("%", 100.0) if statistic == "cv" else Lengths("") if statistic in WITHOUT_UNIT else unit


def digits_of(statistic: str) -> int:
    """Figures that a statistic is written with."""
    return 3 if statistic == "cv" else 4


def _no_interval(d: Distribution) -> str:
    return "cannot be given: the micrographs differ too much" if d.n >= MIN_N_FOR_INTERVALS else "too few particles"


def _statistics_note(sample: Sample) -> str:
    d = sample.distribution
    how = ", clustered by micrograph" if d.n_clusters > 1 else ""
    return (
        f"By {d.weighting}. {100 * d.confidence:.0f} % intervals by bootstrap{how} ({d.n_bootstrap} resamples, seed {d.seed}); "
        f"they cover the choice of particles. Those of mean, d10, d50 and d90 are the budget's, and so have all that it has. "
        f"D[1,0], D[3,2] and D[4,3] are of the number distribution. "
        f"Effective number under the edge weights: {number(d.n_effective, 4)}."
    )


def exclusion_rows(n_found: int, n_counted: int, exclusions: dict[str, int]) -> list[tuple[str, str, str]]:
    """(what, number, share of those found)."""
    rows = [("found", n_found)]
    rows += [(REASONS.get(k, k.replace("_", " ")), -n) for k, n in exclusions.items()]
    rows.append(("counted", n_counted))
    return [(k, f"{n}".replace("-", "−") if n else "0", percent(abs(n) / n_found) if n_found else DASH) for k, n in rows]


def _budget(sample: Sample, unit: Lengths) -> Block | None:
    budget = sample.budget
    if budget is None:
        return None
    blocks = []
    for s in budget.statistics:
        rows = [
            (
                c.name.replace("_", " "),
                c.kind,
                f"{number(c.standard_uncertainty, 3)} {c.input_unit}".strip(),
                number(c.sensitivity, 3),
                unit.show(c.contribution, 3),
                percent(c.contribution**2 / s.combined**2, 2) if s.combined > 0 else DASH,
                c.source,
            )
            for c in s.components
        ]
        name = NAMES["median"] if s.statistic == "d50" else NAMES[s.statistic]
        blocks.append(
            {
                "statistic": name,
                "summary": (
                    name,
                    unit.with_unit(s.value),
                    unit.with_unit(s.combined, 3),
                    unit.with_unit(s.expanded, 2),
                    f"{unit.with_uncertainty(s.value, s.expanded)} {unit.unit}",
                    f"{unit.interval(s.low, s.high)} {unit.unit}",
                ),
                "rows": rows,
            }
        )
    return {
        "coverage_factor": f"{budget.coverage_factor:g}",
        "unit": unit.unit,
        "summary": [b["summary"] for b in blocks],
        "statistics": blocks,
        "notes": list(budget.notes),
    }


def _required_n(sample: Sample) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for r in sample.required_n:
        wish = f"{100 * r.relative_error:g} % at {100 * r.confidence:g} %"
        enough = DASH if r.enough is None else "yes" if r.enough else "no"
        needed = DASH if r.n_needed is None else f"{r.n_needed:,}".replace(",", "\u202f")
        rows.append(
            (
                f"{BASES.get(r.basis, r.basis)}, {wish}",
                needed,
                number(r.n_measured, 4),
                percent(r.reached_relative_error, 2),
                enough,
            )
        )
    return rows


def _verdict(v: Any) -> Block:
    interval = f" ({percent(v.low)} to {percent(v.high)})" if math.isfinite(v.low) else ""
    meaning = v.value_meaning[:1].upper() + v.value_meaning[1:]
    return {
        "question": v.question,
        "answer": v.answer,
        "value": f"{meaning}: {percent(v.value)}{interval}; threshold {percent(v.threshold)}",
        "reasons": [r[:1].upper() + r[1:] for r in v.reasons],
        "source": v.source,
    }


def _fits(sample: Sample, unit: Lengths) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for f in sample.fits:
        parts = []
        for p in f.parameters:
            show = unit if p.has_unit else Lengths("")
            parts.append(f"{p.name.replace('_', ' ')} {show.with_uncertainty(p.value, p.standard_error)} {show.unit}".strip())
        rows.append(
            (LAWS.get(f.law, f.law), "; ".join(parts), number(f.delta_aicc, 3), p_value(f.ks_p_value), p_value(f.ad_p_value))
        )
    return rows


def _homogeneity(sample: Sample) -> list[tuple[str, str]]:
    h = sample.homogeneity
    if h.n_micrographs < 2:
        return []
    if h.homogeneous is None:
        return [("Micrographs", f"{h.n_micrographs}: too few particles in them to tell")]
    says = "no difference shown" if h.homogeneous else "they differ: the pooled figures may not describe a single population"
    return [
        ("Kruskal–Wallis test", f"H = {number(h.statistic, 3)}, p {_p(h.p_value)}, {h.n_micrographs} micrographs"),
        ("Effect size ε²", number(h.epsilon_squared, 2)),
        ("Between micrographs, SD", f"{percent(h.relative_between_sd, 2)} of the mean"),
        ("Verdict", says),
    ]


def comparison_content(comparison: Comparison) -> Block:
    """Several samples beside each other."""
    unit = lengths(comparison.unit, float(comparison.table["median"].max()))
    rows = [
        (
            str(r["sample"]),
            str(int(r["n_micrographs"])),
            str(int(r["n"])),
            unit.with_uncertainty(r["mean"], r.get("mean_expanded")),
            unit.show(r["sd"], 3),
            percent(r["cv"]),
            *(unit.with_uncertainty(r[k], r.get(f"{k}_expanded")) for k in ("d10", "d50", "d90")),
        )
        for _, r in comparison.table.iterrows()
    ]
    pairs = [
        (
            str(p["sample_a"]),
            str(p["sample_b"]),
            unit.within(p["difference_of_medians"], p["low"], p["high"]),
            unit.interval(p["low"], p["high"]),
            number(p["cliffs_delta"], 2).replace("-", "−"),
            p_value(p["p_value"]),
        )
        for _, p in comparison.pairs.iterrows()
    ]
    heads = ("sample", "micrographs", "n", "mean", "SD", "CV", "d10", "d50", "d90")
    t = comparison.test
    lines = list(comparison.warnings)
    if math.isfinite(t.p_value):
        h, effect = number(t.statistic, 3), number(t.epsilon_squared, 2)
        lines.append(f"Kruskal–Wallis test over particles: H = {h}, p {_p(t.p_value)}, effect size ε² = {effect}.")
    if math.isfinite(t.p_value_micrographs):
        lines.append(
            f"The same test over the micrographs' medians, which counts each micrograph once: p {_p(t.p_value_micrographs)}."
        )
    of_classes = [
        (
            str(r["class"]) or "no class",
            str(r["sample"]),
            str(int(r["n_counted"])),
            *(
                _share(Estimate(*(float(r[f"{b}_share{end}"]) for end in ("", "_low", "_high"))))
                for b in ("number", "area", "volume")
            ),
            *(unit.show(r[f"{k}_{comparison.unit}"]) for k in ("mean", "d50")),
        )
        for _, r in comparison.classes.iterrows()
    ]
    return {"unit": unit.unit, "columns": heads, "rows": rows, "pairs": pairs, "lines": lines, "classes": of_classes}


def _p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def settings_rows(settings: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(key, value, "" or the default where it was changed)."""
    defaults = Settings().to_dict(whole=True)
    rows = []
    for section, keys in settings.items():
        for key, value in keys.items():
            default = defaults.get(section, {}).get(key)
            rows.append((f"{section}.{key}", _setting(value), "" if value == default else _setting(default)))
    return rows


def _setting(value: Any) -> str:
    return (
        f"{value:g}"
        if isinstance(value, float)
        else {True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )


def provenance_rows(gathered: Gathered, *, started: str = "", made: str = "", left_out: str = "") -> list[tuple[str, str]]:
    """Software, models, dates, edits, what was left out."""
    rows = [("nanogauge", gathered.text("version"))]
    if started:
        rows.append(("Measured", started))
    if made:
        rows.append(("Report made", made))
    for name, sha256 in gathered.engines.items():
        rows.append(("Particles found by", name + (f", SHA-256 {sha256}" if sha256 else "")))
    edits = f"{gathered.n_edited} micrograph{_s(gathered.n_edited)} edited by hand" if gathered.n_edited else "none"
    rows.append(("Operator's edits", edits))
    if left_out:
        rows.append(("Measured, but left out of this report", left_out))
    return rows


def iso_rows(info: ReportInfo, gathered: Gathered, samples: Sequence[Sample]) -> list[tuple[str, str]]:
    """The fields a report after ISO 19749:2021 (size and shape distributions by SEM) states; "" where nobody has said."""
    s = samples[0] if samples else None
    instrument = info.instrument or " ".join(t for t in (gathered.text("maker"), gathered.text("model")) if t)
    distance, magnification = gathered.span("working_distance_mm", "mm", 3), gathered.span("magnification", "×", 3)
    conditions = [
        gathered.span("accelerating_voltage_kv", "kV", 3),
        distance and f"{distance} working distance",
        gathered.text("detector"),
        magnification and f"{magnification} magnification",
    ]
    u = gathered.ranges.get("scale_uncertainty")
    calibration = "; ".join(t for t in (info.calibration, gathered.text("calibration")) if t)
    scale = f"{gathered.span('nm_per_px', 'nm/px')} from {gathered.text('scale_source')}" if u else ""
    best = s.fits[0] if s is not None and s.fits else None
    return [
        ("Sample", ", ".join(t for t in (info.sample, info.material, info.batch) if t) or ", ".join(x.name for x in samples)),
        ("Customer and purpose", ", ".join(t for t in (info.customer, info.purpose) if t)),
        ("Laboratory and operator", ", ".join(t for t in (info.laboratory, info.operator) if t)),
        ("Date of measurement", info.date_of_measurement or gathered.text("acquired")),
        ("Sampling", info.sampling),
        ("Preparation of the specimen", info.preparation),
        ("Instrument", ", ".join(t for t in (instrument, info.instrument_serial) if t)),
        ("Imaging conditions", ", ".join(t for t in conditions if t)),
        ("Calibration of the magnification", calibration),
        ("Pixel size", scale),
        (
            "Micrographs and particles",
            f"{gathered.n} micrograph{_s(gathered.n)}, {gathered.n_found} particles found, {gathered.n_counted} counted",
        ),
        ("Segmentation", ", ".join(gathered.engines) + (", settings as listed" if gathered.engines else "")),
        (
            "Measurand",
            "area-equivalent circular diameter (ISO 9276-6), weighted against the frame's edge effect (Miles–Lantuéjoul)",
        ),
        ("Criteria for leaving particles out", "cut by the frame or the data bar; outside the size window of the settings"),
        ("Fitted distribution", f"{LAWS.get(best.law, best.law)} (least AICc)" if best else ""),
        ("Uncertainty", "budget after the GUM, expanded with the coverage factor stated; see the table"),
        ("Remarks", info.remarks),
    ]


def _s(n: int) -> str:
    return "" if n == 1 else "s"
