#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fovea bench: that it measures and says what it promises, never how fast.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_bench.py WORD-OF-ITS-NAME
"""
import json
import os
import sys

from command import INPUT, IO, MEMORY, OK, SLOWER, USAGE, environment, expect_failure, fovea, main


def bench(*words, **how):
    return fovea("bench", *words, "--time", "0.02", **how)


def test_bench_json():
    about = bench("lenet5", "--batch", "3", "--layers", "--threads", "1", "--json").json()
    assert about["input"] == [3, 1, 32, 32] and about["threads"] == 1 and not about["training"]
    assert about["multiply_adds"] == 3 * 416520, "counts are of all samples, by direct sums"
    assert 0 < about["least"] <= about["quartiles"][0] <= about["median"] <= about["quartiles"][1]
    assert abs(about["images_per_second"] * about["median"] - 3) < 1e-5
    assert abs(about["gflops"] * about["median"] - 2e-9 * about["multiply_adds"]) < 1e-9
    assert about["peak_gflops"] > 0 and abs(about["of_peak"] - about["gflops"] / about["peak_gflops"]) < 1e-5
    assert about["disturbed"] in (True, False) and (about["others"] is None or about["others"] >= 0)
    assert about["memory"]["activations"] > 0 and about["memory"]["peak_resident"] > about["memory"]["activations"]
    assert abs(about["first_output"] - about["load"] - about["plan"] - about["first_run"]) < 1e-6
    plan = fovea("inspect", "lenet5", "--plan", "--batch", "3", "--json").json()["plan"]
    assert about["memory"]["packed"] == plan["memory"]["packed"]
    assert sum(layer["multiply_adds"] for layer in about["layers"]) == about["multiply_adds"]
    f6 = next(layer for layer in about["layers"] if layer["name"] == "f6")
    assert f6["bytes_written"] == 3 * 84 * 4 and f6["bytes_read"] == 4 * (3 * 120 + 84 * 120 + 84)
    assert f6["bound_seconds"] > 0 and f6["seconds"] > 0 and f6["bound_by"] in ("bytes", "sums")
    assert sum(kind["steps"] for kind in about["kinds"]) == len(about["layers"])
    assert sum(kind["multiply_adds"] for kind in about["kinds"]) == about["multiply_adds"]


def test_bench_training():
    about = bench("course-cnn", "--training", "--batch", "4", "--layers", "--json").json()
    inference = bench("course-cnn", "--batch", "4", "--json").json()
    assert about["training"] and about["multiply_adds"] > 2 * inference["multiply_adds"]
    operations = {layer["operation"].split()[0] for layer in about["layers"]}
    assert {"softmax_cross_entropy", "conv_weight_gradient", "sgd"} <= operations, operations


def test_bench_text():
    plain = bench("lenet5", "--layers")
    assert plain.code == OK and plain.err == "" and "\x1b" not in plain.out
    for part in ("median", "GFLOP/s", "of the", "first output", "+ relu", "of bound", "roofline"):
        assert part in plain.out, part


def test_bench_size():
    assert fovea("new", "mlp", "-o", "mlp.onnx").code == OK
    expect_failure(bench("mlp.onnx", "--size", "20x24"), INPUT, "20 x 24")
    expect_failure(bench("lenet5", "--size", "32x"), USAGE, "height x width")
    one, two = (bench("lenet5", "--size", size, "--json").json()["input"] for size in ("32", "32x32"))
    assert one == two
    assert bench("lenet5", "--size", "36x44", "--json").json()["input"][1:] == [1, 40, 48]  # lenet5 pads by 2


def test_bench_save_and_compare():
    assert bench("lenet5", "--layers", "--save", "stored.json", "-q").code == OK
    with open("stored.json", encoding="utf-8") as file:
        stored = json.load(file)
    assert stored["model"] == "lenet5" and stored["layers"]
    text = bench("lenet5", "--layers", "--compare", "stored.json", "--at-most", "1000")
    assert text.code == OK and "Against stored.json" in text.out and "images a second" in text.out
    ratio = bench("lenet5", "--compare", "stored.json", "--json").json()["ratio"]
    assert ratio["median"] > 0 and ratio["packed"] == 1
    stored["median"] = stored["median"] / 1e4
    with open("fast.json", "w", encoding="utf-8") as file:
        json.dump(stored, file)
    slow = bench("lenet5", "--compare", "fast.json", "--at-most", "2")
    assert slow.code == SLOWER and "Against fast.json" in slow.out and "more than 2" in slow.err, slow.err
    expect_failure(bench("mlp", "--compare", "stored.json"), INPUT, "lenet5", "mlp")
    expect_failure(bench("lenet5", "--training", "--compare", "stored.json"), INPUT, "inference")
    expect_failure(bench("lenet5", "--batch", "2", "--compare", "stored.json"), INPUT, "batch")
    expect_failure(bench("lenet5", "--compare", "missing.json"), IO, "missing.json")
    with open("other.json", "w", encoding="utf-8") as file:
        file.write("{}")
    expect_failure(bench("lenet5", "--compare", "other.json"), INPUT, "other.json")
    expect_failure(bench("lenet5", "--at-most", "2"), USAGE, "--compare")
    expect_failure(bench("lenet5", "--save", "missing/x.json"), IO, "missing/x.json")


def test_bench_slips():
    expect_failure(fovea("bench"), USAGE, "which network")
    expect_failure(bench("lenet6"), USAGE, "lenet5")
    expect_failure(bench("missing.onnx"), IO, "missing.onnx")
    expect_failure(bench("lenet5", "--batch", "0"), USAGE, "--batch")
    expect_failure(bench("lenet5", "--layer"), USAGE, "--layers")
    expect_failure(bench("lenet5", "--max-memory", "100K"), MEMORY)


def test_bench_tune():
    home = os.getcwd() + "/tuned"
    env = environment(XDG_CONFIG_HOME=home)
    path = f"{home}/fovea/rates.json"
    tuned = fovea("bench", "--tune", "--json", env=env).json()
    assert tuned["file"] == path and min(tuned[key] for key in ("products", "transform", "memory", "wake")) > 0
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)["rates"]
    assert len(kept) == 1 and kept[0]["products"] == tuned["products"] and kept[0]["isa"] == tuned["isa"]
    assert path in fovea("inspect", "lenet5", "-v", env=env).err
    assert "rates: those of" in fovea("inspect", "lenet5", "-v").err
    # Tuning again replaces this machine's entry; another machine's entry stays and is not used.
    other = dict(kept[0], processor="another", products=1)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"rates": [other, kept[0]]}, file)
    assert fovea("bench", "--tune", "-q", env=env).code == OK
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)["rates"]
    assert len(kept) == 2 and kept[0] == other and kept[1]["processor"] == tuned["processor"]
    assert fovea("bench", "--tune", "--rates", "own.json", "-q").code == OK and os.path.exists("own.json")
    # Every verb says what is wrong with the file, and where.
    for text in ("{", "{}", json.dumps({"rates": [dict(kept[1], memory=-1)]})):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        expect_failure(fovea("inspect", "lenet5", env=env), INPUT, path)
        expect_failure(fovea("bench", "lenet5", env=env), INPUT, path)


if __name__ == "__main__":
    sys.exit(main(globals()))
