#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a training is asked for and when it ends, from outside: options from files and recipes, lines as courses print
them, patience and minutes, the search for a rate. FOVEA_BINARY is the command. Prints a last line "N passed, N failed".
"""
import json
import os
import re
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402
from files import write  # noqa: E402

SMALL = ["--model", "course-cnn", "--data", "digits:300"]


def fovea(*words, code=0):
    return call(*words, code=code)


def train(out, *words):
    return json.loads(fovea("train", "--out", out, "--json", *words).stdout.splitlines()[-1])


def test_a_file_is_a_command_line():
    file = write("run.ini", "# a run\n[training]\nmodel = course-cnn\ndata = \"digits:300\"\nepochs=2\n"
                            "lr = 0.05, conv*=0.5x\nschedule = one-cycle:rise=0.25\nnesterov = yes\n")
    typed = train("typed", *SMALL, "--epochs", 2, "--lr", "0.05, conv*=0.5x", "--schedule", "one-cycle:rise=0.25",
                  "--nesterov")
    assert train("filed", "-c", file)["hash"] == typed["hash"]
    assert len(train("shorter", "-c", file, "--epochs", 1)["history"]) == 1
    assert train("again", "-c", "filed/config.json")["hash"] == typed["hash"]
    for text, part in (("modell = x\n", "line 1: there is no option \"modell\": did you mean model?"),
                       ("\nepochs 3\n", "line 2 is no \"key = value\""),
                       ("epochs = many\n", "line 1: --epochs is \"many\""),
                       ("schedule = cosinus\n", "did you mean \"cosine\"")):
        wrong = fovea("train", *SMALL, "-c", write("wrong.ini", text), "--out", "wrong", code=2)
        assert part in wrong.stderr, wrong.stderr
        assert not os.path.exists("wrong"), "a run folder is left"
    lines = "model = course-cnn\ndata = digits:300\nepochs = 2\n"
    for name, text, part in (("twice.ini", lines + "epochs = 3\n", "line 4: epochs stands in line 3 already"),
                             ("self.ini", lines + "config = self.ini\n", "names no other one"),
                             ("slip.json", '{"model": "course-cnn", "epocs": 1}', "did you mean epochs?")):
        wrong = fovea("train", "-c", write(name, text), "--out", "wrong", code=2)
        assert part in wrong.stderr, wrong.stderr
    marked = write("marked.ini", "\ufeff" + lines)  # a byte order mark
    assert len(train("marked", "-c", marked, "--epochs", 1)["history"]) == 1
    assert "cannot read" in fovea("train", "-c", "none.ini", code=4).stderr


# Replacements for a recipe's options that fit only its own network or data, so that the small network can use it.
OTHER_MODEL = {"whiten": ("--whiten", "none", "--lr", "0.1", "--weight-decay", "0.001"), "task": ("--task", "classify"),
               "train_size": ("--train-size", "28"), "multi_scale": ("--multi-scale", "none")}


def test_recipes_are_sets_of_options():
    listed = fovea("train", "--recipe", "list").stdout
    recipes = json.loads(fovea("train", "--recipe", "list", "--json").stdout)["recipes"]
    assert {"mnist-fast", "finetune"} <= {r["name"] for r in recipes}
    for recipe in recipes:
        assert recipe["name"] in listed
        # Training with a recipe reads all of its settings: a wrong one would be refused.
        keys = [line.split(" = ")[0] for line in recipe["settings"].strip().split("\n")]
        other = [word for key in keys for word in OTHER_MODEL.get(key, ())]
        small = (*SMALL, "--epochs", 1, "--augment", "none", "--batch", 100)
        train(recipe["name"], "--recipe", recipe["name"], *small, *other)
        with open(recipe["name"] + "/config.json", encoding="utf-8") as file:
            config = json.load(file)
        for key in set(keys) - {"momentum", "nesterov", "weight_decay"}:
            assert key in config, f"{recipe['name']}: {key} is not in config.json"
        assert config["epochs"] == 1
    assert "there is no recipe \"mnist\"; there are" in fovea("train", "--recipe", "mnist", code=2).stderr


def test_lines_as_courses_print_them():
    out = fovea("train", *SMALL, "--epochs", 2, "--batch", 20, "--log-every", 5, "--out", "logged").stdout
    lines = re.findall(r"^\[\d, {1,5}\d+\] loss: \d\.\d{3}$", out, re.M)
    assert len(lines) == 6, out
    assert lines[0].startswith("[1,     5]") and lines[-1].startswith("[2,    15]"), lines


def test_patience_ends_a_run():
    history = train("patient", *SMALL, "--epochs", 50, "--patience", 2, "--lr", "1e-9")["history"]
    assert len(history) == 3, history
    more = fovea("train", "--resume", "patient")
    assert "Nothing left to do" in more.stdout, more.stdout


def test_minutes_end_a_run():
    history = train("timed", *SMALL, "--minutes", 0.005)["history"]
    assert 1 <= len(history) and sum(row["seconds"] for row in history[:-1]) < 0.3  # the last epoch may be slow
    assert history[-1]["lr"] < 0.002, "the schedule does not follow the clock"
    more = fovea("train", "--resume", "timed")
    assert "Nothing left to do" in more.stdout, more.stdout
    longer = json.loads(fovea("train", "--resume", "timed", "--minutes", 0.01, "--json").stdout.splitlines()[-1])["history"]
    assert longer, "more time is no more training"


def test_a_rate_is_found():
    found = train("rates", *SMALL, "--find-lr")
    assert 1e-6 < found["suggestion"] < found["lowest"] < 10
    with open("rates/rates.csv", encoding="utf-8") as file:
        rows = file.read().strip().split("\n")
    assert rows[0] == "lr,loss,smooth" and len(rows) == found["steps"] + 1
    rates = [float(row.split(",")[0]) for row in rows[1:]]
    assert rates == sorted(rates)
    page = fovea("train", "--help").stdout
    assert "0.9 for sgd" in page and re.search(r"--schedule NAME.*\n?.*cosine", page), page
    assert "leave out --resume" in fovea("train", "--resume", "rates", "--find-lr", code=2).stderr


def main():
    passed = failed = 0
    for name, test in sorted(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and sys.argv[1] not in name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                test()
                passed += 1
            except Exception:
                print(f"{name}:", flush=True)
                traceback.print_exc()
                failed += 1
            os.chdir("/")
    print(f"\n{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
