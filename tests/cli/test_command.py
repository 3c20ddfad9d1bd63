#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The built command from outside, as people and scripts meet it: help, slips, JSON keys, exit codes, runs that are
stopped, killed and resumed, full disks. Each function named test_* is one case; those that need data beside the
checkout are skipped by name. FOVEA_BINARY is the command. Prints a last line "N passed, N failed".

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_command.py resume
"""
import ast
import fcntl
import hashlib
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

FOVEA = os.path.abspath(os.environ.get("FOVEA_BINARY", "build/release/fovea"))
SHARED = os.path.abspath(os.environ.get("FOVEA_SHARED", "../shared"))
VERBS = ["bench", "convert", "data", "eval", "explain", "features", "filter", "inspect", "learn", "new", "ops", "predict", "serve", "train"]
OK, USAGE, INPUT, IO, MEMORY, NUMERIC, SLOWER, INTERRUPTED = 0, 2, 3, 4, 5, 6, 7, 130


class Skip(Exception):
    pass


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def json(self):
        """The last line: training prints one per epoch before it."""
        assert self.code == OK, f"exit {self.code}: {self.err}"
        return json.loads(self.out.rstrip("\n").split("\n")[-1])


def environment(**extra):
    # What somebody tuned on this machine is none of these tests' business.
    env = dict(os.environ, LC_ALL="C.UTF-8", XDG_CONFIG_HOME=os.getcwd() + "/config")
    env.pop("FOVEA_DATA", None)
    env.update(extra)
    return env


def fovea(*words, env=None, **how):
    done = subprocess.run([FOVEA, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          stdin=subprocess.DEVNULL, env=env or environment(), check=False, **how)
    return Result(done)


def expect_failure(result, code, *parts):
    """One sentence on standard error, nothing on standard output."""
    assert result.code == code, f"exit {result.code}, not {code}: {result.err}"
    assert result.out == "", f"standard output is not empty: {result.out[:200]}"
    lines = result.err.strip().split("\n")
    assert len(lines) == 1, f"{len(lines)} lines: {result.err}"
    assert lines[0].startswith("fovea"), lines[0]
    for part in parts:
        assert part in lines[0], f"no {part!r} in {lines[0]!r}"


def train(out, *more, data="digits:600", epochs=1, **how):
    return fovea("train", "--data", data, "--epochs", epochs, "--out", out, *more, **how)


def digest(model):
    return fovea("inspect", model, "--hash", "--json").json()["hash"]


def png(path, height, width, value):
    """A grey PNG of one value, made here so that reading is tested apart from writing."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = (b"\0" + bytes([value]) * width) * height
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


_trained = None


def trained():
    """A small run, made once."""
    global _trained
    if _trained is None:
        result = train("shared-run", "--model", "mlp", "--lr", "0.05", epochs=2)
        assert result.code == OK, result.err
        _trained = os.path.abspath("shared-run")
    return _trained


# ---- saying what it is ------------------------------------------------------------------------------------------------


def test_help():
    for words in ([], ["help"], ["--help"], ["-h"]):
        result = fovea(*words)
        assert result.code == OK and result.err == "", result.err
        for verb in VERBS:
            assert re.search(rf"^  {verb} ", result.out, re.M), f"{verb} is missing after {words}"


def test_help_of_every_verb():
    for verb in VERBS:
        pages = [fovea(verb, "--help"), fovea("help", verb), fovea(verb, "--nonsense", "-h")]
        for page in pages:
            assert page.code == OK and page.err == ""
            assert page.out == pages[0].out
        assert pages[0].out.startswith(f"usage: fovea {verb}")
        assert "Examples\n  fovea " + verb in pages[0].out
        for common in ("--json", "--quiet", "--threads", "--seed", "--max-memory", "--verbose"):
            assert common in pages[0].out, f"{verb}: no {common}"
        assert max(map(len, pages[0].out.split("\n"))) <= 120


def test_version():
    plain = fovea("--version")
    assert plain.code == OK and re.match(r"fovea \d+\.\d+\.\d+\n", plain.out)
    assert "machine:" in plain.out and "build:" in plain.out
    about = fovea("--version", "--json").json()
    assert set(about) >= {"version", "machine", "isa", "threads", "compiler", "build"}


def test_examples_in_help_parse():
    """Every option that an example shows is one that the verb has."""
    for verb in VERBS:
        page = fovea(verb, "--help").out
        known = set(re.findall(r"--([a-z-]+)", page.split("Examples")[0])) | {"help"}
        for name in re.findall(r"--([a-z-]+)", page.split("Examples")[1]):
            assert name in known, f"{verb}: example uses --{name}"



