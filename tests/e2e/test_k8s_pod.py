"""The image of k8s/Dockerfile, and the homelab's pod, in real containers."""
import json
import os
import shutil
import signal
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import support

try:
    import containers
    import podworld
except ImportError as error:
    podworld = None
    MISSING = error.name

# Debian's share of it is most: node.js, git with perl, ICU.
IMAGE_MOST = 320 << 20
READY_MOST_S = 60
WRITABLE = {
    "gateway": {"/home/node/.openclaw", "/tmp"},
    "node": {"/home/node/.openclaw", "/home/node/bin", "/home/node/.kube",
             "/tmp", "/mnt/nfs_share", "/mnt/gigs"},
}
BELONGS = {
    "gateway": {"openclaw-gateway-token", "telegram-bot-token"},
    "node": {"gemini-api-key", "litellm-api-key", "openclaw-ssh-key",
             "google-cookies", "kube-token"},
    "chrome": set(),
}
MODEL = "gemini-2.5-flash"


def setUpModule():
    global engine, image
    if podworld is None:
        raise unittest.SkipTest(f"there is no {MISSING}")
    if support.SANITIZED:
        raise unittest.SkipTest("the image is the same in every build")
    for program in ("kubectl", "ssh-keygen", "openssl", "git"):
        if not shutil.which(program):
            raise unittest.SkipTest(f"there is no {program}")
    if not os.path.exists("/usr/sbin/sshd"):
        raise unittest.SkipTest("there is no sshd")
    try:
        engine = containers.Engine()
        rendered = podworld.render.render(podworld.HOMELAB)
        browser = next(line.split()[-1] for line in rendered.splitlines()
                       if "image: zenika/" in line)
        image = engine.make_all(f"docker.io/{browser}")
    except containers.Unable as error:
        raise unittest.SkipTest(f"no containers here: {error}") from None


def note(text):
    """Keeps a measured figure in BUILD/containers/measured."""
    print(f"measured: {text}", file=sys.stderr)
    with open(containers.FOLDER / "measured", "a") as file:
        file.write(text + "\n")


