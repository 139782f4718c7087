"""Real containers for tests: Debian's podman, and no registry.

The base image comes from debootstrap, the browser from this machine's
Chromium.  What was made is kept in BUILD/containers, and made anew when the
sources have changed.
"""
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import support

FOLDER = support.BUILD / "containers"
BASE = "docker.io/library/debian:bookworm-slim"
SOURCES = ("Makefile", "lib", "bin", "share", "k8s/Dockerfile", "k8s/image")
MIRROR = "http://deb.debian.org"
CONF = """[containers]
default_ulimits = ["nofile=4096:4096","nproc=4000:4000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# What Debian's own slim image leaves out, and no sync for each file.
DPKG = """path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
force-unsafe-io
"""
LISTS = f"""deb {MIRROR}/debian bookworm main
deb {MIRROR}/debian bookworm-updates main
deb {MIRROR}/debian-security bookworm-security main
"""
LEFT_OUT = ("./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*",
            "./usr/share/man/*", "./usr/share/locale/*", "./dev/*")


class Unable(Exception):
    """This machine cannot run containers; the text says why."""


class Failed(Exception):
    """A command failed that should not have."""


class Engine:
    def __init__(self):
        for name in ("podman", "runc", "debootstrap"):
            if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
                raise Unable(f"there is no {name}")
        if os.geteuid() != 0:
            raise Unable("containers need root here")
        FOLDER.mkdir(parents=True, exist_ok=True)
        conf = FOLDER / "containers.conf"
        conf.write_text(CONF)
        self.env = {
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LANG": "C.UTF-8",
            "HOME": str(FOLDER), "CONTAINERS_CONF": str(conf),
            "TMPDIR": str(FOLDER)}
        self.lock = open(FOLDER / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # until we end
        self.driver = self.choose_driver()
        self.try_podman("pod", "rm", "-f", "-a", "-t", "0")  # of a run cut short

    def choose_driver(self):
        """overlay where it works, which is faster; else vfs."""
        for driver in ("overlay", "vfs"):
            self.driver = driver
            if self.try_podman("info").returncode == 0:
                return driver
        raise Unable("podman info fails: "
                     + self.try_podman("info").stderr[-300:])

    def argv(self, *args):
        """Tests beside this one have deadlines; an image has none."""
        patient = args[0] in ("build", "import")
        return [*(["nice"] if patient else []), "podman", "--root", str(FOLDER / self.driver),
                "--runroot", str(FOLDER / (self.driver + ".run")),
                "--storage-driver", self.driver, *map(str, args)]

    def try_podman(self, *args, seconds=60, text=None):
        try:
            return subprocess.run(
                self.argv(*args), env=self.env, input=text, text=True,
                capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"podman {args[0]} does not end: "
                         f"{error.stderr}") from None

    def podman(self, *args, **keywords):
        """What it prints."""
        done = self.try_podman(*args, **keywords)
        if done.returncode != 0:
            raise Failed(f"podman {' '.join(map(str, args))}: status "
                         f"{done.returncode}\n{done.stdout[-3000:]}\n"
                         f"{done.stderr[-3000:]}")
        return done.stdout

    def has(self, image):
        return self.try_podman("image", "exists", image).returncode == 0

    def import_tree(self, arguments, image, *changes):
        """An image of what tar reads."""
        tar = subprocess.Popen(["tar", *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
        argv = self.argv("import", "-q")
        for change in changes:
            argv += ["-c", change]
        done = subprocess.run([*argv, "-", image], env=self.env,
                              stdin=tar.stdout, capture_output=True,
                              text=True, timeout=300)
        tar.stdout.close()
        tar.wait()
        if done.returncode != 0:
            raise Failed(f"podman import {image}: {done.stderr[-1000:]}")

    def make_base(self):
        if self.has(BASE):
            return
        tree = FOLDER / "base"
        shutil.rmtree(tree, ignore_errors=True)
        done = subprocess.run(
            ["nice", "debootstrap", "--variant=minbase", "bookworm", str(tree),
             MIRROR + "/debian"], env=self.env, capture_output=True,
            text=True, timeout=600)
        if done.returncode != 0:
            raise Unable("debootstrap: " + done.stdout[-300:])
        (tree / "etc/dpkg/dpkg.cfg.d/slim").write_text(DPKG)
        (tree / "etc/apt/sources.list").write_text(LISTS)
        self.import_tree(["-C", str(tree), *(f"--exclude={p}" for p in
                                             LEFT_OUT), "-c", "."], BASE)
        shutil.rmtree(tree)
        done = self.try_podman("run", "--rm", "--network", "host",
                               "--read-only", BASE, "true")
        if done.returncode != 0:
            raise Unable("a container does not start: " + done.stderr[-300:])

    def make_image(self):
        """Builds k8s/Dockerfile and returns the image's name."""
        name = f"localhost/openclaw:{sources_hash()}"
        if not self.has(name):
            old = self.podman("images", "-q", "localhost/openclaw").split()
            if old:
                self.try_podman("rmi", "-f", *old)
            self.try_podman("image", "prune", "-f")
            self.podman(
                "build", "--isolation", "chroot", "--network", "host",
                "--build-arg", "REVISION=test", "--jobs", "2",
                "-f", support.SOURCE / "k8s/Dockerfile", "-t", name,
                support.SOURCE, seconds=900)
        return name

    def make_browser(self, name):
        """The sidecar's image, out of this machine's Chromium."""
        program = "/usr/lib/chromium/chromium"
        if not os.path.exists(program):
            raise Unable("there is no chromium")
        listing = FOLDER / "browser.list"
        files = "".join(
            f.lstrip("/") + "\n" for f in sorted(browser_files(program)))
        if listing.exists() and listing.read_text() == files and \
                self.has(name):
            return
        listing.write_text(files)
        self.import_tree(
            ["-C", "/", "-ch", "--files-from", str(listing)], name,
            f'ENTRYPOINT ["{program}","--headless"]', "USER 1000:1000",
            "ENV PATH=/usr/bin:/bin")

    def make_all(self, browser):
        """Both images, side by side; the name of ours."""
        failure = []

        def other():
            try:
                self.make_browser(browser)
            except Exception as error:
                failure.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        try:
            self.make_base()
            name = self.make_image()
        finally:
            thread.join()
        if failure:
            raise failure[0]
        return name

    def size(self, image):
        return json.loads(self.podman("image", "inspect", image))[0]["Size"]


