#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No verb writes over what it reads: each option and argument that is written, tried on each input, by its own name, with ./
before it, through a symbolic and a hard link. Which ones are written is read from the tables in cli/.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_overwrite.py verbs
"""
import os
import re
import shutil
import subprocess
import sys

import command
from command import FOVEA, OK, USAGE, Skip, environment, expect_failure, fovea, png, train, trained

SOURCES = os.path.dirname(os.path.abspath(__file__)) + "/../../cli"

# {in}: what is read, {out}: the same file under another name. A line for each input of each option that writes.
LINES = {
    ("bench", "save"): ("bench {in} --time 0.01 --save {out}", "bench mlp --time 0.01 --compare {in} --save {out}"),
    ("bench", "rates"): ("bench {in} --tune --rates {out}",),
    ("colorize", "out"): ("colorize colour.onnx {in} -o {out}", "colorize {in} a.png -o {out}"),
    ("conformance", "rewrite"): ("conformance cases --rewrite {out}",),
    ("convert", "TO"): ("convert {in} {out}",),
    ("data", "out"): ("data show {in} -o {out}", "data show {in} --val-list list.txt -o {out}"),
    ("data", "DIR"): ("data export {in} {out}",),
    ("explain", "out"): ("explain best.onnx {in} -o {out}", "explain {in} a.png -o {out}",
                         "explain best.onnx --visualise output -o {out} --names {in}"),
    ("features", "out"): ("features best.onnx {in} -o {out}", "features {in} a.png -o {out}"),
    ("filter", "out"): ("filter box3 {in} -o {out}", "filter --sheet {in} -o {out}"),
    ("filter", "raw"): ("filter box3 {in} --raw {out}",),
    ("generate", "out"): ("generate {in} -o {out}",),
    ("inspect", "svg"): ("inspect {in} --svg {out}",),
    ("inspect", "png"): ("inspect {in} --png {out}",),
    ("new", "out"): ("new mlp -o {out} --allow-external {in}",),
    ("ops", "out"): ("ops {in} -o {out}",),
    ("predict", "draw"): ("predict best.onnx {in} --draw {out}",),
    ("predict", "out"): ("predict best.onnx {in} -o {out}", "predict {in} a.png -o {out}",
                         "predict best.onnx a.png --names {in} -o {out}", "predict best.onnx @{in} -o {out}"),
    ("predict", "save-txt"): (),  # writes .txt files into a folder: test_texts
    ("report", "out"): ("report run -o {out}", "report run --data {in} -o {out}"),
    ("serve", "keep"): (),  # writes files of its own into a folder: test_what_is_kept
    ("style", "out"): ("style {in} a.png -o {out}", "style a.png {in} -o {out}", "style a.png b.png --network {in} -o {out}"),
    ("train", "out"): ("train --model mlp --data {in} --epochs 1 --out {out}",),
}
FOLDERS = {("data", "DIR"), ("predict", "draw"), ("train", "out")}
OF_A_RUN = {"report run -o {out}": "run/history.csv", "conformance cases --rewrite {out}": "cases/one/model.onnx"}


def written():
    """Options and arguments that the tables say are written."""
    found = set()
    for name in sorted(os.listdir(SOURCES)):
        if not name.startswith("verb_") or not name.endswith(".c"):
            continue
        verb = name[len("verb_"):-2]
        with open(f"{SOURCES}/{name}", encoding="utf-8") as file:
            text = file.read()
        for row in re.findall(r"\{\.name = \"[^}]*\}", text):
            if ".writes = WRITES_" in row:
                found.add((verb, re.match(r"\{\.name = \"([^\"]+)", row)[1]))
        for number in re.findall(r"\.written_argument = (\d)", text):
            found.add((verb, {"convert2": "TO", "data3": "DIR"}[verb + number]))
    return found


def content(path):
    if os.path.isdir(path):
        return sorted(os.listdir(path))
    with open(path, "rb") as file:
        return file.read()


def names_of(path):
    """The same file or folder under other names."""
    for link in ("soft", "hard"):
        if os.path.lexists(link):
            os.remove(link)
    os.symlink(os.path.abspath(path), "soft")
    others = [path, f"./{path}", os.path.abspath(path), "soft"]
    if os.path.isdir(path):
        return others + [path + "/"]
    os.link(path, "hard")
    return others + ["hard"]


def prepare():
    shutil.copytree(trained(), "run", dirs_exist_ok=True)
    shutil.copy("run/best.onnx", "best.onnx")
    shutil.copy("run/best.onnx", "colour.onnx")
    for name, value in (("a.png", 20), ("b.png", 200)):
        png(name, 28, 28, value)
    os.makedirs("cases/one", exist_ok=True)
    shutil.copy("run/best.onnx", "cases/one/model.onnx")
    for i in range(6):
        os.makedirs(f"photos/{'ab'[i % 2]}", exist_ok=True)
        png(f"photos/{'ab'[i % 2]}/{i}.png", 12, 12, 40 * i)


def test_verbs_that_write():
    assert written() == set(LINES), written() ^ set(LINES)
    prepare()
    for (verb, option), lines in LINES.items():
        for line in lines:
            folder = (verb, option) in FOLDERS
            source = OF_A_RUN.get(line) or ("photos" if folder else "input.onnx")
            if source == "input.onnx":
                shutil.copy("best.onnx", source)
            before = content(source)
            for name in names_of(source):
                if name == "hard" and line in OF_A_RUN:
                    continue  # a hard link elsewhere: replacing it leaves the input as it is
                done = fovea(*line.format(**{"in": source, "out": name}).split())
                assert content(source) == before, (line, name)
                expect_failure(done, USAGE, "would be written over what is read")


def test_what_a_folder_holds():
    prepare()
    before = content("photos/a/0.png")
    for line in ("predict best.onnx photos/a/0.png photos/b/1.png -o photos/a/0.png",
                 "predict best.onnx photos/a -o photos/a/0.png", "data show photos -o photos/a/0.png",
                 "features best.onnx --data photos -o photos/a/0.png", "features best.onnx --data folder:photos -o photos/a/0.png",
                 "explain best.onnx a.png --data photos -o photos/a/0.png", "inspect run --svg run/best.onnx",
                 "report run -o run/config.json", "convert run run/best.onnx"):
        done = fovea(*line.split())
        assert done.code == USAGE and "would be written over" in done.err, (line, done.err)
    assert content("photos/a/0.png") == before
    # a verb may replace its own earlier output
    for line in ("report run -o run/report.html", "inspect run --svg run/network.svg",
                 "features best.onnx --data photos -o photos/all.npy"):
        for _ in range(2):
            assert fovea(*line.split()).code == OK, line
    assert fovea("train", "--model", "run/best.onnx", "--data", "digits:200", "--epochs", 1, "--out", "run",
                 "--overwrite").code == USAGE
    os.makedirs("in", exist_ok=True)
    for other in ("new.png", "./new.png", "in/../new.png", os.path.abspath("new.png")):
        same = fovea("filter", "box3", "a.png", "-o", "new.png", "--raw", other)
        expect_failure(same, USAGE, "--out and --raw would write the same file")


def test_drawings():
    """Files of --draw are named after the pictures: none of those may be one of them."""
    prepare()
    for name in ("one", "two", "drawn"):
        os.makedirs(name, exist_ok=True)
    png("one/x.png", 20, 20, 50)
    png("two/y.png", 20, 20, 60)
    before = content("one/x.png")
    for words in (["one/x.png", "two/y.png"], ["@list.txt"], ["one/*.png", "two/y.png"]):
        with open("list.txt", "w", encoding="utf-8") as file:
            file.write("two/y.png\none/x.png\n")
        done = fovea("predict", "best.onnx", *words, "--draw", "one")
        assert done.code == USAGE and content("one/x.png") == before, (words, done.err)
        assert "one of the pictures that are read" in done.err, done.err
    os.symlink(os.path.abspath("one/x.png"), "drawn/x.png")
    done = fovea("predict", "best.onnx", "one/x.png", "--draw", "drawn")
    assert done.code == USAGE and content("one/x.png") == before, done.err
    os.remove("drawn/x.png")
    for _ in range(2):
        assert fovea("predict", "best.onnx", "one/x.png", "--draw", "drawn/deep/er").code == OK
    assert os.path.exists("drawn/deep/er/x.png")


def test_texts():
    """Files of --save-txt are named after the pictures: none of those may be a list or names that are read."""
    assert fovea("new", "yolox-nano", "--classes", 3, "--input", "3x64x64", "-o", "boxes.onnx").code == OK
    os.makedirs("texts", exist_ok=True)
    png("texts/one.png", 64, 64, 90)
    for words, text in ((["@texts/one.txt"], "texts/one.png\n"), (["texts/one.png", "--names", "texts/one.txt"], "a\nb\nc\n")):
        with open("texts/one.txt", "w", encoding="utf-8") as file:
            file.write(text)
        done = fovea("predict", "boxes.onnx", *words, "--save-txt", "texts", "-q")
        assert content("texts/one.txt") == text.encode(), words
        assert done.code == USAGE and "texts/one.txt would be written over what is read" in done.err, done.err
    for _ in range(2):
        assert fovea("predict", "boxes.onnx", "texts/one.png", "--save-txt", "texts/made").code == OK
    assert os.listdir("texts/made") == ["one.txt"]


def test_what_is_kept():
    """Teaching begins its run of --keep anew: no model of that run may be what is served or taught from."""
    if "no server" in fovea("serve", "--listen", "nowhere").err:
        raise Skip("built without libevent")
    prepare()
    os.makedirs("kept", exist_ok=True)
    shutil.copytree("run", "kept/.run", dirs_exist_ok=True)
    for words in (["kept/.run/best.onnx"], ["best.onnx", "--backbone", "kept/.run/last.onnx"], ["kept/.run"]):
        expect_failure(fovea("serve", *words, "--keep", "kept", "--port", 0), USAGE, "--keep kept/.run/",
                       "would be written over what is read")


def test_names_that_a_verb_makes():
    """Files that are named after others: --every of style, a grey picture's colours, a class's folder."""
    prepare()
    shutil.copy("a.png", "a-colour.png")
    shutil.copy("a.png", "a-0002.png")
    os.makedirs("flat/a/a", exist_ok=True)
    for name in ("flat/a/00000.png", "flat/a/a/x.png", "flat/a/a/y.png"):
        png(name, 12, 12, 90)
    before = content("a.png"), content("flat/a/00000.png")
    for line in ("colorize colour.onnx a.png a-colour.png", "colorize colour.onnx ./a-colour.png a.png",
                 "style b.png a-0002.png --steps 3 --every 2 -o a.png", "style ./a-0002.png b.png --steps 3 --every 2 -o a.png",
                 "data export folder:flat/a flat"):
        expect_failure(fovea(*line.split()), USAGE, "would be written over what is read")
    assert (content("a-colour.png"), content("a-0002.png")) == (before[0], before[0])
    assert content("flat/a/00000.png") == before[1]
    for _ in range(2):
        assert fovea("data", "export", "photos", "out").code == OK


def test_standard_input():
    prepare()
    before = content("a.png")
    with open("a.png", "rb") as file:
        done = subprocess.run([FOVEA, "predict", "best.onnx", "-", "-o", "a.png"], stdin=file, stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=environment(), check=False, timeout=60)
    assert done.returncode == USAGE and content("a.png") == before, done


if __name__ == "__main__":
    sys.exit(command.main(globals()))
