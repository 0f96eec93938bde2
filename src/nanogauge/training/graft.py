"""A class head put onto an exported network: its graph stays as it is, to the last bit, and gets one output more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ..core.errors import SettingsError
from .graph import drop_unused
from .network import ClassHead

MOST_LOGIT = 30.0
_LEVEL = "network.fuse.{}.1.0.weight"


def graft(path: Path, head: ClassHead, out: Path) -> None:
    """Writes OUT: the network in a file with the output "classes" (1, K, H, W), the probabilities of the head's K classes. A class
    head that is there already is replaced.

    Raises SettingsError where the file holds another network than nanogauge's own.
    """
    model = onnx.load(str(path))
    graph = model.graph
    _without_classes(graph)
    levels = [_level(graph, k, path) for k in range(len(head.levels) + 1)]
    made = _Nodes(graph)
    y = made.convolution(levels[0], head.levels[0], "level_0")
    for k, (name, reduce) in enumerate(zip(levels[1:-1], list(head.levels)[1:], strict=True), start=1):
        y = made.node("Add", [made.doubled(y, f"doubled_{k}"), made.convolution(name, reduce, f"level_{k}")], f"sum_{k}")
    y = made.node("Relu", [y], "seen")
    y = made.doubled(made.convolution(made.convolution(y, head.context, "context"), head.narrow, "narrow"), "doubled")
    y = made.node("Add", [y, made.convolution(levels[-1], head.fine, "fine")], "sum")
    y = made.convolution(made.node("Relu", [y], "both"), head.out, "out")
    y = made.node("DepthToSpace", [y], "logits", blocksize=2, mode="CRD")
    low, high = (made.constant(n, np.array(v, np.float32)) for n, v in (("low", -MOST_LOGIT), ("high", MOST_LOGIT)))
    likely = made.node("Exp", [made.node("Clip", [y, low, high], "clipped")], "likely")
    total = made.node("ReduceSum", [likely, made.constant("channels", np.array([1]))], "total", keepdims=1)
    graph.node.append(helper.make_node("Div", [likely, total], ["classes"], name="classes/shares"))
    n_classes = head.out.out_channels // 4
    graph.output.append(helper.make_tensor_value_info("classes", TensorProto.FLOAT, [1, n_classes, "h", "w"]))
    onnx.checker.check_model(model)
    onnx.save(model, str(out))


class _Nodes:
    """Nodes and constants of a head, added to a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.graph.initializer.append(numpy_helper.from_array(array, f"network.class_head.{name}"))
        return f"network.class_head.{name}"

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.graph.node.append(helper.make_node(kind, inputs, [f"classes/{name}"], name=f"classes/node_{name}", **attributes))
        return f"classes/{name}"

    def doubled(self, x: str, name: str) -> str:
        """Twice as high and wide, each pixel repeated."""
        scales = self.constant(f"scales_{name}", np.array([1, 1, 2, 2], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.node("Resize", [x, "", scales], name, **how)

    def convolution(self, x: str, module: nn.Module, name: str) -> str:
        """A convolution, or one with its normalisation folded in, and a ReLU where the module has one."""
        parts = list(module) if isinstance(module, nn.Sequential) else [module]
        first = parts[0]
        assert isinstance(first, nn.Conv2d)
        with torch.no_grad():
            weight = first.weight.double()
            bias = torch.zeros(len(weight), dtype=torch.float64) if first.bias is None else first.bias.double()
            for norm in (p for p in parts if isinstance(p, nn.BatchNorm2d)):
                assert norm.running_var is not None
                assert norm.running_mean is not None
                factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight, bias = (
                    weight * factor[:, None, None, None],
                    (bias - norm.running_mean.double()) * factor + norm.bias.double(),
                )
        # named as an export of the whole network names them, so that `shipped.read_onnx` finds them
        stem = name if name == "out" else f"{name.replace('level_', 'levels.')}.0"
        w = self.constant(f"{stem}.weight", weight.float().numpy())
        b = self.constant(f"{stem}.bias" if name == "out" else f"{stem}.weight_bias", bias.float().numpy())
        pad = int(first.kernel_size[0]) // 2
        y = self.node("Conv", [x, w, b], name, kernel_shape=list(first.kernel_size), pads=[pad] * 4)
        return self.node("Relu", [y], f"{name}_relu") if any(isinstance(p, nn.ReLU) for p in parts) else y


def _level(graph: onnx.GraphProto, k: int, path: Path) -> str:
    """The tensor with what the decoder sees at its k-th step: after the ReLU, and after quantisation where the network is int8."""
    stem = _LEVEL.format(k)
    found = [n for n in graph.node if n.op_type == "Conv" and n.input[1].startswith(stem)]
    if len(found) != 1:
        raise SettingsError(f"{path}: no {stem} in it; classes are learned on a network of nanogauge's own")
    name = found[0].output[0]
    while True:
        after = [n for n in graph.node if name in n.input and n.op_type in ("Relu", "QuantizeLinear", "DequantizeLinear")]
        if len(after) != 1:
            return str(name)
        name = after[0].output[0]


def _without_classes(graph: onnx.GraphProto) -> None:
    """Takes away the output of classes and all that only it needs."""
    kept = [o for o in graph.output if o.name != "classes"]
    if len(kept) == len(graph.output):
        return
    copies = [onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in kept]
    del graph.output[:]
    graph.output.extend(copies)
    drop_unused(graph)
