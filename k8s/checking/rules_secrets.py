"""Secrets: none in plain text, and each only where it is needed."""
import re

from .objects import at, containers, of_kind, pods, volumes

# Which container needs which; what is not here needs none.
NEEDS = {
    "gateway": {"openclaw-gateway-token", "telegram-bot-token",
                "openclaw-redis"},
    "node": {"gemini-api-key", "litellm-api-key", "openclaw-ssh-key",
             "google-cookies", "openclaw-redis"},
    "redis": {"openclaw-redis"},
    "brief": {"gemini-api-key", "litellm-api-key", "telegram-bot-token"},
    "pdf": {"google-cookies"},
}
# Who runs kubectl.
NEEDS_TOKEN = {"node"}

SECRET_NAME = re.compile(
    r"(TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|PRIVATE_?KEY|COOKIES?)$", re.I)
LOOKS_SECRET = [
    ("a Telegram bot's token", r"(?<!\d)\d{5,12}:[A-Za-z0-9_-]{30,}"),
    ("a key of Google", r"\bAIza[A-Za-z0-9_-]{30,}"),
    ("an API key", r"\b(sk|pk|rk)-[A-Za-z0-9_-]{20,}"),
    ("a token of GitHub", r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a JSON Web Token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    ("a password in a URL", r"://[^/\s:@]*:[^/\s:@]+@"),
    ("a bearer token", r"(?i)\bbearer\s+[A-Za-z0-9_.-]{20,}"),
]


def check(objects):
    for one in of_kind(objects, "Secret"):
        if one.get("data") or one.get("stringData"):
            yield one, "data", (
                "a Secret in plain text (base64 hides nothing); make a "
                "SealedSecret of it with k8s/seal")
    for one in objects:
        if one.get("kind") not in ("Secret", "SealedSecret"):
            yield from ((one, path, f"holds {what} in plain text")
                        for path, what in find_secrets(one, ""))
    for one, path, template in pods(objects):
        for where, text in check_pod(template):
            yield one, f"{path}.{where}", text


def find_secrets(value, path):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from find_secrets(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from find_secrets(inner, f"{path}[{i}]")
    elif isinstance(value, str):
        for what, pattern in LOOKS_SECRET:
            if re.search(pattern, value):
                yield path, what


def secrets_of(template, container):
    """Pairs of where and which: every Secret that the container sees."""
    for i, variable in enumerate(container.get("env") or []):
        name = at(variable, "valueFrom.secretKeyRef.name")
        if name:
            yield f"env[{variable.get('name', i)}]", name
    for i, source in enumerate(container.get("envFrom") or []):
        name = at(source, "secretRef.name")
        if name:
            yield f"envFrom[{i}]", name
    there = volumes(template)
    for mount in container.get("volumeMounts") or []:
        volume = there.get(mount.get("name"), {})
        name = at(volume, "secret.secretName")
        if name:
            yield f"volumeMounts[{mount['name']}]", name
        for source in at(volume, "projected.sources", []):
            name = at(source, "secret.name")
            if name:
                yield f"volumeMounts[{mount['name']}]", name


def check_pod(template):
    if at(template, "spec.automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken", (
            "is not false: every container would get the token of the "
            "service account")
    with_token = {name for name, volume in volumes(template).items() if any(
        "serviceAccountToken" in source
        for source in at(volume, "projected.sources", []))}
    for path, container in containers(template):
        name = container.get("name")
        for where, secret in secrets_of(template, container):
            if secret not in NEEDS.get(name, ()):
                yield f"{path}.{where}", (
                    f"{name} does not need the secret {secret}")
        for mount in container.get("volumeMounts") or []:
            if mount.get("name") in with_token and name not in NEEDS_TOKEN:
                yield f"{path}.volumeMounts[{mount['name']}]", (
                    f"{name} runs no kubectl and needs no token for it")
        for variable in container.get("env") or []:
            if variable.get("value") and SECRET_NAME.search(
                    str(variable.get("name"))):
                yield f"{path}.env[{variable['name']}]", (
                    "a secret in plain text; mount it, and name the file in "
                    f"{variable['name']}_FILE")
