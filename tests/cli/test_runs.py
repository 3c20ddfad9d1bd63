#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs of training: never lost, never overwritten, stopped, killed and resumed to the same bits.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_runs.py WORD-OF-ITS-NAME
"""
import fcntl
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

from command import FOVEA, INPUT, INTERRUPTED, IO, OK, USAGE, digest, environment, expect_failure, fovea, train, main


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
    # A resume uses the run's own options, such as --freeze, again.
    result = fovea("train", "--resume", "more", "--epochs", 2)
    assert result.code == OK, result.err
    assert "4 parameters stay as they are" in result.err and "random numbers" not in result.err, result.err


def test_train_from_weights_of_a_network():
    assert train("known", epochs=3).code == OK
    right = fovea("eval", "known/last.onnx", "--data", "digits:600", "--json").json()["metrics"]["accuracy"]
    fovea("convert", "known/last.onnx", "w.safetensors")
    words = ["--weights", "w.safetensors"]
    result = train("again", *words, "--lr", "1e-9", epochs=1)
    assert result.code == OK and "new head" not in result.err, result.err
    assert fovea("eval", "again/last.onnx", "--data", "digits:600", "--json").json()["metrics"]["accuracy"] == right
    result = train("twelve", *words, "--classes", 12, epochs=1)
    assert "a new head for 12 classes instead of 10" in result.err, result.err
    os.remove("w.safetensors")  # resuming does not need the file of initial weights
    assert fovea("train", "--resume", "twelve", "--epochs", 2).code == OK
    expect_failure(train("none", "--weights", "known/last.onnx"), USAGE, "--weights", "--model")
    expect_failure(train("none", *words), IO, "w.safetensors")


def test_resume_goes_on():
    # a constant rate: cosine's depends on how many epochs there will be
    how = ("--seed", "9", "--optimizer", "adam", "--schedule", "constant")
    whole = train("whole", *how, "--json", epochs=3).json()["hash"]
    train("parts", *how, epochs=1)
    more = fovea("train", "--resume", "parts", "--epochs", "3", "--json")
    assert more.json()["hash"] == whole
    done = fovea("train", "--resume", "parts")
    assert done.code == OK and "Nothing left to do" in done.out
    expect_failure(fovea("train", "--resume", "nowhere"), IO, "nowhere")
    expect_failure(fovea("train", "--resume", "parts", "--out", "x"), USAGE, "--out")
    wrong = fovea("train", "--resume", "parts", "--lr", "0.7", "--epochs", "4")
    expect_failure(wrong, wrong.code, "lr")
    assert wrong.code != OK


def test_resume_hears_what_is_typed_by_name():
    """A weight decay by name, alone or behind a number, is compared with the run's as every option is."""
    assert train("decayed", "--model", "mlp", "--weight-decay", "0.01, *.weight=0.02", data="digits:60").code == OK
    resume = ("train", "--resume", "decayed", "--epochs", 2)
    for text, part in (("0.01, *.weight=0.03", "weight_decay_by_name"), ("*.weight=0.03", "weight_decay_by_name"),
                       ("0.02, *.weight=0.02", "weight_decay=0.02")):
        expect_failure(fovea(*resume, "--weight-decay", text), USAGE, part)
    assert fovea(*resume, "--weight-decay", "0.01, *.weight=0.02").code == OK
    assert fovea("train", "--resume", "decayed", "--epochs", 3, "--weight-decay", "*.weight=0.02").code == OK


def test_config_of_a_run_with_words():
    """What config.json keeps as -1 was a word: full, none."""
    assert train("worded", "--model", "mlp", "--batch", "full", "--loader-threads", "none", data="digits:60").code == OK
    assert fovea("train", "--config", "worded/config.json", "--out", "worded-again").code == OK
    kept = json.load(open("worded-again/config.json", encoding="utf-8"))
    assert kept["batch"] == kept["loader_threads"] == -1, kept


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
    whole.communicate(timeout=300)
    assert whole.returncode == OK
    expected = digest("unkilled/last.onnx")
    killed = 0
    for i, pause in enumerate((0.1, 0.3, 0.5)):
        run = f"killed{i}"
        child = start(run, "--checkpoint-steps", "3")
        end = time.time() + 200
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
        end = time.time() + 200
        while not os.path.exists(f"{out}/checkpoint.safetensors") and time.time() < end:
            time.sleep(0.005)
        time.sleep(0.3)
        child.send_signal(number)
        _, err = child.communicate(timeout=200)
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


if __name__ == "__main__":
    sys.exit(main(globals()))
