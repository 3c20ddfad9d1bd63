#!/bin/sh
# SPDX-License-Identifier: MIT
# fovea train under mpirun: any number of ranks writes the same weights, too many ranks are refused with a sentence, and
# a run can be resumed after one of its ranks was killed. Skipped if the build has no MPI or mpirun is missing.
set -eu
command -v mpirun >/dev/null && [ -e "$(dirname "$FOVEA_BINARY")/fovea_mpi.so" ] || { echo "no MPI: skipped"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

train() { # RANKS FOLDER [OPTIONS]
    ranks=$1
    out=$2
    shift 2
    mpirun -np "$ranks" "$FOVEA_BINARY" train --model lenet5 --data digits:160 --batch 20 --threads 1 --lr 0.02 \
        --out "$folder/$out" --quiet "$@" 2>"$folder/said"
}

for ranks in 1 2 3; do
    train $ranks run$ranks --epochs 2 --accumulate 4
    cmp "$folder/run1/last.onnx" "$folder/run$ranks/last.onnx"
done

train 2 rates --find-lr
grep -q "^lr,loss,smooth" "$folder/rates/rates.csv"
if [ /rates.csv -nt "$folder/run1/last.onnx" ]; then
    echo "a rank without a folder wrote into /"
    exit 1
fi

if train 3 small --epochs 2 --accumulate 2; then
    echo "three ranks with two batches an update were not refused"
    exit 1
fi
grep -q "3 ranks share the 2 batches of an update" "$folder/said"

# The newest process is the last rank; mpirun ends the others.
train 2 killed --epochs 150 --accumulate 4 &
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sleep 0.5
    [ "$(grep -c . "$folder/killed/history.csv" 2>/dev/null || echo 0)" -gt 2 ] && break
done
pkill -9 -n -f "$folder/killed"
wait $! && { echo "a run without one of its ranks went on"; exit 1; }
"$FOVEA_BINARY" inspect "$folder/killed/last.onnx" >/dev/null
before=$(wc -l <"$folder/killed/history.csv")
"$FOVEA_BINARY" train --resume "$folder/killed" --epochs 150 --threads 1 --quiet
[ "$(wc -l <"$folder/killed/history.csv")" -eq 151 ] && [ "$before" -lt 151 ]
echo "ranks: all passed"
