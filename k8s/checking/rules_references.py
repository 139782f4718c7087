"""Names that one object calls another by."""
from .objects import at, containers, names, of_kind, pods, selects, volumes

# What is there before, or made by others.
GIVEN = {"ConfigMap": {"kube-root-ca.crt"},
         "PersistentVolumeClaim": {"gigs-pvc"}}


def check(objects):
    seen = set()
    for one in objects:
        key = (one.get("apiVersion"), one.get("kind"),
               at(one, "metadata.namespace"), at(one, "metadata.name"))
        if key in seen:
            yield one, "metadata.name", "is there twice"
        seen.add(key)
    for one, path, template in pods(objects):
        for where, text in check_pod(objects, one, template):
            yield one, f"{path}.{where}", text
    for one in of_kind(objects, "StatefulSet", "Deployment"):
        labels = at(one, "spec.template.metadata.labels", {})
        if not selects(at(one, "spec.selector"), labels):
            yield one, "spec.selector", "does not fit the template's labels"
        service = at(one, "spec.serviceName")
        if service and service not in names(objects, "Service"):
            yield one, "spec.serviceName", f"there is no Service {service}"
    yield from check_services(objects)
    yield from check_routes(objects)
    yield from check_bindings(objects)


def claims(one):
    return {at(c, "metadata.name")
            for c in at(one, "spec.volumeClaimTemplates", [])}


def referred(volume):
    """Pairs of a kind and a name: what the volume is made of."""
    for path, kind in (("configMap.name", "ConfigMap"),
                       ("secret.secretName", "Secret"),
                       ("persistentVolumeClaim.claimName",
                        "PersistentVolumeClaim")):
        if at(volume, path):
            yield kind, at(volume, path)
    for source in at(volume, "projected.sources", []):
        if at(source, "configMap.name"):
            yield "ConfigMap", at(source, "configMap.name")


def exists(objects, kind, name):
    kinds = [kind, "SealedSecret"] if kind == "Secret" else [kind]
    return name in names(objects, *kinds) | GIVEN.get(kind, set())


def check_pod(objects, one, template):
    mounted = set()
    there = set(volumes(template)) | claims(one)
    for path, container in containers(template):
        for mount in container.get("volumeMounts") or []:
            mounted.add(mount.get("name"))
            if mount.get("name") not in there:
                yield (f"{path}.volumeMounts",
                       f"there is no volume {mount.get('name')}")
        for source in container.get("envFrom") or []:
            name = at(source, "configMapRef.name")
            if name and not exists(objects, "ConfigMap", name):
                yield f"{path}.envFrom", f"there is no ConfigMap {name}"
    for name in sorted(str(n) for n in there - mounted):
        yield f"volumes[{name}]", "no container mounts it"
    for name, volume in volumes(template).items():
        for kind, target in referred(volume):
            optional = at(volume, "secret.optional") or kind == "Secret" and \
                target == "openclaw-gateway-token" and \
                "SealedSecret" not in {o.get("kind") for o in objects}
            if not optional and not exists(objects, kind, target):
                yield f"volumes[{name}]", f"there is no {kind} {target}"
    account = at(template, "spec.serviceAccountName")
    if account and account not in names(objects, "ServiceAccount"):
        yield "serviceAccountName", f"there is no ServiceAccount {account}"


def check_services(objects):
    for service in of_kind(objects, "Service"):
        chosen = [t for _, _, t in pods(objects) if selects(
            {"matchLabels": at(service, "spec.selector", {"": ""})},
            at(t, "metadata.labels"))]
        if not chosen:
            yield service, "spec.selector", "fits no pod"
        ports = {value for t in chosen for _, c in containers(t)
                 for p in c.get("ports") or []
                 for value in (p.get("name"), p.get("containerPort"))}
        for port in at(service, "spec.ports", []):
            target = port.get("targetPort", port.get("port"))
            if target not in ports:
                yield service, "spec.ports", f"no pod has a port {target}"


def check_routes(objects):
    services = {at(s, "metadata.name"): {p.get("port") for p in
                at(s, "spec.ports", [])} for s in of_kind(objects, "Service")}
    for route in of_kind(objects, "HTTPRoute"):
        for rule in at(route, "spec.rules", []):
            for backend in rule.get("backendRefs") or []:
                if backend.get("port") not in services.get(
                        backend.get("name"), ()):
                    yield route, "spec.rules", (
                        f"there is no Service {backend.get('name')} with "
                        f"port {backend.get('port')}")


def check_bindings(objects):
    for one in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        role = one.get("roleRef") or {}
        if role.get("name") not in names(objects, role.get("kind")):
            yield one, "roleRef", (
                f"there is no {role.get('kind')} {role.get('name')}")
        there = {(at(o, "metadata.name"), at(o, "metadata.namespace"))
                 for o in of_kind(objects, "ServiceAccount")}
        for subject in one.get("subjects") or []:
            if there and subject.get("kind") == "ServiceAccount" and \
                    (subject.get("name"), subject.get("namespace")) not in \
                    there and (subject.get("name"), None) not in there:
                yield one, "subjects", (
                    f"there is no ServiceAccount {subject.get('name')} in "
                    f"the namespace {subject.get('namespace')}")
