#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A detector on several backbones: the same data, epochs and options for each, as a table in Markdown.

Each is trained into a folder of its own under --out, and goes on from there when the script is called again. Measured is
the last epoch, on the split "test"; multiply-adds are of one picture, milliseconds the least of `fovea bench`'s runs.
What is said of a backbone's worth holds for so many epochs from random weights, and for one seed.

usage: backbones.py --data bccd-voc.zip [--epochs 15] [--input 3x320x416] [--out runs/backbones] [--fovea PATH]
                    [--backbones csp-darknet,resnet18,...] [--train "OPTIONS"] [--threads 1]
exit: 0 ok, 1 fovea has failed
"""
import argparse
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BACKBONES = "csp-darknet,resnet18,shufflenet_v2_x1_0,mobilenet_v2,squeezenet1_1"


def fovea(options, *words):
    command = [options.fovea, *map(str, words), "--threads", str(options.threads), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("%s ended with %d: %s" % (" ".join(command), done.returncode, done.stderr.strip().split("\n")[-1]))
    return json.loads(done.stdout.strip().split("\n")[-1])  # training prints a line of JSON for each epoch before it


def train(options, backbone, folder):
    if os.path.exists(os.path.join(folder, "checkpoint.safetensors")):
        with open(os.path.join(folder, "history.csv"), encoding="utf-8") as file:
            if len(file.readlines()) <= options.epochs:
                fovea(options, "train", "--resume", folder, "--epochs", options.epochs)
        return
    fovea(options, "train", "--model", options.model, "--backbone", backbone, "--data", options.data, "--task", "detect",
          "--input", options.input, "--epochs", options.epochs, "--out", folder, "--overwrite",
          *shlex.split(options.train))


def measure(options, backbone):
    folder = os.path.join(options.out, os.path.splitext(os.path.basename(backbone))[0])
    train(options, backbone, folder)
    file = os.path.join(folder, "last.onnx")
    metrics = fovea(options, "eval", file, "--data", options.data, "--split", "test")["metrics"]
    inspected = fovea(options, "inspect", file)
    timed = fovea(options, "bench", file)
    print("| %s | %.2f M | %.2f | %.1f %% | %.1f %% | %.1f |" %
          (backbone, inspected["parameters"] / 1e6, 2e-9 * inspected["multiply_adds"], 100 * metrics["map50"],
           100 * metrics["map"], 1e3 * timed["least"]), flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("exit:")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="yolox-nano")
    parser.add_argument("--backbones", default=BACKBONES)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--input", default="3x320x416")
    parser.add_argument("--train", default="", help="further options of fovea train")
    parser.add_argument("--out", default="runs/backbones")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fovea", default=os.path.join(ROOT, "build", "release", "fovea"))
    options = parser.parse_args()
    print("| backbone | parameters | GFLOPs | mAP50 | mAP | ms |\n|---|---|---|---|---|---|", flush=True)
    for backbone in options.backbones.split(","):
        measure(options, backbone)


if __name__ == "__main__":
    main()
