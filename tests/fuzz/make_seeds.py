#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a small seed corpus for fuzz_safetensors and fuzz_onnx: a few valid files of each kind, and the ONNX conformance
models up to 4 KiB where they lie beside the checkout.

usage: make_seeds.py FOLDER   (makes FOLDER/safetensors and FOLDER/onnx)
"""
import glob
import json
import os
import shutil
import struct
import sys


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def port(name, dims):
    shape = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def model(opset=17):
    weight = field(1, 2) + field(1, 3) + field(2, 1) + field(8, "w") + field(9, struct.pack("<6f", *range(6)))
    flag = field(1, "transB") + field(3, 1) + field(20, 2)
    node = field(1, "x") + field(1, "w") + field(2, "y") + field(3, "fc") + field(4, "Gemm") + field(5, flag)
    graph = field(1, node) + field(2, "g") + field(5, weight) + field(11, port("x", ["N", 3])) + field(12, port("y", ["N", 2]))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset)) + field(14, field(1, "k") + field(2, "v"))


def main():
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__)
        return 2
    seeds = {
        "safetensors/empty": safetensors({}, b""),
        "safetensors/one": safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
        "safetensors/many": safetensors({"__metadata__": {"format": "pt"},
                                         "b": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [8, 12]},
                                         "z": {"dtype": "U8", "shape": [0], "data_offsets": [8, 8]},
                                         "a": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}}, bytes(12)),
        "onnx/gemm": model(),
        "onnx/old": model(7),
    }
    for name, content in seeds.items():
        path = os.path.join(sys.argv[1], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    shared = os.environ.get("FOVEA_SHARED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared"))
    for path in glob.glob(os.path.join(shared, "onnx-conformance/node/*/model.onnx")):
        if os.path.getsize(path) <= 4096:
            shutil.copyfile(path, os.path.join(sys.argv[1], "onnx", os.path.basename(os.path.dirname(path))))
    return 0


sys.exit(main())
