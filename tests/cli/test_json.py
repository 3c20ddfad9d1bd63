#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What scripts rely on: keys of JSON, files that verbs leave behind, from one verb to the next.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_json.py WORD-OF-ITS-NAME
"""
import json
import os
import re
import subprocess
import sys

from command import (FOVEA, INPUT, MEMORY, OK, Result, SHARED, Skip, USAGE, digest, environment, expect_failure,
                     fovea, png, train, trained, main)


# ---- JSON that scripts rely on ------------------------------------------------------------------------------------------


def test_inspect_json():
    about = fovea("inspect", "lenet5", "--hash", "--plan", "--json").json()
    assert about["parameters"] == 61706
    assert about["multiply_adds"] == 416520
    assert [layer["name"] for layer in about["layers"] if layer["type"] == "conv"] == ["c1", "c3"]
    assert set(about["layers"][0]) == {"name", "type", "shape", "parameters", "buffers", "multiply_adds", "bytes",
                                       "receptive_field"}
    assert sum(layer["parameters"] for layer in about["layers"]) == 61706
    assert re.fullmatch("[0-9a-f]{64}", about["hash"])
    assert about["plan"]["steps"] and about["plan"]["memory"]["activations"] > 0
    assert fovea("inspect", "course-cnn", "--json").json()["parameters"] == 21840
    wide = fovea("inspect", "course-cnn", "--input", "3x32x32", "--json").json()
    assert wide["input"] == ["N", 3, 32, 32] and wide["parameters"] != 21840


def test_a_model_through_a_pipe():
    fovea("new", "lenet5", "-o", "piped.onnx")
    with open("piped.onnx", "rb") as file:
        content = file.read()
    for word in ("-", "/dev/stdin"):
        done = subprocess.run([FOVEA, "inspect", word, "--hash", "--json"], input=content, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, env=environment(), check=False)
        assert Result(done).json()["hash"] == digest("piped.onnx")


def test_inspect_training_plan():
    training = fovea("inspect", "course-cnn", "--training", "--batch", "8", "--json").json()["plan"]
    inference = fovea("inspect", "course-cnn", "--plan", "--batch", "8", "--json").json()["plan"]
    assert training["training"] and len(training["steps"]) > len(inference["steps"])
    assert training["memory"]["activations"] > inference["memory"]["activations"]


def test_a_budget_is_kept_by_recomputing():
    whole = fovea("inspect", "resnet18", "--training", "--batch", "4", "--input", "3x96x96", "--json").json()["plan"]
    memory = whole["memory"]
    assert memory["recomputed"] == 0 and memory["kept_whole"] == memory["activations"]
    assert not any(step["again"] for step in whole["steps"])
    weights = memory["parameters"] * 3 // 2  # with the optimizer's velocities, and once more to save the model
    budget = str(weights + memory["packed"] + memory["activations"] * 8 // 10 + (6 << 20))
    tight = ("inspect", "resnet18", "--training", "--batch", "4", "--input", "3x96x96", "--max-memory", budget)
    plan = fovea(*tight, "--json").json()["plan"]
    assert plan["memory"]["recomputed"] == sum(step["again"] for step in plan["steps"]) > 0
    assert plan["memory"]["activations"] < memory["activations"] == plan["memory"]["kept_whole"]
    text = fovea(*tight)
    assert text.code == OK and "recomputes " in text.out and "multiply-adds, activations" in text.out, text.out
    expect_failure(fovea(*tight[:-1], str(weights + (9 << 20))), MEMORY, "even if all is recomputed")


def test_training_in_less_memory_is_the_same_training():
    once = train("roomy", "--batch", "64", "--model", "resnet20", "--json", data="digits:130").json()
    assert once["memory"]["recomputed"] == 0 and once["memory"]["all"] > once["memory"]["activations"]
    budget = once["memory"]["all"] - once["memory"]["activations"] * 15 // 100
    twice = train("tight", "--batch", "64", "--model", "resnet20", "--max-memory", str(budget), "--json",
                  data="digits:130").json()
    assert twice["memory"]["recomputed"] > 0 and twice["memory"]["all"] <= budget
    assert twice["hash"] == once["hash"]
    shown = train("shown", "--batch", "64", "--model", "resnet20", "--max-memory", str(budget), data="digits:130").out
    assert re.search(r"\nmemory [^:]* MiB: activations [^:]* MiB, weights and state [^:]*\nrecomputes [^:]*: [^:]* ->\s",
                     shown), shown  # where a line breaks depends on how long the numbers are


def test_train_leaves_what_is_promised():
    run = trained()
    for name in ("best.onnx", "last.onnx", "checkpoint.safetensors", "history.csv", "config.json", "args.json"):
        assert os.path.getsize(f"{run}/{name}") > 0, name
    with open(f"{run}/history.csv", encoding="utf-8") as file:
        rows = [line.split(",") for line in file.read().strip().split("\n")]
    assert set(rows[0]) >= {"epoch", "time", "train/loss", "val/loss", "metrics/accuracy_top1"}
    assert [row[0] for row in rows[1:]] == ["1", "2"]
    accuracy = [float(row[rows[0].index("metrics/accuracy_top1")]) for row in rows[1:]]
    assert all(0 <= value <= 1 for value in accuracy)
    assert max(accuracy) > 0.3, f"it has learned nothing: {accuracy}"


def test_eval_json():
    about = fovea("eval", f"{trained()}/best.onnx", "--data", "digits:600", "--json").json()
    assert set(about) >= {"loss", "accuracy", "top5", "macro_f1", "per_class", "confusion", "count"}
    assert len(about["per_class"]) == 10 and len(about["confusion"]) == 10
    assert set(about["per_class"][0]) == {"class", "name", "precision", "recall", "f1", "support"}
    right = sum(about["confusion"][i][i] for i in range(10))
    assert sum(map(sum, about["confusion"])) == about["count"]
    assert abs(right / about["count"] - about["accuracy"]) < 1e-6
    assert sum(row["support"] for row in about["per_class"]) == about["count"]
    other = fovea("eval", f"{trained()}/best.onnx", "--data", "digits:600", "--json", "--batch", "7").json()
    assert other["confusion"] == about["confusion"]
    seen = fovea("eval", f"{trained()}/best.onnx", "--data", "digits:600", "--split", "train", "--json").json()
    assert seen["count"] == 600


def test_predict_json():
    png("a.png", 28, 28, 0)
    png("b c.png", 40, 30, 255)
    result = fovea("predict", f"{trained()}/best.onnx", "a.png", "b c.png", "--top", "3", "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["file"] for line in lines] == ["a.png", "b c.png"]
    for line in lines:
        assert len(line["top"]) == 3
        assert set(line["top"][0]) == {"class", "name", "probability"}
        values = [one["probability"] for one in line["top"]]
        assert values == sorted(values, reverse=True) and 0 < sum(values) <= 1.00001
    every = fovea("predict", f"{trained()}/best.onnx", "a.png", "--top", "99", "--json").json()
    assert abs(sum(one["probability"] for one in every["top"]) - 1) < 1e-5 and len(every["top"]) == 10


def test_predict_what_is_no_picture():
    png("good.png", 28, 28, 9)
    with open("bad.png", "wb") as file:
        file.write(b"this is no picture")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "bad.png"), INPUT, "bad.png")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "bad.png", "--json"), INPUT, "bad.png")
    mixed = fovea("predict", f"{trained()}/best.onnx", "bad.png", "good.png", "--json")
    assert mixed.code == INPUT
    bad, good = [json.loads(line) for line in mixed.out.splitlines()]
    assert bad == {"file": "bad.png", "error": bad["error"]} and "bad.png" in bad["error"]
    assert good["file"] == "good.png" and "error" not in good


def test_predict_samples():
    result = fovea("predict", f"{trained()}/best.onnx", "--data", "digits:600", "--index", "4,0", "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["index"] for line in lines] == [4, 0] and all("label" in line for line in lines)
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "--data", "digits:600", "--index", "100000"), USAGE, "samples")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "--data", "digits", "--index", "x"), USAGE, "--index")


def test_train_json():
    result = train("json-run", "--json", epochs=2)
    about = result.json()
    assert result.out.count("\n") == 3 and result.err == ""  # a line for each epoch, and one for all
    assert len(about["history"]) == 2 and 0 <= about["accuracy"] <= 1
    assert about["hash"] == digest(about["last"])


def test_new_convert_and_back():
    first = fovea("new", "lenet5", "--classes", "7", "--seed", "3", "-o", "seven.onnx", "--json").json()
    assert first["classes"] == 7 and first["parameters"] == 61706 - 3 * 85
    assert fovea("new", "course-cnn", "-o", "a.onnx").code == OK
    there = fovea("convert", "a.onnx", "a.safetensors", "--json").json()
    back = fovea("convert", "a.safetensors", "b.onnx", "--json").json() # the network is found by what fits
    assert there["hash"] == back["hash"] == digest("a.onnx") == digest("b.onnx")
    fovea("convert", "b.onnx", "c.onnx")
    assert digest("c.onnx") == there["hash"]
    expect_failure(fovea("convert", "a.safetensors", "d.onnx", "--model", "lenet5"), INPUT)
    assert digest("seven.onnx") == first["hash"] != fovea("new", "lenet5", "--classes", "7", "--json").json()["hash"]
    names = [one["name"] for one in fovea("new", "--list", "--json").json()["networks"]]
    assert {"mlp", "lenet5", "course-cnn"} <= set(names)


def test_ops():
    every = fovea("ops", "--json").json()["operators"]
    names = {op["name"] for op in every}
    assert {"conv", "dense", "relu", "softmax"} <= names or {"conv2d", "dense", "relu", "softmax"} <= names, names
    for name in names:
        assert fovea("ops", name, "--json").json()["name"] == name
    assert fovea("ops").out.count("\n") > 20
    assert fovea("ops", "Conv", "--json").json()["onnx"] == "Conv"


def test_data():
    about = fovea("data", "info", "digits:50", "--json").json()
    assert about["train"] == 50 and len(about["classes"]) == 10
    assert fovea("data", "check", "digits:50", "--json").json()["checked"]
    done = fovea("data", "export", "digits:50", "pictures", "--count", "5", "--json").json()
    files = [os.path.join(path, name) for path, _, names in os.walk("pictures") for name in names]
    assert done["count"] == len(files) == 5
    assert all(re.fullmatch(r"pictures/\d/\d{5}\.png", name) for name in files), files
    picture = fovea("predict", f"{trained()}/best.onnx", *sorted(files), "--json")
    assert picture.code == OK and picture.out.count("\n") == 5
    assert fovea("data", "show", "digits:50", "--count", "4", "--out", "sheet.png").code == OK
    with open("sheet.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    assert fovea("data", "show", "digits:50", "--count", "2").out.count("#0") == 1
    assert fovea("data", "list").out.count("digits") >= 1


def test_train_on_exported_folder():
    for split in ("train", "test"):
        fovea("data", "export", "digits:80", f"folder-{split}", "--count", "60", "--split", "train")
    os.makedirs("both")
    os.rename("folder-train", "both/train")
    os.rename("folder-test", "both/test")
    result = train("folder-run", data="both")
    assert result.code == OK, result.err
    about = fovea("eval", "folder-run/best.onnx", "--data", "both", "--json").json()
    assert about["count"] == 60 and about["per_class"][3]["name"] == "3"


def test_mnist_of_this_machine():
    if not os.path.exists(f"{SHARED}/data/mnist"):
        raise Skip("no MNIST beside the checkout")
    env = environment(FOVEA_DATA=f"{SHARED}/data")
    about = fovea("data", "info", "mnist", "--json", env=env).json()
    assert about["train"] == 60000 and about["test"] == 10000
    assert about["classes"][0] == {"class": 0, "name": "0", "train": 5923, "test": 980}
    line = fovea("predict", f"{trained()}/best.onnx", "--data", "mnist", "--index", "0", "--json", env=env).json()
    assert line["label"] == 7


if __name__ == "__main__":
    sys.exit(main(globals()))
