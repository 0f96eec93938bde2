"""The commands that hand results on: to another program, to a laboratory notebook, to an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import SettingsError
from .options import InfoFile

if TYPE_CHECKING:
    from ...reporting import ReportInfo
    from ...results.crate import CrateFacts, Person

Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print errors only.")]


def convert(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDERS", help="Results folders.")],
    to: Annotated[str, typer.Option("--to", metavar="PROGRAM", help="cellpose, yolo, via, label-studio, qupath, labelme, labels.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write to.")] = Path("converted"),
    quiet: Quiet = False,
) -> None:
    """Write what was measured as files with which to go on in another program.

    \b
      cellpose      OUT/NAME_seg.npy, for Cellpose's window; put them beside the micrographs
      yolo          OUT/labels/NAME.txt and data.yaml; put the micrographs into OUT/images
      via           OUT/via.json, a project of the VGG Image Annotator
      label-studio  OUT/label-studio.json, tasks to import
      qupath        OUT/NAME.geojson, detections
      labelme       OUT/NAME.json; put them beside the micrographs
      labels        OUT/labels/NAME.tif, label pictures, with NAME.csv where particles have classes

    Classes go along, but with cellpose, which knows none. ROIs for Fiji, label pictures and COCO are written by `nanogauge measure`
    itself. Holes and smaller pieces of a particle stay in the files of cellpose, qupath and labels: the others know one outline a
    particle.

    Examples:

      nanogauge convert results --to cellpose -o micrographs
      nanogauge convert results --to yolo -o dataset
    """
    from ...results.converted import PROGRAMS
    from ...results.converted import convert as write

    if to not in PROGRAMS:
        raise SettingsError(f"--to {to}: not a program that files are written for; give one of {', '.join(PROGRAMS)}")
    written = write(folders, to, out)
    if not quiet:
        shown = ", ".join(str(p) for p in written[:3]) + (f" … ({len(written)} files)" if len(written) > 3 else "")
        typer.echo(f"Wrote {shown}")


def crate(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results folder.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Pack it: run.eln for a notebook, run.zip for an archive.", show_default=False
        ),
    ] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(
            "--author", metavar="PERSON", help="'Jane Doe, 0000-0002-1825-0097, University of Somewhere'; again for more."
        ),
    ] = None,
    licence: Annotated[
        str,
        typer.Option("--license", "--licence", metavar="ID", help="What others may do with it: CC-BY-4.0, CC0-1.0, or an address."),
    ] = "",
    title: Annotated[str, typer.Option(metavar="TEXT", help="Default: particle sizes of the folder's name.")] = "",
    info: InfoFile = None,
    micrographs: Annotated[
        bool, typer.Option("--micrographs", metavar="", help="Pack the micrographs that were measured too.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Describe a run as an RO-Crate 1.1: inputs with hashes, settings, software, people, licence, microscope, results.

    Without -o, ro-crate-metadata.json is written into RESULTS. With -o it is packed: an .eln file is imported by eLabFTW,
    Kadi4Mat and other laboratory notebooks, a .zip goes to Zenodo as it is.

    Title, operator, operator_orcid, laboratory, licence and keywords are taken from the --info file where they are not given.

    Examples:

      nanogauge crate results --author "Jane Doe, 0000-0002-1825-0097" --license CC-BY-4.0
      nanogauge crate results -o run.eln --info sample.toml
      nanogauge crate results -o run.zip --micrographs --license CC0-1.0
    """
    from ...reporting import ReportInfo, read_info
    from ...results.crate import pack_crate, write_crate

    if micrographs and out is None:
        raise typer.BadParameter("--micrographs goes with -o, as a folder is left as it is")
    known = read_info(info) if info is not None else ReportInfo()
    facts = _facts(known, author or [], licence, title)
    path = write_crate(results, facts) if out is None else pack_crate(results, out, facts, micrographs=micrographs)
    if quiet:
        return
    typer.echo(f"Wrote {path}")
    if not facts.licence:
        typer.echo("nanogauge: no licence given, so the crate says that none is granted; see --license", err=True)
    if not facts.people:
        typer.echo("nanogauge: nobody is named as author; see --author", err=True)


def _facts(info: ReportInfo, authors: list[str], licence: str, title: str) -> CrateFacts:
    from ...results.crate import CrateFacts, person_from

    people: list[Person] = [person_from(a) for a in authors]
    if not people and info.operator:
        people = [person_from(", ".join(t for t in (info.operator, info.operator_orcid, info.laboratory) if t))]
    mine = ("title", "operator", "operator_orcid", "laboratory", "licence", "keywords")
    return CrateFacts(
        title=title or info.title,
        people=tuple(people),
        licence=licence or info.licence,
        keywords=tuple(k.strip() for k in info.keywords.split(",") if k.strip()),
        facts={k: v for k, v in info.to_dict().items() if k not in mine},
    )
