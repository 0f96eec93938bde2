"""Files of one measurement and of a run.

folder     the folder of one measurement
pictures   label TIFF (ImageJ- or OME-tagged)
shapes     ImageJ ROI zip, COCO JSON
tables     CSV, Parquet, summary.csv
workbook   Excel
"""

from __future__ import annotations

from .folder import MEASUREMENT_FILES, make_folder, save_measurement
from .pictures import write_labels, write_labels_ome
from .shapes import CocoWriter, write_coco, write_rois
from .tables import ParticleWriter, append_summary, units, write_parquet, write_particle_csv, write_particles, write_summary
from .workbook import MOST_PARTICLES, write_workbook

__all__ = [
    "MEASUREMENT_FILES",
    "MOST_PARTICLES",
    "CocoWriter",
    "ParticleWriter",
    "append_summary",
    "make_folder",
    "save_measurement",
    "units",
    "write_coco",
    "write_labels",
    "write_labels_ome",
    "write_parquet",
    "write_particle_csv",
    "write_particles",
    "write_rois",
    "write_summary",
    "write_workbook",
]
