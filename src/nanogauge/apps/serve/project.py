"""The work folder: micrographs, their results, samples; what the gallery shows. The layout is that of `nanogauge measure`:

WORK/NAME/...        a result folder a micrograph (see `results.saved`)
WORK/uploads/        files that came through the browser; others stay where they are
WORK/serve.json      what only the page knows: where each micrograph is, samples, which are checked, what failed
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...batch.inputs import OUTPUT_NAMES
from ...core.errors import InputError, OutputError, UnreadableFile
from ...editing.gestures import class_name
from ...reading import SUFFIXES
from ...results.atomic import write_atomic
from ...results.folder import make_folder
from ...results.interchange.companions import no_micrographs
from ...results.run_json import run_inputs
from ...results.saved import read_json, read_saved
from ...results.versions import ASIDE, Version, bring_back, set_aside, versions
from .doubts import doubt_of, summary_of
from .entry import Entry, State
from .report_choice import ReportChoice, choice_from_dict
from .uploads import INCOMING, Received

UPLOADS = "uploads"
_LONGEST_NOTE = 4000
MEMORY = "serve.json"
SAMPLE_JSON = "sample.json"
CLASS_COLOURS = ("#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#a6cee3", "#b2df8a", "#fb9a99")
"""Of the keys 1 to 9 at first: Okabe & Ito's, then lighter ones; all stand out from a grey ground."""
LEFT_OUT_OF_GALLERY = {UPLOADS, "plots", "training", INCOMING}


