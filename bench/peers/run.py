#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs fovea and other programs alternately, in one run, on the same networks and inputs, checks that their outputs
agree, and prints how many times as fast fovea is as the best of the others.

    /usr/bin/python3 bench/peers/run.py                       everything; an hour or more
    /usr/bin/python3 bench/peers/run.py --quick               a look at a few, in minutes
    ... --cases resnet18,vgg16/training --threads 2 --peers onnxruntime --rounds 5
    ... --results DIR                                         keeps each case as a file; --table prints from those alone

Peers: ONNX Runtime (onnxruntime-node from npm), OpenCV and PyTorch (Debian's packages; --install brings all of them),
each in its best form: PyTorch plain, channels-last and, for inference, frozen by torch.jit. In each round every side
runs for --seconds in a process of its own, one after the other, and the order turns round from one round to the next; a
side's figure is the median of its rounds' medians. fovea's side is `fovea bench`. Memory is the most that was resident
in a process that does only this case. Networks are made once, in ~/.cache/fovea/peers.

exit: 0 ok, 1 outputs disagree or fovea failed, 2 usage, 4 something is not there
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "fixtures"))

AGREE = 1e-3 # greatest difference of two outputs, relative to their scale; Winograd's stated error is 1e-4
# (network, batch, training, bar, moonshot). The bar is how many times as fast as the best peer fovea has to be; the
# moonshot is the factor hoped for.
CASES = [(name, 1, False, bar, moonshot) for name, bar, moonshot in (
    ("vgg16", 2.0, 2.8), ("unet", 2.0, 2.8), ("resnet18", 1.4, 1.8), ("resnet50", 1.2, 1.5), ("googlenet", 1.2, 1.5),
    ("inception_v3", 1.2, 1.5), ("squeezenet1_1", 1.2, 1.5), ("alexnet", 1.2, 1.5), ("mobilenet_v2", 1.2, 2.0),
    ("shufflenet_v2_x1_0", 1.4, 2.0), ("efficientnet_b0", 1.4, 2.0))]
CASES += [("lenet5", 64, False, 3.0, 6.0), ("course-cnn", 64, False, 3.0, 6.0)]
CASES += [(name, batch, True, 2.0, 3.0) for name, batch in (
    ("vgg16", 4), ("resnet18", 16), ("resnet50", 8), ("unet", 2), ("googlenet", 16), ("alexnet", 16))]
CASES += [("mobilenet_v2", 16, True, 3.0, 5.0), ("lenet5", 64, True, 6.0, 12.0), ("course-cnn", 64, True, 6.0, 12.0)]
QUICK = ("resnet18/inference", "squeezenet1_1/inference", "mobilenet_v2/inference", "lenet5/inference",
         "lenet5/training")
PEERS = ("onnxruntime", "opencv", "pytorch")
DROPOUT = {"alexnet", "vgg16", "googlenet", "mobilenet_v2"} # random losses: not compared


class Failed(Exception):
    """A sentence."""


def say(line):
    sys.stderr.write("bench/peers: %s\n" % line)


def case_name(case):
    return "%s/%s" % (case[0], "training" if case[2] else "inference")


# ---- sides -----------------------------------------------------------------------------------------------------------


class Worker:
    """A peer in a process of its own, asked by lines of JSON (worker.py)."""

    def __init__(self, name, command, environment, timeout):
        self.name, self.timeout = name, timeout
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, env=environment)

    def ask(self, **request):
        watch = threading.Timer(self.timeout, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            in_time = watch.is_alive()
            watch.cancel()
        if not line:
            self.log.seek(0)
            last = (self.log.read().strip().splitlines() or ["it said nothing"])[-1]
            raise Failed(last if in_time else "no answer within %d s" % self.timeout)
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def run(self, seconds, least):
        return statistics.median(self.ask(do="run", seconds=seconds, least=least)["times"])

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Fovea:
    """`fovea bench`, a process for each round: it warms up by itself."""
    name = "fovea"

    def __init__(self, options, model, case, threads):
        self.options, self.model = options, model
        self.words = ["--batch", str(case[1]), "--threads", str(threads)] + (["--training"] if case[2] else [])
        self.words += options.fovea_options.split()
        self.reports = []

    def run(self, seconds, least):
        del least # `fovea bench` has its own least number of runs: five, or three long ones
        command = [self.options.fovea, "bench", self.model, "--json", "--time", str(seconds)] + self.words
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=self.options.timeout, check=False)
        except subprocess.TimeoutExpired as late:
            raise Failed("no answer within %d s" % self.options.timeout) from late
        if done.returncode != 0:
            raise Failed((done.stderr.strip().splitlines() or ["exit %d" % done.returncode])[-1])
        self.reports.append(json.loads(done.stdout))
        return self.reports[-1]["median"]

    def close(self):
        pass


