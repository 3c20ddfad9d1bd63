#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files as others keep them, through the built command: weights beside a model behind the links of a cache, hard links, keys of
other tools; names with a wrapper's prefix; and memory that reading takes, held against --max-memory, with the process's own peak
measured. The files are written here. FOVEA_BINARY is the command. Prints a last line "N passed, N failed"."""
import json
import os
import resource
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from calls import call  # noqa: E402
from files import write  # noqa: E402
from onnx_writer import F32, field, model, node, port  # noqa: E402

INPUT = 3
MEMORY = 5
WEIGHT = [0.5, -1.0, 2.0, 4.0]


def run(*words):
    """(exit code, output, errors, peak in MiB of what was started so far at most)."""
    done = call(*words)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return done.returncode, done.stdout, done.stderr, peak


def outside(name, dims, **entries):
    """A tensor whose bytes lie elsewhere."""
    out = b"".join(field(1, d) for d in dims) + field(2, F32) + field(8, name)
    return out + b"".join(field(13, field(1, k) + field(2, v)) for k, v in entries.items()) + field(14, 1)


def scaled(**entries):
    """y = x * w, w in a file beside."""
    return model([node("Mul", ["x", "w"], ["y"])], [outside("w", [4], **entries)], [port("x", ["N", 4])])


def convert(path, *words):
    """Writes the weights of a model to safetensors and gives (sentence, numbers of w)."""
    code, _, errors, _ = run("convert", path, "out.safetensors", "--quiet", *words)
    if code != 0:
        return errors.strip(), None
    with open("out.safetensors", "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        begin, end = json.loads(file.read(size))["w"]["data_offsets"]
        file.seek(8 + size + begin)
        return errors.strip(), list(struct.unpack("<%df" % ((end - begin) // 4), file.read(end - begin)))


# ---- weights beside a model ------------------------------------------------------------------------------------------------------

def test_cache_of_links():
    """Model and data are links into one store, as Hugging Face's cache has them."""
    write("hub/blobs/b1", scaled(location="model.onnx_data"))
    write("hub/blobs/b2", struct.pack("<4f", *WEIGHT))
    os.makedirs("hub/snapshots/abc/onnx")
    os.symlink("../../../blobs/b1", "hub/snapshots/abc/onnx/model.onnx")
    os.symlink("../../../blobs/b2", "hub/snapshots/abc/onnx/model.onnx_data")
    assert convert("hub/snapshots/abc/onnx/model.onnx") == ("", WEIGHT)
    os.symlink("hub/snapshots/abc", "here")  # a folder of the model's path may be a link, too
    assert convert("here/onnx/model.onnx") == ("", WEIGHT)


def test_links_below_the_model():
    write("m/store/w", struct.pack("<4f", *WEIGHT))
    os.symlink("store/w", "m/link.bin")
    os.symlink("store", "m/folder")
    os.link("m/store/w", "m/hard.bin")
    for location in "link.bin", "folder/w", "hard.bin":
        write("m/m.onnx", scaled(location=location))
        assert convert("m/m.onnx") == ("", WEIGHT), location


def test_a_link_that_leaves():
    write("away/w", struct.pack("<4f", *WEIGHT))
    write("home/m.onnx", scaled(location="w"))
    os.symlink("../away/w", "home/w")
    errors, _ = convert("home/m.onnx")
    assert "outside of the model's folder and store" in errors and "--allow-external FOLDER" in errors, errors
    assert convert("home/m.onnx", "--allow-external", "away") == ("", WEIGHT)
    errors, _ = convert("home/m.onnx", "--allow-external", "hub")
    assert "outside" in errors, errors
    for location in "../away/w", os.path.abspath("away/w"):
        write("home/m.onnx", scaled(location=location))
        assert "escapes" in convert("home/m.onnx")[0]
        assert convert("home/m.onnx", "--allow-external", "away") == ("", WEIGHT)
    os.makedirs("awayside")
    write("awayside/w", bytes(16))  # the allowed folder's name is only a prefix of this one's
    write("home/m.onnx", scaled(location="../awayside/w"))
    assert "outside" in convert("home/m.onnx", "--allow-external", "away")[0]


def test_keys_of_other_tools():
    write("keys/w", struct.pack("<4f", *WEIGHT))
    for key in "basepath", "prepacked_0", "checksum":
        write("keys/m.onnx", scaled(location="w", **{key: "x"}))
        assert convert("keys/m.onnx") == ("", WEIGHT), key
    write("keys/m.onnx", scaled(location="w", colour="red"))
    assert 'unknown key "colour"' in convert("keys/m.onnx")[0]


# ---- memory ----------------------------------------------------------------------------------------------------------------------

def safetensors(header, data=b""):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(text)) + text + data


