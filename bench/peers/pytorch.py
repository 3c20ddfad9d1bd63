#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""PyTorch as a peer, inference and training. usage: pytorch.py THREADS FORM; read worker.py for what it is told.

FORM: plain; channels-last; or, for inference, frozen: traced and optimised for inference (torch.jit), as one would
deploy it.
"""
import ctypes
import os
import sys
import time

threads, form = int(sys.argv[1]), sys.argv[2]
# OpenMP and OpenBLAS read these when they are loaded: set them before importing torch.
os.environ["OMP_NUM_THREADS"] = str(threads)
os.environ["OPENBLAS_NUM_THREADS"] = str(threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402

import worker  # noqa: E402


def blas_libraries():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sorted({line.split()[-1] for line in maps
                       if "/" in line and ("blas" in line.rsplit("/", 1)[-1] or "mkl_rt" in line)})


def open_blas():
    for path in blas_libraries():
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_set_num_threads"):
            return library
    return None


class PyTorch:
    def __init__(self):
        torch.set_num_threads(threads)
        self.network = self.input = self.labels = self.optimizer = self.result = self.blas_threads = None

    def open(self, request):
        self.network = torch.load(request["model"])
        self.input = torch.from_numpy(worker.read_input(request))
        if form == "channels-last":
            self.network = self.network.to(memory_format=torch.channels_last)
            self.input = self.input.contiguous(memory_format=torch.channels_last)
        if request["training"]:
            self.network.train()
            self.optimizer = torch.optim.SGD(self.network.parameters(), lr=1e-4, momentum=0.9)
            self.labels = torch.from_numpy(np.fromfile(request["labels"], np.int64).reshape(request["label_shape"]))
        else:
            self.network.eval()
            if form == "frozen":
                with torch.no_grad():
                    self.network = torch.jit.optimize_for_inference(torch.jit.trace(self.network, self.input))
                    self.network(self.input) # the first run of a frozen network compiles it

    def step(self):
        if self.optimizer is None:
            with torch.inference_mode():
                self.result = self.network(self.input)
            return
        self.optimizer.zero_grad(set_to_none=True)
        self.result = torch.nn.functional.cross_entropy(self.network(self.input), self.labels)
        self.result.backward()
        self.optimizer.step()

    def choose_blas(self):
        """OpenBLAS has threads of its own, which get into the way of OpenMP's: the faster number of them is taken."""
        library = open_blas()
        begun = time.perf_counter()
        self.step()
        if library is None or threads == 1 or time.perf_counter() - begun > 1:
            return # a step over a second spends its time in convolutions, not in BLAS
        taken = {}
        for count in (threads, 1):
            library.openblas_set_num_threads(count)
            self.step()
            begun = time.perf_counter()
            self.step()
            taken[count] = time.perf_counter() - begun
        self.blas_threads = min(taken, key=taken.get)
        library.openblas_set_num_threads(self.blas_threads)

    def output(self):
        return self.result.detach().numpy()

    def about(self):
        library, config = open_blas(), None
        if library is not None:
            library.openblas_get_config.restype = ctypes.c_char_p
            config = library.openblas_get_config().decode()
        return {"version": torch.__version__, "build": " ".join(torch.__config__.show().split()), "openblas": config,
                "blas": blas_libraries(), "blas_threads": self.blas_threads, "threads": torch.get_num_threads(),
                "onednn": torch.backends.mkldnn.is_available()}


if __name__ == "__main__":
    worker.serve(PyTorch())
