# SPDX-License-Identifier: MIT
"""What the tests of fovea serve share: pictures, a server that is started, asked and stopped, and how cases are run."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import files  # noqa: E402
from calls import FOVEA  # noqa: E402


def png(height, width, value, kind=0):
    """A PNG of one colour or, for kind 2, of a gradient in RGB."""
    if kind == 0:
        return files.png(height, width, 1, bytes([value]) * (height * width))
    return files.png(height, width, 3, b"".join(bytes([value, 7 * x % 256, 11 * y % 256])
                                                for y in range(height) for x in range(width)))


class Server:
    def __init__(self, *words, quiet=("--quiet",)):
        self.process = subprocess.Popen([FOVEA, "serve", *words, "--port", "0", "--json", *quiet], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.url = json.loads(line)["url"]
        self.port = int(re.search(r":(\d+)(/|$)", self.url)[1])

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, response.headers, data

    def begin(self, path, body):
        """Sends a POST and waits for no answer: response() of what is returned waits."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request("POST", path, body=body)
        return connection

    def metric(self, name):
        text = self.ask("GET", "/metrics")[2].decode()
        return float(next(line.rsplit(" ", 1)[1] for line in text.splitlines() if line.rsplit(" ", 1)[0] == name))

    def waiting(self, worker):
        """How many jobs wait for a worker that has one already."""
        return self.metric('fovea_jobs_waiting{worker="%s"}' % worker)

    def json(self, method, path, body=None, code=200, **headers):
        status, head, data = self.ask(method, path, body, **headers)
        assert status == code, f"{path}: {status} {data[:200]!r}"
        answer = json.loads(data)
        if code >= 400:
            assert list(answer) == ["error"] and "\n" not in answer["error"], answer
        return answer

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(120)
        self.process.stdout.close()
        problem = self.process.stderr.read()
        self.process.stderr.close()
        return code, problem


def response(connection):
    """(status, body) of a request that begin() sent."""
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def wait_until(holds, what, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not in {seconds} s"
        time.sleep(0.02)


def main(names, end=lambda: None):
    """Runs the cases test_*, those of the command line or all, in a folder of their own; `end` is called after the last and
    returns what is wrong, or None. Skipped where the command has no server."""
    probe = subprocess.run([FOVEA, "serve", "--listen", "nowhere"], capture_output=True, text=True, check=False)
    if "no server" in probe.stderr:
        print("skipped: built without libevent")
        sys.exit(77)
    wanted, failed, passed = sys.argv[1:], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, case in list(names.items()):
            if not name.startswith("test_") or (wanted and name[5:] not in wanted):
                continue
            begun = time.time()
            try:
                case()
                passed += 1
                print(f"ok      {name[5:]} ({time.time() - begun:.1f} s)", flush=True)
            except Exception:  # the next case still runs
                failed += 1
                print(f"FAILED  {name[5:]}\n{traceback.format_exc()}", flush=True)
        problem = end()
        if problem is not None:
            failed += 1
            print(f"FAILED  {problem}")
        os.chdir("/")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
