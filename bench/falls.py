#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the loss of every classifier fall? Each network of `fovea zoo` that classifies is made untrained for ten classes,
at the smallest of a few picture sizes that it takes, and trained for 30 steps on 80 pictures of CIFAR-10, 8 to a batch.

Usage: bench/falls.py --pictures cifar10-train.zip [--results falls.json] [--table] [NETWORK ...]
The archive has a folder of pictures per class (train/bird/0001.jpg). A network that stands in the results is not run
again, so that a run which was stopped goes on; --table prints what is there as a table and runs nothing.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATCH, EPOCHS, STEPS, PER_CLASS, MEAN_OVER = 8, 3, 10, 8, 5
SIDES = (64, 96, 128, 160, 224)


def unpack(archive, folder):
    """The first pictures of each class for training, the next one for validation."""
    with zipfile.ZipFile(archive) as pictures:
        classes = {}
        for name in sorted(pictures.namelist()):
            if name.lower().endswith((".jpg", ".jpeg", ".png")):
                classes.setdefault(os.path.basename(os.path.dirname(name)), []).append(name)
        for label, names in classes.items():
            for i, name in enumerate(names[:PER_CLASS + 1]):
                to = os.path.join(folder, "train" if i < PER_CLASS else "val", label)
                os.makedirs(to, exist_ok=True)
                with open(os.path.join(to, os.path.basename(name)), "wb") as file:
                    file.write(pictures.read(name))
    return len(classes)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def smallest_input(fovea, network, folder):
    """CxHxW of the smallest pictures that the network takes, of those tried; the last one is its own size."""
    channels, height, width = network["input"]
    if min(height, width) <= SIDES[0]:
        return f"{channels}x{height}x{width}"
    for side in SIDES:
        size = f"{channels}x{side}x{side}"
        made = run(fovea, "new", network["name"], "--classes", "10", "--input", size,
                   "-o", os.path.join(folder, f"{side}.onnx"))
        if made.returncode == 0:
            return size
    return f"{channels}x{height}x{width}"


def train(fovea, network, pictures, options):
    """A row of results: the mean losses of the first and of the last five steps, and the processor's seconds."""
    with tempfile.TemporaryDirectory() as folder:
        size = smallest_input(fovea, network, folder)
        begin = os.times()
        done = run(fovea, "train", "--model", network["name"], "--data", pictures, "--input", size,
                   "--epochs", str(EPOCHS), "--batch", str(BATCH), "--optimizer", "adam", "--lr", options.lr,
                   "--schedule", "constant", "--seed", options.seed, "--threads", options.threads,
                   "--log-every", str(MEAN_OVER), "-o", os.path.join(folder, "run"))
        end = os.times()
    losses = [float(loss) for loss in re.findall(r"^\[\d+, +\d+\] loss: (\S+)", done.stdout, flags=re.M)]
    row = {"input": size, "lr": options.lr, "seed": options.seed, "losses": losses,
           "seconds": round(end.children_user + end.children_system - begin.children_user - begin.children_system, 1)}
    if done.returncode != 0 or len(losses) != EPOCHS * STEPS // MEAN_OVER:
        row["error"] = done.stderr.strip()[-300:]
    return row


def print_table(results, out):
    out.write("| network | input | rate | loss, steps 1 to 5 | steps 26 to 30 | falls |\n|---|---|---|---|---|---|\n")
    for name, row in results.items():
        if "error" in row:
            out.write(f"| `{name}` | {row['input']} | {row['lr']} | | | {row['error']} |\n")
            continue
        first, last = row["losses"][0], row["losses"][-1]
        out.write(f"| `{name}` | {row['input']} | {row['lr']} | {first:.3f} | {last:.3f} | "
                  f"{'yes' if last < first else '**no**'} |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fovea", default=os.path.join(ROOT, "build", "release", "fovea"))
    parser.add_argument("--pictures", help="archive of CIFAR-10's pictures, a folder per class")
    parser.add_argument("--results", default="falls.json")
    parser.add_argument("--lr", default="0.001")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--again", action="store_true", help="run the named networks again")
    parser.add_argument("--table", action="store_true", help="print the results, run nothing")
    parser.add_argument("networks", nargs="*")
    options = parser.parse_args()
    results = {}
    if os.path.exists(options.results):
        with open(options.results, encoding="utf-8") as file:
            results = json.load(file)
    if options.table:
        print_table(dict(sorted(results.items())), sys.stdout)
        return
    if options.pictures is None:
        parser.error("--pictures names the archive")
    zoo = json.loads(run(options.fovea, "zoo", "--json").stdout)["networks"]
    wanted = [network for network in zoo if network["task"] == "classify"
              and (not options.networks or network["name"] in options.networks)]
    wanted.sort(key=lambda network: network["multiply_adds"] / (network["input"][1] * network["input"][2]))
    with tempfile.TemporaryDirectory() as pictures:
        unpack(options.pictures, pictures)
        for network in wanted:
            if network["name"] in results and not options.again:
                continue
            begin = time.time()
            results[network["name"]] = row = train(options.fovea, network, pictures, options)
            with open(options.results + ".new", "w", encoding="utf-8") as file:
                json.dump(results, file, indent=1)
            os.replace(options.results + ".new", options.results)
            print(network["name"], row["input"], row["losses"], f"{row['seconds']} s of CPU,",
                  f"{time.time() - begin:.0f} s", row.get("error", ""), flush=True)


if __name__ == "__main__":
    main()
