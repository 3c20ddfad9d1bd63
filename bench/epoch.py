#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times one training epoch on MNIST in PyTorch and in fovea, alternately in one run, and prints the ratio.

Same network (checked by its parameter count), data, batch, optimiser, float32 and number of threads on both sides.
PyTorch's time is training alone with the set preloaded in memory; fovea's is what it reports (see fovea_seconds).
The order within a round changes every round, so that a slow drift of the machine's speed favours neither. Needs the
release build, python3-torch and an otherwise quiet machine: the load is printed with the result. Any claim about
speed is this script's output, settings included.

usage: epoch.py [--model course-cnn|lenet5] [--rounds 5] [--threads 2] [--fovea PATH] [--data DIR] [--dataloader]
                [--peer-blas-threads N] [--peer-only] [--at-most RATIO] [--json]
exit: 0 ok, 1 a side failed or the networks differ, 2 usage, 4 fovea's binary is missing, 5 slower than --at-most
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PEER = os.path.join(HERE, "peers", "pytorch_course_cnn.py")
# fovea's network -> parameter count -> the peer script's name of the same network.
PEER_MODELS = {"course-cnn": {8490: "course-cnn-8490", 21840: "course-cnn"}, "lenet5": {61706: "lenet5"}}


class Failed(Exception):
    """A sentence that says which side failed and how."""


def run(command, environment=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["(no message)"])[-1]
        raise Failed("%s ended with %d: %s" % (" ".join(command), done.returncode, last))
    return done.stdout


def find_number(value, key):
    """The first number called `key` in a JSON value, top level first."""
    if isinstance(value, dict):
        if isinstance(value.get(key), (int, float)):
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find_number(item, key)
            if found is not None:
                return found
    return None


class Fovea:
    def __init__(self, options):
        self.path = options.fovea
        self.options = options
        self.environment = dict(os.environ)
        self.environment.setdefault("FOVEA_DATA", os.path.dirname(os.path.abspath(options.data)))
        self.basis = None

    def parameters(self):
        output = run([self.path, "inspect", self.options.model, "--json"], self.environment)
        try:
            count = find_number(json.loads(output), "parameters")
        except ValueError:
            count = next((find_number(json.loads(line), "parameters") for line in output.splitlines()
                          if '"parameters"' in line), None)
        if count is None:
            raise Failed("fovea inspect %s --json tells no number of parameters" % self.options.model)
        return int(count)

    def epoch(self):
        """Trains for an epoch into a fresh folder; returns (seconds, training loss) of that epoch."""
        with tempfile.TemporaryDirectory(prefix="fovea-bench-") as folder:
            out = os.path.join(folder, "run")
            run([self.path, "train", "--model", self.options.model, "--data", "mnist", "--epochs", "1", "--batch", "64",
                 "--optimizer", "sgd", "--lr", "0.01", "--momentum", "0.5", "--seed", "1",
                 "--threads", str(self.options.threads), "--out", out, "--quiet"], self.environment)
            return self.fovea_seconds(os.path.join(out, "history.csv"))

    def fovea_seconds(self, path):
        """Prefers a column that holds training time alone; the column `time` may include the evaluation after it."""
        with open(path, newline="") as file:
            row = list(csv.DictReader(file))[0]
        row = {key.strip(): value for key, value in row.items()}
        self.basis = "train_time" if "train_time" in row else "time"
        return float(row[self.basis]), float(row["train/loss"])


