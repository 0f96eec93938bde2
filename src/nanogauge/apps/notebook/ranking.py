"""estimate_size, rank: sizes without outlines, in milliseconds each."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...batch.inputs import picture, problem, sort_out
from ...core.errors import InputError
from ...core.scale import Scale, ScaleLike, as_scale
from ...core.settings import ReadSettings
from ...detection.size_estimate import SizeEstimate
from ...pipeline.rank import COLUMNS, Ranked, estimate_of, in_order
from ...scale.user_scale import user_scales
from .arrays import Source, micrograph_of

if TYPE_CHECKING:
    import pandas as pd

_TOO_SMALL = "too small to be looked at: 32 px are needed"


def estimate_size(source: Source, *, name: str | None = None) -> SizeEstimate:
    """Estimates the sizes of a micrograph's particles from the picture alone; nothing is outlined.

    Parameters
    ----------
    source : path, array or Micrograph
        As for `nanogauge.measure`.
    name : str, optional
        What to call an array in messages.

    Returns
    -------
    SizeEstimate
        Number median with its uncertainty, geometric standard deviation and number of particles, lengths in px. An estimate:
        `nanogauge.measure` measures.

    Raises
    ------
    InputError
        For a file or an array that is no picture, or of under 32 px.
    EngineError
        Where the network cannot be loaded.

    Notes
    -----
    See `docs/size-without-outlines.md` for the method, and for how far it may be trusted.

    Examples
    --------
    >>> import nanogauge
    >>> e = nanogauge.estimate_size("examples/thermo-gold-spheres.png")
    >>> 25 < e.d50_px < 45
    True
    """
    micrograph = micrograph_of(source, name=name)
    found = estimate_of(micrograph)
    if found is None:
        raise InputError(f"{micrograph.name}: {micrograph.shape[0]} x {micrograph.shape[1]} px, {_TOO_SMALL}")
    return found


def rank(
    sources: str | Path | Iterable[str | Path], *, scale: ScaleLike | None = None, largest_first: bool = False
) -> pd.DataFrame:
    """Micrographs in the order of their particles' estimated size, in milliseconds each; nothing is outlined.

    Parameters
    ----------
    sources : path or list of paths
        Files, folders and globs.
    scale : Scale, str, float or (float, float), optional
        Of all of them. By default that of a `nanogauge.toml` beside the files, or of their metadata; scale bars are not read.
    largest_first : bool
        The order.

    Returns
    -------
    DataFrame
        A row for each micrograph in their order: ``rank``, ``file``, ``status``, ``message``, ``d50_nm`` and ``d50_px`` with the
        ends of their 95 % intervals, ``gsd``, ``n``, ``nm_per_px``, ``scale_source``, ``milliseconds``. Ranked in nm where every
        one has a scale, else in px. A file that cannot be read has a row too, at the end, without a rank.

    Raises
    ------
    InputError
        Where there is nothing to rank.
    ScaleError
        For a scale that cannot be understood.
    EngineError
        Where the network cannot be loaded.

    Examples
    --------
    >>> import nanogauge
    >>> nanogauge.rank("examples/*.png", scale="1 nm/px")["d50_nm"].is_monotonic_increasing
    True
    """
    import pandas as pd

    inputs = [Path(s).expanduser() for s in ([sources] if isinstance(sources, str | Path) else sources)]
    if not inputs:
        raise InputError("there is nothing to rank: the list is empty; give files, folders or globs")
    files, _ = sort_out(inputs)
    scales = user_scales(files, inputs, None if scale is None else as_scale(scale))
    found = [ranked(f, scales.get(f)) for f in files]
    return pd.DataFrame([{"rank": k} | r.row() for k, r in in_order(found, largest_first=largest_first)], columns=list(COLUMNS))


def ranked(file: Path, scale: Scale | None, read: ReadSettings | None = None) -> Ranked:
    """One file; what goes wrong with it is in its message. scale: the user's."""
    begun = time.perf_counter()
    try:
        micrograph = micrograph_of(picture(file), read=read)
        found = estimate_of(micrograph)
    except Exception as error:  # one file never stops the others
        return Ranked(str(file), None, message=problem(error, file), failed=True, seconds=time.perf_counter() - begun)
    said = f"{file}: {_TOO_SMALL}" if found is None else ""
    return Ranked(str(file), found, scale or micrograph.scale, message=said, seconds=time.perf_counter() - begun)
