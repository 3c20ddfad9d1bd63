#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a small seed corpus for each fuzz target: a few valid files of each kind, and the ONNX conformance models up to
4 KiB where they lie beside the checkout.

usage: make_seeds.py FOLDER   (makes FOLDER/onnx, run, safetensors, npy, idx, torch, image, request, serve
and sources)
"""
import glob
import gzip
import io
import json
import os
import shutil
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import files
import torch_file
from files import png_chunk as chunk


def requests():
    """What clients send to fovea serve: every route, rightly and wrongly, and bytes that are no request."""
    png = files.png(2, 3, 1, b"abcdef")
    packed, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.png", png)
        archive.writestr("c.txt", b"no")
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("b.png")
        entry.size = len(png)
        archive.addfile(entry, io.BytesIO(png))
    lines = {"health": b"GET /api/health", "models": b"GET /api/models", "runs": b"GET /api/runs", "page": b"GET /",
             "run": b"GET /api/runs/one", "report": b"GET /api/runs/report/one", "events": b"GET /api/runs/events/one",
             "up": b"GET /api/runs/..%2f..%2fetc", "openapi": b"GET /api/openapi.json", "metrics": b"GET /metrics",
             "network": b"GET /api/network?model=lenet5", "filters": b"GET /api/filters?layer=c1", "teach": b"GET /api/teach",
             "lessons": b"GET /api/lessons?lang=zh", "graph": b"GET /api/drawing", "lesson": b"GET /api/lessons/drawing/15",
             "clear": b"POST /api/teach/clear", "train": b"POST /api/teach/train?epochs=2", "head": b"HEAD /app.js",
             "other": b"DELETE /api/models"}
    bodies = {"predict": b"POST /api/predict?top=3&mask=1", "explain": b"POST /api/explain?methods=gradcam&class=3",
              "layer": b"POST /api/layer?layer=c1", "sum": b"POST /api/sum?layer=c1&filter=2&row=3&column=4",
              "add": b"POST /api/teach/picture?class=%E4%B8%80+b"}
    raw = {"http10": b"GET / HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n\r\n", "none": b"GET\r\n\r\n",
           "chunked": b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           "two": b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n" * 2,
           "expect": b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
           "large": b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 99999999\r\n\r\nabc",
           "foreign": b"GET /api/models HTTP/1.1\r\nHost: evil.example\r\nOrigin: null\r\n\r\n"}
    seeds = {"serve/" + name: line for name, line in lines.items()}
    seeds.update({"serve/" + name: line + b"\n" + png for name, line in bodies.items()})
    seeds.update({"serve/raw_" + name: b"R" + text for name, text in raw.items()})
    seeds["serve/zip"] = b"POST /api/predict\n" + packed.getvalue()
    seeds["serve/tar"] = b"POST /api/predict\n" + tar.getvalue()
    return seeds


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def port(name, dims):
    shape = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def model(opset=17):
    weight = field(1, 2) + field(1, 3) + field(2, 1) + field(8, "w") + field(9, struct.pack("<6f", *range(6)))
    flag = field(1, "transB") + field(3, 1) + field(20, 2)
    node = field(1, "x") + field(1, "w") + field(2, "y") + field(3, "fc") + field(4, "Gemm") + field(5, flag)
    graph = field(1, node) + field(2, "g") + field(5, weight) + field(11, port("x", ["N", 3])) + field(12, port("y", ["N", 2]))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset)) + field(14, field(1, "k") + field(2, "v"))


def far_box():
    """RoiAlign of a box that is a million pixels wide: once it took minutes (found by fuzzing)."""
    rois = field(1, 1) + field(1, 4) + field(2, 1) + field(8, "r") + field(9, struct.pack("<4f", 0, 0, 1e6, 1e6))
    batch = field(1, 1) + field(2, 7) + field(8, "b") + field(9, bytes(8))
    size = b"".join(field(5, field(1, name) + field(3, 16) + field(20, 2)) for name in ("output_height", "output_width"))
    node = field(1, "x") + field(1, "r") + field(1, "b") + field(2, "y") + field(4, "RoiAlign") + size
    graph = field(1, node) + field(5, rois) + field(5, batch) + field(11, port("x", [1, 1, 8, 8])) + field(12, field(1, "y"))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 16))


def npy(descr, fortran_order, shape, data, version=(1, 0)):
    text = ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran_order, shape)).encode()
    prefix = 10 if version[0] == 1 else 12
    text += b" " * (-(prefix + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text + data


def idx(kind, dims, data):
    return bytes([0, 0, kind, len(dims)]) + b"".join(struct.pack(">I", d) for d in dims) + data


def varint_at(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def with_constants(path):
    """The model of a conformance case with its small inputs of whole numbers (shapes, axes, indices) as initializers: so
    that the fuzzer finds them in the file."""
    with open(path, "rb") as file:
        data = file.read()
    tensors = b""
    for number in range(8):
        name = os.path.join(os.path.dirname(path), "test_data_set_0", "input_%d.pb" % number)
        if os.path.exists(name) and os.path.getsize(name) <= 200:
            with open(name, "rb") as file:
                tensor = file.read()
            if b"\x10\x07" in tensor[:12] or b"\x10\x06" in tensor[:12]:  # data_type: int64 or int32
                tensors += field(5, tensor)
    out, at = b"", 0
    while at < len(data):
        start = at
        key, at = varint_at(data, at)
        if key & 7 == 0:
            _, at = varint_at(data, at)
        else:
            size, at = varint_at(data, at)
            at += size
        out += field(7, data[at - size:at] + tensors) if key == 7 << 3 | 2 else data[start:at]
    return out if tensors else None


def copy_all(pattern, folder, most):
    for path in glob.glob(pattern):
        if os.path.isfile(path) and os.path.getsize(path) <= most:
            name = os.path.basename(path)
            if name == "model.onnx":
                name = os.path.basename(os.path.dirname(path))
            shutil.copyfile(path, os.path.join(folder, name))


def archive(method):
    """A zip with files and folders, and a name that leads out of it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name in ("a/1.txt", "a/b/2.txt", "3.txt", "../4.txt", "a/1.txt"):
            packed.writestr(zipfile.ZipInfo(name), b"text " * 9, method)
    return file.getvalue()


