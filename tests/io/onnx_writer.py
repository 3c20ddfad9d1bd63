#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ONNX files written by a few lines each, so that tests can make them, right or wrong, without other packages.
ONNX's own numbers name fields and types; test_bad_models.py and ../model/test_outputs.py use it."""
import struct

F32, U8, I8, I32, I64, STRING, BOOL, F16, F64 = 1, 2, 3, 6, 7, 8, 9, 10, 11

def varint(value):
    value &= 2**64 - 1
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    out = field(1, name)
    if isinstance(value, bytes):  # a tensor
        return out + field(5, value) + field(20, 4)
    if isinstance(value, int):
        return out + field(3, value) + field(20, 2)
    if isinstance(value, float):
        return out + field(2, value) + field(20, 1)
    if isinstance(value, str):
        return out + field(4, value) + field(20, 3)
    if value and isinstance(value[0], float):
        return out + b"".join(field(7, v) for v in value) + field(20, 6)
    if value and isinstance(value[0], str):
        return out + b"".join(field(9, v) for v in value) + field(20, 8)
    return out + b"".join(field(8, v) for v in value) + field(20, 7)


def node(kind, inputs, outputs, name="n", domain="", **attributes):
    out = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
    out += field(3, name) + field(4, kind) + b"".join(field(5, attribute(k, v)) for k, v in attributes.items())
    return out + (field(7, domain) if domain else b"")


def tensor(name, kind, dims, values=None, raw=None):
    code = {F32: "f", I64: "q", I32: "i", U8: "B", I8: "b", F64: "d", BOOL: "B", F16: "e"}.get(kind, "B")
    out = b"".join(field(1, d) for d in dims) + field(2, kind) + (field(8, name) if name else b"")
    raw = struct.pack("<%d%s" % (len(values), code), *values) if values is not None else raw
    return out + (field(9, raw) if raw is not None else b"")


def integers(name, *values):
    return tensor(name, I64, [len(values)], values)


def port(name, dims, kind=F32):
    shape = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def graph(nodes, initializers=(), inputs=(), outputs=("y",)):
    out = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, t) for t in initializers)
    out += b"".join(field(11, i) for i in inputs)
    return out + b"".join(field(12, o if isinstance(o, bytes) else field(1, o)) for o in outputs)


def model(nodes, initializers=(), inputs=None, outputs=("y",), opset=17, ir=8, extra=b""):
    inputs = [port("x", [1, 4, 8, 8])] if inputs is None else inputs
    return field(1, ir) + field(7, graph(nodes, initializers, inputs, outputs)) + field(8, field(1, "") + field(2, opset)) + extra
