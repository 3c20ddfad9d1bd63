#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What fovea serve costs beside the network behind it: latency, throughput, slow neighbours, memory.

Usage: bench/serve.py latency|load|slow|memory [--model MODEL] [--picture FILE] [options]

  latency  one request after another: median and p95, and the share of each stage; then each picture on a connection of
           its own, as a page does after the pen is lifted
  load     --connections requests at once with --batch N, and archives of N pictures, in turn with fovea bench at that
           batch: pictures a second, p99, batch sizes, the server's CPU time a picture
  slow     latency with and without 200 connections that send a byte a second, in turn
  memory   --requests requests; resident memory after the first tenth and at the end

Without --picture a small PNG of the model's size is drawn. Needs nothing but Python.
"""
import argparse
import io
import json
import os
import selectors
import socket
import statistics
import struct
import subprocess
import time
import zipfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICK = os.sysconf("SC_CLK_TCK")


def png(channels, height, width):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    rows = b"".join(b"\0" + bytes((x * (c + 2) + y * 3) % 256 for x in range(width) for c in range(channels))
                    for y in range(height))
    kind = {1: 0, 3: 2}[channels]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Server:
    def __init__(self, fovea, model, *words):
        self.process = subprocess.Popen([fovea, "serve", model, "--port", "0", "--json", "--quiet", *words], text=True,
                                        stdout=subprocess.PIPE)
        self.host = json.loads(self.process.stdout.readline())["url"][7:]
        self.address = ("127.0.0.1", int(self.host.split(":")[1]))

    def request(self, body, path="/api/predict"):
        return (f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    def get(self, path):
        with socket.create_connection(self.address) as plug:
            plug.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
            return read_answer(plug)[1]

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def whole(answer):
    """Where an answer ends, once all of it is there."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return None
    fields = answer[:head].lower()
    at = fields.find(b"content-length:")
    length = int(fields[at + 15:].split(b"\r\n", 1)[0])
    return head + 4 + length if len(answer) >= head + 4 + length else None


def read_answer(plug):
    answer = b""
    while whole(answer) is None:
        part = plug.recv(1 << 16)
        if not part:
            raise OSError("the server hung up")
        answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if int(head.split()[1]) != 200:
        raise OSError(body.decode())
    return head.decode(), body


def stages(head):
    line = next(line for line in head.split("\r\n") if line.lower().startswith("server-timing:"))
    return {part.split(";")[0].strip(): float(part.split("dur=")[1]) for part in line.split(":", 1)[1].split(",")}


def one_by_one(server, request, count, fresh=False):
    times, parts = [], []
    plug = socket.create_connection(server.address)
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(count):
        begin = time.perf_counter()
        if fresh:
            plug.close()
            plug = socket.create_connection(server.address)
        plug.sendall(request)
        head, _ = read_answer(plug)
        times.append(1e3 * (time.perf_counter() - begin))
        parts.append(stages(head))
    plug.close()
    return times, parts


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def latency(options, picture):
    server = Server(options.fovea, options.model)
    request = server.request(picture)
    one_by_one(server, request, 5)
    for name, fresh in (("one connection", False), ("a connection each", True)):
        before = server.cpu()
        times, parts = one_by_one(server, request, options.requests, fresh)
        cpu = 1e3 * (server.cpu() - before) / len(times)
        network = statistics.median(part["network"] for part in parts)
        decode = statistics.median(part["decode"] for part in parts)
        print(f"{name}: median {statistics.median(times):.1f} ms, p95 {quantile(times, 0.95):.1f} ms, "
              f"least {min(times):.1f} ms, CPU {cpu:.1f} ms a request; network {network:.1f} ms, decoding {decode:.1f} "
              f"ms (medians), network's share {network / statistics.median(times):.0%}")
    server.stop()


def at_once(server, request, count, connections):
    """Each connection asks again as soon as it is answered. Seconds, and milliseconds of each request."""
    chooser, times, sent = selectors.DefaultSelector(), [], 0
    begun = time.perf_counter()
    state = {}
    for _ in range(min(connections, count)):
        plug = socket.create_connection(server.address)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(plug, selectors.EVENT_READ)
        plug.sendall(request)
        state[plug] = [time.perf_counter(), b""]
        sent += 1
    while len(times) < count:
        for key, _ in chooser.select():
            plug = key.fileobj
            part = plug.recv(1 << 16)
            if not part:
                raise OSError("the server hung up")
            state[plug][1] += part
            if whole(state[plug][1]) is None:
                continue
            if b" 200 " not in state[plug][1][:20]:
                raise OSError(state[plug][1][-200:].decode())
            times.append(1e3 * (time.perf_counter() - state[plug][0]))
            if sent < count:
                plug.sendall(request)
                state[plug] = [time.perf_counter(), b""]
                sent += 1
    for plug in state:
        plug.close()
    return time.perf_counter() - begun, times


