#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of a run: well-formed, complete in itself, with the figures that the run's files have; names of classes and files
that look like HTML stay text; two runs side by side; what is missing is said. FOVEA_BINARY is the command. Prints a last line
"N passed, N failed".
"""
import base64
import csv
import html.parser
import json
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import files  # noqa: E402
from calls import call  # noqa: E402

NEVER_CLOSED = {"meta", "img", "br", "path", "circle"}


class Wrong(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(part) for part in what))


def fovea(*words, code=0):
    done = call(*words)
    check(done.returncode == code, "fovea", *words, ": exit code", done.returncode, done.stderr[-400:])
    return done.stdout if code == 0 else done.stderr


class Page(html.parser.HTMLParser):
    """Elements, their attributes and text; anything left open or closed twice is wrong."""

    def __init__(self, path):
        super().__init__()
        self.open, self.elements, self.text = [], [], []
        with open(path, encoding="utf-8") as file:
            self.source = file.read()
        self.feed(self.source)
        self.close()
        check(self.open == [], "left open:", self.open)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, "</%s> closes" % tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)

    def words(self):
        return " ".join("".join(self.text).split())


def complete_in_itself(page):
    for tag, attributes in page.elements:
        check(tag not in ("script", "link", "iframe", "object"), "a page without", tag)
        for name, value in attributes.items():
            check(not name.startswith("on"), "no", name)
            if name in ("src", "href"):
                check(value.startswith(("data:", "#")), tag, name, value[:60])
        if tag == "img":
            check(attributes.get("alt"), "every picture is described")
            check(base64.b64decode(attributes["src"].split(",", 1)[1])[:4] == b"\x89PNG", "a PNG")
        if tag == "svg" and attributes.get("aria-hidden") != "true":
            check(attributes.get("role") == "img" and attributes.get("aria-label"), "every chart is described")
    check("prefers-color-scheme:dark" in page.source and "viewport" in page.source, "dark, and narrow")
    check("nan" not in re.sub(r"[a-zA-Z]*nan[a-zA-Z]+", "", page.words().lower()).split(), "no number that is none")


def train(folder, *words):
    fovea("train", "--model", "mlp", "--epochs", "3", "--out", folder, "-q", *words)


def png(path, width, height, pixel):
    files.write_png(path, height, width, 1, bytes(pixel(x, y) for y in range(height) for x in range(width)))


def a_run(folder):
    run = os.path.join(folder, "run")
    train(run, "--data", "digits:300")
    page = Page(os.path.join(run, "report.html"))  # left there by training
    complete_in_itself(page)
    words = page.words()
    measured = json.loads(fovea("eval", os.path.join(run, "best.onnx"), "--data", "digits:300", "--json"))
    check("%.2f %%" % (100 * measured["accuracy"]) in words, "the accuracy of eval")
    check("%.2f %%" % (100 * measured["macro_f1"]) in words, "the mean F1 of eval")
    with open(os.path.join(run, "history.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    check(len(rows) == 3 and rows[2]["epoch"] in words, "the rows of the history")
    check(sum(1 for tag, _ in page.elements if tag == "figure") >= 6, "curves, calibration, ROC, recall")
    wrong = measured["count"] - sum(measured["confusion"][i][i] for i in range(10))
    check(sum(1 for tag, _ in page.elements if tag == "img") == min(wrong, 24), "a picture for each of the worst mistakes")
    before = page.source
    fovea("report", run)
    check(Page(os.path.join(run, "report.html")).source == before, "made again, it is the same")


def other_people_s_names(folder):
    data = os.path.join(folder, "data")
    for split in ("train", "test"):
        for name, dark in (("<b>cats & \"dogs\"", 40), ("<script>alert(1)</script>".replace("/", "_"), 200)):
            place = os.path.join(data, split, name)
            os.makedirs(place)
            for i in range(6):
                png(os.path.join(place, "%d.png" % i), 12, 12, lambda x, y: (dark + x * y + i) % 256)
    run = os.path.join(folder, "<i>run")
    train(run, "--data", data)
    page = Page(os.path.join(run, "report.html"))
    complete_in_itself(page)
    check('<b>cats & "dogs"' in page.words(), "names stay text")


def without_data(folder):
    run = os.path.join(folder, "run")
    data = os.path.join(folder, "data")
    for name in ("a", "b"):
        os.makedirs(os.path.join(data, name))
        for i in range(4):
            png(os.path.join(data, name, "%d.png" % i), 8, 8, lambda x, y: (x * 20 + y + i + (100 if name == "b" else 0)) % 256)
    train(run, "--data", data)
    shutil.rmtree(data)
    fovea("report", run, "-o", os.path.join(folder, "page.html"))
    page = Page(os.path.join(folder, "page.html"))
    complete_in_itself(page)
    check("Not measured again" in page.words() and "Worst" not in page.words(), "what is missing is said")
    fovea("report", run, "--data", "none", "-o", os.path.join(folder, "none.html"))
    complete_in_itself(Page(os.path.join(folder, "none.html")))


def side_by_side(folder):
    one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
    train(one, "--data", "digits:300")
    train(two, "--data", "digits:300", "--optimizer", "adam")
    target = os.path.join(folder, "both.html")
    fovea("report", one, two, "-o", target)
    page = Page(target)
    complete_in_itself(page)
    words = page.words()
    check("sgd" in words and "adam" in words and one in words and two in words, "what is different")
    check("schedule" not in words, "what is the same is left out")


def a_run_in_its_first_epoch(folder):
    """A history of names alone, or with a column of no numbers; another task's run beside it."""
    one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
    train(one, "--data", "digits:60", "--seed", "12345678901")
    train(two, "--data", "digits:60", "--seed", "12345678902")
    history = os.path.join(one, "history.csv")
    with open(history, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    with open(history, "w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
    page = os.path.join(folder, "page.html")
    fovea("report", one, "--data", "none", "-o", page)
    complete_in_itself(Page(page))
    check("12345678901" in Page(page).words(), "all digits of the seed")
    with open(history, "w", encoding="utf-8") as file:
        file.write("epoch,metrics/psnr\n1,\n")
    for runs in ((one, two), (two, one)):
        fovea("report", *runs, "-o", page)
        complete_in_itself(Page(page))
        words = Page(page).words()
        check("metrics/psnr" in words and "train/loss" in words, "figures that one of them has")
        check("12345678901" in words and "12345678902" in words, "seeds that differ in their last digit")
    with open(os.path.join(one, "config.json"), "w", encoding="utf-8") as file:
        file.write("[1, 2]")
    check("holds no JSON object" in fovea("report", one, code=3), "a list")


def refused(folder):
    check("no folder of a training run" in fovea("report", folder, code=3), "a folder that is none")
    one = os.path.join(folder, "one")
    train(one, "--data", "digits:60")
    with open(os.path.join(one, "config.json"), "w", encoding="utf-8") as file:
        file.write('{"model": ')
    check("config.json: line 1" in fovea("report", one, code=3), "damaged")


def main():
    failed = 0
    cases = [a_run, other_people_s_names, without_data, side_by_side, a_run_in_its_first_epoch, refused]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(folder)
            except Wrong as wrong:
                failed += 1
                print("%s: %s" % (case.__name__, wrong))
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return failed > 0


sys.exit(main())
