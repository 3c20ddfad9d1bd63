#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Folders of pictures and class names as the command meets them: splits, litter, damaged files, and models whose classes
are in another order, renamed, missing or additional. What command.py has (the command, its results, PNG by hand)
is taken from there; cases that need ../shared/faults are skipped by name without it.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_data.py classes
"""
import json
import os
import shutil
import struct
import sys

import command
import files  # command.py has put it on the path
from command import INPUT, OK, SHARED, USAGE, Skip, expect_failure, fovea

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def colour_png(path, rgb, side=8):
    files.write_even(path, side, side, *rgb)


def make_colours(root, names, counts=(("train", 4), ("test", 2))):
    """A folder per class: NAMES maps a folder's name to the colour in it; shades differ a little."""
    shutil.rmtree(root, ignore_errors=True)
    for split, count in counts:
        for name, colour in names.items():
            for i in range(count):
                shade = [abs(c - 9 * i - (3 if split == "test" else 0)) for c in COLOURS[colour]]
                colour_png(f"{root}/{split}/{name}/{i}.png", shade)


_model = None


def model():
    """A classifier of three colours with names, trained once: classes blue, green, red."""
    global _model
    if _model is None:
        make_colours("three", {c: c for c in COLOURS})
        done = fovea("train", "--model", "mlp", "--data", "three", "--epochs", 30, "--lr", "0.05", "--batch", 4, "--out",
                     "three-run")
        assert done.code == OK, done.err
        _model = os.path.abspath("three-run/best.onnx")
        assert fovea("eval", _model, "--data", "three", "--json").json()["accuracy"] == 1.0
    return _model


def idx(path, *dims, values):
    with open(path, "wb") as file:
        file.write(struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims) + bytes(values))


def test_a_count_behind_a_name():
    """mnist:500 learns from the first 500, and is tested with all there is to test with."""
    os.makedirs("idx/mnist", exist_ok=True)
    for part, count in (("train", 60), ("t10k", 20)):
        idx(f"idx/mnist/{part}-images-idx3-ubyte", count, 8, 8, values=[i % 251 for i in range(64 * count)])
        idx(f"idx/mnist/{part}-labels-idx1-ubyte", count, values=[i % 10 for i in range(count)])
    env = command.environment(FOVEA_DATA=os.path.abspath("idx"))
    for source, count in (("mnist", 60), ("mnist:30", 30), ("mnist:60", 60), ("mnist:idx:7", 7)):
        about = fovea("data", "info", source, "--json", env=env).json()
        assert (about["train"], about["test"]) == (count, 20), about
    words = ("train", "--model", "mlp", "--epochs", 1, "--out")
    assert "30 samples to learn from" in fovea(*words, "first", "--data", "mnist:30", env=env).out
    assert "20 samples to learn from, 10 to check with" in fovea(*words, "held", "--data", "mnist:30", "--val-split", "0.5",
                                                               env=env).out
    assert fovea("train", "--resume", "first", "--epochs", 2, env=env).code == OK
    expect_failure(fovea("data", "info", "mnist:61", env=env), USAGE, "60 samples to learn from, not 61")
    expect_failure(fovea("data", "info", "mnist:0", env=env), USAGE, "must be 1 to")
    expect_failure(fovea("data", "info", "mnist:99999999999999999999", env=env), USAGE, "must be 1 to")
    make_colours("counted", {c: c for c in COLOURS})
    for source in ("counted:4", "folder:counted:4"):
        expect_failure(fovea("data", "info", source), USAGE, "--val-split 0.9")
    os.makedirs("30", exist_ok=True)  # a folder of such a name is a folder
    expect_failure(fovea("data", "info", "mnist:30", env=env), INPUT, "no mnist files in 30")


def fault(name):
    path = f"{SHARED}/faults/{name}"
    if not os.path.exists(path):
        raise Skip(f"no {name} beside the checkout")
    return path


# ---- classes by name --------------------------------------------------------------------------------------------------


