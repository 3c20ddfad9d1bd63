#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a machine may lack (RELIABILITY 3.8): address space, files, stack, processors, room on the disk. A run gets
through, or ends with a sentence and the exit code for it; never by a signal.

Run one case:  FOVEA_BINARY=build/release/fovea tests/cli/test_limits.py stack
"""
import os
import resource
import sys

import command
from command import IO, MEMORY, OK, Skip, environment, expect_failure, fovea

RUN = ("train", "--data", "digits:40", "--model", "course-cnn", "--epochs", 1, "--augment", "elastic, mosaic, cutmix",
       "--overwrite", "--out", "limited")
INSTRUMENTED = any(word in open(command.FOVEA, "rb").read() for word in (b"__asan_init", b"__tsan_init"))


def limited(*limits):
    def prepare():
        for limit, value in limits:
            resource.setrlimit(limit, (value, value))
    return prepare


def test_address_space():
    if INSTRUMENTED:
        raise Skip("a sanitizer's shadow takes all of it")
    worst = {fovea(*RUN, preexec_fn=limited((resource.RLIMIT_AS, mib << 20))).code for mib in (36, 48, 64, 400)}
    assert worst <= {OK, MEMORY} and OK in worst, worst


def test_stack_of_256_KiB():
    if INSTRUMENTED:
        raise Skip("a sanitizer's frames are larger")
    assert fovea(*RUN, "--loader-threads", 2, preexec_fn=limited((resource.RLIMIT_STACK, 256 << 10))).code == OK


def test_few_files():
    assert fovea(*RUN, preexec_fn=limited((resource.RLIMIT_NOFILE, 8))).code == OK
    expect_failure(fovea(*RUN, preexec_fn=limited((resource.RLIMIT_NOFILE, 4))), IO, "Too many open files")


def test_small_files():
    expect_failure(fovea(*RUN, preexec_fn=limited((resource.RLIMIT_FSIZE, 30000))), IO, "File too large")


def test_one_processor_and_patience():
    def prepare():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.nice(19)
    assert fovea(*RUN, preexec_fn=prepare).code == OK


def test_folder_without_rights():
    if os.geteuid() == 0:
        raise Skip("nobody refuses root")
    os.mkdir("closed", 0o555)
    expect_failure(fovea(*RUN[:-1], os.path.abspath("closed/run"), env=environment()), IO, "Permission denied")


if __name__ == "__main__":
    sys.exit(command.main(globals()))