def run_bench(options):
    out = subprocess.run([options.fovea, "bench", options.model, "--batch", str(options.batch), "--time", "4", "--json",
                          "--quiet"], capture_output=True, text=True, check=True)
    figures = json.loads(out.stdout)
    return figures["images_per_second"], figures["load_average"]


def load(options, picture):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for i in range(options.batch):
            archive.writestr(f"{i}.png", picture)
    server = Server(options.fovea, options.model, "--batch", str(options.batch))
    single, packed = server.request(picture), server.request(made.getvalue())
    at_once(server, single, 2 * options.batch, options.connections)
    at_once(server, packed, 2, 2)
    rows = {"singly": [], "archives": [], "bench": []}
    for _ in range(options.rounds):
        figures = [float(line.split()[1]) for line in server.get("/metrics").decode().splitlines()
                   if line.startswith(("fovea_batches_total", "fovea_pictures_total"))]
        before = server.cpu()
        seconds, times = at_once(server, single, options.requests, options.connections)
        cpu = 1e3 * (server.cpu() - before) / options.requests
        after = [float(line.split()[1]) for line in server.get("/metrics").decode().splitlines()
                 if line.startswith(("fovea_batches_total", "fovea_pictures_total"))]
        rows["singly"].append(options.requests / seconds)
        print(f"singly:   {options.requests / seconds:8.1f} pictures/s, p50 {quantile(times, 0.5):.1f} ms, p99 "
              f"{quantile(times, 0.99):.1f} ms, CPU {cpu:.2f} ms a picture, "
              f"{(after[1] - figures[1]) / (after[0] - figures[0]):.1f} pictures a batch", flush=True)
        count = max(2, options.requests // options.batch)
        before = server.cpu()
        seconds, times = at_once(server, packed, count, 2)
        cpu = 1e3 * (server.cpu() - before) / (count * options.batch)
        rows["archives"].append(count * options.batch / seconds)
        print(f"archives: {count * options.batch / seconds:8.1f} pictures/s, CPU {cpu:.2f} ms a picture", flush=True)
        speed, average = run_bench(options)
        rows["bench"].append(speed)
        print(f"bench:    {speed:8.1f} pictures/s (load {average:.1f})", flush=True)
    server.stop()
    best = {name: max(figures) for name, figures in rows.items()}
    print(f"of bench's best: singly {best['singly'] / best['bench']:.2f}, archives "
          f"{best['archives'] / best['bench']:.2f}")


def slow(options, picture):
    server = Server(options.fovea, options.model)
    request = server.request(picture)
    one_by_one(server, request, 5)
    head = f"POST /api/predict HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 100000\r\n\r\n".encode()
    alone, beside = [], []
    for _ in range(5 * options.rounds):
        alone += one_by_one(server, request, options.requests)[0]
        plugs = [socket.create_connection(server.address) for _ in range(200)]
        for plug in plugs:
            plug.sendall(head)
        last = time.perf_counter()
        for _ in range(0, options.requests, 10):
            beside += one_by_one(server, request, 10)[0]
            if time.perf_counter() - last > 1:
                last = time.perf_counter()
                for plug in plugs:
                    plug.sendall(b"x")
        for plug in plugs:
            plug.close()
    server.stop()
    for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
        before, after = quantile(alone, share), quantile(beside, share)
        print(f"{name}: alone {before:.2f} ms, beside 200 slow connections {after:.2f} ms, ratio {after / before:.2f}")


def memory(options, picture):
    server = Server(options.fovea, options.model)
    request = server.request(picture)
    first = options.requests // 10
    at_once(server, request, first, options.connections)
    before, rest = server.resident(), options.requests - first
    seconds, _ = at_once(server, request, rest, options.connections)
    after = server.resident()
    print(f"{options.requests} requests, {rest / seconds:.0f} a second; resident memory {before:.1f} MiB after {first}, "
          f"{after:.1f} MiB at the end: {after - before:+.1f} MiB")
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["latency", "load", "slow", "memory"])
    parser.add_argument("--fovea", default=os.path.join(ROOT, "build", "release", "fovea"))
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--picture")
    parser.add_argument("--requests", type=int)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.requests = options.requests or {"latency": 200, "load": 400, "slow": 200, "memory": 100000}[options.what]
    options.connections = options.connections or (2 * options.batch if options.what == "load" else 8)
    if options.picture:
        with open(options.picture, "rb") as file:
            picture = file.read()
    else:
        out = subprocess.run([options.fovea, "inspect", options.model, "--json"], capture_output=True, text=True, check=True)
        picture = png(*json.loads(out.stdout)["input"][1:])
    with open("/proc/loadavg", encoding="ascii") as file:
        print("load average", " ".join(file.read().split()[:3]))
    {"latency": latency, "load": load, "slow": slow, "memory": memory}[options.what](options, picture)


if __name__ == "__main__":
    main()
