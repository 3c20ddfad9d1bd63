#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two other programs judge what fovea writes: the checker of ONNX, and ONNX Runtime.

    tests/runtime/judge.py FOVEA cases FOLDER [--opset N ...] [--every K]     conformance cases, rewritten by fovea
    tests/runtime/judge.py FOVEA models FILE.onnx ... [--opset N ...]         other programs' models, converted by fovea
    tests/runtime/judge.py FOVEA networks [NAME ...] [--opset N ...]          networks that `fovea new` writes

Every file goes through check_model(full_check=True) where this onnx knows its opset, and through ONNX Runtime. The runtime's
outputs are held against the case's own (cases), or against what the runtime computes from the file before `fovea
convert` rewrote it (models, networks). A runtime that lacks an operator or type for a file is no
verdict: counted as "not run". Exit 0: something was run, nothing was refused and nothing differs; 3: else; 77: python3-onnx or
tests/runtime/node_modules are missing.
"""
import argparse
import base64
import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

try:
    import numpy as np
    import onnx
    import onnx.checker
    import onnx.numpy_helper
except ImportError:
    print("skipped: python3-onnx is not installed")
    sys.exit(77)

TYPES = {"float32": np.float32, "float64": np.float64, "int8": np.int8, "uint8": np.uint8, "int16": np.int16,
         "uint16": np.uint16, "int32": np.int32, "uint32": np.uint32, "int64": np.int64, "uint64": np.uint64, "bool": np.bool_}
# Parts of the runtime's messages when it lacks an operator or a type: its limitation, not the file's fault.
LACKS = ("NOT_IMPLEMENTED", "Could not find an implementation", "not a registered function/op", "is not a registered",
         "the judge cannot", "is under development", "Unsupported type", "not supported", "Unsupported")
# Deep networks amplify rounding, and the runtime itself sums in another order from one opset to the next.
RELATIVE, ABSOLUTE, SCALED = 1e-3, 1e-6, 1e-3


class Runtime:
    """ONNX Runtime in a process of its own, started anew when a file kills it."""

    def __init__(self):
        self.process = None

    def run(self, model, inputs):
        """The outputs in order, or a sentence."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(["node", os.path.join(HERE, "run_many.mjs")], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        told = {}
        for name, array in inputs.items():
            told[name] = {"type": "bool" if array.dtype == np.bool_ else array.dtype.name, "dims": list(array.shape),
                          "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}
        self.process.stdin.write(json.dumps({"id": 0, "model": model, "inputs": told}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return "the runtime died"
        answer = json.loads(line)
        if "error" in answer:
            return answer["error"]
        return [np.frombuffer(base64.b64decode(o["data"]), TYPES[o["type"]]).reshape([int(d) for d in o["dims"]])
                for o in answer["outputs"]]


class Tally:
    def __init__(self):
        self.count = collections.Counter()
        self.bad = []

    def refuse(self, what, name, why):
        self.count[what] += 1
        self.bad.append(f"{what}: {name}: {why}")


def newest_known():
    return onnx.defs.onnx_opset_version()


def check(path, tally, name):
    model = onnx.load(path)
    opset = max([entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] or [0])
    if opset > newest_known():
        tally.count["newer than the checker"] += 1
        return
    # The checker refuses format versions later than its own release; versions are only raised for new features.
    model.ir_version = min(model.ir_version, onnx.IR_VERSION)
    try:
        onnx.checker.check_model(model, full_check=True)
        tally.count["checked"] += 1
    except Exception as error:  # whatever it throws is its verdict
        tally.refuse("refused by the checker", name, (str(error).strip() or type(error).__name__).splitlines()[0][:300])


def differ(got, expected, scaled):
    """Why they differ; None where they do not. `scaled`: errors are measured against the largest element."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return f"{got.dtype}{list(got.shape)}, expected {expected.dtype}{list(expected.shape)}"
    if got.size == 0 or got.dtype.kind not in "f":
        wrong = int(np.count_nonzero(got != expected))
        # Quantised results may be rounded to the neighbouring integer.
        near = got.dtype.itemsize == 1 and got.dtype.kind in "iu"
        if wrong and not (near and np.abs(got.astype(int) - expected.astype(int)).max() <= 1):
            return f"{wrong} of {got.size} elements differ"
        return None
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0, np.abs(got.astype(np.float64) - expected))
    if scaled:
        finite = np.abs(expected[np.isfinite(expected)])
        limit = np.full(expected.shape, SCALED * (finite.max() if finite.size else 0) + ABSOLUTE)
    else:
        limit = ABSOLUTE + RELATIVE * np.abs(expected.astype(np.float64))
    if np.all(error <= limit):
        return None
    worst = np.unravel_index(np.nanargmax(error - limit), error.shape) if error.ndim else ()
    return f"{got[worst]!r} where {expected[worst]!r} is expected"


def compare(results, expected, scaled=False):
    if len(results) < len(expected):
        return f"{len(results)} outputs, expected {len(expected)}"
    for i, (got, want) in enumerate(zip(results, expected)):
        why = differ(got, want, scaled)
        if why:
            return f"output {i}: {why}"
    return None


def call(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


# ---- conformance cases ------------------------------------------------------------------------------------------------

def tensors(folder, kind):
    found = []
    for i in range(len(glob.glob(os.path.join(folder, kind + "_*.pb")))):
        tensor = onnx.TensorProto()
        with open(os.path.join(folder, f"{kind}_{i}.pb"), "rb") as file:
            tensor.ParseFromString(file.read())
        found.append(onnx.numpy_helper.to_array(tensor))
    return found


def judge_case(fovea, folder, opset, runtime, tally, scratch):
    name = f"{os.path.basename(folder)}, opset {opset or 'own'}"
    path = os.path.join(scratch, "case.onnx")
    if os.path.exists(path):
        os.remove(path)
    code, out, _ = call(fovea, "conformance", folder, "--json", "--rewrite", path, "--opset", opset)
    report = json.loads(out)["cases"][0] if out.startswith("{") else {"outcome": "failed", "reason": "no report"}
    if report["outcome"] == "skipped":
        tally.count["skipped by fovea"] += 1
        return
    if report["outcome"] == "failed" or not os.path.exists(path):
        later = opset and re.search("needs? opset|has no axes input", report["reason"])
        if later:
            tally.count["not in this opset"] += 1
        else:
            tally.refuse("failed in fovea", name, report["reason"])
        return
    check(path, tally, name)
    original = onnx.load(os.path.join(folder, "model.onnx"))
    stored = {tensor.name for tensor in original.graph.initializer}
    names = [value.name for value in original.graph.input if value.name not in stored]
    # The rewritten file is that of the last data set: some of its inputs may have become constants.
    last = sorted(glob.glob(os.path.join(folder, "test_data_set_*")), key=lambda p: int(p.rsplit("_", 1)[1]))[-1]
    inputs = dict(zip(names, tensors(last, "input")))
    expected = tensors(last, "output")
    results = runtime.run(path, inputs)
    if isinstance(results, str) and any(word in results for word in LACKS):
        tally.count["not run: the runtime lacks something"] += 1
        return
    why = results if isinstance(results, str) else compare(results, expected)
    if why is None:
        tally.count["run with equal outputs"] += 1
        return
    # Does the runtime give the expected outputs for the case's own file?
    own = runtime.run(os.path.join(folder, "model.onnx"), inputs)
    if isinstance(own, str) or compare(own, expected) is not None:
        if isinstance(own, list) and isinstance(results, list) and compare(results, own) is None:
            tally.count["run as the case's own file is, which is not what the case expects"] += 1
        else:
            tally.count["not run: the runtime fails on the case's own file"] += 1
        return
    tally.refuse("refused or wrong in the runtime", name, why)


# ---- models and networks ----------------------------------------------------------------------------------------------

def random_input(path):
    model = onnx.load(path)
    stored = {tensor.name for tensor in model.graph.initializer}
    value = [v for v in model.graph.input if v.name not in stored][0]
    dims = [d.dim_value or 2 for d in value.type.tensor_type.shape.dim]
    return {value.name: np.random.default_rng(1).standard_normal(dims).astype(np.float32)}


def judge_model(fovea, source, opset, runtime, tally, scratch):
    name = f"{source}, opset {opset or 'own'}"
    path = os.path.join(scratch, "model.onnx")
    words = [fovea, "convert", source, path, "-q"] + (["--opset", opset] if opset else [])
    code, _, error = call(*words)
    if code:
        tally.refuse("failed in fovea", name, error.strip())
        return
    check(path, tally, name)
    inputs = random_input(source)
    expected, results = runtime.run(source, inputs), runtime.run(path, inputs)
    why = results if isinstance(results, str) else expected if isinstance(expected, str) else compare(results, expected, True)
    if why:
        tally.refuse("refused or wrong in the runtime", name, why)
    else:
        tally.count["run with equal outputs"] += 1
    os.remove(path)


def judge_network(fovea, network, opset, runtime, tally, scratch):
    source = os.path.join(scratch, network + ".onnx")
    code, _, error = call(fovea, "new", network, "-o", source, "-q")
    if code:
        tally.refuse("failed in fovea", network, error.strip())
        return
    check(source, tally, network)
    judge_model(fovea, source, opset, runtime, tally, scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fovea")
    parser.add_argument("kind", choices=("cases", "models", "networks"))
    parser.add_argument("what", nargs="*")
    parser.add_argument("--opset", type=int, action="append", help="may be repeated; none: fovea's own choice")
    parser.add_argument("--every", type=int, default=1, help="cases: only every K-th")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    if not os.path.isdir(os.path.join(HERE, "node_modules", "onnxruntime-node")):
        print("skipped: tests/runtime/node_modules is missing (npm ci --prefix tests/runtime)")
        return 77
    runtime, tally, what = Runtime(), Tally(), given.what
    if given.kind == "cases":
        what = sorted(os.path.dirname(path) for folder in given.what
                      for path in glob.glob(os.path.join(folder, "**", "model.onnx"), recursive=True))[::given.every]
    elif given.kind == "networks" and not what:
        code, out, _ = call(given.fovea, "new", "--list", "--json")
        what = [network["name"] for network in json.loads(out)["networks"]]
    judge = {"cases": judge_case, "models": judge_model, "networks": judge_network}[given.kind]
    with tempfile.TemporaryDirectory() as scratch:
        for opset in given.opset or [0]:
            for item in what:
                tally.count["files"] += 1
                before = len(tally.bad)
                judge(given.fovea, item, opset, runtime, tally, scratch)
                for line in tally.bad[before:]:
                    print(line, flush=True)
    print(", ".join(f"{count} {what}" for what, count in tally.count.items()))
    if not tally.bad and tally.count["run with equal outputs"] == 0:
        print("nothing was judged")
        return 3
    return 3 if tally.bad else 0


if __name__ == "__main__":
    sys.exit(main())
