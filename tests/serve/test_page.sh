#!/bin/sh
# SPDX-License-Identifier: MIT
# The page of fovea serve in a real browser (page.mjs). Skipped by name where node, chromium, or the npm packages
# playwright-core and axe-core are not there; FOVEA_NODE_MODULES is a folder with both, by default build/node or tests/serve.
set -eu
here=$(dirname "$0")
skip() { echo "skipped: $1"; exit 77; }
command -v node >/dev/null 2>&1 || skip "there is no node"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "there is no chromium"
modules=
for folder in "${FOVEA_NODE_MODULES:-}" "$PWD/build/node" "$PWD/$here"; do
    [ -n "$folder" ] && [ -d "$folder/node_modules/playwright-core" ] && [ -d "$folder/node_modules/axe-core" ] && modules=$folder && break
done
[ -n "$modules" ] || skip "npm's playwright-core and axe-core are not there (./dev test fetches them)"
fovea=${FOVEA_BINARY:-build/release/fovea}
"$fovea" serve --listen nowhere 2>&1 | grep -q "no server" && skip "built without libevent"
folder=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill -TERM "$server" 2>/dev/null; rm -rf "$folder"' EXIT
"$fovea" train --model lenet5 --data digits:300 --epochs 1 --out "$folder/runs/first" --quiet >/dev/null
"$fovea" new squeezenet1_1 --classes 4 --input 3x64x64 --out "$folder/net.onnx" --quiet
"$fovea" data export digits:20 "$folder/digits" --count 1 --quiet >/dev/null
picture=$(find "$folder/digits" -name '*.png' | head -n 1)
"$fovea" serve "$folder/runs/first/best.onnx" --runs "$folder/runs" --backbone "$folder/net.onnx" --port 0 --json --quiet >"$folder/url" &
server=$!
url= # nothing here is timed: a busy machine is slow, and a server that cannot start ends
while [ -z "$url" ] && kill -0 "$server" 2>/dev/null; do
    url=$(sed -n 's/.*"url": "\([^"]*\)".*/\1/p' "$folder/url")
    [ -n "$url" ] || sleep 0.25
done
[ -n "$url" ] || { echo "the server printed no URL"; exit 1; }
node "$here/page.mjs" "$url" "$modules" "$chromium" "$picture" ${FOVEA_SCREENSHOTS:+"$FOVEA_SCREENSHOTS"}
kill -TERM "$server"
wait "$server"
server=
