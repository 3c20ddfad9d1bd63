#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A tensor that becomes empty inside a graph, through the built command: a slice to no channels goes through layers of many kinds
and is summed up to zeros, or is all that the graph gives. FOVEA_BINARY is the command. Prints a last line "N passed, N failed"."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "io"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402
from files import png, write  # noqa: E402
from onnx_writer import F32, integers, model, node, port, tensor  # noqa: E402

OK, INPUT, SIDE = 0, 3, 8
PIXELS = [(i * 37 + i // 24 * 11) & 255 for i in range(SIDE * SIDE * 3)]
NUMBERS = [integers("a", 0), integers("b", 0), integers("c", 1), integers("ax", 1, 2, 3), integers("k", 1),
           tensor("w", F32, [2, 0, 3, 3], []), tensor("s", F32, [0], []), tensor("d", F32, [4], [0, 0, 0.5, 0.5])]
LAYERS = {  # layers that read the empty tensor
    "max_pool": node("MaxPool", ["e"], ["f"], kernel_shape=[2, 2], strides=[2, 2]),
    "avg_pool": node("AveragePool", ["e"], ["f"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "lp_pool": node("LpPool", ["e"], ["f"], kernel_shape=[2, 2]),
    "global_avg_pool": node("GlobalAveragePool", ["e"], ["f"]),
    "global_max_pool": node("GlobalMaxPool", ["e"], ["f"]),
    "conv": node("Conv", ["e", "w"], ["f"], kernel_shape=[3, 3]),
    "batch_norm": node("BatchNormalization", ["e", "s", "s", "s", "s"], ["f"]),
    "instance_norm": node("InstanceNormalization", ["e", "s", "s"], ["f"]),
    "lrn": node("LRN", ["e"], ["f"], size=3),
    "softmax": node("Softmax", ["e"], ["f"], axis=1),
    "relu": node("Relu", ["e"], ["f"]),
    "depth_to_space": node("DepthToSpace", ["e"], ["f"], blocksize=2),
    "transpose": node("Transpose", ["e"], ["f"], perm=[0, 1, 3, 2]),
    "concat": node("Concat", ["e", "e"], ["f"], axis=1),
}


REFUSED = {"conv", "batch_norm", "instance_norm"}  # as the file is read: these need a channel


def run(*words, code=OK):
    done = call(*words, code=code, timeout=300)
    assert code == OK or len(done.stderr.strip().splitlines()) >= 1, (words, "no sentence")
    return done


def test_predictions():
    """What is left is the picture itself, plus a sum over nothing."""
    write("p.png", png(SIDE, SIDE, 3, PIXELS))
    wanted = [PIXELS[i * 3 + c] / 255 for c in range(3) for i in range(SIDE * SIDE)]
    for name, layer in LAYERS.items():
        nodes = [node("Slice", ["x", "a", "b", "c"], ["e"], name="slice"), layer,
                 node("ReduceSum", ["f", "ax"], ["r"], name="sum", keepdims=1), node("Add", ["x", "r"], ["q"], name="add"),
                 node("Flatten", ["q"], ["y"], name="flat")]
        write("m.onnx", model(nodes, NUMBERS, [port("x", ["N", 3, SIDE, SIDE])], opset=13))
        words = ("predict", "m.onnx", "p.png", "--preset", "unit", "--scores", "values", "--top", "192", "--json")
        if name in REFUSED:
            assert '"f"' in run(*words, code=INPUT).stderr, name
            continue
        got = json.loads(run(*words).stdout)["scores"]
        assert len(got) == len(wanted) and max(abs(a - b) for a, b in zip(got, wanted)) < 1e-6, (name, got[:4], wanted[:4])


def test_nothing_left():
    """The output itself is empty: it is timed, listed and rewritten; what would need a number of it is refused."""
    write("p.png", png(SIDE, SIDE, 3, PIXELS))
    for name, layer in LAYERS.items():
        nodes = [node("Slice", ["x", "a", "b", "c"], ["e"], name="slice"), layer]
        write("m.onnx", model(nodes, NUMBERS, [port("x", ["N", 3, SIDE, SIDE])], outputs=("f",), opset=13))
        code = INPUT if name in REFUSED else OK
        if name == "max_pool":  # measuring takes half a second
            run("bench", "m.onnx", "--time", "0.001", "--json", "--quiet")
        run("inspect", "m.onnx", "--plan", code=code)
        run("convert", "m.onnx", f"{name}.onnx", code=code)
        assert os.path.exists(f"{name}.onnx") == (code == OK)
        for words in (("predict", "m.onnx", "p.png"), ("inspect", "m.onnx", "--plan", "--training")):
            said = run(*words, code=INPUT).stderr
            assert name in REFUSED or words[0] == "inspect" or '"f" [N, 0, ' in said, (name, said)


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