def test_one_file_under_many_names():
    """1,500 weights in one file of 1 MiB, each with a spelling of its own."""
    count = 1500
    write("many/a.bin", bytes(1 << 20))
    names = ["w%d" % i for i in range(count)]
    tensors = [outside(name, [4], location="./" * i + "a.bin", offset="0", length="16") for i, name in enumerate(names)]
    chain = [node("Add", [("y%d" % i) if i else "x", name], ["y%d" % (i + 1)]) for i, name in enumerate(names)]
    write("many/m.onnx", model(chain, tensors, [port("x", ["N", 4])], ["y%d" % count]))
    code, _, errors, peak = run("inspect", "many/m.onnx", "--max-memory", "200M", "--json")
    assert code == 0, errors
    assert peak < 220, peak


def test_sparse_safetensors():
    """A header that states 3.2 GB, of which nothing is on the disk."""
    count = 800_000_000
    write("sparse.safetensors", safetensors({"c1.weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}))
    os.truncate("sparse.safetensors", os.path.getsize("sparse.safetensors") + 4 * count)
    code, _, errors, peak = run("convert", "sparse.safetensors", "o.onnx", "--model", "lenet5", "--max-memory", "100M")
    assert code == MEMORY and "3 GiB" in errors and "of the limit of 100 MiB" in errors, errors
    assert peak < 220, peak


def test_header_that_grows():
    """JSON takes more memory than its text has bytes."""
    for name, header in (("objects", b'{"__metadata__":{"a":[' + b"{}," * 999999 + b"{}]}}"),
                         ("lists", b'{"__metadata__":{"a":[' + b"[]," * 999999 + b"[]]}}"),
                         ("pairs", b'{"__metadata__":{' + b",".join(b'"%d":""' % i for i in range(900000)) + b"}}")):
        write("grows.safetensors", safetensors(header))
        code, _, errors, peak = run("convert", "grows.safetensors", "o.onnx", "--model", "lenet5", "--max-memory", "100M")
        assert code == MEMORY and "header needs" in errors, (name, errors)
        assert peak < 220, (name, peak)


def test_metadata_that_grows():
    """In an ONNX file's metadata it does not: nothing of a text is kept but what is wanted (io/json_walk.h)."""
    write("w", struct.pack("<4f", *WEIGHT))
    for key in "names", "fovea.preprocessing", "fovea.outputs":
        text = b"[" + b"[]," * 999999 + b"[]]"
        write("m.onnx", scaled(location="w") + field(14, field(1, key) + field(2, text)))
        code, _, errors, peak = run("inspect", "m.onnx", "--max-memory", "100M")
        assert code == (0 if key == "names" else INPUT) and key in errors, (key, code, errors)
        assert peak < 220, (key, peak)


# ---- names -----------------------------------------------------------------------------------------------------------------------

def test_wrappers():
    """State dicts of DataParallel and torch.compile."""
    assert run("new", "mlp", "-o", "mlp.onnx", "--quiet")[0] == 0
    assert run("convert", "mlp.onnx", "mlp.safetensors", "--quiet")[0] == 0
    plain = open("mlp.safetensors", "rb").read()
    size = struct.unpack("<Q", plain[:8])[0]
    header = json.loads(plain[8:8 + size])
    header.pop("__metadata__", None)
    hashed = run("inspect", "mlp.onnx", "--hash")[1]
    for prefix in "module.", "_orig_mod.", "module._orig_mod.":
        write("wrapped.safetensors", safetensors({prefix + k: v for k, v in header.items()}, plain[8 + size:]))
        code, _, errors, _ = run("convert", "wrapped.safetensors", "back.onnx", "--model", "mlp")
        assert code == 0 and "taken off" in errors and prefix.split(".")[0] in errors, errors
        assert run("inspect", "back.onnx", "--hash")[1].split()[0] == hashed.split()[0]
    mixed = {("module." if i else "") + k: v for i, (k, v) in enumerate(header.items())}
    write("wrapped.safetensors", safetensors(mixed, plain[8 + size:]))
    assert run("convert", "wrapped.safetensors", "back.onnx", "--model", "mlp")[0] == 3


def main():
    tests = [(name, test) for name, test in sorted(globals().items()) if name.startswith("test_")]
    tests = [t for t in tests if not sys.argv[1:] or any(word in t[0] for word in sys.argv[1:])]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, test in tests:
            os.makedirs(os.path.join(folder, name))
            os.chdir(os.path.join(folder, name))
            try:
                test()
            except AssertionError as problem:
                failed += 1
                print("%s: %s (line %d)" % (name, problem, problem.__traceback__.tb_next.tb_lineno
                                            if problem.__traceback__.tb_next else problem.__traceback__.tb_lineno))
        os.chdir("/")
    print("%d passed, %d failed" % (len(tests) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
