"""The entities of a crate: flat JSON-LD objects that refer to each other by their @id."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...core.errors import SettingsError, UnreadableFile
from ...core.version import __version__
from ..folder import MARK
from ..run_json import result_folders, run_about
from ..saved import read_json
from .facts import CrateFacts, Person

CRATE_JSON = "ro-crate-metadata.json"
PART, PICTURES = "results/", "results/measured-micrographs/"
"""Folders of a packed crate."""
_SPEC = "https://w3id.org/ro/crate/1.1"
_PROCESS = "https://w3id.org/ro/wfrun/process/0.5"
_CONTEXT = [f"{_SPEC}/context", {"sha256": "https://schema.org/sha256"}]
_SPDX = re.compile(r"[A-Za-z0-9.+-]+")
_ROLES = {  # name -> type, role
    "summary.csv": ("text/csv", "One row per micrograph: status, scale, mean, d10, d50, d90"),
    "particles.csv": ("text/csv", "One row per particle"),
    "particles.parquet": ("application/vnd.apache.parquet", "One row per particle, with unit and meaning of each column"),
    "run.json": ("application/json", "Settings, versions and hashes that give the same results again"),
    "sample.json": ("application/json", "Figures of the sample: distribution, uncertainty budget, verdicts"),
    "coco.json": ("application/json", "Outlines of the particles, as COCO"),
    "report.html": ("text/html", "Report, to be looked at first"),
    "report.pdf": ("application/pdf", "Report, to be filed"),
    "results.xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "All tables as a workbook"),
    MARK: ("application/json", "Measurement of one micrograph: scale, distribution, uncertainty, settings"),
    "labels.tif": ("image/tiff", "Label picture: which pixel belongs to which particle"),
    "labels.ome.tif": ("image/tiff", "Label picture as OME-TIFF"),
    "overlay.png": ("image/png", "Micrograph with the outlines of what was measured"),
    "scale_bar.png": ("image/png", "Scale bar as it was read"),
    "rois.zip": ("application/zip", "Outlines for ImageJ's ROI Manager"),
    "edits.jsonl": ("application/jsonl", "What a person corrected"),
}
_TYPES = {".csv": "text/csv", ".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".pdf": "application/pdf",
          ".html": "text/html", ".tif": "image/tiff", ".tiff": "image/tiff", ".jpg": "image/jpeg",
          ".parquet": "application/vnd.apache.parquet", ".zip": "application/zip", ".txt": "text/plain"}  # fmt: skip
_FIGURES = {"mean": "mean diameter", "sd": "standard deviation of the diameter", "d10": "d10", "d50": "d50", "d90": "d90"}
Entity = dict[str, Any]


def crate_of(out: Path, facts: CrateFacts, files: Sequence[tuple[Path, str]], *, part: str = "") -> dict[str, Any]:
    """The JSON-LD of a results folder.

    files: those of the crate, each with its path in it; part: the data set within the root that holds the results, "" for the
    root itself, as in the folder

    Raises UnreadableFile where a file cannot be read, SettingsError where the licence is none.
    """
    run = run_about(out)
    measurements = {folder: read_json(folder / MARK) for folder in result_folders(out)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    began = str(run.get("started") or now)
    held = {path: _file(path, name) for path, name in files}
    results = [e for e in held.values() if not e["@id"].startswith(PICTURES)]
    pictures = _pictures(run, measurements, held)
    people, places = _people(facts.people)
    licence = _licence(facts.licence)
    software = _software(run, measurements.values())
    settings = _settings(run.get("settings") or next((m.get("settings") for m in measurements.values()), {}))
    figures = [*_figures(out, measurements), *(_value(f"#fact-{k}", k.replace("_", " "), v) for k, v in facts.facts.items() if v)]
    said = facts.description or _said(figures, len(measurements))
    action: Entity = {
        "@id": "#measurement",
        "@type": "CreateAction",
        "name": "Measurement of particle sizes",
        "startTime": began,
        "endTime": _ended(began, run.get("seconds")),
        "description": said,
        "instrument": _refs(software),
        "object": _refs([*pictures, *settings]),
        "result": _refs(results),
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    about: Entity = {
        "name": facts.title or f"Particle sizes of {out.resolve().name}",
        "description": said,
        "license": _ref(licence),
    }
    about |= {"dateCreated": began, "dateModified": now, "variableMeasured": _refs(figures)}
    if people:
        action["agent"] = about["author"] = _refs(people) if len(people) > 1 else _ref(people[0])  # notebooks look for one
    if facts.keywords:
        about["keywords"] = ", ".join(facts.keywords)
    root: Entity = {"@id": "./", "@type": "Dataset", "datePublished": now, **about}
    root |= {"conformsTo": {"@id": _PROCESS}, "mentions": _ref(action)}
    if places:
        root["publisher"] = _ref(places[0])
    sets: list[Entity] = []
    if part:
        whole = {"@id": part, "@type": "Dataset", "genre": "experiment", **about, "hasPart": _refs(held.values())}
        sets = [whole | {"text": f"<p>{html.escape(said)}</p>"}]
    root["hasPart"] = _refs(sets or held.values())
    descriptor: Entity = {"@id": CRATE_JSON, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": _SPEC}}
    descriptor |= {"dateCreated": now, "version": "1.0", "sdPublisher": _ref(software[0])}
    profile: Entity = {"@id": _PROCESS, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    graph = [descriptor, root, profile, *sets, *held.values(), *(p for p in pictures if p not in held.values()), action]
    graph += [*_acquisitions(list(measurements.values()), pictures), *software, *settings, *figures, *people, *places, licence]
    return {"@context": _CONTEXT, "@graph": graph}


def _ref(entity: Entity) -> Entity:
    return {"@id": entity["@id"]}


def _refs(entities: Iterable[Entity]) -> list[Entity]:
    return [_ref(e) for e in entities]


def _ended(began: str, seconds: Any) -> str:
    try:
        return (datetime.fromisoformat(began) + timedelta(seconds=float(seconds))).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError):
        return began


def _people(people: Sequence[Person]) -> tuple[list[Entity], list[Entity]]:
    found: list[Entity] = []
    places: dict[str, Entity] = {}
    for k, p in enumerate(people, 1):
        entity: Entity = {"@id": f"https://orcid.org/{p.orcid}" if p.orcid else f"#person-{k}", "@type": "Person", "name": p.name}
        if p.affiliation:
            place = places.setdefault(
                p.affiliation, {"@id": f"#organization-{len(places) + 1}", "@type": "Organization", "name": p.affiliation}
            )
            entity["affiliation"] = _ref(place)
        found.append(entity)
    return found, list(places.values())


def _licence(text: str) -> Entity:
    if not text:
        said = "No licence is granted; all rights are with the authors"
        return {"@id": "#no-licence", "@type": "CreativeWork", "name": "No licence", "description": said}
    if text.startswith(("https://", "http://")) and " " not in text:
        return {"@id": text, "@type": "CreativeWork", "name": text}
    if not _SPDX.fullmatch(text):
        raise SettingsError(f"not a licence: {text!r}; give an identifier of spdx.org/licenses such as CC-BY-4.0, or an address")
    return {"@id": f"https://spdx.org/licenses/{text}", "@type": "CreativeWork", "name": text, "identifier": text}


def _file(path: Path, name: str) -> Entity:
    kind, role = _ROLES.get(path.name, (_TYPES.get(path.suffix.lower(), "application/octet-stream"), ""))
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read ({error.strerror}); check its access rights") from error
    entity: Entity = {"@id": quote(name), "@type": "File", "name": path.name, "encodingFormat": kind}
    entity |= {"contentSize": str(size), "sha256": digest}
    return entity | ({"description": role} if role else {})


def _pictures(run: Mapping[str, Any], measurements: Mapping[Path, dict[str, Any]], held: Mapping[Path, Entity]) -> list[Entity]:
    """The micrographs that were measured: files of the crate where they are in it, else what is known of them."""
    inputs = {str(i.get("folder")): Path(str(i.get("file"))) for i in run.get("inputs") or () if isinstance(i, dict)}
    found = []
    for k, (folder, m) in enumerate(measurements.items(), 1):
        entity = held.get(inputs.get(folder.name, folder))
        if entity is None:
            height, width = m["shape_px"]
            entity = {"@id": f"#micrograph-{k}", "@type": ["CreativeWork", "ImageObject"], "name": m["file"], "sha256": m["sha256"]}
            kind = _TYPES.get(Path(str(m["file"])).suffix.lower(), "application/octet-stream")
            entity |= {
                "width": f"{width} px",
                "height": f"{height} px",
                "encodingFormat": kind,
                "description": f"Read as {m['format']}",
            }
        found.append(entity)
    return found


_INSTRUMENT = (
    ("detector", "detector", ""),
    ("accelerating_voltage_kv", "accelerating voltage", "kV"),
    ("working_distance_mm", "working distance", "mm"),
)


def _acquisitions(measurements: Sequence[dict[str, Any]], pictures: Sequence[Entity]) -> list[Entity]:
    """The microscopes that the files name, each with what it was set to and the micrographs it made."""
    made: dict[tuple[Any, ...], list[Entity]] = {}
    for m, picture in zip(measurements, pictures, strict=True):
        about = m.get("instrument") or {}
        key = tuple(about.get(k) for k in ("maker", "model", *(name for name, _, _ in _INSTRUMENT)))
        if any(v is not None for v in key):
            made.setdefault(key, []).append(picture)
    found: list[Entity] = []
    for n, ((maker, model, *settings), of) in enumerate(made.items(), 1):
        values = [
            _value(f"#instrument-{n}-{name}", words, value, unit)
            for (name, words, unit), value in zip(_INSTRUMENT, settings, strict=True)
            if value is not None
        ]
        name = " ".join(str(v) for v in (maker, model) if v) or "Electron microscope"
        microscope: Entity = {"@id": f"#instrument-{n}", "@type": "IndividualProduct", "name": name}
        microscope |= {k: v for k, v in (("manufacturer", maker), ("model", model)) if v}
        if values:
            microscope["additionalProperty"] = _refs(values)
        many = f"Acquisition of {len(of)} micrograph{'' if len(of) == 1 else 's'}"
        action = {"@id": f"#acquisition-{n}", "@type": "Action", "name": many}  # a CreateAction is one of software in the profile
        made_by = {"instrument": _ref(microscope), "result": _refs(of) if len(of) > 1 else _ref(of[0])}
        found += [action | made_by, microscope, *values]
    return found


def _software(run: Mapping[str, Any], measurements: Iterable[dict[str, Any]]) -> list[Entity]:
    """nanogauge, and the network or method that found the particles."""
    version = str(run.get("version") or __version__)
    said = "Nanoparticle sizes, in nanometres, from electron micrographs"
    ours: Entity = {"@id": "#nanogauge", "@type": "SoftwareApplication", "name": "nanogauge", "description": said}
    ours["softwareVersion"] = version
    engine = run.get("engine") or next((m.get("engine") for m in measurements), None)
    if not isinstance(engine, dict) or not engine.get("name"):
        return [ours]
    network = {
        "@id": "#engine",
        "@type": "SoftwareApplication",
        "name": f"engine of nanogauge: {engine['name']}",
        "version": version,
    }
    return [ours, network | ({"sha256": engine["sha256"]} if engine.get("sha256") else {})]


def _settings(settings: Any) -> list[Entity]:
    if not isinstance(settings, dict):
        return []
    pairs = ((group, name, v) for group, values in settings.items() if isinstance(values, dict) for name, v in values.items())
    return [_value(f"#setting-{group}-{name}", f"{group}.{name}", value) for group, name, value in pairs]


def _value(at: str, name: str, value: Any, unit: str = "") -> Entity:
    kept = value if isinstance(value, bool | int | float | str) else json.dumps(value)
    entity: Entity = {"@id": quote(at, safe="#"), "@type": "PropertyValue", "name": name, "value": kept}
    return entity | ({"unitText": unit} if unit else {})


def _figures(out: Path, measurements: Mapping[Path, dict[str, Any]]) -> list[Entity]:
    """Figures of the sample; where the run pooled none, of the only micrograph."""
    about: dict[str, Any] = {}
    if (out / "sample.json").is_file():
        about = read_json(out / "sample.json")
    elif len(measurements) == 1:
        about = next(iter(measurements.values()))
    distribution, budget = about.get("distribution"), (about.get("budget") or {}).get("statistics") or {}
    if not isinstance(distribution, dict):
        return []
    unit = str(distribution.get("unit") or "")
    found = [_value("#figure-n", "number of particles counted", distribution.get("n"))]
    for name, words in _FIGURES.items():
        value = (distribution.get(name) or {}).get("value")
        if not isinstance(value, int | float):
            continue
        entity = _value(f"#figure-{name}", f"{words}, weighted by {distribution.get('weighting')}", value, unit)
        known = budget.get(name) or {}
        if isinstance(known.get("low"), int | float) and isinstance(known.get("high"), int | float):
            entity |= {"minValue": known["low"], "maxValue": known["high"]}
            entity["description"] = "between minValue and maxValue: expanded uncertainty of the whole budget, k = 2"
        found.append(entity)
    return found


def _said(figures: Sequence[Entity], n: int) -> str:
    many = f"{n} electron micrograph{'' if n == 1 else 's'}"
    known = {f["@id"]: f for f in figures}
    mean, counted = known.get("#figure-mean"), known.get("#figure-n")
    if mean is None or counted is None:
        return f"Particle sizes in {many}, measured with nanogauge {__version__}"
    size = f"{mean['value']:.4g} {mean['unitText']}"
    return f"{counted['value']} particles in {many}: mean diameter {size}, measured with nanogauge {__version__}"
