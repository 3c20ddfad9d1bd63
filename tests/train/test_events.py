#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Event files, read as TensorFlow's reader reads them: every record's two checksums, scalars equal to history.csv, histograms
that count every weight; a resumed run's file is that of an uninterrupted one but for times. FOVEA_BINARY is the command.
Prints a last line "N passed, N failed".
"""
import csv
import json
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402

FILE = "events.out.tfevents.fovea"
TABLE = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


class Wrong(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(part) for part in what))


def fovea(*words):
    done = call(*words)
    check(done.returncode == 0, "fovea", *words, done.returncode, done.stderr[-300:])
    return done.stdout


def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        (length,), (head,) = struct.unpack_from("<Q", data, at), struct.unpack_from("<I", data, at + 8)
        body = data[at + 12:at + 12 + length]
        check(head == masked(data[at:at + 8]), "checksum of the length")
        check(struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body), "checksum of the record")
        yield body
        at += 16 + length


def fields(data):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        elif kind == 2:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            size = 8 if kind == 1 else 4
            yield key >> 3, struct.unpack_from("<d" if kind == 1 else "<f", data, at)[0]
            at += size


def events(path):
    """(step, {scalar: value}, {histogram: fields}) per epoch."""
    result = []
    for number, record in enumerate(records(path)):
        event = dict(fields(record))
        if number == 0:
            check(event[3] == b"brain.Event:2", "the version comes first")
            continue
        scalars, histograms = {}, {}
        for field, value in fields(event[5]):
            check(field == 1, "a summary of values")
            value = dict(fields(value))
            if 2 in value:
                scalars[value[1].decode()] = value[2]
            else:
                histograms[value[1].decode()] = dict(fields(value[5]))
        result.append((event[2], scalars, histograms))
    return result


def train(folder, *words):
    fovea("train", "--model", "mlp", "--data", "digits:200", "--tensorboard", "-q", "--out", folder, *words)


def as_in_history(folder):
    run = os.path.join(folder, "run")
    train(run, "--epochs", "3")
    with open(os.path.join(run, "history.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    written = events(os.path.join(run, FILE))
    check([step for step, _, _ in written] == [1, 2, 3], "an event per epoch")
    for row, (_, scalars, histograms) in zip(rows, written):
        for name, text in row.items():
            if name not in ("epoch", "time"):
                check(abs(scalars[name] - float(text)) <= 1e-6 * max(1.0, abs(float(text))), name)
        check(len(histograms) == 4, "weight and bias of two layers", sorted(histograms))
        total = 0
        for name, histogram in histograms.items():
            limits = struct.unpack("<30d", histogram[6])
            counts = struct.unpack("<30d", histogram[7])
            check(sum(counts) == histogram[3] and list(limits) == sorted(limits), name, "counts and limits")
            check(histogram[1] <= limits[0] and limits[-1] >= histogram[2], name, "limits hold all")
            total += histogram[3]
        layers = json.loads(fovea("inspect", os.path.join(run, "last.onnx"), "--json"))
        check(total == layers["parameters"], "every weight is counted")


def resumed(folder):
    whole, parts = os.path.join(folder, "whole"), os.path.join(folder, "parts")
    train(whole, "--epochs", "4", "--schedule", "constant")
    train(parts, "--epochs", "2", "--schedule", "constant")
    with open(os.path.join(parts, FILE), "ab") as file:
        file.write(b"half a record")
    fovea("train", "--resume", parts, "--epochs", "4", "-q")
    one, other = events(os.path.join(whole, FILE)), events(os.path.join(parts, FILE))
    check(len(one) == 4 and len(other) == 4, len(one), len(other))
    for (_, scalars, histograms), (_, also, too) in zip(one, other):
        scalars.pop("time"), also.pop("time")
        check(scalars == also and histograms == too, "the same but for time")


def main():
    failed = 0
    cases = [as_in_history, resumed]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(folder)
            except Wrong as wrong:
                failed += 1
                print("%s: %s" % (case.__name__, wrong))
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return failed > 0


sys.exit(main())
