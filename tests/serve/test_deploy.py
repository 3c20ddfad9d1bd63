#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fovea serve as a service: whether it is ready, its token, behind a proxy that ends TLS and under a path, over IPv6, its
log and metrics, limits, silent connections, and what a stop does to those that ask meanwhile. FOVEA_BINARY is the
command; skipped where it was built without libevent.

Run one case:  FOVEA_BINARY=build/release/fovea tests/serve/test_deploy.py proxy
"""
import http.client
import http.server
import io
import json
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request
import zipfile

from serving import FOVEA, Server, main, png, response, wait_until

TOKEN = "a-Token.of_16~chars+/=="


def run(*words, code=0):
    done = subprocess.run([FOVEA, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return done


def started(*words, **options):
    """A server that is stopped at the end of `with`, well."""
    class Stopped(Server):
        def __enter__(self):
            return self

        def __exit__(self, *problem):
            self.code, self.said = self.stop()
            assert problem[0] is not None or self.code == 0, (self.code, self.said)
    return Stopped(*words, **options)


def raw(port, text, host="127.0.0.1"):
    """The status, the head and the body that answer these bytes."""
    with socket.create_connection((host, port), timeout=10) as plug:
        plug.sendall(text)
        head, _, body = b"".join(iter(lambda: plug.recv(9999), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


# ---- ready -----------------------------------------------------------------------------------------------------------


def test_ready():
    with started("lenet5") as s:
        assert s.json("GET", "/api/health") == {"status": "ok"} and s.json("GET", "/api/ready") == {"status": "ready"}
    with started() as s:
        assert s.json("GET", "/api/health") == {"status": "ok"}
        assert "no model" in s.json("GET", "/api/ready", code=503)["error"]


def test_weights_that_are_not_finite():
    """The server says so at the start, is not ready, and no request is told that it is its own fault."""
    run("new", "lenet5", "-o", "lenet.onnx")
    run("convert", "lenet.onnx", "whole.safetensors")
    with open("whole.safetensors", "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        head, data = json.loads(file.read(size)), file.read()
    head.pop("__metadata__", None)  # with the SHA-256 of the numbers
    text = json.dumps(head).encode()
    with open("broken.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[:-4] + struct.pack("<f", float("nan")))
    with started("broken.safetensors", "--model", "lenet5", quiet=()) as s:
        assert s.json("GET", "/api/health") == {"status": "ok"}
        assert re.search('"broken" cannot answer: .*not finite', s.json("GET", "/api/ready", code=503)["error"])
        for path in ("/api/predict", "/api/explain?methods=gradcam"):
            assert "not finite" in s.json("POST", path, png(28, 28, 90), code=500)["error"]
    assert "broken.safetensors cannot answer" in s.said, s.said
    run("serve", "broken.safetensors", "--model", "lenet5", "--strict", "--port", "0", code=3)
    with open("secret", "w", encoding="utf-8") as file:
        file.write(TOKEN + "\n")
    with started("lenet5", "broken.safetensors", "--model", "lenet5", "--token-file", "secret") as s:
        assert "broken" not in s.json("GET", "/api/ready", code=503)["error"]


def test_plan_that_does_not_fit():
    run("new", "squeezenet1_1", "--input", "3x512x512", "-o", "large.onnx")
    with open("a.png", "wb") as file:
        file.write(png(28, 28, 3))
    done = run("serve", "large.onnx", "--port", "0", "--max-memory", "14M", code=5)
    # The same reason; what is in use beside the plan is not the same in both.
    wanted, said = (re.sub(r"\d+ KiB of", "some of", text.split(": ")[-1]) for text in (
        run("predict", "large.onnx", "a.png", "--max-memory", "14M", code=5).stderr, done.stderr))
    assert done.stdout == "" and "large.onnx" in done.stderr and said == wanted and "22.8 MiB" in said, (wanted, said)


# ---- the token -------------------------------------------------------------------------------------------------------


def test_token_file():
    with open("token", "w", encoding="utf-8") as file:
        file.write(TOKEN + "\r\nnot this line\n")
    for words in ((), ("--listen", "0.0.0.0")):
        with started("lenet5", "--token-file", "token", *words, quiet=("-v",)) as s:
            assert "token" not in s.url, s.url
            encoded = TOKEN.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
            for path in ("/api/models", "/metrics", "/api/openapi.json", "/api/runs"):
                status, head, _ = s.ask("GET", path)
                assert status == 401 and head["WWW-Authenticate"].startswith("Bearer"), path
                for wrong in ({"X_Fovea_Token": TOKEN[:-1]}, {"Authorization": "Bearer " + TOKEN + "x"},
                              {"Authorization": "Basic " + TOKEN}, {"X_Fovea_Token": ""}, {"Authorization": "Bearer "}):
                    assert s.ask("GET", path, **wrong)[0] == 401, (path, wrong)
                assert s.ask("GET", path + "?token=wrong")[0] == 401
                for right in ({"X_Fovea_Token": TOKEN}, {"Authorization": "Bearer " + TOKEN},
                              {"Authorization": "bearer " + TOKEN}):
                    assert s.ask("GET", path, **right)[0] == 200, (path, right)
                assert s.ask("GET", f"{path}?token={encoded}")[0] == 200, path
            s.json("POST", f"/api/predict?top=2&token={encoded}", png(28, 28, 9))
            assert s.ask("GET", "/api/health")[0] == s.ask("GET", "/api/ready")[0] == s.ask("GET", "/")[0] == 200
            document = s.json("GET", "/api/openapi.json", Authorization="Bearer " + TOKEN)
            assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
            assert {"bearer": []} in document["security"]
            assert document["paths"]["/api/health"]["get"]["security"] == []
        assert TOKEN not in s.said and encoded not in s.said and "/api/predict?top=2 200" in s.said, s.said
    for text in ("short", "", "with a space in it 123456", "x" * 300):
        with open("bad", "w", encoding="utf-8") as file:
            file.write(text + "\n")
        assert "bad: its first line is no token" in run("serve", "lenet5", "--token-file", "bad", "--port", "0", code=3).stderr
    assert "missing" in run("serve", "lenet5", "--token-file", "missing", "--port", "0", code=4).stderr


# ---- names and proxies -----------------------------------------------------------------------------------------------


class Proxy(http.server.BaseHTTPRequestHandler):
    """What nginx does with `location /vision/ { proxy_pass http://127.0.0.1:PORT/; }`; with `whole` it leaves the path."""
    protocol_version = "HTTP/1.0"
    port, whole, host = 0, False, None

    def do_GET(self):
        path = self.path if self.whole else "/" + self.path.removeprefix("/vision/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, path, body=body or None, headers=dict(headers, **({"Host": self.host} if self.host else {})))
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_POST = do_GET

    def log_message(self, format, *values):
        pass


def test_proxy():
    with started("lenet5", "--public-url", "https://example.com/vision/") as s:
        for whole in (False, True):
            for host in (None, "example.com", "EXAMPLE.com:443"):
                handler = type("Here", (Proxy,), {"port": s.port, "whole": whole, "host": host})
                proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
                threading.Thread(target=proxy.serve_forever, daemon=True).start()
                base = f"http://127.0.0.1:{proxy.server_address[1]}/vision/"
                page = urllib.request.urlopen(base).read().decode()
                for name in re.findall(r'(?:src|href)="([^"#]+)"', page):
                    assert urllib.request.urlopen(base + name).status == 200, name
                for origin, code in (("https://example.com", 200), ("https://evil.example", 403), ("http://example.com", 403),
                                     ("https://example.com.evil.example", 403), ("null", 403)):
                    request = urllib.request.Request(base + "api/predict", png(28, 28, 9), {"Origin": origin, "Sec-Fetch-Site": "same-origin"})
                    try:
                        status = urllib.request.urlopen(request).status
                    except urllib.error.HTTPError as problem:
                        status = problem.code
                    if host == "example.com" and origin == "http://example.com":
                        continue  # the server cannot know that this proxy's own page is not at http
                    assert status == code, (whole, host, origin, status)
                proxy.shutdown()
                proxy.server_close()
        s.json("GET", "/api/models", code=421, Host="evil.example")
        s.json("GET", "/api/models", code=421, Host="example.com.evil.example")
        s.json("GET", "/api/models", code=421, Host="example.com:8081")
        s.json("GET", "/api/models", Host="example.com")
        status, head, _ = s.ask("GET", "/vision?token=x")
        assert status == 308 and head["Location"] == "/vision/?token=x"
        assert s.json("GET", "/api/openapi.json")["servers"] == [{"url": "https://example.com/vision"}]
    for url, origin, hosts in (("https://example.com:8443", "https://example.com:8443", ("example.com", "example.com:8443")),
                               ("https://example.com:443/x", "https://example.com", ("example.com", "example.com:443")),
                               ("http://[::2]:90", "http://[::2]:90", ("[::2]", "[::2]:90"))):
        with started("lenet5", "--public-url", url) as s:
            for host in hosts:
                s.json("GET", "/api/models", Host=host, Origin=origin)
            for host in (hosts[0] + ":1", hosts[0] + ".evil.example", "evil.example"):
                s.json("GET", "/api/models", code=421, Host=host)
            s.json("GET", "/api/models", code=403, Host=hosts[0], Origin=origin + "1")
    for url in ("example.com", "ftp://example.com", "https://", "https:///x", "https://a b", "https://x/?a", "https://u@x",
                "https://x/api", "https://x/api/v1", "https://x/metrics", "https://x//y"):
        assert "--public-url" in run("serve", "lenet5", "--public-url", url, "--port", "0", code=2).stderr, url


def test_hosts():
    with started("lenet5") as s:
        for host in ("localhost", "127.0.0.1", f"LOCALHOST:{s.port}"):
            s.json("GET", "/api/models", Host=host)
        for host in ("localhost.evil.example", "localhost:1", "127.0.0.1.evil.example", ""):
            s.json("GET", "/api/models", code=421, Host=host)
        s.json("POST", "/api/predict", png(9, 9, 9), code=403, Host=f"localhost:{s.port}", Origin="http://localhost")
        assert raw(s.port, b"GET /api/health HTTP/1.0\r\n\r\n")[0] == 200  # as HAProxy asks
        assert raw(s.port, b"GET /api/ready HTTP/1.0\r\n\r\n")[0] == 200
        assert raw(s.port, b"GET /api/models HTTP/1.0\r\n\r\n")[0] == 421
        assert raw(s.port, b"GET /api/health HTTP/1.1\r\nConnection: close\r\n\r\n")[0] == 421


def test_addresses():
    with started("lenet5", "--listen", "localhost") as s:
        assert s.url.startswith("http://127.0.0.1:") and s.json("GET", "/api/models")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        print("skipped: no IPv6 here")
        return
    for words, host, header in ((("::1",), "::1", "[::1]"), (("[::1]",), "::1", "localhost"), (("::",), "::1", "any.example"),
                                (("::",), "127.0.0.1", "any.example")):
        with started("lenet5", "--listen", *words) as s:
            assert s.url.startswith("http://[::1]:"), s.url
            token = s.url.split("token=")[1] if "token=" in s.url else ""
            assert (token == "") == (words[0] != "::"), s.url
            text = f"GET /api/models HTTP/1.0\r\nHost: {header}:{s.port}\r\nX-Fovea-Token: {token}\r\n\r\n"
            assert raw(s.port, text.encode(), host)[0] == 200, words
            if words[0] != "::":
                assert raw(s.port, text.replace(header, "evil.example").encode(), host)[0] == 421
    for address in ("nowhere", "1.2.3", "[127.0.0.1]", "::1%", "x" * 200):
        assert "--listen" in run("serve", "lenet5", "--listen", address, "--port", "0", code=2).stderr


# ---- what an operator reads ------------------------------------------------------------------------------------------


def test_log():
    with started("lenet5", quiet=("-v",)) as s:
        s.json("POST", "/api/predict?top=1", png(28, 28, 9))
        s.json("POST", "/api/predict?token=secret-secret-12", b"x", code=422)
        s.json("GET", "/nothing%0a", code=404)
        s.ask("GET", "/")
        raw(s.port, b"GET\r\n\r\n")
    lines = [line for line in s.said.splitlines() if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line)]
    assert len(lines) == 5, s.said
    for line, wanted in zip(lines, (r"POST /api/predict\?top=1 200 [\d.]+ ms \d+ bytes$", r"POST /api/predict 422 .* bytes: .+",
                                    r"GET /nothing%0a 404 .*: there is nothing", r"GET / 200 [\d.]+ ms \d+ bytes$",
                                    r"- - 400 .*: this is no HTTP request")):
        assert re.search(wanted, line), (wanted, line)
    assert "secret" not in s.said
    others = [line for line in s.said.splitlines() if line not in lines]
    assert len(others) == len(set(others)), others  # the machine is described once
    with started("lenet5", quiet=()) as s:
        s.ask("GET", "/")
    assert "GET /" not in s.said, s.said


def metrics(s):
    lines = s.ask("GET", "/metrics")[2].decode().splitlines()
    return lines, {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}


def test_metrics():
    run("new", "squeezenet1_1", "--classes", "4", "--input", "3x64x64", "-o", "slow.onnx")
    with started("lenet5", "mlp", "slow.onnx") as s:
        for i in range(5):
            s.json("POST", "/api/predict?model=lenet5", png(28, 28, 9 + i))
        s.json("POST", "/api/predict?model=lenet5", b"x", code=422)
        s.json("GET", "/api/models", code=421, Host="evil.example")
        lines, numbers = metrics(s)
        names = {re.match(r"\w+?(?=_bucket|_sum|_count|[{ ]|$)", line)[0] for line in numbers}
        for name in names:
            assert any(line.startswith(f"# HELP {name} ") for line in lines), name
            assert any(line.startswith(f"# TYPE {name} ") for line in lines), name
        buckets = [(line, number) for line, number in numbers.items() if line.startswith('fovea_predict_seconds_bucket{model="lenet5"')]
        assert len(buckets) == 15 and [n for _, n in buckets] == sorted(n for _, n in buckets) and "+Inf" in buckets[-1][0]
        assert buckets[-1][1] == numbers['fovea_predict_seconds_count{model="lenet5"}'] == 5
        assert numbers['fovea_predict_seconds_sum{model="lenet5"}'] > 0
        assert numbers['fovea_predict_seconds_count{model="mlp"}'] == 0
        assert numbers['fovea_refused_total{code="421"}'] == 1 and numbers['fovea_refused_total{code="429"}'] == 0
        slow = s.begin("/api/explain?model=slow&methods=occlusion", png(64, 64, 60, 2))
        others = [s.begin("/api/explain?model=lenet5&methods=gradcam", png(28, 28, 6)) for _ in range(75)]
        codes = [response(one)[0] for one in [slow, *others]]
        assert codes.count(429) > 0 and metrics(s)[1]['fovea_refused_total{code="429"}'] == codes.count(429)


def test_documents():
    with started("lenet5") as s:
        document = s.json("GET", "/api/openapi.json")
        schema = document["paths"]["/api/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        known = document["components"]["schemas"][schema["$ref"].split("/")[-1]]["properties"]
        assert set(s.json("POST", "/api/predict", png(28, 28, 9))) <= set(known) and "security" not in document
        for method, path, allow in (("PUT", "/api/predict", "POST"), ("GET", "/api/predict", "POST"), ("OPTIONS", "/api/predict", "POST"),
                                    ("POST", "/api/models", "GET, HEAD"), ("DELETE", "/", "GET, HEAD"), ("PATCH", "/metrics", "GET, HEAD")):
            status, head, data = s.ask(method, path)
            assert status == 405 and head["Allow"] == allow and allow.split(",")[0] in json.loads(data)["error"], (method, path)
        assert s.ask("PUT", "/nothing")[0] == 404
        for text, line in ((b"GET /api/models HTTP/1.0\r\nHost: x\r\n\r\n", "421 Misdirected Request"),
                           (b"POST /api/predict HTTP/1.0\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", "422 Unprocessable Content"),
                           (b"GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n", "404 Not Found")):
            assert raw(s.port, text)[1].split("\r\n")[0].endswith(line), line


# ---- limits ----------------------------------------------------------------------------------------------------------


def test_uploads():
    with started("lenet5", "--max-upload", "20000") as s:
        host = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\n"
        for text in (host + b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n" + b"4000\r\n" + b"x" * 100,
                     host + b"Content-Length: 20001\r\n\r\n"):
            status, head, body = raw(s.port, text)
            assert status == 413 and "Content Too Large" in head and "connection: close" in head.lower(), head
            assert "19.5 KiB" in json.loads(body)["error"], body
        s.json("POST", "/api/predict", png(28, 28, 9))
    for size in ("10", "2G", "many"):
        assert "--max-upload" in run("serve", "lenet5", "--max-upload", size, "--port", "0", code=2).stderr


def test_no_teach():
    with started("lenet5", "--no-teach") as s:
        assert s.json("GET", "/api/models")["teach"] is False
        for method, path in (("GET", "/api/teach"), ("POST", "/api/teach/picture?class=a"), ("POST", "/api/teach/train"),
                             ("GET", "/api/teach/model"), ("POST", "/api/teach/stop")):
            assert "--no-teach" in s.json(method, path, b"x" if method == "POST" else None, code=404)["error"], path
    run("serve", "lenet5", "--no-teach", "--keep", "kept", "--port", "0", code=2)


def trickle(port, head, more):
    """Sends `head`, then `more` again and again, byte by byte, until the server answers: (head of the answer, body)."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plug:
        plug.sendall(head)
        for _ in range(3000):
            if select.select([plug], [], [], 0.02)[0]:
                break
            plug.sendall(more)
        answer = b"".join(iter(lambda: plug.recv(9999), b""))
    return answer.partition(b"\r\n\r\n")[::2]


