#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Has the reference checker of ONNX look at model files: structure, opset, and types by shape inference.

It judges files that fovea saves; it runs nothing (run_onnx.mjs does). Needs Debian's python3-onnx, hence
/usr/bin/python3. Prints one JSON line per file; exit 0 when every file passes, 3 when one does not, 2 usage.
"""
import json
import sys

import onnx
import onnx.checker


def describe(value):
    """Name and shape of a graph input or output; a symbolic dimension shows its name."""
    dims = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    return {"name": value.name, "dims": dims}


def check(path):
    model = onnx.load(path)
    onnx.checker.check_model(path, full_check=True)
    # full_check is lenient about shapes; strict mode also fails on a node with contradictory shapes.
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    stored = {tensor.name for tensor in model.graph.initializer}
    return {
        "file": path, "ok": True, "checker": onnx.__version__, "ir_version": model.ir_version,
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "producer": (model.producer_name + " " + model.producer_version).strip(),
        "nodes": len(model.graph.node),
        "inputs": [describe(v) for v in model.graph.input if v.name not in stored],
        "outputs": [describe(v) for v in model.graph.output],
        "metadata": sorted(entry.key for entry in model.metadata_props),
    }


def main():
    if len(sys.argv) < 2:
        sys.stderr.write("usage: check_onnx.py MODEL.onnx...\n")
        return 2
    status = 0
    for path in sys.argv[1:]:
        try:
            print(json.dumps(check(path)))
        except Exception as error:  # whatever the checker throws is its verdict on the file
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(json.dumps({"file": path, "ok": False, "checker": onnx.__version__, "error": first_line}))
            sys.stderr.write("check_onnx: %s: %s\n" % (path, first_line))
            status = 3
    return status


if __name__ == "__main__":
    sys.exit(main())
