"""From a folder of micrographs with classes to a network that tells them apart, and how well it does on those held out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core.errors import SettingsError
from ...core.protocols import EngineClasses, classes_of
from ...detection.engines.onnx import OnnxEngine
from ...results.atomic import write_atomic
from ..export import describe, described, export_classes
from .counts import weigh
from .data import Classed, held_out, read_class_folder
from .figures import F64
from .judge import Found, Judged, find_classed, judge_particles, judge_phases
from .learn import class_recipe, learn
from .outlines import fit_outlines
from .untaught import lost_by_class, noticed_by_class, with_taught


@dataclass(frozen=True)
class Trained:
    """network: the ONNX file; judged: on the micrographs held out; learned: the names of the others; counts: of maps and outlines,
    None for phases"""

    network: Path
    judged: Judged
    learned: tuple[str, ...]
    temperature: float
    counts: tuple[float, float] | None = None

    def lines(self) -> list[str]:
        """What to tell a person."""
        j, of = self.judged, "particles" if self.judged.ap50 is not None else "pixels"
        width = max(len(n) for n in (*j.names, "class"))
        shown = {"precision": "precision", "recall": "recall", "iou": "IoU", "ap50": "AP@0.5"}
        columns = [c for c in shown if c in j.table and not (c == "iou" and j.ap50 is not None)]
        lines = [f"on {len(j.pictures)} held-out micrographs, {of} of a known class:"]
        lines.append(f"{'class':{width}}  {'n':>9}  " + "  ".join(f"{shown[c]:>9}" for c in columns))
        for row in j.table.to_dict("records"):
            values = "  ".join(f"{row[c]:9.3f}" if row[c] == row[c] else f"{'none':>9}" for c in columns)
            lines.append(f"{row['class']:{width}}  {row['n_true']:9d}  {values}")
        figures = j.figures()
        said = f"mean class accuracy {figures['mean_class_accuracy'] or float('nan'):.3f}"
        said += (
            f", mean IoU {figures['mean_iou'] or float('nan'):.3f}" if j.ap50 is None else f", found {j.found:.3f} of the true ones"
        )
        lines.append(said)
        if self.counts is not None:
            lines.append(_told_by(*self.counts) + (f"; {j.untold} cut by the frame are unsure" if j.untold else ""))
        if j.noticed is not None and j.lost is not None:
            lines.append(f"called unsure, as like none that was taught: {_shares(j.names, j.lost)}")
            lines.append(f"the same if it were not taught, by leaving each out in turn: {_shares(j.names, j.noticed)}")
        return [*lines, "confusion (rows: true, columns: said, in the order above):", *(str(r) for r in j.matrix.tolist())]


def train_classes(
    folder: Path,
    network: Path,
    run: Path,
    *,
    of: str,
    only: Sequence[str] = (),
    start_from: str = "shipped",
    steps: int = 300,
    hold_out: float = 0.25,
    whole: bool = False,
    resume: bool = True,
    report: Callable[[str], None] = print,
) -> Trained:
    """Learns the classes of FOLDER, in RUN (checkpoint, log, figures), and writes the network.

    of: "particles" or "phases"; only: these classes alone; the rest as in `ClassRecipe` and `held_out`. The temperature is fitted
    to the micrographs held out. Raises SettingsError, AnnotationError.
    """
    names, items = read_class_folder(folder, only=only, report=report)
    if of == "particles" and any(i.labels is None for i in items):
        raise SettingsError(
            f"{folder}: class maps without particles in labels/; for classes of pixels use nanogauge phases train, "
            "for particles give label pictures or outlines"
        )
    learned, held = held_out(items, hold_out)
    report(f"classes: {', '.join(names)}; learning from {len(learned)} micrographs, testing on {len(held)}: {_listed(held)}")
    recipe = class_recipe(names, of=of, start_from=start_from, steps=steps, whole=whole)
    shown = [replace(i, labels=None) for i in learned] if of == "phases" else learned
    checkpoint = learn(recipe, shown, run, resume=resume, report=report)
    pixels = [i.nm_per_px for i in learned if i.nm_per_px is not None]
    export_classes(checkpoint, network, nm_per_px=(min(pixels), max(pixels)) if pixels else None)
    judged = calibrated_phases(network, held) if of == "phases" else calibrated_particles(network, learned, held)
    known = classes_of(OnnxEngine(network))
    counts = known.counts if of == "particles" else None
    trained = Trained(network, judged, tuple(i.name for i in learned), known.temperature, counts)
    save_figures(trained, run)
    return trained


def calibrated_phases(network: Path, held: Sequence[Classed]) -> Judged:
    """Fits a network's temperature to micrographs held out, writes it into its file, and says how well it does on them."""
    judged = judge_phases(OnnxEngine(network), held)
    _describe(network, temperature=round(judged.temperature, 4))
    return judged


