"""Sample data: rendered micrographs whose scale must be read from the data bar."""

from __future__ import annotations

from ...core.micrograph import Micrograph
from ...training.synthetic import render
from ...training.synthetic.examples import EXAMPLES
from .layers import LayerData, image_layer


def _rendered(name: str) -> list[LayerData]:
    instrument, nm_per_px, scene, look = EXAMPLES[name]
    rendering = render(scene, seed=11 + list(EXAMPLES).index(name), look=look, nm_per_px=nm_per_px, instrument=instrument)
    return [image_layer(Micrograph(pixels=rendering.pixels, name=name, format="rendered"))]


def gold_spheres() -> list[LayerData]:
    """Clusters of spheres, 1.35 nm/px."""
    return _rendered("gold-spheres")


def oxide_polyhedra() -> list[LayerData]:
    """Polyhedra and cubes, 4.2 nm/px."""
    return _rendered("oxide-polyhedra")


def latex_monolayer() -> list[LayerData]:
    """A dense layer of equal spheres, 8 nm/px."""
    return _rendered("latex-monolayer")


def tem_rods() -> list[LayerData]:
    """Rods in transmission, 0.62 nm/px."""
    return _rendered("tem-rods")