def tape(packing):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:" + packing) as packed:
        for name in ("a/1.txt", "b" * 120 + "/2.txt", "../3.txt"):
            info = tarfile.TarInfo(name)
            info.size = 9
            packed.addfile(info, io.BytesIO(b"some text"))
    return file.getvalue()


def main():
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__)
        return 2
    images = idx(8, [2, 3, 4], bytes(24))
    tensors = torch_file.state_dict({"a.weight": ("F32", (2, 2), bytes(16)), "a.count": ("I64", (), bytes(8))})
    warnings.simplefilter("ignore")  # one of the zips contains a name twice, on purpose
    seeds = {
        "safetensors/empty": safetensors({}, b""),
        "safetensors/one": safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
        "safetensors/many": safetensors({"__metadata__": {"format": "pt"},
                                         "b": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [8, 12]},
                                         "z": {"dtype": "U8", "shape": [0], "data_offsets": [8, 8]},
                                         "a": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}}, bytes(12)),
        "torch/state": torch_file.whole(tensors),
        "torch/checkpoint": torch_file.whole({"state_dict": tensors, "epoch": 3, "best": 0.5}),
        "torch/pickle": torch_file.pickled(tensors),
        "darknet/conv": b"[net]\nwidth=8\nheight=8\nchannels=1\n[convolutional]\nbatch_normalize=1\nfilters=6\nsize=1\n"
                        b"activation=leaky\n[yolo]\nmask=0\nanchors=1,2\nclasses=1\n\0" + bytes([0, 0, 0, 0, 2]) + bytes(135),
        "darknet/route": b"[net]\nwidth=8\nheight=8\n[maxpool]\nsize=2\nstride=2\n[upsample]\n[route]\nlayers=-1,0\n"
                         b"[shortcut]\nfrom=-1\n[avgpool]\n[softmax]\n",
        "npy/f32": npy("<f4", False, "(2, 3)", bytes(24)),
        "npy/u8": npy("|u1", True, "(3,)", bytes(3), (2, 0)),
        "npy/scalar": npy("<i8", False, "()", bytes(8), (3, 0)),
        "npy/empty": npy("<f2", True, "(0, 4)", b""),
        "npy/fortran": npy("|b1", True, "(2, 2)", bytes(4)),
        "npy/swapped": npy(">f8", False, "(1,)", bytes(8)),
        "idx/images": images,
        "idx/labels": idx(8, [3], bytes(3)),
        "idx/zipped": gzip.compress(images, mtime=0),
        "sources/zip": b"\0" + archive(zipfile.ZIP_STORED),
        "sources/deflated": b"\0" + archive(zipfile.ZIP_DEFLATED),
        "sources/tar": b"\1" + tape(""),
        "sources/tar.gz": b"\1" + tape("gz"),
        "sources/csv": b'\2path,label,split\n1.bmp,"a ""b""",train\r\n1.bmp,c,test\n',
        "sources/tags": b"\2file;tags\n1.bmp;a|b\n1.bmp;\n",
        "sources/values": b"\2file\ta\tb\n1.bmp\t1e3\t-2.5\n",
        "sources/coco": b'\3{"images": [{"id": 1, "file_name": "1.bmp", "width": 1, "height": 1}], "annotations": [{"id": 1, '
                        b'"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1]}], "categories": [{"id": 2, "name": "a"}]}',
        "sources/yaml": b"\4path: .\ntrain: images\nval: images # x\nnames:\n  0: a\n  1: 'b'\n",
        "sources/flow": b"\4train: ../images\nnames: [a, 'b, c']\n",
        "sources/yolo": b"\0050 0.5 0.5 1 1\n1 0 0 1 0 1 1\n",
        "sources/voc": b"\6<annotation><size><width>1</width><height>1</height></size><object><name>a</name><bndbox>"
                       b"<xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object></annotation>",
        "sources/mask": b"\7" + b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 4, 3, 0, 0, 0)) +
                        chunk(b"PLTE", bytes(9)) + chunk(b"IDAT", zlib.compress(b"\0\x20")) + chunk(b"IEND", b""),
        "request/own": b"/api/predict\nmodel=best&top=%35\n127.0.0.1:8080\nhttp://127.0.0.1:8080\nsame-origin\n",
        "request/foreign": b"/api/models\n\nevil.example\nnull\ncross-site\n0123456789abcdef0123456789abcdef",
        **requests(),
        "onnx/gemm": model(),
        "onnx/old": model(7),
        "run/gemm": model(),
        "run/old": model(7),
        "run/far_box": far_box(),
    }
    for name, content in seeds.items():
        path = os.path.join(sys.argv[1], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    here = os.path.dirname(os.path.abspath(__file__))
    shared = os.environ.get("FOVEA_SHARED", os.path.join(here, "../../../shared"))
    models = os.path.join(shared, "onnx-conformance/*/*/model.onnx")
    for target in "onnx", "run":
        copy_all(models, os.path.join(sys.argv[1], target), 4096)
    for path in glob.glob(models):
        content = with_constants(path) if os.path.getsize(path) <= 4096 else None
        if content is not None:
            with open(os.path.join(sys.argv[1], "run", os.path.basename(os.path.dirname(path)) + "_constants"), "wb") as file:
                file.write(content)
    pictures = os.path.join(sys.argv[1], "image")
    os.makedirs(pictures, exist_ok=True)
    copy_all(os.path.join(here, "../data/pictures/*"), pictures, 4096)
    return 0


if __name__ == "__main__":
    sys.exit(main())