class PyTorch:
    def __init__(self, options, model):
        self.command = [sys.executable, PEER, "--model", model, "--threads", str(options.threads),
                        "--data", options.data] + (["--dataloader"] if options.dataloader else [])
        self.last = None
        self.trials = {}
        choices = [options.peer_blas_threads] if options.peer_blas_threads else sorted({1, options.threads})
        if len(choices) > 1:
            self.trials = {count: self.trial(count) for count in choices}
        best = min(choices, key=lambda count: self.trials.get(count, 0))
        self.command += ["--blas-threads", str(best)]

    def trial(self, blas_threads):
        """Seconds of one epoch, before the rounds: the peer shall run in the faster of its settings."""
        return json.loads(run(self.command + ["--blas-threads", str(blas_threads)]).splitlines()[-1])["seconds"]

    def epoch(self):
        self.last = json.loads(run(self.command).splitlines()[-1])
        return self.last["seconds"], self.last["loss"]


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=sorted(PEER_MODELS), default="course-cnn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fovea", default=os.path.join(ROOT, "build", "release", "fovea"))
    shared = os.environ.get("FOVEA_SHARED", os.path.join(ROOT, "..", "shared"))
    parser.add_argument("--data", default=os.path.join(shared, "data", "mnist"))
    parser.add_argument("--dataloader", action="store_true", help="the peer reads through DataLoader, not preloaded")
    parser.add_argument("--peer-blas-threads", type=int,
                        help="OpenBLAS threads; default: 1 or --threads, the faster here")
    parser.add_argument("--peer-only", action="store_true", help="time PyTorch alone")
    parser.add_argument("--at-most", type=float, help="fail when fovea takes more than this part of PyTorch's time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")

    load_before = os.getloadavg()[0]
    sides = {}
    fovea = None
    model = options.model
    if not options.peer_only:
        if not os.access(options.fovea, os.X_OK):
            sys.stderr.write("bench/epoch: %s is missing; build it with ./dev build, or say --peer-only\n"
                             % options.fovea)
            return 4
        fovea = Fovea(options)
        parameters = fovea.parameters()
        model = PEER_MODELS[options.model].get(parameters)
        if model is None:
            raise Failed("fovea's %s has %d parameters; the peer has no such network" % (options.model, parameters))
        sides["fovea"] = fovea
    pytorch = PyTorch(options, model)
    sides["pytorch"] = pytorch

    seconds = {name: [] for name in sides}
    losses = {}
    for number in range(options.rounds):
        for name in sorted(sides, reverse=number % 2 == 0):
            taken, losses[name] = sides[name].epoch()
            seconds[name].append(taken)
            if not options.json:
                print("round %d  %-8s %7.3f s   loss %.4f" % (number + 1, name, taken, losses[name]), flush=True)

    medians = {name: statistics.median(values) for name, values in seconds.items()}
    result = {
        "model": options.model, "parameters": pytorch.last["parameters"], "rounds": options.rounds, "seconds": seconds,
        "median": medians, "loss": losses, "threads": options.threads, "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)), "load": [load_before, os.getloadavg()[0]],
        "pytorch": {key: pytorch.last[key] for key in ("torch", "input", "threads", "onednn", "blas")},
    }
    result["pytorch"]["blas_trials"] = pytorch.trials
    if fovea:
        result["ratio"] = medians["fovea"] / medians["pytorch"]
        result["fovea"] = {"binary": options.fovea, "version": run([options.fovea, "--version"]).strip(),
                           "time_column": fovea.basis}
    if options.json:
        print(json.dumps(result))
    else:
        blas = result["pytorch"]["blas"]
        print("cpu      %s, %d cores, load %.1f before, %.1f after"
              % (result["cpu"], result["cores"], load_before, result["load"][1]))
        print("network  %s, %d parameters, batch 64, sgd 0.01 momentum 0.5, one epoch of 60,000"
              % (options.model, result["parameters"]))
        print("pytorch  median %.3f s, least %.3f s   torch %s, %d threads, %s, oneDNN %s, BLAS %s"
              % (medians["pytorch"], min(seconds["pytorch"]), result["pytorch"]["torch"], result["pytorch"]["threads"],
                 result["pytorch"]["input"], "yes" if result["pytorch"]["onednn"] else "no",
                 blas.get("config") or ", ".join(blas["files"]) or "none"))
        print("         %s OpenBLAS threads%s" % (blas.get("threads", "no"), "".join(
            "; with %d: %.3f s before the rounds" % pair for pair in sorted(pytorch.trials.items()))))
        if fovea:
            basis = "training alone" if fovea.basis == "train_time" else "column `time`, with any evaluation in it"
            print("fovea    median %.3f s, least %.3f s   %s, %d threads, %s"
                  % (medians["fovea"], min(seconds["fovea"]), result["fovea"]["version"].splitlines()[0],
                     options.threads, basis))
            print("ratio    %.3f of the medians, %.3f of the least (fovea / pytorch)"
                  % (result["ratio"], min(seconds["fovea"]) / min(seconds["pytorch"])))
    # OpenMP's threads spin while they wait: once another process needs a core, an epoch takes many times as long.
    for name, values in seconds.items():
        if max(values) > 1.25 * min(values):
            sys.stderr.write("bench/epoch: %s took %.3f to %.3f s: the machine is not quiet, do not quote this run\n"
                             % (name, min(values), max(values)))
    if fovea and options.at_most is not None and result["ratio"] > options.at_most:
        sys.stderr.write("bench/epoch: ratio %.3f is above %.3f\n" % (result["ratio"], options.at_most))
        return 5
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.stderr.write("bench/epoch: %s\n" % failure)
        sys.exit(1)
