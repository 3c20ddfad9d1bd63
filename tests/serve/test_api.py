#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fovea serve from outside, without a browser: answers that equal `fovea predict` to the last bit, refusals in one
sentence, foreign hosts and origins, broken and oversized bodies, slow connections, a full queue, runs, teaching, and how it
ends. FOVEA_BINARY is the command; skipped where it was built without libevent.

Run one case:  FOVEA_BINARY=build/release/fovea tests/serve/test_api.py guard
"""
import http.client
import io
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tarfile
import xml.etree.ElementTree
import zipfile
import zlib

from serving import FOVEA, Server, main, png, response, wait_until

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cli/serve/page")

_server = None


def server():
    global _server
    if _server is None:
        made = subprocess.run([FOVEA, "train", "--model", "lenet5", "--data", "digits:300", "--epochs", "1", "--out",
                               "runs/first", "--quiet"], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        subprocess.run([FOVEA, "new", "squeezenet1_1", "--classes", "4", "--input", "3x64x64", "--out", "net.onnx"],
                       capture_output=True, check=True)
        _server = Server("runs/first/best.onnx", "net.onnx", "--runs", "runs", "--backbone", "net.onnx")
    return _server


# ---- answers ---------------------------------------------------------------------------------------------------------


def test_same_as_predict():
    s = server()
    assert [m["name"] for m in s.json("GET", "/api/models")["models"]] == ["best", "net"]
    for number, picture in enumerate([png(28, 28, 200), png(40, 31, 90), png(50, 70, 30, 2)]):
        with open(f"picture-{number}.png", "wb") as file:
            file.write(picture)
        for name, model in (("best", "runs/first/best.onnx"), ("net", "net.onnx")):
            done = subprocess.run([FOVEA, "predict", model, f"picture-{number}.png", "--json", "--quiet"],
                                  capture_output=True, text=True, check=True)
            wanted = json.loads(done.stdout)
            del wanted["file"]
            _, _, data = s.ask("POST", f"/api/predict?model={name}", picture)
            assert json.loads(data) == wanted, (name, number)
            blank = name == "best" and number < 2  # uniformly grey, for a model that looks for ink
            assert ("nothing is drawn" in wanted.get("note", "")) == blank, wanted


def test_what_is_asked_in_vain():
    """Whatever stands behind the ? and means nothing is said, as a body is that is no picture."""
    s = server()
    picture = png(28, 28, 200)
    for path, part in (("/api/predict?top=abc", "whole number from 1"), ("/api/predict?top=0", "from 1 to"),
                       ("/api/predict?top=", "whole number"), ("/api/predict?top", "has no value"),
                       ("/api/predict?top=-3", "whole number"), ("/api/predict?top=3.5", "whole number"),
                       ("/api/predict?top=99999999999999999999", "whole number"), ("/api/predict?mask=yes", "from 0 to 1"),
                       ("/api/predict?tpo=3", "did you mean top?"), ("/api/predict?nothing=1", "takes model,top,mask"),
                       ("/api/predict?top=1&top=2", "given twice"), ("/api/predict?model=%zz", "percent-encoded"),
                       ("/api/explain?methods=gradcm", "integrated_gradients"), ("/api/explain?methods=", "several"),
                       ("/api/explain?methods=gradcam,", "several"), ("/api/explain?steps=many", "whole number"),
                       ("/api/explain?class=nobody", "no class"), ("/api/explain?class=-1", "no class"),
                       ("/api/explain?class=10", ""), ("/api/layer?layer=nothing", ""),
                       ("/api/sum?filter=x", "whole number"), ("/api/sum?row=1e3", "whole number"),
                       ("/api/teach/train?epochs=soon", "from 1 to 200"), ("/api/teach/train?epochs=201", "from 1 to 200")):
        answer = s.json("POST", path, picture, code=400)
        assert part in answer["error"], (path, answer)
    for path, code in (("/api/lessons?lang=fr", 400), ("/api/health?x=1", 400), ("/api/models?model=best", 400),
                       ("/api/filters?layer=nothing", 400), ("/api/network?model=nobody", 404),
                       ("/api/lessons/drawing/15x", 404), ("/api/runs/first?from=3", 400)):
        s.json("GET", path, code=code)
    for path in ("/api/predict?top=2&model=best&mask=0", "/api/predict?&top=2&", "/api/explain?class=&methods=gradcam",
                 "/api/explain?class=3&methods=occlusion,gradcam&steps=4"):
        s.json("POST", path, picture)
    parameters = s.json("GET", "/api/openapi.json")["paths"]["/api/predict"]["post"]["parameters"]
    assert {p["name"]: p["schema"] for p in parameters}["top"] == {"type": "integer", "minimum": 1, "maximum": 999999}


def in_zip(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return made.getvalue()


def in_tar(files, mode="w"):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def test_archives():
    """Several pictures in a zip or a tar: one answer each, in their order, those of `fovea predict` with the same files."""
    s = server()
    pictures = [(f"many/{70 - i} {'é' * (i % 3)}.png", png(28, 28 + i % 5, 3 * i % 256)) for i in range(70)]
    os.makedirs("many")
    for name, content in pictures:
        with open(name, "wb") as file:
            file.write(content)
    for model, path in (("best", "runs/first/best.onnx"), ("net", "net.onnx")):
        names = [name for name, _ in pictures][:70 if model == "best" else 3]
        done = subprocess.run([FOVEA, "predict", path, *names, "--json", "--quiet"], capture_output=True, text=True,
                              check=True)
        wanted = [json.loads(line) for line in done.stdout.splitlines()]
        for pack in (in_zip, in_tar):
            answer = s.json("POST", f"/api/predict?model={model}", pack(pictures[:len(names)]))
            assert answer == {"pictures": wanted}, (model, pack)
    mixed = [("a.png", png(9, 9, 1)), ("b.txt", b"no picture"), (".DS_Store", b"x"), ("__MACOSX/a.png", b"x"),
             ("c/", b""), ("c/d.png", png(9, 9, 2))]
    answer = s.json("POST", "/api/predict?top=1", in_zip(mixed))["pictures"]
    assert [one["file"] for one in answer] == ["a.png", "b.txt", "c/d.png"], answer
    assert "error" in answer[1] and len(answer[0]["top"]) == len(answer[2]["top"]) == 1
    whole = in_zip(mixed)
    for body, code in ((whole[:-30], 422), (in_zip([]), 422), (in_tar(mixed)[:700], 422),
                       (in_zip([(f"{i}.png", b"x") for i in range(257)]), 413),
                       (in_zip([(f"{i}.png", b"\0" * (16 << 20)) for i in range(5)]), 413)):
        s.json("POST", "/api/predict", body, code=code)
    answer = s.json("POST", "/api/predict", in_zip([("large.png", b"\0" * (17 << 20)), mixed[0]]))["pictures"]
    assert "error" in answer[0] and "top" in answer[1], answer
    s.json("POST", "/api/predict?mask=1", whole, code=400)
    s.json("POST", "/api/predict", in_tar(mixed, "w:gz"), code=422)


def test_health_and_documents():
    s = server()
    assert s.json("GET", "/api/health") == {"status": "ok"}
    document = s.json("GET", "/api/openapi.json")
    assert document["openapi"].startswith("3.") and "/api/predict" in document["paths"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"] and "200" in operation["responses"], path
    status, head, data = s.ask("GET", "/metrics")
    assert status == 200 and b"fovea_jobs_total{worker=\"answer\"}" in data
    groups = [None]  # all lines of a metric follow its HELP and TYPE lines without others between
    for line in data.decode().splitlines():
        name = line.split()[2] if line.startswith("# ") else re.sub("(?<=_seconds)_(bucket|sum|count)$", "", re.match(r"\w+", line)[0])
        assert name == groups[-1] or (line.startswith("# HELP ") and name not in groups), line
        groups.append(name)
    status, head, data = s.ask("GET", "/")
    assert status == 200 and b"<!doctype html>" in data
    assert "'unsafe-inline'" not in head["Content-Security-Policy"]
    assert head["X-Content-Type-Options"] == "nosniff" and head["Referrer-Policy"] == "no-referrer"
    assert b"style=" not in data and b"<script>" not in data and b"http" not in data.replace(b"http-equiv", b"")


def test_explain():
    s = server()
    answer = s.json("POST", "/api/explain?model=net&methods=gradcam,integrated_gradients", png(64, 64, 30, 2))
    assert len(answer["gradcam"]) == 64 and len(answer["integrated_gradients"]) == 3
    network = s.json("GET", "/api/network?model=best")
    assert network["parameters"] == 61706 and network["milliseconds"]
    convolution = next(layer["name"] for layer in network["layers"] if layer["type"] == "conv")
    maps = s.json("POST", f"/api/layer?model=best&layer={convolution}", png(28, 28, 99))
    assert maps["channels"] == 6 and maps["shown"] == 6
    total = s.json("POST", f"/api/sum?model=best&layer={convolution}&filter=2&row=3&column=4", png(28, 28, 99))
    assert abs(total["sum"] - total["result"]) < 1e-4
    assert s.json("GET", f"/api/filters?model=best&layer={convolution}")["filters"] == 6
    s.json("POST", "/api/sum?model=best&layer=nothing", png(28, 28, 99), code=400)


def test_explain_a_box():
    """?class= of a detector is a class, not the number of a box, as `fovea explain --class` has it."""
    server()
    subprocess.run([FOVEA, "new", "yolox-nano", "--classes", "3", "--input", "3x64x64", "--seed", "3", "-o", "boxes.onnx"],
                   capture_output=True, check=True)
    s = Server("boxes.onnx")
    picture = png(64, 64, 30, 2)
    with open("boxes.png", "wb") as file:
        file.write(picture)
    compared = 0
    try:
        for number in range(3):
            done = subprocess.run([FOVEA, "explain", "boxes.onnx", "boxes.png", "--class", str(number), "--json", "--methods",
                                   "gradcam"], capture_output=True, text=True, check=False)
            status, _, data = s.ask("POST", f"/api/explain?methods=gradcam&class={number}", picture)
            assert (status == 200) == (done.returncode == 0) and status in (200, 422), (number, status, done.stderr)
            if status == 200:
                wanted, answer = json.loads(done.stdout), json.loads(data)
                assert answer["class"] == wanted["class"] == number, (number, answer["class"], wanted["class"])
                assert abs(answer["score"] - wanted["score"]) < 1e-4 * abs(wanted["score"]), number
                compared += 1
        assert compared > 0, "no class has a box"
        s.json("POST", "/api/explain?methods=gradcam&class=3", picture, code=400)
    finally:
        assert s.stop()[0] == 0


def test_lessons_and_drawings():
    s = server()
    english, chinese = (s.json("GET", f"/api/lessons?lang={lang}")["lessons"] for lang in ("en", "zh"))
    assert len(english) == len(chinese) >= 32 and [one["number"] for one in english] == list(range(1, len(english) + 1))
    for one, other in zip(english, chinese):
        assert one["title"] != other["title"] and one["text"] != other["text"] and one["task"] and other["task"], one
    number = next(one["number"] for one in english if one["picture"])
    status, head, data = s.ask("GET", f"/api/lessons/drawing/{number}")
    assert status == 200 and head["Content-Type"] == "image/svg+xml"
    assert xml.etree.ElementTree.fromstring(data).tag.endswith("svg")
    s.json("GET", "/api/lessons/drawing/99", code=404)
    s.json("GET", "/api/lessons/drawing/x", code=404)
    status, head, data = s.ask("GET", "/api/drawing?model=best")
    if status != 422:  # built without cairo
        assert status == 200 and xml.etree.ElementTree.fromstring(data).tag.endswith("svg"), data[:100]
        subprocess.run([FOVEA, "inspect", "runs/first/best.onnx", "--svg", "drawn.svg", "--quiet"], check=True,
                       capture_output=True)
        with open("drawn.svg", "rb") as file:
            assert file.read() == data


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_page_speaks_two_languages():
    """Each text of the page has its Chinese, which is no English: names of methods apart. What it asks for is there."""
    code = {}
    for name in os.listdir(PAGE):
        with open(os.path.join(PAGE, name), encoding="utf-8") as file:
            code[name] = file.read()
    table = code["texts.js"][:code["texts.js"].index("\n};")]
    texts = dict(re.findall(r"(\w+): (\[(?:'(?:[^'\\]|\\.)*'(?:, )?)*\])", table))
    assert len(texts) > 100 and table.count(": [") == len(texts)
    for key, pair in texts.items():
        both = re.findall(r"'((?:[^'\\]|\\.)*)'", pair)
        assert len(both) == 2 and all(both), key
        english, chinese = both
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese) or chinese in ("Grad-CAM", "Score-CAM", "SmoothGrad", "Sobel", "English") \
            or not re.search("[A-Za-z]{3}", re.sub(r"\{\w+\}", "", chinese)), (key, chinese)
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", chinese)), key
    asked = set(re.findall(r"\btext\('(\w+)'[,)]", "".join(code.values()))) | set(re.findall(r'data-text="(\w+)"', code["index.html"]))
    assert len(asked) > 60 and asked <= set(texts), asked - set(texts)


def test_guard():
    s = server()
    own = f"127.0.0.1:{s.port}"
    picture = png(28, 28, 1)
    s.json("GET", "/api/models", code=421, Host="evil.example")
    s.json("GET", "/api/models", code=421, Host=f"127.0.0.1.evil.example:{s.port}")
    s.json("POST", "/api/predict", picture, code=403, Host=own, Origin="http://evil.example")
    s.json("POST", "/api/predict", picture, code=403, Host=own, Origin="null")
    s.json("POST", "/api/predict", picture, code=403, Host=own, Sec_Fetch_Site="cross-site")
    s.json("POST", "/api/predict", picture, Host=own, Origin=f"http://{own}")
    s.json("GET", "/api/models", Host=f"localhost:{s.port}")
    s.json("GET", "/nothing", code=404)
    s.json("GET", "/api/predict", code=405)
    s.json("GET", "/api/runs/..%2f..%2fetc", code=404)
    s.json("POST", "/api/predict?model=other", picture, code=404)


def test_bad_bodies():
    s = server()
    picture = png(300, 300, 5, 2)
    for body in (b"", b"\0", b"\0" * 5000, b"hello", picture[:-30], picture[:40], b"\xff\xd8\xff" + b"\0" * 100,
                 b"GIF89a" + b"\xff" * 30):
        status, _, data = s.ask("POST", "/api/predict", body)
        assert 400 <= status < 500, (status, body[:20])
        assert "error" in json.loads(data)
    form = (b"--------------------------1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n" +
            picture + b"\r\n--------------------------1--\r\n")  # curl -F, which people try first
    assert "--data-binary" in s.json("POST", "/api/predict", form, code=415)["error"]
    try:
        status, _, _ = s.ask("POST", "/api/predict", b"x" * (17 << 20))
        assert status == 413, status
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server refused before all was sent
    bomb = png(1, 1, 1)  # its header will state 60,000 x 60,000 pixels
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    bomb = bomb[:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + bomb[33:]
    s.json("POST", "/api/predict", bomb, code=422)
    assert s.json("GET", "/api/health")


def test_broken_requests():
    """What cannot be read as a request is refused in JSON like everything else, though evhttp itself would say it in HTML."""
    s = server()
    host = b"Host: 127.0.0.1:%d\r\n" % s.port
    for text, code in ((b"GET\r\n\r\n", 400), (b"\0\0\0\0\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 400),
                       (b"POST /api/predict HTTP/1.1\r\n" + host + b"Content-Length: -4\r\n\r\n", 400),
                       (b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", 400),
                       (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n", 400),
                       (b"GET / HTTP/1.1\r\nA: " + b"a" * 40000 + b"\r\n\r\n", 400),
                       (b"POST /api/predict HTTP/1.1\r\n" + host + b"Content-Length: 99999999\r\n\r\n", 413),
                       (b"POST /api/predict HTTP/1.1\r\n" + host + b"Expect: tea\r\nContent-Length: 3\r\n\r\nabc", 417),
                       (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                       (b"GET /?" + b"a" * 5000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
                       (b"DELETE / HTTP/1.1\r\n" + host + b"\r\n", 405), (b"BREW / HTTP/1.1\r\n" + host + b"\r\n", 405)):
        with socket.create_connection(("127.0.0.1", s.port), timeout=10) as plug:
            plug.sendall(text)
            plug.shutdown(socket.SHUT_WR)
            head, _, body = b"".join(iter(lambda: plug.recv(9999), b"")).partition(b"\r\n\r\n")
            assert int(head.split()[1]) == code, (text[:60], head)
            assert b"application/json" in head and list(json.loads(body)) == ["error"], (text[:60], head, body)
    assert s.json("GET", "/api/health")


def test_slow_connections():
    """Many that say nothing, and one that says half, hold nobody up."""
    s = server()
    plugs = [socket.create_connection(("127.0.0.1", s.port), timeout=10) for _ in range(200)]
    for plug in plugs:
        plug.sendall(b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\nabc")
    s.json("POST", "/api/predict", png(28, 28, 77))
    for plug in plugs:
        plug.close()


def test_full_queue():
    """Whoever comes when 64 wait is told to come again; all others are answered."""
    s = server()
    first = s.begin("/api/explain?model=net&methods=integrated_gradients&steps=200", png(64, 64, 60, 2))
    rest = [s.begin("/api/explain?model=best&methods=occlusion", png(28, 28, 60)) for _ in range(109)]
    codes = [response(connection)[0] for connection in [first] + rest]
    assert set(codes) == {200, 429} and 64 <= codes.count(200) < 110, codes  # which come first is the system's choice


# ---- runs and teaching -----------------------------------------------------------------------------------------------


def test_runs():
    s = server()
    assert s.json("GET", "/api/runs")["runs"] == ["first"]
    run = s.json("GET", "/api/runs/first")
    assert run["columns"][0] == "epoch" and len(run["rows"]) == 1 and run["settings"]["epochs"] == 1
    connection = http.client.HTTPConnection("127.0.0.1", s.port, timeout=20)
    connection.request("GET", "/api/runs/events/first")
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.readline() == b"event: rows\n" and json.loads(response.readline()[6:])["rows"]
    with open("runs/first/history.csv", "a", encoding="utf-8") as file:
        file.write(",".join(["2"] * len(run["columns"])) + "\n")
    response.readline()
    assert response.readline() == b"event: rows\n" and json.loads(response.readline()[6:])["rows"][0][0] == 2
    connection.close()
    assert s.ask("GET", "/api/runs/report/first")[0] == 200
    s.json("GET", "/api/runs/none", code=404)


def test_train_serve():
    """A training that is watched: its steps and rows come as they are, it ends the page, and its weights are the same."""
    words = [FOVEA, "train", "--model", "lenet5", "--data", "digits:600", "--epochs", "4", "--json"]
    alone = subprocess.run([*words, "--out", "alone"], capture_output=True, text=True, check=True).stdout.splitlines()
    process = subprocess.Popen([*words, "--out", "watched runs/one 一", "--serve", "--port", "0"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    host = json.loads(process.stdout.readline())["url"][7:]
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", "/api/models")
    assert json.loads(connection.getresponse().read()) == {"models": [], "training": "one 一"}
    connection.request("POST", "/api/predict", b"x")
    response = connection.getresponse()
    assert response.status == 404 and "fovea serve" in json.loads(response.read())["error"]
    connection.request("GET", "/api/runs/events/one%20%E4%B8%80")
    events = {"rows": [], "steps": [], "end": []}
    for event in connection.getresponse().read().decode().strip().split("\n\n"):
        kind, data = event.split("\n")
        events[kind[7:]].append(json.loads(data[6:]))
    connection.close()
    printed, problem = process.communicate(timeout=60)
    assert process.returncode == 0 and problem == "", problem
    assert json.loads(printed.splitlines()[-1])["hash"] == json.loads(alone[-1])["hash"]
    assert [row[0] for rows in events["rows"] for row in rows["rows"]] == [1, 2, 3, 4], events["rows"]
    points = [point for steps in events["steps"] for point in steps["points"]]
    assert points[-1][0] == 4 and points == sorted(points) and events["steps"][-1]["at"]["share"] == 1, points
    assert events["end"] == [{}]
    for slip, said in ((["--port", "0"], "--serve"), (["--serve", "--find-lr"], "--find-lr")):
        done = subprocess.run([*words, *slip, "--out", "slip"], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and said in done.stderr and not os.path.exists("slip"), done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run([*words, "--serve", "--port", str(taken.getsockname()[1]), "--out", "slip"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 4 and "--port 0" in done.stderr and not os.path.exists("slip")


def test_teach():
    s = server()
    s.json("POST", "/api/teach/train", b"x", code=409)
    for i in range(5):
        s.json("POST", "/api/teach/picture?class=dark%20one", png(64, 64, 5 + i))
        s.json("POST", "/api/teach/picture?class=light", png(64, 64, 240 + i))
    s.json("POST", "/api/teach/picture?class=light", b"nonsense", code=422)
    state = s.json("POST", "/api/teach/train?epochs=2", b"x")
    assert state["ready"] and [c["pictures"] for c in state["classes"]] == [5, 5] and len(state["curve"]) == 2
    answer = s.json("POST", "/api/teach/predict", png(64, 64, 250))
    assert [one["name"] for one in answer["classes"]] == ["dark one", "light"]
    status, head, model = s.ask("GET", "/api/teach/model")
    assert status == 200 and "taught.onnx" in head["Content-Disposition"]
    with open("taught.onnx", "wb") as file:
        file.write(model)
    done = subprocess.run([FOVEA, "inspect", "taught.onnx", "--json"], capture_output=True, text=True, check=True)
    assert "dark one" in done.stdout
    s.json("POST", "/api/teach/clear", b"x")
    s.json("POST", "/api/teach/predict", png(8, 8, 1), code=409)


def test_keep():
    """Killed while it learns: pictures are there again, and training goes on behind the last whole epoch."""
    server()
    words = ("net.onnx", "--backbone", "net.onnx", "--keep", "taught")
    s = Server(*words)
    for i in range(5):
        s.json("POST", "/api/teach/picture?class=dark%20one", png(64, 64, 5 + i))
        s.json("POST", "/api/teach/picture?class=light", png(64, 64, 240 + i))
    s.json("POST", "/api/teach/picture?class=..%2Fup", png(8, 8, 1), code=400)
    training = s.begin("/api/teach/train?epochs=16", b"x")
    wait_until(lambda: s.json("GET", "/api/teach")["epoch"] >= 2, "two epochs")
    s.process.kill()
    s.process.wait()
    training.close()
    s.process.stdout.close()
    s.process.stderr.close()
    assert sorted(os.listdir("taught/light"))[0].endswith(".png") and len(os.listdir("taught/dark one")) == 5
    s = Server(*words)
    try:
        state = s.json("GET", "/api/teach")
        assert [(c["name"], c["pictures"]) for c in state["classes"]] == [("dark one", 5), ("light", 5)], state
        state = s.json("POST", "/api/teach/train?epochs=16", b"x")
        assert state["ready"] and 0 < len(state["curve"]) < 16 and state["epoch"] == 16, len(state["curve"])
        state = s.json("POST", "/api/teach/train?epochs=2", b"x")
        assert len(state["curve"]) == 2
        s.json("POST", "/api/teach/clear", b"x", code=409)
    finally:
        assert s.stop()[0] == 0


def test_keep_writes_nothing_over():
    """A kept picture that cannot be read any more keeps its file; one that cannot be kept is not taken."""
    server()
    words = ("net.onnx", "--backbone", "net.onnx", "--keep", "few")
    s = Server(*words)
    for i in range(3):
        s.json("POST", "/api/teach/picture?class=dark", png(64, 64, 5 + i))
    assert s.stop()[0] == 0
    with open("few/dark/00001.png", "wb") as file:
        file.write(b"broken")
    with open("few/dark/00003.png", "rb") as file:
        third = file.read()
    s = Server(*words)
    try:
        s.json("POST", "/api/teach/picture?class=dark", png(64, 64, 90))
        assert sorted(os.listdir("few/dark")) == [f"0000{i}.png" for i in range(1, 5)], os.listdir("few/dark")
        with open("few/dark/00003.png", "rb") as file:
            assert file.read() == third
        with open("few/light", "w", encoding="utf-8"):
            pass  # a file where a folder is needed
        s.json("POST", "/api/teach/picture?class=light", png(64, 64, 200), code=500)
        state = s.json("GET", "/api/teach")
        assert [(c["name"], c["pictures"]) for c in state["classes"]] == [("dark", 3)], state
    finally:
        s.stop()


# ---- ends ------------------------------------------------------------------------------------------------------------


def test_batches():
    """With --batch what waits goes through the network together, and each gets its own answer."""
    server()
    s = Server("runs/first/best.onnx", "net.onnx", "--batch", "8")
    try:
        pictures = [png(28, 28, 3 * i) if i % 7 else b"nonsense" for i in range(48)]
        archive = in_zip([(f"{i}.png", png(64, 64, i, 2)) for i in range(96)])
        busy = s.begin("/api/predict?model=net", archive)  # while it is answered, the others wait
        begun = [s.begin("/api/predict", picture) for picture in pictures]
        assert response(busy)[0] == 200
        answers = [response(connection) for connection in begun]
        batches, counted = s.metric("fovea_batches_total") - 96 / 32, s.metric("fovea_pictures_total") - 96
        assert counted == 41 and 48 / 8 <= batches < 41, (batches, counted)
        for i, (status, data) in enumerate(answers):
            assert status == (200 if i % 7 else 422), (i, status, data)
            if i % 7:
                alone = s.json("POST", "/api/predict", pictures[i])
                for one, other in zip(json.loads(data)["top"], alone["top"]):
                    assert abs(one["probability"] - other["probability"]) < 1e-5, i
        assert s.metric("fovea_batches_total") - 96 / 32 == batches + 41
    finally:
        assert s.stop()[0] == 0


def test_token():
    s = Server("runs/first/best.onnx", "--listen", "0.0.0.0")
    try:
        token = s.url.split("token=")[1]
        assert len(token) == 32
        s.json("GET", "/api/models", code=401)
        s.json("GET", "/api/models", code=401, X_Fovea_Token="0" * 32)
        s.json("GET", "/api/models", X_Fovea_Token=token)
        s.json("GET", "/api/health")
    finally:
        assert s.stop()[0] == 0


def test_end():
    """What runs when SIGTERM comes is answered; then the exit code is 0."""
    server()
    s = Server("net.onnx")
    running, _ = [s.begin("/api/explain?methods=integrated_gradients&steps=60", png(64, 64, 60, 2)) for _ in range(2)]
    wait_until(lambda: s.waiting("study") == 1, "one runs, the other waits")
    code, problem = s.stop()
    assert code == 0 and problem == "", (code, problem)
    assert response(running)[0] == 200


def test_names_of_models():
    server()
    for name in ("a-2.onnx", "b/a.onnx", "c/a.onnx", "d/a.onnx"):
        os.makedirs(os.path.dirname("named/" + name), exist_ok=True)
        shutil.copy("net.onnx", "named/" + name)
    s = Server("named/a-2.onnx", "named/b/a.onnx", "named/c/a.onnx", "named/d/a.onnx")
    try:
        assert [m["name"] for m in s.json("GET", "/api/models")["models"]] == ["a-2", "a", "a-3", "a-4"]
    finally:
        assert s.stop()[0] == 0


def test_end_of_teaching():
    """Trainings that wait when the server is told to stop do not begin."""
    server()
    s = Server("net.onnx", "--backbone", "net.onnx")
    for i in range(40):
        s.json("POST", f"/api/teach/picture?class={'light' if i % 2 else 'dark'}", png(64, 64, 40 + 4 * i))
    trainings = [s.begin("/api/teach/train?epochs=200", b"x") for _ in range(4)]
    wait_until(lambda: s.waiting("teach") == 3, "one trains, the others wait")
    assert s.stop()[0] == 0
    answers = [response(training) for training in trainings]
    assert [code for code, _ in answers] == [200, 503, 503, 503], answers
    assert json.loads(answers[0][1])["epoch"] < 200


def test_slips():
    done = subprocess.run([FOVEA, "serve", "missing.onnx", "--port", "0"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "missing.onnx" in done.stderr and done.stdout == ""
    done = subprocess.run([FOVEA, "serve", "--listen", "nowhere", "--port", "0"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "--listen" in done.stderr


def stop_shared():
    """What is wrong with how the server that the cases share ended; None: nothing."""
    code, problem = _server.stop() if _server is not None else (0, "")
    return f"the server ended with {code}: {problem}" if code != 0 or problem != "" else None


main(globals(), stop_shared)
