#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`fovea learn` as learners meet it: a newcomer's first commands, every verdict, kept work, lost progress, both languages,
and programs that crash, hang, eat memory, start others or want the network. Prints a last line "N passed, N failed"; what
needs a C compiler is skipped by name where there is none."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
import unicodedata

FOVEA = os.path.abspath(os.environ.get("FOVEA_BINARY", "build/release/fovea"))
OK, USAGE, INPUT, IO, NOT_YET = 0, 2, 3, 4, 8


class Skip(Exception):
    pass


def environment(**extra):
    env = dict(os.environ, LC_ALL="C.UTF-8", FOVEA_LEARN_PROGRESS=os.getcwd() + "/state/progress.txt")
    env.pop("FOVEA_CC", None)
    env.update(extra)
    return env


def learn(*words, code=OK, env=None):
    done = subprocess.run([FOVEA, "learn", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=600, env=env or environment(), stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == code, f"learn {words}: exit {done.returncode}: {done.stdout}{done.stderr}"
    return done


def answer(*words, code=OK, env=None):
    return json.loads(learn(*words, "--json", code=code, env=env).stdout)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def compiler():
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        raise Skip("no C compiler")


# ---- a newcomer -------------------------------------------------------------------------------------------------------

def test_newcomer_passes_within_six_commands():
    first = learn()
    assert "fovea learn start 1" in first.stdout
    started = learn("start", 1)
    path = next(line.split()[1] for line in started.stdout.splitlines() if line.startswith("  edit"))
    assert "fovea learn check" in started.stdout
    write(path, "sum = w1*x1 + w2*x2\ny = sum > theta\n")
    passed = learn("check")
    assert passed.stdout.startswith("PASS") and "fovea learn start 2" in passed.stdout


def test_verdicts():
    learn("start", 1, "d")
    shown = learn("check", 1, "d", code=NOT_YET).stdout
    assert "file " in shown and "d/01-neuron.txt" in shown
    stub = answer("check", 1, "d", code=NOT_YET)
    assert stub["verdict"] == "not-yet" and stub["expected"] == 1 and stub["got"] == 0 and stub["mistake"] == "unchanged"
    write("d/01-neuron.txt", "sum = w1*x1 + w2*x2\ny = sum >= theta\n")
    near = answer("check", 1, "d", "--seed", 7, code=NOT_YET)
    assert near["mistake"] == "at-the-threshold" and near["where"] == "y" and near["seed"] == 7 and "equals" in near["cause"]
    assert near == answer("check", 1, "d", "--seed", 7, code=NOT_YET)
    write("d/01-neuron.txt", "sum = 1.0\ny = 1\n")
    assert answer("check", 1, "d", code=NOT_YET)["verdict"] == "not-yet"
    write("d/01-neuron.txt", "sum = w1*\n")
    broken = answer("check", 1, "d", code=INPUT)
    assert broken["verdict"] == "could-not-run" and "line 1" in broken["cause"] and broken["expected"] is None
    write("d/01-neuron.txt", "sum = w1*x1 + w2*x2\n")
    assert "what y is" in answer("check", 1, "d", code=INPUT)["cause"]
    learn("solution", 1, "d", "--give-up")
    assert answer("check", 1, "d")["verdict"] == "pass"
    os.remove("d/01-neuron.txt")
    assert answer("check", 1, "d", code=INPUT)["verdict"] == "could-not-run"


def test_numbers_are_drawn_anew():
    learn("solution", 1, "d", "--give-up")
    seeds = {answer("check", 1, "d")["seed"] for _ in range(4)}
    assert len(seeds) > 1


def test_numbers_of_the_course():
    """What the texts print is what the solutions compute: the checker compares, the learner's program prints."""
    compiler()
    learn("solution", 12, "d", "--give-up")
    source = read("d/12-backpropagation.c")
    write("d/12-backpropagation.c", "#include <stdio.h>\n" + source.replace("    return g;", "    printf(\"total %g, by price %g, number %g, tax %g\\n\", "
                                   "g.total, g.d_apple_price, g.d_apple_number, g.d_tax);\n    return g;"))
    printed = answer("check", 12)["printed"].splitlines()
    assert printed[0] == "total 22, by price 2.2, number 11, tax 20" and printed[1].startswith("total 71.5, by price 2.2, number 11, tax 65")
    learn("solution", 15, "d", "--give-up")
    source = read("d/15-convolution.c")
    write("d/15-convolution.c", "#include <stdio.h>\n" + source.replace("            result[r * columns + c] = sum;",
                                "            result[r * columns + c] = sum;\n            printf(\"%g \", sum);"))
    assert answer("check", 15)["printed"].startswith("4 3 4 2 4 3 2 3 4 ")
    learn("solution", 16, "d", "--give-up")
    source = read("d/16-sizes.c")
    write("d/16-sizes.c", "#include <stdio.h>\n" + source.replace("    return (n +", "    printf(\"%d -> %d\\n\", n, (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1);\n    return (n +"))
    assert answer("check", 16)["printed"].startswith("28 -> 10\n31 -> 11\n")


def test_1989_reads_digits():
    """The command of lesson 20, with three epochs of its eight: at most 5 % errors, as in the paper on its digits."""
    done = subprocess.run([FOVEA, "train", "--model", "lenet@1989", "--data", "digits:7291", "--epochs", "3", "--batch", "32", "--lr",
                           "0.05", "--momentum", "0.9", "--out", "run", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=300, env=environment(), check=False)
    assert done.returncode == OK, done.stderr
    with open("run/history.csv", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(",") for line in file]
    accuracy = float(rows[-1][rows[0].index("metrics/accuracy_top1")])
    assert accuracy >= 0.95, f"{100 - 100 * accuracy:.2f} % errors"


# ---- work is kept -----------------------------------------------------------------------------------------------------

def test_nothing_of_the_learners_is_lost():
    learn("start", 2, "d")
    write("d/02-gates.txt", "mine\n")
    assert "as you left it" in learn("start", 2, "d").stdout and read("d/02-gates.txt") == "mine\n"
    learn("solution", 2, "d", code=USAGE)
    kept = answer("solution", 2, "d", "--give-up")["kept"]
    assert read(kept) == "mine\n"
    assert answer("check", 2)["verdict"] == "pass"
    assert read(answer("reset", 2)["kept"]).count("and_theta = 0.7") == 1
    assert answer("check", 2, code=NOT_YET)["mistake"] == "unchanged"


def test_lost_progress_comes_back():
    for number in (1, 3):
        learn("solution", number, "d", "--give-up")
        learn("check", number)
    learn("start", 4, "d")
    before = answer("list")
    shutil.rmtree("state")
    assert {one["state"] for one in answer("list")["lessons"]} == {"open"}
    again = answer("check", "--all", "d", code=NOT_YET)
    assert again["checked"] == 3 and again["passed"] == 2
    assert answer("list") == before
    write("state/progress.txt", "\0\xff nonsense\n99999 passed 7 x\n-3 passed 1 y\n1 passed\nlast 12345\n")
    assert {one["state"] for one in answer("list")["lessons"]} == {"open"}


def test_progress_that_cannot_be_kept_is_a_remark():
    write("file", "")
    env = environment(FOVEA_LEARN_PROGRESS=os.getcwd() + "/file/below")
    assert "progress is not kept" in learn("start", 1, "d", env=env).stderr
    assert os.path.exists("d/01-neuron.txt")


def test_next_is_behind_the_last():
    for number, following in ((3, 4), (32, 1), (1, 2)):
        learn("solution", number, "d", "--give-up")
        assert f"fovea learn start {following}\n" in learn("check", number).stdout, number
    assert answer()["next"]["number"] == 2
    write("d/03-hebb.txt", "w = 0*w - 0\n")
    assert "= -0\n" not in learn("check", 3, code=NOT_YET).stdout


def test_check_goes_on_from_elsewhere():
    learn("start", 1, "d")
    os.mkdir("elsewhere")
    done = subprocess.run([FOVEA, "learn", "check", "--json"], stdout=subprocess.PIPE, text=True, env=environment(), check=False,
                          cwd="elsewhere", timeout=600)
    assert json.loads(done.stdout)["mistake"] == "unchanged"


# ---- words ------------------------------------------------------------------------------------------------------------

def test_hints_have_three_levels():
    hints = [answer("hint", 1) for _ in range(4)]
    assert [one["level"] for one in hints] == [1, 2, 3, 3] and len({one["hint"] for one in hints}) == 3


def test_languages():
    assert "神经元" in learn("list", "--lang", "zh").stdout
    chinese = environment(LANG="zh_CN.UTF-8")
    del chinese["LC_ALL"]
    assert "神经元" in learn("list", env=chinese).stdout and "neuron" in learn("list", "--lang", "en", env=chinese).stdout
    learn("start", 1, "d", "--lang", "zh")
    assert "加权和" in read("d/01-neuron.txt")
    assert "通过" not in learn("check", 1, "--lang", "zh", code=NOT_YET).stdout
    write("d/01-neuron.txt", "sum ＝ w1＊x1 ＋ w2＊x2  # 全角\ny ＝ sum ＞ theta\n")
    assert "通过" in learn("check", 1, "--lang", "zh").stdout


def test_a_language_that_was_typed_stays():
    """Whoever types a command that the course shows stays in its language; where LANG decides, nothing is added."""
    def commands(text):
        return [line for line in text.splitlines() if "fovea learn " in line]
    shown = [learn("--lang", "zh"), learn("start", 1, "d", "--lang", "zh"), learn("--lang", "zh"), learn("check", 1, "--lang", "zh", code=NOT_YET)]
    shown += [learn("hint", 1, "--lang", "zh") for _ in range(3)]
    write("d/01-neuron.txt", "sum = w1*x1 + w2*x2\ny = sum > theta\n")
    shown.append(learn("check", 1, "--lang", "zh"))
    lines = [line for done in shown for line in commands(done.stdout)]
    assert len(lines) >= 7 and all(line.count("fovea learn ") == line.count(" --lang zh") for line in lines), lines
    assert " --lang zh" in learn("solution", 2, "--lang", "zh", code=USAGE).stderr
    assert "--lang" not in learn().stdout
    assert "--lang en" in learn("--lang", "en").stdout


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_chinese_has_no_english_and_fits():
    """All lessons, hints and slips, as a terminal of 80 columns gets them: no English word but in code and commands, and
    no line that the terminal would break. What the compiler and the system say is theirs."""
    compiler()
    env = environment(COLUMNS="80", FOVEA_LEARN_PROGRESS=os.getcwd() + "/p")
    zh = ("--lang", "zh")
    out = [learn(*zh, env=env), learn("list", *zh, env=env)]
    for number in range(1, 33):
        out.append(learn("start", number, "d", *zh, env=env))
        out += [learn("hint", number, *zh, env=env) for _ in range(3)]
    out.append(learn("start", 1, "d", *zh, env=env))
    for text, code in (("sum = 0\ny = 1\n", NOT_YET), ("sum = w1*\n", INPUT), ("sum = 1\n", INPUT), ("sum = q\ny = 1\n", INPUT),
                       ("sum = w1*x1 + w2*x2\ny = sum > theta\n", OK)):
        write("d/01-neuron.txt", text)
        out.append(learn("check", 1, "--seed", 3, *zh, code=code, env=env))
    whole = read("d/10-gradient.c")
    start = whole.index("{", whole.index("double f(")) + 1
    for line, code in (("", NOT_YET), ("abort();", NOT_YET), ("exit(3);", NOT_YET), ("*(volatile int *)8 = 1;", NOT_YET)):
        write("d/10-gradient.c", "#include <stdlib.h>\n" + whole[:start] + line + whole[start:])
        out.append(learn("check", 10, *zh, code=code, env=env))
    out += [learn("solution", 2, *zh, code=USAGE, env=env), learn("solution", 2, "d", "--give-up", *zh, env=env),
            learn("reset", 2, *zh, env=env), learn("check", 3, "e", *zh, code=INPUT, env=env)]
    for slip in (["chek"], ["3"], ["zzzzzz"], ["start", 99], ["start", "one"], ["reset"], ["hint", 1, "d"], ["list", "x"],
                 ["start", 1, "--all"], ["start", 1, "d", "e"]):
        out.append(learn(*slip, *zh, code=USAGE, env=env))
    out.append(learn("check", "--all", "d", *zh, code=NOT_YET, env=env))
    words = re.compile(r"(?<![\w.'/-])(the|of|you|your|is|its?|that|than|with|must|where|each|then|there|no|not)(?![\w.'/(-])")
    for done in out:
        for line in (done.stdout + done.stderr).splitlines():
            assert not words.search(line), line
            assert columns(line) <= 80 or "|" in line or "/" in line or done.stderr, (columns(line), line)


def test_narrow_terminals():
    """Sentences are broken where the terminal ends, between Chinese characters, never before a comma or a full stop."""
    env = environment(COLUMNS="40")
    out = "".join(learn("hint", number, "--lang", "zh", env=env).stdout for number in range(1, 33, 4) for _ in range(3))
    lines = [line for line in out.splitlines() if "fovea learn" not in line and any(ord(c) > 0x3000 for c in line)]
    assert lines and max(columns(line) for line in lines) <= 40, max(lines, key=columns)
    assert not any(line.strip()[:1] in "，。、；：）”" for line in lines if line.strip())


def test_slips():
    assert "did you mean check" in learn("chek", code=USAGE).stderr
    assert "did you mean learn start 3" in learn(3, code=USAGE).stderr
    assert "no lesson 99" in learn("start", 99, code=USAGE).stderr
    assert "is no lesson's number" in learn("start", "one", code=USAGE).stderr
    learn("reset", code=USAGE)
    learn("hint", 1, "d", code=USAGE)
    learn("list", "x", code=USAGE)
    learn("start", 1, "--all", code=USAGE)
    write("file", "")
    learn("start", 1, "file/below", code=IO)


def test_every_lesson_is_listed():
    lessons = answer("list")["lessons"]
    numbers = [one["number"] for one in lessons]
    assert numbers == sorted(set(numbers)) and numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 32
    assert all(one["title"] and one["state"] == "open" for one in lessons)


def test_odd_files():
    os.mkdir("d")
    os.mkfifo("d/01-neuron.txt")
    assert "not a regular file" in answer("check", 1, "d", code=INPUT)["cause"]
    os.remove("d/01-neuron.txt")
    with open("d/01-neuron.txt", "wb") as file:
        file.write(b"sum = 1\0\xff\n")
    assert answer("check", 1, "d", code=INPUT)["verdict"] == "could-not-run"
    write("d/01-neuron.txt", "# " + "x" * 400000)
    assert answer("check", 1, "d", code=INPUT)["verdict"] == "could-not-run"


def main():
    chosen, passed, failed = sys.argv[1:], 0, 0
    for name, case in sorted(globals().items()):
        if not name.startswith("test_") or (chosen and not any(word in name for word in chosen)):
            continue
        home = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                case()
                passed += 1
            except Skip as why:
                print(f"skipped {name}: {why}")
            except Exception: # pylint: disable=broad-except
                failed += 1
                print(f"FAILED {name}")
                traceback.print_exc(file=sys.stdout)
            finally:
                os.chdir(home)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
