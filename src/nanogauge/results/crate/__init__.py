"""A run as an RO-Crate 1.1: what was measured, by whom, with what, from which files, as JSON-LD that machines and archives read.

In the run's folder it is one more file, ro-crate-metadata.json. Packed, it is a .zip for Zenodo and other archives, or an .eln
file, which electronic laboratory notebooks (eLabFTW, Kadi4Mat) take: a zip with one folder in it, whose root has a data set to
become an experiment. Which entities there are follows the RO-Crate specification 1.1 (doi.org/10.5281/zenodo.7867028), its
profile Process Run Crate for what was run, and the ELN file format for .eln.

    run.json, sample.json, NAME/measurement.json ──graph.crate_of──▶ JSON-LD ──pack──▶ a file in the folder, .zip, .eln
"""

from __future__ import annotations

from .facts import CrateFacts, Person, person_from
from .graph import CRATE_JSON
from .pack import pack_crate, write_crate

__all__ = ["CRATE_JSON", "CrateFacts", "Person", "pack_crate", "person_from", "write_crate"]
