#!/bin/sh
# SPDX-License-Identifier: MIT
# ONNX Runtime and the checker of ONNX judge files that fovea writes: every ninth conformance case (all of them take
# minutes, see README.md) in two opsets, and a network. Skipped if python3-onnx, tests/runtime/node_modules or the cases
# are missing.
set -u
here=$(dirname "$0")
fovea=${FOVEA_BINARY:-build/release/fovea}
if ! [ -x /usr/bin/python3 ] || ! [ -x "$fovea" ]; then
    echo "skipped: no /usr/bin/python3, or no command at $fovea"
    exit 77
fi
command -v node >/dev/null || { echo "skipped: node is missing"; exit 77; }
/usr/bin/python3 "$here/judge.py" "$fovea" networks lenet5 --opset 13 --opset 22
code=$?
[ $code -eq 0 ] || exit $code
cases=${FOVEA_SHARED:-../shared}/onnx-conformance
[ -d "$cases" ] || { echo "skipped: no $cases"; exit 77; }
/usr/bin/python3 "$here/judge.py" "$fovea" cases "$cases" --every 9 --opset 13 --opset 17
