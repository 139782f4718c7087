"""overlays/scaled: its Redis, and what KEDA counts in it."""
import shutil
import socket
import sys
import unittest

import support

K8S = support.SOURCE / "k8s"
sys.path.append(str(K8S))

try:
    from checking import render
except ImportError:
    render = None

PASSWORD = "rd-6f2c90e1b7a4"
MOUNT = "/var/run/secrets/openclaw/redis"


class Redis(support.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("kubectl", "redis-server", "redis-cli"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"there is no {program}")
        if render is None:
            raise unittest.SkipTest("there is no python3-yaml")
        cls.objects = render.parse(render.render(K8S / "overlays/scaled"))
        cls.keda = render.parse(render.render(K8S / "options/keda"))

    def setUp(self):
        super().setUp()
        support.need("oc-spool")
        self.port = support.free_port()
        folder = self.place.folder
        (folder / "redis.conf").write_text(f'requirepass "{PASSWORD}"\n')
        self.password = folder / "password"
        self.password.write_text(PASSWORD)
        text = next(o["data"]["redis.conf"] for o in self.objects
                    if o["metadata"]["name"] == "openclaw-redis"
                    and o["kind"] == "ConfigMap")
        self.assertIn(f"include {MOUNT}/redis.conf", text)
        conf = folder / "main.conf"
        conf.write_text(text.replace(MOUNT, str(folder)).replace(
            "dir /data", f"dir {folder}") +
            f"port {self.port}\nbind 127.0.0.1\n")
        self.place.start(["redis-server", conf])
        support.wait_for(self.listens, what="redis")

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def cli(self, *args, **env):
        return self.place.run(["redis-cli", "-p", str(self.port), *args],
                              **env).out.decode().strip()

    def test_nobody_without_the_password(self):
        self.assertIn("NOAUTH", self.cli("PING"))
        self.assertEqual(self.cli("PING", REDISCLI_AUTH=PASSWORD), "PONG")

    def test_keda_counts_the_turns_that_wait(self):
        self.place.config({"primary_model": "local/runbook",
                           "queue": f"redis://127.0.0.1:{self.port}/0"})
        result = self.place.run(
            ["oc-spool", "put", "in"],
            [{"id": f"m{i}", "session": "s", "text": "hi"} for i in range(3)],
            REDIS_PASSWORD_FILE=str(self.password))
        self.assert_status(result, 0)
        trigger = next(o for o in self.keda if o["kind"] == "ScaledObject")[
            "spec"]["triggers"][0]["metadata"]
        key = trigger["listName"]
        env = {"REDISCLI_AUTH": PASSWORD}
        self.assertEqual(self.cli("TYPE", key, **env), "zset")
        self.assertEqual(self.cli("ZCARD", key, **env), "3")


if __name__ == "__main__":
    unittest.main()
