"""A Kubernetes API server for tests: CronJobs, Jobs, Pods and their logs.

    with Kubernetes(objects, rules) as cluster:
        cluster.kubeconfig(path)    # for kubectl
        cluster.jobs()              # what was made

`objects` are there at the start, as from a rendered overlay.  `rules` are
those of a Role: whatever they do not allow is answered with 403, as for a
service account that has this Role alone; None allows everything.  A `token`
must be shown, and with `tls` (certificate, key) it speaks https.  `old` is a
server of 1.20, which has CronJobs as batch/v1beta1; a kubectl of that time
knows no other.  `calls` has every request: method, path, status.
"""
import json
import re
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from fake.kubernetes_wire import MAGIC, decode_job

KINDS = {"pods": "Pod", "jobs": "Job", "cronjobs": "CronJob",
         "events": "Event", "secrets": "Secret"}


def kubectl_is_old():
    """Of before 1.21, when CronJobs were batch/v1beta1."""
    done = subprocess.run(["kubectl", "version", "--client"],
                          capture_output=True, text=True)
    found = re.search(r'(?:v1\.|Minor:")(\d+)', done.stdout)
    return bool(found) and int(found[1]) < 21


class Refused(Exception):
    def __init__(self, status, reason, text):
        super().__init__(text)
        self.status, self.reason = status, reason


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def answer(self, method):
        cluster = self.server.cluster
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        try:
            cluster.check_token(self.headers.get("Authorization"))
            body = cluster.serve(method, url.path.strip("/").split("/"),
                                 parse_qs(url.query), data)
            status = 201 if method == "POST" else 200
        except Refused as error:
            status = error.status
            body = {"kind": "Status", "apiVersion": "v1",
                    "status": "Failure", "message": str(error),
                    "reason": error.reason, "code": status}
        cluster.calls.append((method, self.path, status))
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if body is text
                         else "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


class Kubernetes:
    def __init__(self, objects=(), rules=None, token=None, tls=None,
                 old=False):
        self.rules, self.token, self.old = rules, token, old
        self.calls, self.logs = [], {}
        self.lock = threading.Lock()
        self.store = {}
        for one in objects:
            for plural, kind in KINDS.items():
                if one.get("kind") == kind:
                    self.add(plural, dict(one))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.cluster = self
        scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True)
            scheme = "https"
        self.port = self.server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def kubeconfig(self, path, namespace="default"):
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "contexts": [{"name": "c", "context": {
                "cluster": "c", "user": "u", "namespace": namespace}}],
            "users": [{"name": "u", "user": (
                {"token": self.token} if self.token else {})}]}))
        return path

    def add(self, plural, one):
        meta = one["metadata"] = dict(one["metadata"])
        meta.setdefault("namespace", "default")
        meta.setdefault("creationTimestamp", time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        with self.lock:
            meta.setdefault("uid", f"uid-{len(self.store) + 1}")
            key = plural, meta["namespace"], meta["name"]
            if key in self.store:
                raise Refused(409, "AlreadyExists",
                              f'{plural} "{meta["name"]}" already exists')
            self.store[key] = one
        return one

    def jobs(self, namespace="zinfra"):
        """name -> Job, of what there is."""
        with self.lock:
            return {name: one for (plural, ns, name), one
                    in self.store.items()
                    if plural == "jobs" and ns == namespace}

    # What is served.

    def check_token(self, header):
        if self.token and header != f"Bearer {self.token}":
            raise Refused(401, "Unauthorized", "Unauthorized")

    def serve(self, method, path, query, data):
        if path == ["version"]:
            minor = "20" if self.old else "34"
            return {"major": "1", "minor": minor,
                    "gitVersion": f"v1.{minor}.3"}
        if path[:1] == ["api"] and path[2:]:
            return self.resource(method, "", "v1", path[2:], query, data)
        if path[:1] == ["apis"] and path[3:]:
            return self.resource(method, path[1], path[2], path[3:], query,
                                 data)
        return self.discovery(path)

    def batch_versions(self):
        return ["v1", "v1beta1"] if self.old else ["v1"]

    def discovery(self, path):
        if path == ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == ["apis"]:
            versions = [{"groupVersion": f"batch/{v}", "version": v}
                        for v in self.batch_versions()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": "batch", "versions": versions,
                 "preferredVersion": versions[0]}]}
        lists = {("api", "v1"): ["pods", "events", "secrets"],
                 ("apis", "batch", "v1"): ["jobs"],
                 ("apis", "batch", "v1beta1"): ["cronjobs"]}
        if not self.old:
            lists["apis", "batch", "v1"].append("cronjobs")
            del lists["apis", "batch", "v1beta1"]
        if tuple(path) not in lists:
            raise Refused(404, "NotFound", "the server could not find it")
        return {"kind": "APIResourceList", "apiVersion": "v1",
                "groupVersion": "/".join(path[1:]), "resources": [
                    {"name": name, "singularName": name[:-1],
                     "namespaced": True, "kind": KINDS[name],
                     "verbs": ["get", "list", "create"]}
                    for name in lists[tuple(path)]]}

    def resource(self, method, group, version, path, query, data):
        namespace = None
        if path[0] == "namespaces" and len(path) > 2:
            namespace, path = path[1], path[2:]
        plural, name = path[0], path[1] if path[1:] else None
        sub = path[2] if path[2:] else None
        if plural not in KINDS:
            raise Refused(404, "NotFound", "the server could not find it")
        verb = "create" if method == "POST" else "get" if name else "list"
        self.check_rules(verb, group, "/".join(filter(None, [plural, sub])),
                         name)
        api_version = f"{group}/{version}" if group else version
        if verb == "create":
            one = decode_job(data) if data.startswith(MAGIC) else \
                json.loads(data)
            one["metadata"].setdefault("namespace", namespace)
            return self.add(plural, one)
        if verb == "list":
            return {"kind": KINDS[plural] + "List", "metadata": {},
                    "apiVersion": api_version,
                    "items": self.select(plural, namespace, query)}
        with self.lock:
            one = self.store.get((plural, namespace, name))
        if one is None:
            raise Refused(404, "NotFound", f'{plural} "{name}" not found')
        if sub == "log":
            return self.logs.get(name, "")
        return {**one, "apiVersion": api_version}

    def select(self, plural, namespace, query):
        wanted = [part.partition("=")[::2] for part in
                  ",".join(query.get("labelSelector", [])).split(",") if part]
        with self.lock:
            return [one for (p, ns, _), one in self.store.items()
                    if p == plural and namespace in (None, ns) and all(
                        one["metadata"].get("labels", {}).get(k) == v
                        for k, v in wanted)]

    def check_rules(self, verb, group, resource, name):
        for rule in self.rules or []:
            if verb in rule["verbs"] and group in rule["apiGroups"] and \
                    resource in rule["resources"] and (
                        "resourceNames" not in rule or
                        name in rule["resourceNames"]):
                return
        if self.rules is not None:
            raise Refused(403, "Forbidden", (
                f'{resource} is forbidden: User "system:serviceaccount:'
                f'zinfra:openclaw" cannot {verb} resource "{resource}"'))
