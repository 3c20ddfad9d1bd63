#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains one of fovea's small MNIST networks for an epoch in PyTorch and prints how long the training took.

The peer of `fovea train`: same network, batch 64, SGD lr 0.01 momentum 0.5, float32. By default the whole set is
normalised and in memory before the clock starts, and a step only gathers its rows: the fastest ordinary way to
write it. --dataloader is what the course program does instead: a Dataset that converts one picture at a time and a
DataLoader that collates them in the same process. bench/epoch.py runs this beside fovea.

usage: pytorch_course_cnn.py [--model NAME] [--threads N] [--data DIR] [--dataloader] [--epochs N] [--evaluate]
prints one JSON line; "seconds" is the training part of the last epoch (seconds per epoch: "epochs").
"""
import argparse
import ctypes
import gzip
import json
import os
import struct
import time


def parse():
    here = os.path.dirname(os.path.abspath(__file__))
    shared = os.environ.get("FOVEA_SHARED", os.path.join(here, "..", "..", "..", "shared"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=("course-cnn", "course-cnn-8490", "lenet5"), default="course-cnn",
                        help="course-cnn: 21,840 parameters; course-cnn-8490: without dense 50 before dense 10")
    parser.add_argument("--threads", type=int, default=2)
    # OpenBLAS has a pool of its own; where it also takes every core it fights PyTorch's OpenMP threads for them, and
    # an epoch with dense layers takes twice as long (measured on 2 cores). 1 is the fast setting for the peer.
    parser.add_argument("--blas-threads", type=int, default=1, help="OpenBLAS threads (PyTorch's own: --threads)")
    parser.add_argument("--data", default=os.path.join(shared, "data", "mnist"))
    parser.add_argument("--dataloader", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate", action="store_true", help="also measure test accuracy, after the clock stops")
    return parser.parse_args()


options = parse()
# Both libraries read these when they are loaded, so they must be set before torch is imported.
os.environ["OMP_NUM_THREADS"] = str(options.threads)
os.environ["OPENBLAS_NUM_THREADS"] = str(options.blas_threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from models import small_network  # noqa: E402


def read_idx(path):
    """An IDX file of unsigned bytes, gzipped: magic 0, 0, 8, rank, then the sizes big-endian, then the bytes."""
    with gzip.open(path, "rb") as file:
        data = file.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8:
        raise ValueError("%s: not an IDX file of unsigned bytes" % path)
    sizes = struct.unpack(">%dI" % rank, data[4:4 + 4 * rank])
    # A copy, because torch.from_numpy wants memory that may be written to.
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(sizes).copy()


def normalized(images):
    return (torch.from_numpy(images).unsqueeze(1).float().div_(255) - 0.1307) / 0.3081


class Digits(torch.utils.data.Dataset):
    """One picture at a time, converted when it is asked for, as torchvision's MNIST with its two transforms does."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        picture = torch.from_numpy(self.images[index]).unsqueeze(0).float().div(255)
        return picture.sub_(0.1307).div_(0.3081), int(self.labels[index])


def preloaded_batches(x, y, batch):
    order = torch.randperm(len(x))
    for begin in range(0, len(x), batch):
        indices = order[begin:begin + batch]
        yield x[indices], y[indices]


def blas():
    """Which BLAS the process has loaded, by file and, where it is OpenBLAS, in its own words and with its threads."""
    with open("/proc/self/maps") as maps:
        loaded = sorted({line.split()[-1] for line in maps if "blas" in line.rsplit("/", 1)[-1] and "/" in line})
    found = {"files": loaded}
    for path in loaded:
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_get_config"):
            library.openblas_get_config.restype = ctypes.c_char_p
            found["config"] = library.openblas_get_config().decode()
            found["threads"] = library.openblas_get_num_threads()
    return found


def main():
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    def load(part):
        return (read_idx(os.path.join(options.data, part + "-images-idx3-ubyte.gz")),
                read_idx(os.path.join(options.data, part + "-labels-idx1-ubyte.gz")))

    images, labels = load("train")
    model = small_network(options.model, padding=2)
    if options.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
    criterion = nn.CrossEntropyLoss()
    if options.dataloader:
        loader = torch.utils.data.DataLoader(Digits(images, labels), batch_size=options.batch, shuffle=True)
    else:
        x, y = normalized(images), torch.from_numpy(labels.astype(np.int64))

    seconds = []
    losses = []
    for _ in range(options.epochs):
        total = 0.0
        begin = time.perf_counter()
        for inputs, targets in loader if options.dataloader else preloaded_batches(x, y, options.batch):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
        seconds.append(time.perf_counter() - begin)
        losses.append(total / len(images))

    result = {
        "tool": "pytorch", "model": options.model, "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": seconds[-1], "epochs": seconds, "loss": losses[-1], "batch": options.batch,
        "input": "dataloader" if options.dataloader else "preloaded", "threads": torch.get_num_threads(),
        "torch": torch.__version__, "onednn": torch.backends.mkldnn.is_available(), "blas": blas(),
    }
    if options.evaluate:
        test_images, test_labels = load("t10k")
        with torch.no_grad():
            guesses = torch.cat([model(chunk).argmax(1) for chunk in normalized(test_images).split(1000)])
        result["accuracy"] = float((guesses.numpy() == test_labels).mean())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
