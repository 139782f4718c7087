"""k8s/seal: values go through a pipe into kubeseal, and nowhere else."""
import base64
import json
import os
import pty
import re
import shutil
import sys
import termios
import unittest

import support

SEAL = support.SOURCE / "k8s" / "seal"
NAMES = {"openclaw-gateway-token": ["token"], "telegram-bot-token": ["token"],
         "gemini-api-key": ["api-key"], "litellm-api-key": ["api-key"],
         "openclaw-ssh-key": ["id_ed25519", "known_hosts"],
         "google-cookies": ["cookies.txt"]}

# Notes what it was given, who else can see a secret, and encrypts nothing.
KUBESEAL = """#!{python} -I
import base64, json, os, sys
text = sys.stdin.read()
secret = json.loads(text)
files = {{}}
for folder, _, names in os.walk({folder!r}):
    for name in names:
        path = os.path.join(folder, name)
        files[path] = oct(os.stat(path).st_mode & 0o777)
seen = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        for name in ("cmdline", "environ"):
            data = open(f"/proc/{{pid}}/{{name}}", "rb").read()
            for value in secret["data"].values():
                if value.encode() in data or base64.b64decode(value) in data:
                    seen.append(data.decode(errors="replace"))
    except OSError:
        pass
with open({log!r}, "a") as log:
    log.write(json.dumps(dict(argv=sys.argv[1:], secret=secret, files=files,
                              seen=seen, environ=dict(os.environ))) + "\\n")
if os.path.exists({folder!r} + "/fail"):
    sys.exit("cannot fetch certificate")
print("---\\napiVersion: bitnami.com/v1alpha1\\nkind: SealedSecret")
print("metadata:\\n  name: " + secret["metadata"]["name"])
print("spec:\\n  encryptedData:")
for key, value in secret["data"].items():
    print(f"    {{key}}: Ag{{value[::-1]}}")
"""


class Case(support.TestCase):
    def setUp(self):
        super().setUp()
        self.out = self.place.folder / "sealed"
        self.out.mkdir()
        self.source = self.place.folder / "values"
        self.log = self.place.fakes / "kubeseal.log"
        self.kubeseal = self.place.script("kubeseal", KUBESEAL.format(
            python=sys.executable, log=str(self.log),
            folder=str(self.place.folder)))

    def value(self, name, key):
        if key == "id_ed25519":
            return "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END\n"
        return f"value-of-{name}-{key}"

    def fill(self, *names):
        for name in names or NAMES:
            for key in NAMES[name]:
                path = self.source / name / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.value(name, key))
                path.chmod(0o600)

    def seal(self, *args, **keywords):
        # without a terminal, so that nobody is asked
        return self.place.run([SEAL, "-o", self.out, *args], **keywords)

    def sealed(self):
        return sorted(p.name for p in self.out.iterdir())

    def calls(self):
        return self.place.calls("kubeseal")


