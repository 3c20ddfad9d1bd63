#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tasks as the command meets them: a picture learned from a picture, measured, answered with, and a mask drawn. The
library's own tests have every task (tests/train/test_tasks.c).

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_tasks.py image
"""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import files  # noqa: E402
import command  # noqa: E402
from command import INPUT, IO, MEMORY, OK, USAGE, expect_failure, fovea  # noqa: E402
from test_data import colour_png  # noqa: E402

DENOISE = ("--model", "unet:width=2", "--data", "digits:24", "--input", "1x16x16", "--batch", 8)
TASK = "image:from=noise:noise=0.2"


def test_image():
    done = fovea("train", *DENOISE, "--task", TASK, "--epochs", 2, "--out", "denoise")
    assert done.code == OK and "task image" in done.out and "val PSNR" in done.out and "psnr" in done.out, done.out
    kept = json.load(open("denoise/config.json", encoding="utf-8"))["task"]
    assert kept.startswith("image:from=noise:") and ":noise=0.2:" in kept, kept
    measured = fovea("eval", "denoise/best.onnx", "--data", "digits:24", "--json").json()
    assert measured["task"] == "image" and measured["metrics"]["psnr"] == measured["psnr"] > 3
    assert "ssim" in measured["metrics"] and "accuracy" not in measured
    colour_png("in/red.png", (200, 20, 10), 20)
    answer = fovea("predict", "denoise/best.onnx", "in/red.png", "-o", "clean.png", "--json").json()
    assert (answer["height"], answer["width"], answer["drawn"]) == (20, 20, ["clean.png"])
    assert files.read_png("clean.png")[:2] == (20, 20)
    assert fovea("predict", "denoise/best.onnx", "in/red.png", "--draw", "drawn").code == OK
    assert os.listdir("drawn") == ["red.png"]


def test_resume_keeps_the_task():
    whole = fovea("train", *DENOISE, "--task", TASK, "--epochs", 2, "--out", "whole", "--json").json()
    assert fovea("train", *DENOISE, "--task", TASK, "--epochs", 1, "--out", "half", "--schedule", "constant").code == OK
    assert fovea("train", *DENOISE, "--task", TASK, "--epochs", 2, "--out", "same", "--schedule", "constant",
                 "--json").json()["hash"] == fovea("train", "--resume", "half", "--epochs", 2, "--json").json()["hash"]
    assert [row for row in whole["history"][0] if row.startswith("val_")] == ["val_loss", "val_psnr", "val_ssim"]
    expect_failure(fovea("train", "--resume", "half", "--task", "image:from=grey", "--epochs", 3), USAGE, "task")


def test_a_mask_is_drawn():
    assert fovea("new", "unet:width=2", "--classes", 3, "--input", "3x16x16", "-o", "map.onnx").code == OK
    colour_png("in/green.png", (20, 200, 10), 24)
    colour_png("in/blue.png", (20, 20, 210), 10)
    done = fovea("predict", "map.onnx", "in/green.png", "in/blue.png", "--draw", "masks", "--json")
    assert done.code == OK, done.err
    for line, side in zip(done.out.splitlines(), (24, 10)):
        answer = json.loads(line)
        assert answer["task"] == "segment" and answer["height"] == answer["width"] == side
        assert abs(sum(item["share"] for item in answer["items"]) - 1) < 1e-6 and len(answer["items"]) == 3
    assert sorted(os.listdir("masks")) == ["blue.mask.png", "blue.overlay.png", "green.mask.png", "green.overlay.png"]
    assert "a mask of 24 x 24" in fovea("predict", "map.onnx", "in/green.png").out


def test_pictures_are_made_of_noise():
    gan = ("--model", "dcgan:width=2:noise=4", "--data", "digits:20")
    done = fovea("train", *gan, "--epochs", 2, "--out", "gan")
    assert done.code == OK and "adam:beta1=0.5, rate 0.0002" in done.out and "fovea generate gan/best.onnx" in done.out
    assert sorted(os.listdir("gan/samples")) == ["epoch-0001.png", "epoch-0002.png"]
    made = fovea("generate", "gan/best.onnx", "--count", 6, "--seed", 1, "-o", "six.png", "--json").json()
    assert (made["count"], made["height"], made["width"], made["channels"]) == (6, 28, 28, 1)
    assert fovea("generate", "gan/best.onnx", "--count", 12, "--walk", 4, "-o", "walk.png", "--threads", 2).code == OK
    height, width, channels, sheet = files.read_png("walk.png")  # a row for each walk, two white lines between pictures
    assert (height, width, channels) == (3 * 30 - 2, 4 * 30 - 2, 1)
    cells = {b"".join(sheet[y * width + x:y * width + x + 28] for y in range(top, top + 28))
             for top in range(0, height, 30) for x in range(0, width, 30)}
    assert len(cells) == 12 and not any(255 in sheet[y * width + x:y * width + x + 28] for y in range(28) for x in (0, 30))
    assert all(sheet[y * width + 28] == 255 for y in range(28))
    expect_failure(fovea("generate", "gan/best.onnx", "--count", 13, "--walk", 4), USAGE, "divides")
    assert fovea("new", "mlp", "-o", "no-gan.onnx").code == OK
    expect_failure(fovea("generate", "no-gan.onnx"), INPUT, "makes no pictures of noise")


def test_a_picture_is_painted():
    colour_png("in/content.png", (200, 60, 10), 24)
    colour_png("in/style.png", (20, 90, 210), 30)
    expect_failure(fovea("style", "in/content.png", "in/style.png"), USAGE, "trained weights")
    assert fovea("new", "squeezenet1_1", "-o", "look.safetensors").code == OK
    done = fovea("style", "in/content.png", "in/style.png", "--network", "look.safetensors", "--style-layers",
                 "relu_2", "--content-layer", "relu_2", "--steps", 3, "--every", 2, "-o", "painted.png", "--json").json()
    assert (done["height"], done["width"]) == (24, 24) and os.path.exists("painted-0002.png")
    loss = [row["loss"] for row in done["history"]]
    assert len(loss) == 4 and loss[3] < loss[0] and done["history"][0]["content"] == 0, loss
    expect_failure(fovea("style", "in/content.png", "in/style.png", "--network", "look.safetensors",
                         "--style-layers", "relu_999"), USAGE, "relu_999")


def test_a_grey_picture_is_coloured():
    for i in range(12):
        colour_png(f"red/all/{i}.png", (120 + 10 * i, 10 + 3 * i, 10 + 2 * i), 16)
    done = fovea("train", "--model", "colour-small", "--data", "red", "--input", "1x16x16", "--epochs", 15, "--out",
                 "red-run", "--json").json()
    assert done["task"] == "colour" and done["ab_error"] < 0.7 * done["grey_error"], done
    colour_png("in/grey.png", (90, 90, 90), 20)
    made = fovea("colorize", "red-run/best.onnx", "in/grey.png", "-o", "coloured.png", "--json").json()
    assert (made["height"], made["width"]) == (20, 20)
    height, width, channels, pixels = files.read_png("coloured.png")
    assert (height, width, channels) == (20, 20, 3)
    red, green, blue = (sum(pixels[i::3]) / 400 for i in range(3))
    assert red > green + 30 and red > blue + 30, (red, green, blue)  # all that it learned from is red
    lightness = 0.299 * red + 0.587 * green + 0.114 * blue
    assert abs(lightness - 90) < 25, lightness
    for folder in ("x", "y"):
        colour_png(f"{folder}/grey.png", (90, 90, 90), 12 if folder == "x" else 14)
    made = fovea("colorize", "red-run/best.onnx", "x/grey.png", "y/grey.png", "--json")
    assert [json.loads(line)["file"] for line in made.out.splitlines()] == ["grey-colour.png", "grey-2-colour.png"]
    shutil.copy("in/grey.png", "x/grey-colour.png")
    os.symlink(os.path.abspath("x/grey-colour.png"), "z-colour.png")
    shutil.copy("in/grey.png", "z.png")
    expect_failure(fovea("colorize", "red-run/best.onnx", "z.png", "x/grey-colour.png"), USAGE, "over what is read")
    colour_png("in/large.png", (90, 90, 90), 1600)
    expect_failure(fovea("colorize", "red-run/best.onnx", "in/large.png", "--max-memory", "12M"), MEMORY, "out of memory")
    assert fovea("new", "mlp", "-o", "no-colour.onnx").code == OK
    expect_failure(fovea("colorize", "no-colour.onnx", "in/grey.png"), INPUT, "colour is two numbers")


def test_a_network_learns_a_style():
    for i in range(8):
        colour_png(f"many/{i}.png", (120 + 10 * i, 90, 200 - 20 * i), 16)
    colour_png("in/painting.png", (20, 200, 60), 24)
    assert fovea("new", "squeezenet1_1", "-o", "looker.safetensors").code == OK
    layers = "style_layers=relu_2:content_layer=relu_2"
    paint = ("train", "--model", "unet:width=2", "--data", "many", "--epochs", 2, "--out", "style-run", "--val-split", 0.25)
    done = fovea(*paint, "--task", f"style:in/painting.png:network=looker.safetensors:{layers}")
    assert done.code == OK and "task style" in done.out and "val content" in done.out, done.out + done.err
    assert "states no preprocessing" not in done.err  # weights under torchvision's names bring torchvision's
    header = open("style-run/history.csv", encoding="utf-8").readline().strip().split(",")
    assert header[3:8] == ["val/loss", "metrics/perceptual", "metrics/content", "metrics/style", "metrics/variation"]
    measured = fovea("eval", "style-run/best.onnx", "--data", "many", "--json").json()
    assert measured["perceptual"] == measured["metrics"]["perceptual"] == measured["loss"] > 0, measured
    colour_png("in/painting.png", (20, 200, 61), 24)
    expect_failure(fovea("train", "--resume", "style-run", "--epochs", 3), USAGE, "other content")
    colour_png("in/painting.png", (20, 200, 60), 24)
    assert fovea("train", "--resume", "style-run", "--epochs", 3).code == OK
    os.remove("looker.safetensors")
    os.remove("in/painting.png")
    assert fovea("predict", "style-run/best.onnx", "many/0.png", "--draw", "drawn").code == OK  # neither is needed now
    assert files.read_png("drawn/0.png")[:3] == (16, 16, 3)
    expect_failure(fovea("eval", "style-run/best.onnx", "--data", "many"), IO, "looker.safetensors")
    expect_failure(fovea(*paint[:-4], "--task", "style"), USAGE, "style:picture=")


def test_slips():
    expect_failure(fovea("train", *DENOISE, "--task", "imgae"), USAGE, 'did you mean "image"')
    expect_failure(fovea("train", *DENOISE, "--task", "image:from=nois"), USAGE, "noise")
    expect_failure(fovea("train", *DENOISE, "--task", "image"), USAGE, "from=noise")
    expect_failure(fovea("train", *DENOISE, "--task", "segment"), USAGE, "task classify")
    assert fovea("new", "mlp", "-o", "mlp.onnx").code == OK
    colour_png("in/red.png", (200, 20, 10), 20)
    assert fovea("predict", "mlp.onnx", "in/red.png", "--draw", "seen").code == OK and os.listdir("seen") == ["red.png"]
    expect_failure(fovea("predict", "mlp.onnx", "in/red.png", "--task", "segment"), INPUT, "no map")


if __name__ == "__main__":
    sys.exit(command.main(globals()))
