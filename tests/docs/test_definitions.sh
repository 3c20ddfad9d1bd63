#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/operators/ equals what tools/operators-page writes; it is not edited by hand. Two drawings that have the same
# bits on every machine are drawn again and compared.
[ -n "${FOVEA_BINARY:-}" ] || { echo "skipped: no command was built"; exit 77; }
page=$(mktemp) || exit 1
trap 'rm -f "$page"' EXIT
failed=0
tools/operators-page "$FOVEA_BINARY" || failed=1
for name in relu max_pool; do
    if ! "$FOVEA_BINARY" ops $name -o "$page" || ! diff -u "docs/operators/$name.svg" "$page"; then
        echo "docs/operators/$name.svg is not up to date: tools/operators-page $FOVEA_BINARY --write"
        failed=1
    fi
done
if "$FOVEA_BINARY" ops add -o "$page" 2>/dev/null || "$FOVEA_BINARY" ops -o "$page" 2>/dev/null; then
    echo "an operator of two tensors, or none at all, was drawn"
    failed=1
fi
echo "$((1 - failed)) passed, $failed failed"
exit $failed
