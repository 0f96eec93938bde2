"""Particles darker than what lies around them in a scanning electron micrograph: they may be holes or pits.

Secondary electrons leave raised matter more easily than flat ground (Goldstein et al., Scanning Electron Microscopy and X-Ray
Microanalysis, 4th ed., ch. 5): particles are brighter there or have bright rims, and what is dark all over is mostly a hole. In
transmission dark is what a particle should be, and grey levels alone do not say how a picture was made: the file has to, or what is
printed in the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.micrograph import SCANNING_KV, Instrument
from ..core.remarks import Remark
from ..detection.confidence import inside_and_around

_TRANSMITTED = ("STEM", "TE ", "BF", "DF", "TLD-T")  # detectors below a thin specimen
_AROUND_PX, _GAP_PX = 4, 1  # of the ring that a particle is compared with, and between the two
_DARKER = 0.05  # of the picture's range of grey levels
_MOST, _LEAST = 0.5, 3  # of the particles: share and number from which on it is said


def scanning(instrument: Instrument) -> bool:
    """Whether the file says that electrons were collected from above the specimen."""
    kv, detector = instrument.accelerating_voltage_kv, (instrument.detector or "").upper()
    return kv is not None and 0 < kv <= SCANNING_KV and not any(name in f"{detector} " for name in _TRANSMITTED)


def dark_warnings(
    labels: NDArray[np.integer], grey: NDArray[np.uint8], instrument: Instrument, *, printed: str = ""
) -> tuple[Remark, ...]:
    """A warning where most of what was outlined in a scanning micrograph (H, W) is darker than its surroundings.

    printed: what is printed in the picture and says that it is one (`ScaleBarReading.scanning`); counts where the file says nothing
    """
    of_file = instrument.accelerating_voltage_kv is not None or instrument.detector is not None
    is_scanning = scanning(instrument) if of_file else bool(printed)
    present = np.unique(labels)[1:] if is_scanning else np.array([], int)
    if present.size < _LEAST:
        return ()
    inside, around = (v[present] for v in inside_and_around(labels, grey, gap_px=_GAP_PX, ring_px=_AROUND_PX))
    low, high = np.percentile(grey, (1, 99))
    free = np.isfinite(around)  # what neighbours leave of it
    dark = inside[free] < around[free] - _DARKER * (high - low)
    if free.sum() < _LEAST or dark.mean() < _MOST:
        return ()
    said = f"{int(dark.sum())} of {int(free.sum())} particles are darker than what lies around them"
    of = "a scanning electron microscope" + ("" if of_file else f" (the picture says {printed})")
    return (Remark("dark_places", f"{said}, as holes and pits are in {of}: look whether they are particles"),)
