"""The weights of an exported network (ONNX, fp32 or int8) brought back into the torch network, to go on from them.

Exporting folds each batch normalisation into its convolution. Read back, the convolution carries the folded weights, and its
normalisation is the identity plus the folded bias; fine-tuning leaves its statistics frozen.
"""

from __future__ import annotations

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
