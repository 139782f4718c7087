"""How pods run: the level `restricted`, images, resources, probes."""
import re

from .objects import at, containers, pods, volumes

ALLOWED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
                   "persistentVolumeClaim", "projected", "secret"}
PROBE_PATHS = {"startupProbe": {"/startup", "/startupz"},
               "livenessProbe": {"/health", "/healthz"},
               "readinessProbe": {"/ready", "/readyz"}}
DELIVER_S = 10  # oc-gateway's, for replies that are on their way


def check(objects):
    for one, path, template in pods(objects):
        for where, text in check_pod(template):
            yield one, f"{path}.{where}" if where else path, text
        for name, container in containers(template):
            for where, text in check_container(template, container):
                yield one, f"{path}.{name}.{where}", text
        if one["kind"] in ("StatefulSet", "Deployment"):
            for text in check_grace(template):
                yield one, f"{path}.terminationGracePeriodSeconds", text


def check_pod(template):
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if at(template, "spec." + field):
            yield field, "the level restricted forbids it"
    for name, volume in volumes(template).items():
        for kind in set(volume) - {"name"} - ALLOWED_VOLUMES:
            yield (f"volumes[{name}]", f"the level restricted forbids {kind} "
                   "in a pod; claim a PersistentVolume instead")


def either(template, container, field):
    value = at(container, "securityContext." + field)
    return at(template, "spec.securityContext." + field) \
        if value is None else value


def check_container(template, container):
    security = container.get("securityContext") or {}
    if either(template, container, "runAsNonRoot") is not True:
        yield "securityContext", "runAsNonRoot is not true"
    if either(template, container, "runAsUser") == 0:
        yield "securityContext", "runAsUser is 0, which is root"
    if either(template, container, "seccompProfile.type") not in (
            "RuntimeDefault", "Localhost"):
        yield "securityContext", "seccompProfile is not RuntimeDefault"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "securityContext", "allowPrivilegeEscalation is not false"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "securityContext", "readOnlyRootFilesystem is not true"
    if security.get("privileged"):
        yield "securityContext", "privileged is true"
    if at(security, "capabilities.drop") != ["ALL"]:
        yield "securityContext", "capabilities.drop is not [ALL]"
    if at(security, "capabilities.add"):
        yield "securityContext", "capabilities are added"
    yield from check_image(container)
    yield from check_resources(container)
    yield from check_probes(container)
    seen = set()
    for mount in container.get("volumeMounts") or []:
        if mount.get("mountPath") in seen:
            yield "volumeMounts", f"{mount['mountPath']} is mounted twice"
        seen.add(mount.get("mountPath"))


def check_image(container):
    image = str(container.get("image", ""))
    digest = re.search(r"@sha256:[0-9a-f]{64}$", image)
    tag = re.search(r":([^/:@]+)(@|$)", image)
    if not digest and not tag:
        yield "image", f"{image} has no tag: it is another one tomorrow"
    elif not digest and tag[1] == "latest":
        yield "image", f"{image}: latest is another one tomorrow; name one"


def check_resources(container):
    for path in ("requests.cpu", "requests.memory", "limits.memory"):
        if at(container, "resources." + path) is None:
            yield "resources", f"{path} is missing"


def check_probes(container):
    ports = {p.get("name"): p.get("containerPort")
             for p in container.get("ports") or []}
    probes = {kind: container[kind] for kind in PROBE_PATHS
              if container.get(kind)}
    for kind, probe in probes.items():
        for handler in ("httpGet", "tcpSocket"):
            port = at(probe, handler + ".port")
            if port is not None and port not in ports and \
                    port not in ports.values():
                yield kind, f"the container has no port {port}"
        path = at(probe, "httpGet.path")
        if path is not None and "http" in ports and \
                path not in PROBE_PATHS[kind]:
            yield kind, (f"{path} tells nothing about it; "
                         f"its path is {sorted(PROBE_PATHS[kind])[-1]}")
    if len(probes) > 1 and "readinessProbe" in probes and probes.get(
            "livenessProbe", {}).get("httpGet") == at(
            probes, "readinessProbe.httpGet", {}):
        yield "livenessProbe", "is the readiness probe: a full disk would " \
                               "restart the container for ever"


def check_grace(template):
    grace = at(template, "spec.terminationGracePeriodSeconds", 30)
    for _, container in containers(template):
        words = " ".join(container.get("args") or []).split()
        if "gateway" not in words or "--drain" not in words[:-1]:
            continue
        drain = words[words.index("--drain") + 1]
        if drain.isdigit() and grace < int(drain) + DELIVER_S:
            yield (f"{grace} is too short: {container['name']} may need "
                   f"{int(drain) + DELIVER_S} s to end its turns")
