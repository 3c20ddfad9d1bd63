#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header must compile alone, as C11 and as C++17, since users may include any of them first.
# Usage: check-headers.sh CC [CXX], from the source root.
set -u
cc=${1:?compiler}
cxx=${2:-}
failed=0
for header in include/fovea/*.h; do
    name=fovea/$(basename "$header")
    if ! printf '#include <%s>\n#include <%s>\nint fovea_alone;\n' "$name" "$name" |
        "$cc" -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude -fsyntax-only -x c -; then
        echo "$name does not compile alone as C11"
        failed=1
    fi
    case $cxx in
    '' | *NOTFOUND) echo "$name not tried as C++: no C++ compiler" ;;
    *)
        if ! printf '#include <%s>\nint fovea_alone;\n' "$name" |
            "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ -; then
            echo "$name does not compile alone as C++17"
            failed=1
        fi
        ;;
    esac
done
exit $failed