class Image(unittest.TestCase):
    def run_in(self, *argv):
        return engine.podman("run", "--rm", "--network", "host", "--read-only",
                             "--cap-drop", "all", image, *argv)

    def test_what_is_in_it(self):
        out = self.run_in("sh", "-c", (
            "id -u; echo $HOME; for p in tini git ssh curl node jq ps "
            "gcc cc make; do command -v $p; done; "
            "find / -xdev -perm /6000 -type f 2>/dev/null; true"))
        self.assertEqual(out.split(), [
            "1000", "/home/node", *(f"/usr/bin/{p}" for p in (
                "tini", "git", "ssh", "curl", "node", "jq", "ps"))])

    def test_its_size(self):
        size = engine.size(image)
        note(f"the image has {size >> 20} MiB")
        self.assertLess(size, IMAGE_MOST)

    def test_the_list_of_what_is_in_it(self):
        bill = json.loads(self.run_in(
            "cat", "/usr/local/share/openclaw/sbom.spdx.json"))
        there = {(p["name"], p["versionInfo"]) for p in bill["packages"]}
        lines = self.run_in("dpkg-query", "-W", "-f",
                            r"${Package} ${Version}\n").splitlines()
        self.assertEqual(there - {("openclaw", "0.1")},
                         {tuple(line.split()) for line in lines})
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        ids = [p["SPDXID"] for p in bill["packages"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_a_question_with_nothing_writable(self):
        out = self.run_in("sh", "-c", "openclaw ask what time is it 2>&1; "
                          "echo '{\"text\":\"hi\"}' | oc-route-model")
        self.assertIn('"route"', out)


# The start-up command of the deployment that all of this is for.
START = """
cp /tmp/openclaw.json /home/node/.openclaw/openclaw.json
cp /tmp/AGENTS.md /home/node/.openclaw/workspace/AGENTS.md
curl -sLo /home/node/bin/kubectl \\
  "https://dl.k8s.io/release/v1.34.3/bin/linux/amd64/kubectl"
openclaw channels add --channel telegram --use-env
exec openclaw gateway run --bind lan --allow-unconfigured
"""


class Start(unittest.TestCase):
    """As the reference has it: its command, tokens in the environment."""

    def setUp(self):
        from fake.telegram import Telegram
        self.place = support.Place()
        self.addCleanup(self.place.remove)
        self.place.folder.chmod(0o755)
        self.telegram = Telegram()
        self.telegram.start()
        self.addCleanup(self.telegram.stop)
        config = self.place.folder / "openclaw.json"
        config.write_text(json.dumps({
            "primary_model": "local/runbook", "fallbacks": [],
            "channels": {"telegram": {"api_root": self.telegram.url,
                                      "allow_from": ["42"]}}}))
        shutil.copy(podworld.HOMELAB / "AGENTS.md", self.place.folder)
        self.secrets = self.place.folder / "secrets"
        self.secrets.write_text(
            f"TELEGRAM_BOT_TOKEN={self.telegram.token}\n"
            "OPENCLAW_GATEWAY_TOKEN=gw-0f3b8a771c52d946\n"
            f"OPENCLAW_GATEWAY_PORT={support.free_port()}\n")

    def test_word_for_word(self):
        name = "openclaw-reference"
        folder = self.place.folder
        self.addCleanup(engine.try_podman, "rm", "-f", "-t", "0", name)
        engine.podman(
            "run", "-d", "--name", name, "--network", "host",
            "--add-host", "dl.k8s.io:127.0.0.1",  # nothing is downloaded
            "--cap-drop", "all", "--env-file", self.secrets,
            "-v", f"{folder}/openclaw.json:/tmp/openclaw.json:ro",
            "-v", f"{folder}/AGENTS.md:/tmp/AGENTS.md:ro",
            image, "sh", "-c", START)
        self.telegram.wait_calls("getUpdates", seconds=60)
        self.telegram.say("run the morning brief")
        text = self.telegram.wait_sent(1, 60)[0]["text"]
        self.assertIn("kubectl", text)


class Pod(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.Place()
        cls.addClassCleanup(cls.place.remove)
        cls.world = podworld.World(engine, image, cls.place.folder)
        cls.addClassCleanup(cls.world.stop)
        cls.world.start()

    def ask(self, text, *answers):
        """Ada writes it, the model gives these answers; waits for the last."""
        self.world.model.script(MODEL, *answers)
        self.world.telegram.say(text)
        self.wait_reply(answers[-1]["text"])

    def wait_reply(self, text):
        # one message shows what goes on, and becomes the reply; with a file
        # the reply may be its caption
        sent = self.world.telegram.sent
        support.wait_for(
            lambda: any(text in (m.get("text"), m.get("caption"))
                        for m in sent), 60, f"the reply {text!r}",
            lambda: f"{sent[-3:]}\n{self.world.logs()}")

    def calls(self, command):
        return {"calls": [{"name": "exec", "args": {"command": command}}]}

    def last_result(self):
        return str(self.world.model.requests[-1].results)

    # How it is confined.

    def test_nobody_has_more_than_is_needed(self):
        for name in podworld.NAMES:
            for pid in self.world.processes(name):
                try:
                    text = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                status = dict(line.split(":\t", 1) for line in
                              text.splitlines() if ":\t" in line)
                with self.subTest(f"{name}: {status['Name']}"):
                    self.assertEqual(status["Uid"].split(), ["1000"] * 4)
                    self.assertEqual(int(status["CapEff"], 16), 0)
                    self.assertEqual(int(status["CapBnd"], 16), 0)
                    self.assertEqual(status["NoNewPrivs"], "1")
                    self.assertEqual(status["Seccomp"], "2")

    def test_the_first_process_is_tini(self):
        for name in ("gateway", "node"):
            self.assertIn("tini", self.world.exec(name, "cat",
                                                  "/proc/1/cmdline"))

    def test_only_the_volumes_are_writable(self):
        for name, wanted in WRITABLE.items():
            with self.subTest(name):
                out = self.world.exec(
                    name, "sh", "-c", "find / -path /proc -prune -o "
                    "-path /sys -prune -o -path /dev -prune -o "
                    "-type d -writable -print -prune 2>/dev/null; true")
                self.assertEqual(set(out.split()), wanted)
        root = self.world.inspect("chrome")["HostConfig"]["ReadonlyRootfs"]
        self.assertTrue(root)

    def test_secrets_are_only_where_they_belong(self):
        for name in podworld.NAMES:
            seen = list(self.what_it_sees(name))
            for secret, values in self.world.secrets.items():
                for key, value in values.items():
                    if key in ("known_hosts", "ca.crt", "namespace"):
                        continue  # no secrets
                    with self.subTest(f"{name}: {secret}"):
                        files = [path for path, data in seen
                                 if value.encode() in data]
                        if secret not in BELONGS[name]:
                            self.assertEqual(files, [])
                        else:
                            self.assertEqual(len(files), 1, files)

    def what_it_sees(self, name):
        """Pairs of a name and bytes: mounts, environment, arguments."""
        for mount in self.world.inspect(name)["Mounts"]:
            source = Path(mount["Source"])
            if mount["Destination"].startswith(("/mnt", "/home/node/bin")):
                continue
            for path in source.rglob("*") if source.is_dir() else [source]:
                if path.is_file() and not path.is_symlink():
                    yield str(path), path.read_bytes()
        for pid in self.world.processes(name):
            for what in ("environ", "cmdline"):
                try:
                    yield what, Path(f"/proc/{pid}/{what}").read_bytes()
                except OSError:
                    pass  # it ended

    # What it does.

    def test_a_message_becomes_a_job(self):
        brief = ("kubectl create job --from=cronjob/morning-brief "
                 "morning-brief-manual -n zinfra")
        self.ask("run the morning brief", self.calls(brief),
                 {"text": "It runs."})
        self.assertIn("morning-brief-manual", self.world.cluster.jobs(),
                      self.last_result())

    def test_a_script_makes_a_job(self):
        self.ask("fetch today's articles",
                 self.calls("node /scripts/trigger_articles.js"),
                 {"text": "Queued."})
        self.assertTrue([n for n in self.world.cluster.jobs()
                         if n.startswith("web-to-pdf-")], self.last_result())

    def test_git_push_with_the_mounted_key(self):
        self.ask("publish the blog",
                 self.calls("git -C /mnt/nfs_share/blog push origin main"),
                 {"text": "Published."})
        head = self.world.remote / "refs/heads/main"
        self.assertTrue(head.exists(), self.last_result())

    def test_a_new_runbook_is_taken_over(self):
        world = self.world
        data = world.config_map("openclaw-agents-md")
        more = data["AGENTS.md"] + "\n## Say hello\necho hello from here\n"
        world.show("agents-md", {"AGENTS.md": more})
        copy = world.volumes / "state/workspace/AGENTS.md"
        support.wait_for(lambda: copy.read_text() == more, 30,
                         "the new AGENTS.md", world.logs)
        self.ask("say hello", self.calls("echo hello from here"),
                 {"text": "Said."})
        self.assertIn("hello from here", self.last_result())

    def test_the_browser_is_there_for_the_node(self):
        out = self.world.exec(
            "node", "curl", "-sS",
            f"http://127.0.0.1:{self.world.port_of(9222)}/json/version")
        self.assertIn("webSocketDebuggerUrl", json.loads(out))
        probe = self.world.rendered("chrome")["livenessProbe"]["exec"]
        self.world.exec("chrome", *(word.replace(
            "9222", str(self.world.port_of(9222)))
            for word in probe["command"]))

    def test_a_page_becomes_a_pdf(self):
        world, url = self.world, f"http://{self.world.pages.host}/news"
        self.ask("send me the news as a PDF",
                 {"calls": [{"name": "browser_open", "args": {"url": url}},
                            {"name": "browser_pdf",
                             "args": {"name": "news", "send": True}}]},
                 {"text": "Here it is."})
        file = world.volumes / "state/workspace/browser/news.pdf"
        self.assertTrue(file.exists(), self.last_result())
        self.assertTrue(file.read_bytes().startswith(b"%PDF-"))
        support.wait_for(lambda: any("document" in m for m
                                     in world.telegram.sent), 60,
                         "the PDF in the chat", world.logs)
        self.assertIn("sid=ck-33e1", world.pages.cookies)

    def test_the_job_that_makes_pdfs(self):
        """The CronJob's script in our image, with the pod's browser."""
        world = self.world
        articles = world.volumes / "nfs-share/articles"
        articles.mkdir()
        (articles / "urls.txt").write_text(
            f"http://{world.pages.host}/1\n# no page\n"
            f"http://{world.pages.host}/2 read later\n")
        os.chown(articles, 1000, 1000)
        jobs = world.folder / "jobs"
        jobs.mkdir()
        for name, text in world.config_map("openclaw-jobs").items():
            (jobs / name).write_text(text)
        argv = ["run", "--rm", "--network", "host", "--read-only",
                "--tmpfs", "/tmp", "--cap-drop", "all",
                "-e", "OC_CONFIG=/etc/openclaw/config/openclaw.yaml",
                "-e", "ARTICLES=/mnt/nfs_share/articles",
                "-v", f"{world.volumes}/config:/etc/openclaw/config:ro",
                "-v", f"{jobs}:/etc/openclaw/jobs:ro",
                "-v", f"{world.volumes}/nfs-share:/mnt/nfs_share",
                image, "sh", "/etc/openclaw/jobs/web-to-pdf.sh"]
        self.assertEqual(len(engine.podman(*argv).splitlines()), 2)
        files = sorted(articles.glob("*.pdf"))
        self.assertEqual([f.read_bytes()[:5] for f in files], [b"%PDF-"] * 2)
        self.assertEqual(engine.podman(*argv), "", "they are there already")
        with (articles / "urls.txt").open("a") as file:
            file.write("http://10.0.0.1/\n")
        done = engine.try_podman(*argv)
        self.assertEqual(done.returncode, 1)
        self.assertIn("10.0.0.1", done.stderr)

    def test_the_probes_answer(self):
        container = self.world.rendered("gateway")
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container[kind]["httpGet"]["path"]
            with self.subTest(path):
                support.wait_for(lambda: self.get(path) == 200, what=path)
        self.assertEqual(self.get("/nothing"), 404)

    def test_the_api_wants_its_token(self):
        token = self.world.secrets["openclaw-gateway-token"]["token"]
        self.assertEqual(self.get("/v1/models"), 401)
        self.assertEqual(self.get("/v1/models", token), 200)

    def get(self, path, token=None):
        """The status that the gateway answers with."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.world.port_of(18789)}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def test_measures(self):
        note(f"ready after {self.world.ready_s:.1f} s")
        self.assertLess(self.world.ready_s, READY_MOST_S)
        for name in podworld.NAMES:
            used, wanted = self.world.memory(name), self.world.requested(name)
            note(f"{name} holds {used >> 20} MiB of {wanted >> 20} requested")
            self.assertLess(used, wanted, name)

    # What befalls it.

    def rested(self):
        path = self.world.volumes / "gigs/rested"
        return path.read_text().splitlines() if path.exists() else []

    def wait_running(self, name):
        """As the kubelet would, where podman does not do it by itself."""
        def runs():
            state = self.world.inspect(name)["State"]
            if state["Status"] == "exited":
                engine.try_podman("start", self.world.container(name))
            return state["Running"]
        support.wait_for(runs, 60, f"{name} to run again", self.world.logs)

    def test_a_container_is_killed_in_the_middle_of_a_turn(self):
        world, before = self.world, len(self.rested())
        world.model.script(MODEL, self.calls("node /scripts/rest.js"),
                           {"text": "Back again."})
        world.telegram.say("take a rest")
        support.wait_for(lambda: len(self.rested()) > before, 60,
                         "the tool to run", world.logs)
        first = world.inspect("node")["State"]["Pid"]
        os.kill(first, signal.SIGKILL)
        support.wait_for(
            lambda: world.inspect("node")["State"]["Pid"] != first, 60,
            "the end of the container")
        self.wait_running("node")
        self.wait_reply("Back again.")
        self.assertEqual(len(self.rested()), before + 1, "it ran twice")
        self.assertIn("unknown", self.last_result())

    def test_the_pod_ends_and_starts_again(self):
        world = self.world
        self.ask("my name is Ada", {"text": "Hello Ada."})
        engine.podman("pod", "stop", "-t", "100", "openclaw-0", seconds=120)
        for name in ("gateway", "node"):
            self.assertEqual(world.inspect(name)["State"]["ExitCode"], 0,
                             world.logs(name))
        world.model.script(MODEL, {"text": "You are Ada."})
        world.telegram.say("who am I?")
        engine.podman("pod", "start", "openclaw-0")
        self.wait_reply("You are Ada.")
        history = json.dumps(world.model.requests[-1].body)
        self.assertIn("my name is Ada", history)


if __name__ == "__main__":
    unittest.main()
