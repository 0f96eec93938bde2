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
    from .core.errors import (
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
    from .core.micrograph import Instrument, Micrograph
    from .core.scale import Scale, parse_length, parse_scale
    from .core.settings import Settings, read_settings
    from .core.version import __version__
    from .pipeline.measure import measure
    from .reading import read_micrograph
    from .results.measurement import Measurement
    from .statistics.distribution import Distribution, Estimate
    from .statistics.samples import Sample, compare, pool

_HOME = {
    "__version__": "core.version",
    "AnnotationError": "core.errors",
    "Distribution": "statistics.distribution",
    "EngineError": "core.errors",
    "Estimate": "statistics.distribution",
    "InputError": "core.errors",
    "Instrument": "core.micrograph",
    "Measurement": "results.measurement",
    "Micrograph": "core.micrograph",
    "NanogaugeError": "core.errors",
    "OutputError": "core.errors",
    "Sample": "statistics.samples",
    "Scale": "core.scale",
    "ScaleError": "core.errors",
    "Settings": "core.settings",
    "SettingsError": "core.errors",
    "TruthError": "core.errors",
    "UnreadableFile": "core.errors",
    "UnsupportedFormat": "core.errors",
    "compare": "statistics.samples",
    "measure": "pipeline.measure",
    "parse_length": "core.scale",
    "parse_scale": "core.scale",
    "pool": "statistics.samples",
    "read_micrograph": "reading",
    "read_settings": "core.settings",
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
