"""What particles can be found by: the networks that ship, and those that were made in this work folder."""

from __future__ import annotations

from pathlib import Path

from ....core.errors import NanogaugeError
from ..studio import Studio, settings_with_engine
from .layout import refuse

_SHIPPED = {
    "unet": "the default network",
    "unet-int8": "the default network in 8 bits, faster",
    "unet-resnet50-cbam": "the network of the paper",
    "threshold": "a threshold (Otsu)",
}


def networks(studio: Studio, *also: str) -> dict[str, str]:
    """Engine, as in the settings, -> what to call it; `also` are in it whatever they are."""
    made = {str(m.path): m.words for m in studio.trainings.all_made()}
    return _SHIPPED | made | {engine: engine for engine in also if engine not in _SHIPPED and engine not in made}


def network_words(studio: Studio, engine: str) -> str:
    """What to call one of them."""
    return networks(studio, engine)[engine]


def measure_with(studio: Studio, network: Path) -> bool:
    """Whether the network is what micrographs are measured with from now on; said on the page where it cannot be."""
    try:
        studio.settings = settings_with_engine(studio.settings, network)
    except NanogaugeError as error:
        refuse(str(error))
        return False
    return True
