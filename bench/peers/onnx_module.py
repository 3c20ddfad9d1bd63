# SPDX-License-Identifier: MIT
"""An ONNX file as a PyTorch module, for networks that torchvision lacks: usage: onnx_module.py MODEL.onnx MODULE.pt

It knows the operators that fovea's own networks are written with, in inference form and for one size of input; any other
is an error that names it. Weights are buffers of the module, so that PyTorch's own means of deploying see them.
"""
import sys

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {"Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Erf": torch.erf, "Neg": torch.neg,
               "HardSwish": F.hardswish, "HardSigmoid": F.hardsigmoid, "Dropout": lambda x, *_: x,
               "Identity": lambda x: x, "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "MatMul": torch.matmul}


def halves(pads, x, value=0.0):
    """Padding of ONNX, all begins and then all ends, as one number a side where both sides are equal; else x padded."""
    count = len(pads) // 2
    if pads[:count] == pads[count:]:
        return x, tuple(pads[:count])
    return F.pad(x, [p for i in reversed(range(count)) for p in (pads[i], pads[count + i])], value=value), (0,) * count


def convolution(x, weight, bias=None, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, **_):
    x, padding = halves(list(pads), x)
    return F.conv2d(x, weight, bias, tuple(strides), padding, tuple(dilations), group)


def max_pool(x, *, kernel_shape, strides=(1, 1), pads=(0, 0, 0, 0), ceil_mode=0, **_):
    x, padding = halves(list(pads), x, float("-inf"))
    return F.max_pool2d(x, tuple(kernel_shape), tuple(strides), padding, ceil_mode=bool(ceil_mode))


def average_pool(x, *, kernel_shape, strides=(1, 1), pads=(0, 0, 0, 0), ceil_mode=0, count_include_pad=0, **_):
    x, padding = halves(list(pads), x)
    return F.avg_pool2d(x, tuple(kernel_shape), tuple(strides), padding, bool(ceil_mode), bool(count_include_pad))


def dense(x, weight, bias=None, *, transB=0, **_):
    return F.linear(x, weight if transB else weight.t(), bias)


def flatten(x, *, axis=1, **_):
    return torch.flatten(x, axis) if axis == 1 else x.reshape(int(np.prod(x.shape[:axis])), -1)


def batch_norm(x, scale, bias, mean, variance, *, epsilon=1e-5, **_):
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon)


def response_norm(x, *, size, alpha=1e-4, beta=0.75, bias=1.0, **_):
    return F.local_response_norm(x, size, alpha, beta, bias)


def layer_norm(x, scale, bias=None, *, axis=-1, epsilon=1e-5, **_):
    return F.layer_norm(x, x.shape[axis:], scale, bias, epsilon)


def concatenate(*parts, axis, **_):
    return torch.cat(parts, axis)


def split(x, sizes=None, *, axis=0, outputs, **_):
    return torch.split(x, sizes.tolist() if sizes is not None else x.shape[axis] // outputs, axis)


def transpose(x, *, perm, **_):
    return x.permute(perm)


def reshape(x, shape, **_):
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape.tolist())])


def slice_of(x, starts, ends, axes, steps=None, **_):
    place = [slice(None)] * x.dim()
    for i, axis in enumerate(axes.tolist()):
        place[axis] = slice(int(starts[i]), int(ends[i]), int(steps[i]) if steps is not None else 1)
    return x[tuple(place)]


def pad(x, pads, value=None, axes=None, **_):
    every = pads.tolist()
    count = len(every) // 2
    amounts = dict(zip(axes.tolist() if axes is not None else range(count), zip(every[:count], every[count:])))
    return F.pad(x, [p for i in reversed(range(x.dim())) for p in amounts.get(i, (0, 0))],
                 value=float(value) if value is not None else 0.0)


def enlarge(x, _=None, scales=None, sizes=None, *, mode="nearest", **__):
    size = sizes.tolist()[2:] if sizes is not None else [int(s * float(f)) for s, f in zip(x.shape[2:], scales[2:])]  # floor
    return F.interpolate(x, size=size, mode=mode)


def reduction(function):
    """One of PyTorch's, over axes that are an input (operator sets from 18 on, ReduceSum from 13) or an attribute."""
    def reduce(x, axes_input=None, *, axes=None, keepdims=1, **_):
        over = axes_input.tolist() if axes_input is not None else axes or list(range(x.dim()))
        return function(x, over, keepdim=bool(keepdims))
    return reduce


def clip(x, low=None, high=None, **_):
    return torch.clamp(x, None if low is None else float(low), None if high is None else float(high))


def gather(x, indices, *, axis=0, **_):
    return torch.index_select(x, axis, indices.reshape(-1)).reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1:])


OPERATORS = {"Conv": convolution, "MaxPool": max_pool, "AveragePool": average_pool, "Gemm": dense, "Flatten": flatten,
             "GlobalAveragePool": lambda x: x.mean((2, 3), True), "GlobalMaxPool": lambda x: x.amax((2, 3), True),
             "BatchNormalization": batch_norm, "LRN": response_norm, "LayerNormalization": layer_norm,
             "Concat": concatenate, "Split": split, "Transpose": transpose, "Reshape": reshape, "Slice": slice_of,
             "Pad": pad, "Resize": enlarge, "ReduceSum": reduction(torch.sum), "ReduceMean": reduction(torch.mean),
             "ReduceMax": reduction(torch.amax), "Clip": clip, "Gather": gather,
             "Softmax": lambda x, *, axis=-1: torch.softmax(x, axis)}


class OnnxModule(nn.Module):
    """The graph, node by node. Values that are read for the last time are let go."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        self.known, self.nodes = {}, []
        for tensor in graph.initializer:
            self.keep(tensor.name, numpy_helper.to_array(tensor))
        for node in graph.node:
            if node.op_type == "Constant":
                self.keep(node.output[0], numpy_helper.to_array(node.attribute[0].t))
            elif node.op_type not in ACTIVATIONS and node.op_type not in OPERATORS:
                raise ValueError(f"operator {node.op_type} is not known to onnx_module.py")
            else:
                words = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                words = {k: v.decode() if isinstance(v, bytes) else v for k, v in words.items()}
                if node.op_type == "Split":
                    words["outputs"] = len(node.output)
                self.nodes.append((node.op_type, list(node.input), list(node.output), words))
        self.given, self.wanted = graph.input[0].name, graph.output[0].name
        last = {name: i for i, (_, inputs, _, _) in enumerate(self.nodes) for name in inputs}
        self.over = [[name for name, at in last.items() if at == i and name not in self.known]
                     for i in range(len(self.nodes))]

    def keep(self, name, array):
        self.known[name] = f"tensor{len(self.known)}"
        self.register_buffer(self.known[name], torch.from_numpy(np.array(array)))

    def forward(self, x):
        values = {name: getattr(self, attribute) for name, attribute in self.known.items()}
        values.update({"": None, self.given: x})
        for (kind, inputs, outputs, words), over in zip(self.nodes, self.over):
            read = [values[name] for name in inputs]
            made = ACTIVATIONS[kind](*read) if kind in ACTIVATIONS else OPERATORS[kind](*read, **words)
            values.update(zip(outputs, made if isinstance(made, tuple) else (made,)))
            for name in over:
                values.pop(name, None)
        return values[self.wanted]


if __name__ == "__main__":
    from onnx_module import OnnxModule as Module # pickle writes this module's name, which torch.load imports
    torch.save(Module(sys.argv[1]), sys.argv[2])
