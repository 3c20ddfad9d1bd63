#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/operators.md is what `fovea ops --markdown` writes, docs/operators/ what tools/operators-page writes: nobody edits
# them by hand.
[ -n "${FOVEA_BINARY:-}" ] || { echo "skipped: no command was built"; exit 77; }
page=$(mktemp) || exit 1
trap 'rm -f "$page"' EXIT
"$FOVEA_BINARY" ops --markdown >"$page" || exit 1
if ! diff -u docs/operators.md "$page"; then
    echo "docs/operators.md is not up to date: $FOVEA_BINARY ops --markdown >docs/operators.md"
    echo "0 passed, 1 failed"
    exit 1
fi
if ! tools/operators-page "$FOVEA_BINARY"; then
    echo "1 passed, 1 failed"
    exit 1
fi
for name in relu max_pool; do # exact on every machine
    "$FOVEA_BINARY" ops $name -o "$page" && diff -u "docs/operators/$name.svg" "$page" || {
        echo "docs/operators/$name.svg is not up to date: tools/operators-page $FOVEA_BINARY --write"
        echo "2 passed, 1 failed"
        exit 1
    }
done
if "$FOVEA_BINARY" ops add -o "$page" 2>/dev/null || "$FOVEA_BINARY" ops -o "$page" 2>/dev/null; then
    echo "an operator of two tensors, or none at all, was drawn"
    echo "3 passed, 1 failed"
    exit 1
fi
echo "4 passed, 0 failed"
