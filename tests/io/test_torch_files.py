#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch's files of weights: they load to the same bits as safetensors, nothing in them is ever run, and what is
damaged or made to do harm is refused with a sentence. The files are written by tests/fixtures/torch_file.py."""
import argparse
import collections
import datetime
import json
import os
import pathlib
import random
import struct
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import torch_file  # noqa: E402
from calls import call  # noqa: E402
from torch_file import Tensor  # noqa: E402

INPUT, UNSUPPORTED = 3, 3


def must(*words):
    return call(*words, code=0).stdout.strip()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
    return path


def expect(content, word):
    done = call("inspect", write("bad.pth", content))
    assert done.returncode == INPUT and word in done.stderr, f"no \"{word}\" in: {done.returncode} {done.stderr}"


def read(path):
    """The tensors of a safetensors file: name -> (type, shape, bytes)."""
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    return {name: (about["dtype"], tuple(about["shape"]), content[start + about["data_offsets"][0]:
                                                                   start + about["data_offsets"][1]])
            for name, about in sorted(header.items())}


def ones(*shape):
    count = 1
    for extent in shape:
        count *= extent
    return "F32", shape, struct.pack("<f", 1) * count


def weights():
    must("new", "resnet20", "--seed", "5", "-o", "w.safetensors")
    return read("w.safetensors")


def test_same_bits():
    arrays = weights()
    counted = dict(arrays, **{"bn1.num_batches_tracked": ("I64", (), struct.pack("<q", 7))})
    write("a.pth", torch_file.whole(torch_file.state_dict(counted)))
    assert must("inspect", "a.pth", "--hash", "-q") == must("inspect", "w.safetensors", "--hash", "-q")
    must("convert", "a.pth", "b.safetensors")
    assert read("b.safetensors") == dict(sorted(counted.items()))
    assert must("convert", "a.pth", "c.onnx") and "resnet20" in must("inspect", "c.onnx")


def test_checkpoints():
    state = torch_file.state_dict({"module." + name: array for name, array in weights().items()})
    write("a.pth", torch_file.whole({"state_dict": state, "epoch": 3, "best": 0.5, "name": "run",
                                     "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}}))
    done = call("inspect", "a.pth", "--hash")
    assert done.returncode == 0 and must("inspect", "w.safetensors", "--hash", "-q") in done.stdout, done.stderr
    assert '"module."' in done.stderr


class Harm:
    def __reduce__(self):
        return os.system, ("touch harm",)


# Objects that scripts of torchvision, PyTorch Lightning and others save beside the weights: all are ignored, none is
# run.
def test_what_lies_beside():
    state = torch_file.state_dict(weights())
    few = torch_file.state_dict({"a": ones(3)}, "few")
    beside = {"args": argparse.Namespace(lr=0.1, data="/x"), "best": torch_file.state_dict({"a": ones(1)}, "best")["a"], "seen": {1, 2}, "raw": b"abc",
              "counts": collections.defaultdict(list, a=[1]), "path": pathlib.PurePosixPath("/x/y"), "harm": Harm(),
              "when": datetime.date(2020, 1, 2), "none": None, "scheduler": few}
    want = must("inspect", "w.safetensors", "--hash", "-q")
    for name in ("state_dict", "model_state_dict", "model", "params_ema", "params", "net"):
        for protocol in (2, 4):
            write("a.pth", torch_file.whole(dict(beside, **{name: state}), protocol=protocol))
            done = call("inspect", "a.pth", "--hash", "-q")
            assert done.returncode == 0 and done.stdout.strip() == want, (name, protocol, done.stderr)
    assert not os.path.exists("harm")
    # averaged weights take precedence over the last ones; two candidates that cannot be told apart are refused
    write("a.pth", torch_file.whole({"params": few, "params_ema": state}))
    assert must("inspect", "a.pth", "--hash", "-q") == want
    other = torch_file.state_dict({"a": ones(3)}, "other")
    expect(torch_file.whole({"teacher": few, "student": other}), "or several")


def test_other_heads():
    arrays = weights()
    arrays["linear.weight"], arrays["linear.bias"] = ones(7, 64), ones(7)
    write("a.pth", torch_file.whole(torch_file.state_dict({"net." + name: array for name, array in arrays.items()})))
    assert "7 classes" in must("inspect", "a.pth")


def test_differences_are_named():
    arrays = weights()
    del arrays["linear.bias"]
    arrays["extra"] = ones(3)
    arrays["conv1.weight"] = ones(16, 3, 5, 5)
    done = call("convert", write("a.pth", torch_file.whole(torch_file.state_dict(arrays))), "a.onnx")
    for word in ("the nearest network is resnet20", '1 parameter of the model is missing: "linear.bias"',
                 '1 tensor is not in the model: "extra"', "file [16, 3, 5, 5], model [16, 3, 3, 3]"):
        assert done.returncode == INPUT and word in done.stderr, done.stderr


def pixels(file):
    return json.loads(must("inspect", file, "--json"))["preprocessing"]


# Weights under torchvision's names were published with a way to feed them, which is stored and said; with other classes
# they are somebody's own, and safetensors of a model say how that one was fed.
def test_published_preprocessing():
    must("new", "squeezenet1_1", "-o", "own.safetensors")
    state = torch_file.whole(torch_file.state_dict(read("own.safetensors")))
    said = must("convert", write("published.pth", state), "published.onnx")
    assert "shorter side to 256, then the middle 224 x 224" in said and "(x - 0.485) / 0.229" in said, said
    assert pixels("published.onnx")["resize"] == pixels("published.pth")["resize"] == 256
    must("convert", "published.pth", "named.onnx", "--model", "squeezenet1_1")
    assert pixels("named.onnx")["resize"] == 256
    must("convert", "published.pth", "asked.onnx", "--fit", "pad")
    assert pixels("asked.onnx")["resize"] is None and pixels("asked.onnx")["fit"] == "pad"
    said = must("convert", "own.safetensors", "own.onnx")
    assert "squeezed to 224 x 224" in said and pixels("own.onnx")["resize"] is None
    must("new", "squeezenet1_1", "--classes", "5", "-o", "five.safetensors")
    five = torch_file.whole(torch_file.state_dict(read("five.safetensors")))
    assert pixels(write("five.pth", five))["resize"] is None
    must("convert", "own.onnx", "fed.onnx", "--preset", "caffe", "--resize", "300")
    must("convert", "fed.onnx", "fed.safetensors")
    assert pixels("fed.safetensors") == pixels("fed.onnx") and pixels("fed.onnx")["resize"] == 300


# Names of another program's ONNX file are near no network by name: where they belong is said, and no list.
def test_foreign_names():
    names = {f"net{i}_conv_weight_{'x' * 40}": ones(3, i + 1) for i in range(30)}
    done = call("convert", write("a.pth", torch_file.whole(torch_file.state_dict(names))), "a.onnx")
    assert done.returncode == INPUT and "--model FILE.onnx" in done.stderr and "nearest" not in done.stderr, done.stderr
    # a long list of differences names each tensor once
    must("new", "resnet20", "-o", "r.safetensors")
    write("a.pth", torch_file.whole(torch_file.state_dict(dict(read("r.safetensors"), **names))))
    done = call("convert", "a.pth", "a.onnx")
    assert done.returncode == INPUT and all(done.stderr.count(name) == 1 for name in names), done.stderr


# Weights of no network by name, and a run's checkpoint, are listed.
def test_lists():
    write("a.pth", torch_file.whole(torch_file.state_dict({"one.weight": ones(3, 2), "two": ones(5)})))
    done = call("inspect", "a.pth")
    assert done.returncode == 0 and "one.weight" in done.stdout and "[3, 2]" in done.stdout and "11" in done.stdout
    assert "no network by name" in done.stderr, done.stderr
    about = json.loads(must("inspect", "a.pth", "--json"))
    assert about["elements"] == 11 and about["tensors"][1] == {"name": "two", "type": "F32", "shape": [5], "elements": 5,
                                                               "bytes": 20}, about
    assert call("inspect", "a.pth", "--hash").returncode == INPUT
    must("train", "--data", "digits:40", "--model", "mlp", "--epochs", "1", "--out", "run", "-q")
    listed = must("inspect", "run/checkpoint.safetensors")
    assert "model.hidden.weight" in listed and "option.batch: 64" in listed, listed


def test_nothing_is_run():
    small = torch_file.state_dict({"a": ones(3)})
    expect(torch_file.whole(dict(small, b=Harm())), 'system" for "b", which tensors do not need: nothing was run')
    expect(torch_file.archive(b"cos\nsystem\n(X\n\x00\x00\x00touch harmtR.", {}), '"os system"')
    write("script.pt", torch_file.archive(b"\x80\x02c__torch__\nModule\n.", {}))
    with zipfile.ZipFile("script.pt", "a") as file:
        file.writestr("archive/constants.pkl", b"\x80\x02).")
    done = call("convert", "script.pt", "script.onnx")
    assert done.returncode == UNSUPPORTED and "TorchScript" in done.stderr and "export it to ONNX" in done.stderr
    expect(torch_file.archive(b"\x80\x02c__builtin__\neval\n.", {}), "__builtin__ eval")
    expect(torch_file.archive(b"\x80\x04\x8c\x02os\x8c\x06system\x93.", {}), '"os system"')
    expect(torch_file.archive(b"\x80\x02}i.", {}), "instruction 0x69")
    expect(torch_file.archive(b"\x80\x02cos\nsystem\nQ.", {}), "a storage is not described")
    expect(torch_file.archive(b"\x80\x02cos\nsystem\n)\x81}b.", {}), '"os system"')
    assert not os.path.exists("harm")


def test_lies():
    data = struct.pack("<6f", 0, 1, 2, 3, 4, 5)
    for tensor, word in ((Tensor(data, (2, 3), "0", offset=1), "beyond its storage"),
                         (Tensor(data, (2, 4), "0"), "beyond its storage"),
                         (Tensor(data, (2 ** 40, 2 ** 40), "0"), "overflow"),
                         (Tensor(data, (2, 3), "0", offset=2 ** 62), "beyond its storage"),
                         (Tensor(data, (2, 3), "0", elements=7), "beyond its storage"),
                         (Tensor(data, (2, 3), "0", stride=(1, 2)), "another order"),
                         (Tensor(data, (-1, 3), "0", stride=(3, 1)), "as PyTorch does"),
                         (Tensor(data, (2, 3), "0", stride=(3,)), "as PyTorch does")):
        expect(torch_file.whole({"a": tensor}), word)
    good = {"a": Tensor(data, (2, 3), "0")}
    expect(torch_file.archive(torch_file.pickled(good), {}), "its storage is not in the archive")
    expect(torch_file.whole(good, order=b"big"), "big-endian")
    expect(torch_file.whole(good, compression=zipfile.ZIP_DEFLATED), "compressed")
    expect(torch_file.archive(b"", {}), "cut off")
    expect(torch_file.archive(torch_file.pickled([1, 2]), {}), "no dict of tensors")
    expect(torch_file.archive(torch_file.pickled({"a": {"b": good["a"]}, "c": {"d": good["a"]}}),
                              {"0": data}), "or several")
    twice = b"\x80\x02}(" + 2 * torch_file.pickled(good)[3:-2].split(b"q\x00", 1)[1] + b"u."
    expect(torch_file.archive(twice, {"0": data}), "")
    with zipfile.ZipFile("other.zip", "w") as file:
        file.writestr("readme.txt", "no tensors")
    with open("other.zip", "rb") as file:
        expect(file.read(), "without data.pkl")


def test_damage():
    """Cut off anywhere, a file is refused; with any byte changed it is read or refused. Nothing else happens."""
    content = torch_file.whole(torch_file.state_dict({"a": ones(2, 2), "b": ("I64", (3,), bytes(24))}))
    draw = random.Random(4)
    cuts = [content[:length] for length in range(4, len(content), 151)]
    flips = []
    for _ in range(30):
        changed = bytearray(content)
        for _ in range(draw.randrange(1, 4)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        flips.append(bytes(changed))
    for case in cuts + flips:
        if os.path.exists("out.safetensors"):
            os.remove("out.safetensors")
        done = call("convert", write("bad.pth", case), "out.safetensors")
        assert done.returncode == INPUT or (done.returncode == 0 and case in flips), (len(case), done.returncode, done.stderr)
        assert done.returncode == 0 or done.stderr.count("\n") == 1, done.stderr
        assert os.path.exists("out.safetensors") == (done.returncode == 0), len(case)


def main():
    failed = 0
    folder = tempfile.TemporaryDirectory(prefix="fovea-torch-")
    os.chdir(folder.name)
    for name, case in sorted(globals().items()):
        if name.startswith("test_"):
            try:
                case()
                print(f"ok      {name[5:]}")
            except AssertionError as error:
                failed += 1
                print(f"FAILED  {name[5:]}: {error}")
    os.chdir("/")
    folder.cleanup()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
