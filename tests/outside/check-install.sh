#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the build into an empty prefix and uses it from another project, by find_package and by pkg-config.
# Usage: check-install.sh BUILD CC, from the source root.
set -eu
build=${1:?build folder}
cc=${2:?compiler}
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT INT TERM

cmake --install "$build" --prefix "$prefix/usr" >"$prefix/install.log" || { cat "$prefix/install.log"; exit 1; }

# The folder is moved as a whole: no file in it may contain the prefix.
mkdir "$prefix/elsewhere"
mv "$prefix/usr" "$prefix/elsewhere/fovea"
installed=$prefix/elsewhere/fovea
for file in bin/fovea share/man/man1/fovea.1 share/man/man1/fovea-train.1 share/bash-completion/completions/fovea \
    share/zsh/site-functions/_fovea share/fish/vendor_completions.d/fovea.fish share/doc/fovea/LICENSE include/fovea/version.h; do
    test -s "$installed/$file" || { echo "$file is not installed"; exit 1; }
done
# Below lib, lib64, or lib/x86_64-linux-gnu.
for folder in cmake pkgconfig; do
    test -n "$(find "$installed" -name "$folder" -type d)" || { echo "no folder $folder is installed"; exit 1; }
done
if find "$installed" \( -path '*/cmake/*' -o -path '*/pkgconfig/*' \) -type f -exec grep -lF "$prefix/usr" {} + | grep .; then
    echo "these files know the prefix that they were installed to"
    exit 1
fi
"$installed/bin/fovea" --version >/dev/null

echo "find_package:"
cmake -S "$here" -B "$prefix/build" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$installed" \
    >"$prefix/cmake.log" 2>&1 || { cat "$prefix/cmake.log"; exit 1; }
cmake --build "$prefix/build" >"$prefix/cmake.log" 2>&1 || { cat "$prefix/cmake.log"; exit 1; }
"$prefix/build/outside"

echo "pkg-config:"
# The .pc file finds the library relative to its own place.
PKG_CONFIG_PATH=$(dirname "$(find "$installed" -name fovea.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # flags are words
"$cc" -std=c11 $(pkg-config --cflags fovea) "$here/main.c" -o "$prefix/outside" \
    $(pkg-config --libs fovea)
libraries=$(dirname "$(find "$installed" -name 'libfovea*' -print -quit)")
LD_LIBRARY_PATH=$libraries "$prefix/outside"
