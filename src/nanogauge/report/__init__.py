"""Measurements -> a report that can be filed: HTML, PDF, plots with their data.

records    a Measurement, or the folder it was saved in          cards, content, facts, words   what is said of it, as text
document   micrographs of one or more samples gathered           page, pdf, plots               how it is laid out
info       what only people know (sample, operator, preparation)
"""

from __future__ import annotations

from .cards import Card, card, card_of
from .document import MOST_CARDS, Collected, build
from .gallery import MOST_THUMBNAILS, Doubtful, doubtful
from .info import ReportInfo, info_from_dict, read_info
from .page import MOST_ROWS, index_pages, micrograph_page, report_page
from .pdf import report_pdf
from .records import Record, read_json, read_record, record_of, result_folders

__all__ = [
    "MOST_CARDS",
    "MOST_ROWS",
    "MOST_THUMBNAILS",
    "Card",
    "Collected",
    "Doubtful",
    "Record",
    "ReportInfo",
    "build",
    "card",
    "card_of",
    "doubtful",
    "index_pages",
    "info_from_dict",
    "micrograph_page",
    "read_info",
    "read_json",
    "read_record",
    "record_of",
    "report_page",
    "report_pdf",
    "result_folders",
]
