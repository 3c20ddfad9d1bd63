#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exports torchvision's networks with random but fixed weights, and what PyTorch computes with them. No downloads.

    /usr/bin/python3 tests/parity/make_models.py FOLDER [NAME ...]        all of them, about 4 GB

FOLDER/NAME/ then holds

    eval.onnx          exported in inference form: batch norm folded into the convolutions where the exporter can
    train.onnx         the same network with batch norm and parameter names kept, at the size it is trained with
    data.safetensors   input, output of eval.onnx; train_input, train_logits, and labels or target; loss; losses (of ten
                       steps of plain SGD); gradient.NAME of every parameter in training form (dropout at rate 0)
    facts.json         rate of the ten steps, PyTorch's own worst error against the same in double, and how far rounding
                       alone moves each gradient

Read next: check_models.py, which holds fovea against it.
"""
import contextlib
import copy
import itertools
import json
import os
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))

import torch
import torch.nn.functional as F
import torchvision
from torch.onnx import TrainingMode

import safetensors_file

warnings.filterwarnings("ignore")

SEED = 20261121
STEPS = 10
TRIES = 40       # batches tried at most; the one whose gradients depend least on rounding is kept
GOOD = 6e-4      # a batch is good enough if rounding moves no gradient by more than this
ROUNDING = 1e-6  # relative rounding error assumed for each layer's result
PASSES = 200     # attempts to find weights without near-ties
# Batches that were found by a long search: the number of the batch; its size is in the table below.
FOUND = {"googlenet": 0, "inception_v3": 0}
# Inception's 48 normalised layers without shortcuts amplify any rounding, and its poolings have so many windows that in
# every batch the two largest elements of some window are within a few roundings of each other: PyTorch's own gradients
# then move by 1e-2. Its weights are drawn again, channel by channel, until the two differ by this share of the
# channel's standard deviation in the first pooling, by more in later ones.
PARTED = {"inception_v3": 1e-4}
#       name: size in inference, size in training, batch in training, opset, options
NETWORKS = {
    "alexnet": (224, 224, 4, 13, {}),
    "vgg16": (224, 224, 2, 13, {}),
    # At 32 pixels the last poolings have one pixel each; with larger images nearly every batch has a near-tie
    # somewhere.
    "googlenet": (224, 32, 8, 17, {"aux_logits": False, "init_weights": True}),
    "inception_v3": (299, 75, 16, 17, {"aux_logits": False, "init_weights": True}),
    "resnet18": (224, 128, 4, 13, {}),
    "resnet50": (224, 128, 4, 17, {}),
    "mobilenet_v2": (224, 128, 4, 13, {}),
    "shufflenet_v2_x1_0": (224, 128, 4, 17, {}),
    "efficientnet_b0": (224, 128, 4, 17, {}),
    "squeezenet1_1": (224, 128, 4, 13, {}),
    "densenet121": (224, 128, 4, 17, {}),
    "mnasnet1_0": (224, 128, 4, 13, {}),
    "fcn_resnet50": (128, 96, 4, 17, {"weights_backbone": None}),
    "deeplabv3_resnet50": (128, 96, 4, 17, {"weights_backbone": None}),
}


class Map(torch.nn.Module):
    """A segmentation network's map of scores alone, without the dictionary around it."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)["out"]


def build(name, size, options):
    torch.manual_seed(SEED)
    maker = torchvision.models.segmentation if "_resnet50" in name else torchvision.models
    network = getattr(maker, name)(weights=None, **options)
    if maker is not torchvision.models:
        network = Map(network)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)) and module.bias is not None:
            torch.nn.init.normal_(module.bias, 0.0, 0.01)  # equal tensors, such as zeros, are exported only once
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, 0.0, 0.1)
        norm.momentum = None  # a plain average of the batches that follow
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(4, 3, size, size) * 2 - 1)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    return network


def export(network, size, path, opset, training):
    torch.onnx.export(network, torch.rand(2, 3, size, size), path, training=training, opset_version=opset,
                      do_constant_folding=training == TrainingMode.EVAL, input_names=["input"], output_names=["output"],
                      dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})


def loss_of(output, answer):
    return F.cross_entropy(output, answer) if answer.dtype == torch.int64 else F.mse_loss(output, answer)


def gradients(network, x, answer):
    network.zero_grad()
    output = network(x)
    loss = loss_of(output, answer)
    loss.backward()
    found = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    return output.detach(), loss.item(), found


def errors(found, exact):
    """The largest error of each tensor over its largest element. Some are zero by nature (what batch norm takes off
    again has no effect): in double they are below 1e-12 of the others, and are measured on a thousandth of those."""
    largest = {n: g.abs().max().item() for n, g in exact.items()}
    scale = max(largest.values())
    return {n: (g - exact[n]).abs().max().item() / (largest[n] if largest[n] > 1e-12 * scale else 1e-3 * scale)
            for n, g in found.items()}


