"""Graph-level optimisation of an exported int8 network: the same numbers, in an order the processor likes.

ONNX Runtime runs the quantised convolutions channels-last, and its reductions over the two middle axes of a channels-last map,
as the attention blocks (CBAM) ask for, are some ten times slower than over the rows of a matrix. `fuse_attention` writes each
block as operations on one (HW, C) matrix of the quantised values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper


def optimise(path: Path, out: Path | None = None) -> int:
    """Rewrites an int8 network (QDQ) in place, or into OUT. Returns how many attention blocks were rewritten."""
    model = onnx.load(str(path))
    n = fuse_attention(model)
    onnx.save(model, str(out or path))
    return n


def fuse_attention(model: onnx.ModelProto) -> int:
    """Rewrites every CBAM block between a QuantizeLinear and its own QuantizeLinear. Returns how many there were.

    Numerically equal up to the rounding of float32: the mean over the picture is an exact sum of integers, scales multiply
    instead of dequantising first, and the factor of a pixel goes into the scale of the quantisation that follows:
    Q(x s; scale) = Q(x; scale / s). A block of another form is left as it is.
    """
    graph = model.graph
    makers = {o: n for n in graph.node for o in n.output}
    users: dict[str, list[NodeProto]] = {}
    for n in graph.node:
        for i in n.input:
            users.setdefault(i, []).append(n)
    values = {i.name: i for i in graph.initializer}
    blocks = [b for n in graph.node if n.op_type == "ReduceMean" for b in [_block(n, makers, users, values)] if b is not None]
    for k, block in enumerate(blocks):
        _rewrite(graph, block, f"attention_{k}")
    drop_unused(graph)
    return len(blocks)


@dataclass(frozen=True)
class _Block:
    quantised: str  # (1, C, H, W) uint8, the stage's output
    scale: str
    n_channels: int
    mean: NodeProto  # over the picture
    peak: NodeProto
    gate: str  # (1, C, 1, 1), factor of a channel
    channel_mul: NodeProto
    pixel_mean: NodeProto
    pixel_peak: NodeProto
    pixel_gate: str  # (1, 1, H, W), factor of a pixel
    pixel_mul: NodeProto
    end: NodeProto  # the QuantizeLinear after it


def _block(
    mean: NodeProto, makers: dict[str, NodeProto], users: dict[str, list[NodeProto]], values: dict[str, TensorProto]
) -> _Block | None:
    source = makers.get(mean.input[0])
    if source is None or source.op_type != "DequantizeLinear" or _ints(values.get(_second(mean))) != [2, 3]:
        return None
    peak, channel_mul = (_of_type(users[mean.input[0]], kind) for kind in ("ReduceMax", "Mul"))
    n_channels = _n_channels(mean.output[0], makers, users, values)
    if peak is None or channel_mul is None or n_channels is None:
        return None
    gated = channel_mul.output[0]
    inner = [_of_type(users.get(gated, []), kind) for kind in ("ReduceMean", "ReduceMax", "Mul")]
    zero = values.get(source.input[2]) if len(source.input) > 2 else None
    if any(n is None for n in inner) or len(users[gated]) != 3 or (zero is not None and numpy_helper.to_array(zero).item() != 0):
        return None
    pixel_mean, pixel_peak, pixel_mul = cast("list[NodeProto]", inner)
    ends = users.get(pixel_mul.output[0], [])
    if len(ends) != 1 or ends[0].op_type != "QuantizeLinear" or numpy_helper.to_array(values[ends[0].input[2]]).item() != 0:
        return None
    return _Block(
        quantised=source.input[0],
        scale=source.input[1],
        n_channels=n_channels,
        mean=mean,
        peak=peak,
        gate=_other(channel_mul, mean.input[0]),
        channel_mul=channel_mul,
        pixel_mean=pixel_mean,
        pixel_peak=pixel_peak,
        pixel_gate=_other(pixel_mul, gated),
        pixel_mul=pixel_mul,
        end=ends[0],
    )


def _n_channels(
    name: str, makers: dict[str, NodeProto], users: dict[str, list[NodeProto]], values: dict[str, TensorProto]
) -> int | None:
    """How many channels a map has, from the weights of the convolution that takes it, quantised or not."""
    while True:
        after = users.get(name, [])
        if len(after) != 1:
            return None
        if after[0].op_type == "Conv":
            weight = _second(after[0])
            made = makers.get(weight)
            stored = values.get(weight if made is None else made.input[0])
            return None if stored is None else int(stored.dims[1])
        if after[0].op_type not in ("QuantizeLinear", "DequantizeLinear"):
            return None
        name = after[0].output[0]


def _rewrite(graph: onnx.GraphProto, b: _Block, name: str) -> None:
    c = b.n_channels
    where = {n.name: k for k, n in enumerate(graph.node)}
    new: dict[int, list[NodeProto]] = {}
    at = min(where[b.mean.name], where[b.peak.name])  # new nodes stand where those stood whose outputs they make

    def constant(label: str, array: NDArray[Any]) -> str:
        graph.initializer.append(numpy_helper.from_array(array, f"{name}/{label}"))
        return f"{name}/{label}"

    def node(kind: str, inputs: list[str], label: str, **attributes: Any) -> str:
        output = label if label in kept else f"{name}/{label}"
        made = helper.make_node(kind, inputs, [output], name=f"{name}/{label}", **attributes)
        new.setdefault(at, []).append(made)
        return output

    kept = {n.output[0] for n in (b.mean, b.peak, b.pixel_mean, b.pixel_peak, b.end)}
    rows, one = constant("rows", np.array([-1, c])), constant("one", np.array([1]))
    column = constant("column", np.array([1, c, 1, 1]))
    last = node("Transpose", [b.quantised], "channels_last", perm=[0, 2, 3, 1])
    shape = node("Shape", [last], "shape")
    table = node("Reshape", [last, rows], "table")  # (HW, C)
    count = node("Shape", [table], "count", start=0, end=1)
    ones_shape = node("Concat", [one, count], "ones_shape", axis=0)
    ones = node("ConstantOfShape", [ones_shape], "ones", value=numpy_helper.from_array(np.ones(1, np.uint8)))
    total = node("Cast", [node("MatMulInteger", [ones, table], "sum")], "total", to=TensorProto.FLOAT)
    step = node("Div", [b.scale, node("Cast", [count], "pixels", to=TensorProto.FLOAT)], "step")
    node("Reshape", [node("Mul", [total, step], "average"), column], b.mean.output[0])
    line = node("Reshape", [last, constant("line_shape", np.array([1, 1, -1, c]))], "line")
    few = node("NhwcMaxPool", [line], "few", domain="com.microsoft", kernel_shape=[1, 16], strides=[1, 16], ceil_mode=1)
    top = node("ReduceMax", [node("Reshape", [few, rows], "few_rows"), constant("axis_0", np.array([0]))], "top", keepdims=1)
    top = node("DequantizeLinear", [top, b.scale], "highest")
    node("Reshape", [top, column], b.peak.output[0])

    at = where[b.channel_mul.name]
    factor = node("Mul", [node("Reshape", [b.gate, constant("row", np.array([1, c]))], "gate"), b.scale], "factor")
    gated = node("Mul", [node("Cast", [table], "levels", to=TensorProto.FLOAT), factor], "gated")
    across = constant("axis_1", np.array([1]))
    size = node("Slice", [shape, one, constant("three", np.array([3]))], "height_width")
    plane = node("Concat", [one, one, size], "plane", axis=0)
    node("Reshape", [node("ReduceMean", [gated, across], "pixel_mean", keepdims=1), plane], b.pixel_mean.output[0])
    node("Reshape", [node("ReduceMax", [gated, across], "pixel_peak", keepdims=1), plane], b.pixel_peak.output[0])

    at = where[b.end.name]
    flat = node("Reshape", [b.pixel_gate, constant("flat", np.array([-1]))], "pixel_gate")
    quantised = node("QuantizeLinear", [gated, node("Div", [b.end.input[1], flat], "scales")], "quantised", axis=0)
    node("Transpose", [node("Reshape", [quantised, shape], "picture")], b.end.output[0], perm=[0, 3, 1, 2])

    gone = {n.name for n in (b.mean, b.peak, b.channel_mul, b.pixel_mean, b.pixel_peak, b.pixel_mul, b.end)}
    nodes = [m for k, n in enumerate(graph.node) for m in [*new.get(k, []), *([] if n.name in gone else [n])]]
    copied = [NodeProto.FromString(n.SerializeToString()) for n in nodes]
    del graph.node[:]
    graph.node.extend(copied)


def drop_unused(graph: onnx.GraphProto) -> None:
    """Takes away nodes and constants that nothing reads any more."""
    wanted = {o.name for o in graph.output}
    nodes = []
    for n in reversed(graph.node):
        if wanted.intersection(n.output):
            wanted.update(n.input)
            nodes.append(NodeProto.FromString(n.SerializeToString()))
    del graph.node[:]
    graph.node.extend(reversed(nodes))
    constants = [TensorProto.FromString(i.SerializeToString()) for i in graph.initializer if i.name in wanted]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _of_type(nodes: list[NodeProto], kind: str) -> NodeProto | None:
    """The only node of that kind among them."""
    found = [n for n in nodes if n.op_type == kind]
    return found[0] if len(found) == 1 else None


def _second(node: NodeProto) -> str:
    return str(node.input[1]) if len(node.input) > 1 else ""


def _other(node: NodeProto, known: str) -> str:
    """The input of a node of two that is not the known one."""
    return str(node.input[1] if node.input[0] == known else node.input[0])


def _ints(tensor: TensorProto | None) -> list[int]:
    return [] if tensor is None else [int(v) for v in numpy_helper.to_array(tensor).ravel()]


if __name__ == "__main__":
    import sys

    print(f"{optimise(Path(sys.argv[1]), Path(sys.argv[2]))} attention blocks rewritten")
