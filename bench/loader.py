#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times reading pictures for training in torchvision (Pillow) and in fovea, alternately in one run, and prints the
ratio: decode, random resized crop to 224, mirror, normalise, batches of 32.

Both read the same folder of JPEGs with the same number of workers (torchvision: processes of a DataLoader; fovea:
threads of bench/loader). From --pictures, JPEGs of any size, it makes copies of about 500 x 375 pixels at quality 90,
the usual size of ImageNet's. The first epoch of each round is not counted: it starts the workers. Needs the release
build, python3-torchvision and a machine that is otherwise quiet.

usage: loader.py --pictures DIR [--count 400] [--workers 2] [--rounds 3] [--loader PATH] [--at-most RATIO]
exit: 0 ok, 1 a side failed, 2 usage, 5 fovea is less than 1 / RATIO times as fast
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE, BATCH = 224, 32
LIST = "random-resized-crop, flip"


def make_pictures(source, folder, count):
    from PIL import Image
    names = sorted(name for name in os.listdir(source) if name.lower().endswith((".jpg", ".jpeg")))
    if not names:
        sys.exit("loader.py: no .jpg in %s" % source)
    pictures = [Image.open(os.path.join(source, name)).convert("RGB") for name in names]
    for kind in "a", "b":
        os.mkdir(os.path.join(folder, kind))
    for i in range(count):
        picture = pictures[i % len(pictures)]
        width, height = picture.size
        cut = 1 + i // len(pictures) % 20  # another crop in each of 20 rounds over the pictures
        part = picture.crop((cut, cut, width - cut, height - cut)).resize((500, 375), Image.BILINEAR)
        part.save(os.path.join(folder, "ab"[i % 2], "%05d.jpg" % i), quality=90)


def peer_epochs(folder, workers, epochs):
    """Runs in a process of its own: pictures a second of each epoch, and CPU seconds of all."""
    import torch
    from torchvision import datasets, transforms
    torch.set_num_threads(1)
    data = datasets.ImageFolder(folder, transforms.Compose([
        transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]))
    load = torch.utils.data.DataLoader(data, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    for _ in range(epochs):
        begun = time.perf_counter()
        for pixels, _targets in load:
            float(pixels[0, 0, 0, 0])
        print(len(data) / (time.perf_counter() - begun), flush=True)


def measure(command):
    """(pictures a second of each epoch but the first, CPU seconds of an epoch)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit("loader.py: %s ended with %d" % (command[0], done.returncode))
    rates = [float(line.split(" s, ")[1].split()[0]) if " s, " in line else float(line)
             for line in done.stdout.strip().splitlines()]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return rates[1:], cpu / len(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--loader", default=os.path.join(HERE, "..", "build", "release", "bench", "loader"))
    parser.add_argument("--at-most", type=float)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs: the first warms up and is not counted, so it is 2 at least")
    if options.peer:
        peer_epochs(options.peer, options.workers, options.epochs)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(options.pictures, folder, options.count)
        sides = {"torchvision": [sys.executable, __file__, "--pictures", "-", "--peer", folder, "--workers",
                                 str(options.workers), "--epochs", str(options.epochs)],
                 "fovea": [options.loader, folder, LIST, str(SIDE), str(BATCH), str(options.workers),
                           str(options.epochs)]}
        rates, cpu = {"torchvision": [], "fovea": []}, {"torchvision": [], "fovea": []}
        for turn in range(options.rounds):
            for name in sorted(sides, reverse=turn % 2 == 0):
                some, seconds = measure(sides[name])
                rates[name] += some
                cpu[name].append(seconds)
        for name in sides:
            print("%-12s %8.1f pictures a second (median of %d epochs, most %.1f), %.2f ms of CPU time a picture" %
                  (name, statistics.median(rates[name]), len(rates[name]), max(rates[name]),
                   1000 * min(cpu[name]) / options.count))
        ratio = statistics.median(rates["torchvision"]) / statistics.median(rates["fovea"])
        print("fovea is %.2f times as fast; %d workers, %d pictures of 500 x 375, load %.1f" %
              (1 / ratio, options.workers, options.count, os.getloadavg()[0]))
        return 5 if options.at_most is not None and ratio > options.at_most else 0


if __name__ == "__main__":
    sys.exit(main())
