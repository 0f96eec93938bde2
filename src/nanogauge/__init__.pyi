"""The public names and where each is at home. The package reads this file, and imports a name when it is first used."""

from .apps.notebook import (
    Measurements as Measurements,
    estimate_size as estimate_size,
    example as example,
    load as load,
    measure as measure,
    measure_labels as measure_labels,
    measure_many as measure_many,
    measure_phases as measure_phases,
    pool_phases as pool_phases,
    rank as rank,
)
from .core.errors import (
    AnnotationError as AnnotationError,
    EditError as EditError,
    EngineError as EngineError,
    InputError as InputError,
    NanogaugeError as NanogaugeError,
    OutputError as OutputError,
    ScaleError as ScaleError,
    SettingsError as SettingsError,
    TruthError as TruthError,
    UnreadableFile as UnreadableFile,
    UnsupportedFormat as UnsupportedFormat,
)
from .core.micrograph import Instrument as Instrument, Micrograph as Micrograph
from .core.scale import Scale as Scale, parse_length as parse_length, parse_scale as parse_scale
from .core.settings import Settings as Settings, read_settings as read_settings
from .core.version import __version__ as __version__
from .detection.size_estimate import SizeEstimate as SizeEstimate
from .reading import read_micrograph as read_micrograph
from .results.measurement import Measurement as Measurement
from .statistics.distribution import Distribution as Distribution, Estimate as Estimate
from .statistics.samples import Comparison as Comparison, Sample as Sample, compare as compare, pool as pool

__all__ = [
    "AnnotationError",
    "Comparison",
    "Distribution",
    "EditError",
    "EngineError",
    "Estimate",
    "InputError",
    "Instrument",
    "Measurement",
    "Measurements",
    "Micrograph",
    "NanogaugeError",
    "OutputError",
    "Sample",
    "Scale",
    "ScaleError",
    "Settings",
    "SettingsError",
    "SizeEstimate",
    "TruthError",
    "UnreadableFile",
    "UnsupportedFormat",
    "__version__",
    "compare",
    "estimate_size",
    "example",
    "load",
    "measure",
    "measure_labels",
    "measure_many",
    "measure_phases",
    "parse_length",
    "parse_scale",
    "pool",
    "pool_phases",
    "rank",
    "read_micrograph",
    "read_settings",
]
