"""The look of one micrograph: contrast, substrate, column, detector and reproduction, drawn once for the whole picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .ground import Ground

Mode = Literal["sem", "tem", "stem"]
_SEM_GROUNDS: dict[Ground, float] = {
    "plain": 0.38, "grain": 0.08, "mottled": 0.16, "bumpy": 0.1, "wrinkled": 0.05, "cracked": 0.05, "cells": 0.03,
    "holey": 0.03, "membrane": 0.05, "stepped": 0.05, "wisps": 0.02,
}  # fmt: skip
_TEM_GROUNDS: dict[Ground, float] = {
    "plain": 0.3, "grain": 0.36, "mottled": 0.17, "holey": 0.06, "stepped": 0.02, "wisps": 0.06, "cells": 0.01, "bumpy": 0.02,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """Contrast, background and defects of one micrograph; grey levels run from 0 to 1."""

    background: float = 0.25
    contrast: float = 0.35  # particle body above the background (SEM, STEM), or absorption depth of a typical particle (TEM)
    body_spread: float = 0.05  # particle-to-particle difference of the body level or mass
    edge: float = 0.4  # secondary-electron brightening of steep surfaces
    edge_power: float = 3.0
    rim: float = 0.0  # brightening (dark: below 0) within rim_px of the outline
    rim_px: float = 2.0
    light: float = 0.1  # brightness of slopes towards the detector
    shadow: float = 0.3  # darkening of crevices and of the substrate beside particles
    shadow_px: float = 6.0
    opacity: float = 1.0  # below 1 the substrate shows through (thin sheets at high voltage)
    halo: float = 0.0  # charging or stain round the particles, bright above 0
    halo_px: float = 12.0
    halo_shift: float = 0.0  # how far a halo lies to one side, as a share of halo_px (a detector that sees one side, deposits)
    texture: float = 0.03  # surface texture, amplitude
    texture_px: float = 3.0
    structure_depth: float = 0.5  # strength of inner structure
    neck: float = 0.0  # sintered necks
    ground: Ground = "plain"
    ground_texture: float = 0.03
    ground_px: float = 6.0
    ground_depth: float = 0.0  # of holes, pores and steps; 0: three to eight times the texture
    curtain: float = 0.0  # streaks down the frame
    gradient: float = 0.1
    scratches: int = 0
    specks: int = 0  # per 512 x 512 px
    speck_px: float = 2.0
    speck_contrast: float = 0.2
    stains: int = 0  # faint patches without a sharp edge: residue, deposits, fields scanned before
    stain_px: float = 40.0
    stain_contrast: float = 0.05  # bright above 0
    fringe: float = 0.0  # Fresnel fringe, bright outside above 0
    fringe_px: float = 1.6
    film: float = 0.0  # phase-contrast grain over everything (TEM)
    blur_px: float = 0.8
    astigmatism: float = 0.0
    drift_px: float = 0.0  # amplitude of the lines' sideways jitter
    noise: float = 0.05  # standard deviation at grey level 0.5
    noise_px: float = 0.0  # correlation length of the noise
    line_noise: float = 0.0
    charging: float = 0.0  # bright lines and tails behind bright particles
    gamma: float = 1.0
    low: float = 0.02
    high: float = 0.95
    sharpen: float = 0.0
    reproduction: float = 1.0  # a journal's resampling: the picture is held at this share of its pixels for a while
    halftone_px: float = 0.0  # pitch of a print screen, 0: none
    jpeg_quality: int = 0  # 0: none


def random_look(rng: np.random.Generator, mode: str, diameter_px: float) -> Look:
    """A look of the given mode, from textbook to poor; lengths go with the particles' typical diameter."""
    if mode == "tem":
        look = _tem(rng, diameter_px)
    elif mode == "stem":
        look = _stem(rng, diameter_px)
    else:
        look = _sem(rng, diameter_px)
    return Look(**look, **_ground(rng, mode, diameter_px), **_instrument(rng, mode))  # type: ignore[arg-type]


def _sem(rng: np.random.Generator, d: float) -> dict[str, object]:
    u = rng.uniform
    flat = rng.random() < 0.12  # seen by rim or edge alone
    background = u(0.03, 0.58)
    contrast = u(0.0, 0.05) if flat else u(0.05, 0.5)
    if not flat and background > 0.3 and rng.random() < 0.12:  # light particles on a heavy substrate
        contrast = -u(0.08, 0.25)
    halo = float(rng.choice([-1, 1])) * u(0.05, 0.25) if rng.random() < 0.15 else 0.0
    edge = u(0.15, 0.8) if flat else u(0.0, 0.8)
    shadow = u(0, 0.75) if edge > 0.2 else u(0.3, 0.75)  # something must show where one particle ends and the next begins
    return {
        "background": background,
        "contrast": contrast,
        "body_spread": u(0, 0.12) * (rng.random() < 0.6),
        "edge": edge,
        "edge_power": u(1.0, 5),
        "rim": (u(0.15, 0.5) if flat else u(-0.1, 0.5)) * (flat or rng.random() < 0.5),
        "rim_px": float(np.clip(d * u(0.02, 0.12), 0.8, 8)),
        "light": u(0, 0.35),
        "shadow": shadow,
        "shadow_px": float(np.clip(d * u(0.08, 0.4), 1, 60)),
        "opacity": u(0.5, 0.95) if rng.random() < 0.08 else 1.0,
        "halo": halo,
        "halo_px": float(np.clip(d * u(0.15, 0.8), 2, 60)),
        "halo_shift": u(0.2, 0.9) if rng.random() < 0.4 else 0.0,
        "texture": float(np.exp(u(math.log(0.008), math.log(0.08)))) * (rng.random() < 0.6),
        "texture_px": float(np.clip(d * u(0.02, 0.2), 1, 20)),
        "structure_depth": u(0.2, 1),
        "neck": u(0.1, 0.9) if rng.random() < 0.25 else 0.0,
    }