def worker_for(side, threads, options):
    peer, _, form = side.partition(" ")
    environment = dict(os.environ, FOVEA_PEERS_NODE=os.path.join(options.cache, "node"), PYTHONPATH=HERE)
    python = options.python
    command = {"onnxruntime": ["node", os.path.join(HERE, "onnxruntime.mjs"), str(threads)],
               "opencv": [python, os.path.join(HERE, "opencv.py"), str(threads)],
               "pytorch": [python, os.path.join(HERE, "pytorch.py"), str(threads), form or "plain"]}[peer]
    return Worker(side, command, environment, options.timeout)


def sides_of(case, options):
    """Names of the peers' sides in this case."""
    sides = []
    for peer in options.peers:
        if peer == "pytorch":
            sides += ["pytorch plain", "pytorch channels-last"] + ([] if case[2] else ["pytorch frozen"])
        elif not case[2]:
            sides.append(peer)
    return sides


# ---- one case --------------------------------------------------------------------------------------------------------


def make_inputs(case, folder, models):
    import numpy as np
    draw = np.random.default_rng(20261122)
    shape = (case[1],) + models.size_of(case[0])
    x = draw.standard_normal(shape, np.float32)
    label_shape = (case[1],) + (shape[2:] if case[0] == "unet" else ())
    labels = draw.integers(0, models.classes_of(case[0]), label_shape)
    x.tofile(os.path.join(folder, "input.f32"))
    labels.astype(np.int64).tofile(os.path.join(folder, "labels.i64"))
    return x, labels.astype(np.int32)


def fovea_output(options, case, model, x, labels, folder):
    """fovea's result on the same input, through bench/run_model: the output, or the loss of a training step."""
    import safetensors_file
    data, out = os.path.join(folder, "data.safetensors"), os.path.join(folder, "out.safetensors")
    tool = os.path.join(os.path.dirname(os.path.abspath(options.fovea)), "bench", "run_model")
    safetensors_file.write(data, {"train_input": x, "answer": labels} if case[2] else {"input": x}, {})
    command = [tool, "train", model, data, out, "0", "0"] if case[2] else [tool, "run", model, data, out]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=options.timeout)
    if done.returncode != 0:
        raise Failed("run_model: " + (done.stderr.strip().splitlines() or ["exit %d" % done.returncode])[-1])
    return safetensors_file.read(out)[0]["loss" if case[2] else "output"]


def compare(sides, case, wanted, folder):
    """Each side's output against fovea's: the largest difference over the largest element."""
    import numpy as np
    scale = float(np.abs(wanted).max()) or 1.0
    for name, side in sides.items():
        if isinstance(side["worker"], Worker) and not (case[2] and case[0] in DROPOUT):
            path = os.path.join(folder, "output.f32")
            side["worker"].ask(do="output", file=path)
            got = np.fromfile(path, np.float32)
            side["difference"] = float(np.abs(got - wanted.ravel()).max() / scale) if got.size == wanted.size else 1e9
            if not side["difference"] <= AGREE:
                say("%s: %s's output differs from fovea's by %.1e of its scale" % (case_name(case), name,
                                                                                   side["difference"]))


def open_sides(case, threads, options, files, folder, shapes):
    sides = {"fovea": {"worker": Fovea(options, files["train" if case[2] else "eval"], case, threads), "medians": []}}
    for name in sides_of(case, options):
        worker = worker_for(name, threads, options)
        side = {"worker": worker, "medians": []}
        try:
            side["first_output"] = worker.ask(
                do="open", model=files["module"] if name.startswith("pytorch") else files["eval"], training=case[2],
                input=os.path.join(folder, "input.f32"), shape=shapes[0], labels=os.path.join(folder, "labels.i64"),
                label_shape=shapes[1])["first_output"]
            sides[name] = side
        except Failed as problem:
            sides[name] = {"error": str(problem)}
            worker.close()
    return sides


