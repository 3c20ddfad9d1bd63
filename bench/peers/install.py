# SPDX-License-Identifier: MIT
"""Brings the peers that this system can have: Debian's PyTorch, OpenCV and OpenBLAS through apt-get, ONNX Runtime
through npm into the cache. What cannot be installed is said, and the comparison goes on without it."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# The Python that Debian's packages are installed for, even where another one comes first in PATH.
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
PACKAGES = {"torch": ["python3-torch", "libopenblas0-pthread"], "torchvision": ["python3-torchvision"],
            "cv2": ["python3-opencv"]}


def has_module(name):
    return subprocess.run([PYTHON, "-c", "import " + name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def install_packages(say):
    missing = [package for module, packages in PACKAGES.items() if not has_module(module) for package in packages]
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing += ["nodejs", "npm"]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends"] + missing
    if os.geteuid() != 0:
        command = ["sudo", "-n"] + command
    if shutil.which("apt-get") is None:
        say("without apt-get these are not installed: " + " ".join(missing))
        return
    say("installing " + " ".join(missing))
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment, "check": False}
    if subprocess.run(command, **quiet).returncode != 0:
        subprocess.run(command[:command.index("apt-get") + 1] + ["update"], **quiet)
        if subprocess.run(command, **quiet).returncode != 0:
            say("this failed, so some peers are missing: " + " ".join(command))


def install_onnxruntime(folder, say):
    """node_modules in a folder of the cache, exactly as package-lock.json says."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(HERE, "package.json"), encoding="utf-8") as file:
        wanted = json.load(file)["dependencies"]["onnxruntime-node"]
    try:
        with open(os.path.join(folder, "node_modules", "onnxruntime-node", "package.json"), encoding="utf-8") as file:
            if json.load(file)["version"] == wanted:
                return
    except (OSError, ValueError):
        pass
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), folder)
    say("installing onnxruntime-node " + wanted)
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            say("npm ci failed, so ONNX Runtime is missing: " + (done.stderr.strip().splitlines() or ["?"])[-1])
    except OSError as problem:
        say("no npm, so ONNX Runtime is missing: %s" % problem)


def install(cache, say=lambda line: sys.stderr.write("bench/peers: %s\n" % line)):
    install_packages(say)
    install_onnxruntime(os.path.join(cache, "node"), say)