def test_requests_that_trickle():
    """Neither a head nor a body may take longer than --request-timeout, however often a byte of it comes."""
    with started("lenet5", "--request-timeout", "1") as s:
        host = b"Host: 127.0.0.1:%d\r\n" % s.port
        for head, more in ((b"GET /api/health HTTP/1.1\r\n" + host + b"X: ", b"x"),
                           (b"POST /api/predict HTTP/1.1\r\n" + host + b"Content-Length: 100000\r\n\r\n", b"x")):
            head, body = trickle(s.port, head, more)
            assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), head
            assert "within 1 s (--request-timeout)" in json.loads(body)["error"], body
        assert metrics(s)[1]['fovea_refused_total{code="408"}'] == 2
        assert s.json("GET", "/api/health") == {"status": "ok"}
    with started("lenet5") as s, socket.create_connection(("127.0.0.1", s.port), timeout=60) as plug:
        body = png(28, 28, 9)
        plug.sendall(b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" % s.port)
        for part in (b"Content-Length: %d\r\n\r\n" % len(body), body[:20], body[20:]):
            time.sleep(0.2)
            plug.sendall(part)
        assert b"".join(iter(lambda: plug.recv(9999), b"")).startswith(b"HTTP/1.1 200 ")
    for seconds in ("0", "-1", "1.5", "x"):
        assert "--request-timeout" in run("serve", "lenet5", "--request-timeout", seconds, "--port", "0", code=2).stderr


def test_archives_unpacked():
    """--max-unpacked limits all files of an archive together, whatever its own size."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            archive.writestr(f"{i}.bin", b"\0" * 30000)
    assert len(made.getvalue()) < 2000
    with started("lenet5", "--max-unpacked", "100000") as s:
        said = s.json("POST", "/api/predict", made.getvalue(), code=413)["error"]
        assert "97.7 KiB when unpacked" in said and "--max-unpacked" in said, said
    with started("lenet5", "--max-unpacked", "120000") as s:
        answers = s.json("POST", "/api/predict", made.getvalue())["pictures"]
        assert [a["file"] for a in answers] == [f"{i}.bin" for i in range(4)] and all("error" in a for a in answers)


def test_silent_connections():
    """More connections than there are places, which say nothing: health still answers soon, and a busy one is kept."""
    with started("lenet5") as s:
        plugs = []
        for _ in range(600):
            plugs.append(socket.create_connection(("127.0.0.1", s.port), timeout=20))
        assert s.json("GET", "/api/health") == {"status": "ok"}
        s.json("POST", "/api/predict", png(28, 28, 9))
        for plug in plugs:
            plug.close()


def test_stop_in_a_burst():
    """After SIGTERM what waits is answered, and who comes then, over a new connection, too, is told to come again."""
    run("new", "squeezenet1_1", "--classes", "4", "--input", "3x64x64", "-o", "net.onnx")
    s = Server("net.onnx")
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(s.ask("POST", "/api/explain?methods=occlusion", png(64, 64, 60, 2))[0]))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: s.waiting("study") == 2, "one is explained, the others wait")
    s.process.send_signal(signal.SIGTERM)
    wait_until(lambda: s.ask("GET", "/api/health")[0] == 503, "the signal has come")
    status, head, data = s.ask("POST", "/api/predict", png(28, 28, 9))
    assert status == 503 and head["Retry-After"] == "1" and "stopped" in json.loads(data)["error"]
    for thread in threads:
        thread.join()
    assert s.process.wait(120) == 0 and codes == [200] * 3, codes
    s.process.stdout.close()
    s.process.stderr.close()


main(globals())
