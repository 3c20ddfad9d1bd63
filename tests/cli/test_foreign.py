#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Words of other tools: Ultralytics' keys, its tasks before verbs, Darknet's detector; each is understood with a note, or
answered by one sentence that says the form here.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_foreign.py keys
"""
import json
import os
import shlex
import shutil
import subprocess
import sys

import command
from command import INPUT, OK, USAGE, expect_failure, fovea, png, trained

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
    # the same keys as options; -q prints no notes; an existing run is kept, or replaced with --exist-ok
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
    # an option that fovea has under the same name keeps fovea's meaning
    assert fovea("convert", "w.safetensors", "w.onnx", "--model", "mlp").code == OK
    assert fovea("predict", "w.safetensors", "seen/a.png", "--model", "mlp", "-q").code == OK
    # a network by name and --weights are the file of weights, not a new network; a file of its own takes no weights
    hashes = [fovea("inspect", *words, "--hash", "-q").out for words in
              (["w.safetensors", "--model", "mlp"], ["mlp", "--weights", "w.safetensors"], ["mlp"])]
    assert hashes[0] == hashes[1] != hashes[2], hashes
    for verb in ("inspect", "eval"):
        data = ["--data", "digits:60"] if verb == "eval" else []
        expect_failure(fovea(verb, best, "--weights", "w.safetensors", "-q", *data),
                       USAGE, "names the network of a file of weights")


def test_values_of_other_tools():
    """Values that another tool has for an option that has the same name here."""
    done = fovea("train", *SMALL, "optimizer=AdamW", "workers=0", "val=True", "plots=True", "amp=False", "cos_lr=True",
                 "seed=3", "resume=False", "mode=train", "--out", "valued")
    assert done.code == OK and done.err.count("\n") == 1, done.err
    assert "AdamW is --optimizer adamw here" in done.err and "workers is --loader-threads here" in done.err, done.err
    kept = config("valued")
    assert kept["optimizer"].startswith("adamw") and kept["seed"] == 3, kept
    assert fovea("train", *SMALL, "optimizer=auto", "-q", "--out", "auto").code == OK
    assert config("auto")["optimizer"].startswith("sgd")
    # a run is resumed by its folder, which either key may name
    for words in (["resume=True", "model=auto/weights/last.pt"], ["model=auto/last.pt", "resume=true"],
                  ["resume=auto/weights/last.pt"]):
        assert fovea("train", *words, "epochs=2", "-q").code == OK, words
    expect_failure(fovea("train", "resume=True"), USAGE, "--resume runs/train")
    expect_failure(fovea("train", *SMALL, "mode=val"), USAGE, "fovea eval")
    expect_failure(fovea("train", *SMALL, "amp=True"), USAGE, "float32")
    # an export's format is given by a suffix; an option that is False writes nothing
    best = f"{trained()}/best.onnx"
    expect_failure(fovea("convert", f"model={best}", "format=onnx"), USAGE, ".onnx already")
    expect_failure(fovea("convert", f"model={best}", "format=engine"), USAGE, ".safetensors")
    shutil.copy(best, "exported.onnx")
    assert fovea("export", "model=exported.onnx", "format=safetensors").code == OK and os.path.exists("exported.safetensors")
    png("seen.png", 28, 28, 200)
    for word in ("save_txt=False", "--save-txt=False"):
        done = fovea("predict", best, "seen.png", word)
        assert done.code == OK and not os.path.exists("False"), done.err
    done = fovea("predict", best, "seen.png", "save_txt=True")
    assert done.code == USAGE and "this model finds none" in done.err, done.err
    assert not os.path.exists("True")
    # boxes' thresholds belong to the task
    done = fovea("predict", best, "seen.png", "conf=0.25", "iou=0.5")
    assert done.code == INPUT and "is not a detector's" in done.err, done.err
    assert "conf is --task detect:least=X here, iou is --task detect:overlap=X here" in done.err, done.err


# Command lines of other tools, and fovea's forms of them; keys without a form here are left out, and named.
LINES = (
    ("detect train data=x.yaml model=yolox-nano imgsz=320 epochs=3",
     "train --data x.yaml --model yolox-nano --input 320 --epochs 3 --task detect"),
    ("detect train data=x.yaml model=yolov8s.pt epochs=100 imgsz=640 batch=16 lr0=0.01 patience=50 device=cpu workers=8 "
     "optimizer=AdamW cos_lr=True seed=7 val=True project=proj name=exp exist_ok=True",
     "train --data x.yaml --model yolox-s --epochs 100 --input 640 --batch 16 --lr 0.01 --patience 50 --loader-threads 8 "
     "--optimizer adamw --schedule cosine --seed 7 --overwrite --out proj/exp --task detect"),
    ("train detect data=x.yaml model=yolo11n.pt", "train --data x.yaml --model yolox-nano --task detect"),
    ("yolo train data=x.yaml model=yolo11m.pt imgsz=[480,640]",
     "train --data x.yaml --model yolox-m --input 480x640 --task detect"),
    ("mode=train task=detect data=x.yaml model=yolox-tiny", "train --data x.yaml --model yolox-tiny --task detect"),
    ("task=segment mode=train data=cells", "train --data cells --model unet --task segment"),
    ("segment train", "train --model unet --task segment"),
    ("classify train data='my photos' model=resnet18 dropout=0.1 device=0",
     "train --data 'my photos' --model resnet18 --task classify"),
    ("detect train resume=True model=runs/detect/train3/weights/last.pt", "train --resume runs/detect/train3"),
    ("detect val model=best.onnx data=x.yaml conf=0.001 iou=0.7 batch=8 imgsz=640 save_json=True",
     "eval best.onnx --data x.yaml --batch 8 --task detect:least=0.001:overlap=0.7"),
    ("detect predict model=best.onnx source=street.jpg conf=0.4 save_txt=True save_conf=True",
     "predict best.onnx street.jpg --save-conf --save-txt runs/predict/labels --task detect:least=0.4"),
    ("detect predict model=best.onnx source=street.jpg project=seen name=one save_txt=False",
     "predict best.onnx street.jpg --draw seen/one"),
    ("detect predict source=street.jpg", "predict MODEL.onnx street.jpg"),
    ("detect export model=best.safetensors format=onnx imgsz=320 half=True",
     "convert best.safetensors --size 320x320 best.onnx"),
    ("detector train obj.data yolo.cfg -map", "train --model yolox-nano --data data.yaml --task detect"),
    ("detector test obj.data yolo.cfg yolo.weights dog.jpg -thresh 0.4 -gpus 0",
     "convert yolo.cfg yolo.onnx --weights yolo.weights && fovea predict yolo.onnx dog.jpg --task detect:least=0.4"),
    ("darknet detector map obj.data yolo.cfg yolo.weights",
     "convert yolo.cfg yolo.onnx --weights yolo.weights && fovea eval yolo.onnx --data data.yaml"),
    ("detect yolo.cfg yolo.weights dog.jpg",
     "convert yolo.cfg yolo.onnx --weights yolo.weights && fovea predict yolo.onnx dog.jpg"),
    ("classifier train cifar.data net.cfg", "train --model mobilenet_v2 --data PICTURES/ --task classify"),
)


def test_lines_of_other_tools():
    for theirs, ours in LINES:
        done = fovea(*shlex.split(theirs))
        expect_failure(done, USAGE, "the form here is: ")
        line = done.err.split("the form here is: ")[1].split("; ")[0].strip().replace(command.FOVEA, "fovea")
        assert line == f"fovea {ours}", (theirs, done.err)
    left = fovea(*shlex.split("classify train data=x model=resnet18 dropout=0.1 device=0 plots=True lrf=0.01")).err
    assert "left out: " in left and "device" in left and "dropout=0.1" in left and "--lr-final" in left, left
    expect_failure(fovea("pose", "train", "data=x.yaml"), USAGE, 'no task "pose"')
    expect_failure(fovea("detect", "track", "model=x.onnx"), USAGE, 'no "track"')
    png("classify", 28, 28, 9)  # a file of such a name is a file
    assert fovea("predict", f"{trained()}/best.onnx", "classify", "-q").code == OK


def test_a_line_can_be_pasted():
    """What the sentence says is run as it stands."""
    for i in range(6):
        os.makedirs("boxes/images", exist_ok=True)
        os.makedirs("boxes/labels", exist_ok=True)
        png(f"boxes/images/{i}.png", 64, 64, 30 * i)
        with open(f"boxes/labels/{i}.txt", "w", encoding="utf-8") as file:
            file.write("0 0.5 0.5 0.5 0.5\n")
    with open("boxes/data.yaml", "w", encoding="utf-8") as file:
        file.write("path: .\ntrain: images\nval: images\nnames: [thing]\n")
    done = fovea(*shlex.split("detect train data=boxes/data.yaml model=yolo11n.pt imgsz=64 epochs=1 batch=3 device=cpu "
                              "workers=0 project=theirs name=one plots=False"))
    line = done.err.split("the form here is: ")[1].split("; ")[0]
    again = subprocess.run(line, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=command.environment(),
                           check=False, timeout=120)
    assert again.returncode == OK, (line, again.stderr)
    assert config("theirs/one")["epochs"] == 1 and config("theirs/one")["task"].startswith("detect")
    done = fovea(*shlex.split("detect predict model=theirs/one source=boxes/images/0.png conf=0.9 project=theirs name=two "
                              "save_txt=True"))
    line = done.err.split("the form here is: ")[1].split("; ")[0]
    assert subprocess.run(line, shell=True, stdout=subprocess.DEVNULL, env=command.environment(), check=False).returncode == OK
    assert os.path.exists("theirs/two/0.boxes.png") and os.path.exists("theirs/two/labels/0.txt")


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
