#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/peers/run.py without the peers: what it says of results that are made up here, and how it talks to a process. The
measuring itself needs hours and other programs; it is no test. Prints a last line "N passed, N failed"."""
import json
import os
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = os.path.join(ROOT, "bench", "peers")
sys.path.insert(0, PEERS)

import run  # noqa: E402


class Skip(Exception):
    pass


def peers(*words):
    return subprocess.run([sys.executable, os.path.join(PEERS, "run.py"), *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def result(folder, network="vgg16", training=False, fovea=0.05, **others):
    """One case as it is kept; others: name=(median, difference, peak)."""
    case = next(c for c in run.CASES if c[0] == network and c[2] == training)
    sides = {"fovea": {"median": fovea, "peak": 100 << 20, "first_output": 0.2, "others": [],
                       "planned": {"activations": 1 << 20, "packed": 2 << 20, "parameters": 3 << 20},
                       "about": {"version": "0", "processor": "a machine", "isa": "avx2"}}}
    for name, (median, difference, peak) in others.items():
        sides[name.replace("_", " ")] = {
            "median": median, "difference": difference, "peak": peak << 20, "first_output": 1.0,
            "about": {"version": "1", "build": "b", "blas": [], "openblas": None}}
    kept = {"case": run.case_name(case), "network": network, "batch": case[1], "training": training, "bar": case[3],
            "moonshot": case[4], "threads": 2, "sides": sides, "load": 0.0}
    with open(os.path.join(folder, kept["case"].replace("/", "-") + "-2.json"), "w", encoding="utf-8") as file:
        json.dump(kept, file)


def row_of(text, case, part=0):
    return [line.split() for line in text.splitlines() if line.startswith(case)][part]


def test_table_names_the_best():
    with tempfile.TemporaryDirectory() as folder:
        result(folder, fovea=0.05, onnxruntime=(0.11, 1e-5, 200), opencv=(0.3, 1e-5, 300), pytorch_plain=(0.2, 0, 400),
               pytorch_frozen=(0.15, 0, 350))
        done = peers("--table", "--results", folder)
        assert done.returncode == 0, done.stderr
        row = row_of(done.stdout, "vgg16/inference")
        assert row[3:7] == ["50", "110", "300", "150"], row
        assert row[7] == "onnxruntime" and row[8] == "2.20" and row[10] == "yes", row
        memory = row_of(done.stdout, "vgg16/inference", 1)
        assert memory[3:7] == ["100", "6", "200", "350"] and memory[7] == "0.50", memory
        assert row_of(done.stdout, "vgg16/inference", 2)[-2] == "0.20", "time to the first output"
        assert "WARNING: a generic BLAS" in done.stdout
        rows = peers("--table", "--results", folder, "--markdown").stdout.splitlines()
        assert any(line.startswith("| vgg16/inference | 1 | 2 | 50 | 110 |") for line in rows)


def test_a_bar_that_is_not_reached():
    with tempfile.TemporaryDirectory() as folder:
        result(folder, "resnet18", True, fovea=0.5,
               **{"pytorch_plain": (0.9, 0, 100), "pytorch_channels-last": (0.8, 0, 90)})
        done = peers("--table", "--results", folder)
        row = row_of(done.stdout, "resnet18/training")
        assert row[-4:-2] == ["1.60", "2.0"] and "no" in row, row
        assert done.returncode == 0, "a figure that falls short is no failure of the comparison"


def test_who_disagrees_does_not_count():
    with tempfile.TemporaryDirectory() as folder:
        result(folder, fovea=0.05, onnxruntime=(0.01, 0.5, 200), opencv=(0.3, 1e-5, 300))
        done = peers("--table", "--results", folder)
        assert done.returncode == 1
        assert "fovea and onnxruntime disagree" in done.stdout
        assert row_of(done.stdout, "vgg16/inference")[7:9] == ["opencv", "6.00"]


def test_a_case_of_another_version_is_left_out():
    with tempfile.TemporaryDirectory() as folder:
        result(folder, fovea=0.05, opencv=(0.3, 1e-5, 300))
        with open(os.path.join(folder, "old.json"), "w", encoding="utf-8") as file:
            json.dump({"case": "vgg9/inference", "threads": 2, "sides": {}}, file)
        done = peers("--table", "--results", folder)
        assert done.returncode == 0 and "vgg9/inference" in done.stderr + done.stdout, done.stderr
        assert row_of(done.stdout, "vgg16/inference")[7:9] == ["opencv", "6.00"]


def test_nan_disagrees():
    with tempfile.TemporaryDirectory() as folder:
        result(folder, fovea=0.05, onnxruntime=(0.01, float("nan"), 200), opencv=(0.3, 1e-5, 300))
        done = peers("--table", "--results", folder)
        assert done.returncode == 1 and "fovea and onnxruntime disagree" in done.stdout, done.stdout
        assert row_of(done.stdout, "vgg16/inference")[7:9] == ["opencv", "6.00"]


def test_slips():
    for words, part in ((["--cases", "vgg17"], "vgg17"), (["--peers", "tensorflow"], "tensorflow"),
                        (["--table"], "--results")):
        done = peers(*words)
        assert done.returncode == 2 and part in done.stderr, done.stderr
    assert peers("--fovea", "/nowhere/fovea").returncode == 4


def test_every_case_has_its_bar():
    names = [run.case_name(case) for case in run.CASES]
    assert len(names) == len(set(names)) == 22
    assert all(1 < case[3] < case[4] for case in run.CASES)
    assert all(name in names for name in run.QUICK)


FAKE = """
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np, worker
class Peer:
    steps = 0
    def open(self, request):
        if request["model"] == "bad":
            raise ValueError("no such model\\nand more")
    def step(self): self.steps += 1; time.sleep(0.001)
    def output(self): return np.arange(6.0).reshape(2, 3)
    def about(self): return {"version": "1", "steps": self.steps}
worker.serve(Peer())
"""


def test_a_process_that_is_asked():
    try:
        import numpy as np
    except ImportError:
        raise Skip("no numpy") from None
    with tempfile.TemporaryDirectory() as folder:
        side = run.Worker("fake", [sys.executable, "-c", FAKE, PEERS], dict(os.environ), 60)
        try:
            try:
                side.ask(do="open", model="bad")
                raise AssertionError("a failure went unseen")
            except run.Failed as problem:
                assert str(problem) == "no such model"
            assert side.ask(do="open", model="good")["first_output"] > 0
            assert side.run(0.05, 3) >= 0.001
            path = os.path.join(folder, "out.f32")
            assert side.ask(do="output", file=path)["shape"] == [2, 3]
            assert np.fromfile(path, np.float32).tolist() == [0, 1, 2, 3, 4, 5]
            about = side.ask(do="about")
            assert about["steps"] >= 6 and about["peak"] > 1 << 20
        finally:
            side.close()
        gone = run.Worker("gone", [sys.executable, "-c", "import sys; sys.exit('it has gone')"], dict(os.environ), 60)
        try:
            gone.ask(do="about")
            raise AssertionError("a failure went unseen")
        except run.Failed as problem:
            assert "it has gone" in str(problem)
        finally:
            gone.process.wait()


def main():
    passed = failed = 0
    for name, case in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            case()
            passed += 1
            print("ok      " + name[5:])
        except Skip as reason:
            print("skipped %s: %s" % (name[5:], reason))
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("FAILED  %s\n%s" % (name[5:], traceback.format_exc()))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
