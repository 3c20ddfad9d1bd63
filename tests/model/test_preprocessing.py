#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What becomes of pixels before they are an input, through the built command: presets and single options against numbers that
Pillow 9.4 and numpy give, to a grey level; stored by convert; class names from files; inputs that have their channels last. Models
and pictures are written here. FOVEA_BINARY is the command. Prints a last line "N passed, N failed"."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "io"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402
from files import png, write  # noqa: E402
from onnx_writer import F32, field, model, node, port, tensor  # noqa: E402

SHARED = os.path.abspath(os.environ.get("FOVEA_SHARED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared")))
W, H, SIDE = 13, 9, 4
LOOKED_AT = (0, 5, 15, 16, 29, 47)  # flat indices into the input [3, 4, 4]

# Pillow's bilinear resize and crop as torchvision computes them, then numpy in double; values at LOOKED_AT; one grey level.
EXPECTED = {
    (): ([0.1451, 0.5529, 0.5647, 0.3412, 0.4039, 0.3922], 1 / 255),
    ("--preset", "unit"): ([0.1451, 0.5529, 0.5647, 0.3412, 0.4039, 0.3922], 1 / 255),
    ("--scale", "1"): ([37, 141, 144, 87, 103, 100], 1),
    ("--preset", "tf"): ([-0.7098, 0.1059, 0.1294, -0.3176, -0.1922, -0.2157], 2 / 255),
    ("--mean", "0.5", "--std", "0.5"): ([-0.7098, 0.1059, 0.1294, -0.3176, -0.1922, -0.2157], 2 / 255),
    ("--preset", "caffe"): ([33.0610, 41.0610, -3.9390, -29.7790, -13.7790, 20.3200], 1),
    ("--bgr", "--mean", "103.939,116.779,123.68"): ([33.0610, 41.0610, -3.9390, -29.7790, -13.7790, 20.3200], 1),
    ("--preset", "imagenet"): ([-0.5938, 0.7419, 0.3309, 0.3978, -0.7402, 0.5136], 1 / 255 / 0.224),
    ("--preset", "imagenet-inception"): ([-0.3020, 0.3098, 0.1216, 0.0902, -0.4196, 0.0431], 2 / 255),
    ("--resize", "7"): ([0.5020, 0.7686, 0.3804, 0.6980, 0.1922, 0.7725], 1 / 255),
    ("--crop", "6"): ([0.5137, 0.7804, 0.4941, 0.7098, 0.2549, 0.8863], 1 / 255),
    ("--resize", "8", "--crop", "6"): ([0.3176, 0.5922, 0.3608, 0.5137, 0.4118, 0.7529], 1 / 255),
    ("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375"):
        ([-1.4843, 0.2967, 0.3481, -0.5126, -0.2325, -0.0615], 1 / 57),
}


class Skip(Exception):
    pass


def run(*words):
    done = call(*words)
    return done.returncode, done.stdout, done.stderr


def picture(path, width=W, height=H, step=0):
    write(path, png(height, width, 3, [(x * 19 + y * 7 + c * 50 + x * y * 3 + step) & 255
                                       for y in range(height) for x in range(width) for c in range(3)]))


def pixels_model(shape):
    """Its output is its input, as one row."""
    return model([node("Flatten", ["x"], ["y"], axis=1)], inputs=[port("x", ["N", *shape])])


def pixels(path, *words):
    code, out, errors = run("predict", path, "p.png", "--scores", "values", "--top", "48", "--json", *words)
    assert code == 0, errors
    return json.loads(out)["scores"], errors


def near(got, wanted, limit):
    return all(abs(a - b) <= limit * 1.02 + 1e-4 for a, b in zip(got, wanted))


# ---- pixels ----------------------------------------------------------------------------------------------------------------------

def test_options_and_presets():
    picture("p.png")
    write("m.onnx", pixels_model((3, SIDE, SIDE)))
    for words, (wanted, level) in EXPECTED.items():
        got, errors = pixels("m.onnx", *words)
        assert near([got[i] for i in LOOKED_AT], wanted, level), (words, [got[i] for i in LOOKED_AT], wanted)
        assert ("states no preprocessing" in errors) == (not words), (words, errors)