def open_again(case, threads, options, files, folder, shape, sides):
    """fovea was opened anew in each round, the others once: so they are, too, and the medians count."""
    for name, side in sides.items():
        times = [side["first_output"]] if name != "fovea" and "first_output" in side else []
        for _ in range(options.rounds - 1 if times else 0):
            worker = worker_for(name, threads, options)
            try:
                times.append(worker.ask(
                    do="open", model=files["module"] if name.startswith("pytorch") else files["eval"], training=False,
                    input=os.path.join(folder, "input.f32"), shape=shape)["first_output"])
            except Failed as problem:
                say("%s: %s: %s" % (case_name(case), name, problem))
            worker.close()
        if times:
            side["first_output"] = statistics.median(times)


def measure(case, threads, options, models):
    files = models.prepare(case[0], options.cache, options.fovea)
    files = {kind: os.path.join(files, name) for kind, name in (
        ("eval", "eval.onnx"), ("train", "train.onnx"), ("module", "module.pt"))}
    with tempfile.TemporaryDirectory(prefix="fovea-peers-") as folder:
        x, labels = make_inputs(case, folder, models)
        sides = open_sides(case, threads, options, files, folder, (x.shape, labels.shape))
        try:
            wanted = fovea_output(options, case, files["train" if case[2] else "eval"], x, labels, folder)
            compare({name: side for name, side in sides.items() if "worker" in side}, case, wanted, folder)
            for side in sides.values():
                if isinstance(side.get("worker"), Worker) and side["worker"].name.startswith("pytorch"):
                    side["worker"].ask(do="choose_blas")
            rounds(sides, options)
        finally:
            for side in sides.values():
                if "worker" in side:
                    finish(side)
        if case[0] == "vgg16" and not case[2]:
            open_again(case, threads, options, files, folder, x.shape, sides)
    return {"case": case_name(case), "network": case[0], "batch": case[1], "training": case[2], "bar": case[3],
            "moonshot": case[4], "threads": threads, "sides": sides, "load": os.getloadavg()[0]}


def rounds(sides, options):
    for number in range(options.rounds):
        order = [name for name, side in sides.items() if "worker" in side and "error" not in side]
        for name in order if number % 2 == 0 else reversed(order):
            side = sides[name]
            try:
                side["medians"].append(side["worker"].run(options.seconds, 2))
            except Failed as problem:
                side["error"] = str(problem)


def finish(side):
    """What is left of a side is what is kept of it as JSON."""
    worker = side.pop("worker")
    if isinstance(worker, Fovea):
        if worker.reports:
            last = worker.reports[-1]
            side["first_output"] = statistics.median(report["first_output"] for report in worker.reports)
            side["peak"] = max(report["memory"]["peak_resident"] for report in worker.reports)
            side["planned"] = last["memory"]
            side["about"] = {key: last[key] for key in ("version", "processor", "isa", "multiply_adds", "peak_gflops")}
            side["others"] = [report["others"] for report in worker.reports if report["disturbed"]]
    elif "error" not in side:
        try:
            side["about"] = worker.ask(do="about")
            side["peak"] = side["about"].pop("peak")
        except Failed as problem:
            side["error"] = str(problem)
    worker.close()
    if side["medians"]:
        side["median"] = statistics.median(side["medians"])


# ---- results ---------------------------------------------------------------------------------------------------------


def best_peer(result, key="median", only=None):
    """Name and figure of the best other side; (None, None) when there is none."""
    found = [(side[key], name) for name, side in result["sides"].items()
             if name != "fovea" and key in side and (only is None or name.startswith(only))
             and side.get("difference", 0) <= AGREE]
    return min(found)[::-1] if found else (None, None)


def milliseconds(side):
    return "%.3g" % (1e3 * side["median"]) if side and "median" in side else "-"


def mark(ratio, bar):
    return "yes" if ratio >= bar else "no"


def print_rows(rows, markdown):
    if markdown:
        print()
        for number, row in enumerate(rows):
            print("| " + " | ".join(row) + " |" + ("\n|---" + "|---:" * (len(row) - 1) + "|" if number == 0 else ""))
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            print("-" * (sum(widths) + 2 * (len(widths) - 1)))


