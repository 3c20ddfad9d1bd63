#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What README.md and docs/ show works as it stands: C programs are compiled, linked and run, C fragments and the tour's
source file are compiled, and every command line names verbs, options, networks, operators and presets that exist. It
does not judge numbers. FOVEA_BINARY is the command; the library is looked for beside it. Links: test_links.py.
"""
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOVEA = os.path.abspath(os.environ.get("FOVEA_BINARY", os.path.join(ROOT, "build/release/fovea")))
BUILD = os.path.dirname(FOVEA)
PAGES = ["README.md", "README.zh.md", "CONTRIBUTING.md"] + sorted(os.path.join("docs", os.path.basename(page))
                                                  for page in glob.glob(os.path.join(ROOT, "docs/*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wpedantic", "-Werror"]


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


def blocks(page, language):
    return [text for kind, text in BLOCK.findall(read(page)) if kind == language]


def run(command, **how):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
                          stdin=subprocess.DEVNULL, **how)


def must(command, **how):
    done = run(command, **how)
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}"
    return done.stdout


def cached(name, fallback=""):
    """A variable of the build's CMake cache."""
    try:
        with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
            found = re.search(rf"^{name}:\w+=(.*)$", file.read(), re.M)
    except OSError:
        found = None
    return found.group(1) if found and found.group(1) else fallback


def compiler():
    return [cached("CMAKE_C_COMPILER", "cc")] + STRICT + ["-I", os.path.join(ROOT, "include")]


def libraries():
    """What a program links, from the build's own pkg-config file."""
    found = [os.path.join(BUILD, name) for name in ("libfovea.so", "libfovea.a")
             if os.path.exists(os.path.join(BUILD, name))]
    assert found, f"no libfovea in {BUILD}"
    with open(os.path.join(BUILD, "fovea.pc"), encoding="utf-8") as file:
        lines = dict(line.rstrip("\n").split(": ", 1) for line in file if ": " in line)
    modules = lines.get("Requires", "").split()
    words = must(["pkg-config", "--libs"] + modules).split() if modules else []
    words += [word for word in lines["Libs"].split() if not word.startswith("-L$") and word != "-lfovea"]
    sanitize = cached("FOVEA_SANITIZE")
    words += cached("CMAKE_C_FLAGS").split() + ([f"-fsanitize={sanitize}"] if sanitize else [])
    return [found[0], f"-Wl,-rpath,{BUILD}"] + words


# ---- C -------------------------------------------------------------------------------------------------------------------


def test_programs_run(folder):
    count = 0
    for page in PAGES:
        for text in blocks(page, "c"):
            if "int main(" not in text:
                continue
            count += 1
            source, program = os.path.join(folder, f"program{count}.c"), os.path.join(folder, f"program{count}")
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            must(compiler() + [source, "-o", program] + libraries())
            must([program], cwd=folder)
    assert count >= 1, "README shows no program"
    assert os.path.getsize(os.path.join(folder, "net.onnx")) > 200000
    about = json.loads(must([FOVEA, "inspect", os.path.join(folder, "net.onnx"), "--json"]))
    assert about["parameters"] == 61706


def test_fragments_compile(folder):
    count = 0
    for page in PAGES:
        for text in blocks(page, "c"):
            if "int main(" in text:
                continue
            count += 1
            flags = ["-Wno-unused-function", "-fsyntax-only"]
            if text.startswith("/* SPDX"):  # a file of the source tree
                flags += ["-I", os.path.join(ROOT, "src"), "-D_DEFAULT_SOURCE"]
            else:
                text = "#include <fovea/fovea.h>\n" + text
            source = os.path.join(folder, f"fragment{count}.c")
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            must(compiler() + flags + [source])
    assert count >= 2, "the fragments are gone"


# ---- commands ------------------------------------------------------------------------------------------------------------


