#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Detection as the command meets it: YOLO's texts learned from, the same bits from any number of threads and after a
resume, measured, boxes predicted and drawn. Assignment and loss: tests/op/test_yolox.c.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_detect.py train
"""
import json
import os
import sys

import command
from command import INPUT, IO, OK, USAGE, expect_failure, fovea
from test_data import colour_png

SMALL = ("--model", "yolox-nano", "--input", "3x64x64", "--data", "boxes", "--batch", 2, "--augment",
         "flip, mosaic, mixup:p=0.5")


def make_boxes():
    """Pictures with a box around everything, as YOLO's tools lay them out."""
    for split, count in (("train", 4), ("val", 2)):
        os.makedirs(f"boxes/labels/{split}", exist_ok=True)
        for i in range(count):
            colour_png(f"boxes/images/{split}/{i}.png", (40 * i, 200 - 30 * i, 90), 40 + 8 * i)
            with open(f"boxes/labels/{split}/{i}.txt", "w", encoding="utf-8") as file:
                file.write(f"{i % 2} 0.5 0.5 0.6 0.4\n{(i + 1) % 2} 0.3 0.7 0.2 0.2\n")
    with open("boxes/data.yaml", "w", encoding="utf-8") as file:
        file.write("train: images/train\nval: images/val\nnames: [car, tree]\n")


def test_train():
    make_boxes()
    done = fovea("train", *SMALL, "--epochs", 2, "--threads", 1, "--out", "one", "--json")
    assert done.code == OK, done.err
    whole = done.json()
    assert [row for row in whole["history"][0] if row.startswith("val_")] == ["val_loss", "val_map", "val_map50",
                                                                              "val_map75"], whole["history"][0]
    assert fovea("train", *SMALL, "--epochs", 2, "--threads", 2, "--out", "two", "--json").json()["hash"] == whole["hash"]
    constant = ("--schedule", "constant", "--json")
    straight = fovea("train", *SMALL, "--epochs", 2, "--out", "straight", *constant).json()
    assert fovea("train", *SMALL, "--epochs", 1, "--out", "half", *constant).code == OK
    assert fovea("train", "--resume", "half", "--epochs", 2, "--json").json()["hash"] == straight["hash"]


def test_several_sizes():
    """Mosaic and sizes that change from batch to batch: the same bits from any number of threads, and in two parts."""
    make_boxes()
    data = (*SMALL[4:], "--input", "3x96x96", "--schedule", "constant", "--lr", 0.002, "--json")
    sizes = ("--model", "yolox-nano", *data, "--multi-scale", "0.34:every=1")
    whole = fovea("train", *sizes, "--epochs", 3, "--threads", 1, "--out", "sizes")
    assert whole.code == OK, whole.err
    assert fovea("train", *sizes, "--epochs", 3, "--threads", 2, "--loader-threads", 3, "--out",
                 "threads").json()["hash"] == whole.json()["hash"]
    done = fovea("train", *sizes, "--epochs", 1, "--out", "part", "--verbose")
    assert done.code == OK and "3 sizes of pictures" in done.err, done.err
    assert fovea("train", "--resume", "part", "--epochs", 3, "--json").json()["hash"] == whole.json()["hash"]
    # From its file, too: nothing in it holds the size.
    done = fovea("train", "--model", "part/last.onnx", *sizes[2:], "--epochs", 1, "--out", "file")
    assert done.code == OK, done.err
    done = fovea("train", "--model", "yolox-nano", *data, "--multi-scale", "0.2", "--out", "none")
    assert done.code == USAGE and "multiples of 32" in done.err, done.err


def test_backbone_from_file():
    """A run that stands on a file goes on from another folder."""
    make_boxes()
    assert fovea("new", "squeezenet1_1", "-o", "net.onnx").code == OK
    stand = ("--model", "yolox-nano", "--backbone", "net.onnx", "--input", "3x64x64", "--data", os.path.abspath("boxes"),
             "--batch", 2, "--schedule", "constant", "--json")
    whole = fovea("train", *stand, "--epochs", 2, "--out", "whole")
    assert whole.code == OK, whole.err
    assert fovea("train", *stand, "--epochs", 1, "--out", "here").code == OK
    os.makedirs("elsewhere", exist_ok=True)
    os.chdir("elsewhere")
    done = fovea("train", "--resume", "../here", "--epochs", 2, "--json")
    assert done.code == OK and done.json()["hash"] == whole.json()["hash"], done.err
    os.chdir("..")
    os.remove("net.onnx")
    expect_failure(fovea("train", "--resume", "here", "--epochs", 3), IO, "net.onnx")