def test_classes_renamed():
    make_colours("renamed", {"rot": "red", "green": "green", "blue": "blue"})
    lists = ('1 of its 3 is unknown to the model ("rot")', '1 of the model\'s 3 is not in the data ("red")')
    expect_failure(fovea("eval", model(), "--data", "renamed"), INPUT, *lists, "--classes-by-position")
    expect_failure(fovea("predict", model(), "--data", "renamed"), INPUT, *lists)
    expect_failure(fovea("train", "--model", model(), "--data", "renamed", "--out", "never"), INPUT, *lists, "--classes 3")
    assert not os.path.exists("never")
    # By position the model's red is the data's rot: both come last in their sorted lists.
    about = fovea("eval", model(), "--data", "renamed", "--classes-by-position", "--json").json()
    assert about["accuracy"] == 1.0
    line = fovea("predict", model(), "--data", "renamed", "--index", 5, "--classes-by-position", "--json").json()
    assert line["label_name"] == "rot" and line["label"] == line["top"][0]["class"] == 2
    done = fovea("train", "--model", model(), "--data", "renamed", "--epochs", 1, "--lr", "1e-6", "--classes-by-position",
                 "--out", "renamed-run")
    assert done.code == OK and "new head" not in done.err, done.err
    assert fovea("eval", "renamed-run/best.onnx", "--data", "renamed", "--json").json()["accuracy"] == 1.0
    assert fovea("train", "--resume", "renamed-run", "--epochs", 2).code == OK
    done = fovea("train", "--model", model(), "--data", "renamed", "--epochs", 1, "--classes", 3, "--out", "head-run")
    assert done.code == OK and "a new head for 3 classes" in done.err, done.err


def test_names_in_chinese():
    """Columns stand under each other: a Chinese character takes two; a name that is cut is cut between characters."""
    make_colours("chinese", {"红色": "red", "绿色的图片和别的": "green", "blue": "blue"})
    done = fovea("train", "--model", "mlp", "--data", "chinese", "--epochs", 1, "--out", "chinese-run")
    assert done.code == OK, done.err
    shown = fovea("eval", "chinese-run/best.onnx", "--data", "chinese").out
    assert "?" not in shown and "\ufffd" not in shown, shown
    wide = lambda line: sum(2 if "\u2e80" <= c <= "\uffef" else 1 for c in line)
    rows = [line for line in shown.splitlines() if line.startswith(("  红色", "  绿色的图片", "  blue"))]
    assert len(rows) == 6 and len({wide(line) for line in rows[:3]}) == 1 and len({wide(line) for line in rows[3:]}) == 1, shown


def test_classes_reordered():
    """Folders are sorted, so another order of names is another content per folder; the file keeps its own order."""
    make_colours("upper", {"Red": "red", "a green": "green", "BLUE": "blue"})
    expect_failure(fovea("eval", model(), "--data", "upper"), INPUT, '"a green"')
    make_colours("cased", {"Red": "red", "_green": "green", "zz": "blue"})
    shutil.rmtree("cased/train/zz"), shutil.rmtree("cased/test/zz")
    for split, count in (("train", 4), ("test", 2)):
        for i in range(count):
            colour_png(f"cased/{split}/blue/{i}.png", (0, 0, 250 - i))
    done = fovea("eval", model(), "--data", "cased", "--json")  # Red, _green, blue
    assert done.json()["accuracy"] == 1.0
    assert "another order" in done.err and '"Red" is taken for "red"' in done.err, done.err
    done = fovea("train", "--model", model(), "--data", "cased", "--epochs", 1, "--lr", "1e-6", "--out", "cased-run")
    assert done.code == OK and "another order" in done.err and "new head" not in done.err, done.err
    about = fovea("eval", "cased-run/last.onnx", "--data", "three", "--json").json()
    assert about["accuracy"] == 1.0 and [c["name"] for c in about["per_class"]] == ["blue", "green", "red"]
    done = fovea("train", "--resume", "cased-run", "--epochs", 2)
    assert done.code == OK, done.err
    line = fovea("predict", model(), "--data", "cased", "--index", 0, "--json").json()  # Red
    assert line["label"] == 2 == line["top"][0]["class"] and line["label_name"] == "Red"


