#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an output means, through the command: networks that end in every way (../fixtures/output_models.py) are inspected, predict,
are evaluated, trained by one step and rewritten. Right values are PyTorch's, in double (../fixtures/make_outputs.py). FOVEA_BINARY
is the command. Prints a last line "N passed, N failed".

Run some cases:  FOVEA_BINARY=build/release/fovea python3 tests/model/test_outputs.py sigmoid
"""
import csv
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "fixtures"), os.path.join(HERE, "..")]
import output_models  # noqa: E402
from calls import FOVEA, call  # noqa: E402
from output_models import PICTURES, picture_file  # noqa: E402

FAULTS = os.path.join(os.environ.get("FOVEA_SHARED", os.path.join(HERE, "..", "..", "..", "shared")), "faults")
INPUT = 3
WITHIN = 2e-6  # relative tolerance of predictions, losses and parameters: a few roundings of float32

with open(os.path.join(HERE, "..", "fixtures", "outputs.json"), encoding="utf-8") as file:
    RIGHT = json.load(file)


class Skip(Exception):
    pass


class Wrong(Exception):
    pass


def fovea(*words, code=0):
    done = call(*words)
    if done.returncode != code:
        raise Wrong("fovea %s: exit code %d, not %d: %s" % (" ".join(words), done.returncode, code, done.stderr[-400:]))
    return done.stdout if code == 0 else done.stderr


def about(path, *words):
    return json.loads(fovea("inspect", path, "--json", *words))


def same(what, got, wanted, within=WITHIN):
    if len(got) != len(wanted) or any(abs(a - b) > within * max(1, abs(b)) for a, b in zip(got, wanted)):
        raise Wrong("%s: %s, not %s" % (what, got[:8], wanted[:8]))


def per_pixel(what, answer, classes):
    """A map is answered by a class for each pixel, never by a list of as many classes as it has numbers."""
    equal(what + ": keys", ("top" in answer, "scores" in answer, answer["task"]), (False, False, "segment"))
    equal(what + ": classes", [item["class"] for item in answer["items"]], list(range(classes)))
    same(what + ": shares", [sum(item["share"] for item in answer["items"])], [1.0], 1e-6)


def equal(what, got, wanted):
    if got != wanted:
        raise Wrong("%s: %r, not %r" % (what, got, wanted))


def softmax(z):
    total = sum(math.exp(x) for x in z)
    return [math.exp(x) / total for x in z]


def sigmoid(z):
    return [1 / (1 + math.exp(-x)) for x in z]


# Name: meaning of the output; its entry in outputs.json; function from logits z to the predicted numbers; options that
# state the meaning or the output.
CASES = {
    "softmax_cast": ("softmax", "softmax", softmax, ()),
    "softmax_reshape": ("softmax", "softmax", softmax, ()),
    "softmax_spelled": ("softmax", "softmax", softmax, ()),
    "softmax_clipped": ("softmax", "softmax", softmax, ()),
    "log_softmax": ("logits", "softmax", softmax, ()),
    "logits": ("logits", "softmax", softmax, ()),
    "sigmoid_reshape": ("sigmoid", "sigmoid", sigmoid, ()),
    "sigmoid_spelled": ("sigmoid", "sigmoid", sigmoid, ()),
    "one_sigmoid": ("sigmoid", "one", sigmoid, ()),
    "one_logit": ("values", "one", list, ()),
    "one_logit said to be one": ("values", "one", sigmoid, ("--scores", "logits")),
    "one_logit_named": ("logits", "one", sigmoid, ()),
    "two_of_one": ("sigmoid", "two_of_one", lambda z: [1 - sigmoid(z)[0], sigmoid(z)[0]], ()),
    "tanh": ("values", "softmax", lambda z: [math.tanh(x) for x in z], ()),
    "largest": ("values", "softmax", lambda z: [z.index(max(z))], ()),
    "unread_input": ("softmax", "softmax", softmax, ()),
    "three_outputs": ("softmax", "softmax", softmax, ()),
    "three_outputs, the second": ("sigmoid", "sigmoid", sigmoid, ("--output", "s")),
    "constants": ("softmax", "softmax", softmax, ()),
    "halves": ("softmax", "softmax", softmax, ()),
}
# Outputs of which only the meaning is checked.
MEANINGS = {"temperature": "logits", "log_of_softmax": "logits", "log_of_sigmoid": "values", "two_largest": "values",
            "over_samples": "values", "always_one": "values", "per_cent": "values", "mean_of_two": "sigmoid",
            "map_of_pixels": "map", "map_of_classes": "map", "map_channels_last": "map", "map_in_a_row": "values", "unit_length": "values"}
UNTRAINED = ("one_logit", "tanh", "largest")  # their values are no scores of classes


def predicted(path, pictures, options):
    """A list of numbers for each picture, in order of class."""
    rows = []
    for line in fovea("predict", path, *pictures, "--json", *options).splitlines():
        answer = json.loads(line)
        by_class = sorted(answer.get("top", []), key=lambda one: one["class"])
        row = answer["scores"] if "scores" in answer else [one["probability"] for one in by_class]
        if "scores" in answer and len(row) > 1 and by_class:  # the two say the same
            same("top", [one["probability"] for one in by_class], row, 0)
        rows.append(row)
    return rows


def parameters(path):
    """Name -> numbers of a safetensors file of floats."""
    with open(path, "rb") as stream:
        data = stream.read()
    size, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + size])
    head.pop("__metadata__", None)
    result = {}
    for name, entry in head.items():
        begin, end = entry["data_offsets"]
        result[name] = list(struct.unpack("<%df" % ((end - begin) // 4), data[8 + size + begin:8 + size + end]))
    return result


def make_data(folder, classes):
    path = os.path.join(folder, "data%d" % classes)
    for split in ("train", "test"):
        for i in range(PICTURES):
            place = os.path.join(path, split, "abc"[i * classes // PICTURES])
            os.makedirs(place, exist_ok=True)
            with open(os.path.join(place, "%d.png" % i), "wb") as stream:
                stream.write(picture_file(i))
    return path


def check_training(folder, path, right, classes, options):
    """One step over all pictures, then what it is worth."""
    run, weights = os.path.join(folder, "run"), os.path.join(folder, "after.safetensors")
    data = make_data(folder, classes)
    fovea("train", "--model", path, "--data", data, "--epochs", "1", "--batch", "full", "--lr", "0.5", "--momentum", "0", "--out",
          run, "--quiet", *options)
    with open(os.path.join(run, "history.csv"), encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    same("the loss", [float(row["train/loss"])], [right["loss"]])
    fovea("convert", os.path.join(run, "last.onnx"), weights)
    after = parameters(weights)
    for name, wanted in right["after"].items():
        same("parameter %s after a step" % name, after.get(name, after.get("h" + name, [])), wanted)
    # The saved model states its output and meaning: --output and --scores are not needed again.
    report = json.loads(fovea("eval", os.path.join(run, "last.onnx"), "--data", data, "--json"))
    same("the loss after a step", [report["loss"]], [right["loss_after"]])
    equal("outputs after training", [o["name"] for o in about(os.path.join(run, "last.onnx"))["outputs"]],
          [o["name"] for o in about(path)["outputs"]])


def check_case(folder, name):
    meaning, which, transform, options = CASES[name]
    file = name.split()[0].rstrip(",")
    path, again = os.path.join(folder, file + ".onnx"), os.path.join(folder, "again.onnx")
    with open(path, "wb") as stream:
        stream.write(output_models.files()[file])
    pictures = []
    for i in range(PICTURES):
        pictures.append(os.path.join(folder, "%d.png" % i))
        with open(pictures[-1], "wb") as stream:
            stream.write(picture_file(i))
    chosen = options[1] if "--output" in options else "y"
    before = about(path)
    equal("meaning", [o["meaning"] for o in before["outputs"] if o["name"] == chosen], [meaning])
    right = RIGHT[which]
    wanted = [x for z in right["z"] for x in transform(z)]
    same("predicted", [x for row in predicted(path, pictures, options) for x in row], wanted)
    fovea("convert", path, again)
    after = about(again)
    for key in ("inputs", "outputs", "parameters", "class_names"):
        equal("%s after a rewrite" % key, after[key], before[key])
    same("predicted after a rewrite", [x for row in predicted(again, pictures, options) for x in row], wanted)
    equal("parameters", before["parameters"], sum(len(p) for p in right["after"].values()))
    if name not in UNTRAINED:
        check_training(folder, path, right, 2 if which in ("one", "two_of_one") else 3, options)


# ---- several inputs and outputs, and what is refused -----------------------------------------------------------------------------

def write(folder, name):
    path = os.path.join(folder, name + ".onnx")
    with open(path, "wb") as stream:
        stream.write(output_models.files()[name])
    return path


def says(text, *words):
    for word in words:
        if word not in text:
            raise Wrong("%r does not say %r" % (text, word))


def write_array(path, kind, code, values):
    """NumPy's format 1.0: magic, version, length of the header, header, elements."""
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (1, %d), }" % (kind, len(values))
    header += " " * (53 - len(header) % 64) + "\n"
    with open(path, "wb") as stream:
        stream.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        stream.write(struct.pack(kind[0] + "%d" % len(values) + code, *values))


