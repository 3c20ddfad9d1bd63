#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`fovea filter`: every filter against SciPy's figures beside the checkout (whole-number kernels, medians to the last bit,
others within 1e-5 of 255), each border by hand, the sum behind a pixel, a sheet, and one slip of each kind. Prints a last
line "N passed, N failed"; without the figures they are skipped by name."""
import ast
import json
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402
from files import write_png  # noqa: E402

FIGURES = os.path.join(os.path.abspath(os.environ.get("FOVEA_SHARED", "../shared")), "filters")
BOUND = 1e-5 * 255


def fovea(*words):
    return call("filter", *words, timeout=60)


def read_npy(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<H", data[8:10])[0]
    shape = ast.literal_eval(data[10:10 + length].decode())["shape"]
    return shape, list(struct.unpack("<%df" % ((len(data) - 10 - length) // 4), data[10 + length:]))


def run_filter(picture, *words):
    done = fovea(*words, picture, "--raw", "out.npy")
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    return read_npy("out.npy")[1]


# ---- by hand: a row 1 2 3 4 -------------------------------------------------------------------------------------------

def test_borders():
    write_png("row.png", 1, 4, 1, [1, 2, 3, 4])
    across = "1 0 0 0 0" # gives each pixel its second neighbour to the left
    for border, wanted in (("reflect", [2, 1, 1, 2]), ("mirror", [3, 2, 1, 2]), ("edge", [1, 1, 1, 2]), ("zero", [0, 0, 1, 2])):
        got = run_filter("row.png", "--kernel", across, "--border", border)
        assert got == wanted, f"{border}: {got}"


def test_kernel_is_not_turned_round():
    write_png("row.png", 1, 5, 1, [0, 0, 9, 0, 0])
    assert run_filter("row.png", "--kernel", "1 2 3") == [0, 27, 18, 9, 0]


def test_edges_are_shown_by_size():
    write_png("edge.png", 1, 6, 1, [100] * 3 + [0] * 3)
    assert run_filter("edge.png", "sobel-x")[2] == -400
    assert fovea("sobel-x", "edge.png", "-o", "shown.png").returncode == 0
    assert run_filter("shown.png", "identity") == [0, 0, 255, 255, 0, 0]


def test_explain():
    write_png("row.png", 1, 4, 1, [1, 2, 3, 4])
    done = fovea("--kernel", "1 2 3", "row.png", "--explain", "0,1")
    assert "1 x 1 + 2 x 2 + 3 x 3 = 14, and the engine gave 14" in done.stdout, done.stdout
    one = json.loads(fovea("--kernel", "1 2 3", "row.png", "--explain", "0,1", "--json").stdout)
    assert one["kernel"] == [[1, 2, 3]] and one["channels"] == [{"patch": [[1, 2, 3]], "result": 14}], one


def test_list_and_sheet():
    write_png("row.png", 4, 4, 3, list(range(48)))
    names = [one["example"] for one in json.loads(fovea("--list", "--json").stdout)["filters"]]
    for name in names:
        run_filter("row.png", name)
    assert len(set(names)) == len(names) >= 22
    done = fovea("--sheet", "row.png", "-o", "sheet.png")
    assert done.returncode == 0 or "without cairo" in done.stderr, done.stderr


def test_slips():
    write_png("row.png", 1, 4, 1, [1, 2, 3, 4])
    for words, code, part in (
            (["sobel", "row.png", "-o", "x.png"], 2, 'no filter "sobel"'),
            (["gauss-sigma", "row.png", "-o", "x.png"], 2, "stands S, pixels, 0.4 to 10"),
            (["gauss-sigma99", "row.png", "-o", "x.png"], 2, "0.4 to 10"),
            (["median-4", "row.png", "-o", "x.png"], 2, "odd"),
            (["median-3", "row.png", "--explain", "0,0"], 2, "no single convolution"),
            (["sobel-x", "row.png", "--explain", "1,0"], 2, "outside the picture"),
            (["sobel-x", "row.png"], 2, "where to?"),
            (["sobel-x"], 2, "fovea filter KIND PICTURE"),
            (["--kernel", "1 2; 3", "row.png", "--raw", "x.npy"], 2, "row 2 has 1"),
            (["--kernel", "1 2", "row.png", "--raw", "x.npy"], 2, "middle"),
            (["--kernel", "1 two 3", "row.png", "--raw", "x.npy"], 2, "no number"),
            (["sobel-x", "missing.png", "-o", "x.png"], 4, "missing.png")):
        done = fovea(*words)
        assert done.returncode == code and part in done.stderr and not done.stdout, f"{words}: {done}"


# ---- SciPy's figures --------------------------------------------------------------------------------------------------

def check_figures(name, pictures):
    with open(os.path.join(FIGURES, name + ".json"), encoding="utf-8") as file:
        figures = json.load(file)
    kernel = figures.get("kernel")
    whole = name.startswith("median") or (kernel is not None and all(float(w).is_integer() for row in kernel for w in row))
    for kind, (values, height, width, channels) in pictures.items():
        write_png(kind + ".png", height, width, channels, values)
        for border, wanted in figures[kind].items():
            got = run_filter(kind + ".png", name, "--border", border)
            far = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
            assert far <= (0 if whole else BOUND), f"{kind}, {border}: {far} apart"


def main():
    cases = [(name, test, ()) for name, test in sorted(globals().items()) if name.startswith("test_")]
    skipped = failed = 0
    if os.path.isdir(FIGURES):
        with open(os.path.join(FIGURES, "pictures.json"), encoding="utf-8") as file:
            stored = json.load(file)
        pictures = {kind: (stored[kind], stored["height"], stored["width"], 3 if kind == "rgb" else 1)
                    for kind in ("grey", "rgb")}
        names = sorted(name[:-5] for name in os.listdir(FIGURES) if name.endswith(".json") and name != "pictures.json")
        cases += [(name, check_figures, (name, pictures)) for name in names]
    else:
        print("skipped  SciPy's figures: there is no", FIGURES)
        skipped = 1
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, test, arguments in cases:
            try:
                test(*arguments)
            except Exception as problem: # one case does not end the others
                failed += 1
                print(f"{name}: {problem}")
        os.chdir("/")
    print(f"{len(cases) - failed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
