#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fovea predict with pictures as people have them: drawn in a paint program, black on white, of any size and place, on grey
paper, with transparency; folders, lists, patterns, standard input, run folders; tables.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_predict.py seven
"""
import csv
import io
import json
import os
import struct
import subprocess
import sys

import command
from files import write, write_png  # command.py has put it on the path
from command import FOVEA, INPUT, IO, OK, USAGE, environment, expect_failure, fovea, train

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def seven(path, width=200, height=150, corner=(120, 30), size=(50, 70), stroke=6, ink=BLACK, ground=WHITE, grain=0):
    """A bar and a slanted stroke, as somebody draws them with a mouse."""
    left, top = corner
    wide, tall = size
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            in_bar = left <= x < left + wide and top <= y < top + stroke
            middle = left + wide - stroke / 2 - (y - top) * 0.55 * wide / tall
            in_stroke = top <= y < top + tall and abs(x - middle) <= stroke / 2
            shade = (x * 7919 + y * 104729) % (grain + 1) - grain // 2 if grain else 0
            pixels += bytes(max(0, min(255, level + shade)) for level in (ink if in_bar or in_stroke else ground))
    write_png(path, height, width, len(ink), bytes(pixels))


_model = None


def model():
    global _model
    if _model is None:
        done = train("digits-run", "--threads", 2, data="digits:6000", epochs=3)
        assert done.code == OK, done.err
        _model = "digits-run"
    return _model


def answers(*words, **how):
    done = fovea("predict", model(), *words, "--csv", **how)
    assert done.code == OK, done.err
    return list(csv.DictReader(io.StringIO(done.out)))


def test_a_seven_is_a_seven():
    seven("drawn/black-on-white.png")
    seven("drawn/white-on-black.png", ink=WHITE, ground=BLACK)
    seven("drawn/upper-left.png", corner=(5, 8), size=(30, 45), stroke=4)
    seven("drawn/large.png", width=640, height=480, corner=(60, 40), size=(300, 400), stroke=30)
    seven("drawn/red.png", ink=(200, 20, 20))
    seven("drawn/grey-paper.png", ink=(50, 50, 80), ground=(190, 185, 170), grain=14)
    seven("drawn/dark-paper.png", ink=(20, 20, 20), ground=(110, 110, 105))
    seven("drawn/transparent.png", ink=(0, 0, 0, 255), ground=(0, 0, 0, 0))
    seven("drawn/chalk.png", ink=(255, 255, 255, 255), ground=(255, 255, 255, 0))
    seven("drawn/small.png", width=28, height=28, corner=(3, 2), size=(9, 13), stroke=2)
    rows = answers("drawn")
    assert [row["file"] for row in rows] == sorted(f"drawn/{name}" for name in os.listdir("drawn"))
    wrong = [row for row in rows if row["class"] != "7"]
    assert not wrong, wrong
    # options on the command line replace the preprocessing that the model file states
    squeezed = answers("drawn/black-on-white.png", "--fit", "stretch", "--invert", "no")[0]
    assert float(squeezed["probability"]) != float(rows[0]["probability"])
    about = fovea("inspect", model()).out
    assert "its ink, scaled and centred in 28 x 28" in about and "0..1, light on dark" in about, about
    done = fovea("predict", model(), "drawn/red.png")
    assert "7  " in done.out and sum(map(done.out.count, "@%#*+=-")) > 30, done.out  # what the network saw


def test_a_blank_page_is_said_to_be_blank():
    """What the network makes of an empty picture is no answer about a drawing."""
    for name, channels, level in ("white", 3, 255), ("black", 1, 0), ("clear", 4, 0):
        write_png(f"blank/{name}.png", 150, 200, channels, bytes([level]) * (150 * 200 * channels))
    for name in "white", "black", "clear":
        path = f"blank/{name}.png"
        done = fovea("predict", model(), path)
        assert done.code == OK and f"{path}: nothing is drawn on it" in done.err, done.err
        assert "nothing is drawn" in fovea("predict", model(), path, "--csv").err
        assert "(nothing is drawn on it" in fovea("predict", model(), path, "-q").out
        line = fovea("predict", model(), path, "--json")
        assert "nothing is drawn on it" in line.json()["note"] and line.err == "", line.err
    seven("blank/seven.png")
    done = fovea("predict", model(), "blank/seven.png", "blank/white.png", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert "note" not in lines[0] and "note" in lines[1]


# With --json each of several files has a line, the one that fails, too, in its place.
def test_a_failure_has_a_line():
    seven("several/a.png")
    seven("several/c.png")
    with open("several/b.png", "w", encoding="utf-8") as file:
        file.write("no picture")
    done = fovea("predict", model(), "several/a.png", "several/b.png", "several/c.png", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == INPUT and [line["file"] for line in lines] == [f"several/{x}.png" for x in "abc"], done.out
    assert ["error" in line for line in lines] == [False, True, False] and "b.png" in lines[1]["error"], lines
    alone = fovea("predict", model(), "several/b.png", "--json")
    assert alone.code == INPUT and alone.out == ""


def test_fits():
    seven("one/seven.png")
    assert fovea("new", "mlp", "-o", "mlp.onnx").code == OK
    seen = set()
    for how in ("stretch", "crop", "pad", "ink"):
        for invert in ("no", "yes", "auto"):
            done = fovea("predict", "mlp.onnx", "one/seven.png", "--fit", how, "--invert", invert, "--draw", "seen")
            assert done.code == OK, done.err
            with open("seen/seven.png", "rb") as file:
                seen.add(file.read())
    # for black on white "auto" equals "yes"; with "no" there is no ink, and "ink" equals "stretch"
    assert len(seen) == 7, len(seen)
    kept = fovea("convert", "mlp.onnx", "kept.onnx", "--fit", "pad", "--invert", "auto")
    about = fovea("inspect", "kept.onnx").out
    assert kept.code == OK and "between black bars, in 28 x 28" in about and "light on dark" in about, about
    expect_failure(fovea("predict", "mlp.onnx", "one/seven.png", "--fit", "pad", "--resize", 30), USAGE, "two ways")
    expect_failure(fovea("predict", "mlp.onnx", "one/seven.png", "--fit", "squash"), USAGE, "stretch")


def test_samples_of_the_data_stay_as_they_are():
    # samples of a dataset are neither fitted nor inverted, as in an evaluation
    rows = answers("--data", "digits:6000", "--index", "0,1,2,3,4")
    plain = answers("--data", "digits:6000", "--index", "0,1,2,3,4", "--fit", "stretch", "--invert", "no")
    assert rows == plain and [row["label"] for row in rows] != []


def test_many_ways_to_name_pictures():
    for name in ("a", "b", "deep/c"):
        seven(f"many/{name}.png")
    with open("many/notes.txt", "w", encoding="utf-8") as file:
        file.write("no picture\n")
    with open("list.txt", "w", encoding="utf-8") as file:
        file.write("# those of today\nmany/b.png\n\nmany/a.png\r\n")
    files = lambda *words: [row["file"] for row in answers(*words)]
    assert files("many") == ["many/a.png", "many/b.png", "many/deep/c.png"]
    assert files("many/") == files("many")
    assert files("@list.txt") == ["many/b.png", "many/a.png"]
    with open("marked.txt", "w", encoding="utf-8-sig") as file:  # a byte order mark in front
        file.write("many/b.png\nmany/a.png\n")
    assert files("@marked.txt") == ["many/b.png", "many/a.png"]
    assert files("many/*.png") == ["many/a.png", "many/b.png"]
    assert files("many/b.png", "many/deep") == ["many/b.png", "many/deep/c.png"]
    seven("many/deep/a.png")  # another picture of a name that is there
    assert fovea("predict", model(), "many", "--draw", "many-drawn", "-q").code == OK
    assert sorted(os.listdir("many-drawn")) == ["a-2.png", "a.png", "b.png", "c.png"]
    with open("many/a.png", "rb") as picture:
        piped = subprocess.run([FOVEA, "predict", model(), "-", "-q"], stdin=picture, capture_output=True,
                               env=environment(), check=False)
    assert piped.returncode == OK and piped.stdout.startswith(b"-  7  "), piped
    os.makedirs("nothing", exist_ok=True)
    expect_failure(fovea("predict", model(), "nothing"), INPUT, "no pictures")
    expect_failure(fovea("predict", model(), "none/*.png"), IO, "pattern")
    expect_failure(fovea("predict", model(), "@none.txt"), IO, "none.txt")
    expect_failure(fovea("predict", model(), "-"), INPUT, "standard input is empty")
    # one that cannot be read does not spoil the others
    done = fovea("predict", model(), "many/a.png", "many/notes.txt", "many/b.png", "--csv")
    assert done.code == INPUT and "notes.txt" in done.err
    assert [line.split(",")[0] for line in done.out.splitlines()] == ["file", "many/a.png", "many/b.png"]


def test_batches_answer_as_single_pictures_do():
    for i in range(40):
        seven(f"lot/{i:02d}.png", width=64, height=48, corner=(4 + i // 2, 4 + i // 4), size=(12 + i // 2, 30), stroke=3)
    together = answers("lot")
    assert len(together) == 40
    for i in (0, 31, 32, 39):
        alone = answers(f"lot/{i:02d}.png")[0]
        assert alone["class"] == together[i]["class"]
        assert abs(float(alone["probability"]) - float(together[i]["probability"])) < 1e-5


def test_tables():
    seven('comma,quote".png')
    done = fovea("predict", model(), 'comma,quote".png', "--csv", "--top", 2)
    heading, row = csv.reader(io.StringIO(done.out))
    assert heading == ["file", "class", "probability", "class_2", "probability_2"]
    assert row[0] == 'comma,quote".png' and row[1] == "7" and float(row[2]) > float(row[4])
    expect_failure(fovea("predict", model(), 'comma,quote".png', "--csv", "--json"), USAGE, "--csv or --json")


def test_run_folders_are_models():
    seven("one/seven.png")
    best = fovea("predict", f"{model()}/best.onnx", "one/seven.png", "--json").json()
    for word in (model(), model() + "/", os.path.abspath(model())):
        assert fovea("predict", word, "one/seven.png", "--json").json() == best
    whole = fovea("eval", model(), "--data", "digits:6000", "--json").json()
    assert whole["accuracy"] == fovea("eval", f"{model()}/best.onnx", "--data", "digits:6000", "--json").json()["accuracy"]


def npy(path, shape, kind, numbers):
    """A NumPy array as numpy.save writes it; kind: "B" uint8, "f" float32, "d" float64, "q" int64."""
    name = {"B": "|u1", "f": "<f4", "d": "<f8", "q": "<i8"}[kind]
    head = f"{{'descr': '{name}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    head += " " * (-(11 + len(head)) % 64) + "\n"
    write(path, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
          struct.pack(f"<{len(numbers)}{kind}", *numbers))


def test_arrays():
    """uint8 arrays are pictures, floats the network's input as it is; several in one file are answered one by one."""
    pixels = [(7 * i + i // 28) % 256 for i in range(28 * 28)]
    write_png("same.png", 28, 28, 1, bytes(pixels))
    npy("same.npy", (28, 28), "B", pixels)
    picture, array = (fovea("predict", model(), name, "--json").json() for name in ("same.png", "same.npy"))
    assert picture["top"] == array["top"]
    side = 32  # lenet5 pads 28 x 28 by itself: its input is the padded picture
    one, two = ([((i * k) % 11) / 5 - 1 for i in range(side * side)] for k in (3, 5))
    npy("one.npy", (1, side, side), "f", one)
    npy("two.npy", (1, side, side, 1), "d", two)
    npy("both.npy", (2, 1, side, side), "f", one + two)
    answers = [fovea("predict", model(), name, "--json").json()["top"] for name in ("one.npy", "two.npy")]
    assert answers[0] != answers[1]
    lines = [json.loads(line) for line in fovea("predict", model(), "both.npy", "--json").out.splitlines()]
    assert [line["file"] for line in lines] == ["both.npy[0]", "both.npy[1]"]
    for line, answer in zip(lines, answers):  # together sums may be rounded differently
        for a, b in zip(line["top"], answer):
            assert a["class"] == b["class"] and abs(a["probability"] - b["probability"]) < 1e-5, (a, b)
    assert fovea("predict", model(), "both.npy[1]", "--json").json()["top"] == answers[1]
    with open("one.npy", "rb") as file:
        done = subprocess.run([FOVEA, "predict", model(), "-", "--json"], stdin=file, capture_output=True, text=True,
                              env=environment(), check=False)
    assert json.loads(done.stdout)["top"] == answers[0], done.stderr
    assert fovea("features", model(), "both.npy", "-o", "f.npy", "--json").json()["shape"][0] == 2
    assert fovea("explain", model(), "both.npy[1]", "--json").json()
    expect_failure(fovea("predict", model(), "both.npy[2]"), USAGE, "both.npy", "no picture 2", "it holds 2")
    expect_failure(fovea("explain", model(), "both.npy", "--json"), USAGE, "holds 2 pictures", "both.npy[0]")
    npy("small.npy", (28, 28), "f", one[:28 * 28])
    expect_failure(fovea("predict", model(), "small.npy"), INPUT, "small.npy", "[1, 28, 28]", "[1, 32, 32]")
    npy("whole.npy", (28, 28), "q", pixels)
    expect_failure(fovea("predict", model(), "whole.npy"), INPUT, "whole.npy", "an array of i64")
    expect_failure(fovea("filter", "--kernel", "0 1 0; 1 -4 1; 0 1 0", "one.npy", "-o", "x.png"), INPUT, "one.npy",
                   "uint8 is read")
    assert fovea("filter", "--kernel", "0 1 0; 1 -4 1; 0 1 0", "same.npy", "-o", "x.png").code == OK


if __name__ == "__main__":
    sys.exit(command.main(globals()))
