#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From process start to the first answer, beside the time that the file alone takes to read.

Usage: bench/first_answer.py [--runs 20] [--threads N] [NETWORK ...]     (lenet5 squeezenet1_1)
Needs a build with -DFOVEA_BENCH=ON. Prints the least of all runs: whatever else a machine does only ever adds.
"""
import argparse
import os
import re
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read_time(path):
    best = 1e9
    for _ in range(10):
        begin = time.perf_counter()
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("networks", nargs="*", default=["lenet5", "squeezenet1_1"])
    options = parser.parse_args()
    program = os.path.join(options.build, "bench", "first_answer")
    with tempfile.TemporaryDirectory() as folder:
        for network in options.networks or ["lenet5", "squeezenet1_1"]:
            path = os.path.join(folder, network + ".onnx")
            subprocess.run([os.path.join(options.build, "fovea"), "new", network, "-o", path, "-q"], check=True,
                           stdout=subprocess.DEVNULL)
            whole, parts = [], {}
            for _ in range(options.runs):
                begin = time.perf_counter()
                out = subprocess.run([program, path, options.threads], check=True, capture_output=True, text=True)
                whole.append(1e3 * (time.perf_counter() - begin))
                for name, value in re.findall(r"([a-z ]+?) ([0-9.]+)(?:  | ms)", out.stdout):
                    parts.setdefault(name.strip(), []).append(float(value))
            print(f"{network}: process and all {min(whole):.1f} ms, reading the file {read_time(path):.1f} ms;",
                  ", ".join(f"{name} {min(values):.1f}" for name, values in parts.items()))


if __name__ == "__main__":
    main()