def test_explain():
    """A page that is whole and loads nothing; figures of the input's size; what cannot be is one sentence."""
    model = trained() + "/best.onnx"
    png("digit.png", 28, 28, 200)
    page = fovea("explain", model, "digit.png", "-o", "why.html")
    assert page.code == OK, page.err
    html = open("why.html", encoding="utf-8").read()
    assert html.rstrip().endswith("</html>") and "<script" not in html and "src=\"http" not in html
    figures = fovea("explain", model, "digit.png", "--json", "--class", "3").json()
    assert figures["class"] == 3 and figures["gradcam"] is None  # an mlp has no feature maps
    size = figures["height"], figures["width"]
    assert (len(figures["occlusion"]), len(figures["occlusion"][0])) == size
    parts = figures["integrated_gradients"]
    assert len(parts) == figures["channels"] and (len(parts[0]), len(parts[0][0])) == size
    gain = figures["score"] - figures["methods"]["integrated_gradients"]["baseline_score"]
    total = sum(sum(map(sum, plane)) for plane in parts)
    assert abs(total - gain) <= 0.01 * abs(gain), (total, gain)
    expect_failure(fovea("explain", model, "digit.png"), USAGE, "-o FILE.html")
    expect_failure(fovea("explain", model, "digit.png", "--json", "--methods", "gradcam,shap"), USAGE, "shap")
    expect_failure(fovea("explain", model, "digit.png", "--json", "--class", "cat"), USAGE, "cat")


