# SPDX-License-Identifier: MIT
"""What the peers' processes written in Python share: a line of JSON in, a line of JSON out. run.py is at the other end;
it keeps the processes of all peers alive and lets them work in turns.

    {"do": "open", "model": FILE, "input": FILE of float32, "shape": [...], "training": false, ...}
        -> {"first_output": seconds from opening the file to the first output}
    {"do": "run", "seconds": S, "least": runs}  -> {"times": [seconds, ...]}
    {"do": "output", "file": FILE}              -> {"shape": [...]}: the last output, as float32
    {"do": "choose_blas"}                       -> {}: PyTorch takes the better number of OpenBLAS's threads
    {"do": "about"}                             -> version and build; "peak": bytes, the most that was resident
Any answer may be {"error": "a sentence"}.
"""
import json
import sys
import time
import traceback

import numpy as np


def peak_resident():
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def read_input(request):
    return np.fromfile(request["input"], np.float32).reshape(request["shape"])


def repeat(step, seconds, least):
    """Times of single runs: for so many seconds, and at least so many runs; the first two are not counted."""
    begun = time.perf_counter()
    for _ in range(2):
        step()
        if time.perf_counter() - begun > seconds:
            break
    times = []
    begun = time.perf_counter()
    while len(times) < least or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def serve(peer):
    """`peer` has open(request), step(), output() and about()."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                begun = time.perf_counter()
                peer.open(request)
                peer.step()
                answer = {"first_output": time.perf_counter() - begun}
            elif request["do"] == "run":
                answer = {"times": repeat(peer.step, request["seconds"], request["least"])}
            elif request["do"] == "choose_blas":
                peer.choose_blas()
                answer = {}
            elif request["do"] == "output":
                output = np.ascontiguousarray(peer.output(), np.float32)
                output.tofile(request["file"])
                answer = {"shape": list(output.shape)}
            else:
                answer = dict(peer.about(), peak=peak_resident())
        except Exception as problem:  # pylint: disable=broad-except
            traceback.print_exc()
            text = str(problem).strip().splitlines() or [type(problem).__name__]
            answer = {"error": text[0]}
        print(json.dumps(answer), flush=True)
