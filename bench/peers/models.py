# SPDX-License-Identifier: MIT
"""The networks that are compared, as PyTorch modules and as ONNX files, all with random but fixed weights. No downloads
of weights: speed does not depend on them.

torchvision's networks come from python3-torchvision; the U-Net is written here; lenet5 and course-cnn are fovea's own,
so PyTorch gets their weights. prepare() puts into a folder of the cache:

    eval.onnx     in inference form, batch 1 (the small ones: any batch)
    old.onnx      the same in an old spelling (opset 9), for readers that refuse the first
    train.onnx    in training form, batch norm and dropout as nodes, any batch; of those that are trained here
    module.pt     the same as a pickled module
"""
import os
import struct
import json
import subprocess
import warnings

import torch
from torch import nn

SEED = 20261122
SIZES = {"inception_v3": 299, "unet": 256, "lenet5": 32, "course-cnn": 28}
SMALL = {"lenet5", "course-cnn"}
# The networks whose training is compared, too. efficientnet_b0 in training mode cannot be exported: ONNX lacks the
# random numbers that StochasticDepth draws.
TRAINED = {"vgg16", "resnet18", "resnet50", "unet", "googlenet", "alexnet", "mobilenet_v2"}
OPTIONS = {"googlenet": {"aux_logits": False, "init_weights": False},
           "inception_v3": {"aux_logits": False, "init_weights": False}}


def size_of(name):
    """Channels, height, width."""
    size = SIZES.get(name, 224)
    return (1 if name in SMALL else 3, size, size)


def classes_of(name):
    return {"unet": 2, "lenet5": 10, "course-cnn": 10}.get(name, 1000)


class Twice(nn.Sequential):
    """Two convolutions of 3 x 3, each normalised and rectified."""

    def __init__(self, channels, filters):
        super().__init__(nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(True),
                         nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(True))


class UNet(nn.Module):
    """Ronneberger, Fischer, Brox 2015, with padded convolutions and batch norm, as it is mostly used: 64 to 1024
    channels, transposed convolutions on the way up; 31,037,698 parameters for 2 classes."""

    def __init__(self, classes=2):
        super().__init__()
        widths = [64, 128, 256, 512, 1024]
        self.down = nn.ModuleList(Twice(c, f) for c, f in zip([3] + widths, widths))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * f, f, 2, stride=2) for f in reversed(widths[:-1]))
        self.join = nn.ModuleList(Twice(2 * f, f) for f in reversed(widths[:-1]))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        kept = []
        for level in self.down[:-1]:
            x = level(x)
            kept.append(x)
            x = self.pool(x)
        x = self.down[-1](x)
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([kept.pop(), up(x)], 1))
        return self.head(x)


def small_network(name, padding=0):
    """fovea's small networks. lenet5 reads 32 x 32, or 28 x 28 with padding 2."""
    if name == "lenet5":
        return nn.Sequential(nn.Conv2d(1, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    dense = [nn.Linear(320, 10)] if name == "course-cnn-8490" else [nn.Linear(320, 50), nn.Linear(50, 10)]
    return nn.Sequential(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(),
                         nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), *dense)


def read_weights(path):
    """Tensors of a safetensors file of float32, by name."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        found[name] = torch.frombuffer(bytearray(body[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    return found


def build(name):
    if name == "unet":
        return UNet()
    import torchvision
    return getattr(torchvision.models, name)(weights=None, **OPTIONS.get(name, {}))


def settle(network, shape):
    """Biases of their own, as the exporter writes equal tensors once and points to them, which not every reader takes;
    and running statistics that fit the weights: else activations grow layer by layer, or die."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
        if getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, 0.0, 0.01)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None
    network.train()
    with torch.no_grad():
        network(torch.randn(2, *shape))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def export(network, shape, path, training, opset=13):
    mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
    axes = {"input": {0: "batch"}, "output": {0: "batch"}} if training else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, torch.randn(2 if training else 1, *shape), path, training=mode, opset_version=opset,
                          do_constant_folding=not training, input_names=["input"], output_names=["output"],
                          dynamic_axes=axes)


def prepare_small(name, folder, fovea):
    """fovea writes the network; PyTorch's takes over its weights, layer by layer."""
    model, weights = os.path.join(folder, "eval.onnx"), os.path.join(folder, "weights.safetensors")
    subprocess.run([fovea, "new", name, "--seed", "1", "-o", model, "--quiet"], check=True)
    subprocess.run([fovea, "convert", model, weights, "--quiet"], check=True)
    subprocess.run([fovea, "convert", model, os.path.join(folder, "train.onnx"), "--quiet"], check=True)
    network, tensors = small_network(name), read_weights(weights)
    layers = [m for m in network if isinstance(m, (nn.Conv2d, nn.Linear))]
    names = sorted({key.rsplit(".", 1)[0] for key in tensors}) # sorted names are in the network's order
    with torch.no_grad():
        for layer, key in zip(layers, names):
            layer.weight.copy_(tensors[key + ".weight"])
            layer.bias.copy_(tensors[key + ".bias"])
    return network


def prepare(name, cache, fovea):
    """Makes a network's files where they are missing; its folder."""
    folder = os.path.join(cache, name)
    if os.path.exists(os.path.join(folder, "module.pt")):
        return folder
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(SEED)
    if name in SMALL:
        network = prepare_small(name, folder, fovea)
    else:
        network = build(name)
        shape = size_of(name)
        settle(network, shape)
        if name == "unet":
            assert sum(p.numel() for p in network.parameters()) == 31037698
        if name in TRAINED:
            export(network, shape, os.path.join(folder, "train.onnx"), True)
        network.eval()
        export(network, shape, os.path.join(folder, "eval.onnx"), False)
        export(network, shape, os.path.join(folder, "old.onnx"), False, 9)
    torch.save(network, os.path.join(folder, "module.new")) # complete, it says the other files exist
    os.replace(os.path.join(folder, "module.new"), os.path.join(folder, "module.pt"))
    return folder
