#!/bin/sh
# SPDX-License-Identifier: MIT
# Times one epoch in PyTorch and in fovea, alternately: runs bench/epoch.py, which describes the options.
# Debian's PyTorch belongs to /usr/bin/python3, whatever python3 comes first in PATH.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
python=${PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "bench/epoch.sh: $python has no torch; on Debian: apt-get install python3-torch libopenblas0-pthread" >&2
    exit 4
fi
exec "$python" "$here/epoch.py" "$@"
