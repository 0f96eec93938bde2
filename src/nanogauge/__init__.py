"""nanogauge: nanoparticle sizes, in nanometres, from electron micrographs.

    import nanogauge
    m = nanogauge.measure("image.tif")
    m.particles      # pandas DataFrame, a row a particle
    m.distribution   # mean, median, d10, d50, d90 ... each with its 95 % interval
    m.scale          # nm per px, its uncertainty and source
    m.plot()
    m.save("results")

Everything is imported when first used, so `import nanogauge` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._version import __version__
    from .distribution import Distribution, Estimate
    from .errors import (
        AnnotationError,
        EngineError,
        InputError,
        NanogaugeError,
        OutputError,
        ScaleError,
        SettingsError,
        TruthError,
        UnreadableFile,
        UnsupportedFormat,
    )
    from .formats import read_micrograph
    from .micrograph import Instrument, Micrograph
    from .pipeline import measure
    from .result import Measurement
    from .sample import Sample, compare, pool
    from .scale import Scale, parse_length, parse_scale
    from .settings import Settings, read_settings

_HOME = {
    "__version__": "_version",
    "AnnotationError": "errors",
    "Distribution": "distribution",
    "EngineError": "errors",
    "Estimate": "distribution",
    "InputError": "errors",
    "Instrument": "micrograph",
    "Measurement": "result",
    "Micrograph": "micrograph",
    "NanogaugeError": "errors",
    "OutputError": "errors",
    "Sample": "sample",
    "Scale": "scale",
    "ScaleError": "errors",
    "Settings": "settings",
    "SettingsError": "errors",
    "TruthError": "errors",
    "UnreadableFile": "errors",
    "UnsupportedFormat": "errors",
    "compare": "sample",
    "measure": "pipeline",
    "parse_length": "scale",
    "parse_scale": "scale",
    "pool": "sample",
    "read_micrograph": "formats",
    "read_settings": "settings",
}

__all__ = [
    "AnnotationError",
    "Distribution",
    "EngineError",
    "Estimate",
    "InputError",
    "Instrument",
    "Measurement",
    "Micrograph",
    "NanogaugeError",
    "OutputError",
    "Sample",
    "Scale",
    "ScaleError",
    "Settings",
    "SettingsError",
    "TruthError",
    "UnreadableFile",
    "UnsupportedFormat",
    "__version__",
    "compare",
    "measure",
    "parse_length",
    "parse_scale",
    "pool",
    "read_micrograph",
    "read_settings",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'nanogauge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
