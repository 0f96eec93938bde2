"""Measurements -> a report that can be filed: HTML, PDF, plots with their data.

run_report the files of a run that are made at the end          cards, content, facts         what is said of it, as text
document   micrographs of one or more samples gathered           page, pdf, plots, workbook    how it is laid out
info       what only people know (sample, operator, preparation)
"""

from __future__ import annotations

from .cards import Card, card, card_of
from .document import MOST_CARDS, Collected, build
from .gallery import MOST_THUMBNAILS, Doubtful, doubtful
from .info import ReportInfo, info_from_dict, read_info
from .page import MOST_ROWS, index_pages, micrograph_page, report_page
from .pdf import report_pdf

pass

__all__ = [
    "MOST_CARDS",
    "MOST_ROWS",
    "MOST_THUMBNAILS",
    "Card",
    "Collected",
    "Doubtful",
    "ReportInfo",
    "build",
    "card",
    "card_of",
    "doubtful",
    "index_pages",
    "info_from_dict",
    "micrograph_page",
    "read_info",
    "report_page",
    "report_pdf",
]
