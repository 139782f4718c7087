"""The homelab's pod in containers, and around it all that it talks to."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

import containers
import support

sys.path.append(str(support.SOURCE / "k8s"))
from checking import render  # noqa: E402
from fake.kubernetes import Kubernetes, kubectl_is_old  # noqa: E402
from fake.model import ModelServer  # noqa: E402
from fake.telegram import Telegram  # noqa: E402

HOMELAB = support.SOURCE / "k8s/overlays/homelab"
NAMES = ("gateway", "node", "chrome")
MORE_OPERATIONS = """
## Publish the blog
git -C /mnt/nfs_share/blog push origin main

## Take a rest
node /scripts/rest.js
"""
REST = """
require("node:fs").appendFileSync("/mnt/gigs/rested", "once\\n");
setTimeout(() => console.log("rested"), 3000);
"""
SSHD = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/ssh_key.pub
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
"""


def run(*argv, **keywords):
    subprocess.run([str(a) for a in argv], check=True, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                   **keywords)


class Pages(ThreadingHTTPServer):
    """A page that builds itself; `cookies` has what each visitor showed."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.cookies = []
        self.host = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Page(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.cookies.append(self.headers.get("Cookie", ""))
        body = (b"<title>News</title><p id=p></p><script>"
                b"p.textContent = 'built by ' + 'a script'</script>")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class World:
    """Fakes, a remote repository, folders for volumes; then the pod."""

    def __init__(self, engine, image, folder):
        self.engine, self.image, self.folder = engine, image, Path(folder)
        self.folder.chmod(0o755)  # the pod's user goes through it
        self.volumes = self.folder / "volumes"
        self.volumes.mkdir()
        self.ports, self.ends = {}, []
        self.objects = render.parse(render.render(HOMELAB))
        self.ready_s = None

    def start(self):
        self.telegram = Telegram()
        self.telegram.start()
        self.ends.append(self.telegram.stop)
        self.pages = Pages()
        self.ends.append(self.pages.stop)
        self.make_keys()
        self.secrets = self.make_secrets()
        self.model = ModelServer(
            google_key=self.secrets["gemini-api-key"]["api-key"]).start()
        self.ends.append(self.model.stop)
        role = next(o for o in self.objects if o["kind"] == "Role")
        self.cluster = Kubernetes(
            [o for o in self.objects if o["kind"] == "CronJob"],
            rules=role["rules"], token=self.secrets["kube-token"]["token"],
            tls=(self.folder / "api.pem", self.folder / "api.key"),
            old=kubectl_is_old())
        self.cluster.__enter__()
        self.ends.append(lambda: self.cluster.__exit__())
        self.start_sshd()
        self.make_blog()
        self.manifest = self.folder / "pod.yaml"
        self.manifest.write_text(json.dumps(self.make_pod()))
        self.fill_volumes()
        self.put_kubectl()
        self.play()

    def stop(self):
        self.engine.try_podman("pod", "rm", "-f", "-t", "0", "openclaw-0")
        self.engine.try_podman("volume", "prune", "-f")
        for end in reversed(self.ends):
            end()

    # What is put into it.

    def port_of(self, port):
        return self.ports.setdefault(port, support.free_port())

    def make_keys(self):
        for name in ("ssh_key", "host_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                self.folder / name)
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
            "-keyout", self.folder / "api.key", "-out",
            self.folder / "api.pem", "-days", "2", "-subj", "/CN=kubernetes",
            "-addext", "subjectAltName=IP:127.0.0.1")

    def make_secrets(self):
        """name -> key -> value, each found nowhere else."""
        host = (self.folder / "host_key.pub").read_text().split()[:2]
        port = self.ssh_port = support.free_port()
        return {
            "openclaw-gateway-token": {"token": "gw-7c1f0e5b2a9d4833"},
            "telegram-bot-token": {"token": self.telegram.token},
            "gemini-api-key": {"api-key": "gm-58d3aa90c1e24f67"},
            "litellm-api-key": {"api-key": "ll-90b7d2f4416c8ae5"},
            "openclaw-ssh-key": {
                "id_ed25519": (self.folder / "ssh_key").read_text(),
                "known_hosts":
                    f"[127.0.0.1]:{port} {' '.join(host)}\n"},
            "google-cookies": {"cookies.txt":
                               "# Netscape HTTP Cookie File\n"
                               "127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tck-33e1\n"},
            "kube-token": {"token": "kt-1d4e6f80b2c35a97",
                           "namespace": "zinfra",
                           "ca.crt": (self.folder / "api.pem").read_text()},
        }

    def fill_volumes(self):
        owner = next(o for o in self.objects if o["kind"] == "StatefulSet")
        for volume in owner["spec"]["template"]["spec"]["volumes"]:
            name = volume["name"]
            if "configMap" in volume:
                self.show(name, self.config_map(volume["configMap"]["name"]))
            elif "secret" in volume:
                self.show(name, self.secrets[volume["secret"]["secretName"]],
                          0o440)
            elif "projected" in volume:
                self.show(name, self.secrets[name], 0o440)

    def show(self, volume, values, mode=0o644):
        containers.fill(self.volumes / volume, values, mode, 1000)

    def config_map(self, name):
        data = next(o["data"] for o in self.objects if o["kind"] ==
                    "ConfigMap" and o["metadata"]["name"] == name)
        if "openclaw.yaml" in data:
            config = yaml.safe_load(data["openclaw.yaml"])
            self.change_configuration(config)
            return {"openclaw.yaml": json.dumps(config)}
        if "AGENTS.md" in data:
            return {"AGENTS.md": data["AGENTS.md"] + MORE_OPERATIONS}
        return {**data, "rest.js": REST} if "trigger_articles.js" in data \
            else data

    def change_configuration(self, config):
        """The servers of this test in the place of the real ones."""
        config["providers"] = {"google": {"base_url": self.model.google_url}}
        config["litellm_base_url"] = self.model.url
        config["channels"]["telegram"].update(
            api_root=self.telegram.url, allow_from=["42"], poll_timeout_s=1)
        del config["provision"]["binaries"]
        config["browser"].update(
            url=f"http://127.0.0.1:{self.port_of(9222)}",
            cookies_domains=["127.0.0.1"])
        config["tools"]["fetch"] = {"allow": [self.pages.host]}

    def make_pod(self):
        pod = containers.rendered_pod(
            self.objects, "openclaw", self.image, self.volumes, self.port_of)
        for container in pod["spec"]["containers"]:
            # as the kubelet does it for every container
            container.setdefault("env", []).extend([
                {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
                {"name": "KUBERNETES_SERVICE_PORT",
                 "value": str(self.cluster.port)}])
            if container["name"] == "gateway":
                container["env"].append(
                    {"name": "OPENCLAW_GATEWAY_PORT",
                     "value": str(self.port_of(18789))})
        return pod

    def put_kubectl(self):
        """Where provisioning would have put it."""
        to = self.volumes / "bin" / "kubectl"
        shutil.copy(os.path.realpath(shutil.which("kubectl")), to)
        to.chmod(0o755)

    def start_sshd(self):
        Path("/run/sshd").mkdir(exist_ok=True)
        conf = self.folder / "sshd_config"
        conf.write_text(SSHD.format(port=self.ssh_port, folder=self.folder))
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(conf)],
            stdin=subprocess.DEVNULL,
            stderr=open(self.folder / "sshd.log", "wb"))
        self.ends.append(lambda: (process.kill(), process.wait()))

    def make_blog(self):
        """A repository with a commit that is not pushed yet."""
        self.remote = self.folder / "blog.git"
        run("git", "init", "-q", "--bare", "-b", "main", self.remote)
        share = self.volumes / "nfs-share"
        share.mkdir(exist_ok=True)
        blog = share / "blog"
        run("git", "init", "-q", "-b", "main", blog)
        (blog / "post.md").write_text("Written by an agent.\n")
        git = ["git", "-C", blog, "-c", "user.name=a", "-c", "user.email=a@b"]
        run(*git, "add", ".")
        run(*git, "commit", "-q", "-m", "a post")
        run(*git, "remote", "add", "origin",
            f"ssh://root@127.0.0.1:{self.ssh_port}{self.remote}")
        run("chown", "-R", "1000:1000", share)

    # The pod.

    def play(self):
        start = time.monotonic()
        self.engine.podman("play", "kube", self.manifest)
        self.telegram.wait_calls("getUpdates", seconds=60)
        support.wait_for(lambda: self.chain("agent") == "running", 60,
                         "the chain of the node", self.logs)
        self.ready_s = time.monotonic() - start

    def chain(self, name):
        path = self.volumes / "state/state/run" / f"{name}.json"
        try:
            return json.loads(path.read_text())["state"]
        except (FileNotFoundError, ValueError):
            return None

    def container(self, name):
        return f"openclaw-0-{name}"

    def inspect(self, name):
        return json.loads(self.engine.podman("inspect",
                                             self.container(name)))[0]

    def exec(self, name, *argv):
        return self.engine.podman("exec", self.container(name), *argv)

    def processes(self, name):
        pid = self.inspect(name)["State"]["Pid"]
        return [pid, *support.descendants(pid)]

    def memory(self, name):
        """Bytes that are its own, and its part of what it shares."""
        total = 0
        for pid in self.processes(name):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue  # it ended
            total += sum(int(line.split()[1]) * 1024
                         for line in text.splitlines()
                         if line.startswith("Pss:"))
        return total

    def logs(self, name=None):
        return "\n".join(
            f"== {one}\n" + self.engine.try_podman(
                "logs", "--tail", "30", self.container(one)).stderr
            for one in ([name] if name else NAMES))

    def rendered(self, name):
        """The container as the overlay has it."""
        owner = next(o for o in self.objects if o["kind"] == "StatefulSet")
        return next(c for c in owner["spec"]["template"]["spec"]["containers"]
                    if c["name"] == name)

    def requested(self, name):
        text = self.rendered(name)["resources"]["requests"]["memory"]
        assert text.endswith("Mi")
        return int(text[:-2]) << 20
