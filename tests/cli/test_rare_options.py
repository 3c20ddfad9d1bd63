#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Options that no other test of the command names: each changes what it says, and nothing where its value means nothing.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_rare_options.py clip
"""
import ast
import functools
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import files  # noqa: E402
import command  # noqa: E402
from command import OK, USAGE, expect_failure, fovea, png, trained  # noqa: E402


@functools.cache
def weights(*words, data="digits:60"):
    """The hash of a small network that was trained with these options."""
    run = "run-" + "-".join(word.strip("-").replace("*", "all").replace("/", "_") for word in words + (data,))
    done = fovea("train", "--model", "mlp", "--data", data, "--epochs", 2, "--batch", 10, "--lr", "0.1", "--out", run, "--json",
                 *words)
    return done.json()["hash"]


def test_clip():
    for option in ("--clip-value", "--clip-norm"):
        assert weights(option, "1e-4") != weights(), option
        assert weights(option, "1e9") == weights(), f"{option}: no gradient is so large"
        expect_failure(fovea("train", "--data", "digits:60", option, "-1", "--out", "no"), USAGE, option)
    assert weights("--clip-value", "1e-4") != weights("--clip-norm", "1e-4")


def test_decay_of_some():
    decays = ("--weight-decay", "0.1")
    assert weights(*decays) != weights()
    assert weights(*decays, "--no-decay", "*") == weights()
    assert len({weights(), weights(*decays), weights(*decays, "--no-decay", "norms-and-biases")}) == 3


def test_lookahead_and_average():
    slow = ("--lookahead", "2")
    seen = {weights(), weights(*slow), weights(*slow, "--lookahead-share", "0.1"), weights(*slow, "--lookahead-final", "0.1"),
            weights("--ema", "0.5")}
    assert len(seen) == 5, seen
    assert weights(*slow, "--lookahead-share", "0.5") == weights(*slow)
    expect_failure(fovea("train", "--data", "digits:60", "--ema", "1", "--out", "no"), USAGE, "ema")


def test_plain_epochs():
    changed = ("--augment", "noise:0.5")
    assert len({weights(), weights(*changed), weights(*changed, "--plain-epochs", "1")}) == 3
    assert weights(*changed, "--plain-epochs", "2") == weights(), "all epochs are plain"


def make_photos():
    for i in range(12):
        files.write_png(f"photos/{'ab'[i % 2]}/{i}.png", 28, 28, 1, bytes((i * 20 + x * (1 + i % 2)) & 255 for x in range(784)))


def test_cache():
    make_photos()
    assert weights("--cache", "16", data="photos") == weights(data="photos")


def test_last_ones_are_held_back():
    """Samples 8 to 11 of twelve, by the numbers in their names."""
    make_photos()
    done = fovea("train", "--model", "mlp", "--data", "photos", "--val-last", 4, "--epochs", 1, "--out", "held", "--json").json()
    assert done["hash"] != weights(data="photos")
    last = ("held/best.onnx", "--data", "photos", "--val-last", 4)
    assert fovea("eval", *last, "--split", "val", "--json").json()["count"] == 4
    assert fovea("eval", *last, "--split", "train", "--json").json()["count"] == 8
    named = fovea("predict", *last, "--split", "val", "--index", "0,1,2,3", "--json")
    assert named.code == OK, named.err
    assert len(named.out.splitlines()) == 4
    expect_failure(fovea("predict", *last, "--split", "val", "--index", "4"), USAGE)


def test_variants_are_shown():
    plain = fovea("data", "show", "digits:20", "--count", 3, "-o", "plain.png")
    varied = fovea("data", "show", "digits:20", "--count", 3, "--augment", "rotate:30, noise:0.3", "-o", "varied.png")
    assert (plain.code, varied.code) == (OK, OK), varied.err
    sizes = [files.png_size(name) for name in ("plain.png", "varied.png")]
    assert sizes[0] != sizes[1], "a sample and four variants of it take more room"
    expect_failure(fovea("data", "show", "digits:20", "--augment", "rotat", "-o", "no.png"), USAGE, "rotate")


def rows_of(path):
    with open(path, "rb") as file:
        data = file.read()
    length = int.from_bytes(data[8:10], "little")
    return ast.literal_eval(data[10:10 + length].decode())["shape"][0], data[10 + length:]


def test_features_of_a_split_and_of_other_pixels():
    model = f"{trained()}/best.onnx"
    for split, rows in (("test", 10), ("train", 60)):
        assert fovea("features", model, "--data", "digits:60", "--split", split, "-o", f"{split}.npy").code == OK
        assert rows_of(f"{split}.npy")[0] == rows
    png("grey.png", 28, 28, 120)
    for name, more in (("own", ()), ("shifted", ("--mean", "0.9")), ("again", ())):
        assert fovea("features", model, "grey.png", "-o", f"{name}.npy", *more).code == OK
    assert rows_of("own.npy") == rows_of("again.npy") != rows_of("shifted.npy")


if __name__ == "__main__":
    sys.exit(command.main(globals()))