def test_convert_stores():
    picture("p.png")
    write("m.onnx", pixels_model((3, SIDE, SIDE)))
    for words in EXPECTED:
        assert run("convert", "m.onnx", "stored.onnx", "--quiet", *words)[0] == 0
        got, errors = pixels("stored.onnx")
        assert got == pixels("m.onnx", *words)[0], words
        assert ("states no preprocessing" in errors) == (not words), errors
    assert run("convert", "m.onnx", "stored.onnx", "--preset", "caffe", "--quiet")[0] == 0
    assert run("convert", "stored.onnx", "again.onnx", "--quiet")[0] == 0
    assert pixels("again.onnx")[0] == pixels("m.onnx", "--preset", "caffe")[0]
    assert "blue first" in run("inspect", "again.onnx")[1]


def options_of(stated):
    """What inspect says, as it is typed."""
    words = ["--scale", stated["scale"], "--mean", ",".join(map(str, stated["mean"])),
             "--std", ",".join(map(str, stated["std"])), f"--bgr={'yes' if stated['colours'] == 'bgr' else 'no'}"]
    for key in ("resize", "crop"):
        words += [f"--{key}", stated[key]] if stated[key] else []
    words += ["--letterbox", stated["letterbox"]] if stated["letterbox"] != "none" else []
    return list(map(str, words)) + ["--invert", stated["invert"]]


def test_inspect_says_everything():
    picture("p.png")
    write("m.onnx", pixels_model((3, SIDE, SIDE)))
    for words in list(EXPECTED) + [("--fit", "crop", "--invert", "yes"), ("--fit", "pad"), ("--mean", "0.485,0.456,0.406")]:
        assert run("convert", "m.onnx", "stored.onnx", "--quiet", *words)[0] == 0
        stated = json.loads(run("inspect", "stored.onnx", "--json")[1])["preprocessing"]
        assert stated["stated"] == bool(words) and stated["picture"] and stated["channels"] == 3, stated
        assert (stated["height"], stated["width"], stated["layout"]) == (SIDE, SIDE, "nchw"), stated
        again = options_of(stated) + (["--fit", stated["fit"]] if stated["fit"] != "stretch" else [])
        assert near(pixels("m.onnx", *again)[0], pixels("m.onnx", *words)[0], 1e-5), (words, stated)
    assert stated["mean"] == [0.485, 0.456, 0.406] and stated["std"] == [1, 1, 1], stated  # as people write them
    assert run("convert", "m.onnx", "stored.onnx", "--quiet", "--preset", "imagenet")[0] == 0
    text = " ".join(run("inspect", "stored.onnx")[1].split())
    for part in ("shorter side to ", f"the middle {SIDE} x {SIDE}", "red first", "(x - 0.485) / 0.229"):
        assert part in text, (part, text)


def test_slips():
    picture("p.png")
    write("m.onnx", pixels_model((3, SIDE, SIDE)))
    for words in (["--mean", "0.5,0.5"], ["--mean", "x"], ["--std", "0"], ["--std", "-1"], ["--scale", "0"], ["--scale", "1/0"],
                  ["--mean", "0.5,"], ["--resize", "0"], ["--preset", "imagnet"], ["--mean", "nan"]):
        code, out, errors = run("predict", "m.onnx", "p.png", "--scores", "values", *words)
        assert code == 2 and out == "" and words[0] in errors, (words, code, errors)
    write("grey.onnx", pixels_model((1, SIDE, SIDE)))
    assert run("predict", "grey.onnx", "p.png", "--scores", "values", "--bgr")[0] == 2


def test_wrong_metadata_is_named():
    picture("p.png")
    for key, value in ("scale", '"1..2"'), ("channels", '"grb"'), ("crop", "-1"), ("shorter", "1.5"), ("mean", "[]"):
        text = {"mean": "[0]", "deviation": "[1]", "pad": "0"}
        text[key] = value
        entry = field(1, "fovea.preprocessing") + field(2, "{%s}" % ",".join('"%s":%s' % e for e in text.items()))
        write("m.onnx", pixels_model((3, SIDE, SIDE)) + field(14, entry))
        code, _, errors = run("predict", "m.onnx", "p.png", "--scores", "values")
        assert code == 3 and "wrong: %s" % key in errors, errors