def command_lines():
    """(page, words) of every line in a sh or console block and of every `fovea ...` and `./dev ...` in the text."""
    for page in PAGES:
        lines = []
        for kind in ("sh", "console"):
            for text in blocks(page, kind):
                text = text.replace("\\\n", " ")  # a line that goes on
                shown = [line[2:] for line in text.split("\n") if line.startswith("$ ")]
                lines += shown if kind == "console" else text.split("\n")
        lines += re.findall(r"`((?:fovea|\./dev|cmake|FOVEA_\w+=\S+ fovea) [^`]+)`", BLOCK.sub("", read(page)))
        for line in lines:
            for part in re.split(r" && | \| ", line):
                words = shlex.split(part, comments=True)
                while words and re.match(r"[A-Z_]+=", words[0]):
                    words.pop(0)
                if words:
                    yield page, words


def test_verbs_and_options(_):
    count, networks = 0, must([FOVEA, "new", "--list"])
    of_networks = {"--" + option["name"].replace("_", "-")
                   for network in json.loads(must([FOVEA, "zoo", "--json"]))["networks"] for option in network["options"]}
    for page, words in command_lines():
        if os.path.basename(words[0]) != "fovea" or words[1:] in (["--version"], ["help"]) or words[1:2] == ["VERB"]:
            continue
        count += 1
        where, verb = f"{page}: {' '.join(words)}", words[1]
        done = run([FOVEA, verb, "--help"])
        assert done.returncode == 0, f"{where}: no verb {verb}"
        known = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", done.stdout.split("\nExamples")[0])) | {"--help"}
        known |= of_networks if verb in ("new", "train", "inspect") else set()
        for word in words[2:]:
            if word.startswith("-"):
                assert word.split("=")[0] in known, f"{where}: no option {word}"
        for name, value in zip(words, words[1:]):
            if name == "--model" and "." not in value and value != "NAME":
                network = value.split(":")[0]  # its options follow
                assert re.search(rf"^  {re.escape(network)} ", networks, re.M), f"{where}: no network {network}"
        if verb == "ops" and len(words) > 2 and not words[2].startswith("-"):
            must([FOVEA, "ops", words[2]])
    assert count >= 8, f"{count} commands found"


def test_dev_commands(_):
    usage, count = run(["sh", os.path.join(ROOT, "dev")]).stdout, 0
    for page, words in command_lines():
        if words[0] == "./dev" and len(words) > 1:
            count += 1
            assert re.search(rf"^  {re.escape(words[1])} ", usage, re.M), f"{page}: ./dev has no {words[1]}"
    assert count >= 2


def test_presets(_):
    with open(os.path.join(ROOT, "CMakePresets.json"), encoding="utf-8") as file:
        presets = json.load(file)
    for page, words in command_lines():
        if words[0] == "cmake" and "--preset" in words:
            kind = "buildPresets" if "--build" in words else "configurePresets"
            name = words[words.index("--preset") + 1]
            assert any(preset["name"] == name for preset in presets[kind]), f"{page}: no preset {name}"


def test_every_verb_is_named(_):
    verbs = re.findall(r"^  ([a-z]+)  +\S", must([FOVEA, "help"]).split("fovea VERB --help")[0], re.M)
    assert len(verbs) >= 8, verbs
    for verb in verbs:
        assert f"| `{verb}` |" in read("README.md"), f"README does not name {verb}"


def main():
    if not os.access(FOVEA, os.X_OK):
        print(f"skipped: there is no command at {FOVEA}")
        return 77
    passed = failed = 0
    wanted = sys.argv[1:]
    cases = [(name[5:], case) for name, case in globals().items() if name.startswith("test_")]
    for name, case in cases:
        if wanted and name not in wanted:
            continue
        folder = tempfile.mkdtemp(prefix="fovea-docs-")
        try:
            case(folder)
            passed += 1
            print(f"ok      {name}")
        except AssertionError as error:
            failed += 1
            print(f"FAILED  {name}: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