def print_times(results, markdown):
    rows = [["case", "batch", "threads", "fovea", "onnxruntime", "opencv", "pytorch", "best other", "times as fast",
             "bar", "reached", "differs"]]
    for result in results:
        sides = result["sides"]
        name, best = best_peer(result)
        torch_name, _ = best_peer(result, only="pytorch")
        own = sides["fovea"].get("median")
        ratio = best / own if best and own else None
        differences = [side["difference"] for side in sides.values() if "difference" in side]
        rows.append([result["case"], str(result["batch"]), str(result["threads"]), milliseconds(sides["fovea"]),
                     milliseconds(sides.get("onnxruntime")), milliseconds(sides.get("opencv")),
                     milliseconds(sides.get(torch_name)), name or "-", "%.2f" % ratio if ratio else "-",
                     "%.1f" % result["bar"], mark(ratio, result["bar"]) if ratio else "-",
                     "%.0e" % max(differences) if differences else "-"])
    print("Milliseconds of one run, medians; PyTorch in its best form")
    print_rows(rows, markdown)


def print_memory(results, markdown):
    rows = [["case", "batch", "threads", "fovea", "its plan", "onnxruntime", "pytorch", "fovea / bar's peer",
             "at most"]]
    for result in results:
        sides = result["sides"]
        torch_name, torch_peak = best_peer(result, "peak", "pytorch")
        own, ort = sides["fovea"].get("peak"), sides.get("onnxruntime", {}).get("peak")
        plan = sides["fovea"].get("planned")
        peer = torch_peak if result["training"] else ort
        show = lambda bytes_: "%.0f" % (bytes_ / 2**20) if bytes_ else "-" # noqa: E731
        rows.append([result["case"], str(result["batch"]), str(result["threads"]), show(own),
                     show(plan and plan["activations"] + plan["packed"] + plan["parameters"]), show(ort),
                     show(torch_peak if torch_name else None), "%.2f" % (own / peer) if own and peer else "-",
                     "0.5" if result["training"] else "1.0"])
    print("\nMost that was resident, MiB, in a process that does only this")
    print_rows(rows, markdown)


def print_first_outputs(results, markdown):
    rows = [["case", "threads", "fovea", "onnxruntime", "opencv", "pytorch", "fovea / onnxruntime", "at most"]]
    for result in results:
        sides = result["sides"]
        if result["training"] or result["network"] != "vgg16":
            continue
        names = ("fovea", "onnxruntime", "opencv", "pytorch plain")
        times = [sides.get(name, {}).get("first_output") for name in names]
        rows.append([result["case"], str(result["threads"])] + ["%.0f" % (1e3 * t) if t else "-" for t in times] +
                    ["%.2f" % (times[0] / times[1]) if times[0] and times[1] else "-", "0.5"])
    if len(rows) > 1:
        print("\nMilliseconds from opening the file to the first output")
        print_rows(rows, markdown)


def short_build(about):
    """What of a build decides its speed; all of it is in the JSON."""
    build = about.get("build") or "%s, %s" % (about.get("processor"), about.get("isa"))
    if "PyTorch built with" not in build:
        return build
    parts = re.findall(r"MKL-DNN v[0-9.]+|OpenMP \d+|CPU capability usage: \w+|BLAS_INFO=\w+|USE_MKLDNN=\w+", build)
    return ", ".join(dict.fromkeys(parts))


def print_builds(results):
    seen = {}
    for result in results:
        for name, side in result["sides"].items():
            if "about" in side:
                seen.setdefault(name.split()[0], side["about"])
    print("\nBuilds")
    for name, about in seen.items():
        print("%-12s %s  %s" % (name, about["version"], short_build(about)))
        if name == "pytorch":
            print("%-12s BLAS: %s%s" % ("", ", ".join(about["blas"]) or "none",
                                        "; " + about["openblas"] if about["openblas"] else ""))
            if not about["openblas"]:
                print("%-12s WARNING: a generic BLAS slows PyTorch down: install libopenblas0-pthread" % "")


def report(results, markdown=False):
    print_times(results, markdown)
    print_memory(results, markdown)
    print_first_outputs(results, markdown)
    print_builds(results)
    problems = 0
    for result in results:
        for name, side in result["sides"].items():
            if "error" in side:
                print("%s, %d threads: %s: %s" % (result["case"], result["threads"], name, side["error"]))
                problems += name == "fovea"
            if not side.get("difference", 0) <= AGREE:  # NaN does not agree either
                print("%s, %d threads: fovea and %s disagree by %.1e of the scale" % (
                    result["case"], result["threads"], name, side["difference"]))
                problems += 1
        busy = result["sides"]["fovea"].get("others")
        if busy:
            print("%s, %d threads: other programs kept %.1f processors busy: do not quote this" % (
                result["case"], result["threads"], max(busy)))
    return problems


