# SPDX-License-Identifier: MIT
"""Options that other tests do not name: a value out of range is refused with a sentence that has the option and its
range, and options of `fovea explain` change the map as their help says."""
import sys

import command
from command import OK, USAGE, expect_failure, fovea, png

REFUSED = (
    ("generate m.onnx --delay 5", "--delay is 5; it goes from 10 to 60000"),
    ("generate m.onnx --across 0", "--across is 0; it goes from 1"),
    ("generate m.onnx --zoom 0", "--zoom is 0; it goes from 1 to 64"),
    ("style a.png b.png --content-weight 0", "--content-weight is 0; it goes from 1e-12"),
    ("style a.png b.png --style-weight 0", "--style-weight is 0; it goes from 1e-12"),
    ("style a.png b.png --variation-weight -1", "--variation-weight is -1; it goes from 0"),
    ("conformance . --absolute -1", "--absolute is -1; it goes from 1e-30"),
    ("conformance . --relative 2", "--relative is 2; it goes from 1e-30 to 1"),
    ("explain m.onnx a.png --noise -1", "--noise is -1; it goes from 0.0001 to 10"),
    ("explain m.onnx a.png --decay -1", "--decay is -1; it goes from 0 to 1"),
    ("explain m.onnx a.png --blur -1", "--blur is -1; it goes from 0 to 16"),
    ("explain m.onnx a.png --jitter -1", "--jitter is -1; it goes from 0 to 1024"),
    ("explain m.onnx a.png --baseline green", '--baseline has no choice "green"'),
    ("eval m.onnx --tta never", '--tta has no choice "never"; there are none, mirror, shifts'),
    ("predict m.onnx a.png --tta never", '--tta has no choice "never"; there are none, mirror, shifts'),
    ("data get mnist --dir", "--dir needs a value"),
)


def test_values_out_of_range():
    for words, sentence in REFUSED:
        expect_failure(fovea(*words.split()), USAGE, sentence)


def test_the_window_is_that_of_the_options():
    """Squares of 8 pixels, 8 apart: the map of 32 x 32 pixels has one number for each; the baseline changes them."""
    assert fovea("new", "lenet5", "-o", "m.onnx", "-q").code == OK
    png("a.png", 32, 32, 200)
    how = ("explain", "m.onnx", "a.png", "--json", "--methods", "occlusion", "--window", 8, "--stride", 8)
    black, zero = (fovea(*how, "--baseline", kind).json()["occlusion"] for kind in ("black", "zero"))
    assert len(black) == 32 and all(len(row) == 32 for row in black)
    for y in range(32):
        for x in range(32):
            assert black[y][x] == black[y // 8 * 8][x // 8 * 8], f"row {y}, column {x}"
    assert len({number for row in black for number in row}) > 4
    assert black != zero


if __name__ == "__main__":
    sys.exit(command.main(globals()))
