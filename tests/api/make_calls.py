#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a call of every function of include/fovea with NULL for every pointer, and one with handles that are good and
NULL for the rest, which test_null.c makes. The build runs it.

    python3 tests/api/make_calls.py OUT/calls.inc
"""
import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Handles that test_null.c creates; other pointers are NULL in the second call, too.
GOOD = ["fov_context", "fov_graph", "fov_model", "fov_dataset", "fov_plan", "fov_session", "fov_explainer", "fov_training",
        "fov_hopfield", "fov_boltzmann", "fov_rbm"]
# Type words, which are not the name of a parameter.
TYPES = {"int", "float", "double", "char", "bool", "void", "size_t", "const"}
# Functions that free a handle or end a scope: called with NULL only.
ENDS = re.compile(r"_free$|^fov_scope_pop$")
# Names of parameters that are paths or names of things.
PATHS = {"path", "source", "directory", "from", "to", "html", "png", "history_csv", "name", "operator_name"}


def prototypes():
    for header in sorted(glob.glob(os.path.join(ROOT, "include", "fovea", "*.h"))):
        text = re.sub(r"/\*.*?\*/", "", open(header, encoding="utf-8").read(), flags=re.S)
        for match in re.finditer(r"FOV_API\s+(FOV_MUST_CHECK\s+)?([^;{}#()]*?)\b(fov_\w+)\s*\(([^;]*?)\)\s*;", text):
            checked, result, name, parameters = match.groups()
            yield name, " ".join(result.split()), bool(checked), " ".join(parameters.split())


def split(parameters):
    depth, part, parts = 0, "", []
    for letter in parameters:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    parts.append(part.strip())
    return [] if parts == ["void"] else parts


def argument(parameter, good):
    """A value for it: NULL, a handle, or zeros."""
    if "(*" in parameter:
        return "NULL"
    if "*" in parameter or "[" in parameter:
        kind = re.match(r"(?:const\s+)?(\w+)\s*\*\s*\w*$", parameter)
        return "good->" + kind.group(1)[4:] if good and kind and kind.group(1) in GOOD else "NULL"
    words = parameter.replace("const ", "").split()
    kind = " ".join(words[:-1]) if len(words) > 1 else words[0]
    return "(%s){0}" % kind


def name_of(parameter):
    words = re.findall(r"\w+", parameter)
    return words[-1] if words and words[-1] not in TYPES else ""


def text():
    lines = ["/* SPDX-License-Identifier: MIT */",
             "/* Written by make_calls.py: every public function, without anything and with good handles alone. STATUS: it "
             "must be",
             " * wrong usage; TRIED: whatever status; ANY: whatever else it answers; NONE: it answers nothing. */"]
    for name, result, checked, parameters in sorted(set(prototypes())):
        parts = split(parameters)
        if not any("*" in p or "[" in p for p in parts):
            continue
        has_path = any(name_of(p) in PATHS and p.startswith("const char *") for p in parts)
        for good in (False, True):
            values = [argument(p, good) for p in parts]
            if good and (ENDS.search(name) or not any(v.startswith("good->") for v in values)):
                continue
            status = checked and result == "int" and (not good or has_path)
            kind = "STATUS" if status else "TRIED" if checked else "NONE" if result == "void" else "ANY"
            lines.append("%s(%s(%s))" % (kind, name, ", ".join(values)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as target:
        target.write(text())
