#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the command behaves: nothing is overwritten or forgotten, defaults that are typed change nothing, results are printed in
every mood and never lost, tables fit their screen.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_manners.py tables
"""
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata

import command
from command import FOVEA, IO, OK, USAGE, digest, environment, expect_failure, fovea, png, train


def tree(folder):
    found = {}
    for root, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(root, name), "rb") as file:
                found[os.path.join(root, name)] = file.read()
    return found


# ---- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_is_never_written_into():
    assert train("kept").code == OK
    before = tree("kept")
    expect_failure(train("kept"), USAGE, "kept", "--overwrite")
    assert tree("kept") == before
    for left in ("history.csv", "last.onnx"):  # a run of which one file is left
        os.makedirs(f"part-{left}", exist_ok=True)
        shutil.copy(f"kept/{left}", f"part-{left}")
        expect_failure(train(f"part-{left}"), USAGE, left)
    assert train("kept", "--overwrite", "--seed", "5").code == OK
    assert tree("kept")["kept/best.onnx"] != before["kept/best.onnx"]


def test_what_moves_a_bit_is_kept():
    assert train("exact", "--exact-conv").code == OK
    with open("exact/config.json", encoding="utf-8") as file:
        kept = json.load(file)
    assert kept["exact_conv"] is True and len(kept["rates"]) == 4 and kept["isa"] and kept["fovea"]
    assert fovea("train", "--resume", "exact", "--epochs", 2).code == OK  # the run's own setting is used
    expect_failure(fovea("train", "--resume", "exact", "--epochs", 3, "--exact-conv=no"), USAGE, "exact_conv")
    assert train("plain").code == OK
    expect_failure(fovea("train", "--resume", "plain", "--epochs", 2, "--exact-conv"), USAGE, "exact_conv")
    other = fovea("train", "--resume", "plain", "--epochs", 2, env=environment(FOVEA_ISA="reference"))
    assert other.code == OK and "other kernels (reference" in other.err, other.err


def test_a_run_goes_on_from_anywhere():
    for i in range(24):
        os.makedirs(f"there/pictures/{'ab'[i % 2]}", exist_ok=True)
        png(f"there/pictures/{'ab'[i % 2]}/{i}.png", 12, 12, 20 + 200 * (i % 2))
    with open("there/held.txt", "w", encoding="utf-8") as file:
        file.write("".join(f"{i}.png\n" for i in range(4)))
    how = dict(cwd="there", env=environment())
    words = ("train", "--model", "mlp", "--data", "pictures", "--epochs", 1, "--out", "run", "--val-list", "held.txt")
    assert fovea(*words, **how).code == OK
    done = fovea("train", "--resume", "there/run", "--epochs", 2)
    assert done.code == OK, done.err
    assert "on pictures:" in done.out, done.out  # the real name, not the kind of data


def test_one_training_time():
    """What the terminal, the page and the table call training is the same time: that of the steps."""
    def page():
        with open("timed/report.html", encoding="utf-8") as file:
            text = re.sub("<[^>]*>", " ", file.read())
        return re.search(r"training time\s+([\d.]+ s)", text) or re.search(r"([\d.]+ s)\s+training time", text)

    def table():
        with open("timed/history.csv", encoding="utf-8") as file:
            return sum(float(row["time"]) for row in csv.DictReader(file))
    done = train("timed", "--model", "mlp", epochs=2)
    found = re.search(r"Trained in ([\d.]+ s) \(([\d.]+) s with validation", done.out)
    assert found and found[1] == page()[1] == f"{table():.1f} s" and float(found[2]) >= table() - 0.1, done.out
    done = fovea("train", "--resume", "timed", "--epochs", 4, "--json").json()
    assert abs(done["training_seconds"] - table()) < 1e-3 and done["seconds"] > 0
    done = fovea("train", "--resume", "timed", "--epochs", 5)
    found = re.search(r"Trained in ([\d.]+ s)", done.out)
    assert found and found[1] == page()[1] == f"{table():.1f} s", done.out


def test_test_is_measured_once():
    done = train("three", "--val-split", "0.1")
    assert "At its best: accuracy" in done.out and "On the test samples, which chose nothing: accuracy" in done.out
    about = train("three-json", "--val-split", "0.1", "--json").json()
    assert about["test"]["count"] == 100 and 0 <= about["test"]["accuracy"] <= 1
    whole = fovea("eval", "three-json", "--data", "digits:600", "--val-split", "0.1", "--json").json()
    assert whole["accuracy"] == about["test"]["accuracy"]
    two = train("two")
    assert "chose the best epoch" in two.out and "On the test samples" not in two.out
    assert "test" not in train("two-json", "--json").json()
    assert "56 to validate with, 100 to test with" in fovea("data", "info", "digits:600", "--val-split", "0.1").out
    assert "100 to validate and to test with" in fovea("data", "info", "digits:600").out


# ---- options ----------------------------------------------------------------------------------------------------------


def test_a_default_that_is_typed_changes_nothing():
    plain = train("plain-run", "--json").json()["hash"]
    for i, words in enumerate((["--lr", "0.01"],
                               ["--momentum", "0.9", "--schedule", "cosine", "--batch", "64", "--optimizer", "sgd"],
                               ["--warmup", "0", "--seed", "0", "--label-smoothing", "0", "--model", "lenet5"])):
        assert train(f"typed{i}", *words, "--json").json()["hash"] == plain, words
    with open("plain-run/config.json", encoding="utf-8") as file:
        text = file.read()
    assert '"lr": 0.01,' in text and "momentum=0.9:" in text and not re.search(r"\d99999|00000\d", text), text


# ---- what is printed --------------------------------------------------------------------------------------------------


def test_quiet_prints_the_result():
    line = re.compile(r"accuracy \d+\.\d\d % \(\d+ of 100\), loss \d\.\d{4}\n")
    done = train("quiet", "-q")
    assert line.fullmatch(done.out) and done.err == "", (done.out, done.err)
    assert line.fullmatch(fovea("eval", "quiet", "--data", "digits:600", "-q").out)


def test_json_has_a_line_for_each_epoch():
    lines = [json.loads(line) for line in train("lines", "--json", epochs=3).out.splitlines()]
    assert [line.get("epoch") for line in lines] == [1, 2, 3, None]
    assert lines[3]["history"] == lines[:3] and lines[3]["directory"] == "lines"


def test_what_cannot_be_printed_is_a_failure():
    assert train("printed").code == OK
    for words in (["help"], ["--version"], ["zoo"], ["ops"], ["data", "list"], ["data", "info", "digits:100"],
                  ["inspect", "printed"], ["predict", "printed", "--data", "digits:600"],
                  ["eval", "printed", "--data", "digits:600"], ["new", "mlp", "-o", "x.onnx"], ["train", "--help"],
                  ["convert", "printed/best.onnx", "x.safetensors"], ["learn", "list"], ["filter", "--list"],
                  ["train", "--data", "digits:100", "--epochs", "1", "--out", "full"],
                  ["train", "--data", "digits:100", "--epochs", "1", "--out", "full-json", "--json"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([FOVEA, *words], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                  env=environment(), check=False, timeout=60)
        assert done.returncode == IO and b"No space left" in done.stderr, (words, done)


def width_of(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_tables_fit():
    assert train("tables").code == OK
    for columns in (80, 120):
        for words in (["zoo"], ["ops"], ["data", "list"], ["data", "transforms"], ["learn", "list"], ["filter", "--list"],
                      ["eval", "tables", "--data", "digits:600"]):
            done = fovea(*words, env=environment(COLUMNS=str(columns)))
            wide = [line for line in done.out.splitlines() if width_of(line) > columns]
            assert done.code == OK and not wide, (columns, words, wide[:2])
        layers = fovea("inspect", "resnet18", env=environment(COLUMNS=str(columns))).out.split("\n\n")[1]
        assert max(map(width_of, layers.splitlines())) <= columns
    assert "left out for want of room: " in fovea("zoo", env=environment(COLUMNS="80")).out
    assert "left out" not in fovea("zoo", env=environment(COLUMNS="200")).out


def test_help_fits():
    for verb in command.VERBS:
        whole = fovea(verb, "--help", env=environment(COLUMNS="1000")).out.split("Examples\n")[1]
        for columns in (60, 80):
            page = fovea(verb, "--help", env=environment(COLUMNS=str(columns))).out
            wide = [line for line in page.splitlines() if width_of(line) > columns]
            assert not wide, (columns, verb, wide[:2])
            shown = re.sub(r" \\\n +", " ", page.split("Examples\n")[1])  # broken lines joined, as a shell does
            assert shown == re.sub(r" \\\n +", " ", whole), (columns, verb)


def long_classes(folder, lengths):
    """Pictures of two classes with names of those lengths; the names."""
    names = [("crane bird " * 40)[:length - 1] + str(i) for i, length in enumerate(lengths)]
    for i, name in enumerate(names):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        for k in range(8):
            png(f"{folder}/{name}/{k}.png", 12, 12, 20 + 200 * i)
    return names


def test_words_are_whole():
    words = ("--optimizer", "sgd:weight_decay=0.0005:nesterov=1:momentum=0.9",
             "--schedule", "one-cycle:rise=0.25:div=25:final_div=10000")
    done = train("whole", *words, env=environment(COLUMNS="200"))
    assert done.code == OK, done.err
    assert words[1] in done.out and words[3] in done.out, done.out

    names = long_classes("long", (90, 200))
    assert train("long-run", "--model", "mlp", data="long").code == OK
    picture = f"long/{names[0]}/0.png"
    quiet = fovea("predict", "long-run", picture, "-q").out
    assert any(f"  {name}  " in quiet for name in names), quiet  # with -q nothing is cut, for scripts
    wide = fovea("predict", "long-run", picture, env=environment(COLUMNS="300")).out
    assert all(f"  {name}  " in wide or f" {name} " in wide for name in names), wide
    table = fovea("predict", "long-run", picture, env=environment(COLUMNS="80")).out.split("\n")[1:]  # below the picture's name
    assert sum(names[0][:15] in line and "…" in line for line in table) == 2, table  # a cut name is marked
    assert all(width_of(line) <= 80 for line in table), table
    about = fovea("predict", "long-run", "--data", "long", "--index", 0).out
    assert f"it is {names[0]}" in about, about

    deep = "/".join(["a folder with a name that takes its room"] * 14)
    made = fovea("new", "lenet5", "--out", f"{deep}/model.onnx")
    if made.code == IO:  # the folder does not exist
        os.makedirs(deep)
        made = fovea("new", "lenet5", "--out", f"{deep}/model.onnx")
    assert f"{deep}/model.onnx" in made.out, made


def test_pixels_are_measured():
    for name, value in (("dark", 20), ("light", 220)):
        os.makedirs(f"shades/{name}", exist_ok=True)
        for k in range(8):
            png(f"shades/{name}/{k}.png", 12, 12, value)
    done = train("shades-run", "--model", "mlp", "--mean", "data", "--std", "data", data="shades")
    assert done.code == OK, done.err
    assert "mean 0.4706 (measured), deviation 0.3922 (measured)" in done.err, done.err  # (20 + 220) / 2, (220 - 20) / 2
    carried = "0..1, then (x - 0.470588) / 0.392157"
    assert carried in fovea("inspect", "shades-run").out
    assert fovea("train", "--resume", "shades-run", "--epochs", 2).code == OK
    assert carried in fovea("inspect", "shades-run/last.onnx").out  # a resumed run keeps its preprocessing
    one = train("shades-one", "--model", "mlp", "--mean", "data", "--std", "0.25", data="shades")
    assert "mean 0.4706 (measured), deviation 0.25" in one.err, one.err
    again = fovea("train", "-c", "shades-one/config.json", "--out", "shades-again")
    assert again.code == OK, again.err
    assert digest("shades-again/best.onnx") == digest("shades-one/best.onnx")  # with the same preprocessing, too
    assert "0..1, then (x - 0.470588) / 0.25" in fovea("inspect", "shades-again").out
    expect_failure(fovea("predict", "shades-run", "shades/dark/0.png", "--mean", "data"), USAGE, "--mean data", "train")


def test_next_names_the_program_as_it_was_called():
    shutil.copy(FOVEA, "other-name")
    done = subprocess.run(["./other-name", "train", "--data", "digits:100", "--epochs", "1", "--out", "called"],
                          stdout=subprocess.PIPE, env=environment(), check=True)
    assert b"\n  ./other-name eval called/best.onnx" in done.stdout


# ---- around it --------------------------------------------------------------------------------------------------------


def test_doctor():
    about = fovea("doctor", "--json").json()
    rows = {row["what"]: row for row in about["findings"]}
    with open(os.path.dirname(os.path.abspath(command.__file__)) + "/../../CMakeLists.txt", encoding="utf-8") as file:
        optional = set(re.findall(r"^option\(FOVEA_WITH_(\w+)", file.read(), re.M)) - {"JANSSON"}  # the command needs it
    assert len(optional) > 8
    for what in {"machine", "kernels", "memory", "rates", "mnist"} | optional:
        assert what in rows, what
    assert about["missing"] == sum(not row["here"] for row in about["findings"])
    assert all(row["here"] or row["advice"] for row in about["findings"]), about
    text = fovea("doctor", env=environment(COLUMNS="80")).out
    assert "fovea data get mnist" in " ".join(text.split()) and max(map(width_of, text.splitlines())) <= 80


def test_a_refusal_for_memory_says_which_batch_fits():
    plan = ("bench", "resnet20", "--time", "0.01", "--threads", "1", "--max-memory")
    step = ("bench", "resnet20", "--training", "--time", "0.01", "--threads", "1", "--max-memory")
    evaluated = ("eval", "net.onnx", "--data", "digits:600", "--split", "train", "-q", "--threads", "1", "--max-memory")
    trained = ("train", "--model", "lenet5", "--data", "digits:600", "--epochs", "1", "--threads", "1", "--out", "tight",
               "--overwrite", "--max-memory")
    assert fovea("new", "lenet5", "-o", "net.onnx").code == OK
    for limit, words in (("20M", plan), ("60M", step), ("6M", evaluated), ("8M", trained)):
        refused = fovea(*words, limit, "--batch", "512")
        expect_failure(refused, command.MEMORY, "batch")
        found = re.search(r"; batch (\d+) fits", refused.err)
        assert found, refused.err
        batch = int(found[1])
        assert batch >= 1 and fovea(*words, limit, "--batch", str(batch)).code == OK, (words, batch)
        assert batch == 256 or fovea(*words, limit, "--batch", str(2 * batch)).code == command.MEMORY, (words, batch)
    expect_failure(fovea("bench", "resnet20", "--batch", "8", "--max-memory", "1M"), command.MEMORY, "not even one")


def test_what_starts_with_the_command():
    """Drawing, downloading and archives bring fifty libraries, which are opened by the verbs that need them: linked with
    the command they would cost each of its starts 20 ms."""
    if not shutil.which("ldd"):
        raise command.Skip("no ldd")
    linked = subprocess.run(["ldd", FOVEA], stdout=subprocess.PIPE, text=True).stdout
    for late in ("cairo", "curl", "archive", "crypto", "X11", "xml2"):
        assert f"lib{late}" not in linked, linked


def complete(line):
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    script = (f"{fovea('completion', 'bash').out}\nCOMP_WORDS=({' '.join(f'{w!r}' for w in words)})\n"
              f"COMP_CWORD={len(words) - 1}\n_fovea\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.split()


def test_completion():
    if not shutil.which("bash"):
        raise command.Skip("no bash")
    assert complete("fovea tr") == ["train"]
    assert complete("fovea train --mom") == ["--momentum"]
    assert complete("fovea eval --split ") == ["test", "val", "train"]
    open("picture.png", "w", encoding="utf-8").close()
    assert "picture.png" in complete("fovea predict pict")
    for shell, marks in (("zsh", ("#compdef fovea", "--momentum=", "'train:")),
                         ("fish", ("-a train", "-l momentum", "-s o"))):
        text = fovea("completion", shell).out
        assert all(mark in text for mark in marks), shell
    expect_failure(fovea("completion", "tcsh"), USAGE, "bash, zsh and fish")


def test_slips_lead_on():
    """What a newcomer types first, and where the sentence leads."""
    for words, part in ((["eval", "x.onnx", "--split", "validation"], "did you mean val?"),
                        (["filter", "blur", "x.png"], "fovea filter --list"), (["data", "get", "mnits"], "mnist"),
                        (["bench", "lenet5", "--size", "28x"], "or 224 for both"), (["training"], 'did you mean "fovea train"')):
        expect_failure(fovea(*words), USAGE, part)
    png("x.png", 28, 28, 90)
    assert fovea("bench", "lenet5", "--size", "28", "--time", "0.01", "--json").code == OK


def test_man_pages():
    for page in (fovea("completion", "man"), fovea("completion", "man", "train")):
        assert page.out.startswith(".TH FOVEA") and ".SH NAME" in page.out and '.SH "EXIT STATUS"' in page.out
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8"], input=page.out.encode(), stderr=subprocess.PIPE,
                              check=True)
        assert done.stderr == b"", done.stderr
    expect_failure(fovea("completion", "man", "tran"), USAGE, "tran")


if __name__ == "__main__":
    sys.exit(command.main(globals()))