def read_npy(path):
    """Shape and numbers of a little-endian float32 array."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + length].decode())
    assert data[:6] == b"\x93NUMPY" and header["descr"] == "<f4" and not header["fortran_order"]
    body = data[10 + length:]
    return header["shape"], struct.unpack(f"<{len(body) // 4}f", body)


def test_features():
    """Rows in the order of pictures: what the network sees, and what a layer makes of it."""
    model = trained() + "/best.onnx"
    png("dark.png", 28, 28, 10)
    png("bright.png", 28, 28, 240)
    done = fovea("features", model, "dark.png", "bright.png", "-o", "both.npy", "--json").json()
    shape, both = read_npy("both.npy")
    assert list(shape) == done["shape"] and shape[0] == 2
    row = len(both) // 2
    assert fovea("features", model, "bright.png", "-o", "one.npy").code == OK
    assert all(abs(a - b) < 1e-5 for a, b in zip(read_npy("one.npy")[1], both[row:])) and both[:row] != both[row:]
    seen = fovea("inspect", model, "--json").json()["inputs"][0]["name"]
    assert fovea("features", model, "dark.png", "bright.png", "--layer", seen, "-o", "seen.npy").code == OK
    shape, numbers = read_npy("seen.npy")
    assert shape[0] == 2 and numbers[0] < numbers[-1]
    expect_failure(fovea("features", model, "dark.png"), USAGE, "-o FILE.npy")
    expect_failure(fovea("features", model, "-o", "none.npy"), USAGE, "Name pictures")
    expect_failure(fovea("features", model, "dark.png", "--layer", "nowhere", "-o", "none.npy"), USAGE, "nowhere")
    assert not os.path.exists("none.npy")


# ---- slips --------------------------------------------------------------------------------------------------------------


def test_one_mistake_per_verb():
    expect_failure(fovea("trian"), USAGE, 'did you mean "fovea train"?')
    expect_failure(fovea("--json"), USAGE, "a verb comes first")
    expect_failure(fovea("train", "--epoch", "3"), USAGE, "unknown option --epoch: did you mean --epochs?")
    expect_failure(fovea("train", "--model", "lenet"), USAGE, "lenet5")
    expect_failure(fovea("train", "--data", "digits:100", "--optimizer", "sdg", "--out", "t"), USAGE, "sgd")
    expect_failure(fovea("eval"), USAGE, "fovea eval FILE")
    expect_failure(fovea("eval", "missing.onnx", "--data", "digits:100"), IO, "missing.onnx")
    expect_failure(fovea("predict", "missing.onnx"), USAGE, "which pictures")
    expect_failure(fovea("inspect", "lenet6"), USAGE, "lenet5")
    expect_failure(fovea("inspect", "lenet5", "--input", "3by32"), USAGE, "channels x height x width")
    expect_failure(fovea("inspect", "lenet5", "--input", "1x2x2"), INPUT)
    expect_failure(fovea("new", "lenet5", "-o", "x.pth"), USAGE, ".onnx or .safetensors")
    expect_failure(fovea("new"), USAGE, "fovea zoo")
    expect_failure(fovea("convert", "a.onnx"), USAGE, "FROM TO")
    expect_failure(fovea("convert", "missing.onnx", "b.onnx"), IO, "missing.onnx")
    expect_failure(fovea("data", "chekc", "digits"), USAGE, "did you mean check?")
    expect_failure(fovea("data", "get", "mnits"), USAGE, "mnist")
    expect_failure(fovea("ops", "conv2"), USAGE, "did you mean")
    expect_failure(fovea("filter", "sobel-z", "missing.png"), USAGE, "did you mean")
    for verb in VERBS:
        expect_failure(fovea(verb, "--jsno"), USAGE, "did you mean --json?")
    assert not os.path.exists("t"), "a run that never began left its folder"


def test_hyper_parameters_out_of_range():
    for words in (["--lr", "0"], ["--lr", "-1"], ["--lr", "nan"], ["--lr", "1e30"], ["--batch", "0"], ["--epochs", "0"],
                  ["--epochs", str(2**63)], ["--momentum", "1"], ["--momentum", "0", "--nesterov"],
                  ["--label-smoothing", "1"], ["--threads", "0"], ["--threads", "-3"], ["--max-memory", "much"]):
        expect_failure(train("never", *words), USAGE)
        assert not os.path.exists("never"), words


def test_failure_with_json_is_silent_too():
    expect_failure(fovea("inspect", "missing.onnx", "--json"), IO)
    expect_failure(fovea("train", "--data", "digits:100", "--lr", "x", "--json"), USAGE)


def test_damaged_files():
    model = f"{trained()}/best.onnx"
    with open(model, "rb") as file:
        whole = file.read()
    for name, content in (("empty.onnx", b""), ("half.onnx", whole[:len(whole) // 2]), ("text.onnx", b"hello" * 99)):
        with open(name, "wb") as file:
            file.write(content)
        expect_failure(fovea("inspect", name), INPUT, name)
    with open("bad.safetensors", "wb") as file:
        file.write(b"\xff" * 64)
    expect_failure(fovea("convert", "bad.safetensors", "x.onnx", "--model", "mlp"), INPUT, "bad.safetensors")
    assert not os.path.exists("x.onnx")


def test_memory_limit():
    expect_failure(train("tight", "--max-memory", "1M"), MEMORY)


def test_missing_mnist_offers_digits():
    env = environment(FOVEA_DATA=os.getcwd(), XDG_DATA_HOME=os.getcwd(), HOME=os.getcwd())
    result = fovea("train", env=env)
    assert result.code in (INPUT, IO) and "--data digits" in result.err and "data get mnist" in result.err, result.err
    assert not os.path.exists("runs")


# ---- JSON that scripts rely on ------------------------------------------------------------------------------------------


def test_inspect_json():
    about = fovea("inspect", "lenet5", "--hash", "--plan", "--json").json()
    assert about["parameters"] == 61706
    assert about["multiply_adds"] == 416520
    assert [layer["name"] for layer in about["layers"] if layer["type"] == "conv"] == ["c1", "c3"]
    assert set(about["layers"][0]) == {"name", "type", "shape", "parameters", "buffers", "multiply_adds", "bytes",
                                       "receptive_field"}
    assert sum(layer["parameters"] for layer in about["layers"]) == 61706
    assert re.fullmatch("[0-9a-f]{64}", about["hash"])
    assert about["plan"]["steps"] and about["plan"]["memory"]["activations"] > 0
    assert fovea("inspect", "course-cnn", "--json").json()["parameters"] == 21840
    wide = fovea("inspect", "course-cnn", "--input", "3x32x32", "--json").json()
    assert wide["input"] == ["N", 3, 32, 32] and wide["parameters"] != 21840


def test_a_model_through_a_pipe():
    fovea("new", "lenet5", "-o", "piped.onnx")
    with open("piped.onnx", "rb") as file:
        content = file.read()
    for word in ("-", "/dev/stdin"):
        done = subprocess.run([FOVEA, "inspect", word, "--hash", "--json"], input=content, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, env=environment(), check=False)
        assert Result(done).json()["hash"] == digest("piped.onnx")


def test_inspect_training_plan():
    training = fovea("inspect", "course-cnn", "--training", "--batch", "8", "--json").json()["plan"]
    inference = fovea("inspect", "course-cnn", "--plan", "--batch", "8", "--json").json()["plan"]
    assert training["training"] and len(training["steps"]) > len(inference["steps"])
    assert training["memory"]["activations"] > inference["memory"]["activations"]


def test_a_budget_is_kept_by_recomputing():
    whole = fovea("inspect", "resnet18", "--training", "--batch", "4", "--input", "3x96x96", "--json").json()["plan"]
    memory = whole["memory"]
    assert memory["recomputed"] == 0 and memory["kept_whole"] == memory["activations"]
    assert not any(step["again"] for step in whole["steps"])
    weights = memory["parameters"] * 3 // 2  # with the optimizer's velocities, and once more to save the model
    budget = str(weights + memory["packed"] + memory["activations"] * 8 // 10 + (6 << 20))
    tight = ("inspect", "resnet18", "--training", "--batch", "4", "--input", "3x96x96", "--max-memory", budget)
    plan = fovea(*tight, "--json").json()["plan"]
    assert plan["memory"]["recomputed"] == sum(step["again"] for step in plan["steps"]) > 0
    assert plan["memory"]["activations"] < memory["activations"] == plan["memory"]["kept_whole"]
    text = fovea(*tight)
    assert text.code == OK and "recomputes " in text.out and "multiply-adds, activations" in text.out, text.out
    expect_failure(fovea(*tight[:-1], str(weights + (9 << 20))), MEMORY, "even if all is recomputed")


def test_training_in_less_memory_is_the_same_training():
    once = train("roomy", "--batch", "64", "--model", "resnet20", "--json", data="digits:130").json()
    assert once["memory"]["recomputed"] == 0 and once["memory"]["all"] > once["memory"]["activations"]
    budget = once["memory"]["all"] - once["memory"]["activations"] * 15 // 100
    twice = train("tight", "--batch", "64", "--model", "resnet20", "--max-memory", str(budget), "--json",
                  data="digits:130").json()
    assert twice["memory"]["recomputed"] > 0 and twice["memory"]["all"] <= budget
    assert twice["hash"] == once["hash"]
    lines = train("shown", "--batch", "64", "--model", "resnet20", "--max-memory", str(budget),
                  data="digits:130").out.splitlines()
    assert re.match("memory .* MiB: activations .* MiB, weights and state ", lines[2]), lines
    assert lines[3].startswith("recomputes ") and "->" in lines[3], lines


def test_train_leaves_what_is_promised():
    run = trained()
    for name in ("best.onnx", "last.onnx", "checkpoint.safetensors", "history.csv", "config.json", "args.json"):
        assert os.path.getsize(f"{run}/{name}") > 0, name
    with open(f"{run}/history.csv", encoding="utf-8") as file:
        rows = [line.split(",") for line in file.read().strip().split("\n")]
    assert set(rows[0]) >= {"epoch", "time", "train/loss", "val/loss", "metrics/accuracy_top1"}
    assert [row[0] for row in rows[1:]] == ["1", "2"]
    accuracy = [float(row[rows[0].index("metrics/accuracy_top1")]) for row in rows[1:]]
    assert all(0 <= value <= 1 for value in accuracy)
    assert max(accuracy) > 0.3, f"it has learned nothing: {accuracy}"


def test_eval_json():
    about = fovea("eval", f"{trained()}/best.onnx", "--data", "digits:600", "--json").json()
    assert set(about) >= {"loss", "accuracy", "top5", "macro_f1", "per_class", "confusion", "count"}
    assert len(about["per_class"]) == 10 and len(about["confusion"]) == 10
    assert set(about["per_class"][0]) == {"class", "name", "precision", "recall", "f1", "support"}
    right = sum(about["confusion"][i][i] for i in range(10))
    assert sum(map(sum, about["confusion"])) == about["count"]
    assert abs(right / about["count"] - about["accuracy"]) < 1e-6
    assert sum(row["support"] for row in about["per_class"]) == about["count"]
    other = fovea("eval", f"{trained()}/best.onnx", "--data", "digits:600", "--json", "--batch", "7").json()
    assert other["confusion"] == about["confusion"]
    seen = fovea("eval", f"{trained()}/best.onnx", "--data", "digits:600", "--split", "train", "--json").json()
    assert seen["count"] == 600


def test_predict_json():
    png("a.png", 28, 28, 0)
    png("b c.png", 40, 30, 255)
    result = fovea("predict", f"{trained()}/best.onnx", "a.png", "b c.png", "--top", "3", "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["file"] for line in lines] == ["a.png", "b c.png"]
    for line in lines:
        assert len(line["top"]) == 3
        assert set(line["top"][0]) == {"class", "name", "probability"}
        values = [one["probability"] for one in line["top"]]
        assert values == sorted(values, reverse=True) and 0 < sum(values) <= 1.00001
    every = fovea("predict", f"{trained()}/best.onnx", "a.png", "--top", "99", "--json").json()
    assert abs(sum(one["probability"] for one in every["top"]) - 1) < 1e-5 and len(every["top"]) == 10


def test_predict_what_is_no_picture():
    png("good.png", 28, 28, 9)
    with open("bad.png", "wb") as file:
        file.write(b"this is no picture")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "bad.png"), INPUT, "bad.png")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "bad.png", "--json"), INPUT, "bad.png")
    mixed = fovea("predict", f"{trained()}/best.onnx", "bad.png", "good.png", "--json")
    assert mixed.code == INPUT
    assert [json.loads(line)["file"] for line in mixed.out.splitlines()] == ["good.png"]


def test_predict_samples():
    result = fovea("predict", f"{trained()}/best.onnx", "--data", "digits:600", "--index", "4,0", "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["index"] for line in lines] == [4, 0] and all("label" in line for line in lines)
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "--data", "digits:600", "--index", "100000"), USAGE, "samples")
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "--data", "digits", "--index", "x"), USAGE, "--index")


def test_train_json():
    result = train("json-run", "--json", epochs=2)
    about = result.json()
    assert result.out.count("\n") == 3 and result.err == ""  # a line for each epoch, and one for all
    assert len(about["history"]) == 2 and 0 <= about["accuracy"] <= 1
    assert about["hash"] == digest(about["last"])


def test_new_convert_and_back():
    first = fovea("new", "lenet5", "--classes", "7", "--seed", "3", "-o", "seven.onnx", "--json").json()
    assert first["classes"] == 7 and first["parameters"] == 61706 - 3 * 85
    assert fovea("new", "course-cnn", "-o", "a.onnx").code == OK
    there = fovea("convert", "a.onnx", "a.safetensors", "--json").json()
    back = fovea("convert", "a.safetensors", "b.onnx", "--json").json() # the network is found by what fits
    assert there["hash"] == back["hash"] == digest("a.onnx") == digest("b.onnx")
    fovea("convert", "b.onnx", "c.onnx")
    assert digest("c.onnx") == there["hash"]
    expect_failure(fovea("convert", "a.safetensors", "d.onnx", "--model", "lenet5"), INPUT)
    assert digest("seven.onnx") == first["hash"] != fovea("new", "lenet5", "--classes", "7", "--json").json()["hash"]
    names = [one["name"] for one in fovea("new", "--list", "--json").json()["networks"]]
    assert {"mlp", "lenet5", "course-cnn"} <= set(names)


def test_ops():
    every = fovea("ops", "--json").json()["operators"]
    names = {op["name"] for op in every}
    assert {"conv", "dense", "relu", "softmax"} <= names or {"conv2d", "dense", "relu", "softmax"} <= names, names
    for name in names:
        assert fovea("ops", name, "--json").json()["name"] == name
    assert fovea("ops").out.count("\n") > 20
    assert fovea("ops", "Conv", "--json").json()["onnx"] == "Conv"


def test_data():
    about = fovea("data", "info", "digits:50", "--json").json()
    assert about["train"] == 50 and len(about["classes"]) == 10
    assert fovea("data", "check", "digits:50", "--json").json()["checked"]
    done = fovea("data", "export", "digits:50", "pictures", "--count", "5", "--json").json()
    files = [os.path.join(path, name) for path, _, names in os.walk("pictures") for name in names]
    assert done["count"] == len(files) == 5
    assert all(re.fullmatch(r"pictures/\d/\d{5}\.png", name) for name in files), files
    picture = fovea("predict", f"{trained()}/best.onnx", *sorted(files), "--json")
    assert picture.code == OK and picture.out.count("\n") == 5
    assert fovea("data", "show", "digits:50", "--count", "4", "--out", "sheet.png").code == OK
    with open("sheet.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    assert fovea("data", "show", "digits:50", "--count", "2").out.count("#0") == 1
    assert fovea("data", "list").out.count("digits") >= 1


def test_train_on_exported_folder():
    for split in ("train", "test"):
        fovea("data", "export", "digits:80", f"folder-{split}", "--count", "60", "--split", "train")
    os.makedirs("both")
    os.rename("folder-train", "both/train")
    os.rename("folder-test", "both/test")
    result = train("folder-run", data="both")
    assert result.code == OK, result.err
    about = fovea("eval", "folder-run/best.onnx", "--data", "both", "--json").json()
    assert about["count"] == 60 and about["per_class"][3]["name"] == "3"


# ---- how it speaks --------------------------------------------------------------------------------------------------------


def terminal(words, columns=100, **env):
    """Runs the command on a terminal; everything that appeared there."""
    child, screen = pty.fork()
    if child == 0:
        os.environ.update({"TERM": "xterm-256color", "COLUMNS": str(columns), "LC_ALL": "C.UTF-8"}, **env)
        os.execv(FOVEA, [FOVEA, *words])
    seen = b""
    end = time.time() + 60
    while time.time() < end:
        ready, _, _ = select.select([screen], [], [], 1)
        try:
            block = os.read(screen, 65536) if ready else None
        except OSError:
            break
        if block == b"":
            break
        seen += block or b""
    _, status = os.waitpid(child, 0)
    os.close(screen)
    return seen.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status)


def test_colors_and_no_color():
    words = ["predict", f"{trained()}/best.onnx", "--data", "digits:600", "--index", "0"]
    plain = fovea(*words).out
    assert "\033" not in plain and "%" in plain
    seen, code = terminal(words, NO_COLOR="")
    assert code == OK and "\033[38;5;" in seen and "▀" in seen
    seen, _ = terminal(words, COLORTERM="truecolor", NO_COLOR="")
    assert "\033[38;2;" in seen
    seen, _ = terminal(words, NO_COLOR="1")
    assert "\033" not in seen and re.search("[-+*#%@]{2}", seen)
    seen, _ = terminal(words, TERM="dumb")
    assert "\033" not in seen


def test_progress_on_a_terminal_only():
    words = ["train", "--data", "digits:3000", "--model", "lenet5", "--epochs", "12", "--out", "watched"]
    seen, code = terminal(words)
    assert code == OK and "\r" in seen and "img/s" in seen and "left" in seen
    for line in re.sub("\033\\[[0-9;]*[A-Za-z]", "", seen).replace("\r", "\n").split("\n"):
        assert len(line) <= 100, line
    piped = train("piped", data="digits:3000", epochs=2)
    assert "\r" not in piped.out and "img/s" not in piped.out and piped.err == ""
    rows = [line for line in piped.out.splitlines() if re.match(r"\s+\d+/2 ", line)]
    assert len(rows) == 2 and any(row.endswith("*") for row in rows)
    assert re.fullmatch(r"accuracy \d+\.\d\d % \(\d+ of 100\), loss \d\.\d{4}\n", train("silent", "--quiet").out)


def test_reader_goes_away():
    command = f'"{FOVEA}" ops | head -n 1; "{FOVEA}" inspect lenet5 | true'
    done = subprocess.run(["bash", "-c", "set -o pipefail; " + command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(), check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr


def test_output_that_cannot_be_written():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([FOVEA, "ops"], stdout=full, stderr=subprocess.PIPE, env=environment(), check=False)
    assert done.returncode == IO and b"standard output" in done.stderr


def test_names_cannot_command_the_terminal():
    name = "evil\033[31m.png"
    png(name, 8, 8, 1)
    result = fovea("predict", f"{trained()}/best.onnx", name)
    assert result.code == OK and "\033" not in result.out
    expect_failure(fovea("predict", f"{trained()}/best.onnx", "no\033]0;x.png"), IO)
    assert "\033" not in fovea("inspect", "\033[2J.onnx").err


def test_comma_locale_and_no_home():
    env = environment(LC_NUMERIC="de_DE.UTF-8")
    env.pop("HOME", None)
    result = train("no-home", "--lr", "0.05", env=env)
    assert result.code == OK, result.err
    with open("no-home/history.csv", encoding="utf-8") as file:
        assert len({line.count(",") for line in file}) == 1


# ---- runs: never lost, always the same ------------------------------------------------------------------------------------


def test_default_folders_are_never_overwritten():
    os.makedirs("fresh")
    for expected in ("runs/train", "runs/train2", "runs/train3"):
        about = fovea("train", "--data", "digits:100", "--epochs", "1", "--json", cwd="fresh").json()
        assert about["directory"] == expected
    assert sorted(os.listdir("fresh/runs")) == ["train", "train2", "train3"]


def test_same_bits_for_any_number_of_threads():
    seen = {train(f"threads{n}", "--threads", n, "--seed", "5", "--json", epochs=2).json()["hash"] for n in (1, 2, 3, 4)}
    assert len(seen) == 1, seen
    assert train("seed6", "--seed", "6", "--json", epochs=2).json()["hash"] not in seen


def test_augmented_training():
    listed = fovea("data", "transforms", "--json").json()
    assert {"crop", "flip", "elastic", "hue"} <= {one["name"] for one in listed["transforms"]}
    assert set(listed["presets"]) >= {"mnist", "cifar", "imagenet", "segment"}
    words = ["--augment", "rotate:15, crop:2, elastic:20, noise:5", "--schedule", "constant", "--json"]
    seen = {train(f"augmented{n}", "--threads", n, *words, epochs=2).json()["hash"] for n in (1, 2, 3)}
    assert len(seen) == 1, seen
    assert train("plain", *words[2:], epochs=2).json()["hash"] not in seen
    assert train("begun", *words).code == OK
    assert fovea("train", "--resume", "begun", "--epochs", "2", "--json").json()["hash"] in seen
    expect_failure(fovea("train", "--resume", "begun", "--epochs", "3", "--augment", "flip"), USAGE, "another augment")
    expect_failure(train("slip", "--augment", "crop:4, filp"), USAGE, "did you mean flip?")
    assert not os.path.exists("slip")


def test_options_of_optimisers_and_schedules():
    for i, words in enumerate((["--optimizer", "adam"], ["--schedule", "cosine", "--lr-final", "0.001"],
                               ["--schedule", "step", "--step-epochs", "1", "--gamma", "0.5"], ["--nesterov"],
                               ["--batch", "full"], ["--warmup", "5", "--label-smoothing", "0.1"],
                               ["--weight-decay", "0.001", "--batch", "7"])):
        result = train(f"option{i}", *words, data="digits:120")
        assert result.code == OK, f"{words}: {result.err}"


def test_train_from_a_file_for_other_classes():
    assert train("base").code == OK
    names = ["--model", "base/best.onnx", "--classes", 12]
    expect_failure(train("none", *names, "--freeze", "nothing.*", "--quiet"), USAGE, "nothing.*")
    result = train("more", *names, "--freeze", "c1.*,c3.*")
    assert result.code == OK, result.err
    assert "a new head for 12 classes instead of 10" in result.err, result.err
    assert "4 parameters stay as they are" in result.err, result.err
    about = fovea("eval", "more/best.onnx", "--data", "digits:600", "--json").json()
    assert about["count"] == 100, about
    # What was asked for is kept for the day the run goes on.
    result = fovea("train", "--resume", "more", "--epochs", 2)
    assert result.code == OK, result.err
    assert "4 parameters stay as they are" in result.err, result.err


def test_resume_goes_on():
    # a constant rate: cosine's depends on how many epochs there will be
    how = ("--seed", "9", "--optimizer", "adam", "--schedule", "constant")
    whole = train("whole", *how, "--json", epochs=3).json()["hash"]
    train("parts", *how, epochs=1)
    more = fovea("train", "--resume", "parts", "--epochs", "3", "--json")
    assert more.json()["hash"] == whole
    done = fovea("train", "--resume", "parts")
    assert done.code == OK and "Nothing left to do" in done.out
    expect_failure(fovea("train", "--resume", "nowhere"), INPUT, "nowhere")
    expect_failure(fovea("train", "--resume", "parts", "--out", "x"), USAGE, "--out")
    wrong = fovea("train", "--resume", "parts", "--lr", "0.7", "--epochs", "4")
    expect_failure(wrong, wrong.code, "lr")
    assert wrong.code != OK


def test_resume_from_another_folder():
    """What was typed as a relative path is found again from elsewhere."""
    fovea("new", "mlp", "-o", "start.onnx")
    run = os.path.abspath("moved")
    assert train(run, "--model", "start.onnx").code == OK
    os.makedirs("elsewhere")
    assert fovea("train", "--resume", run, "--epochs", "2", cwd="elsewhere").code == OK


def start(out, *more, env=None):
    return subprocess.Popen([FOVEA, "train", "--data", "digits:800", "--epochs", "3", "--seed", "4", "--out", out,
                             "--batch", "8", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, env=env or environment())


def test_kill_and_resume_give_the_same_bits():
    whole = start("unkilled")
    assert whole.wait(timeout=100) == OK
    whole.communicate()
    expected = digest("unkilled/last.onnx")
    killed = 0
    for i, pause in enumerate((0.1, 0.3, 0.5)):
        run = f"killed{i}"
        child = start(run, "--checkpoint-steps", "3")
        end = time.time() + 20
        while not os.path.exists(f"{run}/checkpoint.safetensors") and time.time() < end:
            time.sleep(0.005)
        time.sleep(pause)
        killed += child.poll() is None
        child.kill()
        child.communicate()
        done = fovea("train", "--resume", run, "--threads", i + 1)
        assert done.code == OK, done.err
        assert digest(f"{run}/last.onnx") == expected, f"killed after {pause} s"
    assert killed > 0, "every run was over before it could be killed"


def start_plain(out, epochs):
    return [FOVEA, "train", "--data", "digits:2000", "--epochs", str(epochs), "--out", out]


def test_stop_leaves_a_clean_checkpoint():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        out = f"stopped{int(number)}"
        child = subprocess.Popen(start_plain(out, 500), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        end = time.time() + 20
        while not os.path.exists(f"{out}/checkpoint.safetensors") and time.time() < end:
            time.sleep(0.005)
        time.sleep(0.3)
        child.send_signal(number)
        _, err = child.communicate(timeout=30)
        assert child.returncode == INTERRUPTED, f"{number}: exit {child.returncode}"
        assert f"fovea train --resume {out}" in err.decode(), err
        with open(f"{out}/history.csv", encoding="utf-8") as file:
            epochs = max(1, len(file.readlines()) - 1)
        done = fovea("train", "--resume", out, "--epochs", epochs + 1)
        assert done.code == OK, done.err


def test_full_disk_keeps_the_checkpoint():
    run = os.path.abspath("full")
    assert train(run, "--model", "mlp").code == OK
    before = {name: hashlib.sha256(open(f"{run}/{name}", "rb").read()).hexdigest()
              for name in ("checkpoint.safetensors", "last.onnx", "best.onnx")}

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = fovea("train", "--resume", run, "--epochs", "2", preexec_fn=limit)
    assert result.code == IO, f"exit {result.code}: {result.err}"
    assert len(result.err.strip().split("\n")) == 1
    for name, value in before.items():
        assert hashlib.sha256(open(f"{run}/{name}", "rb").read()).hexdigest() == value, f"{name} has changed"
    left = [name for name in os.listdir(run) if "tmp" in name or name.endswith(".new")]
    assert not left, left
    assert fovea("train", "--resume", run, "--epochs", "2").code == OK


def test_folder_that_cannot_be_made():
    with open("file", "w", encoding="utf-8") as file:
        file.write("x")
    expect_failure(train("file/run"), IO, "file/run")
    expect_failure(train("file"), IO, "file")


def test_two_runs_never_share_a_folder():
    assert train("shared").code == OK
    kept = {name: open(f"shared/{name}", "rb").read() for name in os.listdir("shared")}
    folder = os.open("shared", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    expect_failure(train("shared", data="digits:200"), IO, "shared", "another run")
    expect_failure(fovea("train", "--resume", "shared", "--epochs", 2), IO, "shared", "another run")
    os.close(folder)
    assert kept == {name: open(f"shared/{name}", "rb").read() for name in os.listdir("shared")}
    assert train("shared", "--overwrite", data="digits:200").code == OK


# ---- bench: that it measures and says what it promises, never how fast ---------------------------------------------------


def bench(*words, **how):
    return fovea("bench", *words, "--time", "0.02", **how)


def test_bench_json():
    about = bench("lenet5", "--batch", "3", "--layers", "--threads", "1", "--json").json()
    assert about["input"] == [3, 1, 32, 32] and about["threads"] == 1 and not about["training"]
    assert about["multiply_adds"] == 3 * 416520, "counts are of all samples, by direct sums"
    assert 0 < about["least"] <= about["quartiles"][0] <= about["median"] <= about["quartiles"][1]
    assert abs(about["images_per_second"] * about["median"] - 3) < 1e-5
    assert abs(about["gflops"] * about["median"] - 2e-9 * about["multiply_adds"]) < 1e-9
    assert about["peak_gflops"] > 0 and abs(about["of_peak"] - about["gflops"] / about["peak_gflops"]) < 1e-5
    assert about["disturbed"] in (True, False) and (about["others"] is None or about["others"] >= 0)
    assert about["memory"]["activations"] > 0 and about["memory"]["peak_resident"] > about["memory"]["activations"]
    assert abs(about["first_output"] - about["load"] - about["plan"] - about["first_run"]) < 1e-6
    plan = fovea("inspect", "lenet5", "--plan", "--batch", "3", "--json").json()["plan"]
    assert about["memory"]["packed"] == plan["memory"]["packed"]
    assert sum(layer["multiply_adds"] for layer in about["layers"]) == about["multiply_adds"]
    f6 = next(layer for layer in about["layers"] if layer["name"] == "f6")
    assert f6["bytes_written"] == 3 * 84 * 4 and f6["bytes_read"] == 4 * (3 * 120 + 84 * 120 + 84)
    assert f6["bound_seconds"] > 0 and f6["seconds"] > 0 and f6["bound_by"] in ("bytes", "sums")
    assert sum(kind["steps"] for kind in about["kinds"]) == len(about["layers"])
    assert sum(kind["multiply_adds"] for kind in about["kinds"]) == about["multiply_adds"]


def test_bench_training():
    about = bench("course-cnn", "--training", "--batch", "4", "--layers", "--json").json()
    inference = bench("course-cnn", "--batch", "4", "--json").json()
    assert about["training"] and about["multiply_adds"] > 2 * inference["multiply_adds"]
    operations = {layer["operation"].split()[0] for layer in about["layers"]}
    assert {"softmax_cross_entropy", "conv_weight_gradient", "sgd"} <= operations, operations


def test_bench_text():
    plain = bench("lenet5", "--layers")
    assert plain.code == OK and plain.err == "" and "\x1b" not in plain.out
    for part in ("median", "GFLOP/s", "of the", "first output", "+ relu", "of bound", "roofline"):
        assert part in plain.out, part


def test_bench_size():
    assert fovea("new", "mlp", "-o", "mlp.onnx").code == OK
    expect_failure(bench("mlp.onnx", "--size", "20x24"), INPUT, "20 x 24")
    expect_failure(bench("lenet5", "--size", "32"), USAGE, "height x width")
    assert bench("lenet5", "--size", "36x44", "--json").json()["input"][1:] != [1, 32, 32]


def test_bench_save_and_compare():
    assert bench("lenet5", "--layers", "--save", "stored.json", "-q").code == OK
    with open("stored.json", encoding="utf-8") as file:
        stored = json.load(file)
    assert stored["model"] == "lenet5" and stored["layers"]
    text = bench("lenet5", "--layers", "--compare", "stored.json", "--at-most", "1000")
    assert text.code == OK and "Against stored.json" in text.out and "images a second" in text.out
    ratio = bench("lenet5", "--compare", "stored.json", "--json").json()["ratio"]
    assert ratio["median"] > 0 and ratio["packed"] == 1
    stored["median"] = stored["median"] / 1e4
    with open("fast.json", "w", encoding="utf-8") as file:
        json.dump(stored, file)
    slow = bench("lenet5", "--compare", "fast.json", "--at-most", "2")
    assert slow.code == SLOWER and "Against fast.json" in slow.out and "more than 2" in slow.err, slow.err
    expect_failure(bench("mlp", "--compare", "stored.json"), INPUT, "lenet5", "mlp")
    expect_failure(bench("lenet5", "--training", "--compare", "stored.json"), INPUT, "inference")
    expect_failure(bench("lenet5", "--batch", "2", "--compare", "stored.json"), INPUT, "batch")
    expect_failure(bench("lenet5", "--compare", "missing.json"), IO, "missing.json")
    with open("other.json", "w", encoding="utf-8") as file:
        file.write("{}")
    expect_failure(bench("lenet5", "--compare", "other.json"), INPUT, "other.json")
    expect_failure(bench("lenet5", "--at-most", "2"), USAGE, "--compare")
    expect_failure(bench("lenet5", "--save", "missing/x.json"), IO, "missing/x.json")


def test_bench_slips():
    expect_failure(fovea("bench"), USAGE, "which network")
    expect_failure(bench("lenet6"), USAGE, "lenet5")
    expect_failure(bench("missing.onnx"), IO, "missing.onnx")
    expect_failure(bench("lenet5", "--batch", "0"), USAGE, "--batch")
    expect_failure(bench("lenet5", "--layer"), USAGE, "--layers")
    expect_failure(bench("lenet5", "--max-memory", "100K"), MEMORY)


def test_bench_tune():
    home = os.getcwd() + "/tuned"
    env = environment(XDG_CONFIG_HOME=home)
    path = f"{home}/fovea/rates.json"
    tuned = fovea("bench", "--tune", "--json", env=env).json()
    assert tuned["file"] == path and min(tuned[key] for key in ("products", "transform", "memory", "wake")) > 0
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)["rates"]
    assert len(kept) == 1 and kept[0]["products"] == tuned["products"] and kept[0]["isa"] == tuned["isa"]
    assert path in fovea("inspect", "lenet5", "-v", env=env).err
    assert "rates: those of" in fovea("inspect", "lenet5", "-v").err
    # A second time replaces the entry; that of another machine stays, and is not taken for ours.
    other = dict(kept[0], processor="another", products=1)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"rates": [other, kept[0]]}, file)
    assert fovea("bench", "--tune", "-q", env=env).code == OK
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)["rates"]
    assert len(kept) == 2 and kept[0] == other and kept[1]["processor"] == tuned["processor"]
    assert fovea("bench", "--tune", "--rates", "own.json", "-q").code == OK and os.path.exists("own.json")
    # Every verb says what is wrong with the file, and where.
    for text in ("{", "{}", json.dumps({"rates": [dict(kept[1], memory=-1)]})):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        expect_failure(fovea("inspect", "lenet5", env=env), INPUT, path)
        expect_failure(fovea("bench", "lenet5", env=env), INPUT, path)


def test_mnist_of_this_machine():
    if not os.path.exists(f"{SHARED}/data/mnist"):
        raise Skip("no MNIST beside the checkout")
    env = environment(FOVEA_DATA=f"{SHARED}/data")
    about = fovea("data", "info", "mnist", "--json", env=env).json()
    assert about["train"] == 60000 and about["test"] == 10000
    assert about["classes"][0] == {"class": 0, "name": "0", "train": 5923, "test": 980}
    line = fovea("predict", f"{trained()}/best.onnx", "--data", "mnist", "--index", "0", "--json", env=env).json()
    assert line["label"] == 7


def main(names):
    """Runs the functions test_* among these names: those of this file, or of another that shares what is here."""
    wanted = sys.argv[1:]
    cases = [(name[5:], case) for name, case in names.items() if name.startswith("test_") and callable(case)]
    passed = failed = skipped = 0
    home = tempfile.mkdtemp(prefix="fovea-cli-")
    os.chdir(home)
    for name, case in cases:
        if wanted and not any(word in name for word in wanted):
            continue
        begin = time.time()
        try:
            case()
            passed += 1
            print(f"ok      {name} ({time.time() - begin:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skipped {name}: {reason}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    os.chdir("/")
    shutil.rmtree(home, ignore_errors=True)
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(globals()))
