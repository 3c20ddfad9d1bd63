#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a fuzz harness on its seeds and, for models, on one in fifty of make_nasty.py's. Usage: replay.sh PROGRAM TARGET
set -eu
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tmp"
export TMPDIR="$folder/tmp" # where harnesses leave their files
python3 "$here/make_seeds.py" "$folder"
set -- "$1" "$folder/$2"
case $2 in
*/run | */onnx)
    python3 "$here/make_nasty.py" "$2" "$folder/nasty" 50
    set -- "$1" "$2" "$folder/nasty"
    ;;
esac
"$@" 2>"$folder/log" || {
    status=$?
    tail -n 40 "$folder/log"
    exit "$status"
}
