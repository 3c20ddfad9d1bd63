#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The built command where numbers run away and where hosts are hard: results that are not finite, text of any length,
FIFOs and devices in place of files, homes that cannot be read, seeds of 64 bits, folders that hold a run already.
FOVEA_BINARY is the command.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_hosts.py seed
"""
import json
import math
import os
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import command  # noqa: E402
from command import FOVEA, INPUT, IO, NUMERIC, OK, USAGE  # noqa: E402
from command import environment, expect_failure, fovea, png, train, trained  # noqa: E402


def tree(folder):
    """Every file of a folder with its bytes and the time of its last change."""
    return {name: (open(f"{folder}/{name}", "rb").read(), os.stat(f"{folder}/{name}").st_mtime_ns)
            for name in sorted(os.listdir(folder))}


def poison(path, name, value, place=0):
    """Puts a number into a tensor of a safetensors file, and takes the seal off that would notice."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(length)), bytearray(file.read())
    begin = header[name]["data_offsets"][0] + 4 * place
    data[begin:begin + 4] = struct.pack("<f", value)
    header.pop("__metadata__", None)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def weights(out, name, value):
    """The weights of a trained mlp with one number replaced."""
    assert fovea("convert", f"{trained()}/best.onnx", out).code == OK
    poison(out, name, value)
    return out


def layers():
    """Names of the trained mlp's layers that have parameters."""
    about = fovea("inspect", f"{trained()}/best.onnx", "--json").json()
    return [layer["name"] for layer in about["layers"] if layer["parameters"]]


def first_weight():
    return f"{layers()[0]}.weight"


def last_bias():
    return f"{layers()[-1]}.bias"


# ---- numbers that are not finite -----------------------------------------------------------------------------------------


def test_training_that_runs_away():
    """Either the loss of a step or the validation is no number any more: exit 6, and nothing bad is kept."""
    seen = set()
    for rate in ("30", "1e3", "1e4", "1e5", "1e6"):
        run = f"away-{rate}"
        result = fovea("train", "--model", "lenet5", "--data", "digits:24", "--epochs", 3, "--batch", 12, "--lr", rate,
                       "--out", run)
        if result.code == OK:
            continue
        assert result.code == NUMERIC, f"exit {result.code}: {result.err}"
        assert "nan" not in result.out.lower(), result.out
        error = result.err.strip()
        # A weight is named where the last update of an epoch overflowed, before any loss could show it.
        assert error.count("\n") == 0 and ("first in \"" in error or "parameter \"" in error), error
        seen.add("validation" if "validation after epoch" in error else "step" if ", step " in error else error)
        for name in ("last.onnx", "best.onnx"):
            if os.path.exists(f"{run}/{name}"):
                scores = fovea("predict", f"{run}/{name}", "--data", "digits:24", "--index", "0", "--json").json()
                assert all(math.isfinite(one["probability"]) for one in scores["top"]), scores
    assert "step" in seen, seen


def test_checkpoint_and_best_outlive_bad_numbers():
    run = os.path.abspath("outlive")
    assert train(run, "--model", "lenet5", "--lr", "0.01").code == OK
    before = tree(run)
    # A second run, which starts from the first one's weights, explodes: the first one's folder stays as it is.
    result = fovea("train", "--model", f"{run}/best.onnx", "--data", "digits:600", "--epochs", 2, "--lr", "1e6",
                   "--out", "outlive-2")
    assert result.code == NUMERIC, result.err
    assert tree(run) == before
    assert "the last checkpoint is kept" in result.err or "validation" in result.err, result.err
    assert fovea("inspect", "outlive-2/last.onnx", "--strict").code == OK


def test_eval_and_predict_say_nan_is_no_answer():
    png("digit.png", 28, 28, 200)
    for value, word in ((float("nan"), "NaN first"), (float("inf"), "infinite first")):
        bad = weights(f"bad-{value}.safetensors", last_bias(), value)
        for more in ([], ["--json"]):
            expect_failure(fovea("eval", bad, "--model", "mlp", "--data", "digits:60", "--quiet", *more), NUMERIC,
                           "sample 0 of digits", word, f"\"{last_bias()}\" (parameter)")
            expect_failure(fovea("predict", bad, "digit.png", "--model", "mlp", "--quiet", *more), NUMERIC, "digit.png",
                           word)
        expect_failure(fovea("predict", bad, "--model", "mlp", "--data", "digits:60", "--index", "3", "--quiet"), NUMERIC,
                       "digits #3", word)


