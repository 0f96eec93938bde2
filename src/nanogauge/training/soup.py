"""Several runs of one recipe made one network: the mean of their averaged weights, with statistics of its own.

    python -m nanogauge.training.soup RECIPE.toml OUT.pt RUN/checkpoint.pt RUN/checkpoint.pt [NETWORK.onnx] [--batches 60]

Runs that began with the same weights end in one valley, and the middle of it is better than its sides ("model soups", Wortsman et
al., ICML 2022). The network that they began with may be one of them: between a network and what was made of it more is kept of what
it knew ("WiSE-FT", Wortsman et al., CVPR 2022). What a normalisation has to expect between them no run has seen: it is taken anew
from batches of the recipe (as Izmailov et al., UAI 2018, do for averages along one run). OUT.pt is exported as any checkpoint is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ..core.errors import SettingsError
from .batches import prepare
from .checkpoints import State, load
from .dataset import Dataset
from .loop import load_data, loader
from .network import build, give_statistics
from .recipe import Recipe, examples_of, read_recipe
from .shipped import network_of, read_onnx


def mean_weights(states: Sequence[State]) -> dict[str, Tensor]:
    """The mean of the averaged weights of several checkpoints; counts are the first's. SettingsError where networks differ."""
    names = {state["recipe"]["network"] for state in states}
    if len(names) != 1:
        raise SettingsError(f"only runs of one network can be averaged, found {', '.join(sorted(names)) or 'none'}")
    first, *_ = (state["ema"] for state in states)
    return {
        k: torch.stack([state["ema"][k].float() for state in states]).mean(0) if v.is_floating_point() else v.clone()
        for k, v in first.items()
    }


def soup(recipe: Recipe, networks: Sequence[Path], out: Path, *, batches: int = 60) -> None:
    """Writes OUT: the mean of checkpoints and exported networks (.onnx), with statistics of the recipe's first batches, so many.
    SettingsError where they are different networks."""
    items, weights = load_data(recipe)
    data = Dataset(items, examples_of(recipe), length=batches * recipe.batch, weights=weights)
    cpu = torch.device("cpu")

    def pictures() -> Iterator[Tensor]:
        return (prepare(crops, cpu)[0] for crops in loader(recipe, data, cpu))

    states = [_exported(path, pictures()) if path.suffix == ".onnx" else load(path) for path in networks]
    network = build(states[0]["recipe"]["network"])
    network.load_state_dict(mean_weights(states))
    update_bn(pictures(), network)
    torch.save({"ema": network.state_dict(), "recipe": states[0]["recipe"], "step": sum(s["step"] for s in states)}, out)


def _exported(path: Path, pictures: Iterable[Tensor]) -> State:
    """An exported network as the checkpoint that it was exported from; pictures: for the statistics that exporting folded away."""
    network = read_onnx(path)
    give_statistics(network, pictures)
    return {"ema": network.state_dict(), "recipe": {"network": network_of(path)}, "step": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("networks", type=Path, nargs="+", help="checkpoints, or exported networks")
    parser.add_argument("--batches", type=int, default=60)
    options = parser.parse_args()
    soup(read_recipe(options.recipe), options.networks, options.out, batches=options.batches)


if __name__ == "__main__":
    main()