def test_what_is_newer_is_said():
    picture("p.png")
    plain = '"mean":[0],"deviation":[1],"pad":0,"resize":"bilinear, antialiased"'
    for entries, words in (
            ({"fovea.preprocessing": "{%s}" % plain, "fovea.version": "0.1.0"}, ()),
            ({"fovea.preprocessing": "{%s}" % plain, "fovea.version": "0.0.9"}, ()),
            ({"fovea.preprocessing": '{%s,"gamma":2.2,"more":1}' % plain}, ("gamma", "does not know")),
            ({"fovea.preprocessing": "{%s}" % plain, "fovea.version": "0.10.0"}, ("0.10.0", "fovea.version")),
            ({"fovea.preprocessing": "{%s}" % plain, "fovea.version": "1.0.0"}, ("1.0.0", "fovea.version"))):
        made = b"".join(field(14, field(1, key) + field(2, value)) for key, value in entries.items())
        write("m.onnx", pixels_model((3, SIDE, SIDE)) + made)
        code, _, errors = run("predict", "m.onnx", "p.png", "p.png", "--scores", "values")
        assert code == 0 and all(word in errors for word in words), (entries, errors)
        assert errors.count("metadata") == (1 if words else 0), errors


def test_another_size_keeps_proportions():
    assert run("new", "squeezenet1_1", "--input", "3x227x227", "-o", "s.onnx")[0] == 0
    assert run("convert", "s.onnx", "p.onnx", "--preset", "imagenet", "-q")[0] == 0
    stated = json.loads(run("inspect", "p.onnx", "--json")[1])["preprocessing"]
    assert stated["resize"] == 259
    code, _, errors = run("convert", "p.onnx", "q.onnx", "--size", "224")
    assert code == 0 and "259" in errors and "256" in errors, errors
    stated = json.loads(run("inspect", "q.onnx", "--json")[1])["preprocessing"]
    assert stated["resize"] == 256 and stated["height"] == 224, stated
    assert run("convert", "p.onnx", "q.onnx", "--size", "224", "--resize", "230")[0] == 0
    assert json.loads(run("inspect", "q.onnx", "--json")[1])["preprocessing"]["resize"] == 230


# ---- names -----------------------------------------------------------------------------------------------------------------------

def test_names():
    picture("p.png")
    weight = tensor("w", F32, [48, 3], [((i * 7) % 13 - 6) / 40 for i in range(144)])
    write("m.onnx", model([node("Flatten", ["x"], ["f"], axis=1), node("MatMul", ["f", "w"], ["y"])], [weight],
                          [port("x", ["N", 3, SIDE, SIDE])]))
    wanted = ["a cat", "ein Hund", "o'clock"]
    for text in ("a cat\nein Hund\r\no'clock\n\n", "\ufeffa cat\nein Hund\no'clock", "\ufeff" + json.dumps(wanted), json.dumps(wanted), json.dumps({str(i): n for i, n in enumerate(wanted)}),
                 json.dumps({str(i): ["n%d" % i, n] for i, n in enumerate(wanted)}), str(dict(enumerate(wanted))) + "\n"):
        write("names.txt", text.encode())
        code, out, errors = run("predict", "m.onnx", "p.png", "--names", "names.txt", "--json")
        assert code == 0, errors
        assert {t["class"]: t["name"] for t in json.loads(out)["top"]} == dict(enumerate(wanted)), out
    assert run("convert", "m.onnx", "named.onnx", "--names", "names.txt", "--quiet")[0] == 0
    assert json.loads(run("inspect", "named.onnx", "--json")[1])["class_names"] == wanted
    for text in b"one\ntwo\n", b"[1, 2, 3]", b'{"0": "a", "2": "b", "3": "c"}', b"a\0b\nc\nd", b"":
        write("names.txt", text)
        code, _, errors = run("predict", "m.onnx", "p.png", "--names", "names.txt")
        assert code == 3 and "names.txt" in errors, (text, errors)


# ---- channels last ---------------------------------------------------------------------------------------------------------------

