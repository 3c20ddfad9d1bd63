# SPDX-License-Identifier: MIT
"""What tests of the built command share: calling it, its exit codes, a small trained run, a PNG made by hand, and running
the cases of a file. A case is a function test_*; one that needs data beside the checkout raises Skip. FOVEA_BINARY is the
command."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import files  # noqa: E402
from calls import FOVEA  # noqa: E402

SHARED = os.path.abspath(os.environ.get("FOVEA_SHARED", "../shared"))
VERBS = sorted(name[len("verb_"):-len(".c")] for name in os.listdir(os.path.dirname(__file__) + "/../../cli")
               if name.startswith("verb_") and name.endswith(".c"))
OK, USAGE, INPUT, IO, MEMORY, NUMERIC, SLOWER, INTERRUPTED = 0, 2, 3, 4, 5, 6, 7, 130


class Skip(Exception):
    pass


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def json(self):
        """The last line: training prints one per epoch before it."""
        assert self.code == OK, f"exit {self.code}: {self.err}"
        return json.loads(self.out.rstrip("\n").split("\n")[-1])


def environment(**extra):
    # A rates file that somebody tuned on this machine must not influence the tests.
    env = dict(os.environ, LC_ALL="C.UTF-8", XDG_CONFIG_HOME=os.getcwd() + "/config")
    env.pop("FOVEA_DATA", None)
    env.update(extra)
    return env


def fovea(*words, env=None, **how):
    done = subprocess.run([FOVEA, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          stdin=subprocess.DEVNULL, env=env or environment(), check=False, **how)
    return Result(done)


def expect_failure(result, code, *parts):
    """One sentence on standard error, nothing on standard output."""
    assert result.code == code, f"exit {result.code}, not {code}: {result.err}"
    assert result.out == "", f"standard output is not empty: {result.out[:200]}"
    lines = result.err.strip().split("\n")
    assert len(lines) == 1, f"{len(lines)} lines: {result.err}"
    assert lines[0].startswith("fovea"), lines[0]
    for part in parts:
        assert part in lines[0], f"no {part!r} in {lines[0]!r}"


def train(out, *more, data="digits:600", epochs=1, **how):
    return fovea("train", "--data", data, "--epochs", epochs, "--out", out, *more, **how)


def digest(model):
    return fovea("inspect", model, "--hash", "--json").json()["hash"]


png = files.write_even


_trained = None


def trained():
    """A small run, made once."""
    global _trained
    if _trained is None:
        result = train("shared-run", "--model", "mlp", "--lr", "0.05", epochs=2)
        assert result.code == OK, result.err
        _trained = os.path.abspath("shared-run")
    return _trained


def main(names):
    """Runs the functions test_* among these names: those of this file, or of another that shares what is here."""
    wanted = sys.argv[1:]
    cases = [(name[5:], case) for name, case in names.items() if name.startswith("test_") and callable(case)]
    passed = failed = skipped = 0
    home = tempfile.mkdtemp(prefix="fovea-cli-")
    os.chdir(home)
    for name, case in cases:
        if wanted and not any(word in name for word in wanted):
            continue
        begin = time.time()
        try:
            case()
            passed += 1
            print(f"ok      {name} ({time.time() - begin:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skipped {name}: {reason}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    os.chdir("/")
    shutil.rmtree(home, ignore_errors=True)
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