def test_pictures_are_named():
    """A folder's sample is named by its file."""
    for split in ("train", "test"):
        for name in ("a", "b"):
            os.makedirs(f"named/{split}/{name}", exist_ok=True)
            png(f"named/{split}/{name}/{name}.png", 28, 28, 30 if name == "a" else 220)
    result = fovea("train", "--model", "mlp", "--data", "named", "--epochs", 1, "--out", "named-run")
    assert result.code == OK, result.err
    assert fovea("convert", "named-run/best.onnx", "named.safetensors").code == OK
    poison("named.safetensors", first_weight(), float("nan"))
    assert fovea("convert", "named.safetensors", "named-bad.onnx", "--model", "named-run/best.onnx", "--quiet").code == OK
    expect_failure(fovea("eval", "named-bad.onnx", "--data", "named", "--quiet"), NUMERIC, "named/test/a/a.png")


# ---- text of any length --------------------------------------------------------------------------------------------------


def test_config_words_of_any_length():
    assert train("long", "--model", "mlp").code == OK
    with open("long/config.json", encoding="utf-8") as file:
        config = json.load(file)
    for key in ("optimizer", "schedule"):
        for length in (511, 512, 60000):
            with open("long/config.json", "w", encoding="utf-8") as file:
                json.dump({**config, key: "a" * length}, file)
            expect_failure(fovea("train", "--resume", "long", "--epochs", 2), USAGE, "there is no")
    for key, value in (("epochs", 1e300), ("batch", -1e300), ("warmup", 2 ** 70), ("step_epochs", 1e10),
                       ("checkpoint_steps", 1e18), ("seed", -1), ("seed", 1.5), ("seed", 2 ** 64), ("seed", "x")):
        with open("long/config.json", "w", encoding="utf-8") as file:
            json.dump({**config, key: value}, file)
        result = fovea("train", "--resume", "long")
        assert result.code in (USAGE, INPUT), f"{key} {value}: exit {result.code} {result.err}"
        assert len(result.err.strip().split("\n")) == 1, result.err


def test_command_line_words_of_any_length():
    for length in (512, 600, 100_000):
        word = "a" * length
        for words in (("--optimizer", word), ("--schedule", word), ("--model", word), ("--data", word),
                      ("--freeze", word), ("--input", word), ("--" + word, "1"), ("--out", "x/" + word)):
            result = fovea("train", "--data", "digits:60", "--epochs", 1, "--out", "words", *words) \
                if words[0] not in ("--data", "--out") else fovea("train", "--epochs", 1, *words)
            assert result.code in (USAGE, INPUT, IO), f"{words[0]} of {length}: exit {result.code} {result.err[:200]}"
            assert len(result.err) < 5000 and result.out == ""
        for verb in ("inspect", "predict", "eval", "convert", "data", "new", "ops", "bench", "conformance"):
            result = fovea(verb, word, word, word)
            assert result.code in (USAGE, INPUT, IO), f"{verb}: exit {result.code} {result.err[:200]}"


def test_help_keeps_its_columns():
    out = fovea("help").out
    lines = [line for line in out.split("\n") if line.startswith("  ") and line.strip() and
             line.split()[0] in command.VERBS]
    assert len(lines) >= 10, out
    columns = {len(line) - len(line[2:].split(" ", 1)[1].lstrip()) for line in lines}
    assert len(columns) == 1, out
    for line in lines:
        assert line[2:].split(" ", 1)[1].startswith(" "), line


def test_config_is_json_whatever_names_are():
    """Folder and model names with quotes, control characters and bytes that are no UTF-8."""
    name = b"we\"ird\\\x01\n\xff"
    for split in (b"train", b"test"):
        for label in (b"a", b"b"):
            folder = os.path.join(name, split, label)
            os.makedirs(folder, exist_ok=True)
            png(os.path.join(folder, b"x.png"), 28, 28, 9)
    done = command.subprocess.run([FOVEA, "train", "--model", "mlp", "--data", name, "--epochs", "1", "--out", "weird",
                                   "--json"], stdout=-1, stderr=-1, env=environment(), check=False, timeout=100)
    assert done.returncode == OK, done.stderr
    for line in done.stdout.splitlines():
        json.loads(line)
    for file in ("config.json", "args.json"):
        with open(f"weird/{file}", encoding="utf-8") as text:
            json.load(text)


# ---- what is no file -----------------------------------------------------------------------------------------------------