def test_classes_missing():
    make_colours("fewer", {"red": "red", "blue": "blue"})
    done = fovea("eval", model(), "--data", "fewer", "--json")
    about = done.json()
    assert 'not in the data: "green"' in done.err
    assert about["accuracy"] == 1.0 and about["macro_f1"] == 1.0 and about["macro_recall"] == 1.0
    assert [c["in_data"] for c in about["per_class"]] == [True, False, True]
    assert "green" not in fovea("eval", model(), "--data", "fewer").out
    done = fovea("train", "--model", model(), "--data", "fewer", "--epochs", 1, "--lr", "1e-6", "--out", "fewer-run")
    assert done.code == OK and "new head" not in done.err, done.err
    assert fovea("eval", "fewer-run/last.onnx", "--data", "three", "--json").json()["accuracy"] == 1.0
    done = fovea("train", "--model", model(), "--data", "fewer", "--classes", 2, "--epochs", 1, "--out", "two-run")
    assert done.code == OK and "a new head for 2 classes instead of 3" in done.err, done.err


def test_classes_additional():
    make_colours("additional", {"red": "red", "green": "green", "blue": "blue", "yellow": "green"})
    said = '1 of its 4 is unknown to the model ("yellow")'
    expect_failure(fovea("eval", model(), "--data", "additional"), INPUT, said)
    expect_failure(fovea("train", "--model", model(), "--data", "additional", "--out", "never"), INPUT, said, "--classes 4")
    # Entirely different classes, and another number of them: training starts from the file with a new head.
    make_colours("others", {"ruby": "red", "lime": "green"})
    done = fovea("train", "--model", model(), "--data", "others", "--epochs", 1, "--out", "others-run")
    assert done.code == OK and "a new head for 2 classes instead of 3" in done.err, done.err


def test_classes_without_names():
    assert fovea("new", "mlp", "--classes", 3, "--input", "3x8x8", "-o", "nameless.onnx").code == OK
    make_colours("three-more", {c: c for c in COLOURS})
    done = fovea("eval", "nameless.onnx", "--data", "three-more")
    assert done.code == OK and done.err.count("has no class names") == 1, done.err
    done = fovea("train", "--model", "nameless.onnx", "--data", "three-more", "--epochs", 1, "--out", "nameless-run")
    assert done.code == OK and done.err.count("has no class names") == 1, done.err
    assert fovea("eval", "nameless-run/last.onnx", "--data", "three-more").err == ""
    make_colours("two-colours", {"red": "red", "green": "green"})
    expect_failure(fovea("eval", "nameless.onnx", "--data", "two-colours"), INPUT, "3 outputs", "2 classes")


def test_resume_notices_other_data():
    make_colours("resumed", {c: c for c in COLOURS})
    assert fovea("train", "--model", "mlp", "--data", "resumed", "--epochs", 1, "--out", "resumed-run").code == OK
    os.rename("resumed", "kept")
    make_colours("resumed", {"red": "red", "green": "green", "cyan": "blue"})
    expect_failure(fovea("train", "--resume", "resumed-run", "--epochs", 2), USAGE, '"blue"', '"cyan"')
    make_colours("resumed", {"red": "blue", "green": "green", "blue": "red"})
    expect_failure(fovea("train", "--resume", "resumed-run", "--epochs", 2), USAGE, "other pictures or labels")
    shutil.rmtree("resumed")
    os.rename("kept", "resumed")
    assert fovea("train", "--resume", "resumed-run", "--epochs", 2).code == OK


def test_fault_class_order():
    where = fault("02-eval-class-order")
    about = fovea("eval", f"{where}/rgb.onnx", "--data", f"{where}/colours", "--json").json()
    assert about["accuracy"] == 1.0 and about["macro_f1"] == 1.0
    line = fovea("predict", f"{where}/rgb.onnx", "--data", f"{where}/colours", "--index", 0, "--json").json()
    assert line["label_name"] == "blue" == line["top"][0]["name"]
    done = fovea("train", "--model", f"{where}/rgb.onnx", "--data", f"{where}/colours", "--epochs", 1, "--lr", "1e-6",
                 "--out", "order-run", "--json")
    assert done.json()["accuracy"] == 1.0


# ---- folders ----------------------------------------------------------------------------------------------------------


