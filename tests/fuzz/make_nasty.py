#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes ONNX models in which one number is nasty: each integer, list and float of each attribute, each dimension of each input
and initializer, and each element of small integer initializers of the seeds is replaced in turn by the numbers that code
forgets. The lengths around it are put right, so that the number reaches the operator: mutating bytes seldom gets that far.

usage: make_nasty.py FOLDER_OF_SEEDS FOLDER [N]     N: only one in N
"""
import hashlib
import os
import struct
import sys

INTEGERS = [0, 1, -1, 2, -2, 3, 7, 63, 255, 1000, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, -2**31, -2**63]
FLOATS = [0.0, -1.0, 0.5, 1e30, -1e30, float("nan"), float("inf"), 1e-30, 3.0]


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at


def fields(data):
    """[(number, wire type, value)], where a value is an int or bytes."""
    out, at = [], 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = read_varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, at = read_varint(data, at)
            value = data[at:at + size]
            at += size
        out.append((number, wire, value))
    return out


def field(number, wire, value):
    head = varint(number << 3 | wire)
    if wire == 0:
        return head + varint(value)
    return head + (varint(len(value)) if wire == 2 else b"") + value


def replaced(data, path):
    """Every version of a message in which one number below it is another. `path` says where numbers are: a dict from field
    number to a dict (a message inside), "i" (integers), "f" (floats) "s" (texts) or "r" (raw bytes of 64-bit integers)."""
    parts = fields(data)
    for i, (number, wire, value) in enumerate(parts):
        kind = path.get(number)
        versions = []
        if isinstance(kind, dict) and wire == 2:
            versions = replaced(value, kind)
        elif kind == "i" and wire == 0:
            versions = INTEGERS
        elif kind == "i" and wire == 2:
            numbers, at = [], 0
            while at < len(value):
                one, at = read_varint(value, at)
                numbers.append(one)
            versions = [b"".join(varint(new if k == j else old) for j, old in enumerate(numbers))
                        for k in range(min(len(numbers), 16)) for new in INTEGERS]
            versions += [b"", value + value, value[:-1] if len(numbers) > 1 else b""]
        elif kind == "f" and wire == 5:
            versions = [struct.pack("<f", new) for new in FLOATS]
        elif kind == "f" and wire == 2:
            versions = [value[:k] + struct.pack("<f", new) + value[k + 4:] for k in range(0, min(len(value), 64), 4)
                        for new in FLOATS]
        elif kind == "r" and wire == 2 and len(value) % 8 == 0 and len(value) <= 128:
            versions = [value[:k] + struct.pack("<Q", new & 2**64 - 1) + value[k + 8:] for k in range(0, len(value), 8)
                        for new in INTEGERS]
        elif kind == "s" and wire == 2:
            versions = [b"", value + b"?"]
        before = b"".join(field(*part) for part in parts[:i])
        after = b"".join(field(*part) for part in parts[i + 1:])
        for version in versions:
            yield before + field(number, wire, version) + after
        if kind is not None:
            yield before + after  # without it
            yield before + field(number, wire, value) * 2 + after  # twice


TENSOR = {1: "i", 2: "i", 4: "f", 5: "i", 7: "i", 9: "r"}
ATTRIBUTE = {2: "f", 3: "i", 4: "s", 5: TENSOR, 7: "f", 8: "i", 20: "i"}
NODE = {1: "s", 2: "s", 5: ATTRIBUTE}
PORT = {2: {1: {1: "i", 2: {1: {1: "i"}}}}}
MODEL = {7: {1: NODE, 5: TENSOR, 11: PORT, 12: PORT}, 8: {2: "i"}}


def main():
    if len(sys.argv) not in (3, 4):
        sys.stderr.write(__doc__)
        return 2
    one_in, count = int(sys.argv[3]) if len(sys.argv) > 3 else 1, 0
    os.makedirs(sys.argv[2], exist_ok=True)
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name), "rb") as file:
            data = file.read()
        if len(data) > 2000:
            continue
        for version in replaced(data, MODEL):
            count += 1
            if count % one_in != 0:
                continue
            path = os.path.join(sys.argv[2], hashlib.sha1(version).hexdigest()[:20])
            with open(path, "wb") as file:
                file.write(version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
