#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""OpenCV's dnn module as a peer: inference only. usage: opencv.py THREADS; read worker.py for what it is told."""
import os
import sys

import cv2

import worker


class OpenCV:
    def __init__(self, threads):
        cv2.setNumThreads(threads)
        self.network = self.input = self.result = None

    def open(self, request):
        self.input = worker.read_input(request)
        try:
            self.network = cv2.dnn.readNetFromONNX(request["model"])
        except cv2.error: # version 4.6 refuses Clip with bounds as inputs, for example; old.onnx has opset 9
            self.network = cv2.dnn.readNetFromONNX(os.path.join(os.path.dirname(request["model"]), "old.onnx"))

    def step(self):
        self.network.setInput(self.input)
        self.result = self.network.forward()

    def output(self):
        return self.result

    def about(self):
        wanted = ("Parallel framework", "Baseline", "Dispatched code generation", "Intel IPP", "Lapack")
        build = [line.strip() for line in cv2.getBuildInformation().splitlines() if line.strip().startswith(wanted)]
        return {"version": cv2.__version__, "build": "; ".join(" ".join(line.split()) for line in build),
                "threads": cv2.getNumThreads()}


if __name__ == "__main__":
    worker.serve(OpenCV(int(sys.argv[1])))
