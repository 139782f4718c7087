"""oc-provision: what is put in place at the start, and changes later."""
import hashlib
import http.server
import json
import os
import signal
import socket
import threading
import unittest

import gateway
import support

KUBECTL = b"#!/bin/sh\necho v1.34.3\n" + b"#" * 200000
RIGHT = hashlib.sha256(KUBECTL).hexdigest()


class Mirror(http.server.ThreadingHTTPServer):
    """Serves one file in as many ways as servers have of failing."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that goes away


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        name = self.path.strip("/")
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/right")
            self.end_headers()
            return
        if name == "circle":
            self.send_response(302)
            self.send_header("Location", "/circle")
            self.end_headers()
            return
        body = {"page": b"<html>sorry</html>", "empty": b"",
                "wrong": KUBECTL + b"x"}.get(name, KUBECTL)
        status = {"missing": 404, "broken": 503}.get(name, 200)
        if name == "once" and self.server.asked.count(self.path) == 1:
            status = 503
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if name == "half":
            body = body[:len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)
        if name == "half":
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)


class Provision(support.TestCase):
    def setUp(self):
        super().setUp()
        self.place.env["OC_LOG"] = "info"
        self.to = self.place.home / "bin" / "kubectl"

    def mirror(self):
        server = Mirror()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def wants(self, url, **more):
        self.place.config({"provision": {"timeout_s": 6, "binaries": [
            {"url": url, "sha256": RIGHT, "to": str(self.to)}], **more}})

    def problems(self, role="all"):
        path = self.place.state / "run" / f"provision.{role}.json"
        return json.loads(path.read_text())["problems"]

    def provision(self, *options, status=0):
        result = self.place.run(["oc-provision", *options])
        self.assert_status(result, status)
        return result

    def no_leftovers(self):
        names = os.listdir(self.to.parent) if self.to.parent.exists() else []
        self.assertEqual([n for n in names if n != "kubectl"], [])


class Binaries(Provision):
    def test_right_file_is_fetched_once(self):
        mirror = self.mirror()
        self.wants(mirror.url + "/right")
        self.provision()
        self.assertEqual(self.to.read_bytes(), KUBECTL)
        self.assertEqual(self.to.stat().st_mode & 0o777, 0o755)
        self.provision()
        self.assertEqual(mirror.asked, ["/right"])
        self.assertEqual(self.problems(), [])
        self.no_leftovers()

    def test_redirect_is_followed(self):
        mirror = self.mirror()
        self.wants(mirror.url + "/moved")
        self.provision()
        self.assertEqual(self.to.read_bytes(), KUBECTL)

    def test_server_that_is_up_a_moment_later(self):
        mirror = self.mirror()
        self.wants(mirror.url + "/once")
        self.provision()
        self.assertEqual(self.to.read_bytes(), KUBECTL)

    def test_what_must_not_be_installed(self):
        mirror = self.mirror()
        for name, word in (("wrong", "SHA-256"), ("page", "SHA-256"),
                           ("empty", "SHA-256"), ("missing", "404"),
                           ("broken", "503"), ("half", "not fetched"),
                           ("circle", "redirect")):
            with self.subTest(name):
                self.wants(mirror.url + "/" + name)
                result = self.provision(status=75)
                self.assertFalse(self.to.exists())
                self.assertRegex(self.problems()[0], word)
                self.assertIn("it is missing", self.problems()[0])
                self.assertEqual(len(result.err_lines), 1, result)
                self.no_leftovers()

    def test_no_network_keeps_an_older_one(self):
        self.to.parent.mkdir()
        self.to.write_bytes(b"older")
        self.to.chmod(0o755)
        self.wants("http://127.0.0.1:1/kubectl")
        self.provision(status=75)
        self.assertEqual(self.to.read_bytes(), b"older")
        self.assertIn("stays", self.problems()[0])

    def test_damaged_one_is_replaced(self):
        mirror = self.mirror()
        self.to.parent.mkdir()
        self.to.write_bytes(KUBECTL[:-1])
        self.wants(mirror.url + "/right")
        self.provision()
        self.assertEqual(self.to.read_bytes(), KUBECTL)

    def test_server_that_hangs_does_not_hold_the_start(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.wants(f"http://127.0.0.1:{silent.getsockname()[1]}/x",
                   timeout_s=1)
        self.provision(status=75)

    def test_gateway_role_fetches_none(self):
        mirror = self.mirror()
        self.wants(mirror.url + "/right")
        self.provision("-r", "gateway")
        self.assertEqual(mirror.asked, [])

    def test_checksum_is_needed(self):
        self.place.config({"provision": {"binaries": [
            {"url": "http://x/", "sha256": "abc", "to": "/x"}]}})
        result = self.provision(status=78)
        self.assertIn("SHA-256", result.err)

    @unittest.skipIf(os.geteuid() == 0 and not os.path.exists("/dev/full"),
                     "no full device")
    def test_place_that_cannot_be_written(self):
        mirror = self.mirror()
        (self.place.home / "file").write_text("")
        self.to = self.place.home / "file" / "kubectl"
        self.wants(mirror.url + "/right")
        self.provision(status=75)
        self.assertIn("Not a directory", self.problems()[0])


class Files(Provision):
    def setUp(self):
        super().setUp()
        self.volume = self.place.folder / "volume"
        self.volume.mkdir()
        self.source = self.volume / "AGENTS.md"
        self.agents_to = self.place.workspace / "AGENTS.md"
        self.place.config({"provision": {"files": [
            {"from": str(self.source), "to": str(self.agents_to)}]}})

    def test_copied_when_it_differs(self):
        self.source.write_text("# One\n")
        self.provision()
        self.assertEqual(self.agents_to.read_text(), "# One\n")
        inode = self.agents_to.stat().st_ino
        self.provision()
        self.assertEqual(self.agents_to.stat().st_ino, inode)
        self.source.write_text("# Two\n")
        self.provision()
        self.assertEqual(self.agents_to.read_text(), "# Two\n")

    def test_bad_one_leaves_the_old_one(self):
        for bad in (b"", b"\xff\xfe", b"# a\0b\n", b"x" * (1 << 21)):
            self.agents_to.write_text("# Old\n")
            self.source.write_bytes(bad)
            self.provision(status=75)
            self.assertEqual(self.agents_to.read_text(), "# Old\n")
            self.assertIn("stays", self.problems()[0])

    def test_source_that_is_missing(self):
        self.provision(status=75)
        self.assertIn("No such file", self.problems()[0])


class Source(Provision):
    def setUp(self):
        super().setUp()
        self.source = self.place.folder / "mounted.yaml"
        self.target = self.place.home / ".openclaw" / "openclaw.yaml"

    def take(self, text, status=0):
        self.source.write_text(text)
        return self.provision("-s", self.source, status=status)

    def test_right_one_is_copied(self):
        self.take("primary_model: local/runbook\n")
        self.assertEqual(self.target.read_text(),
                         "primary_model: local/runbook\n")
        self.assertEqual(self.target.stat().st_mode & 0o777, 0o600)

    def test_wrong_one_leaves_the_old_one(self):
        self.take("primary_model: local/runbook\n")
        for bad in ("primary_model: [", "primry_model: x/y\n", "",
                    "routes: [{name: a, when: '.text |', model: a/b}]\n"):
            result = self.take(bad, status=75)
            self.assertEqual(self.target.read_text(),
                             "primary_model: local/runbook\n")
            self.assertIn("the old configuration stays", result.err)
            self.assertIn(str(self.source), result.err)

    def test_wrong_one_without_an_old_one(self):
        result = self.take("primry_model: x/y\n", status=78)
        self.assertIn("mounted.yaml:1:1", result.err)
        self.assertFalse(self.target.exists())

    def test_what_was_changed_here_stays(self):
        self.place.env["TELEGRAM_BOT_TOKEN"] = "7:secret"
        text = "primary_model: local/runbook\nprovision: {telegram: true}\n"
        self.take(text)
        self.assertIn("enabled: true", self.target.read_text())
        self.take(text)
        self.assertIn("enabled: true", self.target.read_text())
        self.take(text + "limits: {steps: 3}\n")
        self.assertIn("steps: 3", self.target.read_text())
        self.assertIn("enabled: true", self.target.read_text())

    def test_telegram_without_a_token_is_told(self):
        result = self.take("provision: {telegram: true}\n", status=75)
        self.assertIn("TELEGRAM_BOT_TOKEN", result.err)


class Ssh(Provision):
    def setUp(self):
        super().setUp()
        self.key = self.place.folder / "key"
        self.hosts = self.place.folder / "hosts"
        self.key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n")
        self.key.chmod(0o440)
        self.hosts.write_text("git.example ssh-ed25519 AAAA\n")
        self.ssh = self.place.home / ".ssh"

    def test_prepared(self):
        self.place.config({"provision": {"ssh": {
            "key": str(self.key), "known_hosts": str(self.hosts)}}})
        self.provision()
        for name in ("openclaw_key", "openclaw_known_hosts", "config"):
            self.assertEqual((self.ssh / name).stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.ssh.stat().st_mode & 0o777, 0o700)
        text = (self.ssh / "config").read_text()
        self.assertIn("StrictHostKeyChecking yes", text)
        self.assertIn("BatchMode yes", text)

    def test_hosts_must_be_pinned(self):
        self.place.config({"provision": {"ssh": {"key": str(self.key)}}})
        self.provision(status=75)
        self.assertIn("known_hosts is missing", self.problems()[0])
        self.assertFalse(self.ssh.exists())

    def test_a_persons_configuration_stays(self):
        self.ssh.mkdir(mode=0o700)
        (self.ssh / "config").write_text("Host mine\n")
        self.place.config({"provision": {"ssh": {
            "key": str(self.key), "known_hosts": str(self.hosts)}}})
        self.provision(status=75)
        self.assertEqual((self.ssh / "config").read_text(), "Host mine\n")

    def test_no_key_in_any_output(self):
        self.place.config({"provision": {"ssh": {
            "key": str(self.key), "known_hosts": str(self.hosts)}}})
        self.assert_no_secret("BEGIN OPENSSH", self.provision())


class Volume:
    """A ConfigMap's or Secret's directory, changed as the kubelet does it."""

    def __init__(self, path):
        self.path, self.version = path, 0
        path.mkdir()

    def put(self, **files):
        self.version += 1
        data = self.path / f"..{self.version}"
        data.mkdir()
        for name, text in files.items():
            name = name.replace("_md", ".md").replace("_yaml", ".yaml")
            (data / name).write_text(text)
            link = self.path / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        link = self.path / "..data_tmp"
        link.symlink_to(data.name)
        link.rename(self.path / "..data")


class Changes(gateway.GatewayCase):
    """A gateway whose files are on volumes that are swapped under it."""

    CONFIG = """primary_model: local/runbook