def calibrated_particles(network: Path, learned: Sequence[Classed], held: Sequence[Classed]) -> Judged:
    """The same of particles. What outlines say is fitted to the micrographs learned from; how much they and the maps count, and the
    temperature, to those held out. What is written has learned outlines from all: there are few, and the fit takes no time."""
    engine = OnnxEngine(network)
    known = classes_of(engine)
    seen, tested = find_classed(engine, learned), find_classed(engine, held)
    known = with_outlines(known, seen)
    known = replace(known, counts=weigh(tested, known).counts)
    known = with_taught(known, seen, tested)
    known = replace(known, temperature=round(judge_particles(tested, known).temperature, 4))
    taught = None if known.taught is None else asdict(known.taught)
    outlines = with_outlines(known, seen.and_those_of(tested)).outlines
    _describe(network, temperature=known.temperature, outlines=outlines, counts=known.counts, taught=taught)
    lost, noticed = lost_by_class(tested, known), noticed_by_class(seen, tested, known)
    return replace(judge_particles(tested, known), lost=lost, noticed=noticed)


def with_outlines(known: EngineClasses, found: Found) -> EngineClasses:
    """The classes with what outlines say of them, fitted to particles."""
    m = found.matched
    weights = fit_outlines(found.shapes[m], found.true[m], known.names, found.picture[m])
    return replace(known, outlines=tuple(tuple(round(float(v), 4) for v in row) for row in weights))


def _describe(network: Path, **more: Any) -> None:
    """Writes more of its classes into a network's file."""
    facts: dict[str, Any] = described(network)
    facts["classes"] |= more
    describe(network, facts)


def save_figures(trained: Trained, run: Path) -> None:
    """RUN/figures.json, per_class.csv, confusion.csv, held_out.txt."""
    j = trained.judged
    figures = {"network": trained.network.name, "learned": list(trained.learned), "temperature": trained.temperature} | j.figures()
    if trained.counts is not None:
        figures["counts"] = {"maps": trained.counts[0], "outlines": trained.counts[1]}
    write_atomic(run / "figures.json", json.dumps(figures, indent=1) + "\n")
    write_atomic(run / "per_class.csv", j.table.to_csv(index=False))
    write_atomic(
        run / "confusion.csv", pd.DataFrame(j.matrix, columns=[f"said {n}" for n in j.names], index=list(j.names)).to_csv()
    )
    write_atomic(run / "held_out.txt", "".join(f"{n}\n" for n in j.pictures))


def _told_by(maps: float, outlines: float) -> str:
    if not maps or not outlines:
        return f"told by {'maps' if maps else 'outlines'} alone"
    return f"told by maps, which count {maps:g}, and outlines, which count {outlines:g}"


def _listed(items: Sequence[Classed]) -> str:
    names = [i.name for i in items]
    return ", ".join(names[:6]) + (" ..." if len(names) > 6 else "")


def _shares(names: Sequence[str], shares: F64) -> str:
    return ", ".join(f"{n} not known" if np.isnan(v) else f"{n} {100 * v:.0f} %" for n, v in zip(names, shares, strict=True))
