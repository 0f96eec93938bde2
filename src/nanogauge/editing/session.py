"""One open micrograph: its labels and table in memory, edits applied one at a time, what changed told to every window.

edit ──journal (synced)──▶ labels ──remeasure──▶ table ──judge──▶ Delta to the windows ─▶ files, a moment later
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.errors import EditError, NotYours
from ..core.particles import CLASS_COLUMNS
from ..core.scale import Scale
from ..core.settings import Settings
from ..reading import read_micrograph
from ..results.folder import EDITS, PROBABILITY
from ..results.measurement import Measurement
from ..results.rescaled import is_square
from ..results.saved import read_found
from ..scale.resolve import ScaleDecision
from .classed import classed, stated_in
from .contour import outline_of
from .delta import MOST_DELTAS, Delta
from .filters import Decisions, Judged, decisions_from_dict, decisions_in, judge
from .gestures import Standing, decision_of
from .imported import take_labels
from .journal import Edit, Journal, now, read_journal
from .patches import Box, Labels, Patch, write_into
from .remeasure import Basis, Ints, boxes_of_labels, confidence_in, edgeless_in, measure_all, remeasure, rescaled
from .scale_choice import decide

_CLASSES = [c.name for c in CLASS_COLUMNS]


class Session:
    """An open micrograph. Methods may be called from several threads; each edit is whole or not made.

    found: as it was before any edit; its `foreground` is None where the map is not known (yet), or never was
    folder: of its result, with the edits; along_map: whether outlines run along the map, once that is known
    """

    def __init__(self, found: Measurement, folder: Path, *, along_map: bool = True) -> None:
        self.found, self.folder, self.along_map = found, folder, along_map
        self.lock = threading.RLock()
        self.revision = 0
        self.saved_revision = 0
        self.ended = ""  # why no more edits are taken; "" while they are
        self.listeners: list[Callable[[Delta], None]] = []
        self.recent: deque[Delta] = deque(maxlen=MOST_DELTAS)  # so that a window can catch up
        self.probability = found.foreground
        self.labels = found.labels.copy()
        self.journal: Journal = read_journal(folder / EDITS)
        self.decisions = Decisions()
        self._touches: Counter[int] = Counter()  # label -> edits in force that changed it
        self._highest = int(found.labels.max(initial=0))  # number ever given to a particle
        self._hidden: frozenset[int] = frozenset()
        self._table = found.particles.drop(columns=_CLASSES, errors="ignore")
        self._confidence = confidence_in(found.particles)
        self._boxes: Ints = np.zeros((4, 0), np.int64)
        self._outlines: dict[int, list[list[float]]] = {}
        self._edgeless = edgeless_in(found.particles)
        self.decision: ScaleDecision = found.decision
        self._replay()
        self.judged: Judged = self._judge()

    # --- what windows read -------------------------------------------------------------------------------------------------

    @property
    def table(self) -> pd.DataFrame:
        """The particle table under all decisions."""
        return self.judged.table

    @property
    def scale(self) -> Scale | None:
        """The scale in use."""
        return self.decision.scale

    @property
    def wants_map(self) -> bool:
        """Whether it was measured between the pixels, by a map that was not kept."""
        return self.along_map and self.probability is None

    @property
    def unit(self) -> str:
        """nm, or px where there is no scale."""
        return "px" if self.scale is None else "nm"

    @property
    def edited(self) -> frozenset[int]:
        """Labels that an edit in force drew or changed."""
        return frozenset(self._touches)

    def outlines(self, labels: list[int] | None = None) -> dict[int, list[list[float]]]:
        """Label -> rings, of all particles or some."""
        with self.lock:
            known = self._table["label"].to_numpy(np.int64)
            wanted = known if labels is None else np.intersect1d(known, labels)
            where = np.searchsorted(known, wanted)
            for label, box in zip(wanted.tolist(), self._boxes[:, where].T.tolist(), strict=True):
                if label not in self._outlines:
                    self._outlines[label] = outline_of(label, tuple(box), self.labels, self.probability)
            return {label: self._outlines[label] for label in wanted.tolist()}

    def found_outlines(self) -> dict[int, list[list[float]]]:
        """Label -> rings, as they were found, of the particles that edits in force have changed or taken away."""
        with self.lock:
            known = self.found.particles["label"].to_numpy(np.int64)
            touched = np.flatnonzero(np.isin(known, list(self.edited)))
            boxes = boxes_of_labels(self.found.labels, known[touched]) if touched.size else np.zeros((4, 0), np.int64)
            pairs = zip(known[touched].tolist(), boxes.T.tolist(), strict=True)
            return {label: outline_of(label, tuple(box), self.found.labels, self.probability) for label, box in pairs}

    def measurement(self) -> Measurement:
        """The result as it stands, edits and decisions in it."""
        with self.lock:  # what may change meanwhile is taken in one go, the rest done after
            return replace(
                self.found,
                decision=self.decision,
                labels=self.labels.copy(),
                particles=self._classed(),
                frame=self.decisions.region.frame(self.found.frame),
                settings=self.settings_in_force(),
                foreground=self.probability if self.along_map else None,
                remarks=self.judged.notes,
                operator_edits=self.journal.texts,
            )

    def settings_in_force(self) -> Settings:
        """The settings it was measured with; without edge weights where border particles are counted, and with the classes as
        stated where a person gave some."""
        s = self.found.settings
        if self.decisions.classes:
            s = replace(s, classes=replace(s.classes, by="labels", rules={}))
        return s.replace("measure", edge_correction=False) if self.decisions.filters.border else s

    # --- edits of outlines -------------------------------------------------------------------------------------------------

    def edit(self, kind: str, gesture: dict[str, Any]) -> Delta:
        """Makes one edit: of outlines (delete, merge, split, redraw, vertices, polygon, brush, erase, click, fill, smooth, grow,
        shrink, part), or of what counts (accept, leave_out, class, region, filters, scale).

        gesture: what the page sends; lengths and points in px, (y, x). Raises EditError or ScaleError where it cannot be made.
        """
        with self.lock:
            self._check_open()
            if kind in ("region", "filters", "scale", "accept", "leave_out", "class"):
                return self._decide(kind, gesture)
            patch, text, focus = self._standing().patch(kind, gesture)
            self.journal.add(Edit(kind, text, now(), patch))
            self._count(patch.touched, 1)
            return self._apply(patch, text, focus)

    def import_labels(self, marks: Labels, *, source: str, replace: bool) -> Delta:
        """Takes labels (H, W) that were made elsewhere, as `take_labels`, in one edit. Raises EditError.

        source: what to call them
        """
        with self.lock:
            self._check_open()
            patch, n = take_labels(self.labels, marks, next_label=self._highest + 1, replace=replace)
            many = f"{n} particle{'s' if n != 1 else ''}"
            text = f"took {many} from {source}" + (", in place of those that were there" if replace else "")
            self.journal.add(Edit("import", text, now(), patch))
            self._count(patch.touched, 1)
            return self._apply(patch, text, ())

    @contextmanager
    def made_by(self, hand: str, tag: str = "") -> Iterator[None]:
        """While an edit of somebody's is made: whose browser it comes from, and the id by which it is not made twice."""
        with self.lock:
            self.journal.hand, self.journal.tag = hand, tag
            try:
                yield
            finally:
                self.journal.hand = self.journal.tag = ""

    def undo(self, *, of: str = "") -> Delta | None:
        """Takes the last edit back; None where there is none. of: whose browser's, else NotYours is raised; "": anybody's"""
        with self.lock:
            self._check_open()
            last = self.journal.done[-1] if self.journal.done else None
            if of and last is not None and last.hand not in ("", of):
                raise NotYours(f"the last edit is another person's ({last.text}): undo once more to take it back all the same")
            edit = self.journal.undo()
            return None if edit is None else self._step(edit, back=True)

    def redo(self) -> Delta | None:
        """Makes the last undone edit again; None where there is none."""
        with self.lock:
            self._check_open()
            edit = self.journal.redo()
            return None if edit is None else self._step(edit, back=False)

    def go_to(self, n: int) -> Delta | None:
        """Undoes, or makes again, until `n` edits are in force: 0 is what was found. None where that is so already."""
        with self.lock:
            last: Delta | None = None
            while len(self.journal.done) > max(n, 0):
                last = self.undo()
            while len(self.journal.done) < n and self.journal.undone:
                last = self.redo()
            return last

    def put_back(self, edit: Edit) -> bool:
        """Gives a decision the value that it had before an edit, as an edit of its own; False where it is no decision, or has
        been decided anew since."""
        with self.lock:
            self._check_open()
            if edit.patch is not None or self.decisions.to_dict()[edit.field] != edit.after:
                return False
            text = f"took back: {edit.text}"
            self.journal.add(Edit(edit.kind, text, now(), None, edit.field, edit.after, edit.before))
            self._set(edit.field, edit.before, text)
            return True

    def end(self, why: str) -> None:
        """No more edits: the result is about to be replaced. Windows that still show it are told why."""
        with self.lock:
            self.ended = why

    def _check_open(self) -> None:
        if self.ended:
            raise EditError(self.ended)

    def set_probability(self, probability: NDArray[np.float32]) -> Delta:
        """The map of a result that was opened without one: what was edited meanwhile is measured along it."""
        with self.lock:
            self.probability = probability
            self._outlines.clear()
            self._measure_edits()
            self.judged = self._judge()
            return self._changed(Delta(self.revision + 1, everything=True))

    # --- inside ------------------------------------------------------------------------------------------------------------

    def _decide(self, kind: str, g: dict[str, Any]) -> Delta:
        field, value, text = decision_of(kind, g, self._standing(), self.decisions, self.found)
        before = self.decisions.to_dict()[field]
        if value == before:
            return Delta(self.revision, text="")
        self.journal.add(Edit(kind, text, now(), None, field, before, value))
        return self._set(field, value, text)

    def _step(self, edit: Edit, *, back: bool) -> Delta:
        text = f"{'undone' if back else 'done again'}: {edit.text}"
        if edit.patch is None:
            return self._set(edit.field, edit.before if back else edit.after, text)
        p = edit.patch
        self._count(p.touched, -1 if back else 1)
        return self._apply(Patch(p.box, p.after, p.before) if back else p, text, ())

    def _apply(self, patch: Patch, text: str, focus: tuple[int, ...]) -> Delta:
        write_into(self.labels, patch.box, patch.after)
        before = self.table
        affected = self._measure_in([patch.box], patch.touched)
        self._hide()
        self.judged = self._judge()
        present = set(self._table["label"].tolist())
        removed = tuple(v for v in patch.touched if v not in present)
        changed = {v for v in affected if v in present} | self._differing(before)
        return self._changed(Delta(self.revision + 1, removed, tuple(sorted(changed)), text=text, focus=focus))

    def _set(self, field: str, value: Any, text: str) -> Delta:
        was, classes = self.decision.scale, self.decisions.classes
        self.decisions = decisions_from_dict(self.decisions.to_dict() | {field: value})
        if field == "scale":
            self.decision = self._decision()
            self._table = self._rescaled(was)
        if field == "region":
            self._hide()
        before = self.table
        self.judged = self._judge()
        if field == "classes":
            differ = {int(k) for k, _ in set(classes.items()) ^ set(self.decisions.classes.items())}
            present = differ & set(self._table["label"].tolist())
            return self._changed(Delta(self.revision + 1, (), tuple(sorted(present)), text=text))
        if field == "scale":
            return self._changed(Delta(self.revision + 1, everything=True, text=text))
        return self._changed(Delta(self.revision + 1, (), tuple(sorted(self._differing(before))), text=text))

    def _replay(self) -> None:
        """The edits of the journal, on what was found."""
        for edit in self.journal.undone:
            if edit.patch is not None:
                self._highest = max((self._highest, *edit.patch.touched))
        for edit in self.journal.done:
            if edit.patch is not None:
                write_into(self.labels, edit.patch.box, edit.patch.after)
                self._count(edit.patch.touched, 1)
        self.decisions = decisions_in(self.journal.done)
        self._measure_edits()
        self._hide()

    def _measure_edits(self) -> None:
        """The table of what was found, with what all edits have changed measured in one go, under the scale chosen."""
        o = self.found
        self.decision, self._table = o.decision, o.particles.drop(columns=_CLASSES, errors="ignore")
        self._boxes = boxes_of_labels(o.labels, o.particles["label"].to_numpy(np.int64))
        patches = [e.patch for e in self.journal.done if e.patch is not None]
        if patches:
            self._measure_in([p.box for p in patches], tuple(sorted(self.edited)))
        if self.decisions.scale is not None:
            was, self.decision = self.decision.scale, self._decision()
            self._table = self._rescaled(was)

    def _measure_in(self, changed: list[Box], touched: tuple[int, ...]) -> tuple[int, ...]:
        self._table, self._boxes, affected = remeasure(
            self._table, self._boxes, self.labels, changed, touched, self._basis(), self.scale
        )
        for label in affected:
            self._outlines.pop(label, None)
        return affected

    def _rescaled(self, was: Scale | None) -> pd.DataFrame:
        return rescaled(self._table, self.labels, self._basis(), self.scale, was_square=is_square(was))

    def _basis(self) -> Basis:
        o = self.found
        return Basis(o.micrograph.pixels, o.labels, self.probability, self._confidence, o.settings.measure, self._edgeless)

    def _decision(self) -> ScaleDecision:
        o = self.found
        return decide(self.decisions.scale, found=o.decision, metadata=o.micrograph.scale, bar=o.scale_bar)

    def _judge(self) -> Judged:
        return judge(
            self._table,
            self._boxes,
            decisions=self.decisions,
            edited=self.edited,
            hidden=self._hidden,
            frame=self.found.frame,
            shape=self.found.micrograph.shape,
            settings=self.found.settings.measure,
        )

    def _hide(self) -> None:
        mask = self.decisions.region.mask(self.found.micrograph.shape)
        self._hidden = frozenset() if mask is None else frozenset(np.unique(self.labels[mask]).tolist()) - {0}

    def _differing(self, before: pd.DataFrame) -> set[int]:
        """Labels whose flags or weight are others than before."""
        after = self.table
        a = before.set_index("label")[["flags", "edge_weight"]]
        b = after.set_index("label")[["flags", "edge_weight"]]
        common = b.index.intersection(a.index)
        a, b = a.loc[common], b.loc[common]
        differ = (a["flags"].to_numpy() != b["flags"].to_numpy()) | (a["edge_weight"].to_numpy() != b["edge_weight"].to_numpy())
        return {int(v) for v in common[differ]}

    def _changed(self, delta: Delta) -> Delta:
        self.revision = delta.revision
        self.recent.append(delta)
        for listener in list(self.listeners):
            listener(delta)
        return delta

    def _standing(self) -> Standing:
        """The particles as they stand. Numbers are never given twice, not even after undo."""
        pixels = self.found.micrograph.pixels
        return Standing(self.labels, self._table, self._boxes, pixels, self.probability, next_label=self._highest + 1)

    def _count(self, touched: tuple[int, ...], change: int) -> None:
        """Keeps account of which particles the edits in force changed, so that no edit has to go through all before it."""
        for label in touched:
            self._touches[label] += change
            if not self._touches[label]:
                del self._touches[label]
        self._highest = max((self._highest, *touched))

    def _classed(self) -> pd.DataFrame:
        probability = self.probability if self.along_map else None
        by_hand = self.decisions.classes
        return classed(self.table, self.labels, found=self.found, probability=probability, scale=self.scale, by_hand=by_hand)

    def classes(self) -> dict[int, str]:
        """Label -> class, as it was found or a person gave it, of the particles that have one."""
        return stated_in(self.found.particles) | {int(k): v for k, v in self.decisions.classes.items()}

    def measured_whole(self) -> pd.DataFrame:
        """Everything measured again, for checking that the table kept up with the edits."""
        with self.lock:
            return measure_all(self.labels, self._basis(), self.scale)


def open_session(folder: Path, micrograph_file: Path) -> Session:
    """A saved measurement and its micrograph, to be edited. Raises UnreadableFile where a file is missing, damaged or another."""
    saved = read_found(folder)
    found = saved.measurement(read_micrograph(micrograph_file, **asdict(saved.settings.read)), probability=folder / PROBABILITY)
    return Session(found, folder, along_map=saved.along_map)