def check_meanings(folder):
    for name, meaning in MEANINGS.items():
        equal(name, about(write(folder, name))["outputs"][0]["meaning"], meaning)
    for name, layout in (("map_of_pixels", "NCHW"), ("map_channels_last", "NHWC"), ("map_of_classes", "NHW"),
                         ("input_again", "NCHW")):
        equal("layout of " + name, about(write(folder, name))["outputs"][0]["layout"], layout)
    equal("the input's layout", about(write(folder, "input_again"))["inputs"][0]["layout"], "NCHW")


def check_two_inputs(folder):
    path, again, picture = write(folder, "two_inputs"), os.path.join(folder, "again.onnx"), os.path.join(folder, "p.png")
    with open(picture, "wb") as stream:
        stream.write(picture_file(0))
    equal("inputs", [(i["name"], i["shape"]) for i in about(path)["inputs"]], [("x", ["N", 3, 4, 4]), ("k", ["N", 3])])
    fovea("convert", path, again)
    equal("inputs after a rewrite", about(again)["inputs"], about(path)["inputs"])
    says(fovea("predict", path, picture, code=INPUT), '"k" [N, 3]', "prediction")
    z, scale = RIGHT["softmax"]["z"][0], [0.5, -1.0, 2.0]
    wanted = softmax([a * b for a, b in zip(z, scale)])
    for kind, code in (("<f4", "f"), (">f8", "d"), ("<i2", "h")):
        values = scale if kind != "<i2" else [2, -1, 3]
        write_array(os.path.join(folder, "k.npy"), kind, code, values)
        got = predicted(path, [picture], ("--input", "k=" + os.path.join(folder, "k.npy")))[0]
        same("with k as " + kind, got, wanted if kind != "<i2" else softmax([a * b for a, b in zip(z, values)]))
    write_array(os.path.join(folder, "k.npy"), "<f4", "f", [1, 2])
    says(fovea("predict", path, picture, "--input", "k=" + os.path.join(folder, "k.npy"), code=INPUT), "k.npy", "[N, 3]",
         "12 bytes")
    says(fovea("predict", path, picture, "--input", "x=k.npy", code=2), "pictures go into")
    says(fovea("predict", path, picture, "--input", "q=k.npy", code=2), '"q"')
    says(fovea("predict", path, picture, "--input", "k", code=2), "NAME=FILE.npy")
    same("with k as numbers", predicted(path, [picture], ("--input", "k=0.5+-1+2"))[0], wanted)
    data = make_data(folder, 3)
    run = os.path.join(folder, "run")
    says(fovea("train", "--model", path, "--data", data, "--out", run, code=INPUT), '"k" [N, 3]', "have nothing for it")
    says(fovea("eval", path, "--data", data, code=INPUT), '"k" [N, 3]', "--input k=FILE.npy")
    says(fovea("eval", path, "--data", data, "--input", "k=a+b+c", code=2), "has no columns")
    # every sample with the same k: what softmax_spelled would be with its logits scaled
    scaled = [[a * b for a, b in zip(z, scale)] for z in RIGHT["softmax"]["z"]]
    loss = sum(-math.log(softmax(z)[i * 3 // PICTURES]) for i, z in enumerate(scaled)) / PICTURES
    write_array(os.path.join(folder, "k.npy"), "<f4", "f", scale)
    for text in ("0.5+-1+2", os.path.join(folder, "k.npy")):
        report = json.loads(fovea("eval", path, "--data", data, "--json", "--input", "k=" + text))
        same("the loss with k=" + text, [report["loss"]], [loss])


def check_columns(folder):
    """Columns of a table go into an input, sample by sample: in training, validation, a resumed run, eval and predict."""
    path, run, table = write(folder, "two_inputs"), os.path.join(folder, "run"), os.path.join(folder, "table.csv")
    k = [[0.5 + i, -1.0 / (i + 1), 0.25 * i] for i in range(PICTURES)]
    with open(table, "w", encoding="utf-8") as stream:
        stream.write("path,p,label,q,r,split\n")
        for split in ("train", "val"):
            for i in range(PICTURES):
                with open(os.path.join(folder, "%s%d.png" % (split, i)), "wb") as picture:
                    picture.write(picture_file(i))
                stream.write("%s%d.png,%r,%s,%r,%r,%s\n" % (split, i, k[i][0], "abc"[i * 3 // PICTURES], k[i][1], k[i][2], split))
    answers = [softmax([a * b for a, b in zip(z, k[i])]) for i, z in enumerate(RIGHT["softmax"]["z"])]
    loss = sum(-math.log(row[i * 3 // PICTURES]) for i, row in enumerate(answers)) / PICTURES
    given = ("--input", "k=p+q+R")  # "R" is found as "r"
    report = json.loads(fovea("eval", path, "--data", table, "--json", *given))
    same("the loss", [report["loss"]], [loss])
    index = ",".join(str(i) for i in range(PICTURES))
    got = predicted(path, [], ("--data", table, "--index", index) + given)
    same("predicted", [x for row in got for x in row], [x for row in answers for x in row])
    before = os.getcwd()
    os.chdir(folder)  # the table by a relative path: the resumed run knows it by its absolute one
    try:
        fovea("train", "--model", path, "--data", "table.csv", "--epochs", "1", "--batch", "full", "--lr", "0.5", "--momentum", "0",
              "--out", run, "--quiet", *given)
        with open(os.path.join(run, "history.csv"), encoding="utf-8") as stream:
            same("the loss of training", [float(next(csv.DictReader(stream))["train/loss"])], [loss])
        fovea("train", "--resume", run, "--epochs", "2", "--quiet")
    finally:
        os.chdir(before)
    with open(os.path.join(run, "history.csv"), encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    report = json.loads(fovea("eval", os.path.join(run, "last.onnx"), "--data", table, "--json"))  # the run's columns
    same("the loss of the trained model", [report["loss"]], [float(rows[-1]["val/loss"])])
    same("predicted by it", [sum(row) for row in predicted(os.path.join(run, "last.onnx"), [], ("--data", table))], [1.0] * 5)
    says(fovea("eval", path, "--data", table, "--input", "k=p+q+s", code=2), "no column", '"path", "p", "label", "q", "r"')
    says(fovea("eval", path, "--data", table, "--input", "k=p+q", code=INPUT), "takes 3 numbers", "not 2")
    says(fovea("eval", path, "--data", table, "--input", "k=p+q+path", code=2), "holds the pictures' paths")
    says(fovea("eval", path, "--data", table, "--input", "k=p+q+label", code=INPUT), "is no number")
    says(fovea("eval", path, "--data", table, "--input", "k=p+q+p", code=2), "goes into an input already")


def check_three_outputs(folder):
    path, again, picture = write(folder, "three_outputs"), os.path.join(folder, "again.onnx"), os.path.join(folder, "p.png")
    with open(picture, "wb") as stream:
        stream.write(picture_file(0))
    fovea("convert", path, again)
    for file in (path, again):
        equal("outputs", [(o["name"], o["meaning"]) for o in about(file)["outputs"]],
              [("y", "softmax"), ("s", "sigmoid"), ("map", "map")])
    with open(again, "rb") as stream:
        data = stream.read()
    for note in (b"other.note", b"kept", b"stride", b"made by hand"):
        if note not in data:
            raise Wrong("a rewrite loses %r" % note)
    per_pixel("three outputs", json.loads(fovea("predict", path, picture, "--output", "map", "--json")), 2)
    says(fovea("predict", path, picture, "--output", "maps", code=2), '"maps"', '"y", "s", "map"')
    folder_of_data = make_data(folder, 3)
    run = os.path.join(folder, "run")
    says(fovea("train", "--model", path, "--data", folder_of_data, "--output", "map", "--out", run, code=INPUT),
         '"map" [N, 2, 4, 4]', "a map")
    common = ("--data", folder_of_data, "--quiet")
    fovea("train", "--model", path, "--output", "s", "--epochs", "1", "--out", run, *common)
    fovea("train", "--resume", run, "--epochs", "2", "--quiet")
    equal("the chosen output", about(os.path.join(run, "last.onnx"))["output"], "s")


def check_names(folder):
    """Names that are another program's and fit no output: kept through two rewrites, and not used."""
    path, once, twice = (os.path.join(folder, name) for name in ("names.onnx", "once.onnx", "twice.onnx"))
    for names in ("{0: 'a', 1: 'b', 2: 'c', 3: 'd'}", "see the paper"):
        with open(path, "wb") as stream:
            stream.write(output_models.network([output_models.node("Identity", ["z"], ["y"])], names=names))
        fovea("convert", path, once)
        fovea("convert", once, twice)
        with open(once, "rb") as first, open(twice, "rb") as second:
            data = first.read()
            equal("a second rewrite", second.read(), data)
        if names.encode() not in data:
            raise Wrong("%r is lost" % names)
        equal("class names", about(twice)["class_names"], ["0", "1", "2"])


def check_scores(folder):
    """--scores overrides, and is refused where it cannot be true."""
    picture, path = os.path.join(folder, "p.png"), write(folder, "logits")
    with open(picture, "wb") as stream:
        stream.write(picture_file(0))
    z = RIGHT["softmax"]["z"][0]
    same("as values", predicted(path, [picture], ("--scores", "values"))[0], z)
    says(fovea("predict", path, picture, "--scores", "softmax", code=INPUT), '"y"', "probabilities")
    says(fovea("predict", path, picture, "--scores", "map", code=INPUT), '"y" [N, 3]', "no map")
    twice = softmax(softmax(z))  # --scores logits applies another softmax to a softmax
    path = write(folder, "softmax_reshape")
    same("as logits", predicted(path, [picture], ("--scores", "logits"))[0], twice)


def check_nothing_to_write(folder):
    path, out = os.path.join(folder, "relu.onnx"), os.path.join(folder, "none.safetensors")
    with open(path, "wb") as stream:
        stream.write(output_models.model([output_models.node("Relu", ["x"], ["y"])], inputs=[output_models.port("x", ["N", 4])]))
    says(fovea("convert", path, out, code=INPUT), "no parameters")
    if os.path.exists(out):
        raise Wrong("an empty file was written")


# ---- faults 04, 05, 20 -----------------------------------------------------------------------------------------------------------

def check_faults(folder):
    if not os.path.isdir(FAULTS):
        raise Skip("faults 04, 05, 20 (no ../shared/faults)")
    dropped, scores, pixels = (os.path.join(FAULTS, name) for name in
                               ("04-convert-drops-outputs", "05-sigmoid-outputs", "20-segmentation-as-classes"))
    again = os.path.join(folder, "again.onnx")
    fovea("convert", os.path.join(dropped, "two_outputs.onnx"), again)
    equal("fault 04: outputs", [o["name"] for o in about(again)["outputs"]], ["f", "logits"])
    equal("fault 04: parameters", about(again)["parameters"], 127)
    pictures = [os.path.join(scores, name) for name in ("p.png", "black.png")]
    rows = predicted(os.path.join(scores, "sigmoid1.onnx"), pictures, ())
    same("fault 05: sigmoid1", [row[0] for row in rows], [0.9997, 0.525], 5e-5)
    rows = predicted(os.path.join(scores, "sigmoid3.onnx"), pictures[:1], ())
    same("fault 05: sigmoid3", rows[0], [0.9997, 0.3689, 0.9959], 5e-5)
    answer = json.loads(fovea("predict", os.path.join(scores, "logit1.onnx"), pictures[0], "--json"))
    equal("fault 05: logit1", (len(answer["scores"]), "top" in answer), (1, False))
    path = os.path.join(pixels, "seg.onnx")
    per_pixel("fault 20: seg", json.loads(fovea("predict", path, os.path.join(pixels, "p.png"), "--json")), 4)
    unet = os.path.join(folder, "unet.onnx")
    fovea("new", "unet", "-o", unet, "--classes", "2", "--input", "3x64x64")
    equal("fault 20: unet", about(unet)["outputs"][0]["meaning"], "map")
    if "8192" in fovea("inspect", unet).splitlines()[0]:
        raise Wrong("fault 20: pixels are counted as classes")


def main():
    if not os.path.exists(FOVEA):
        print("no command at %s" % FOVEA)
        return 77
    checks = {name: lambda folder, name=name: check_case(folder, name) for name in CASES}
    checks.update({"meanings": check_meanings, "two inputs": check_two_inputs, "columns": check_columns, "three outputs": check_three_outputs,
                   "--scores": check_scores,
                   "names": check_names,
                   "nothing to write": check_nothing_to_write, "faults": check_faults})
    passed = failed = 0
    for name, check in checks.items():
        if len(sys.argv) > 1 and sys.argv[1] not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(folder)
                passed += 1
            except Skip as reason:
                print("skipped %s: %s" % (name, reason))
            except (Wrong, subprocess.TimeoutExpired) as wrong:
                print("%s: %s" % (name, wrong))
                failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