def test_validation_and_test():
    make_colours("both", {c: c for c in COLOURS}, (("train", 4), ("val", 3), ("test", 2)))
    about = fovea("data", "info", "both", "--json").json()
    assert (about["train"], about["validation"], about["test"]) == (12, 9, 6)
    done = fovea("train", "--model", "mlp", "--data", "both", "--epochs", 1, "--out", "both-run")
    assert "9 to check with" in done.out, done.out
    for split, count in (("test", 6), ("val", 9), ("train", 12)):
        line = fovea("eval", "both-run/best.onnx", "--data", "both", "--split", split, "--json").json()
        assert line["count"] == count
    assert fovea("eval", "both-run/best.onnx", "--data", "both", "--json").json()["count"] == 6


def test_without_splits():
    """Data that states no splits is looked at whole, but for a model of a run that learned from it."""
    make_colours("sorted", {c: c for c in COLOURS}, ((".", 8),))
    with open("table.csv", "w", encoding="utf-8") as file:
        file.write("path,class\n" + "".join(f"sorted/{c}/{i}.png,{c}\n" for c in COLOURS for i in range(8)))
    for source in ("sorted", "table.csv"):
        done = fovea("eval", model(), "--data", source)
        assert "24 samples (all: it states no splits)" in done.out, done.out
        about = fovea("eval", model(), "--data", source, "--json").json()
        assert (about["count"], about["part"]) == (24, "all")
        for words in (["--split", "test"], ["--split", "val"], ["--val-split", "0.1"]):
            about = fovea("eval", model(), "--data", source, *words, "--json").json()
            assert (about["count"], about["part"]) == (3, "held back"), words
        expect_failure(fovea("predict", model(), "--data", source, "--index", "24"), USAGE, "samples 0 to 23 (all")
        assert fovea("predict", model(), "--data", source, "--index", "23", "--json").code == OK
        done = fovea("features", model(), "--data", source, "-o", "f.npy", "--json")
        assert done.json()["shape"][0] == 24, done.out
        shutil.rmtree("exported", ignore_errors=True)
        assert fovea("data", "export", source, "exported", "--json").json()["count"] == 24
        about = fovea("data", "info", source, "--json").json()
        assert (about["train"], about["test"], about["states_no_splits"]) == (21, 3, True)
        assert "training holds 3 back; eval and predict take all 24" in fovea("data", "info", source).out
        assert fovea("train", "--model", "mlp", "--data", source, "--epochs", 1, "--val-split", "0.25", "--out", "own",
                     "--overwrite").code == OK
        for name in ("own", "own/best.onnx"):  # nor do runs measure themselves by what they learned
            about = fovea("eval", name, "--data", os.path.abspath(source), "--json").json()
            assert (about["count"], about["part"]) == (6, "held back")
        assert "6 samples that training holds back" in fovea("eval", "own", "--data", source).out
    assert fovea("data", "info", "three", "--json").json()["states_no_splits"] is False
    about = fovea("eval", "own", "--data", "three", "--json").json()
    assert (about["count"], about["part"]) == (6, "test")


def test_only_a_test_split():
    make_colours("tested", {c: c for c in COLOURS}, (("test", 4),))
    for words in ([], ["--val-split", "0.1"]):
        expect_failure(fovea("train", "--model", "mlp", "--data", "tested", *words), INPUT, 'no split "train"',
                       'only "test" (12 samples)')
    assert fovea("eval", model(), "--data", "tested", "--json").json()["count"] == 12


def test_small_pictures_and_a_large_network():
    """Pictures that are too small for a network are made larger, not refused."""
    make_colours("tiny", {c: c for c in COLOURS})
    assert fovea("train", "--model", "lenet5", "--data", "tiny", "--epochs", 1, "--out", "tiny-run").code == OK
    assert fovea("inspect", "tiny-run/best.onnx", "--json").json()["classes"] == 3


def test_sizes_are_stated():
    make_colours("sizes", {c: c for c in COLOURS})
    colour_png("sizes/train/red/large.png", (255, 0, 0), 40)
    about = fovea("data", "info", "sizes", "--json").json()
    assert not about["same_size"] and about["smallest"] == [8, 8] and about["largest"] == [40, 40]
    assert (about["height"], about["width"]) == (8, 8)
    done = fovea("train", "--model", "lenet5", "--data", "sizes", "--epochs", 1, "--out", "sizes-run")
    assert done.code == OK and "pictures of 8 x 8 to 40 x 40 pixels (median 8 x 8) are all resized to" in done.err, done.err


