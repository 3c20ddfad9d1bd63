#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every verb does with a path that is nowhere, that the system refuses, that is a folder where a file is wanted or the
other way round, and with a file that holds something else: one sentence and one exit code, the same for all of them.

4: nothing is there, or the system refuses to open it; a folder where only a file can be meant, a file where only a folder.
3: it can be opened, and holds nothing of the kind that is wanted.   2: a word that is no path, and no name known here.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_paths.py every
"""
import os
import re
import shutil
import subprocess
import sys

import command
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../fixtures")
import output_models
from command import INPUT, IO, OK, USAGE, fovea, png, trained

SOURCES = os.path.dirname(os.path.abspath(__file__)) + "/../../cli"

# The kinds of input, and the exit code for each wrong path in their place.
NOWHERE = {"nowhere.onnx": IO, "no/where.onnx": IO, "loop.onnx": IO, "file.txt/inside.onnx": IO}
KINDS = {
    "model": {**NOWHERE, "empty": INPUT, "garbage.onnx": INPUT, "empty.onnx": INPUT, "garbage.safetensors": INPUT,
              "garbage.pth": INPUT, "garbage.h5": INPUT, "nothing-of-that-name": USAGE},
    "weights": {"nowhere.safetensors": IO, "no/where.pth": IO, "loop.safetensors": IO, "folder.safetensors": IO,
                "garbage.safetensors": INPUT, "garbage.pth": INPUT, "garbage.h5": INPUT},
    "file of a model": {"nowhere.onnx": IO, "loop.onnx": IO, "garbage.onnx": INPUT},
    "picture": {"nowhere.png": IO, "no/where.png": IO, "loop.png": IO, "empty": IO, "garbage.png": INPUT, "empty.png": INPUT},
    "pictures": {"nowhere.png": IO, "no/where/": IO, "loop.png": IO, "empty": INPUT, "garbage.png": INPUT, "empty.png": INPUT,
                 "@nowhere.txt": IO, "@empty": IO, "no*such*.png": IO},
    "data": {"no/where": IO, "nowhere/": IO, "no/where.zip": IO, "nowhere.zip": IO, "nowhere.csv": IO, "loop.zip": IO,
             "mnist:no/where": IO, "mnist:file.txt": IO, "folder:no/where": IO, "cifar10:no/where": IO, "yolo:no/where": IO,
             "empty": INPUT, "mnist:empty": INPUT, "folder:empty": INPUT, "file.txt": INPUT, "garbage.zip": INPUT,
             "garbage.csv": INPUT, "garbage.json": INPUT, "nothing-of-that-name": USAGE},
    "run": {"no/where": IO, "nowhere": IO, "file.txt": IO, "loop": IO, "empty": INPUT},
    "json": {"nowhere.json": IO, "no/where.json": IO, "loop.json": IO, "empty": IO, "garbage.json": INPUT,
             "empty.json": INPUT},
    # a wrong setting in a file is a usage error, as on the command line
    "settings": {"nowhere.json": IO, "no/where.json": IO, "loop.json": IO, "empty": IO, "garbage.json": USAGE},
    "list": {"nowhere.txt": IO, "no/where.txt": IO, "loop.txt": IO, "empty": IO},
    "token": {"nowhere": IO, "no/where": IO, "loop": IO, "empty": IO, "file.txt": INPUT, "empty.png": INPUT},
    "names": {"nowhere.txt": IO, "loop.txt": IO, "empty": IO, "garbage.json": INPUT},
    "folder": {"no/where": IO, "nowhere": IO, "file.txt": IO, "loop": IO},
    "array": {"nowhere.npy": IO, "loop.npy": IO, "empty": IO, "garbage.npy": INPUT},
    "darknet": {"nowhere.cfg": IO, "loop.cfg": IO, "garbage.cfg": INPUT},
}

# Every argument and option that reads a file, with its kind. {}: the wrong path.
LINES = (
    ("model", "bench {} --time 0.01"), ("json", "bench mlp --time 0.01 --compare {}"),
    ("model", "colorize {} a.png"), ("picture", "colorize colour.onnx {}"),
    ("folder", "conformance {}"), ("file of a model", "convert {} out.onnx"), ("weights", "convert {} out.onnx"),
    ("darknet", "convert {} out.onnx"), ("darknet", "convert net.cfg out.onnx --weights {}"),
    ("file of a model", "convert w.safetensors out.onnx --model {}"),
    ("data", "data info {}"), ("data", "data check {}"), ("data", "data show {}"), ("data", "data export {} exported"),
    ("list", "data info photos --val-list {}"),
    ("model", "eval {} --data digits:60"), ("data", "eval best.onnx --data {}"), ("json", "eval --answers {}"),
    ("json", "eval --answers answers.json --truth {}"), ("file of a model", "eval w.safetensors --model {} --data digits:60"),
    ("names", "eval best.onnx --data digits:60 --names {}"),
    ("model", "explain {} a.png -o page.html"), ("picture", "explain best.onnx {} -o page.html"),
    ("data", "explain best.onnx a.png -o page.html --data {}"),
    ("model", "features {} a.png -o f.npy"), ("pictures", "features best.onnx {} -o f.npy"),
    ("data", "features best.onnx --data {} -o f.npy"),
    ("picture", "filter box3 {} -o f.png"), ("picture", "filter --sheet {} -o f.png"),
    ("picture", "filter --kernel 1 {} -o f.png"),
    ("model", "generate {}"), ("model", "inspect {}"),
    ("model", "predict {} a.png"), ("pictures", "predict best.onnx {}"), ("data", "predict best.onnx --data {}"),
    ("names", "predict best.onnx a.png --names {}"), ("array", "predict two.onnx a.png --input k={}"),
    ("run", "report {}"), ("run", "report {} {}"), ("data", "report run --data {} -o page.html"),
    ("model", "serve {} --port 0"), ("model", "serve --backbone {} --port 0"),
    ("token", "serve --token-file {} --port 0"),
    ("picture", "style {} a.png --network mlp"), ("picture", "style a.png {} --network mlp"),
    ("model", "style a.png b.png --network {}"),
    ("data", "train --data {} --model mlp"), ("file of a model", "train --model {} --data digits:60"),
    ("weights", "train --model mlp --weights {} --data digits:60"), ("run", "train --resume {}"),
    ("settings", "train -c {}"), ("list", "train --data photos --model mlp --val-list {}"),
    ("names", "train --data digits:60 --model mlp --names {}"),
)
READS_NOTHING = {"completion", "doctor", "learn", "new", "ops", "zoo"}
# Options whose value is a path that is read, by their help's "FILE", "DIR" ..., and that are in no line above: why.
LEFT_OUT = {("all", "allow-external"): "a permission, not an input", ("data", "dir"): "where data is put",
            ("serve", "runs"): "watched: it may come later", ("bench", "rates"): "made where it is not there"}


def prepare():
    shutil.copytree(trained(), "run", dirs_exist_ok=True)
    shutil.copy("run/best.onnx", "best.onnx")
    assert fovea("new", "colour-small", "-o", "colour.onnx").code == OK
    assert fovea("convert", "best.onnx", "w.safetensors").code == OK
    for name in ("a.png", "b.png"):
        png(name, 28, 28, 70)
    for i in range(6):
        os.makedirs(f"photos/{'ab'[i % 2]}", exist_ok=True)
        png(f"photos/{'ab'[i % 2]}/{i}.png", 12, 12, 40 * i)
    os.makedirs("empty", exist_ok=True)
    os.makedirs("folder.safetensors", exist_ok=True)
    for kinds in KINDS.values():
        for name in kinds:
            base = name.split(":")[-1]
            if base.startswith("loop") and not os.path.lexists(base):
                os.symlink(base, base)
            elif base.startswith(("garbage", "file.txt")) and "/" not in base and not os.path.exists(base):
                with open(base, "wb") as file:
                    file.write(b"\x93\x02 this is none of the kinds that are wanted here {[(\n" * 40)
            elif base.startswith("empty."):
                open(base, "wb").close()
    with open("two.onnx", "wb") as file:
        file.write(output_models.files()["two_inputs"])
    with open("answers.json", "w", encoding="utf-8") as file:
        file.write('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    with open("net.cfg", "w", encoding="utf-8") as file:
        file.write("[net]\nheight=8\nwidth=8\nchannels=3\n[convolutional]\nfilters=2\nsize=1\nstride=1\nactivation=linear\n")


def test_every_verb_is_here():
    named = {line.split()[0] for _, line in LINES}
    assert named | READS_NOTHING == set(command.VERBS), (named | READS_NOTHING) ^ set(command.VERBS)
    words = {line.split()[0]: set() for _, line in LINES}
    for _, line in LINES:
        for word, value in zip(line.split(), line.split()[1:]):
            if word.startswith("-") and "{}" in value:
                words[line.split()[0]].add(word.lstrip("-"))
    for name in sorted(os.listdir(SOURCES)):
        verb = name[len("verb_"):-2] if name.startswith("verb_") else "all"
        if not name.endswith(".c") or verb in READS_NOTHING or name not in (f"verb_{verb}.c", "options.c", "preprocessing.c"):
            continue
        with open(f"{SOURCES}/{name}", encoding="utf-8") as file:
            rows = re.findall(r"\{\.name = \"[^}]*\}", file.read())
        for row in filter(lambda row: "{.name = \"" in row, rows):
            argument = re.search(r"\.argument = \"(NAME\|)?(NAME=)?(FILE|DIR|FOLDER)", row)
            option = row.split('"')[1]
            letter = re.search(r"\.letter = '(.)'", row)
            if argument and ".writes" not in row and (verb, option) not in LEFT_OUT:
                known = words[verb] if verb != "all" else set().union(*words.values())
                assert {option, letter[1] if letter else option} & known, (verb, option)


def answer(words):
    """A verb that goes on as if nothing were wrong, as a server does, is stopped."""
    try:
        return command.Result(subprocess.run([command.FOVEA, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                             stdin=subprocess.DEVNULL, env=command.environment(), check=False, timeout=20))
    except subprocess.TimeoutExpired as slow:
        return command.Result(subprocess.CompletedProcess(words, OK, slow.stdout or b"", slow.stderr or b"it goes on"))


def test_paths():
    prepare()
    wrong = []
    for kind, line in LINES:
        for thing, code in KINDS[kind].items():
            done = answer(line.format(thing, thing).split())
            lines = [part for part in done.err.strip().split("\n") if part]
            is_listed = line.startswith("data check") and code == INPUT  # its findings are printed as its result
            fine = done.code == code and lines and lines[-1].startswith("fovea") and (done.out == "" or is_listed)
            if not fine:
                wrong.append(f"{line.format(thing, thing)}: exit {done.code}, not {code}: {done.err.strip()[-200:]}")
    assert not wrong, f"{len(wrong)} of them:\n" + "\n".join(wrong)


if __name__ == "__main__":
    sys.exit(command.main(globals()))
