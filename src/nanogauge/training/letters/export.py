"""Checkpoint -> the file that ships."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ...core.version import __version__
from ..export import write_onnx
from ..graph import halve
from .examples import HEIGHT_PX, LETTERS
from .network import LetterNet


class _WithShares(nn.Module):
    """Logits to the probability of each class."""

    def __init__(self, network: LetterNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.network(x), 1)


def export(checkpoint: Path, path: Path) -> None:
    """Writes the averaged network as ONNX, weights in half precision: "grey" (1, 1, 32, W), W a multiple of 32, grey levels over
    255 -> "letters" (1, 17, W/2), in each column the probability of none, of each of `LETTERS`, of any other."""
    network = LetterNet()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
    names = {"outputs": "letters", "letters": LETTERS, "made_with": f"nanogauge {__version__}"}
    write_onnx(_WithShares(network.eval()), path, outputs=["letters"], names=names, height=HEIGHT_PX)
    halve(path)
