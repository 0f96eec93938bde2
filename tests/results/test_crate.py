"""The RO-Crate of a run: by the specification's own demands, by the rocrate library, and as notebooks unpack it."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from nanogauge.apps.cli.main import main
from nanogauge.core.errors import OutputError, SettingsError, UnreadableFile
from nanogauge.core.micrograph import Instrument, Micrograph
from nanogauge.core.scale import Scale
from nanogauge.core.settings import Settings
from nanogauge.pipeline.measure import Measurer
from nanogauge.results.crate import CRATE_JSON, CrateFacts, Person, pack_crate, person_from, write_crate
from nanogauge.results.run_json import write_run_json

CARBERRY = Person(name="Josiah Carberry", orcid="0000-0002-1825-0097", affiliation="Brown University")
FACTS = CrateFacts(people=(CARBERRY, Person(name="Ann Other")), licence="CC-BY-4.0", keywords=("gold", "SEM"), facts={"batch": "7"})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two micrographs, one with a space in its name, the other of a microscope that says so; and the micrographs."""
    root = tmp_path_factory.mktemp("run")
    out = root / "gold 30 nm"
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :200]
    settings = Settings().replace("segment", engine="threshold").replace("measure", n_bootstrap=20, n_fit_bootstrap=0)
    measurer = Measurer(settings, n_threads=1)
    inputs = []
    for k, name in enumerate(("a b", "c")):
        grey = np.full((160, 200), 60.0)
        for j in range(12):
            grey[np.hypot(y - 25 - 50 * (j // 4), x - 30 - 45 * (j % 4)) < 8 + j] = 150
        pixels = np.clip(grey + rng.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)
        file = root / f"{name}.tif"
        tifffile.imwrite(file, pixels)
        instrument = Instrument(maker="Zeiss", model="Merlin", accelerating_voltage_kv=5.0) if k else Instrument()
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        micrograph = Micrograph(pixels=pixels, name=file.name, path=file, format="tiff", sha256=sha256, instrument=instrument)
        measurer.measure(micrograph, scale=Scale((2.0, 2.0), 0.01, "user")).save(out / name)
        inputs.append({"file": str(file), "sha256": sha256, "folder": name, "status": "ok", "seconds": 1.0})
    about = {"started": "2026-05-01T10:00:00+00:00", "seconds": 90.0, "settings": settings.to_dict()}
    write_run_json(out, about | {"engine": {"name": "threshold", "sha256": None}}, inputs)
    (out / ".nanogauge").mkdir()
    (out / ".nanogauge" / "journal.jsonl").write_text("{}")
    return out


def by_id(crate: dict[str, Any]) -> dict[str, dict[str, Any]]:
    ids = [e["@id"] for e in crate["@graph"]]
    assert len(ids) == len(set(ids))
    return {e["@id"]: e for e in crate["@graph"]}


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [r for v in value for r in references(v)]
    return [value["@id"]] if isinstance(value, dict) else []


def check(crate: dict[str, Any], content: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """What RO-Crate 1.1 demands: flat JSON-LD, descriptor, root, data entities that are there and can be reached."""
    assert crate["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    entities = by_id(crate)
    descriptor, root = entities[CRATE_JSON], entities["./"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license", "hasPart"} <= root.keys()
    for entity in entities.values():
        assert {"@id", "@type"} <= entity.keys()
        assert re.fullmatch(r"[^\s<>\"{}|\\^`]+", entity["@id"]), entity["@id"]
        for key, value in entity.items():
            for item in value if isinstance(value, list) else [value]:
                assert not isinstance(item, dict) or item.keys() == {"@id"}, (entity["@id"], key)
            for target in references(value):
                assert target in entities or target.startswith(("https://w3id.org/ro/", "http://schema.org/")), (entity["@id"], key)
    for entity in entities.values():  # Process Run Crate: what runs is software, and says how it ended
        if entity["@type"] == "CreateAction":
            assert {entities[i]["@type"] for i in references(entity["instrument"])} == {"SoftwareApplication"}
            assert entity["actionStatus"] == "http://schema.org/CompletedActionStatus"
            assert {"name", "description", "endTime", "object", "result"} <= entity.keys()
    reached, todo = set[str](), ["./"]
    while todo:
        parts = references(entities[todo.pop()].get("hasPart", []))
        reached |= set(parts)
        todo += [p for p in parts if entities[p]["@type"] == "Dataset"]
    files = {i: e for i, e in entities.items() if e["@type"] == "File"}
    assert set(files) <= reached
    assert len(files) == len(content)
    from urllib.parse import unquote

    for i, e in files.items():
        data = content[unquote(i)]
        assert e["sha256"] == hashlib.sha256(data).hexdigest()
        assert e["contentSize"] == str(len(data))
        assert "/" in e["encodingFormat"]
    return entities


def test_in_the_folder(run: Path) -> None:
    path = write_crate(run, FACTS)
    assert path == run / CRATE_JSON
    crate = json.loads(path.read_text())
    visible = [p for p in run.rglob("*") if p.is_file() and p != path and ".nanogauge" not in p.parts]
    entities = check(crate, {p.relative_to(run).as_posix(): p.read_bytes() for p in visible})
    root = entities["./"]
    assert references(root["author"]) == ["https://orcid.org/0000-0002-1825-0097", "#person-2"]
    assert root["keywords"] == "gold, SEM"
    assert entities[references(root["license"])[0]]["name"] == "CC-BY-4.0"
    person = entities["https://orcid.org/0000-0002-1825-0097"]
    assert entities[person["affiliation"]["@id"]]["name"] == "Brown University"
    action = entities["#measurement"]
    assert (action["startTime"], action["endTime"]) == ("2026-05-01T10:00:00+00:00", "2026-05-01T10:01:30+00:00")
    assert [entities[i]["name"] for i in references(action["instrument"])] == ["nanogauge", "engine of nanogauge: threshold"]
    used = [entities[i] for i in references(action["object"])]
    pictures = [e for e in used if "ImageObject" in e["@type"]]
    assert [p["name"] for p in pictures] == ["a b.tif", "c.tif"]
    assert all(re.fullmatch("[0-9a-f]{64}", p["sha256"]) and p["encodingFormat"] == "image/tiff" for p in pictures)
    assert {e["name"]: e["value"] for e in used if e["@type"] == "PropertyValue"}["segment.engine"] == "threshold"
    made = entities["#acquisition-1"]
    assert references(made["result"]) == ["#micrograph-2"]
    assert entities[made["instrument"]["@id"]]["name"] == "Zeiss Merlin"
    assert entities["#instrument-1-accelerating_voltage_kv"]["unitText"] == "kV"
    assert entities["#fact-batch"]["value"] == "7"
    assert entities["a%20b/labels.tif"]["description"].startswith("Label picture")
    again = json.loads(write_crate(run, FACTS).read_text())
    assert set(by_id(again)) == set(entities)  # the crate is no part of itself


@pytest.mark.parametrize("suffix", [".eln", ".zip"])
@pytest.mark.parametrize("micrographs", [False, True])
def test_packed(run: Path, tmp_path: Path, suffix: str, micrographs: bool) -> None:
    file = pack_crate(run, tmp_path / f"gold 30{suffix}", FACTS, micrographs=micrographs)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        content = {n: archive.read(n) for n in names}
    top = "gold_30/" if suffix == ".eln" else ""  # an .eln holds one folder
    assert names[0] == f"{top}{CRATE_JSON}"
    assert all(n.startswith(top) and " " not in n for n in names)
    crate = json.loads(content.pop(names[0]))
    entities = check(crate, {n.removeprefix(top): data for n, data in content.items()})
    (part,) = references(entities["./"]["hasPart"])  # a notebook makes an experiment of it
    assert part.endswith("/")
    assert entities[part]["@type"] == "Dataset"
    assert {"name", "text", "dateCreated", "dateModified", "author"} <= entities[part].keys()
    assert entities[CRATE_JSON]["sdPublisher"] == {"@id": "#nanogauge"}
    pictures = [i for i in references(entities["#measurement"]["object"]) if i.endswith(".tif")]
    assert pictures == (["results/measured-micrographs/a_b.tif", "results/measured-micrographs/c.tif"] if micrographs else [])
    assert not list(tmp_path.glob(".*"))


def test_the_library_reads_it(run: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("rocrate.rocrate", reason="needs the test extra: rocrate")
    write_crate(run, FACTS)
    crate = library.ROCrate(str(run))
    assert crate.name == "Particle sizes of gold 30 nm"
    assert {p["name"] for p in crate.get_by_type("Person")} == {"Josiah Carberry", "Ann Other"}
    assert len(crate.data_entities) == sum(1 for p in run.rglob("*") if p.is_file() and ".nanogauge" not in p.parts) - 1
    assert [a.id for a in crate.get_by_type("CreateAction")] == ["#measurement"]
    packed = pack_crate(run, tmp_path / "x.zip", FACTS)
    assert len(library.ROCrate(str(packed)).data_entities) == len(crate.data_entities) + 1  # the data set that notebooks need


def test_without_licence_and_people(run: Path) -> None:
    entities = by_id(json.loads(write_crate(run, CrateFacts()).read_text()))
    assert "rights" in entities[entities["./"]["license"]["@id"]]["description"]
    assert "author" not in entities["./"]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Josiah Carberry, 0000-0002-1825-0097, Brown University", CARBERRY),
        ("Josiah Carberry, https://orcid.org/0000-0002-1825-0097, Brown University", CARBERRY),
        ("A. Weber", Person(name="A. Weber")),
        ("X Y, 0000-0002-1694-233X", Person(name="X Y", orcid="0000-0002-1694-233X")),
        ("X, University A, City", Person(name="X", affiliation="University A, City")),
    ],
)
def test_people(text: str, person: Person) -> None:
    assert person_from(text) == person


@pytest.mark.parametrize(
    "text", ["", " , ", "0000-0002-1825-0097", "A, 0000-0002-1825-0098", "A, 0000-0002-1825-009", "A, 0000000218250097"]
)
def test_what_is_no_person(text: str) -> None:
    with pytest.raises(SettingsError):
        person_from(text)


def test_what_cannot_be_made(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a licence"):
        write_crate(run, CrateFacts(licence="free for all"))
    with pytest.raises(OutputError, match=r"\.zip or \.eln"):
        pack_crate(run, tmp_path / "x.tar", FACTS)
    with pytest.raises(OutputError, match="cannot be written"):
        pack_crate(run, tmp_path / "none" / "x.zip", FACTS)
    with pytest.raises(UnreadableFile, match="no results in it"):
        write_crate(tmp_path, FACTS)


def test_commands(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "i.toml").write_text(
        'operator = "A. Weber"\noperator_orcid = "0000-0002-1825-0097"\nlicence = "CC0-1.0"\nbatch = "7"\n'
    )

    def call(*words: str) -> int:
        with pytest.raises(SystemExit) as end:
            main(list(words))
        return int(end.value.code or 0)

    assert call("crate", str(run), "--info", str(tmp_path / "i.toml"), "--title", "Gold") == 0
    entities = by_id(json.loads((run / CRATE_JSON).read_text()))
    assert entities["./"]["name"] == "Gold"
    assert entities["./"]["author"] == {"@id": "https://orcid.org/0000-0002-1825-0097"}
    assert entities["./"]["license"] == {"@id": "https://spdx.org/licenses/CC0-1.0"}
    assert call("crate", str(run), "-o", str(tmp_path / "r.eln")) == 0
    assert "no licence given" in capsys.readouterr().err
    assert call("crate", str(run), "--author", "A, 0000-0002-1825-0098") == 2
    assert call("convert", str(run), "--to", "yolo", "-o", str(tmp_path / "y")) == 0
    assert {p.name for p in (tmp_path / "y" / "labels").iterdir()} == {"a b.txt", "c.txt"}
    assert call("convert", str(run), "--to", "other") == 2
    assert "cellpose, yolo" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["cellpose", "yolo", "via", "label-studio"])
def test_converted_results_are_measured_alike(run: Path, tmp_path: Path, program: str) -> None:
    from nanogauge.results.converted import convert
    from nanogauge.results.interchange import read_annotation

    files = convert([run], program, tmp_path)
    for name in ("a b", "c"):
        file = next((f for f in files if f.stem.startswith(name)), files[0])
        found = read_annotation(file, shape=(160, 200), image_name=f"{name}.tif")
        wanted = np.asarray(tifffile.imread(run / name / "labels.tif"))
        assert found.n_particles == len(np.unique(wanted)) - 1
        assert np.array_equal(found.labels > 0, wanted > 0)
