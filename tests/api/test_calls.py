#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""calls.inc has every public function as its header declares it."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
if subprocess.run([sys.executable, os.path.join(HERE, "make_calls.py"), "--check"], check=False).returncode != 0:
    print("tests/api/calls.inc is not what the headers say: run tests/api/make_calls.py")
    sys.exit(1)
