"""Finding one's way in rendered objects."""


def title(thing):
    return (f"{thing.get('kind')}/"
            f"{(thing.get('metadata') or {}).get('name')}")


def at(thing, path, default=None):
    """What is at "spec.template.spec", or the default."""
    for key in path.split("."):
        if not isinstance(thing, dict) or thing.get(key) is None:
            return default
        thing = thing[key]
    return thing


def of_kind(objects, *kinds):
    return [o for o in objects if o.get("kind") in kinds]


def names(objects, *kinds):
    return {at(o, "metadata.name") for o in of_kind(objects, *kinds)}


TEMPLATES = {
    "StatefulSet": "spec.template", "Deployment": "spec.template",
    "DaemonSet": "spec.template", "Job": "spec.template",
    "CronJob": "spec.jobTemplate.spec.template",
}


def pods(objects):
    """Triples of an object, the path of its pod's spec, the pod template."""
    for one in objects:
        if one.get("kind") == "Pod":
            yield one, "spec", one
        path = TEMPLATES.get(one.get("kind"))
        template = at(one, path) if path else None
        if isinstance(template, dict):
            yield one, path + ".spec", template


def containers(template):
    """Pairs of a container's path below the pod's spec, and it."""
    for kind in ("initContainers", "containers"):
        for i, one in enumerate(at(template, "spec." + kind, [])):
            yield f"{kind}[{one.get('name', i)}]", one


def volumes(template):
    return {v.get("name"): v for v in at(template, "spec.volumes", [])}


def selects(selector, labels):
    """Whether a label selector (matchLabels alone) holds for the labels."""
    return all((labels or {}).get(key) == value for key, value in
               ((selector or {}).get("matchLabels") or {}).items())
