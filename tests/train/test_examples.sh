#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples run as they stand: a neuron, XOR, and LeNet-5 on a few drawn digits, from building to predicting.
set -e
if [ -z "$FOVEA_EXAMPLES" ] || ! [ -x "$FOVEA_EXAMPLES/lenet" ]; then
    echo "the examples are not built"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$FOVEA_EXAMPLES/neuron" > neuron.txt
[ "$(grep -c -- '-> 1' neuron.txt)" = 5 ] # AND once, OR three times, NOT once
grep -q 'AND  1 1 -> 1' neuron.txt

"$FOVEA_EXAMPLES/xor" > xor.txt
grep -q '^0 xor 1 = 0\.9' xor.txt
grep -q '^1 xor 1 = 0\.0' xor.txt

"$FOVEA_EXAMPLES/lenet" digits:1500 2 > lenet.txt
[ "$(grep -c '^epoch' lenet.txt)" = 2 ]
grep -q '^the first test picture is a [0-9]' lenet.txt
[ -s lenet.onnx ]

"$FOVEA_EXAMPLES/own_dataset" > shapes.txt
grep -Eq '^(9[0-9]|100)\.[0-9] % of 500 shapes' shapes.txt

"$FOVEA_EXAMPLES/own_loop" > loop.txt
grep -Eq 'sin\(-pi/2\) = -(0\.9[0-9]|1\.0[0-9]), sin\(0\) = -?0\.0' loop.txt

"$FOVEA_EXAMPLES/own_operator" > operator.txt
grep -q '^x  2  y  0.385' operator.txt

# And what fails says why, with a status that says so.
if "$FOVEA_EXAMPLES/lenet" mnist:/nowhere 1 2> error.txt; then
    echo "lenet did not fail"; exit 1
fi
grep -q '^lenet: ' error.txt