class Seal(Case):
    def test_all_six_from_files(self):
        self.fill()
        result = self.seal("-f", self.source, "--", "--cert", "pub.pem")
        self.assert_status(result, 0)
        self.assertEqual(self.sealed(), sorted(n + ".yaml" for n in NAMES))
        for call in self.calls():
            name = call["secret"]["metadata"]["name"]
            self.assertEqual(call["argv"],
                             ["--format", "yaml", "--cert", "pub.pem"])
            self.assertEqual(call["secret"]["metadata"]["namespace"], "zinfra")
            self.assertEqual(call["seen"], [], "others can see the value")
            self.assertEqual(
                {key: base64.b64decode(data).decode() for key, data
                 in call["secret"]["data"].items()},
                {key: self.value(name, key) for key in NAMES[name]})
            for path, mode in call["files"].items():
                if "values" in path or path.endswith(".new"):
                    self.assertEqual(mode, "0o600", path)
        for name in NAMES:
            for key in NAMES[name]:
                self.assert_no_secret(self.value(name, key), result, self.out)

    def test_an_end_of_line_is_not_part_of_a_token(self):
        self.fill("gemini-api-key")
        path = self.source / "gemini-api-key" / "api-key"
        path.write_text("AIza\n")
        self.seal("-f", self.source, "gemini-api-key")
        self.assertEqual(base64.b64decode(
            self.calls()[0]["secret"]["data"]["api-key"]), b"AIza")

    def test_what_is_missing_is_told(self):
        self.fill("gemini-api-key")
        result = self.seal("-f", self.source)
        self.assert_status(result, 1)
        for name in set(NAMES) - {"gemini-api-key", "openclaw-gateway-token"}:
            self.assertIn(f"{name}: is missing", result.err)
        # the rest is done, and a token of the API is made
        self.assertEqual(self.sealed(), ["gemini-api-key.yaml",
                                         "openclaw-gateway-token.yaml"])
        token = base64.b64decode(self.calls()[0]["secret"]["data"]["token"])
        self.assertRegex(token, rb"^[0-9a-f]{64}$")

    def test_half_a_secret_is_missing(self):
        self.fill("openclaw-ssh-key")
        (self.source / "openclaw-ssh-key" / "known_hosts").unlink()
        result = self.seal("-f", self.source, "openclaw-ssh-key")
        self.assert_status(result, 1)
        self.assertEqual(self.sealed(), [])

    def test_a_file_that_others_can_read_is_refused(self):
        self.fill("telegram-bot-token")
        path = self.source / "telegram-bot-token" / "token"
        path.chmod(0o644)
        result = self.seal("-f", self.source, "telegram-bot-token")
        self.assert_status(result, 1)
        self.assertIn("can be read by others", result.err)
        self.assertEqual(self.calls(), [])

    def test_only_what_is_not_sealed_is_sealed(self):
        self.fill()
        self.seal("-f", self.source)
        shipped = support.SOURCE / "k8s/overlays/homelab/sealed"
        shutil.copy(shipped / "gemini-api-key.yaml", self.out)
        before = len(self.calls())
        self.assert_status(self.seal("-f", self.source), 0)
        self.assertEqual([c["secret"]["metadata"]["name"]
                          for c in self.calls()[before:]], ["gemini-api-key"])

    def test_a_change_of_one(self):
        self.fill()
        self.seal("-f", self.source)
        path = self.source / "litellm-api-key" / "api-key"
        path.write_text("the new one")
        old = (self.out / "litellm-api-key.yaml").read_text()
        self.assert_status(
            self.seal("-f", self.source, "litellm-api-key"), 0)
        self.assertNotEqual((self.out / "litellm-api-key.yaml").read_text(),
                            old)

    def test_kubeseal_fails(self):
        self.fill("gemini-api-key")
        (self.out / "gemini-api-key.yaml").write_text("the old one")
        (self.place.folder / "fail").touch()
        result = self.seal("-f", self.source, "gemini-api-key")
        self.assert_status(result, 69)
        self.assertEqual((self.out / "gemini-api-key.yaml").read_text(),
                         "the old one")
        self.assertEqual(self.sealed(), ["gemini-api-key.yaml"])

    def test_a_kubeseal_that_passes_the_secret_on(self):
        self.fill("gemini-api-key")
        self.place.script("kubeseal", "#!/bin/sh\n"
                          "echo 'kind: SealedSecret'; exec cat\n")
        result = self.seal("-f", self.source, "gemini-api-key")
        self.assert_status(result, 69)
        self.assertEqual(self.sealed(), [])

    def test_no_kubeseal(self):
        self.kubeseal.unlink()
        result = self.seal("-f", self.source)
        self.assert_status(result, 69)
        self.assertIn("--plain", result.err)

    def test_wrong_usage(self):
        for args in (["gemini"], ["--nix"], ["-f"]):
            self.assert_status(self.seal(*args), 64)
        self.assertEqual(self.place.run([SEAL, "-h"]).status, 0)

    def test_redis_has_its_configuration(self):
        self.assert_status(self.seal("openclaw-redis"), 0)
        data = {key: base64.b64decode(value).decode() for key, value
                in self.calls()[0]["secret"]["data"].items()}
        self.assertEqual(data["redis.conf"],
                         f'requirepass "{data["password"]}"\n')

    def test_plain(self):
        self.fill()
        result = self.seal("--plain", "-n", "home", "-f", self.source)
        self.assert_status(result, 0)
        secrets = [json.loads(line) for line in result.out.splitlines()
                   if line != b"---"]
        self.assertEqual({s["metadata"]["name"] for s in secrets}, set(NAMES))
        self.assertEqual({s["metadata"]["namespace"] for s in secrets},
                         {"home"})
        self.assertEqual(self.calls(), [])

    def test_plain_into_a_file_that_others_can_read(self):
        self.fill()
        path = self.place.folder / "plain.yaml"
        for mode, status in ((0o644, 64), (0o600, 0)):
            path.touch()
            path.chmod(mode)
            result = self.place.shell(
                f"{SEAL} --plain -f {self.source} gemini-api-key >{path}")
            self.assert_status(result, status)


class Terminal(Case):
    def converse(self, argv, answers):
        """Runs it at a terminal; what is shown there, and its status."""
        try:
            pid, terminal = pty.fork()
        except OSError:
            self.skipTest("there are no pseudo-terminals")
        if pid == 0:
            os.chdir(self.place.folder)
            os.execve(argv[0], argv, self.place.env)
        shown = b""
        try:
            for prompt, answer in answers:
                while not re.search(prompt, shown):
                    shown += os.read(terminal, 4096)
                support.wait_for(lambda: self.asks(terminal, prompt),
                                 what=f"echo off for {prompt}")
                os.write(terminal, answer + b"\n")
            while True:
                shown += os.read(terminal, 4096)
        except OSError:
            pass  # it has ended
        finally:
            os.close(terminal)
        return shown.decode(), os.waitstatus_to_exitcode(
            os.waitpid(pid, 0)[1])

    def asks(self, terminal, prompt):
        echo = termios.tcgetattr(terminal)[3] & termios.ECHO
        return b"file" in prompt or not echo

    def test_answers_are_not_shown(self):
        self.fill("openclaw-ssh-key")
        folder = self.source / "openclaw-ssh-key"
        shown, status = self.converse(
            [str(SEAL), "-o", str(self.out), "telegram-bot-token",
             "openclaw-ssh-key"],
            [(rb"telegram-bot-token \(not shown", b"7001:s3cret"),
             (rb"file with id_ed25519", bytes(folder / "id_ed25519")),
             (rb"file with known_hosts", bytes(folder / "known_hosts"))])
        self.assertEqual(status, 0, shown)
        self.assertNotIn("s3cret", shown)
        self.assertEqual(base64.b64decode(
            self.calls()[0]["secret"]["data"]["token"]), b"7001:s3cret")
        self.assertEqual([c["seen"] for c in self.calls()], [[], []])

    def test_plain_secrets_are_not_shown(self):
        shown, status = self.converse(
            [str(SEAL), "--plain", "openclaw-gateway-token"], [])
        self.assertEqual(status, 64)
        self.assertIn("not shown on a terminal", shown)


if __name__ == "__main__":
    unittest.main()
