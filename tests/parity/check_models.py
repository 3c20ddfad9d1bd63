#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds fovea against PyTorch on what make_models.py left: outputs, every parameter's gradient, ten steps of SGD.

    /usr/bin/python3 tests/parity/check_models.py [--exact-conv] RUN_MODEL FOLDER [NAME ...]

RUN_MODEL is bench/run_model of a build with FOVEA_BENCH=ON; --exact-conv goes on to it. Ends with status 1 when anything is off: the output or the
logits of the training form by more than 1e-4 of their scale, a gradient by more than 1e-3 of its tensor's largest element,
the first loss by more than 1e-4 and a later one by more than 1e-2 of itself, a loss that does not fall, or a file
of 100 MB and more that takes more than 1.15 times its size to load.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))

import numpy as np

import safetensors_file

OUTPUT_LIMIT, GRADIENT_LIMIT, LOSS_LIMIT, MEMORY_LIMIT = 1e-4, 1e-3, 1e-2, 1.15
EXACT = [word for word in sys.argv if word == "--exact-conv"]
LARGE = 100e6  # bytes; the memory of smaller files is not checked, as the program itself takes much of it


def call(*words):
    words = words[:1] + tuple(EXACT) + words[1:]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1])
    return done.stdout


def peaks(text):
    return {part: int(kib) * 1024 for part, kib in re.findall(r"^([a-z ]+) [\d.]+ s, peak (\d+) KiB", text, re.M)}


def off(value, reference, scale=None):
    if value.shape != reference.shape:
        raise RuntimeError(f"shape {value.shape}, PyTorch has {reference.shape}")
    scale = scale or np.abs(reference).max()
    return float(np.abs(value.astype(np.float64) - reference).max() / scale)


def check(tool, folder):
    """A line of figures, and what is wrong."""
    with open(os.path.join(folder, "facts.json")) as file:
        facts = json.load(file)
    data = os.path.join(folder, "data.safetensors")
    expected, _ = safetensors_file.read(data)
    model, out = os.path.join(folder, "eval.onnx"), os.path.join(folder, "fovea.safetensors")
    wrong, line = [], []

    memory = peaks(call(tool, "load", model))["load"] / os.path.getsize(model)
    ran = peaks(call(tool, "run", model, data, out))
    error = off(safetensors_file.read(out)[0]["output"], expected["output"])
    line += [f"output {error:.1e}", f"load {memory:.2f} x file", f"run {ran['run'] / os.path.getsize(model):.2f} x"]
    if not error <= OUTPUT_LIMIT:
        wrong.append("output")
    if os.path.getsize(model) > LARGE and memory > MEMORY_LIMIT:
        wrong.append("memory")

    text = call(tool, "train", os.path.join(folder, "train.onnx"), data, out, facts["rate"], len(expected["losses"]))
    losses = [float(loss) for loss in re.findall(r"^step \d+ loss (\S+)", text, re.M)]
    results, _ = safetensors_file.read(out)
    names = [name for name in expected if name.startswith("gradient.")]
    # A gradient that is zero by nature, such as that of a bias before batch norm, is below 1e-12 of the others (the
    # reference was computed in double); its error is measured relative to a thousandth of those.
    largest = {name: np.abs(expected[name]).max() for name in names}
    scale = max(largest.values())
    scales = {name: largest[name] if largest[name] > 1e-12 * scale else 1e-3 * scale for name in names}
    missing = [name for name in names if name not in results]
    errors = {name: off(results[name], expected[name], scales[name]) for name in names if name not in missing}
    worst = max(errors, key=errors.get)
    beyond = sorted((name for name in errors if not errors[name] <= GRADIENT_LIMIT), key=errors.get, reverse=True)
    logits = off(results["train_logits"], expected["train_logits"])
    apart = max(abs(loss - float(other)) / max(abs(float(other)), 1e-3) for loss, other in zip(losses, expected["losses"]))
    line += [f"logits {logits:.1e}",
             f"gradients ({len(errors)}) {errors[worst]:.1e} (PyTorch's own {facts['own_error']:.1e}, moved by roundings of "
             f"1e-6 per layer: {max(facts.get('unsure', {'': float('nan')}).values()):.1e})",
             f"loss {losses[0]:.4f} -> {losses[-1]:.4f} (PyTorch's {expected['losses'][0]:.4f} -> "
             f"{expected['losses'][-1]:.4f}, at most {apart:.1e} apart)"]
    if missing:
        wrong.append(f"{len(missing)} gradients are missing, such as {missing[0]}")
    if beyond:
        wrong.append(f"{len(beyond)} gradients, worst " +
                     ", ".join(f"{name[9:]} {errors[name]:.1e}" for name in beyond[:4]))
    if not logits <= OUTPUT_LIMIT:
        wrong.append("logits in training")
    if len(losses) != len(expected["losses"]):
        wrong.append(f"{len(losses)} losses, PyTorch has {len(expected['losses'])}")
    elif not abs(losses[0] - float(expected["losses"][0])) <= OUTPUT_LIMIT * max(abs(float(expected["losses"][0])), 1e-3):
        wrong.append("first loss")
    elif not apart <= LOSS_LIMIT:
        wrong.append("losses")
    if not losses[-1] < losses[0]:
        wrong.append("loss does not fall")
    os.remove(out)
    return ", ".join(line), wrong


def main():
    sys.argv = [word for word in sys.argv if word not in EXACT]
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    tool, folder = sys.argv[1:3]
    names = sys.argv[3:] or sorted(name for name in os.listdir(folder)
                                   if os.path.exists(os.path.join(folder, name, "facts.json")))
    bad = 0
    for name in names:
        try:
            line, wrong = check(tool, os.path.join(folder, name))
        except (OSError, RuntimeError) as error:
            line, wrong = str(error), ["it did not run"]
        bad += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {name}: {line}" + (f"; WRONG: {'; '.join(wrong)}" if wrong else ""),
              flush=True)
    print(f"{len(names) - bad} agree, {bad} do not")
    return 1 if bad or not names else 0


if __name__ == "__main__":
    sys.exit(main())