def shaken(network, x, answer, exact):
    """How far each gradient moves, in double, when every layer's result is off by a rounding or two: where two
    candidates of a max pooling are that near each other, nobody can say which one is right."""
    worst = {n: 0.0 for n in exact}
    for draw in range(2):
        torch.manual_seed(draw)
        other = copy.deepcopy(network)
        for m in other.modules():
            if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear, torch.nn.BatchNorm2d)):
                m.register_forward_hook(lambda _, __, y: y * (1 + ROUNDING * torch.randn_like(y)))
        for n, error in errors(gradients(other, x, answer)[2], exact).items():
            worst[n] = max(worst[n], error)
    return worst


def away_from_kinks(x, kinks):
    """A shift for each channel after which no element of x [N, C, ...] is near a kink: to the middle of a wide gap."""
    values = x.detach().transpose(0, 1).flatten(1).sort(1).values.contiguous()
    reach = 0.25 * values.std(1, keepdim=True) + 1e-3
    # Candidates for the first kink among the values: where it is, between two neighbours, a little away.
    places = torch.cat([torch.zeros_like(reach), (values[:, 1:] + values[:, :-1]) / 2 - kinks[0], reach, -reach], 1)
    margin = torch.full_like(places, float("inf"))
    for kink in kinks:
        beside = torch.searchsorted(values, places + kink)
        for side in (beside - 1, beside):
            there = values.gather(1, side.clamp(0, values.shape[1] - 1))
            margin = torch.minimum(margin, (there - places - kink).abs())
    margin[places.abs() > reach] = -1
    return -places.gather(1, margin.argmax(1, keepdim=True))[:, 0]


@contextlib.contextmanager
def nudging(network):
    """While this lasts, a batch that goes through moves biases so that the activations after them stay clear of their
    kinks. Else a ReLU whose argument is within rounding of zero passes in one program and blocks in another, and
    gradients differ in their second digit though both are right."""
    relu, hardtanh = F.relu, F.hardtanh

    def mark(module, _, output):
        output.made_by = module

    def moved(x, kinks):
        if not hasattr(x, "made_by"):
            return x
        shift = away_from_kinks(x, kinks)
        x.made_by.bias.data += shift
        return x + shift.reshape(1, -1, *[1] * (x.dim() - 2))

    hooks = [m.register_forward_hook(mark) for m in network.modules()
             if isinstance(m, (torch.nn.BatchNorm2d, torch.nn.Conv2d, torch.nn.Linear)) and m.bias is not None]
    F.relu = lambda x, inplace=False: relu(moved(x, (0.0,)))
    F.hardtanh = lambda x, low=-1.0, high=1.0, inplace=False: hardtanh(moved(x, (low, high)), low, high)
    try:
        yield
    finally:
        F.relu, F.hardtanh = relu, hardtanh
        for hook in hooks:
            hook.remove()


class DrawnAgain(Exception):
    """Weights changed while a batch went through."""


def near_ties(x, margin, size, stride):
    """Which channels of x [N, C, H, W], as a mask, have a window whose largest elements are too near each other."""
    windows = F.unfold(x, size, stride=stride).reshape(x.shape[0], x.shape[1], size * size, -1)
    first, second = windows.topk(2, 2).values.unbind(2)
    # A window of zeros behind a ReLU propagates no gradient, whichever element is taken.
    return ((first > 0) & (first - second < margin * x.std((0, 2, 3))[:, None])).any(2).any(0)


@contextlib.contextmanager
def parting(network, margin):
    """While this lasts, a batch that goes through ends with DrawnAgain at the first max pooling (square, not padded)
    that has near-ties, after the convolutions that make the channels in question have had those channels' weights
    changed by a few percent. Biases and batch norm cannot part a tie: they treat all elements of a channel alike."""
    pool, relu, cat = F.max_pool2d, F.relu, torch.cat
    poolings = itertools.count()  # roundings, and so margins, grow with depth: threefold from pooling to pooling
    producers = {}  # of a tensor: the convolutions that produce it, in the order of its channels

    def convolved(module, _, output):
        producers[output] = [module]

    def normalised(_, inputs, output):
        producers[output] = producers[inputs[0]]

    def rectified(x, inplace=False):
        y = relu(x)
        producers[y] = producers.get(x)
        return y

    def concatenated(tensors, dim=0):
        y = cat(tensors, dim)
        parts = [producers.get(tensor) for tensor in tensors]
        producers[y] = sum(parts, []) if all(parts) else None
        return y

    def pooled(x, kernel_size, stride=None, padding=0, *others, **more):
        near, begin = near_ties(x, margin * 3 ** next(poolings), kernel_size, stride or kernel_size), 0
        for module in producers[x]:
            those = near[begin:begin + module.out_channels]
            module.weight.data[those] *= 1 + 0.03 * torch.randn_like(module.weight.data[those])
            begin += module.out_channels
        if near.any():
            raise DrawnAgain
        return pool(x, kernel_size, stride, padding, *others, **more)

    hooks = [m.register_forward_hook(convolved if isinstance(m, torch.nn.Conv2d) else normalised)
             for m in network.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.BatchNorm2d))]
    F.max_pool2d, F.relu, torch.cat = pooled, rectified, concatenated
    try:
        yield
    finally:
        F.max_pool2d, F.relu, torch.cat = pool, relu, cat
        for hook in hooks:
            hook.remove()