def test_check_lists_everything():
    make_colours("litter", {c: c for c in COLOURS})
    for name, content in (("train/red/empty.png", b""), ("train/red/page.jpg", b"<!DOCTYPE html>"),
                          ("train/blue/short.png", b"\x89PNG\r\n\x1a\n\0\0"), ("train/.DS_Store", b"x"),
                          ("train/red/Thumbs.db", b"x"), ("train/red/notes.txt", b"x")):
        with open(f"litter/{name}", "wb") as file:
            file.write(content)
    os.makedirs("litter/train/nothing")
    os.makedirs("litter/__MACOSX")
    done = fovea("data", "check", "litter")
    assert done.code == INPUT and "3 errors" in done.err, done.err
    for name in ("empty.png", "page.jpg", "short.png", ".DS_Store", "Thumbs.db", "notes.txt", "nothing", "__MACOSX"):
        assert name in done.out, f"{name} is missing in {done.out}"
    about = json.loads(fovea("data", "check", "litter", "--json").out)
    assert about["errors"] == 3 == sum(f["severity"] == "error" for f in about["findings"])
    assert sum(about["kinds"].values()) == len(about["findings"]) and about["checked"]
    assert {f["fate"] for f in about["findings"]} >= {"error", "skipped"}
    done = fovea("train", "--model", "mlp", "--data", "litter", "--out", "never", "--stop-on-bad-file")
    assert done.code == INPUT and "3 pictures cannot be read" in done.err and not os.path.exists("never"), done.err
    info = fovea("data", "info", "litter")
    assert info.code == OK and "system file" in info.out and "empty folder" in info.out
    good = fovea("data", "check", "digits:40", "--json").json()
    assert good["errors"] == 0 and good["checked"]


def test_what_is_no_dataset():
    for name, part in (("a.zip", "no zip archive"), ("a.tar.gz", "damaged or truncated"), ("a.7z", "unpack it"), ("a.bin", "CIFAR")):
        with open(name, "wb") as file:
            file.write(b"x")
        expect_failure(fovea("data", "info", name), INPUT, part)


def test_fault_folders():
    where = fault("09-training-testing-folders")
    for name in ("one", "two"):
        about = fovea("data", "info", f"{where}/{name}", "--json").json()
        assert [c["name"] for c in about["classes"]] == ["blue", "green", "red"]
        assert (about["train"], about["test"]) == (12, 6)
    where = fault("10-first-picture-grey")
    about = fovea("data", "check", f"{where}/p", "--json").json()
    assert about["channels"] == 3 and about["same_size"] and (about["height"], about["width"]) == (8, 8)
    done = fovea("train", "--model", "lenet5", "--data", f"{where}/p", "--epochs", 1, "--out", "grey-run", "-q")
    assert done.code == OK, done.err
    assert "input [N, 3, " in fovea("inspect", "grey-run/best.onnx").out
    about = fovea("data", "info", f"{fault('14-mnist-kaggle-layout')}/archive", "--json").json()
    assert (about["train"], about["test"]) == (12, 10)
    done = fovea("data", "check", f"{fault('17-check-stops-at-first')}/pets")
    assert done.code == INPUT and "3 errors" in done.err
    for name in ("cat/666.jpg", "dog/7.jpg", "dog/8.png"):
        assert name in done.out
    done = fovea("data", "info", f"{fault('18-flat-test-folder')}/k", "--json")
    about = done.json()
    assert (about["train"], about["test"]) == (12, 6)
    assert any(f["file"].endswith("k/test") and f["fate"] == "skipped" for f in about["findings"])


def test_fault_last_batch():
    where = fault("19-last-batch-of-one")
    words = ["train", "--model", f"{where}/bn.onnx", "--data", f"{where}/colours", "--epochs", 2, "--out"]
    done = fovea(*words, "one-left", "--batch", 8)
    assert done.code == OK and done.err.count("is left out") == 1, done.err
    expect_failure(fovea(*words, "alone", "--batch", 1, "-q"), INPUT, "variance of a batch needs two")
    assert fovea(*words, "dropped", "--batch", 4, "--drop-last").code == OK
    assert fovea("train", "--resume", "dropped", "--epochs", 3).code == OK


if __name__ == "__main__":
    sys.exit(command.main(globals()))
