"""The makers whose metadata are understood, in the order in which they are asked. A new one is one module and one line."""

from __future__ import annotations

from . import gatan, hitachi, imagej, jeol, olympus, ome, phenom, tescan, thermo, tvips, zeiss
from .maker import Maker

MAKERS: tuple[Maker, ...] = (
    phenom.MAKER,
    thermo.MAKER,
    zeiss.MAKER,
    tescan.MAKER,
    jeol.MAKER,
    hitachi.MAKER,
    olympus.MAKER,
    tvips.MAKER,
    gatan.MAKER,
    ome.MAKER,
    imagej.MAKER,
)
