"""The weights of an exported network (ONNX, fp32 or int8) brought back into the torch network, to go on from them.

Exporting folds each batch normalisation into its convolution. Read back, the convolution carries the folded weights, and its
normalisation is the identity plus the folded bias; fine-tuning leaves its statistics frozen.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from ..core.errors import SettingsError
from .export import classes_in, described
from .graph import HALF
from .network import UNet, build


def network_of(path: Path) -> str:
    """The name of the network in a file; of files that do not say it, the first shipped network's."""
    return str(described(path).get("network", "unet-resnet50-cbam"))


def read_onnx(path: Path) -> UNet:
    """The network of an ONNX file that `export_fp32` or `quantise` wrote, in evaluation mode.

    With its classes, where it has some. int8 weights are dequantised. Raises SettingsError where the file holds another network.
    """
    model = onnx.load(str(path))
    values = {i.name.removeprefix("network.").removesuffix(HALF): numpy_helper.to_array(i) for i in model.graph.initializer}
    network = build(network_of(path), classes=len(classes_in(path)))
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(_tensor(values, f"{name}.weight", module.weight, path))
                if module.bias is not None:
                    module.bias.copy_(_tensor(values, f"{name}.bias", module.bias, path))
            elif isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
                _become_bias(module[1], _tensor(values, f"{name}.0.weight_bias", module[1].bias, path))
    return network.eval()


def with_statistics(network: UNet, pictures: Iterable[torch.Tensor]) -> UNet:
    """The same function of pictures, with the statistics that exporting folded away.

    network: as `read_onnx` gives it; pictures: batches (N, 1, H, W), standardised, as the network is to learn from. What each
    convolution makes of them becomes its normalisation's mean and variance, and its scale and shift undo that: the network in
    evaluation mode is what it was, and can learn with statistics of its own again.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    sums = {m: (torch.zeros_like(m.bias), torch.zeros_like(m.bias)) for m in norms}
    seen = dict.fromkeys(norms, 0)

    def watch(norm: nn.Module, given: tuple[torch.Tensor], made: torch.Tensor) -> None:
        x = given[0].detach()
        sums[norm][0].add_(x.sum((0, 2, 3)))  # type: ignore[index]
        sums[norm][1].add_(x.square().sum((0, 2, 3)))  # type: ignore[index]
        seen[norm] += x.numel() // x.shape[1]  # type: ignore[index]

    hooks = [m.register_forward_hook(watch) for m in norms]
    network.eval()
    with torch.no_grad():
        for batch in pictures:
            network(batch)
        for hook in hooks:
            hook.remove()
        for m in norms:
            mean = sums[m][0] / seen[m]
            variance = (sums[m][1] / seen[m] - mean.square()).clamp(min=0)
            m.running_mean.copy_(mean)  # type: ignore[union-attr]
            m.running_var.copy_(variance)  # type: ignore[union-attr]
            m.weight.copy_((variance + m.eps).sqrt())
            m.bias.add_(mean)
    return network


def _become_bias(norm: nn.BatchNorm2d, bias: torch.Tensor) -> None:
    """Makes a normalisation the identity plus `bias`."""
    norm.weight.fill_(1)
    norm.bias.copy_(bias)
    for statistic, value in ((norm.running_mean, 0.0), (norm.running_var, 1 - norm.eps)):
        if statistic is not None:
            statistic.fill_(value)


def _tensor(values: dict[str, NDArray[np.generic]], name: str, like: torch.Tensor, path: Path) -> torch.Tensor:
    array = values.get(name)
    if array is None and f"{name}_quantized" in values:
        scale = np.asarray(values[f"{name}_quantized_scale"] if f"{name}_quantized_scale" in values else values[f"{name}_scale"])
        quantised = np.asarray(values[f"{name}_quantized"], np.float32)  # symmetric: the zero point is 0
        array = quantised * scale.reshape((-1,) + (1,) * (quantised.ndim - 1) if scale.ndim else ())
    if array is None or tuple(array.shape) != tuple(like.shape):
        seen = "nothing" if array is None else f"shape {array.shape}"
        raise SettingsError(f"{path}: {name} should have shape {tuple(like.shape)}, found {seen}; use a network of nanogauge's own")
    return torch.from_numpy(np.array(array, np.float32))