provision:
  files: [{from: %s/AGENTS.md, to: ~/.openclaw/workspace/AGENTS.md}]
"""

    def setUp(self):
        super().setUp()
        self.volume = Volume(self.place.folder / "volume")
        self.text = self.CONFIG % self.volume.path
        self.swap(self.text, gateway.AGENTS)
        self.place.env["OC_CONFIG"] = str(
            self.place.home / ".openclaw" / "openclaw.yaml")
        self.place.env["OC_CONFIG_SOURCE"] = str(
            self.volume.path / "openclaw.yaml")

    def swap(self, config, agents):
        self.volume.put(openclaw_yaml=config, AGENTS_md=agents)

    def gateway(self, *options, **env):
        stage = super().gateway(*options, **env)
        stage.wait_stderr("looks after what may change")
        return stage

    def status(self):
        return self.place.run(["openclaw", "gateway", "status"]).out.decode()

    def test_new_operation_works_without_a_restart(self):
        stage = self.gateway()
        self.put("a", "greet Ada")
        self.assertIn("hello Ada", self.wait_reply("a"))
        pids = dict(self.programs(stage))
        self.place.script("part", "#!/bin/sh\necho \"bye $1\"\n")
        self.swap(self.text, gateway.AGENTS + "\n## Part\n\n    part <name>\n")
        target = self.place.workspace / "AGENTS.md"
        support.wait_for(lambda: "part" in target.read_text(), what="copy")
        self.put("b", "part Ada")
        self.assertIn("bye Ada", self.wait_reply("b"))
        self.assertEqual(dict(self.programs(stage))["oc-plan"],
                         pids["oc-plan"])
        self.assertEqual(self.end(stage).status, 0)

    def test_wrong_configuration_is_refused_and_told(self):
        stage = self.gateway()
        self.swap("primary_model: [\n", gateway.AGENTS)
        stage.wait_stderr("the old configuration stays")
        self.assertIn("the old configuration stays", self.status())
        self.put("a", "greet Ada")
        self.assertIn("hello Ada", self.wait_reply("a"))
        self.swap(self.text + "limits: {steps: 7}\n", gateway.AGENTS)
        stage.wait_stderr("what was wrong is mended")
        stage.wait_stderr("the chains start again")
        self.assertNotIn("the old configuration stays", self.status())
        self.put("b", "greet Bob")
        self.assertIn("hello Bob", self.wait_reply("b"))
        self.assertEqual(self.end(stage).status, 0)

    def test_turn_that_runs_is_not_lost(self):
        stage = self.gateway()
        self.put("a", "take a rest")
        support.wait_for(self.rest.exists, what="the rest to begin")
        self.swap(self.text + "limits: {steps: 9}\n", gateway.AGENTS)
        stage.wait_stderr("the chains start again")
        self.assertIn("rested", self.wait_reply("a"))
        self.assertEqual(len(self.rest.read_text().splitlines()), 1)
        self.assertEqual(self.end(stage).status, 0)

    def test_new_secret_is_taken_over(self):
        secrets = Volume(self.place.folder / "secrets")
        secrets.put(key="one")
        self.place.env["GEMINI_API_KEY_FILE"] = str(secrets.path / "key")
        stage = self.gateway()
        secrets.put(key="two")
        stage.wait_stderr("the chains start again")
        secrets.put(key="")
        stage.wait_stderr("is gone or empty")
        self.put("a", "greet Ada")
        self.assertIn("hello Ada", self.wait_reply("a"))
        stage.signal(signal.SIGTERM)
        self.assertEqual(stage.wait().status, 0)


if __name__ == "__main__":
    unittest.main()