def test_fifos_and_devices_are_refused_at_once():
    os.makedirs("odd", exist_ok=True)
    os.mkfifo("odd/fifo")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("odd/socket")
    model = f"{trained()}/best.onnx"
    for odd in ("odd/fifo", "odd/socket", "odd", "/dev/zero", "/dev/tty", "/dev/null"):
        for words in (("inspect", odd), ("predict", odd, "x.png"), ("predict", model, odd), ("eval", odd, "--data", "digits:20"),
                      ("convert", odd, "x.onnx"), ("train", "--model", f"./{odd}" if odd[0] != "/" else odd, "--data",
                                                   "digits:20", "--out", "odd-run"),
                      ("bench", model, "--compare", odd, "--time", "0.01"),
                      ("predict", "odd.safetensors", "x.png", "--model", odd)):
            result = fovea(*words)
            assert result.code in (INPUT, IO, USAGE), f"{words}: exit {result.code} {result.err}"
            assert len(result.err.strip().split("\n")) == 1 and result.out == "", f"{words}: {result.err}"
    for name in ("config.json", "args.json", "checkpoint.safetensors"):
        run = f"odd-{name}"
        assert train(run, "--model", "mlp", data="digits:60").code == OK
        os.remove(f"{run}/{name}")
        os.mkfifo(f"{run}/{name}")
        result = fovea("train", "--resume", run, "--epochs", 2)
        assert result.code == IO and "regular file" in result.err, f"{name}: exit {result.code} {result.err}"
    os.makedirs("mnist-odd", exist_ok=True)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                 "t10k-labels-idx1-ubyte"):
        os.mkfifo(f"mnist-odd/{name}")
    result = fovea("data", "info", "mnist:mnist-odd")
    assert result.code in (INPUT, IO), f"exit {result.code} {result.err}"


def test_standard_input():
    with open(f"{trained()}/best.onnx", "rb") as file:
        done = command.subprocess.run([FOVEA, "inspect", "/dev/stdin", "--hash", "--json"], stdin=file, stdout=-1,
                                      stderr=-1, env=environment(), check=False, timeout=60)
    assert done.returncode == OK, done.stderr
    assert json.loads(done.stdout)["hash"] == command.digest(f"{trained()}/best.onnx")
    with open(f"{trained()}/best.onnx", "rb") as file:
        model = file.read()
    for given, code in ((model, OK), (b"", INPUT), (model[:300], INPUT)): # a pipe: whole, with nothing in it, cut short
        done = command.subprocess.run([FOVEA, "inspect", "/dev/stdin"], input=given, stdout=-1, stderr=-1,
                                      env=environment(), check=False, timeout=60)
        assert done.returncode == code, (done.returncode, done.stderr)
        assert code == OK or done.stderr.count(b"\n") == 1, done.stderr


# ---- homes ---------------------------------------------------------------------------------------------------------------


def test_homes_that_cannot_be_read():
    """The command does what it was asked for; what it could not look at is said."""
    with open("no-folder", "w", encoding="utf-8") as file:
        file.write("x")
    os.makedirs("loop-home/fovea", exist_ok=True)
    if not os.path.islink("loop-home/fovea/rates.json"):
        os.symlink("rates.json", "loop-home/fovea/rates.json")
    os.makedirs("folder-home/fovea/rates.json", exist_ok=True)
    os.makedirs("fifo-home/fovea", exist_ok=True)
    os.mkfifo("fifo-home/fovea/rates.json")
    here = os.getcwd()
    for config, said in ((f"{here}/no-folder", True), (f"{here}/loop-home", True), (f"{here}/folder-home", True),
                         (f"{here}/fifo-home", True), (f"{here}/nowhere", False), ("", False), ("relative", False)):
        result = train("home-run", "--model", "mlp", "--overwrite", data="digits:60",
                       env=environment(XDG_CONFIG_HOME=config))
        assert result.code == OK, f"{config}: {result.err}"
        assert ("going on with the rates" in result.err) == said, f"{config}: {result.err}"
    for home in ("/nonexistent", f"{here}/no-folder", "", None):
        env = environment(XDG_CONFIG_HOME="", XDG_DATA_HOME="", HOME=home or "")
        if home is None:
            del env["HOME"]
        result = train("home-run", "--model", "mlp", "--overwrite", data="digits:60", env=env)
        assert result.code == OK, f"{home}: {result.err}"
        expect_failure(fovea("train", "--data", "mnist", "--out", "home-mnist", "--quiet", env=env), IO, "mnist")
    # A rates file that the command line names must be readable.
    result = fovea("bench", "lenet5", "--time", "0.01", "--rates", f"{here}/fifo-home/fovea/rates.json")
    assert result.code == IO, f"exit {result.code} {result.err}"


