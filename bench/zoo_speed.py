#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every classifier of `fovea zoo`, and detectors that are named, against ONNX Runtime and PyTorch: one picture of the
network's own size, on all three sides in turns, several rounds; a figure is the median of the rounds' medians. PyTorch
runs torchvision's network where there is one, else what bench/peers/onnx_module.py makes of the file.

Usage: bench/zoo_speed.py [--minutes 14] [--threads 2] [--results zoo_speed.json] [--table] [NETWORK ...]
Networks that stand in the results are not measured again, so that a run which was stopped goes on; --table prints what is
there as a table and measures nothing. bench/peers/ brings the other programs (./dev bench-peers --install).
"""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(ROOT, "bench", "peers")
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3") # the Python that Debian's PyTorch package belongs to
MAKE = """import sys, torch, torchvision
net = getattr(torchvision.models, sys.argv[1])(**({"init_weights": False} if sys.argv[1] in ("googlenet", "inception_v3") else {}))
torch.save(net, sys.argv[2])
"""


class Peer:
    """A process that is told by lines of JSON what to do; bench/peers/worker.py describes them."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=dict(os.environ, **environment))

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "it ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        self.process.kill()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it ended by itself, with something unread
        self.process.wait()


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def open_peers(network, model, folder, options):
    """Those that can run it, by name: {"onnxruntime": Peer, "pytorch": Peer}."""
    peers, picture = {}, os.path.join(folder, "picture")
    count = 1
    for size in network["input"]:
        count *= size
    numbers = random.Random(0)
    with open(picture, "wb") as file:
        file.write(struct.pack(f"{count}f", *(numbers.uniform(-1, 1) for _ in range(count))))
    opened = {"input": picture, "shape": [1] + network["input"], "training": False}
    commands = {"onnxruntime": (["node", os.path.join(PEERS, "onnxruntime.mjs"), options.threads], model)}
    module = os.path.join(folder, "module.pt")
    makers = [["-c", MAKE, network["name"], module], [os.path.join(PEERS, "onnx_module.py"), model, module]]
    if options.pytorch and any(subprocess.run([PYTHON, *words], capture_output=True, check=False).returncode == 0
                               for words in makers):
        commands["pytorch"] = ([PYTHON, os.path.join(PEERS, "pytorch.py"), options.threads, "plain"], module)
    for name, (command, file) in commands.items():
        peer = None
        try:
            peer = Peer(*command, FOVEA_PEERS_NODE=options.node)
            peer.ask(do="open", model=file, **opened)
            peers[name] = peer
        except (RuntimeError, OSError) as problem:
            leave_out(network, name, peer, problem)
    return peers


def leave_out(network, name, peer, problem):
    print(f"{network['name']}: {name} is left out: {problem}", file=sys.stderr)
    if peer is not None:
        peer.close()


def measure(network, options):
    times = {"fovea": []}
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.onnx")
        subprocess.run([options.fovea, "new", network["name"], "-o", model, "-q"], check=True, capture_output=True)
        peers = open_peers(network, model, folder, options)
        try:
            for turn in range(options.rounds):
                sides = ["fovea"] + sorted(peers)
                for side in sides if turn % 2 == 0 else reversed(sides):
                    if side == "fovea":
                        out = subprocess.run([options.fovea, "bench", model, "--threads", options.threads, "--json", "--time",
                                              options.seconds], check=True, capture_output=True, text=True).stdout
                        times[side].append(json.loads(out)["median"])
                        continue
                    try:
                        answer = peers[side].ask(do="run", seconds=float(options.seconds), least=3)
                        times.setdefault(side, []).append(median(answer["times"]))
                    except (RuntimeError, OSError) as problem:
                        leave_out(network, side, peers.pop(side), problem)
                        times.pop(side, None)
        finally:
            for peer in peers.values():
                peer.close()
    return {side: median(values) for side, values in times.items()}


def milliseconds(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def print_table(results, out):
    out.write("| network | fovea, ms | ONNX Runtime, ms | ratio | PyTorch, ms | ratio |\n|---|---|---|---|---|---|\n")
    for name, row in sorted(results.items()):
        cells = [f"`{name}`", milliseconds(row["fovea"])]
        for peer in ("onnxruntime", "pytorch"):
            known = peer in row
            ratio = row[peer] / row["fovea"] if known else 0
            cells += [milliseconds(row[peer]) if known else "",
                      "" if not known else f"{ratio:.2f}" if ratio >= 1 else f"**{ratio:.2f}**"]
        out.write("| " + " | ".join(cells) + " |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fovea", default=os.path.join(ROOT, "build", "release", "fovea"))
    parser.add_argument("--node", default=os.path.expanduser("~/.cache/fovea/peers/node"),
                        help="folder whose node_modules holds onnxruntime-node")
    parser.add_argument("--results", default="zoo_speed.json")
    parser.add_argument("--threads", default=str(len(os.sched_getaffinity(0))))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", default="0.25", help="for which each side runs in each round")
    parser.add_argument("--minutes", type=float, default=14, help="after which no further network is begun")
    parser.add_argument("--no-pytorch", dest="pytorch", action="store_false")
    parser.add_argument("--table", action="store_true", help="print the results, measure nothing")
    parser.add_argument("networks", nargs="*")
    options = parser.parse_args()
    results = {}
    if os.path.exists(options.results):
        with open(options.results, encoding="utf-8") as file:
            results = json.load(file)
    if options.table:
        print_table(results, sys.stdout)
        return
    zoo = json.loads(subprocess.run([options.fovea, "zoo", "--json"], check=True, capture_output=True, text=True).stdout)
    wanted = [network for network in zoo["networks"] if network["name"] not in results
              and (network["name"] in options.networks if options.networks else network["task"] == "classify")]
    wanted.sort(key=lambda network: network["multiply_adds"])
    begun = time.monotonic()
    for network in wanted:
        if time.monotonic() - begun > 60 * options.minutes:
            print(f"the time is over; {len(wanted)} networks were wanted, {network['name']} is the next", file=sys.stderr)
            break
        results[network["name"]] = row = measure(network, options)
        with open(options.results + ".new", "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
        os.replace(options.results + ".new", options.results)
        print(network["name"], " ".join(f"{side} {1e3 * value:.3g} ms" for side, value in row.items()), flush=True)
    print_table(results, sys.stdout)


if __name__ == "__main__":
    main()
