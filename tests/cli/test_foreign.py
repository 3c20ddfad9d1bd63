#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Words of other tools: Ultralytics' keys, its tasks before verbs, Darknet's detector; each is understood with a note, or
answered by one sentence that says the form here.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_foreign.py keys
"""
import json
import os
import sys

import command
from command import OK, USAGE, expect_failure, fovea, png, trained

SMALL = ("model=mlp", "data=digits:200", "epochs=1")


def config(run):
    with open(f"{run}/config.json", encoding="utf-8") as file:
        return json.load(file)


def test_keys_of_training():
    done = fovea("train", *SMALL, "imgsz=28", "lr0=0.02", "batch=16", "device=cpu", "patience=5", "project=proj",
                 "name=exp", "exist_ok=True")
    assert done.code == OK, done.err
    for part in ("imgsz is --input here", "lr0 is --lr", "device is always the CPU", "name is --out"):
        assert part in done.err, done.err
    assert done.err.count("\n") == 1, done.err
    kept = config("proj/exp")
    assert (kept["lr"], kept["batch"], kept["patience"]) == (0.02, 16, 5)
    # the same as options; quiet says nothing; a run that is there is kept, or replaced where exist_ok says so
    words = ("--model", "mlp", "--data", "digits:200", "--epochs", 1, "--imgsz", 28, "--lr0", 0.03, "--batch-size", 8,
             "--device", "auto", "--project", "proj", "--name", "exp", "-q")
    expect_failure(fovea("train", *words), USAGE, "holds a run already")
    done = fovea("train", *words, "--exist-ok")
    assert done.code == OK and done.err == "", done.err
    assert (config("proj/exp")["lr"], config("proj/exp")["batch"]) == (0.03, 8)
    assert fovea("train", *SMALL, "name=alone", "-q").code == OK and os.path.exists("runs/alone/best.onnx")
    expect_failure(fovea("train", *SMALL, "device=0"), USAGE, "computes on the CPU")
    expect_failure(fovea("train", *SMALL, "lrf=0.01"), USAGE, "--lr-final")


def test_keys_of_other_verbs():
    os.makedirs("seen", exist_ok=True)
    png("seen/a.png", 28, 28, 200)
    best = f"{trained()}/best.onnx"
    plain = fovea("eval", best, "--data", "digits:600", "--json").json()["accuracy"]
    for words in (["val", f"model={best}"], ["eval", f"model={best}"], ["eval", "--model", best], ["test", best]):
        done = fovea(*words, "data=digits:600", "imgsz=28", "batch=50", "epochs=3", "lr0=0.1", "device=cpu", "name=x",
                     "project=y", "exist_ok=True", "patience=3", "--json")
        assert done.code == OK and done.json()["accuracy"] == plain, done.err
    assert '"val" is "fovea eval" here' in fovea("val", best, "--data", "digits:600").err
    one = fovea("predict", best, "seen/a.png", "-q").out
    for words in ([f"model={best}", "source=seen/a.png"], ["--model", best, "--source", "seen/a.png"]):
        assert fovea("predict", *words, "imgsz=28", "device=auto", "-q").out == one
    assert fovea("inspect", f"model={best}", "-q", "--json").json()["parameters"] > 0
    assert fovea("inspect", "resnet18", "imgsz=64", "--json").json()["input"][2:] == [64, 64]
    assert fovea("export", best, "w.safetensors").code == OK
    # what fovea means by a word of its own counts
    assert fovea("convert", "w.safetensors", "w.onnx", "--model", "mlp").code == OK
    assert fovea("predict", "w.safetensors", "seen/a.png", "--model", "mlp", "-q").code == OK


def test_forms():
    expect_failure(fovea("train", "detect", "data=coco.yaml", "model=yolo11n.pt"), USAGE, "--task detect")
    expect_failure(fovea("detect", "train", "data=coco.yaml"), USAGE, "fovea train --model", "--task detect")
    expect_failure(fovea("detect", "predict", "model=x.pt"), USAGE, "fovea predict")
    expect_failure(fovea("detector", "train", "obj.data", "yolo.cfg", "-map"), USAGE, "fovea train --model", "--data")
    expect_failure(fovea("detector", "test", "obj.data"), USAGE, "fovea predict")
    expect_failure(fovea("segment", "train"), USAGE, "fovea train")


def test_unknown_keys():
    expect_failure(fovea("train", "epoch=3"), USAGE, "did you mean --epochs?")
    expect_failure(fovea("train", "momentun=0.9"), USAGE, "did you mean --momentum?")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "topp=3"), USAGE, "did you mean --top?")
    expect_failure(fovea("train", "nothing_like_it=1"), USAGE, "nothing_like_it")
    png("k=v.png", 28, 28, 9)  # a file that is there is a file
    assert fovea("predict", f"{trained()}/best.onnx", "k=v.png", "-q").code == OK
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "./k=w.png"), command.IO, "k=w.png")


if __name__ == "__main__":
    sys.exit(command.main(globals()))
