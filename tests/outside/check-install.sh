#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the build into an empty prefix and uses it from outside, both ways people do: find_package and pkg-config.
# Usage: check-install.sh BUILD CC, from the source root.
set -eu
build=${1:?build folder}
cc=${2:?compiler}
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT INT TERM

cmake --install "$build" --prefix "$prefix/usr" >"$prefix/install.log" || { cat "$prefix/install.log"; exit 1; }

echo "find_package:"
cmake -S "$here" -B "$prefix/build" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix/usr" \
    >"$prefix/cmake.log" 2>&1 || { cat "$prefix/cmake.log"; exit 1; }
cmake --build "$prefix/build" >"$prefix/cmake.log" 2>&1 || { cat "$prefix/cmake.log"; exit 1; }
"$prefix/build/outside"

echo "pkg-config:"
# The installed prefix is found by the place of the .pc file, wherever it was meant to go.
PKG_CONFIG_PATH=$(dirname "$(find "$prefix/usr" -name fovea.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # flags are words
"$cc" -std=c11 $(pkg-config --define-prefix --cflags fovea) "$here/main.c" -o "$prefix/outside" \
    $(pkg-config --define-prefix --libs fovea)
libraries=$(dirname "$(find "$prefix/usr" -name 'libfovea*' -print -quit)")
LD_LIBRARY_PATH=$libraries "$prefix/outside"