def test_eval_and_predict():
    make_boxes()
    assert fovea("train", *SMALL, "--epochs", 1, "--out", "run").code == OK
    measured = fovea("eval", "run/best.onnx", "--data", "boxes", "--json").json()
    assert measured["task"] == "detect", measured
    metrics = measured["metrics"]
    for key in ("map", "map50", "map75"):
        assert 0 <= metrics[key] <= 1
    assert metrics["voc"]["positives"] == [2, 2] and len(metrics["coco"]["ap"]) == 2
    done = fovea("predict", "run/best.onnx", "boxes/images/val/0.png", "boxes/images/val/1.png", "--draw", "drawn", "--json",
                 "--task", "detect:least=0.00001:overlap=0.5", "--save-txt", "texts", "--save-conf")
    assert done.code == OK, done.err
    for line, side in zip(done.out.splitlines(), (40, 48)):
        answer = json.loads(line)
        assert answer["boxes"], answer
        stem = os.path.splitext(os.path.basename(answer["file"]))[0]
        with open(f"texts/{stem}.txt", encoding="utf-8") as file:
            rows = [[float(word) for word in row.split()] for row in file]
        assert len(rows) == len(answer["boxes"])
        for row, box in zip(rows, answer["boxes"]):
            x1, y1, x2, y2 = (value / side for value in box["box"])
            right = [box["class"], (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, box["score"]]
            assert max(abs(a - b) for a, b in zip(row, right)) < 1e-5, (row, right)
        last = 1.0
        for box in answer["boxes"]:
            x1, y1, x2, y2 = box["box"]
            assert box["name"] == ("car", "tree")[box["class"]] and 0 <= box["score"] <= last, answer["boxes"]
            assert 0 <= x1 < x2 <= side and 0 <= y1 < y2 <= side
            last = box["score"]
    assert sorted(os.listdir("drawn")) == ["0.boxes.png", "1.boxes.png"]
    assert fovea("new", "yolox-nano", "--classes", 2, "--input", "3x64x64", "-o", "new.onnx").code == OK  # sure of nothing
    assert "0 boxes" in fovea("predict", "new.onnx", "boxes/images/val/0.png", "--task", "detect:least=1").out


def test_options_of_networks():
    described = fovea("inspect", "yolox-nano", "--backbone", "resnet18", "--json").json()
    assert described["name"] == "yolox-nano:backbone=resnet18" and described["outputs"][0]["shape"] == ["N", 3549, 85]
    assert f"{fovea('inspect', 'yolox-nano', '--json').json()['gflops']:.2f}" == "1.08"  # as published
    expect_failure(fovea("inspect", "yolox-nano", "--backbone", "resnet19"), USAGE, "resnet18")
    expect_failure(fovea("inspect", "yolox-nano", "--neck", "pfn"), USAGE, "pan")
    expect_failure(fovea("inspect", "yolox-nano", "--backbone", "mlp"), USAGE, "no stages")
    expect_failure(fovea("inspect", "yolox-nano", "--input", "3x100x96"), INPUT, "multiples of 32")


def test_recipe_by_the_number_of_pictures():
    make_boxes()
    done = fovea("train", *SMALL, "--task", "detect", "--epochs", 1, "--out", "recipe")
    assert done.code == OK and "recipe detect, for 4 pictures" in done.err, done.err
    kept = json.load(open("recipe/config.json", encoding="utf-8"))
    assert kept["optimizer"].startswith("adamw") and kept["batch"] == 2 and "mosaic" in kept["augment"], kept


def test_darknet_and_other_rows():
    tiny = ("[net]\nwidth=64\nheight=64\nchannels=3\n[maxpool]\nsize=16\nstride=16\n[convolutional]\nfilters=21\n"
            "activation=linear\n[yolo]\nmask=0,1,2\nanchors=4,4, 8,8, 16,16\nclasses=2\n[route]\nlayers=0\n[maxpool]\n"
            "size=2\nstride=2\n[convolutional]\nfilters=21\nactivation=linear\n[yolo]\nmask=0,1,2\n"
            "anchors=4,4, 8,8, 16,16\nclasses=2\n")
    with open("tiny.cfg", "w", encoding="utf-8") as file:
        file.write(tiny)
    numbers = 2 * 21 * (1 + 3)
    with open("tiny.weights", "wb") as file:
        file.write(bytes([0, 0, 0, 0, 2]) + bytes(15) + bytes(4 * numbers))
    assert fovea("convert", "tiny.cfg", "tiny.onnx", "--weights", "tiny.weights").code == OK
    described = fovea("inspect", "tiny.onnx", "--json").json()["outputs"][0]
    assert described["meaning"] == "boxes" and described["shape"] == ["N", 3 * (16 + 4), 7], described
    colour_png("in/red.png", (200, 20, 10), 64)
    answer = fovea("predict", "tiny.onnx", "in/red.png", "--json", "--task", "detect:least=0.2:overlap=1").json()
    assert len(answer["boxes"]) == 60, len(answer["boxes"]) # zeros: each place answers its anchors, at a half of a half
    assert all(abs(box["score"] - 0.25) < 1e-6 for box in answer["boxes"])
    first = answer["boxes"][0]["box"] # x, y of the first place: a half, 16 pixels wide, and an anchor of 4 x 4
    assert max(abs(a - b) for a, b in zip(first, (6, 6, 10, 10))) < 1e-4, first
    with open("long.weights", "wb") as file:
        file.write(bytes(4 * numbers + 40))
    expect_failure(fovea("convert", "tiny.cfg", "x.onnx", "--weights", "long.weights"), INPUT, "bytes are left")


def test_samples_without_a_class():
    """Boxes are no class of a picture: they are exported into one folder, and a classifier is neither right nor wrong."""
    make_boxes()
    for name, shade in (("car", 30), ("tree", 220)):
        for i in range(4):
            colour_png(f"two/{name}/{i}.png", (shade, shade + i, shade), 40)
    assert fovea("data", "export", "boxes", "exported").code == OK
    assert os.listdir("exported") == ["_"] and os.listdir("exported/_")
    assert fovea("train", "--model", "mlp", "--data", "two", "--epochs", 1, "--out", "two-run").code == OK
    words = ("predict", "two-run/best.onnx", "--data", "boxes", "--index", "0,1")
    first = json.loads(fovea(*words, "--json").out.splitlines()[0])
    assert first["label"] == -1 and first["label_name"] == "", first
    shown = fovea(*words)
    assert shown.code == OK and "mistaken" not in shown.out and "it is" not in shown.out, shown.out


def test_suppression_is_read_whole():
    assert fovea("new", "lenet5", "-o", "digits.onnx").code == OK
    for text in ("0.65;0.3", "0.65,", "0.65,0.3,100,", "0.65,0.3,100x", "", ",", "0.6 0.3"):
        expect_failure(fovea("convert", "digits.onnx", "y.onnx", "--nms", text), USAGE, "--nms")


# A network of Darknet's may have any number of maps: the file written from it says that it is a detector, of which form,
# and what its own suppression leaves.
def test_maps_of_darknet():
    for maps in 1, 2, 3:
        text = "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=4\nsize=3\nstride=4\npad=1\nactivation=leaky\n"
        for m in range(maps):
            text += "[route]\nlayers=0\n" if m else ""
            text += "[convolutional]\nfilters=14\nsize=1\nstride=%d\nactivation=linear\n" % (1 << m)
            text += "[yolo]\nmask=0,1\nanchors=4,4,9,9\nclasses=2\nnum=2\n"
        with open("net.cfg", "w", encoding="utf-8") as file:
            file.write(text)
        assert fovea("convert", "net.cfg", "net.onnx").code == OK
        rows = sum(2 * (8 >> m) ** 2 for m in range(maps))
        about = fovea("inspect", "net.onnx", "--json").json()
        assert about["outputs"][0]["meaning"] == "boxes" and about["outputs"][0]["shape"] == ["N", rows, 7], about["outputs"]
        make_boxes()
        found = fovea("predict", "net.onnx", "boxes/images/val/0.png", "--json").json()
        assert "boxes" in found, found
        assert fovea("convert", "net.onnx", "again.onnx").code == OK
        assert fovea("inspect", "again.onnx", "--json").json()["outputs"][0]["meaning"] == "boxes"
        assert fovea("convert", "net.onnx", "kept.onnx", "--nms", "0.65,0.1,50").code == OK
        kept = fovea("inspect", "kept.onnx", "--json").json()["outputs"]
        assert len(kept) == 1 and kept[0]["name"] == "detections" and kept[0]["shape"] == ["N", 50, 6], kept
        assert fovea("convert", "kept.onnx", "twice.onnx").code == OK
        twice = fovea("inspect", "twice.onnx", "--json").json()
        assert twice["outputs"] == kept and twice["classes"] == 2, twice["outputs"]


def test_slips():
    make_boxes()
    assert fovea("new", "lenet5", "-o", "digits.onnx").code == OK
    expect_failure(fovea("predict", "digits.onnx", "boxes/images/val/0.png", "--save-txt", "x"), USAGE, "--save-txt")
    expect_failure(fovea("predict", "digits.onnx", "boxes/images/val/0.png", "--detector", "yolov9"), USAGE, "yolov8")
    done = fovea("train", "--model", "resnet20", "--data", "boxes", "--out", "x")
    assert done.code == INPUT and "not a detector's" in done.err, done.err
    expect_failure(fovea("train", *SMALL, "--recipe", "none", "--task", "detect:leest=1", "--out", "x"), USAGE, "least")
    expect_failure(fovea("convert", "x.onnx", "y.onnx", "--weights", "w"), USAGE, ".cfg")


if __name__ == "__main__":
    sys.exit(command.main(globals()))