def sources_hash():
    digest = hashlib.sha256()
    for name in SOURCES:
        path = support.SOURCE / name
        for file in sorted([path] if path.is_file() else path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file}{file.stat().st_mode}".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def browser_files(program):
    """Chromium, its libraries, and what they load by name."""
    libraries = "/usr/lib/x86_64-linux-gnu"
    found = {f for f in glob.glob("/usr/lib/chromium/*")
             if "validation" not in f}
    found |= {f for pattern in ("nss/*.so", "libsoftokn3*", "libfreebl*",
                                "libnss*.so*")
              for f in glob.glob(f"{libraries}/{pattern}")}
    # wget is what the probe of the sidecar runs
    found |= {f for f in (program, "/usr/bin/wget", "/etc/fonts", "/usr/share/fonts",
                          "/usr/share/fontconfig", "/etc/nsswitch.conf",
                          "/etc/ssl/certs/ca-certificates.crt")
              if os.path.exists(f)}
    for file in list(found):
        if os.path.isfile(file):
            done = subprocess.run(["ldd", file], capture_output=True,
                                  text=True)
            found.update(re.findall(r"(/\S+) \(0x", done.stdout))
    return found


def rendered_pod(objects, name, image, folder, port_of):
    """The StatefulSet's template as a Pod that podman can play.

    Volumes are folders below `folder`, made as Kubernetes would: claims belong
    to root and the group of fsGroup; ConfigMaps and Secrets are to be filled
    by `fill`.  The pod is in the network of this machine: `port_of` gives each
    port in the arguments another number.  Probes, which podman leaves to
    systemd, are left out.
    """
    owner = next(o for o in objects if o["kind"] == "StatefulSet"
                 and o["metadata"]["name"] == name)
    template = json.loads(json.dumps(owner["spec"]["template"]))
    spec = template["spec"]
    spec["hostNetwork"] = True
    for container in spec["containers"]:
        for field in ("startupProbe", "livenessProbe", "readinessProbe",
                      "ports"):
            container.pop(field, None)
        if "/openclaw:" in container["image"]:
            container["image"] = image
        container["args"] = [replace_port(a, port_of)
                             for a in container["args"]]
    claims = [{"name": c["metadata"]["name"], "persistentVolumeClaim": {}}
              for c in owner["spec"].get("volumeClaimTemplates", [])]
    group = spec["securityContext"]["fsGroup"]
    spec["volumes"] = [played_volume(v, group, Path(folder))
                       for v in spec["volumes"] + claims]
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": f"{name}-0",
                         "labels": template["metadata"]["labels"]},
            "spec": spec}


def replace_port(text, port_of):
    return re.sub(r"^(--[a-z-]*port=)(\d+)$",
                  lambda m: m[1] + str(port_of(int(m[2]))), text)


def played_volume(volume, group, folder):
    if "emptyDir" in volume:
        return volume
    path = folder / volume["name"]
    path.mkdir(exist_ok=True)
    if "persistentVolumeClaim" in volume:
        os.chown(path, 0, group)
        path.chmod(0o2775)
    return {"name": volume["name"],
            "hostPath": {"path": str(path), "type": "Directory"}}


def fill(folder, values, mode, group):
    """Shows new values, all at once, in the way of the kubelet."""
    new = folder / f"..{time.monotonic_ns()}"
    new.mkdir()
    for key, text in values.items():
        (new / key).write_text(text)
        os.chown(new / key, 0, group)
        (new / key).chmod(mode)
        if not (folder / key).is_symlink():
            (folder / key).symlink_to(f"..data/{key}")
    link, old = folder / "..data", folder / "..data_tmp"
    old.symlink_to(new.name)
    before = folder / os.readlink(link) if link.is_symlink() else None
    old.rename(link)
    if before:
        shutil.rmtree(before)
