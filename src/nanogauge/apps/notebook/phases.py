"""measure_phases, pool_phases: phases in a notebook or a script."""

from __future__ import annotations

from pathlib import Path

from ...core.scale import ScaleLike, as_scale
from ...core.settings import Settings
from ...phases.check import Check
from ...pipeline.phases import known_check
from ...pipeline.phases import measure_phases as measured
from ...results.phases import PhaseMeasurement, pool_phases
from .arrays import Source, file_of, micrograph_of
from .measuring import measurer_for, scale_beside

__all__ = ["measure_phases", "pool_phases"]


def measure_phases(
    source: Source,
    engine: str | Path,
    *,
    check: Check | str | Path | None = None,
    scale: ScaleLike | None = None,
    name: str | None = None,
    settings: Settings | None = None,
) -> PhaseMeasurement:
    """Measures the phases of a micrograph in which nothing is a particle.

    Parameters
    ----------
    source : path, array or Micrograph
        As for `measure`.
    engine : path
        A network that ``nanogauge phases train`` wrote, NAME.onnx.
    check : path or Check, optional
        What it gets wrong on pictures that it has not learned from; by default NAME.check.json beside the network, if it is there.
        Without one intervals have only the network's own doubts in them, and a warning says so.
    scale : Scale, str, float or (float, float), optional
        As for `measure`.
    name : str, optional
        What to call an array.
    settings : Settings, optional
        How files are read, and what the network runs on.

    Returns
    -------
    PhaseMeasurement
        `figures` has all figures, `save(folder)` writes them; `pool_phases` puts several together.

    Raises
    ------
    InputError
        For a file or an array that is no picture, or a check that does not fit.
    EngineError
        For a network that cannot be loaded, or tells no phases apart.
    """
    measurer = measurer_for((settings or Settings()).replace("segment", engine=str(engine)))
    if not isinstance(check, Check):
        check, _ = known_check(measurer.engine, None if check is None else Path(check), str(engine))
    micrograph = micrograph_of(source, name=name, read=measurer.settings.read)
    stated = None if scale is None else as_scale(scale)
    if stated is None and isinstance(source, str | Path):
        stated = scale_beside(file_of(source))
    return measured(micrograph, measurer, check=check, scale=stated)
