#!/bin/sh
# SPDX-License-Identifier: MIT
# fovea train under mpirun: any number of ranks writes the same weights, too many ranks are refused with a sentence, and
# a run can be resumed after one of its ranks was killed. Skipped if the build has no MPI or mpirun is missing.
set -eu
if ! command -v mpirun >/dev/null || ! [ -e "$(dirname "$FOVEA_BINARY")/fovea_mpi.so" ]; then
    echo "no MPI: skipped"
    exit 77
fi
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

[ -e /rates.csv ] && was_there=yes || was_there=
train 2 rates --find-lr
grep -q "^lr,loss,smooth" "$folder/rates/rates.csv"
if [ -z "$was_there" ] && [ -e /rates.csv ]; then
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
run=$!
while [ "$(grep -c . "$folder/killed/history.csv" 2>/dev/null || echo 0)" -le 2 ] && kill -0 "$run" 2>/dev/null; do
    sleep 0.1
done
kill -9 "$(pgrep -n -f -- "--out $folder/killed ")"
wait "$run" && { echo "a run without one of its ranks went on"; exit 1; }
"$FOVEA_BINARY" inspect "$folder/killed/last.onnx" >/dev/null
before=$(wc -l <"$folder/killed/history.csv")
"$FOVEA_BINARY" train --resume "$folder/killed" --epochs 150 --threads 1 --quiet
[ "$(wc -l <"$folder/killed/history.csv")" -eq 151 ] && [ "$before" -lt 151 ]
echo "ranks: all passed"