# ---- seeds ---------------------------------------------------------------------------------------------------------------


def test_seed_keeps_64_bits():
    hashes = set()
    for seed in (2 ** 53 + 1, 2 ** 63, 2 ** 64 - 2, 2 ** 64 - 1):
        run = f"seed-{seed}"
        assert train(run, "--model", "mlp", "--seed", seed, data="digits:60").code == OK
        with open(f"{run}/config.json", encoding="utf-8") as file:
            assert json.load(file)["seed"] == seed
        done = fovea("train", "--resume", run, "--epochs", 2)
        assert done.code == OK, done.err
        hashes.add(command.digest(f"{run}/last.onnx"))
    assert len(hashes) == 4
    for seed in (2 ** 64, -1, "1e3", "1.5", "x", "", "+1", " 1", "99999999999999999999999999"):
        expect_failure(fovea("train", "--data", "digits:60", "--seed", seed, "--out", "no-seed"), USAGE, "seed")
    assert not os.path.exists("no-seed")


# ---- a folder that holds a run --------------------------------------------------------------------------------------------


def test_a_run_is_not_replaced_by_a_slip():
    for run, steps in (("done", ()), ("killed", ("--checkpoint-steps", 1))):
        assert train(run, "--model", "mlp", *steps, data="digits:60").code == OK
        if run == "killed": # as a kill in the first epoch leaves it
            os.remove("killed/best.onnx")
        before = tree(run)
        for more in ((), ("--lr", "0.5"), ("--model", "lenet5"), ("--optimizer", "sdg"), ("--resume", run)):
            result = fovea("train", "--data", "digits:60", "--epochs", 1, "--out", run, *more)
            assert result.code == USAGE, f"{more}: exit {result.code} {result.err}"
            assert re.search("--resume|there is no|over what is read", result.err), result.err
            assert tree(run) == before, f"{run} changed by {more}"
        for more in (("--lr", "0.5"), ("--optimizer", "sdg"), ("--data", "digits:61"), ("--seed", "9")):
            result = fovea("train", "--resume", run, "--epochs", 2, *more)
            assert result.code in (USAGE, INPUT), f"{more}: exit {result.code} {result.err}"
            assert tree(run) == before, f"{run} changed by resume {more}"
        assert train(run, "--model", "mlp", "--overwrite", data="digits:61").code == OK
        assert tree(run) != before


def test_planning_time_of_a_small_einsum():
    """A file of a few hundred bytes whose known values would take years."""
    def field(number, body):
        if isinstance(body, int):
            return varint(number << 3) + varint(body)
        return varint(number << 3 | 2) + varint(len(body)) + body

    def varint(value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    def shape_value(name, dims):
        dimensions = b"".join(field(1, field(1, d)) for d in dims)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, dimensions)))

    def fill(name, size):
        shape = field(1, 1) + field(2, 7) + field(7, varint(size))
        return (field(1, field(2, name + b"_s") + field(4, b"Constant") +
                      field(5, field(1, b"value") + field(5, shape) + field(20, 4))),
                field(1, field(1, name + b"_s") + field(2, name) + field(4, b"ConstantOfShape")))

    for size, letters in ((1000, "abcdef"), (30, "abcdef"), (1000, "abc")):
        names = [letter.encode() for letter in letters]
        nodes = b"".join(part for name in names for part in fill(name, size))
        equation = (",".join(letters) + "->").encode()
        nodes += field(1, b"".join(field(1, name) for name in names) + field(2, b"e") + field(4, b"Einsum") +
                       field(5, field(1, b"equation") + field(4, equation) + field(20, 3)))
        nodes += field(1, field(1, b"x") + field(1, b"e") + field(2, b"y") + field(4, b"Add"))
        graph = nodes + field(2, b"g") + field(11, shape_value(b"x", [1, 3])) + field(12, shape_value(b"y", [1, 3]))
        model = field(1, 8) + field(7, graph) + field(8, field(2, 13))
        with open("einsum.onnx", "wb") as file:
            file.write(model)
        done = command.subprocess.run([FOVEA, "inspect", "einsum.onnx"], stdout=-1, stderr=-1, env=environment(),
                                      check=False, timeout=300)
        assert done.returncode in (OK, INPUT), done.stderr


if __name__ == "__main__":
    sys.exit(command.main(globals()))
