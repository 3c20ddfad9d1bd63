#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the files in this folder, in the layouts in which Keras 1, 2 and 3 write weights: small networks with the layers'
names of Keras' applications, whose numbers are 0, 1/8, 2/8... through all tensors. tests/io/test_keras.c reads them.
Needs h5py; nothing runs this but a person who wants another file.
"""
import io
import os
import zipfile

import h5py
import numpy

FOLDER = os.path.dirname(os.path.abspath(__file__))
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
FIRST = {"kernel": "W", "bias": "b", "gamma": "gamma", "beta": "beta", "moving_mean": "running_mean",
         "moving_variance": "running_std"}


def fill(layers):
    """(layer, {variable: shape}) with numbers in place of shapes."""
    at, filled = 0, []
    for layer, variables in layers:
        numbers = {}
        for name, shape in variables.items():
            count = int(numpy.prod(shape))
            numbers[name] = (numpy.arange(at, at + count) % 4096 / 8).astype("float32").reshape(shape)
            at += count
        filled.append((layer, numbers))
    return filled


def norm(channels):
    return {name: (channels,) for name in NORM}


RESNET = fill([("conv1_conv", {"kernel": (1, 2, 2, 3), "bias": (3,)}), ("conv1_bn", norm(3)),
               ("conv2_block1_0_conv", {"kernel": (1, 1, 3, 2), "bias": (2,)}), ("conv2_block1_0_bn", norm(2)),
               ("conv2_block1_3_conv", {"kernel": (1, 1, 3, 2), "bias": (2,)}), ("conv2_block1_3_bn", norm(2)),
               ("predictions", {"kernel": (2, 3), "bias": (3,)})])
VGG = fill([("block1_conv1", {"kernel": (1, 1, 1, 2), "bias": (2,)}), ("block1_conv2", {"kernel": (1, 1, 2, 2), "bias": (2,)}),
            ("block2_conv1", {"kernel": (1, 1, 2, 2), "bias": (2,)}), ("block5_conv3", {"kernel": (1, 1, 2, 2), "bias": (2,)}),
            ("fc1", {"kernel": (2048, 2), "bias": (2,)}), ("predictions", {"kernel": (2, 3), "bias": (3,)})])
SMALL = fill([("first", {"kernel": (2, 2, 1, 2), "bias": (2,)}), ("second", norm(2)), ("third", {"kernel": (2, 3), "bias": (3,)})])
MOBILE = fill([("Conv1", {"kernel": (1, 1, 1, 2)}), ("block_1_expand", {"kernel": (1, 1, 1, 2)})])


def second(file, layers, where="/", **how):
    group = file.require_group(where)
    group.attrs["layer_names"] = [layer.encode() for layer, _ in layers]
    group.attrs["keras_version"] = b"2.11.0"
    for layer, variables in layers:
        inner = group.create_group(layer)
        inner.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in variables]
        for name, numbers in variables.items():
            inner.create_dataset(f"{layer}/{name}:0", data=numbers, **how)
    group.create_group("top_level_model_weights")


def third(file, layers, named):
    kinds = {}
    for layer, variables in layers:
        kind = "batch_normalization" if "gamma" in variables else "conv2d" if variables["kernel"].ndim == 4 else "dense"
        number = kinds.get(kind, 0)
        kinds[kind] = number + 1
        group = file.create_group(f"layers/{kind}{f'_{number}' if number else ''}/vars")
        if named:
            group.attrs["name"] = layer
        for i, numbers in enumerate(variables.values()):
            group.create_dataset(str(i), data=numbers)
    file.create_group("layers/dropout/seed_generator/vars").create_dataset("0", data=numpy.zeros(2, "uint32"))
    file.create_group("optimizer/vars").create_dataset("0", data=numpy.int64(7))


def write(name, make):
    with h5py.File(os.path.join(FOLDER, name), "w", libver="latest") as file:
        make(file)


def whole(file):
    second(file, RESNET, "model_weights")
    file.attrs["model_config"] = b"{}"
    file.create_group("optimizer_weights").create_dataset("iteration:0", data=numpy.int64(7))


def keras1(file):
    for layer, variables in RESNET:
        for name, numbers in variables.items():
            file.require_group(layer).create_dataset(f"{layer}_{FIRST[name]}:0", data=numbers)


def archive(name, layers):
    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        third(file, layers, False)
    classes = {3: "Conv2D", 4: "BatchNormalization"}
    described = [f'{{"class_name": "{classes.get(len(v), "Conv2D") if "gamma" in v or v["kernel"].ndim == 4 else "Dense"}", '
                 f'"config": {{"name": "{layer}"}}}}' for layer, v in layers]
    with zipfile.ZipFile(os.path.join(FOLDER, name), "w") as zipped:
        zipped.writestr("metadata.json", '{"keras_version": "3.0.0"}')
        zipped.writestr("config.json", f'{{"class_name": "Functional", "config": {{"layers": [{", ".join(described)}]}}}}')
        zipped.writestr("model.weights.h5", content.getvalue())


def elsewhere(file):
    second(file, SMALL)
    file["outside"] = h5py.ExternalLink("small.h5", "/first")


def external(file):
    with open("/etc/hostname", "rb"):
        file.create_group("first").create_dataset("kernel:0", (4,), "uint8", external=[("/etc/hostname", 0, 4)])


def circle(file):
    second(file, SMALL)
    file["first/again"] = file["first"]


def paths(name):
    """A hostile file: the link "/x" in the group "z" is, by that name, the root's x of 4 bytes, and by its path "z//x" the
    group's own x of 4 MB. The older format has no checksums over names."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        file.create_dataset("x", data=numpy.zeros(1, "float32"))
        file.create_dataset("z/x", data=numpy.zeros(1 << 20, "float32"), compression="gzip", chunks=(1 << 20,))
        file["z/_x"] = file["z/x"]
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(content.getvalue().replace(b"_x\0", b"/x\0"))


write("resnet.h5", lambda file: second(file, RESNET))
write("resnet_whole.h5", whole)
write("resnet_keras1.h5", keras1)
write("resnet.weights.h5", lambda file: third(file, RESNET, True))
archive("resnet.keras", RESNET)
write("vgg.h5", lambda file: second(file, VGG, compression="gzip", shuffle=True))
write("small.h5", lambda file: second(file, SMALL))
write("small.weights.h5", lambda file: third(file, SMALL, False))
write("mobilenet.h5", lambda file: second(file, MOBILE))
write("link.h5", elsewhere)
write("external.h5", external)
write("circle.h5", circle)
write("big_endian.h5", lambda file: file.create_dataset("first/first/kernel:0", data=numpy.arange(4, dtype=">f4")))
write("double.h5", lambda file: file.create_dataset("first/first/kernel:0", data=numpy.arange(4, dtype="<f8")))
write("lzf.h5", lambda file: file.create_dataset("first/first/kernel:0", data=numpy.arange(4, dtype="<f4"), compression="lzf"))
paths("paths.h5")
