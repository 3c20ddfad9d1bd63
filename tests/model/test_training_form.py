#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Batch normalisation in ONNX's training form (further outputs until opset 13, training_mode since): in inference it takes the
statistics of the batch, as the standard and ONNX Runtime 1.30 have it, and says so; --running-statistics takes the stored ones.
Right values are worked out here. FOVEA_BINARY is the command. Prints a last line "N passed, N failed"."""
import json
import math
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "io"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402
from files import png, write  # noqa: E402
from onnx_writer import F32, model, node, port, tensor  # noqa: E402

SIDE = 4
SCALE, BIAS, MEAN, VARIANCE = [1.0, 2.0, 0.5], [0.0, 0.1, -0.1], [0.5, 0.25, 0.0], [0.1, 0.2, 0.3]
VECTORS = [tensor(name, F32, [3], values) for name, values in
           zip("sbmv", (SCALE, BIAS, MEAN, VARIANCE))]
PIXELS = [(x * 19 + y * 7 + c * 50 + x * y * 3) & 255 for y in range(SIDE) for x in range(SIDE) for c in range(3)]
FORMS = {  # opset, outputs of the node, its attributes, whether it is in training form
    "opset 7": (7, 1, {}, False), "opset 7, five outputs": (7, 5, {}, True), "opset 9, five outputs": (9, 5, {}, True),
    "opset 13, five outputs": (13, 5, {}, True), "opset 6, a test": (6, 5, {"is_test": 1}, False),
    "opset 14": (14, 1, {}, False), "opset 14, training": (14, 3, {"training_mode": 1}, True),
    "opset 15, training": (15, 3, {"training_mode": 1}, True), "opset 15, training, one output": (15, 1, {"training_mode": 1}, True),
}


def run(*words, code=0):
    done = call(*words, code=code)
    return done.stdout, done.stderr


def network(opset, outputs, attributes):
    """Its output is its input, normalised, as one row."""
    norm = node("BatchNormalization", list("xsbmv"), ["n", "n1", "n2", "n3", "n4"][:outputs], name="norm", **attributes)
    return model([norm, node("Flatten", ["n"], ["y"], name="flat", axis=1)], VECTORS, [port("x", ["N", 3, SIDE, SIDE])],
                 opset=opset)


def normalised(of_batch):
    """The values of one picture, [channel, row, column]: a batch of one has its own statistics."""
    out = []
    for c in range(3):
        x = [PIXELS[i * 3 + c] / 255 for i in range(SIDE * SIDE)]
        mean = sum(x) / len(x) if of_batch else MEAN[c]
        variance = sum((v - mean) ** 2 for v in x) / len(x) if of_batch else VARIANCE[c]
        out += [(v - mean) / math.sqrt(variance + 1e-5) * SCALE[c] + BIAS[c] for v in x]
    return out


def check(path, of_batch, *words):
    """A prediction is right, and there is a remark exactly where it is of the batch."""
    out, errors = run("predict", path, "p.png", "--preset", "unit", "--scores", "values", "--top", "48", "--json", *words)
    got, wanted = json.loads(out)["scores"], normalised(of_batch)
    assert max(abs(a - b) for a, b in zip(got, wanted)) < 1e-5 and len(got) == 48, (path, words, got[:4], wanted[:4])
    assert ("in training form" in errors) == of_batch, (path, words, errors)


def test_inference():
    write("p.png", png(SIDE, SIDE, 3, PIXELS))
    for name, (opset, outputs, attributes, is_training) in FORMS.items():
        write("m.onnx", network(opset, outputs, attributes))
        check("m.onnx", is_training)
        check("m.onnx", False, "--running-statistics")
        about = json.loads(run("inspect", "m.onnx", "--json")[0])
        assert about["batch_statistics"] == is_training, (name, about)
        assert ("training form" in run("inspect", "m.onnx")[0]) == is_training, name
        run("convert", "m.onnx", "again.onnx")
        check("again.onnx", is_training)
        run("convert", "m.onnx", "running.onnx", "--running-statistics")
        check("running.onnx", False)


def test_training():
    for i in range(8):
        write("data/%s/%d.png" % ("ab"[i % 2], i), png(SIDE, SIDE, 3, [(p + i * 31) & 255 for p in PIXELS]))
    norm = node("BatchNormalization", list("xsbmv"), ["n", "n1", "n2", "n3", "n4"], name="norm")
    weight = tensor("w", F32, [2, 48], [((i * 7) % 11 - 5) / 10 for i in range(96)])
    layers = [norm, node("Flatten", ["n"], ["f"], name="flat", axis=1), node("Gemm", ["f", "w"], ["y"], name="dense", transB=1)]
    write("t.onnx", model(layers, VECTORS + [weight], [port("x", ["N", 3, SIDE, SIDE])], opset=13))
    for words, left in ((), 1), (("--running-statistics",), 0):
        folder = "run%d" % left
        errors = run("train", "--model", "t.onnx", "--data", "data", "--epochs", "1", "--batch", "2", "--preset", "unit", "--out",
                     folder, *words)[1]
        assert ("in training form" in errors) == bool(left), errors
        run("train", "--resume", folder, "--epochs", "2")
        for name in "best.onnx", "last.onnx":
            about = json.loads(run("inspect", os.path.join(folder, name), "--json")[0])
            assert about["batch_statistics"] == left, (folder, name, about["batch_statistics"])


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                try:
                    test()
                    passed += 1
                except AssertionError as wrong:
                    print("%s: %s" % (name, wrong))
                    failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