class Project:
    """The work folder. Methods may be called from several threads."""

    def __init__(self, root: Path, pictures: Iterable[Path] = (), left_out: Mapping[Path, str] | None = None) -> None:
        self.root = make_folder(root).resolve()
        self.lock = threading.RLock()
        self.entries: dict[str, Entry] = {}
        self.classes: list[dict[str, str]] = []  # name and colour of what the keys 1 to 9 stand for
        self.report = ReportChoice()
        self.left_out: dict[Path, str] = {}  # pictures that are no micrographs, with what they are
        self._aside: tuple[int, list[Version]] = (0, [])
        self._read()
        for picture in pictures:
            self.add_file(picture.resolve())
        known = {e.file for e in self.entries.values()}
        self.left_out |= {p.resolve(): what for p, what in (left_out or {}).items() if p.resolve() not in known}

    # --- what is there -----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        memory = self._memory()
        stated = self._run_inputs()
        files = {name: Path(f) for name, f in memory.get("files", {}).items()}
        found = sorted(p.parent for p in self.root.glob("*/measurement.json") if not p.parent.name.startswith("."))
        for folder in found:
            name = folder.name
            entry = Entry(name, folder, None, "done")
            self._summarise(entry)
            entry.file = self._locate(files.get(name) or stated.get(name), entry.title)
            self.entries[name] = entry
        for name, file in files.items():
            if name not in self.entries and _plain_name(name):
                where = self._locate(file, file.name)
                if where is not None:
                    self.entries[name] = Entry(name, self.root / name, where)
        for name, message in memory.get("errors", {}).items():
            if name in self.entries and self.entries[name].state == "waiting":
                self.entries[name].state, self.entries[name].message = "error", str(message)
        self.left_out = {Path(f): str(what) for f, what in memory.get("left_out", {}).items() if Path(f).is_file()}
        self.classes = [{"name": str(c["name"]), "colour": str(c["colour"])} for c in memory.get("classes", [])][:9]
        self.report = choice_from_dict(memory.get("report", {}))
        samples, checked = self._pooled_run() | memory.get("samples", {}), set(memory.get("checked", []))
        notes = memory.get("notes", {})
        for name, entry in self.entries.items():
            entry.sample = str(samples.get(name) or "")
            entry.checked = name in checked
            entry.note = str(notes.get(name) or "")

    def _pooled_run(self) -> dict[str, str]:
        """Folder name -> sample, of a run of the command line, which has pooled its micrographs as one."""
        try:
            name = read_json(self.root / SAMPLE_JSON).get("name") if (self.root / SAMPLE_JSON).is_file() else None
        except UnreadableFile:
            name = None
        return dict.fromkeys(self._run_inputs(), name) if isinstance(name, str) else {}

    @property
    def title(self) -> str:
        """What is here, in a word: the name of the folder."""
        return self.root.parent.name if self.root.name == "results" and self.root.parent.name else self.root.name

    def _memory(self) -> dict[str, Any]:
        path = self.root / MEMORY
        if not path.is_file():
            return {}
        content = read_json(path)
        return {k: v for k, v in content.items() if isinstance(v, dict | list)}

    def _run_inputs(self) -> dict[str, Path]:
        """Folder name -> file, as run.json states it."""
        try:
            inputs = run_inputs(self.root)
        except UnreadableFile:
            return {}
        return {str(i["folder"]): Path(str(i["file"])) for i in inputs if i.get("file")}

    def _locate(self, stated: Path | None, title: str) -> Path | None:
        """The micrograph's file: where it was, else beside or within the work folder by its name."""
        places = [] if stated is None else [stated, self.root / stated, self.root.parent / stated]
        places += [base / title for base in (self.root / UPLOADS, self.root.parent, self.root)]
        return next((p.resolve() for p in places if p.is_file()), None)

    def _summarise(self, entry: Entry) -> None:
        try:
            entry.summary = summary_of(read_saved(entry.folder, particles=False, pictures=False))
        except UnreadableFile as error:
            entry.state, entry.message = "error", str(error)

    # --- changes -----------------------------------------------------------------------------------------------------------

    def add_file(self, file: Path, *, sample: str = "") -> Entry:
        """A micrograph that is waiting to be measured; the entry there where the file is known already."""
        with self.lock:
            known = next((e for e in self.entries.values() if e.file == file), None)
            if known is not None:
                return known
            name = self._free_name(file)
            entry = Entry(name, self.root / name, file, sample=sample)
            self.entries[name] = entry
            self.left_out.pop(file, None)
            self.remember()
            return entry

    def take(self, received: Received, *, sample: str = "", among_others: bool = False) -> tuple[Entry | None, str]:
        """Moves a received file into uploads/ and adds it. Answers the entry and what to say: "" for a new one.

        The file of a result whose micrograph was missing is put to it; one that is there already is not taken twice. among_others:
        it came with other files, or in a folder; where it is no micrograph then, but a mask of one, say, it is left out (None).
        """
        with self.lock:
            for entry in self.entries.values():
                if entry.summary.get("sha256", entry.sha256) != received.sha256:
                    continue
                if entry.file is not None and entry.file.is_file():
                    received.path.unlink(missing_ok=True)
                    return entry, f"{received.name} is here already, as {entry.title}"
                entry.file = self._move_in(received)
                self.remember()
                return entry, f"{received.name} belongs to {entry.name}, which can be edited now"
            file = self._move_in(received)
            if among_others:
                beside = [p for p in file.parent.iterdir() if p.suffix.lower() in SUFFIXES]
                what = no_micrographs(beside, first={e.file for e in self.entries.values() if e.file is not None}).get(file)
                if what is not None:
                    return None, self._leave_out(file, received.name, what)
            entry = self.add_file(file, sample=sample)
            entry.sha256 = received.sha256
            return entry, ""

    def _leave_out(self, file: Path, given_name: str, what: str) -> str:
        """Notes a received picture that is no micrograph, once; answers what to say."""
        if any(p.is_file() and filecmp.cmp(p, file, shallow=False) for p in self.left_out if p != file):
            file.unlink()
        else:
            self.left_out[file] = what
            self.remember()
        return f"left out: {given_name} ({what})"

    def put_beside(self, entry: Entry, text_file: Path, suffix: str) -> bool:
        """Moves the text file that a microscope wrote beside a picture to it, under the picture's whole name so that no other
        picture is taken to be meant; False, and it is removed, where the picture has one or lies outside the work folder."""
        with self.lock:
            file = entry.file
            target = None if file is None else file.with_name(file.name + suffix)
            if target is None or target.parent != self.root / UPLOADS or target.exists():
                text_file.unlink(missing_ok=True)
                return False
            os.replace(text_file, target)
            return True

    def _move_in(self, received: Received) -> Path:
        folder = make_folder(self.root / UPLOADS)
        path = folder / received.name
        k = 2
        while path.exists():
            path, k = folder / f"{Path(received.name).stem}_{k}{Path(received.name).suffix}", k + 1
        os.replace(received.path, path)
        return path

    def set_state(self, name: str, state: State, *, message: str = "", share: float = 0.0, stage: str = "") -> None:
        """What is known of a micrograph's measuring."""
        with self.lock:
            entry = self.entries[name]
            keep = entry.state in ("error",) or state == "error"
            entry.state, entry.message, entry.share, entry.stage = state, message, share, stage
            if state == "done":
                self._summarise(entry)
            if keep or state in ("done", "error"):
                self.remember()

    def refresh(self, name: str) -> None:
        """Reads a micrograph's summary again, after its files were written."""
        with self.lock:
            if name in self.entries:
                self._summarise(self.entries[name])

    def assign(self, names: Iterable[str], sample: str) -> None:
        """Puts micrographs into a sample. InputError for a name that is empty or too long."""
        wanted = " ".join(sample.split())[:80]
        if not wanted:
            raise InputError("a sample needs a name")
        with self.lock:
            for name in names:
                self.entry(name).sample = wanted
            self.remember()

    def unassign(self, names: Iterable[str]) -> None:
        """Takes micrographs out of their samples: each stands for itself then."""
        with self.lock:
            for name in names:
                self.entry(name).sample = ""
            self.remember()

    def annotate(self, name: str, note: str) -> None:
        """Keeps a person's words on a micrograph."""
        with self.lock:
            self.entry(name).note = note.strip()[:_LONGEST_NOTE]
            self.remember()

    def set_classes(self, classes: Iterable[tuple[str, str]]) -> None:
        """What the keys 1 to 9 stand for, (name, colour "#rrggbb") each. InputError for a name or colour that is none."""
        made = [{"name": class_name(name), "colour": colour} for name, colour in classes][:9]
        names = [c["name"] for c in made if c["name"]]
        if len(set(names)) < len(names):
            raise InputError("two classes have the same name: give each its own")
        if not all(re.fullmatch("#[0-9a-fA-F]{6}", c["colour"]) for c in made):
            raise InputError("a colour is written #rrggbb")
        with self.lock:
            self.classes = made
            self.remember()

    def set_class(self, k: int, name: str, colour: str) -> None:
        """What one key stands for, from 0; the others stay, which another window may have set. Raises as `set_classes`."""
        with self.lock:
            rows = [(c["name"], c["colour"]) for c in self.classes]
            rows += [("", c) for c in CLASS_COLOURS[len(rows) : k + 1]]
            rows[k] = (name, colour)
            self.set_classes(rows)

    def set_report(self, choice: ReportChoice) -> None:
        """What the report is made of from now on."""
        with self.lock:
            self.report = choice
            self.remember()

    def check(self, name: str, checked: bool) -> None:
        """Marks a micrograph as looked at, or not."""
        with self.lock:
            self.entry(name).checked = checked
            self.remember()

    def remove(self, name: str) -> None:
        """Takes a micrograph out of the gallery: its results go to WORK/.removed, the file stays."""
        with self.lock:
            entry = self.entry(name)
            set_aside(entry.folder, facts_of(entry))
            del self.entries[name]
            self.remember()

    def earlier(self, name: str | None = None) -> list[Version]:
        """Earlier results of a micrograph, or of all, those removed from the gallery included; the latest first."""
        return versions(self.root, name)

    def removed(self) -> list[Version]:
        """Earlier results of what is no longer in the gallery; asked for at every tick, so read where the folder has changed."""
        aside = self.root / ASIDE
        stamp = aside.stat().st_mtime_ns if aside.is_dir() else 0
        if self._aside[0] != stamp:
            self._aside = (stamp, self.earlier())
        return [v for v in self._aside[1] if v.name not in self.entries]

    def bring_back(self, version: Version) -> Entry:
        """An earlier result in force again, its edits with it; what stood in its place is an earlier one now."""
        with self.lock:
            present = self.entries.get(version.name)
            bring_back(version, None if present is None else facts_of(present))
            facts = version.facts if present is None else facts_of(present)
            entry = Entry(version.name, self.root / version.name, None, "done", sample=str(facts.get("sample") or ""))
            self._summarise(entry)
            stated = facts.get("file")
            entry.file = self._locate(Path(str(stated)) if stated else None, entry.title)
            entry.checked = bool(version.facts.get("checked"))
            entry.note = str(facts.get("note") or "")
            self.entries[version.name] = entry
            self.remember()
            return entry

    def replace_result(self, name: str, folder: Path) -> Entry:
        """A result made beside, FOLDER, in force from now on; what stood in its place is an earlier one."""
        with self.lock:
            present = self.entry(name)
            set_aside(present.folder, facts_of(present))
            try:
                os.replace(folder, present.folder)
            except OSError as error:
                raise OutputError(f"{folder}: cannot be moved to {present.folder} ({error.strerror})") from error
            entry = Entry(name, present.folder, present.file, "done", sample=present.sample, note=present.note)
            self._summarise(entry)
            self.entries[name] = entry
            self.remember()
            return entry

    def entry(self, name: str) -> Entry:
        """By its name. InputError where there is none."""
        found = self.entries.get(name)
        if found is None:
            raise InputError(f"{name[:80]}: no such micrograph here; go back to the gallery")
        return found

    def remember(self) -> None:
        """Writes serve.json, in one step."""
        with self.lock:
            entries = self.entries.values()
            content = {
                "version": 1,
                "files": {e.name: str(e.file) for e in entries if e.file is not None},
                "samples": {e.name: e.sample for e in entries},
                "checked": sorted(e.name for e in entries if e.checked),
                "notes": {e.name: e.note for e in entries if e.note},
                "classes": self.classes,
                "report": self.report.to_dict(),
                "left_out": {str(p): what for p, what in self.left_out.items()},
                "errors": {e.name: e.message for e in entries if e.state == "error"},
            }
            write_atomic(self.root / MEMORY, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def _free_name(self, file: Path) -> str:
        """A folder name that is free, by the customs of `inputs.unique_names`."""
        stem = file.stem.strip(". ") or "picture"
        name = stem if stem.casefold() not in OUTPUT_NAMES | LEFT_OUT_OF_GALLERY and not stem.startswith(".") else f"{stem}_"
        taken = {n.casefold() for n in self.entries} | {p.name.casefold() for p in self.root.iterdir()}
        candidate, k = name, 2
        while candidate.casefold() in taken:
            candidate, k = f"{name}_{k}", k + 1
        return candidate

    # --- what the gallery shows --------------------------------------------------------------------------------------------

    def in_order(self, by: str = "doubt") -> list[Entry]:
        """All of them. by: "doubt", those that need a person first, the checked last; "name"; "found", the most particles first;
        "median", the largest first; "new", the last added first"""
        with self.lock:
            entries = sorted(self.entries.values(), key=lambda e: e.name.casefold())
            if by == "found":
                entries.sort(key=lambda e: -e.summary.get("n_found", -1))
            elif by == "median":
                entries.sort(key=lambda e: -(e.summary.get("median_nm") or -1))
            elif by == "new":
                entries = list(self.entries.values())[::-1]
            elif by == "doubt":
                entries.sort(key=lambda e: -doubt_of(e).rank)
            return entries

    def samples(self) -> dict[str, list[Entry]]:
        """Sample -> its measured micrographs, in order of name; under "" those that belong to none, and are never pooled."""
        with self.lock:
            out: dict[str, list[Entry]] = {}
            for e in sorted(self.entries.values(), key=lambda e: e.name.casefold()):
                if e.state == "done":
                    out.setdefault(e.sample, []).append(e)
            return dict(sorted(out.items(), key=lambda item: item[0].casefold()))

    def reported(self) -> dict[str, list[Entry]]:
        """As `samples`, of what the report is made of. InputError where that is nothing."""
        samples = self.samples()
        if not samples:
            raise InputError("nothing is measured yet: drop micrographs on the gallery first")
        chosen = self.report.of(samples)
        if not chosen:
            raise InputError("the report would hold no micrograph: tick a sample, or let in what is not marked as checked")
        return chosen

    def counts(self) -> Counter[str]:
        """How many micrographs are in each state."""
        return Counter(e.state for e in self.entries.values())


def facts_of(entry: Entry) -> dict[str, Any]:
    """What only the gallery knows of a micrograph, kept with a result that is set aside."""
    return {
        "file": None if entry.file is None else str(entry.file),
        "sample": entry.sample,
        "checked": entry.checked,
        "note": entry.note,
    }


def _plain_name(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".")