def _tem(rng: np.random.Generator, d: float) -> dict[str, object]:
    u = rng.uniform
    background = u(0.45, 0.95)
    stained = rng.random() < 0.06  # negative stain: the particle keeps it out
    contrast = -u(0.15, 0.5) if stained else float(np.exp(u(math.log(0.12), math.log(3.0))))
    crystals = rng.random() < 0.3  # diffraction contrast differs from crystal to crystal
    defocused = rng.random() < 0.5
    return {
        "background": background,
        "contrast": contrast,
        "body_spread": u(0.15, 0.45) if crystals else u(0, 0.1),
        "edge": 0.0,
        "shadow": 0.0,
        "light": 0.0,
        "halo": -u(0.15, 0.5) if stained else 0.0,
        "halo_px": float(np.clip(d * u(0.1, 0.4), 2, 30)),
        "texture": u(0.03, 0.35) * (rng.random() < 0.4),
        "texture_px": float(np.clip(d * u(0.02, 0.15), 1, 12)),
        "structure_depth": u(0.2, 1),
        "neck": u(0.1, 0.7) if rng.random() < 0.15 else 0.0,
        "fringe": u(0.1, 1.2) * float(rng.choice([1, 1, -0.6])) if defocused else 0.0,
        "fringe_px": u(0.8, 3.0),
        "film": u(0.01, 0.09) * (rng.random() < 0.55),
    }


def _stem(rng: np.random.Generator, d: float) -> dict[str, object]:
    u = rng.uniform
    return {
        "background": u(0.02, 0.2),
        "contrast": u(0.15, 1.0),
        "body_spread": u(0, 0.25),
        "edge": 0.0,
        "shadow": 0.0,
        "light": 0.0,
        "texture": u(0.03, 0.2) * (rng.random() < 0.4),
        "texture_px": float(np.clip(d * u(0.03, 0.2), 1, 12)),
        "structure_depth": u(0.2, 1),
        "neck": 0.0,
        "film": u(0.005, 0.03) * (rng.random() < 0.4),
    }


def _ground(rng: np.random.Generator, mode: str, d: float) -> dict[str, object]:
    u = rng.uniform
    odds = _SEM_GROUNDS if mode == "sem" else _TEM_GROUNDS
    kind = list(odds)[rng.choice(len(odds), p=np.array(list(odds.values())) / sum(odds.values()))]
    pitch = float(np.exp(u(0.3, 2))) if kind == "grain" else float(np.clip(d * np.exp(rng.normal(-1.2, 0.7)), 1.5, 60))
    if kind in ("holey", "membrane", "stepped"):
        pitch = float(np.clip(d * np.exp(rng.normal(0, 0.6)), 6, 150))
    if kind == "bumpy":  # larger bumps are particles to whoever sees them
        pitch = max(min(pitch, 0.25 * d, 5.0), 1.5)
    strong = 1.0 if mode == "sem" else 0.6 if mode == "tem" else 0.3
    soiled = rng.random() < 0.25
    return {
        "ground": kind,
        "ground_texture": strong * float(np.exp(u(math.log(0.004), math.log(0.09)))),
        "ground_px": pitch,
        "gradient": u(0, 0.25) if rng.random() < 0.7 else 0.0,
        "scratches": int(rng.integers(1, 8)) if rng.random() < 0.08 else 0,
        "specks": int(np.exp(u(1, 4.5))) if soiled else 0,
        "speck_px": float(np.clip(0.12 * d, 1, 4)),
        "stains": int(rng.integers(1, 9)) if rng.random() < 0.15 else 0,
        "stain_px": float(np.clip(d * np.exp(u(math.log(0.5), math.log(3))), 8, 150)),
        "stain_contrast": u(0.015, 0.12) * float(rng.choice([-1, -1, 1])),
        "speck_contrast": u(0.05, 0.4) * (-1 if mode == "tem" or rng.random() < 0.25 else 1),
    }


def _instrument(rng: np.random.Generator, mode: str) -> dict[str, object]:
    u = rng.uniform
    sem = mode == "sem"
    journal = rng.random()
    drawn = rng.random() < 0.04  # as sharp as simulations and masks are
    return {
        "blur_px": 0.0 if drawn else u(0.35, 1.4) + (u(0, 2) if rng.random() < 0.15 else 0),
        "astigmatism": u(0, 0.5) if rng.random() < 0.2 else 0.0,
        "drift_px": u(0.1, 0.6) if sem and rng.random() < 0.2 else 0.0,
        "noise": float(np.exp(u(math.log(0.004), math.log(0.09)))),
        "noise_px": u(0.4, 1.2) if rng.random() < 0.5 else 0.0,
        "line_noise": u(0, 0.03) if rng.random() < (0.3 if sem else 0.05) else 0.0,
        "charging": u(0.03, 0.25) if sem and rng.random() < 0.15 else 0.0,
        "gamma": float(np.exp(rng.normal(0, 0.25))),
        "low": u(0, 0.3) if rng.random() < 0.5 else u(-0.1, 0.02),
        "high": u(0.7, 1.0) if rng.random() < 0.7 else u(1.0, 1.25),
        "sharpen": u(0.3, 1.2) if rng.random() < 0.12 else 0.0,
        "reproduction": u(0.45, 0.9) if journal < 0.3 else u(1.1, 1.8) if journal < 0.4 else 1.0,
        "halftone_px": u(2.2, 4.0) if rng.random() < 0.025 else 0.0,
        "jpeg_quality": int(rng.integers(30, 96)) if rng.random() < 0.5 else 0,
    }
