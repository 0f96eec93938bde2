"""A measurement as an xarray Dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.version import __version__

if TYPE_CHECKING:
    import xarray

    from .measured import Measured


def dataset_of(m: Measured) -> xarray.Dataset:
    """Pixels, labels and, where there is one, the map of the foreground over (y, x); pixel centres in nm, without a scale in px.

    Raises ModuleNotFoundError, with the command that helps, where xarray is not installed.
    """
    try:
        import xarray
    except ModuleNotFoundError:
        raise ModuleNotFoundError("to_xarray needs xarray; run: pip install xarray") from None
    unit = "px" if m.scale is None else "nm"
    steps = (1.0, 1.0) if m.scale is None else m.scale.nm_per_px
    axes = {
        axis: (axis, np.arange(n) * step, {"units": unit, "long_name": f"{axis}, pixel centres"})
        for axis, n, step in zip(("y", "x"), m.labels.shape, steps, strict=True)
    }
    layers: dict[str, Any] = {
        "pixels": (("y", "x"), m.micrograph.pixels, {"long_name": "grey level"}),
        "labels": (("y", "x"), m.labels, {"long_name": "number of the particle, 0 = background"}),
    }
    if m.foreground is not None:
        layers["foreground"] = (("y", "x"), m.foreground, {"long_name": "map that is 0.5 on the outlines", "units": "1"})
    about = {"name": m.micrograph.name, "scale_source": m.decision.source, "nanogauge_version": __version__}
    if m.scale is not None:
        about["nm_per_px_y_x"] = list(m.scale.nm_per_px)  # type: ignore[assignment]
    return xarray.Dataset(layers, coords=axes, attrs=about)