# ---- the command -----------------------------------------------------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "fovea", "peers")
    parser.add_argument("--cases", help="networks or NETWORK/inference, NETWORK/training, with commas between")
    parser.add_argument("--peers", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    parser.add_argument("--threads", default="2,1", help="numbers of threads, with commas between [2,1]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each side in each round [1.5]")
    parser.add_argument("--timeout", type=float, default=300,
                        help="seconds until a side that does not answer is given up")
    parser.add_argument("--quick", action="store_true", help="a few cases, two rounds of 0.3 s, two threads")
    parser.add_argument("--fovea", default=os.path.join(ROOT, "build", "release", "fovea"))
    parser.add_argument("--fovea-options", default="", help="more options for fovea bench, such as --exact-conv")
    parser.add_argument("--python", default=os.environ.get("PYTHON", "/usr/bin/python3"),
                        help="that of PyTorch and OpenCV")
    parser.add_argument("--cache", default=cache, help="where networks and ONNX Runtime lie [%s]" % cache)
    parser.add_argument("--install", action="store_true", help="first install what is missing (apt-get, npm)")
    parser.add_argument("--prepare", action="store_true", help="only install and make the networks")
    parser.add_argument("--results", help="folder that keeps each case as a JSON file")
    parser.add_argument("--table", action="store_true", help="measure nothing: print what lies in --results")
    parser.add_argument("--markdown", action="store_true", help="tables as Markdown")
    parser.add_argument("--json", help="write all results of this run to this file")
    options = parser.parse_args()
    options.peers = [peer for peer in options.peers.split(",") if peer]
    for peer in options.peers:
        if peer not in PEERS:
            parser.error("no peer \"%s\"; there are %s" % (peer, ", ".join(PEERS)))
    options.threads = [int(count) for count in options.threads.split(",")]
    if options.quick:
        options.rounds, options.seconds, options.threads = 2, 0.3, options.threads[:1]
        options.cases = options.cases or ",".join(QUICK)
    wanted = options.cases.split(",") if options.cases else None
    options.chosen = [case for case in CASES if wanted is None or case[0] in wanted or case_name(case) in wanted]
    known = {case[0] for case in CASES} | {case_name(case) for case in CASES}
    for word in wanted or []:
        if word not in known:
            parser.error("no case \"%s\"; there are %s" % (word, ", ".join(sorted(known))))
    if options.table and not options.results:
        parser.error("--table needs --results")
    return options


def read_results(folder):
    order = [case_name(case) for case in CASES]
    results = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                result = json.load(file)
            if result.get("case") in order:
                results.append(result)
            else:
                say("%s: no case \"%s\" is known; it is left out" % (os.path.join(folder, name), result.get("case")))
    return sorted(results, key=lambda result: (-result["threads"], order.index(result["case"])))


def keep(options, result):
    if options.results:
        os.makedirs(options.results, exist_ok=True)
        name = "%s-%d.json" % (result["case"].replace("/", "-"), result["threads"])
        with open(os.path.join(options.results, name), "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)


def main():
    options = parse()
    if options.table:
        return 1 if report(read_results(options.results), options.markdown) else 0
    if not os.access(options.fovea, os.X_OK):
        say("%s is missing; build it with ./dev build, or say --fovea PATH" % options.fovea)
        return 4
    if options.install or options.prepare:
        import install
        install.install(options.cache)
    try:
        import models
    except ImportError as problem:
        say("%s; on Debian: ./dev bench-peers installs it, for /usr/bin/python3" % problem)
        return 4
    if options.prepare:
        for name in sorted({case[0] for case in options.chosen}):
            say("making " + name)
            models.prepare(name, options.cache, options.fovea)
        return 0
    results = []
    for threads in options.threads:
        for case in options.chosen:
            say("%s, batch %d, %d threads" % (case_name(case), case[1], threads))
            try:
                results.append(measure(case, threads, options, models))
                keep(options, results[-1])
            except (Failed, subprocess.SubprocessError) as problem:
                say("%s: %s" % (case_name(case), problem))
                return 1
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"results": results, "rounds": options.rounds, "seconds": options.seconds}, file, indent=1)
    return 1 if report(results, options.markdown) else 0


if __name__ == "__main__":
    sys.exit(main())
