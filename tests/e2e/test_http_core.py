"""The HTTP server itself: probes, tokens, limits, hostile bytes."""
import json
import os
import re
import resource
import signal
import socket
import time
import unittest

import http_case
import support

PROBE = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def statuses(data):
    """The status codes of the answers in what a connection gave."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", data)]


class Probes(http_case.ApiCase):

    def test_without_a_token(self):
        self.serve()
        for path in ("/healthz", "/health"):
            answer = self.ask("GET", path, token=None)
            self.assertEqual(answer.json, {"ok": True, "status": "live"})
        for path in ("/readyz", "/ready"):
            answer = self.ask("GET", path, token=None)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json["ready"], True)
        for path in ("/startupz", "/startup"):
            answer = self.ask("GET", path, token=None)
            self.assertEqual(answer.json, {"ok": True, "status": "started"})

    def test_every_answer_has_its_headers(self):
        self.serve()
        for path, status in (("/healthz", 200), ("/none", 404),
                             ("/v1/models", 200)):
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.headers["X-Content-Type-Options"],
                             "nosniff")
            self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_what_is_not_there(self):
        self.serve()
        for path in ("/none", "/healthz/", "/healthz/x", "//healthz",
                     "/HEALTHZ", "/v1", "/v1/completions", "/index.html",
                     "/../etc/passwd", "/%2e%2e/etc/passwd"):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual(answer.status, 404, answer)

    def test_a_wrong_method(self):
        self.serve()
        answer = self.ask("POST", "/healthz", b"x")
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        answer = self.ask("GET", "/v1/chat/completions")
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.headers["Allow"], "POST")
        self.assertEqual(self.ask("HEAD", "/healthz").status, 200)

    def test_a_stage_that_keeps_failing_makes_it_unready(self):
        good = self.place.folder / "good"
        self.place.script(
            "shaky", f"#!/bin/sh\n[ -e {good} ] || exit 71\nexec cat\n")
        self.configure(tools={"stages": ["shaky"]})
        self.start()
        answer = support.wait_for(
            lambda: (a := self.ask("GET", "/readyz")).status == 503 and a,
            what="503")
        self.assertIn("agent", answer.json["failing"])
        self.assertEqual(self.ask("GET", "/healthz").status, 200)
        good.touch()
        support.wait_for(lambda: self.ask("GET", "/readyz").status == 200,
                         what="200 again")

    @unittest.skipUnless(os.getuid(), "root may write everywhere")
    def test_a_spool_that_cannot_be_written(self):
        self.serve()
        new = self.place.state / "in" / "tmp"
        support.wait_for(new.exists, what="the queue")
        new.chmod(0o500)
        self.addCleanup(new.chmod, 0o700)
        self.assertEqual(
            self.ask("GET", "/readyz").json["failing"], ["spool"])


class Tokens(http_case.ApiCase):

    def test_who_is_let_in(self):
        self.serve()
        for token, status in ((http_case.TOKEN, 200), (None, 401), ("", 401),
                              ("x", 401), (http_case.TOKEN + "x", 401),
                              (http_case.TOKEN[:-1], 401)):
            with self.subTest(token=token):
                answer = self.ask("GET", "/v1/models", token=token)
                self.assertEqual(answer.status, status)
        self.assertEqual(answer.json["error"], {
            "message": "Unauthorized", "type": "unauthorized"})

    def test_refusals_to_start(self):
        for env, options, status in (
                ({"OPENCLAW_GATEWAY_TOKEN": ""}, ["--bind", "lan"], 78),
                ({}, ["--bind", "lan", "--auth", "none"], 78),
                ({"OPENCLAW_GATEWAY_TOKEN": "change-me-please"}, [], 78),
                ({"OPENCLAW_GATEWAY_TOKEN": "undefined"}, [], 78),
                ({"OPENCLAW_GATEWAY_TOKEN": "null"}, [], 78),
                ({"OPENCLAW_GATEWAY_TOKEN": "   "}, [], 78),
                ({}, ["--bind", "custom"], 78),
                ({}, ["--bind", "moon"], 64),
                ({}, ["--port", "70000"], 64),
                ({}, ["more"], 64)):
            for program in ("oc-recv-http", "oc-gateway"):
                with self.subTest(env=env, options=options, program=program):
                    result = self.place.run([program, *options], **env)
                    self.assert_status(result, status)

    def test_lan_without_a_token_says_so(self):
        del self.place.env["OPENCLAW_GATEWAY_TOKEN"]
        result = self.place.run(["oc-gateway", "--bind", "lan"])
        self.assert_status(result, 78)
        self.assertIn("Refusing to bind gateway to lan without auth.",
                      result.err)

    def test_a_busy_port(self):
        self.serve()
        result = self.place.run(["oc-gateway", "--port", str(self.port)])
        self.assert_status(result, 1)
        self.assertIn("in use", result.err)

    def test_without_a_token_only_probes_are_answered(self):
        del self.place.env["OPENCLAW_GATEWAY_TOKEN"]
        self.serve()
        self.assertEqual(self.ask("GET", "/healthz").status, 200)
        self.assertEqual(self.ask("GET", "/v1/models").status, 401)

    def test_no_web_page_passes_for_a_program_of_this_machine(self):
        del self.place.env["OPENCLAW_GATEWAY_TOKEN"]
        self.serve("--auth", "none")
        here = f"127.0.0.1:{self.port}"
        for headers, status in (
                ({"Host": here}, 200), ({"Host": "localhost:1"}, 200),
                ({"Host": "[::1]:1"}, 200),
                ({"Host": "evil.example"}, 403),
                ({"Host": here, "Origin": "http://" + here}, 200),
                ({"Host": here, "Origin": "https://evil.example"}, 403),
                ({"Host": here, "Origin": "null"}, 403)):
            with self.subTest(headers=headers):
                answer = self.ask("GET", "/v1/models", token=None,
                                  headers=headers)
                self.assertEqual(answer.status, status, answer)

    def test_the_eleventh_wrong_token_from_this_machine_waits(self):
        self.serve()
        began = time.monotonic()
        for _ in range(11):
            self.assertEqual(
                self.ask("GET", "/v1/models", token="x").status, 401)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertEqual(self.ask("GET", "/v1/models").status, 200)

    def test_the_eleventh_wrong_token_from_elsewhere_is_429(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.connect(("192.0.2.1", 9))
            except OSError:
                self.skipTest("there is no network")
            own = s.getsockname()[0]
        self.serve("--bind", "lan")
        found = []
        for _ in range(12):
            connection = http_case.http.client.HTTPConnection(own, self.port)
            found.append(self.ask("GET", "/v1/models", token="x",
                                  connection=connection))
            connection.close()
        self.assertEqual([a.status for a in found], [401] * 10 + [429] * 2)
        self.assertEqual(int(found[-1].headers["Retry-After"]), 300)
        connection = http_case.http.client.HTTPConnection(own, self.port)
        self.assertEqual(self.ask("GET", "/v1/models",
                                  connection=connection).status, 429)
        connection.close()
        # the probes go on, and so do other addresses
        connection = http_case.http.client.HTTPConnection(own, self.port)
        self.assertEqual(self.ask("GET", "/healthz", token=None,
                                  connection=connection).status, 200)
        connection.close()
        self.assertEqual(self.ask("GET", "/v1/models").status, 200)

    def test_the_token_is_nowhere_to_be_seen(self):
        stage = self.serve()
        self.ask("GET", "/v1/models", token="wrong-secret-77")
        self.assert_no_secret(http_case.TOKEN, stage, self.place.state)
        self.assert_no_secret("wrong-secret-77", stage)
        self.assert_no_secret_in_processes(http_case.TOKEN, stage.pid)


class Hostile(http_case.ApiCase):

    def configure(self, **more):
        super().configure(gateway={"head_s": 1, "body_s": 1, "idle_s": 2,
                                   "connections": 100, "body_bytes": 100000},
                          **more)

    def assert_alive(self):
        self.assertEqual(self.ask("GET", "/healthz").status, 200)

    def test_malformed_heads(self):
        self.serve()
        get = b"GET /healthz HTTP/1.1\r\n"
        post = b"POST /v1/responses HTTP/1.1\r\nHost: a\r\n"
        for name, data, status in (
                ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00", 400),
                ("no version", b"GET /healthz\r\n\r\n", 400),
                ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
                ("old version", b"GET /healthz HTTP/0.9\r\n\r\n", 505),
                ("two blanks", b"GET  /healthz HTTP/1.1\r\n\r\n", 400),
                ("bare LF", b"GET /healthz HTTP/1.1\nHost: a\n\r\n\r\n", 400),
                ("LF in the head", get + b"Host: a\nX: y\r\n\r\n", 400),
                ("bare CR", get + b"Host: a\rX: y\r\n\r\n", 400),
                ("NUL", get + b"Host: a\0b\r\n\r\n", 400),
                ("no host", get + b"\r\n", 400),
                ("two hosts", get + b"Host: a\r\nHost: b\r\n\r\n", 400),
                ("blank before the colon", get + b"Host : a\r\n\r\n", 400),
                ("folded line", get + b"Host: a\r\n b\r\n\r\n", 400),
                ("no colon", get + b"Host: a\r\nxyz\r\n\r\n", 400),
                ("absolute path", b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
                ("byte in the path", b"GET /\xff HTTP/1.1\r\n\r\n", 400),
                ("two lengths", post + b"Content-Length: 1\r\n"
                 b"Content-Length: 1\r\n\r\nx", 400),
                ("list of lengths", post + b"Content-Length: 1, 1\r\n\r\nx",
                 400),
                ("signed length", post + b"Content-Length: +1\r\n\r\nx", 400),
                ("huge length", post + b"Content-Length: 99999999999999999999"
                 b"\r\n\r\n", 400),
                ("length and chunks", post + b"Content-Length: 5\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                ("odd coding", post + b"Transfer-Encoding: gzip, chunked"
                 b"\r\n\r\n0\r\n\r\n", 400),
                ("disguised coding", post + b"Transfer-Encoding: xchunked"
                 b"\r\n\r\n0\r\n\r\n", 400),
                ("two codings", post + b"Transfer-Encoding: chunked\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                ("two tokens", get + b"Host: a\r\nAuthorization: Bearer x\r\n"
                 b"Authorization: Bearer y\r\n\r\n", 400),
                ("64 KB of headers", get + b"Host: a\r\nX: " + b"y" * 65536 +
                 b"\r\n\r\n", 431),
                ("many headers", get + b"X: y\r\n" * 200 + b"\r\n", 431),
                ("expectation", get + b"Host: a\r\nExpect: gold\r\n\r\n",
                 417)):
            with self.subTest(name):
                found = self.raw(data)
                self.assertEqual(statuses(found), [status], found)
                self.assertIn(b"Connection: close", found)
        self.assert_alive()

    def test_what_follows_a_refused_body_is_no_request(self):
        self.serve()
        found = self.raw(b"POST /none HTTP/1.1\r\nHost: a\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(PROBE) + PROBE)
        self.assertEqual(statuses(found), [404])

    def chunked(self, body):
        return self.raw(
            b"POST /v1/responses HTTP/1.1\r\nHost: a\r\n"
            b"Connection: close\r\nAuthorization: Bearer " +
            http_case.TOKEN.encode() +
            b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    def test_chunks(self):
        self.serve()
        # 400 with "input": the body was read, and understood as JSON
        for name, body, status, reason in (
                ("whole", b"2\r\n{}\r\n0\r\n\r\n", 400, b"model"),
                ("two", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 400, b"model"),
                ("extension, trailer", b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n",
                 400, b"model"),
                ("no size", b"\r\n{}\r\n0\r\n\r\n", 400, b"chunk"),
                ("word", b"xy\r\n{}\r\n0\r\n\r\n", 400, b"chunk"),
                ("signed", b"+2\r\n{}\r\n0\r\n\r\n", 400, b"chunk"),
                ("prefix", b"0x2\r\n{}\r\n0\r\n\r\n", 400, b"chunk"),
                ("bare LF", b"2\n{}\n0\n\n", 400, b"chunk"),
                ("too short", b"3\r\n{}\r\n0\r\n\r\n", 400, b"chunk"),
                ("too long", b"1\r\n{}\r\n0\r\n\r\n", 400, b"chunk"),
                ("nine digits", b"000000002\r\n{}\r\n", 400, b"chunk"),
                ("more than allowed", b"fffffff\r\n", 413, b"too large")):
            with self.subTest(name):
                found = self.chunked(body)
                self.assertEqual(statuses(found), [status], found)
                self.assertIn(reason, found)
        self.assert_alive()

    def test_bodies_over_the_limit(self):
        self.serve()
        answer = self.ask("POST", "/v1/responses", b"x" * 100001)
        self.assertEqual(answer.status, 413)
        # without a token nothing of it is read
        answer = self.ask("POST", "/v1/responses", b"x" * 100000, token="x")
        self.assertEqual(answer.status, 401)
        self.assert_alive()

    def drip(self, first, piece):
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(first)
            s.settimeout(0.1)
            for _ in range(200):
                try:
                    return s.recv(4096)
                except socket.timeout:
                    s.sendall(piece)
        return b""

    def test_drips_end_at_the_deadline(self):
        self.serve()
        head = b"POST /v1/responses HTTP/1.1\r\nHost: a\r\n"
        token = b"Authorization: Bearer " + http_case.TOKEN.encode()
        for name, first, piece in (
                ("head", head, b"x"),
                ("body", head + token + b"\r\nContent-Length: 9999\r\n\r\n",
                 b" "),
                ("chunks", head + token +
                 b"\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")):
            with self.subTest(name):
                self.assertEqual(statuses(self.drip(first, piece)), [408])
        self.assert_alive()

    def test_idle_connections_are_closed(self):
        self.serve()
        self.assertEqual(self.raw(b""), b"")
        self.assertEqual(statuses(self.raw(PROBE)), [200])

    def test_pipelining(self):
        self.serve()
        found = self.raw(PROBE * 500 + LAST + PROBE)
        self.assertEqual(statuses(found), [200] * 501)
        found = self.raw(PROBE * 3, half_close=True)
        self.assertEqual(statuses(found), [200] * 3)

    def test_bytes_one_by_one(self):
        self.serve()
        found = self.raw(*[bytes([b]) for b in LAST])
        self.assertEqual(statuses(found), [200])

    def answers_soon(self):
        """Like a kubelet, which asks again: a probe may meet a burst."""
        def ask():
            try:
                return self.ask("GET", "/healthz").status == 200
            except ConnectionError:
                return False
        support.wait_for(ask, what="an answer to a probe")

    def test_more_connections_than_there_are(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(5000, hard - 200)
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (min(hard, count + 200), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))
        self.serve()
        open_ones = []
        try:
            for i in range(count):
                s = socket.create_connection(("127.0.0.1", self.port))
                if i % 3 == 0:
                    s.sendall(b"GET /")
                open_ones.append(s)
                if i % 500 == 0:
                    self.answers_soon()
            self.answers_soon()
        finally:
            for s in open_ones:
                s.close()
        self.answers_soon()

    def test_when_all_are_at_work_probes_are_answered(self):
        self.with_model({"m": [{"text": "late", "delay": 20}]},
                        limits={"in_flight": 200})
        stage = self.start()
        streams = []
        for _ in range(101):
            connection = self.connect()
            connection.request(
                "POST", "/v1/responses", '{"model":"openclaw","input":"x"}',
                {"Authorization": "Bearer " + http_case.TOKEN})
            streams.append(connection)
        support.wait_for(
            lambda: self.ask("GET", "/v1/models").status == 503,
            what="503")
        self.assert_alive()
        for connection in streams:
            connection.close()
        self.end(stage)


class Ends(http_case.ApiCase):

    def test_sigterm_waits_for_what_runs(self):
        self.with_model({"m": [{"text": "after the signal", "delay": 2}]})
        stage = self.start()
        lines = self.stream("/v1/chat/completions", {
            "model": "openclaw",
            "messages": [{"role": "user", "content": "x"}]})
        first = next(lines)
        self.assertIn("assistant", first)
        connection = self.connect()
        connection.connect()
        stage.signal(signal.SIGTERM)
        support.wait_for(
            lambda: self.ask("GET", "/startupz").json["status"] == "draining",
            what="draining")
        self.assertEqual(self.ask("GET", "/readyz").status, 503)
        self.assertEqual(self.complete().status, 503)
        text = "".join(e["choices"][0]["delta"].get("content", "")
                       for e in http_case.events(lines) if e != "[DONE]")
        self.assertEqual(text, "after the signal")
        self.assert_status(stage.wait(), 0)

    def test_a_turn_that_is_not_safe_in_time_is_taken_back(self):
        # as on a full disk, where put waits
        taken = self.place.folder / "taken"
        self.place.script("full", f"#!/bin/sh\ncat >{taken}\n")
        self.serve(program=["full"])
        answer = self.complete()
        self.assertEqual(answer.status, 503, answer)
        self.assertEqual(answer.error["type"], "api_error")
        turn, stop = [json.loads(line)
                      for line in taken.read_text().splitlines()]
        self.assertEqual((stop["type"], stop["id"], stop["session"]),
                         ("stop", turn["id"], turn["session"]))
        self.complete()
        self.assertEqual(
            self.ask("GET", "/readyz").json["failing"], ["spool"])


if __name__ == "__main__":
    unittest.main()
