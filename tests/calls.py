# SPDX-License-Identifier: MIT
"""The command as the Python tests call it. A test puts this folder on its path:

    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    from calls import FOVEA, call
"""
import os
import subprocess

FOVEA = os.path.abspath(os.environ.get("FOVEA_BINARY", "build/release/fovea"))


def call(*words, code=None, timeout=120, **how):
    """The command's CompletedProcess, its output as text; with `code`, the exit code that it must have. Standard input is
    empty; `how` goes to subprocess.run."""
    how = {"stdin": subprocess.DEVNULL, "text": True, **how}
    done = subprocess.run([FOVEA, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False, **how)
    assert code is None or done.returncode == code, (
        f"fovea {' '.join(map(str, words))}: exit code {done.returncode}, not {code}: {done.stderr[-600:]}")
    return done
