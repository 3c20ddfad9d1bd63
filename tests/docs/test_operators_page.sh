#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/operators.md equals what `fovea ops --markdown` writes; it is not edited by hand.
[ -n "${FOVEA_BINARY:-}" ] || { echo "skipped: no command was built"; exit 77; }
page=$(mktemp) || exit 1
trap 'rm -f "$page"' EXIT
"$FOVEA_BINARY" ops --markdown >"$page" || exit 1
if ! diff -u docs/operators.md "$page"; then
    echo "docs/operators.md is not up to date: $FOVEA_BINARY ops --markdown >docs/operators.md"
    echo "0 passed, 1 failed"
    exit 1
fi
echo "1 passed, 0 failed"