def convolution(last, side=8, classes=3):
    """The same network for either layout; for channels last a transposition stands first, as tf2onnx writes it."""
    weight = tensor("w", F32, [4, 3, 3, 3], [((i * 37) % 23 - 11) / 30 for i in range(108)])
    dense = tensor("d", F32, [4, classes], [((i * 11) % 7 - 3) / 4 for i in range(4 * classes)])
    first = [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])] if last else []
    nodes = first + [node("Conv", ["t" if last else "x", "w"], ["c"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
                     node("Relu", ["c"], ["r"]), node("GlobalAveragePool", ["r"], ["g"]), node("Flatten", ["g"], ["f"], axis=1),
                     node("MatMul", ["f", "d"], ["y"])]
    shape = ["N", side, side, 3] if last else ["N", 3, side, side]
    return model(nodes, [weight, dense], [port("x", shape)])


def test_channels_last_reads_as_first():
    picture("p.png")
    write("first.onnx", pixels_model((3, SIDE, SIDE)))
    write("last.onnx", pixels_model((SIDE, SIDE, 3)))
    for words in (), ("--preset", "caffe"), ("--preset", "imagenet"):
        first, last = pixels("first.onnx", *words)[0], pixels("last.onnx", *words)[0]
        assert last == [first[c * 16 + p] for p in range(16) for c in range(3)]


def test_channels_last_predicts_and_trains():
    for split in "train", "test":
        for c in range(3):
            for i in range(6):
                picture("data/%s/%d/%d.png" % (split, c, i), 9 + c, 8 + i, step=80 * c + i)
    write("first.onnx", convolution(False))
    write("last.onnx", convolution(True))
    assert [json.loads(run("inspect", name, "--json")[1])["inputs"][0]["layout"] for name in ("first.onnx", "last.onnx")] == [
        "NCHW", "NHWC"]
    answers = []
    for name in "first", "last":
        out = run("predict", name + ".onnx", "data/test/1/2.png", "--json")[1]
        report = run("eval", name + ".onnx", "--data", "data", "--json")
        assert report[0] == 0, report
        code, _, errors = run("train", "--model", name + ".onnx", "--data", "data", "--epochs", "2", "--batch", "6", "--lr", "0.1",
                              "--out", "run-" + name, "--quiet")
        assert code == 0, errors
        history = open("run-%s/history.csv" % name, encoding="utf-8").read().split()
        loss = float(history[-1].split(",")[2])
        answers.append((json.loads(out)["top"], json.loads(report[1])["loss"], loss))
    for a, b in zip(*[x[0] for x in answers]):
        assert a["class"] == b["class"] and abs(a["probability"] - b["probability"]) < 1e-5, answers
    assert abs(answers[0][1] - answers[1][1]) < 1e-5 and abs(answers[0][2] - answers[1][2]) < 1e-4, answers
    trained = json.loads(run("inspect", "run-last/best.onnx", "--json")[1])["inputs"][0]
    assert trained["layout"] == "NHWC" and trained["shape"] == ["N", 8, 8, 3], trained
    assert run("convert", "last.onnx", "larger.onnx", "--size", "16x12", "--quiet")[0] == 0
    assert json.loads(run("inspect", "larger.onnx", "--json")[1])["inputs"][0]["shape"] == ["N", 16, 12, 3]


def test_open_sizes():
    picture("p.png")
    write("open.onnx", model([node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("GlobalAveragePool", ["t"], ["g"]),
                              node("Flatten", ["g"], ["y"], axis=1)], inputs=[port("x", ["N", "h", "w", 3])]))
    code, out, errors = run("predict", "open.onnx", "p.png", "--json")
    assert code == 0 and "224 x 224" in errors and len(json.loads(out)["top"]) == 3, errors


def test_which_layout():
    """Both could be channels: said once, and --layout decides; and is stored."""
    picture("p.png")
    write("m.onnx", pixels_model((3, SIDE, 3)))
    first, errors = pixels("m.onnx")
    assert "--layout" in errors and errors.count("channels") >= 1, errors
    last, errors = pixels("m.onnx", "--layout", "nhwc")
    assert first != last
    assert run("convert", "m.onnx", "stored.onnx", "--layout", "nhwc", "--quiet")[0] == 0
    got, errors = pixels("stored.onnx")
    assert got == last and "--layout" not in errors, errors
    write("m.onnx", pixels_model((3, SIDE, SIDE)))
    assert "--layout" not in pixels("m.onnx")[1]


def test_keras_picture():
    folder = os.path.join(SHARED, "faults/12-nhwc-input")
    if not os.path.isdir(folder):
        raise Skip("there is no " + folder)
    code, out, errors = run("predict", os.path.join(folder, "nhwc.onnx"), os.path.join(folder, "p.png"), "--json")
    assert code == 0, errors
    top = json.loads(out)["top"][0]
    assert top["class"] == 0 and abs(top["probability"] - 0.9282) < 5e-5, top  # ONNX Runtime 1.30


def main():
    tests = [(name, test) for name, test in sorted(globals().items()) if name.startswith("test_")]
    tests = [t for t in tests if not sys.argv[1:] or any(word in t[0] for word in sys.argv[1:])]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, test in tests:
            os.makedirs(os.path.join(folder, name))
            os.chdir(os.path.join(folder, name))
            try:
                test()
                passed += 1
            except Skip as reason:
                print("skipped %s: %s" % (name, reason))
            except AssertionError as problem:
                failed += 1
                print("%s: %s (line %d)" % (name, problem, problem.__traceback__.tb_next.tb_lineno))
        os.chdir("/")
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
