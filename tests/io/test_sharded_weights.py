#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weights in several safetensors files with an index: the same bits as in one, and every disagreement between the index
and its files is named."""
import json
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402

INPUT, IO = 3, 4
INDEX = "model.safetensors.index.json"


def must(*words):
    return call(*words, code=0).stdout.strip()


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    return {name: (about, content[start + about["data_offsets"][0]:start + about["data_offsets"][1]])
            for name, about in header.items()}


def write(path, tensors):
    header, data = {}, b""
    for name, (about, content) in tensors.items():
        header[name] = {**about, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def shards():
    """lenet5 in two files; answers its index."""
    must("new", "lenet5", "--seed", "5", "-o", "whole.safetensors")
    tensors = read("whole.safetensors")
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:3], "model-00002-of-00002.safetensors": names[3:]}
    for path, own in parts.items():
        write(path, {name: tensors[name] for name in own})
    return {"metadata": {"total_size": sum(len(content) for _, content in tensors.values())},
            "weight_map": {name: path for path, own in parts.items() for name in own}}


def save(index, path=INDEX):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(index, file)


def expect(index, word, code=INPUT):
    save(index, "bad.safetensors.index.json")
    done = call("inspect", "bad.safetensors.index.json", "--hash", "--quiet")
    assert done.returncode == code and word in done.stderr, f"no \"{word}\" in: {done.returncode} {done.stderr}"


def test_same_bits():
    save(shards())
    assert must("inspect", INDEX, "--hash", "--quiet") == must("inspect", "whole.safetensors", "--hash", "--quiet")
    os.makedirs("elsewhere", exist_ok=True)
    for name in os.listdir("."):
        if name.startswith("model"):
            os.replace(name, os.path.join("elsewhere", name))
    assert must("inspect", f"elsewhere/{INDEX}", "--hash", "--quiet") == must("inspect", "whole.safetensors", "--hash",
                                                                              "--quiet")


def test_disagreement_is_named():
    index = shards()
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    names = sorted(index["weight_map"])
    expect({}, "weight_map")
    expect({"weight_map": {}}, "weight_map")
    expect({"weight_map": {**index["weight_map"], names[0]: second}}, "is not in")
    expect({"weight_map": {**index["weight_map"], "more": first}}, "is not in")
    expect({"weight_map": {name: path for name, path in index["weight_map"].items() if name != names[1]}},
           "does not stand in the index")
    expect({"weight_map": {**index["weight_map"], names[0]: 7}}, "is in no file")
    for path in ("../" + first, "/etc/passwd", "", ".", "a\\b"):
        expect({"weight_map": {**index["weight_map"], names[0]: path}}, "is no name of a file beside it")
    expect({"weight_map": {**index["weight_map"], names[0]: "gone.safetensors"}}, "gone.safetensors", IO)
    with open("bad.safetensors.index.json", "w", encoding="utf-8") as file:
        file.write('{"weight_map": {')
    done = call("inspect", "bad.safetensors.index.json")
    assert done.returncode == INPUT and "line 1" in done.stderr, done.stderr


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for case, function in list(globals().items()):
            if case.startswith("test_") and callable(function):
                function()
                print("ok     ", case[5:])
    sys.exit(0)
