"""What particles can be found by: the networks that ship, and those that were made in this work folder."""

from __future__ import annotations

from ..studio import Studio

_SHIPPED = {"unet": "the default network", "unet-resnet50-cbam": "the network of the paper", "threshold": "a threshold (Otsu)"}


def networks(studio: Studio, *also: str) -> dict[str, str]:
    """Engine, as in the settings, -> what to call it; `also` are in it whatever they are."""
    made = {str(m.path): m.words for m in studio.trainings.all_made()}
    return _SHIPPED | made | {engine: engine for engine in also if engine not in _SHIPPED and engine not in made}


def network_words(studio: Studio, engine: str) -> str:
    """What to call one of them."""
    return networks(studio, engine)[engine]
