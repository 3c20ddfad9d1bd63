#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the readers, the running of models, and the server: ./dev fuzz [TARGET [AMOUNT]].
#
# TARGET is one of tests/fuzz/fuzz_TARGET.c, or "all" (the default). AMOUNT is a number of executions ("1000000") or of
# seconds ("60s", the default), for each target. All files lie in build/fuzz: the programs, built with clang's fuzzer,
# AddressSanitizer and UndefinedBehaviorSanitizer; corpus/TARGET, which grows from run to run; and findings/TARGET. A
# finding is replayed with build/fuzz/fuzz/fuzz_TARGET FILE. Exit status 1: there is a finding.
set -eu
cd "$(dirname "$0")/../.."
target=${1:-all}
amount=${2:-60s}
build=build/fuzz
jobs=${FOVEA_JOBS:-$(nproc 2>/dev/null || echo 2)}

case $amount in
*s) limit=-max_total_time=${amount%s} ;;
*) limit=-runs=$amount ;;
esac
case ${limit#*=} in
'' | *[!0-9]*)
    echo "fuzz: \"$amount\" is neither a number of executions nor of seconds (60s)" >&2
    exit 2
    ;;
esac
if [ "$target" = all ]; then
    targets=
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        targets="$targets ${name%.c}"
    done
elif [ -f "tests/fuzz/fuzz_$target.c" ]; then
    targets=$target
else
    echo "fuzz: no target \"$target\": there is no tests/fuzz/fuzz_$target.c" >&2
    exit 2
fi
command -v clang >/dev/null || { echo "fuzz: clang is missing" >&2; exit 2; }

mkdir -p "$build"
CC=clang cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DFOVEA_FUZZ=ON -DFOVEA_TESTS=OFF \
    -DFOVEA_EXAMPLES=OFF -DFOVEA_SANITIZE=address,undefined >"$build/configure.log" 2>&1 ||
    { cat "$build/configure.log" >&2; exit 1; }
# shellcheck disable=SC2046  # words
ninja -C "$build" -j "$jobs" --quiet $(for name in $targets; do echo "fuzz_$name"; done)
python3 tests/fuzz/make_seeds.py "$build/seeds"
python3 tests/fuzz/make_nasty.py "$build/seeds/run" "$build/seeds/nasty" 10

status=0
for name in $targets; do
    corpus=$build/corpus/$name
    findings=$build/findings/$name
    mkdir -p "$corpus" "$findings"
    seeds=$build/seeds/$name
    # Server threads allocate at any time, which looks like a leak after a run: leaks are looked for at the end only.
    leaks=
    [ "$name" = serve ] && leaks=-detect_leaks=0
    mkdir -p "$seeds"
    [ "$name" = run ] && seeds="$seeds $build/seeds/nasty"
    printf '\n== fuzz %s\n' "$name"
    # shellcheck disable=SC2086  # words
    # An execution of more than 10 s, or one that allocates more than 512 MiB at once, is a finding, too.
    ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 \
        LSAN_OPTIONS=suppressions=tests/leaks.supp:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1 \
        "$build/fuzz/fuzz_$name" "$limit" -max_len=16384 -timeout=10 -malloc_limit_mb=512 -rss_limit_mb=4096 \
        -print_final_stats=1 $leaks -artifact_prefix="$findings/" "$corpus" $seeds >"$build/$name.log" 2>&1 || {
        status=1
        grep -E -A30 'ERROR|runtime error' "$build/$name.log" | head -n 60 || tail -n 60 "$build/$name.log"
    }
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|new_units_added|peak_rss_mb)' "$build/$name.log" || true
done
exit "$status"
