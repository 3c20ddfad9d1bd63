#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the command says, and how: help of every verb, slips and damaged files, colours, terminals, pipes, full disks.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_command.py WORD-OF-ITS-NAME
"""
import ast
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import time

from command import (FOVEA, INPUT, IO, MEMORY, OK, USAGE, VERBS, environment, expect_failure, fovea, png, train,
                     trained, main)


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
        assert f"fovea {verb}" in pages[0].out.split("Examples\n")[1]
        for common in ("--json", "--quiet", "--threads", "--seed", "--max-memory", "--verbose"):
            assert common in pages[0].out, f"{verb}: no {common}"
        assert max(map(len, pages[0].out.split("\n"))) <= 120


def test_version():
    plain = fovea("--version")
    assert plain.code == OK and re.match(r"fovea \d+\.\d+\.\d+ \(commit [\w.-]+\)\n", plain.out)
    assert "machine:" in plain.out and "build:" in plain.out
    about = fovea("--version", "--json").json()
    assert set(about) >= {"version", "commit", "machine", "isa", "threads", "compiler", "build"}


def test_examples_in_help_parse():
    """Every option that an example shows is one that its verb has: an example may begin with another verb's work."""
    pages = {verb: fovea(verb, "--help").out for verb in VERBS}
    known = {verb: set(re.findall(r"--([a-z-]+)", page.split("Examples")[0])) | {"help"} for verb, page in pages.items()}
    for verb, page in pages.items():
        examples = page.split("Examples\n")[1].replace(" \\\n", " ")
        for shown, words in re.findall(r"fovea ([a-z]+)(.*)", examples):
            for name in re.findall(r"--([a-z-]+)", words):
                assert name in known[shown], f"{verb}: an example of {shown} uses --{name}"



def test_examples_in_help_run():
    """Those that need no file of the reader's, no run before them and little time."""
    files = re.compile(r"[/@]|\.(onnx|png|jpg|json|csv|pth|npy|safetensors|cfg|weights|txt|zip)\b|\b(mnist|cifar|cases|DIR|FILE)")
    written = re.compile(r" (-o|--svg|--png|--out) \S+")
    shown = set()
    for verb in VERBS:
        page = fovea(verb, "--help").out.split("Examples\n")[1].replace(" \\\n", " ")
        shown |= {line for line in re.findall(r"^ *fovea (.*?)(?:  .*)?$", page, re.M) if not re.match("serve|train|bench|learn|zoo --detectors|new resnet50", line)}
    run = [line for line in sorted(shown) if not files.search(written.sub("", line)) and not re.search("[|<>&]", line)]
    assert len(run) >= 10, run
    for line in run:
        done = fovea(*shlex.split(line))
        assert done.code == OK, f"fovea {line}: exit {done.code}: {done.err}"


def test_what_would_be_ignored():
    """Options that do not go together are refused, whatever stands beside them."""
    for line in ("eval --truth t.json", "eval best.onnx --truth t.json", "eval best.onnx --answers a.json",
                 "report a b --data digits", "report a b --samples 3"):
        expect_failure(fovea(*line.split()), USAGE)
    os.makedirs("evil\033[31m/one", exist_ok=True)
    png("evil\033[31m/one/1.png", 28, 28, 9)
    done = fovea("train", "--model", "mlp", "--data", "evil\033[31m")
    expect_failure(done, INPUT, "evil\\x1b[31m/one/1.png")
    assert "\033" not in done.err, done.err


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


def test_layers_by_the_names_that_inspect_lists():
    """A file of others names a layer and its result differently: either name is taken, and only those are suggested."""
    assert fovea("new", "lenet5", "-o", "plain.onnx").code == OK
    with open("plain.onnx", "rb") as file:
        plain = file.read()
    assert plain.count(b"\x1a\x02c1") == 1  # NodeProto.name
    with open("named.onnx", "wb") as file:
        file.write(plain.replace(b"\x1a\x02c1", b"\x1a\x02k7"))
    png("dark.png", 28, 28, 10)
    listed = [layer["name"] for layer in fovea("inspect", "named.onnx", "--json").json()["layers"]]
    assert "k7" in listed and "c1" not in listed, listed
    for name in listed + ["c1"]:
        done = fovea("features", "named.onnx", "dark.png", "--layer", name, "-o", f"{name}.npy")
        assert done.code == OK, (name, done.err)
    assert read_npy("k7.npy") == read_npy("c1.npy")
    expect_failure(fovea("features", "named.onnx", "dark.png", "--layer", "k77", "-o", "none.npy"), USAGE,
                   'did you mean "k7"?')
    expect_failure(fovea("features", "named.onnx", "dark.png", "--layer", "c1.weight", "-o", "none.npy"), USAGE,
                   "not the result of a layer")
    for name in ("k7", "c1"):
        done = fovea("explain", "named.onnx", "dark.png", "--layer", name, "--json")
        assert done.code == OK and done.json()["layer"] == "c1", (name, done.out, done.err)
        done = fovea("explain", "named.onnx", "--visualise", name, "--steps", 1, "-o", "units.png")
        assert done.code == OK and "6 units" in done.out, (name, done.out, done.err)


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
    assert result.code == IO and "--data digits" in result.err and "data get mnist" in result.err, result.err
    assert not os.path.exists("runs")


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


if __name__ == "__main__":
    sys.exit(main(globals()))
