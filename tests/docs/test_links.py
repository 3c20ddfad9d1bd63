#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages' links lead somewhere and what they name exists: relative links and their anchors, files and folders written
as `src/...`, and in docs/tour.md and docs/numerics.md every `name_with_underscore`, which must be a word of the source.
It opens no address on the network. Programs and commands: test_readme.py.
"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ["README.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md"] + sorted(
    os.path.relpath(page, ROOT) for page in glob.glob(os.path.join(ROOT, "docs/**/*.md"), recursive=True))
NAMING = ["docs/tour.md", "docs/numerics.md"]
ROOMS = ["src", "include", "cli", "tests", "bench", "examples", "tools", "cmake", "docs", ".ci"]
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def anchors(page):
    """As GitHub makes them from headings."""
    heads = re.findall(r"^#+ (.+?)\s*$", FENCE.sub("", read(page)), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def check_links(page):
    for target in LINK.findall(FENCE.sub("", read(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        full = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(os.path.join(ROOT, full)):
            yield f"{page}: {target} leads nowhere"
        elif anchor and full.endswith(".md") and anchor not in anchors(full):
            yield f"{page}: {full} has no heading #{anchor}"


def check_paths(page):
    for text in CODE.findall(FENCE.sub("", read(page))):
        if not re.fullmatch(r"[\w.*/+-]+", text) or text.split("/")[0] not in ROOMS or "/" not in text:
            continue
        if not glob.glob(os.path.join(ROOT, text)):
            yield f"{page}: there is no {text}"


def words_of_source():
    words = set()
    for room in ROOMS:
        for folder, folders, files in os.walk(os.path.join(ROOT, room)):
            folders[:] = [name for name in folders if name != "node_modules"]
            words.update(folders)
            for name in files:
                stem = os.path.splitext(name)[0]
                words.update((stem, stem.replace("test_", f"test_{os.path.basename(folder)}_", 1)))  # programs of tests
                if room != "docs" and name.endswith((".c", ".h", ".inc", ".py", ".sh", ".txt", ".cmake", ".mjs")):
                    words.update(re.findall(r"\w+", read(os.path.join(folder, name))))
    # Made by the preprocessor: kernels by name and level.
    for name in re.findall(r"^KERNEL\(\w+, (\w+)", read("src/kernel/list.inc"), re.M):
        words.update((f"reference_{name}", f"vector_{name}"))
    return words


def check_names(page, words):
    own = set(re.findall(r"\w+", "\n".join(FENCE.findall(read(page)))))  # a worked example may name its own things
    for text in CODE.findall(FENCE.sub("", read(page))):
        name = re.sub(r"^(struct|enum) |\(\)$|^\.", "", text)
        if re.fullmatch(r"[A-Za-z]\w*_\w+", name) and name not in words and name not in own:
            yield f"{page}: `{text}` is not in the source"


def main():
    wrong, checked, words = [], 0, words_of_source()
    for page in PAGES:
        wrong += list(check_links(page)) + list(check_paths(page))
        if page in NAMING:
            wrong += list(check_names(page, words))
        checked += len(LINK.findall(read(page))) + len(CODE.findall(read(page)))
    for line in wrong:
        print(line)
    print(f"{checked} links and names on {len(PAGES)} pages, {len(wrong)} wrong")
    return 1 if wrong or checked < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
