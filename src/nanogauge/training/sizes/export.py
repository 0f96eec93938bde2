"""Checkpoint -> the file that ships.

    python -m nanogauge.training.sizes.export CHECKPOINT OUT.onnx [--rule gain=0.7 floor=0.05 mixture=0.5 surprise=2.3]

RULE says how far to trust the network; `benchmarks/rank.py --fit` prints it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from ...core.version import __version__
from ..export import describe, write_onnx
from ..graph import halve
from .network import CELL_PX, FIGURES, LARGEST_PX, N_SIZES, SMALLEST_PX, SizeNet


class _WithShares(nn.Module):
    """Logits to shares of the area."""

    def __init__(self, network: SizeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits, figures = self.network(x)
        return torch.softmax(logits, 1), figures


def export(checkpoint: Path, path: Path, *, rule: dict[str, float] | None = None) -> None:
    """Writes the averaged network as ONNX, weights in half precision: "grey" (1, 1, H, W) -> "shares" (1, 25, H/16, W/16),
    "figures" (1, 5). rule: as `SizeEstimator.rule`."""
    network = SizeNet()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
    names = {"outputs": "shares,figures", "made_with": f"nanogauge {__version__}"}
    write_onnx(_WithShares(network.eval()), path, outputs=["shares", "figures"], names=names)
    halve(path)
    sizes = {"n": N_SIZES, "smallest_px": SMALLEST_PX, "largest_px": LARGEST_PX, "cell_px": CELL_PX}
    describe(path, {"figures": list(FIGURES), "sizes": sizes, "rule": rule or {}})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rule", nargs="*", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    export(args.checkpoint, args.out, rule={name: float(value) for name, _, value in (r.partition("=") for r in args.rule)})


if __name__ == "__main__":
    main()
