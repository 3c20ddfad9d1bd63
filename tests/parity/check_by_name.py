#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds fovea's networks against torchvision's of the same name: random weights go over as a .pth file; logits and
every parameter's gradient are compared with PyTorch in double, beside PyTorch's own float32.

    /usr/bin/python3 tests/parity/check_by_name.py [--exact-conv] [--side PIXELS] FOVEA [NAME ...]

Four pictures, four classes, no dropout, one thread. A gradient is what a step of plain SGD took off a parameter, over
its rate, less what rounding the stored weight costs. Tensors whose gradient is below a millionth of the largest are
left out: biases in front of batch norm, and branches that begin with a factor of a millionth. Ends with status 1 when
a logit is off by more than 1e-4 of the largest, or a gradient by more than 1e-3 of its tensor's largest element and
more than four times PyTorch's own worst: float32 may not do better where an input lies at the kink of a ReLU.
"""
import argparse
import copy
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image

import safetensors_file

COUNT, RATE, SIDE = 4, 0.25, 128
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LOGIT_LIMIT, GRADIENT_LIMIT, TIMES_PYTORCH, LEAST = 1e-4, 1e-3, 4, 1e-6
# by family: smaller ones would leave nothing to pool, or need VGG's pooling to 7 x 7, which a file has no words for
SIDES = {"alexnet": 224, "inception_v3": 299, "vgg": 224}
AUXILIARY = {"googlenet": ("googlenet@torchvision:auxiliary=no", {"aux_logits": False, "init_weights": True}),
             "inception_v3": ("inception_v3", {"aux_logits": True, "init_weights": True})}
AUXILIARY_SHARE = 0.4
# options of fovea's network that take its random parts away, beside --dropout
CALM = {"efficientnet": ":stochastic-depth=0", "convnext": ":stochastic-depth=0"}


def call(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1])
    return done.stdout


def names_of(fovea):
    """Classifiers that both sides know by name."""
    lines = call(fovea, "new", "--list", "--json")
    return [name for name in sorted(n for n in dir(torchvision.models) if n.islower()) if f'"{name}"' in lines
            and callable(getattr(torchvision.models, name))]


def build(name, options):
    torch.manual_seed(7)
    network = getattr(torchvision.models, name)(num_classes=COUNT, **options)
    for module in network.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    return network


def make_pictures(folder, side):
    """A folder of COUNT smooth random pictures, a class each, for learning and for validation; the pixels."""
    numbers, pixels = np.random.RandomState(3), []
    for i in range(COUNT):
        coarse = numbers.randint(0, 256, (side // 8, side // 8, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.BICUBIC)
        pixels.append(np.asarray(picture))
        for split in "train", "val":
            os.makedirs(os.path.join(folder, split, "abcd"[i]))
            picture.save(os.path.join(folder, split, "abcd"[i], f"{i}.png"))
    return np.array(pixels)


def logits_and_gradients(network, x):
    labels = torch.arange(COUNT)
    network.eval()
    with torch.no_grad():
        logits = network(x)
    network.train()
    output = network(x)
    loss = F.cross_entropy(output if torch.is_tensor(output) else output.logits, labels)
    if not torch.is_tensor(output):
        loss = loss + AUXILIARY_SHARE * F.cross_entropy(output.aux_logits, labels)
    loss.backward()
    found = {n: p.grad.double().numpy() for n, p in network.named_parameters() if p.grad is not None}
    return logits.double().numpy(), found


def fovea_side(options, folder, full_name, side):
    """Logits with the weights as they were, and all tensors after a step."""
    pixels = ["--mean", ",".join(map(str, MEAN)), "--std", ",".join(map(str, DEVIATION))]
    general = ["--threads", 1, "-q"] + (["--exact-conv"] if options.exact_conv else [])
    weights, data = os.path.join(folder, "weights.pth"), os.path.join(folder, "data")
    large, model = os.path.join(folder, "large.onnx"), os.path.join(folder, "model.onnx")
    run, after, numbers = (os.path.join(folder, name) for name in ("run", "after.safetensors", "logits.npy"))
    call(options.fovea, "train", "--model", full_name, "--weights", weights, "--input", f"3x{side}x{side}",
         "--data", data, *pixels, "--epochs", 1, "--batch", COUNT, "--augment", "none", "--optimizer", "sgd:momentum=0",
         "--lr", RATE, "--schedule", "constant", "--weight-decay", 0, "--out", run, *general)
    call(options.fovea, "convert", os.path.join(run, "last.onnx"), after, *general)
    call(options.fovea, "convert", weights, large, "--model", full_name, *general)
    call(options.fovea, "convert", large, model, "--size", f"{side}x{side}", *general)
    pictures = [os.path.join(data, "val", "abcd"[i], f"{i}.png") for i in range(COUNT)]
    call(options.fovea, "features", model, *pictures, *pixels, "-o", numbers, *general)
    return np.load(numbers), safetensors_file.read(after)[0]


def worst_and_median(errors):
    return f"{max(errors.values()):.1e}, median {np.median(list(errors.values())):.1e}"


def check(options, name, folder):
    """A line of figures, and whether all is well."""
    begun = time.time()
    side = options.side or next((s for family, s in SIDES.items() if name.startswith(family)), SIDE)
    full_name, made_with = AUXILIARY.get(name, (name, {}))
    full_name += "".join(text for family, text in CALM.items() if name.startswith(family)) + ":dropout=0"
    network = build(name, made_with)
    pixels = torch.tensor(make_pictures(os.path.join(folder, "data"), side)).permute(0, 3, 1, 2).double() / 255
    x = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    torch.save(network.state_dict(), os.path.join(folder, "weights.pth"))
    ours, after = fovea_side(options, folder, full_name, side)
    logits, exact = logits_and_gradients(copy.deepcopy(network).double(), x)
    logits32, single = logits_and_gradients(copy.deepcopy(network), x.float())

    largest = np.abs(logits).max()
    logit_error = np.abs(ours - logits).max() / largest
    gradient = max(np.abs(g).max() for g in exact.values())
    before, errors, errors32 = network.state_dict(), {}, {}
    for parameter, g in exact.items():
        scale = np.abs(g).max()
        if scale < LEAST * gradient:
            continue
        weight = before[parameter].double().numpy()
        rounding = np.abs(weight).max() * 2.0 ** -24 / RATE
        taken = (weight - after[parameter].astype(np.float64)) / RATE
        errors[parameter] = max(0.0, np.abs(taken - g).max() - rounding) / scale
        errors32[parameter] = np.abs(single[parameter] - g).max() / scale
    worst = max(errors, key=errors.get)
    well = logit_error <= LOGIT_LIMIT and errors[worst] <= max(GRADIENT_LIMIT, TIMES_PYTORCH * max(errors32.values()))
    line = (f"{side} pixels, logits {logit_error:.1e} (PyTorch {np.abs(logits32 - logits).max() / largest:.1e}), "
            f"{len(errors)} of {len(exact)} gradients: worst {worst_and_median(errors)} (PyTorch "
            f"{worst_and_median(errors32)}), {worst}, {time.time() - begun:.0f} s")
    return line, well


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--exact-conv", action="store_true", help="no Winograd")
    parser.add_argument("--side", type=int, help=f"of the pictures, pixels [{SIDE}; what a network needs]")
    parser.add_argument("fovea", metavar="FOVEA", help="the command")
    parser.add_argument("names", metavar="NAME", nargs="*", help="torchvision's networks [all that fovea has]")
    options = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    for name in options.names or names_of(options.fovea):
        with tempfile.TemporaryDirectory() as folder:
            try:
                line, well = check(options, name, folder)
            except RuntimeError as problem:
                line, well = str(problem), False
        failed += not well
        print(f"{name:20s} {'ok ' if well else 'OFF'} {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