def clear_of_kinks(network, x, margin):
    """Takes a batch through, changing biases, and with a margin weights, until neither a ReLU nor a max pooling of the
    network is near where its gradient jumps. Gives the shape of the result."""
    start = {n: t.clone() for n, t in network.state_dict().items() if t.dim() != 4}
    for _ in range(PASSES):
        network.load_state_dict(start, strict=False)
        try:
            with torch.no_grad(), nudging(network), parting(network, margin) if margin else contextlib.nullcontext():
                return network(x).shape
        except DrawnAgain:
            pass
    raise RuntimeError(f"near-ties remain after {PASSES} passes")


def try_batch(network, state, x, margin=None):
    """One batch in training form, in float and in double, and how good a ruler it is: smaller is better, 1 will do."""
    network.load_state_dict(state)
    in_double = copy.deepcopy(network).double()
    shape = clear_of_kinks(in_double, x.double(), margin)
    network.load_state_dict(in_double.state_dict())
    state = copy.deepcopy(network.state_dict())
    in_double = copy.deepcopy(network).double()
    answer = torch.randn(shape) if len(shape) == 4 else torch.randint(0, 1000, (x.shape[0],))
    output, loss, grads = gradients(network, x, answer)
    x_double, answer_double = x.double(), answer.double() if len(shape) == 4 else answer
    start = copy.deepcopy(in_double)
    _, _, exact = gradients(in_double, x_double, answer_double)
    own = max(errors({n: g.double() for n, g in grads.items()}, exact).values())
    unsure = shaken(start, x_double, answer_double, exact)
    return max(own, *unsure.values()), own, unsure, state, x, answer, output, loss, exact


def make(folder, name):
    size, train_size, batch, opset, options = NETWORKS[name]
    os.makedirs(folder, exist_ok=True)
    network = build(name, train_size, options)
    drawn = copy.deepcopy(network.state_dict())
    tensors = {}

    best = None
    for seed in [FOUND[name]] if name in FOUND else range(TRIES):
        torch.manual_seed(SEED + 1 + seed)
        tried = try_batch(network, drawn, torch.rand(batch, 3, train_size, train_size) * 2 - 1,
                          PARTED.get(name))
        if best is None or tried[0] < best[0]:
            best = tried
        if best[0] <= GOOD:
            break
    _, own, unsure, state, x, answer, output, loss, exact = best
    del best, tried
    tensors.update({"gradient." + n: g.float() for n, g in exact.items()})
    tensors.update(train_input=x, train_logits=output, answer=answer.int() if answer.dtype == torch.int64 else answer,
                   loss=torch.tensor([loss]))
    del exact

    network.load_state_dict(state)
    network.eval()
    tensors["input"] = torch.rand(2, 3, size, size) * 2 - 1
    with torch.no_grad():  # in double, like the gradients, so that the reference has no rounding error
        tensors["output"] = copy.deepcopy(network).double()(tensors["input"].double()).float()
    export(network, size, os.path.join(folder, "eval.onnx"), opset, TrainingMode.EVAL)
    export(network, train_size, os.path.join(folder, "train.onnx"), opset, TrainingMode.PRESERVE)

    network.train()
    rate = {"alexnet": 0.01, "vgg16": 0.001, "squeezenet1_1": 0.01, "efficientnet_b0": 0.02}.get(name, 0.005)
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(network(x), answer)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    tensors["losses"] = torch.tensor(losses)
    safetensors_file.write(os.path.join(folder, "data.safetensors"),
                           {n: t.numpy() for n, t in tensors.items()}, {"seed": SEED})
    with open(os.path.join(folder, "facts.json"), "w") as file:
        json.dump({"rate": rate, "own_error": own, "unsure": unsure}, file)
    print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, PyTorch's gradients in float off by {own:.1e}, "
          f"moved by rounding {max(unsure.values()):.1e}",
          flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    torch.use_deterministic_algorithms(True, warn_only=True)
    for name in sys.argv[2:] or NETWORKS:
        make(os.path.join(sys.argv[1], name), name)


if __name__ == "__main__":
    main()
