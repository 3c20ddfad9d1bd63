#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Malformed and absurd ONNX files through the built command, as somebody meets them who was handed one (RELIABILITY 3.0 and
3.1). Each must end with its exit code, one line on standard error that says what is wrong, and nothing on standard output:
no crash, no hang, no machine out of memory. The files are written with a protobuf writer of a few lines (onnx_writer.py), so
that they can be wrong. FOVEA_BINARY is the command. Prints a last line "N passed, N failed".

Run some cases:  FOVEA_BINARY=build/release/fovea python3 tests/io/test_bad_models.py conv
"""
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import FOVEA, call  # noqa: E402
from files import png  # noqa: E402
from onnx_writer import (BOOL, F32, F64, I32, I64, STRING, U8, attribute, field, graph, integers, model, node,  # noqa: E402
                         port, tensor, varint)

INPUT, IO, MEMORY = 3, 4, 5
HUGE, MOST, LEAST = 2**31, 2**63 - 1, -2**63


def one(kind, initializers=(), more=(), inputs=None, opset=17, outputs=("y",), **attributes):
    """x [1, 4, 8, 8] -> one node, with `more` inputs that `initializers` hold."""
    names = [name for name, _ in initializers] + list(more)
    return model([node(kind, ["x"] + names, list(outputs), **attributes)], [t for _, t in initializers], inputs,
                 opset=opset)


def weight(*dims, name="w"):
    count = 1
    for d in dims:
        count *= d
    return name, tensor(name, F32, dims, [0.5] * count)


def conv(**attributes):
    return one("Conv", [weight(4, 4, 3, 3)], **attributes)


def constants(kind, *values, **attributes):
    """One node of which all inputs are constants: bombs."""
    tensors = [tensor("c%d" % i, *value) for i, value in enumerate(values)]
    last = node("Cast", ["t"], ["f"], to=F32)
    return model([node(kind, ["c%d" % i for i in range(len(values))], ["t"], **attributes), last,
                  node("ReduceSum", ["f"], ["s"], keepdims=0, name="sum"), node("Add", ["x", "s"], ["y"], name="add")],
                 tensors, opset=11 if kind != "OneHot" else 11)


# ---- the rows ------------------------------------------------------------------------------------------------------------------
# Name, file, a part of the expected sentence, and the exit code unless it is INPUT.

GOOD = model([node("Relu", ["x"], ["y"])])

ROWS = [
    # 3.0 and protobuf
    ("empty file", b"", "empty"),
    ("one byte", GOOD[:1], "truncated"),
    ("half a file", GOOD[:len(GOOD) // 2], "truncated"),
    ("gzip", b"\x1f\x8b\x08" + bytes(30), "gzip"),
    ("zip", b"PK\x03\x04" + bytes(30), "zip"),
    ("text", b"version https://git-lfs.github.com/spec/v1\n", "text"),
    ("varint of 10 bytes and more", b"\x08" + b"\xff" * 10 + b"\x01", "protobuf"),
    ("varint whose 10th byte is above 1", b"\x08" + b"\xff" * 9 + b"\x02", "protobuf"),
    ("field number 0", b"\x00\x01", "protobuf"),
    ("wire type 3", b"\x0b\x08", "protobuf"),
    ("wire type 4", b"\x0c\x08", "protobuf"),
    ("wire type 6", b"\x0e\x08", "protobuf"),
    ("wire type 7", b"\x0f\x08", "protobuf"),
    ("length beyond the parent", field(7, varint(10 << 3 | 2) + varint(1000) + b"x"), "truncated"),
    ("length of 2^63", b"\x3a" + varint(2**63), "varint overflow"),
    ("packed floats not a multiple",
     model([node("Add", ["x", "w"], ["y"])], [field(1, 1) + field(2, F32) + field(8, "w") + field(4, b"\0" * 7)]), "whole elements"),
    ("graph twice", GOOD + field(7, b""), "twice"),
    ("depth of a million", model([field(1, "x") + field(2, "y") + field(4, "If") + field(5, b"\x2a" * 10**6)]), "reaches beyond its message"),
    ("newer IR", model([node("Relu", ["x"], ["y"])], ir=99), "not supported (got 99"),
    ("newer opset", model([node("Relu", ["x"], ["y"])], opset=99), "newest known"),
    ("opset -1", model([node("Relu", ["x"], ["y"])], opset=-1), "version"),
    ("no opset", field(1, 8) + field(7, graph([node("Relu", ["x"], ["y"])], [], [port("x", [1, 4])])), "domain is missing"),
    # the graph
    ("unknown operator", one("Frobnicate"), "Frobnicate (opset 17)"),
    ("unknown domain", model([node("Relu", ["x"], ["y"], domain="com.example")]), "com.example.Relu"),
    ("a call of a function", model([node("F", ["x"], ["y"], domain="f")], extra=field(25, field(1, "F"))), "f.F"),
    ("no nodes", model([]), "made by nobody"),
    ("output is the input", model([], outputs=("x",)), "\"x\" is not"),
    ("a million empty nodes", model([b""] * 100001), "more than 100000 nodes"),
    ("too many inputs", model([node("Relu", ["x", "x"], ["y"])]), '"n" (Relu)'),
    ("too few inputs", model([node("Relu", [], ["y"])]), '"n" (Relu)'),
    ("empty name for a needed input", model([node("Relu", [""], ["y"])]), '"n" (Relu)'),
    ("same output twice", model([node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"])]), "given twice"),
    ("same output twice in a node", model([node("Split", ["x"], ["y", "y"], axis=1)]), "given twice"),
    ("a cycle", model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]), "cycle"),
    ("an undefined input", model([node("Relu", ["q"], ["y"])]), "made by nobody"),
    ("escapes in a name", one("Evil\x1b[2J\n"), "\\x1b[2J"),
    ("name of a megabyte", one("A" * 2**20), "too long (got 1048576 bytes"),
    # attributes
    ("attribute missing", one("Cast"), "Cast"),
    ("attribute of the wrong type", one("LeakyRelu", alpha="x"), "wrong type"),
    ("attribute unknown", one("LeakyRelu", beta=1.0), "beta"),
    ("conv: pads of odd length", conv(pads=[1, 1, 1]), "pad"),
    ("conv: negative pads", conv(pads=[-1, -1, -1, -1]), "pad"),
    ("conv: huge pads", conv(pads=[HUGE, HUGE, HUGE, HUGE]), "pad"),
    ("conv: pads that wrap", conv(pads=[MOST, MOST, MOST, MOST]), "pad"),
    ("conv: stride 0", conv(strides=[0, 1]), "stride"),
    ("conv: stride -1", conv(strides=[-1, 1]), "stride"),
    ("conv: three strides", conv(strides=[1, 1, 1]), "stride"),
    ("conv: dilation 0", conv(dilations=[0, 1]), "dilation"),
    ("conv: dilation 2^31", conv(dilations=[HUGE, 1]), "dilation is 2147483648"),
    ("conv: kernel_shape 2^31", conv(kernel_shape=[HUGE, 3]), "kernel"),
    ("conv: kernel_shape not the weight's", conv(kernel_shape=[5, 5]), "kernel"),
    ("conv: group 0", conv(group=0), "group"),
    ("conv: group -1", conv(group=-1), "group"),
    ("conv: group does not divide", conv(group=3), "group"),
    ("conv: kernel larger than the input", one("Conv", [weight(1, 4, 9, 9)]), "needs 9 pixels, has 8"),
    ("conv: auto_pad unknown", conv(auto_pad="SAME_MIDDLE"), "SAME_MIDDLE"),
    ("conv: weight of another rank", one("Conv", [weight(4, 4, 3)]), "must have the same rank"),
    ("conv: weight of other channels", one("Conv", [weight(4, 5, 3, 3)]), "channels"),
    ("conv transpose: output_padding", one("ConvTranspose", [weight(4, 2, 3, 3)], output_padding=[5, 5]), "output_padding"),
    ("conv transpose: negative size", one("ConvTranspose", [weight(4, 2, 1, 1)], pads=[9, 9, 9, 9]), "leave nothing of 8 pixels"),
    ("pool: kernel missing", one("MaxPool"), "kernel"),
    ("pool: kernel 0", one("MaxPool", kernel_shape=[0, 2]), "kernel"),
    ("pool: kernel 2^31", one("MaxPool", kernel_shape=[HUGE, 2]), "kernel"),
    ("pool: larger than the input", one("AveragePool", kernel_shape=[9, 9]), "needs 9 pixels, has 8"),
    ("pool: stride 0", one("AveragePool", kernel_shape=[2, 2], strides=[0, 0]), "stride"),
    ("pool: pads above the kernel", one("MaxPool", kernel_shape=[2, 2], pads=[3, 3, 3, 3]), "pad"),
    ("axis above the rank", one("Softmax", axis=4), "axis"),
    ("axis below the rank", one("Softmax", axis=-5), "axis"),
    ("axis of 2^63 - 1", one("Concat", axis=MOST), "axis"),
    ("axis of -2^63", one("Flatten", axis=LEAST), "axis"),
    ("axis of -2^31 - 1", one("LayerNormalization", [weight(8)], axis=-2**31 - 1), "axis"),
    ("concat: ranks differ", one("Concat", [weight(4)], axis=0), "must agree"),
    ("concat: sizes differ", one("Concat", [weight(1, 3, 7, 8)], axis=1), "all dimensions but 1 must agree"),
    ("transpose: not a permutation", one("Transpose", perm=[0, 0, 1, 2]), "perm"),
    ("transpose: too short", one("Transpose", perm=[0, 1]), "perm"),
    ("transpose: out of range", one("Transpose", perm=[0, 1, 2, 4]), "perm"),
    ("batch norm: lengths", one("BatchNormalization", [("s", tensor("s", F32, [3], [1.0] * 3)), ("b", tensor("b", F32, [4], [1.0] * 4)),
                                ("m", tensor("m", F32, [4], [1.0] * 4)), ("v", tensor("v", F32, [4], [1.0] * 4))]), "it must be [4]"),
    ("batch norm: variance below 0", one("BatchNormalization", [
        (n, tensor(n, F32, [4], [1.0, 1.0, -1.0 if n == "v" else 1.0, 1.0])) for n in "sbmv"]), "variance of channel 2 is negative (-1)"),
    ("depth to space: block 0", one("DepthToSpace", blocksize=0), "block"),
    ("depth to space: block 2^31", one("DepthToSpace", blocksize=HUGE), "block"),
    ("lrn: size 0", one("LRN", size=0), "size"),
    ("cast: to nothing", one("Cast", to=0), "Cast"),
    ("cast: to text", one("Cast", to=STRING), "Cast"),
    # numbers that are inputs
    ("reshape: two -1", one("Reshape", [("s", integers("s", -1, -1))]), "two dimensions open"),
    ("reshape: -2", one("Reshape", [("s", integers("s", -2, 128))]), "-2"),
    ("reshape: count", one("Reshape", [("s", integers("s", 5, 5))]), "reshaped"),
    ("reshape: 0 with allowzero", one("Reshape", [("s", integers("s", 0, -1))], allowzero=1), "do not come out even"),
    ("reshape: overflow", one("Reshape", [("s", integers("s", 2**62, 2**62, 16))]), "do not come out even"),
    ("reshape: nine dimensions", one("Reshape", [("s", integers("s", *[1] * 9))]), "9 dimensions, at most 8"),
    ("split: sum", one("Split", [("s", integers("s", 3, 3))], axis=1, outputs=("y", "z")), "split"),
    ("split: negative", one("Split", [("s", integers("s", 5, -1))], axis=1, outputs=("y", "z")), "split"),
    ("slice: step 0", one("Slice", [("b", integers("b", 0)), ("e", integers("e", 4)), ("a", integers("a", 1)),
                                    ("s", integers("s", 0))]), "step"),
    ("slice: axis", one("Slice", [("b", integers("b", 0)), ("e", integers("e", 4)), ("a", integers("a", 9))]), "axis"),
    ("slice: lengths", one("Slice", [("b", integers("b", 0, 0)), ("e", integers("e", 4))]), "slice"),
    ("pad: count", one("Pad", [("p", integers("p", 1, 1))]), "pad"),
    ("pad: cuts everything", one("Pad", [("p", integers("p", 0, 0, -9, 0, 0, 0, -9, 0))]), "pad"),
    ("pad: wraps", one("Pad", [("p", integers("p", 0, 0, MOST, 0, 0, 0, MOST, 0))]), "pad"),
    ("col2im: pads wrap", one("Col2Im", [("i", integers("i", 5, 5)), ("k", integers("k", 1, 5))], opset=18,
                              pads=[0, 1, 0, MOST], inputs=[port("x", [1, 5, 15])]), "out of range"),
    ("col2im: dilation of 2^63", one("Col2Im", [("i", integers("i", 5, 5)), ("k", integers("k", 1, 5))], opset=18,
                                     dilations=[1, MOST], inputs=[port("x", [1, 5, 15])]), "out of range"),
    ("col2im: taps wrap", one("Col2Im", [("i", integers("i", *[2**24] * 3)), ("k", integers("k", *[2**24] * 3))], opset=18,
                              inputs=[port("x", [1, 5, 15])]), "a block of more than"),
    ("col2im: windows wrap", one("Col2Im", [("i", integers("i", *[2**24] * 3)), ("k", integers("k", 1, 1, 1))], opset=18,
                                 pads=[2**24] * 6, inputs=[port("x", [1, 5, 15])]), "windows"),
    ("center crop: -1", one("CenterCropPad", [("s", integers("s", 1, 4, -1, 8))], opset=18), "size"),
    ("center crop: 2^62", one("CenterCropPad", [("s", integers("s", 1, 4, 2**62, 8))], opset=18), "does not fit memory"),
    ("center crop: sizes and axes", one("CenterCropPad", [("s", integers("s", 4, 4))], opset=18, axes=[1]), "sizes"),
    ("center crop: an axis twice", one("CenterCropPad", [("s", integers("s", 4, 4))], opset=18, axes=[1, -3]), "twice"),
    ("affine grid: size 0", one("AffineGrid", [("s", integers("s", 1, 4, 0, 8))], opset=20, inputs=[port("x", [1, 2, 3])]),
     "out of range"),
    ("affine grid: 2^40 pixels", one("AffineGrid", [("s", integers("s", 1, 4, 2**20, 2**20))], opset=20,
                                     inputs=[port("x", [1, 2, 3])]), "out of memory", MEMORY),
    ("affine grid: theta", one("AffineGrid", [("s", integers("s", 1, 4, 8, 8))], opset=20, inputs=[port("x", [1, 3, 4])]), "theta"),
    ("deformable convolution: offset", one("DeformConv", [weight(4, 4, 3, 3, name="k"), weight(1, 18, 6, 5, name="o")], opset=19),
     "offset"),
    ("deformable convolution: groups", one("DeformConv", [weight(4, 4, 3, 3, name="k"), weight(1, 18, 6, 6, name="o")], opset=19,
                                           offset_group=3), "offset groups"),
    ("unique: not known", one("Unique", opset=17), "not known before the data"),
    ("rms norm: axis", one("RMSNormalization", [("s", tensor("s", F32, [8], [1.0] * 8))], opset=23, axis=7), "axis"),
    ("bits of floats", one("BitwiseNot", opset=18), "whole numbers"),
    ("resize: scale 0", one("Resize", [("r", tensor("r", F32, [0], [])), ("s", tensor("s", F32, [4], [1, 1, 0, 0]))]), "scale"),
    ("resize: scale NaN", one("Resize", [("r", tensor("r", F32, [0], [])),
                                         ("s", tensor("s", F32, [4], [1, 1, float("nan"), 1]))]), "scale"),
    ("resize: scale 1e30", one("Resize", [("r", tensor("r", F32, [0], [])), ("s", tensor("s", F32, [4], [1, 1, 1e30, 1]))]), "resize"),
    ("resize: scales and sizes", one("Resize", [("r", tensor("r", F32, [0], [])), ("s", tensor("s", F32, [4], [1, 1, 2, 2])),
                                                ("t", integers("t", 1, 4, 16, 16))]), "scales"),
    ("resize: neither", one("Resize"), "scales"),
    ("expand: does not fit", one("Expand", [("s", integers("s", 3, 4, 8, 7))]), "do not broadcast"),
    ("tile: count", one("Tile", [("r", integers("r", 2))]), "tile"),
    ("tile: negative", one("Tile", [("r", integers("r", 1, 1, 1, -1))]), "tile"),
    ("squeeze: not 1", one("Squeeze", [("a", integers("a", 1))]), "squeeze"),
    ("unsqueeze: twice", one("Unsqueeze", [("a", integers("a", 0, 0))]), "twice"),
    ("topk: more than there are", one("TopK", [("k", integers("k", 9))], outputs=("y", "i")), "top_k"),
    ("topk: negative", one("TopK", [("k", integers("k", -1))], outputs=("y", "i")), "top_k"),
    ("gather: above the axis", one("Gather", [("i", integers("i", 0, 4))], axis=1), "index 4 (number 1) is outside dimension 1"),
    ("gather: below the axis", one("Gather", [("i", integers("i", -5))], axis=1), "index -5"),
    ("gather: -2^63", one("Gather", [("i", integers("i", LEAST))], axis=1), "is outside"),
    ("gather: 2^63 - 1", one("Gather", [("i", integers("i", MOST))], axis=1), "is outside"),
    ("gather elements: above", one("GatherElements", [("i", tensor("i", I64, [1, 1, 1, 1], [9]))], axis=1), "index 9"),
    ("gather nd: above", one("GatherND", [("i", tensor("i", I64, [1, 2], [0, 7]))]), "index 7 (number 1) is outside dimension 1"),
    ("scatter nd: above", one("ScatterND", [("i", tensor("i", I64, [1, 4], [0, 7, 0, 0])), ("u", tensor("u", F32, [1], [1.0]))]),
     "index 7 (number 1) is outside dimension 1"),
    ("scatter elements: below", one("ScatterElements", [("i", tensor("i", I64, [1, 1, 1, 1], [-9])),
                                                        ("u", tensor("u", F32, [1, 1, 1, 1], [1.0]))], axis=1), "index -9"),
    ("a recurrent operator", one("LSTM", hidden_size=3), "LSTM needs the inputs X, W and R"),
    ("a branch", model([field(1, "x") + field(2, "y") + field(4, "If") + field(5, field(1, "then_branch") + field(6, b"") +
                        field(20, 5))]), "a branch with 0 inputs and 0 outputs where the node has 1"),
    ("add: shapes", one("Add", [weight(3)]), '"n" (Add)'),
    ("matmul: shapes", one("MatMul", [weight(7, 3)]), '"n" (MatMul)'),
    # initializers
    ("raw_data too short", one("Add", [("w", tensor("w", F32, [8], raw=bytes(31)))]), "wrong size (got 31 bytes, expected 32)"),
    ("raw_data too long", one("Add", [("w", tensor("w", F32, [8], raw=bytes(33)))]), "wrong size"),
    ("raw and typed data", one("Add", [("w", tensor("w", F32, [1], [1.0]) + field(4, struct.pack("<f", 1)))]), "both"),
    ("no data", one("Add", [("w", tensor("w", F32, [8]))]), "got 0"),
    ("a negative dimension", one("Add", [("w", tensor("w", F32, [-8], raw=b""))]), "negative"),
    ("dimensions that wrap", one("Add", [("w", tensor("w", F32, [2**32, 2**32, 2**32], raw=b""))]), "overflow"),
    ("a type of 0", one("Add", [("w", tensor("w", 0, [1], raw=bytes(4)))]), "data_type"),
    ("text", one("Add", [("w", tensor("w", STRING, [1]))]), "STRING"),
    ("another type than the input", one("Add", [("w", tensor("w", F64, [1], [1.0]))]), "f64"),
    ("the same initializer twice", model([node("Add", ["x", "w"], ["y"])], [weight(1)[1], weight(1)[1]]), "twice"),
    ("a segment", one("Add", [("w", tensor("w", F32, [1], [1.0]) + field(3, field(1, 0)))]), "segment"),
    ("a sparse initializer", model([node("Add", ["x", "w"], ["y"])],
                                   inputs=[port("x", [1, 4, 8, 8])])[:0] + field(1, 8) + field(7, graph(
                                       [node("Add", ["x", "w"], ["y"])], [], [port("x", [1, 4, 8, 8])]) + field(15, field(1, b""))) +
     field(8, field(2, 17)), "sparse"),
    ("a sparse constant", model([field(2, "w") + field(3, "c") + field(4, "Constant") + field(5, field(1, "sparse_value") +
                                 field(22, b"") + field(20, 11)), node("Add", ["x", "w"], ["y"])]), "Constant"),
    # inputs
    ("an open dimension behind the first", model([node("Relu", ["x"], ["y"])], inputs=[port("x", [1, "c", 8, 8])]), "open"),
    ("a dimension of 2^40", model([node("Relu", ["x"], ["y"])], inputs=[port("x", [1, 4, 2**40, 8])]), "out of range"),
    ("an input of text", model([node("Relu", ["x"], ["y"])], inputs=[port("x", [1, 4], STRING)]), "STRING"),
    ("rank 9", model([node("Relu", ["x"], ["y"])], inputs=[port("x", [1] * 9)]), "more than 8 dimensions"),
    ("no input", model([node("Constant", [], ["y"], value_floats=[])], inputs=[]), "has no input"),
    # bombs: the memory limit holds, not the machine
    ("bomb: ConstantOfShape", constants("ConstantOfShape", (I64, [3], [600, 512, 512])), "limit", MEMORY),
    ("bomb: ConstantOfShape, a terabyte", constants("ConstantOfShape", (I64, [3], [2**14, 2**12, 2**12])), "limit", MEMORY),
    ("bomb: ConstantOfShape that wraps", constants("ConstantOfShape", (I64, [3], [2**31, 2**31, 2**31])), "does not fit memory"),
    ("bomb: Range", constants("Range", (I64, [], [0]), (I64, [], [2**36]), (I64, [], [1])), "limit", MEMORY),
    ("range: delta 0", constants("Range", (I64, [], [0]), (I64, [], [5]), (I64, [], [0])), "range"),
    ("range: delta NaN", constants("Range", (F32, [], [0]), (F32, [], [5]), (F32, [], [float("nan")])), "range"),
    ("range: 1e30", constants("Range", (F32, [], [0]), (F32, [], [1e30]), (F32, [], [1])), "range"),
    ("bomb: Tile", one("Tile", [("r", integers("r", 1, 1, 2**13, 2**13))]), "limit", MEMORY),
    ("bomb: Tile that wraps", one("Tile", [("r", integers("r", 2**40, 2**40, 2**40, 1))]), "does not fit memory"),
    ("bomb: Expand", one("Expand", [("s", integers("s", 2**24, 4, 8, 8))]), "limit", MEMORY),
    ("bomb: OneHot", constants("OneHot", (I64, [4], [0, 1, 2, 3]), (I64, [1], [2**30]), (F32, [2], [0, 1])), "limit", MEMORY),
    ("bomb: Tile twice", model([node("Tile", ["x", "r"], ["t"]), node("Tile", ["t", "r"], ["y"])],
                               [integers("r", 1, 1, 1, 2**20)]), "does not fit memory"),
    ("bomb: Pad", one("Pad", [("p", integers("p", 0, 0, 0, 0, 0, 0, 2**15, 2**15))]), "limit", MEMORY),
    ("bomb: Resize", one("Resize", [("r", tensor("r", F32, [0], [])), ("s", tensor("s", F32, [4], [1, 1, 4096, 4096]))]), "limit", MEMORY),
    ("bomb: ConvTranspose", one("ConvTranspose", [weight(4, 2, 3, 3)], strides=[10**4, 10**4]), "exceeds"),
    ("QLinearConv of floats",
     one("QLinearConv", [("s", tensor("s", F32, [], [1.0])), ("z", tensor("z", U8, [], [1])), ("w", tensor("w", U8, [1, 4, 1, 1], [1] * 4)),
                         ("a", tensor("a", F32, [], [1.0])), ("b", tensor("b", U8, [], [1])), ("c", tensor("c", F32, [], [1.0])),
                         ("d", tensor("d", U8, [], [1]))]), "x is f32, it must be u8 or i8"),
    ("LSTM with 9 inputs", one("LSTM", [weight(1, 4, 4), weight(1, 4, 4, name="r")], ["x"] * 6), "has 9 inputs, it takes at most 8"),
    ("bomb: conv pads", conv(pads=[10**4, 10**4, 10**4, 10**4]), "limit", MEMORY),
]

# External data: name, the entries of external_data, and a part of the expected sentence.
EXTERNAL = [
    ("absolute", {"location": "/etc/passwd"}, "escapes"),
    ("..", {"location": "../w.bin"}, "escapes"),
    ("a/../../b", {"location": "a/../../b"}, ""),
    ("a link that leads away", {"location": "away.bin"}, "--allow-external FOLDER allows it"),
    ("a folder that leads away", {"location": "etc/passwd"}, "outside of the model's folder and store"),
    ("a FIFO", {"location": "fifo"}, "not a regular file"),
    ("a folder", {"location": "."}, "leads to"),
    ("not there", {"location": "none.bin"}, "cannot open"),
    ("no location", {}, "location"),
    ("negative offset", {"location": "w.bin", "offset": "-4"}, "whole number"),
    ("offset of letters", {"location": "w.bin", "offset": "0x10"}, "whole number"),
    ("offset beyond the file", {"location": "w.bin", "offset": "17"}, "beyond"),
    ("offset of 2^64", {"location": "w.bin", "offset": str(2**64)}, "whole number"),
    ("negative length", {"location": "w.bin", "length": "-1"}, "whole number"),
    ("length beyond the file", {"location": "w.bin", "length": "64"}, "beyond"),
    ("offset and length that wrap", {"location": "w.bin", "offset": "8", "length": str(2**64 - 1)}, ""),
    ("length that is not the tensor's", {"location": "w.bin", "length": "12"}, "wrong size"),
    ("an unknown key", {"location": "w.bin", "colour": "red"}, "unknown key \"colour\""),
]


def external(entries):
    value = field(1, 4) + field(2, F32) + field(8, "w") + field(14, 1)
    value += b"".join(field(13, field(1, k) + field(2, v)) for k, v in entries.items())
    return model([node("Add", ["x", "w"], ["y"])], [value], [port("x", [1, 4])])


# ---- running --------------------------------------------------------------------------------------------------------------------

def run(*words):
    """(exit code, output, errors); a hang counts as a crash."""
    try:
        done = call(*words, timeout=60, text=False)
    except subprocess.TimeoutExpired:
        return "no end within 60 s", b"", b""
    return done.returncode, done.stdout, done.stderr


def judge(path, wanted, code):
    """None, or what is wrong with how the command took the file."""
    result, out, errors = run("inspect", path, "--plan", "--threads", "1", "--max-memory", "256M")
    text = errors.decode(errors="replace")
    if result != code:
        return "exit code %s, not %d: %s" % (result, code, text.strip()[-600:])
    if out:
        return "output: %r" % out[:200]
    lines = [line for line in text.split("\n")[:-1] if not line.startswith("fovea: warning: ")]
    if len(lines) != 1 or not lines[0].startswith("fovea inspect: ") or not lines[0].isprintable() or text[-1] != "\n":
        return "not one line: %r" % text[:600]
    text = lines[0]
    if wanted not in text:
        return "no \"%s\" in: %s" % (wanted, text.strip())
    if os.environ.get("FOVEA_SHOW"):
        print("     " + text.strip())
    return None


def prepare(folder):
    with open(os.path.join(folder, "w.bin"), "wb") as file:
        file.write(struct.pack("<4f", 1, 2, 3, 4))
    os.symlink("/etc/passwd", os.path.join(folder, "away.bin"))
    os.symlink("/etc", os.path.join(folder, "etc"))
    os.mkfifo(os.path.join(folder, "fifo"))
    os.symlink("loop", os.path.join(folder, "loop"))
    os.symlink("nowhere", os.path.join(folder, "dangling"))


def cases(folder):
    """(name, path, sentence, code)"""
    for row in ROWS:
        path = os.path.join(folder, "m.onnx")
        with open(path, "wb") as file:
            file.write(row[1])
        yield row[0], path, row[2], row[3] if len(row) > 3 else INPUT
    for name, entries, wanted in EXTERNAL:
        path = os.path.join(folder, "m.onnx")
        with open(path, "wb") as file:
            file.write(external(entries))
        yield "external data: " + name, path, wanted, None
    for name in "missing", "fifo", "loop", "dangling", "":
        yield "file: " + (name or "a folder"), os.path.join(folder, name), "", IO if name else INPUT
    yield "file: a device", "/dev/zero", "", IO


def check_good(folder):
    """The writer above writes models: what is refused is refused for what is wrong with it."""
    path = os.path.join(folder, "good.onnx")
    for name, data in (("relu", GOOD), ("conv", conv(pads=[1, 1, 1, 1])), ("external", external({"location": "w.bin"})),
                       ("range", constants("Range", (I64, [], [0]), (I64, [], [5]), (I64, [], [1]))),
                       ("range of floats", constants("Range", (F32, [], [0.0]), (F32, [], [5.0]), (F32, [], [1.0]))),
                       ("gather of a negative index", one("Gather", [("i", integers("i", -4))], axis=1))):
        with open(path, "wb") as file:
            file.write(data)
        result, _, errors = run("inspect", path, "--plan")
        if result != 0:
            return "%s: exit code %s: %s" % (name, result, errors.decode(errors="replace"))
    return None


def check_odd_weights(folder):
    """NaN, infinity, many denormal numbers: a warning that names the tensor, an error with --strict. Open sizes: a warning,
    or --size."""
    path, fixed = os.path.join(folder, "odd.onnx"), os.path.join(folder, "fixed.onnx")
    for numbers, what in (([1.0, float("nan"), float("-inf"), 1e-30], "weights that are NaN or infinite"),
                          ([1.0, 1e-40, -1e-42, 0.0], "many weights so small that they count as zero (denormal)")):
        with open(path, "wb") as file:
            file.write(one("Add", [("w", tensor("w", F32, [1, 4, 1, 1], numbers))]))
        wanted = '1 tensor with %s: "w" (2 of 4)' % what
        for words, code in (((), 0), (("--strict",), INPUT)):
            result, _, errors = run("inspect", path, *words)
            text = errors.decode(errors="replace")
            if result != code or wanted not in text or len(text.splitlines()) != 1:
                return "%s: exit code %s: %s" % (words, result, text)
    with open(path, "wb") as file:
        file.write(model([node("Relu", ["x"], ["y"])], inputs=[port("x", ["n", 4, "h", "w"])]))
    result, out, errors = run("inspect", path)
    if result != 0 or b"taken as 224 x 224" not in errors or b"[N, 4, 224, 224]" not in out:
        return "open sizes: exit code %s: %s" % (result, errors.decode(errors="replace"))
    result, _, errors = run("convert", path, fixed, "--size", "5x7")
    if result != 0 or errors:
        return "--size: exit code %s: %s" % (result, errors.decode(errors="replace"))
    result, out, _ = run("inspect", fixed)
    return None if result == 0 and b"[N, 4, 5, 7]" in out else "--size was not written: %r" % out[:200]


# Models whose inputs are no pictures or whose outputs are no scores: predict must refuse them.
PREDICT = [
    ("an input of bytes", model([node("Flatten", ["x"], ["y"])], inputs=[port("x", ["N", 1, 8, 8], U8)]), "input is u8"),
    ("an input of bytes, scores of floats", model([node("Cast", ["x"], ["f"], to=F32), node("Flatten", ["f"], ["y"])],
                                                  inputs=[port("x", ["N", 1, 8, 8], U8)]), "input is u8"),
    ("an input of eight pictures", model([node("Add", ["x", "w"], ["a"]), node("Flatten", ["a"], ["y"])], [weight(8, 1, 1, 1)[1]],
                                         inputs=[port("x", [8, 1, 8, 8])]), "not for 1 picture at a time"),
    ("no dimension of pictures", model([node("Flatten", ["x"], ["y"])], inputs=[port("x", [8, 8])]), ""),
]


def check_predict(folder):
    """None, or what is wrong."""
    picture, path = os.path.join(folder, "p.png"), os.path.join(folder, "m.onnx")
    with open(picture, "wb") as file:
        file.write(png(8, 8, 1, bytes(64)))
    for name, data, wanted in PREDICT:
        with open(path, "wb") as file:
            file.write(data)
        result, out, errors = run("predict", path, picture)
        text = errors.decode(errors="replace")
        if result != INPUT or out or wanted not in text:
            return "%s: exit code %s, output %r, errors %s" % (name, result, out, text[-600:])
    return None


def main():
    if not os.path.exists(FOVEA):
        print("no command at %s" % FOVEA)
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        for what, check in (("good models", check_good), ("predict", check_predict), ("odd weights and open sizes", check_odd_weights)):
            problem = check(folder)
            passed, failed = (passed, failed + 1) if problem else (passed + 1, failed)
            if problem:
                print("%s: %s" % (what, problem))
        for name, path, wanted, code in cases(folder):
            if len(sys.argv) > 1 and sys.argv[1] not in name:
                continue
            if code is None:  # INPUT, or IO if the system refuses to open the file
                problem = judge(path, wanted, INPUT)
                problem = judge(path, wanted, IO) if problem and problem.startswith("exit code %d" % IO) else problem
            else:
                problem = judge(path, wanted, code)
            passed, failed = (passed, failed + 1) if problem else (passed + 1, failed)
            if problem:
                print("%s: %s" % (name, problem))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
