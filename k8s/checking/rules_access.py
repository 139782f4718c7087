"""Roles without wildcards, and a network that is closed."""
import ipaddress

from .objects import at, of_kind, pods, selects

NEVER_VERBS = {"escalate", "bind", "impersonate"}
SECRET_RESOURCES = {"secrets"}
NEVER_CREATED = {"pods/exec", "pods/attach", "pods/portforward",
                 "serviceaccounts/token", "nodes/proxy"}
METADATA = ipaddress.ip_address("169.254.169.254")


def check(objects):
    for one in of_kind(objects, "Role", "ClusterRole"):
        for i, rule in enumerate(one.get("rules") or []):
            for text in check_rule(rule):
                yield one, f"rules[{i}]", text
    for one, path, template in pods(objects):
        for text in check_network(objects, template):
            yield one, path, text
    for one in of_kind(objects, "NetworkPolicy"):
        for i, rule in enumerate(at(one, "spec.egress", [])):
            for text in check_egress(rule):
                yield one, f"spec.egress[{i}]", text


def check_rule(rule):
    for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
        for word in rule.get(field) or []:
            if "*" in word:
                yield f"{field} has {word}: name what is needed"
    verbs, resources = (set(rule.get(f) or []) for f in ("verbs", "resources"))
    for verb in sorted(verbs & NEVER_VERBS):
        yield f"the verb {verb} gives the rights of others"
    for resource in sorted(resources & SECRET_RESOURCES):
        yield f"{resource}: the agent would read every secret"
    for resource in sorted(resources & NEVER_CREATED):
        yield f"{resource}: a way around what AGENTS.md permits"


def check_network(objects, template):
    """Each pod is selected by a policy of each direction."""
    labels = at(template, "metadata.labels", {})
    types = set()
    for policy in of_kind(objects, "NetworkPolicy"):
        if selects(at(policy, "spec.podSelector", {}), labels):
            types.update(at(policy, "spec.policyTypes", ["Ingress"]))
    for direction in ("Ingress", "Egress"):
        if direction not in types:
            yield f"no NetworkPolicy limits its {direction.lower()}"


def check_egress(rule):
    if "to" not in rule:
        yield "to is missing: everything may be reached"
    for peer in rule.get("to") or []:
        block = peer.get("ipBlock") or {}
        try:
            network = ipaddress.ip_network(block.get("cidr", "127.0.0.0/8"))
            parts = [ipaddress.ip_network(e) for e in block.get("except", [])]
        except ValueError as error:
            yield str(error)
            continue
        if network.version == 4 and METADATA in network and not any(
                METADATA in part for part in parts):
            yield f"{network} holds the cloud's metadata address {METADATA}"
