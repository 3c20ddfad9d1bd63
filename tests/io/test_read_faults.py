#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files that fail or change while they are read (RELIABILITY 3.0): for every reader of the command, each of the first reads of
the file is made to fail with EIO, to be interrupted, to come short, to find the file cut off or written to. Interrupted and
short reads change nothing; the others end with exit code 4 and one sentence, never with a signal. A shim that is loaded before
the C library does it, compiled here; without a C compiler, or under a sanitizer, the test is skipped.
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import files  # noqa: E402
from calls import FOVEA  # noqa: E402

IO = 4
READS = 12  # faults are tried in the first READS reads of a file, or in all if a reader makes fewer

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int count;

/* 0: go on; 1: errno is set; 2: one byte less */
static int fault(int file, size_t bytes)
{
    const char *path = getenv("FAULT_FILE"), *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT");
    char link[64], name[PATH_MAX];
    if (!path || !kind || !at)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0 || (name[length] = 0, strcmp(name, path)) || count++ != atoi(at))
        return 0;
    FILE *told = fopen(getenv("FAULT_TOLD"), "w"); /* the test learns that it happened */
    if (told)
        fclose(told);
    if (!strcmp(kind, "eio"))
        return errno = EIO, 1;
    if (!strcmp(kind, "eintr"))
        return errno = EINTR, 1;
    if (!strcmp(kind, "short"))
        return bytes > 1 ? 2 : 0;
    if (!strcmp(kind, "cut") && truncate(path, 64))
        abort();
    if (!strcmp(kind, "write")) {
        int other = open(path, O_WRONLY);
        if (other < 0 || pwrite(other, "x", 1, 40) != 1)
            abort();
        close(other);
    }
    return 0;
}

ssize_t read(int file, void *bytes, size_t size)
{
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    int how = fault(file, size);
    return how == 1 ? -1 : real(file, bytes, how == 2 ? size / 2 : size);
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, "pread");
    int how = fault(file, size);
    return how == 1 ? -1 : real(file, bytes, how == 2 ? size / 2 : size, offset);
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t offset)
{
    return pread(file, bytes, size, (off_t)offset);
}
"""


def shell(*words, **more):
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=120, **more)


def make_digits(folder, name, images):
    """MNIST's format, 28 x 28 pixels."""
    with open(os.path.join(folder, f"{name}-images-idx3-ubyte"), "wb") as file:
        file.write(struct.pack(">IIII", 0x803, images, 28, 28) + bytes(i % 251 for i in range(images * 784)))
    with open(os.path.join(folder, f"{name}-labels-idx1-ubyte"), "wb") as file:
        file.write(struct.pack(">II", 0x801, images) + bytes(i % 10 for i in range(images)))


def png(folder):
    path = os.path.join(folder, "digit.png")
    files.write_even(path, 28, 28, 0)
    return path



def prepare(folder):
    """What is read, and the command that reads it: (name, file, words)."""
    small, large = os.path.join(folder, "small.onnx"), os.path.join(folder, "large.onnx")
    weights, data = os.path.join(folder, "large.safetensors"), os.path.join(folder, "digits")
    for words in (("new", "lenet5", "-o", small), ("new", "mlp", "-o", large), ("convert", large, weights)):
        done = shell(FOVEA, *words)
        assert done.returncode == 0, done.stderr.decode()
    os.mkdir(data)
    for name in "train", "t10k":
        make_digits(data, name, 40)
    picture = png(folder)
    assert os.path.getsize(small) < 1 << 20 < os.path.getsize(large), "a file below the limit of what is read at once, one above"
    return [
        ("a small model", small, ("inspect", small)),
        ("a large model", large, ("inspect", large, "--hash")),
        ("a large model that runs", large, ("predict", large, picture)),
        ("weights", weights, ("convert", weights, os.path.join(folder, "again.onnx"), "--model", "mlp")),
        ("pictures", os.path.join(data, "t10k-images-idx3-ubyte"), ("eval", small, "--data", data)),
        ("labels", os.path.join(data, "t10k-labels-idx1-ubyte"), ("eval", small, "--data", data)),
        ("a picture", picture, ("predict", small, picture)),
    ]


def judge(kind, expected, done, happened):
    text = done.stderr.decode(errors="replace")
    if not happened:
        return None if done.returncode == 0 else "exit code %d without a fault: %s" % (done.returncode, text[-300:])
    if kind in ("eintr", "short"):
        if done.returncode != 0 or done.stdout != expected:
            return "exit code %d, another output: %s" % (done.returncode, text[-300:])
        return None
    if done.returncode == 0 and kind in ("cut", "write"):
        # The change came after the last read: the output must be that of the unchanged file.
        return None if done.stdout == expected else "other results from a file that changed"
    lines = text.splitlines()
    if done.returncode != IO or len(lines) != 1 or not lines[0].startswith("fovea "):
        return "exit code %d: %s" % (done.returncode, text[-400:])
    wanted = {"eio": ("Input/output error",), "cut": ("changed",), "write": ("changed",)}[kind]
    return None if any(word in text for word in wanted) else "no word of why: %s" % text[-300:]


def main():
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not os.path.exists(FOVEA):
        print("skipped: no C compiler, or no command at %s" % FOVEA)
        return 77
    if b"__asan_init" in open(FOVEA, "rb").read() or b"__tsan_init" in open(FOVEA, "rb").read():
        print("skipped: a sanitizer wants to be loaded before the shim")
        return 77
    failed = passed = faults = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        shim, told, kept = (os.path.join(folder, name) for name in ("shim.so", "told", "kept"))
        with open(os.path.join(folder, "shim.c"), "w") as file:
            file.write(SHIM)
        made = shell(compiler, "-shared", "-fPIC", "-O1", "-o", shim, os.path.join(folder, "shim.c"), "-ldl")
        if made.returncode != 0:
            print("skipped: the shim does not compile: %s" % made.stderr.decode()[:300])
            return 77
        for name, path, words in prepare(folder):
            expected = shell(FOVEA, *words)
            assert expected.returncode == 0, expected.stderr.decode()
            shutil.copy2(path, kept)
            for kind in "eio", "eintr", "short", "cut", "write":
                for at in range(READS):
                    environment = dict(os.environ, LD_PRELOAD=shim, FAULT_FILE=path, FAULT_KIND=kind, FAULT_AT=str(at),
                                       FAULT_TOLD=told)
                    done = shell(FOVEA, *words, env=environment)
                    happened = os.path.exists(told)
                    problem = judge(kind, expected.stdout, done, happened)
                    passed, failed, faults = passed + (not problem), failed + bool(problem), faults + happened
                    if problem:
                        print("%s, %s at read %d: %s" % (name, kind, at, problem))
                    shutil.copy2(kept, path)
                    if not happened:
                        break
                    os.remove(told)
    print("%d passed, %d failed (%d faults)" % (passed, failed, faults))
    return 1 if failed or faults == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
