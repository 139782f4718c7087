"""k8s/check: what is wrong in the overlays is found before it is applied."""
import copy
import json
import re
import shutil
import sys
import unittest

import support

K8S = support.SOURCE / "k8s"
sys.path.append(str(K8S))

try:
    import yaml
    from checking import render, rules_content, schema
    from checking import (rules_access, rules_pods, rules_references,
                          rules_secrets)
    TABLES = schema.Schema()
except ImportError:
    yaml = None

OVERLAYS = ("homelab", "minimal", "scaled")
TOKEN = "7001700170:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"


def problems(objects):
    lines = [f"{path}: {text}" for one in objects
             for path, text in TABLES.problems(one)]
    for rules in (rules_pods, rules_secrets, rules_access, rules_references,
                  rules_content):
        lines += [f"{path}: {text}" for one, path, text
                  in rules.check(objects)]
    return lines


class Case(support.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("kubectl"):
            raise unittest.SkipTest("there is no kubectl")
        if yaml is None:
            raise unittest.SkipTest("there is no python3-yaml")
        cls.rendered = {}
        for name in OVERLAYS:
            text = render.render(K8S / "overlays" / name)
            cls.rendered[name] = render.parse(text)

    def overlay(self, name="homelab"):
        return copy.deepcopy(self.rendered[name])

    def one(self, objects, kind, name):
        return next(o for o in objects if o["kind"] == kind and
                    o["metadata"]["name"] == name)

    def pod(self, objects):
        return self.one(objects, "StatefulSet", "openclaw")["spec"][
            "template"]["spec"]

    def container(self, objects, name):
        return next(c for c in self.pod(objects)["containers"]
                    if c["name"] == name)


class Overlays(Case):
    def test_nothing_is_wrong(self):
        for name in OVERLAYS:
            with self.subTest(name):
                self.assertEqual(problems(self.overlay(name)), [])

    def test_the_program(self):
        result = self.place.run([K8S / "check"])
        self.assert_status(result, 0)
        self.assertIn(b"homelab: ", result.out)
        self.assertIn(b"to fill in: HTTPRoute/openclaw", result.out)
        result = self.place.run([K8S / "check", "--ready",
                                 K8S / "overlays/homelab"])
        self.assert_status(result, 1)

    def test_the_program_finds_a_typo(self):
        objects = self.overlay("minimal")
        self.pod(objects)["terminationGracePeriodSecond"] = 5
        result = self.place.run([K8S / "check", "-"],
                                "\n---\n".join(map(json.dumps, objects)))
        self.assert_status(result, 1)
        self.assertIn(
            "terminationGracePeriodSecond: there is no such field; did you "
            "mean terminationGracePeriodSeconds?", result.out.decode())

    def test_wrong_usage(self):
        self.assert_status(self.place.run([K8S / "check", "--nix"]), 64)
        self.assert_status(self.place.run([K8S / "check", "-h"]), 0)
        result = self.place.run([K8S / "check", "-k", "no-kubectl"])
        self.assert_status(result, 1)
        self.assertIn(b"there is no no-kubectl", result.out)

    def test_what_cannot_be_rendered_is_told(self):
        folder = self.place.folder / "broken"
        folder.mkdir()
        (folder / "kustomization.yaml").write_text("resources: [no.yaml]\n")
        result = self.place.run([K8S / "check", folder])
        self.assert_status(result, 1)
        self.assertIn(b"no.yaml", result.out)
        result = self.place.run([K8S / "check", "-"], b"a: b: c")
        self.assert_status(result, 1)
        self.assertIn(b"is no YAML", result.out)

    def test_the_names_of_the_reference(self):
        objects = self.overlay()
        there = {(o["kind"], o["metadata"]["name"]) for o in objects}
        wanted = {("Service", "openclaw-gateway"), ("HTTPRoute", "openclaw"),
                  ("ConfigMap", "openclaw-config"),
                  ("ConfigMap", "openclaw-agents-md"),
                  ("CronJob", "morning-brief")}
        wanted |= {("SealedSecret", name) for name in (
            "openclaw-gateway-token", "gemini-api-key", "litellm-api-key",
            "telegram-bot-token", "openclaw-ssh-key", "google-cookies")}
        self.assertEqual(wanted - there, set())
        self.assertEqual([c["name"] for c in sorted(
            self.pod(objects)["containers"], key=lambda c: c["name"])],
            ["chrome", "gateway", "node"])
        self.assertEqual({o["metadata"].get("namespace") for o in objects
                          if o["kind"] != "PersistentVolume"}, {"zinfra"})
        mounts = {m["mountPath"] for m in
                  self.container(objects, "node")["volumeMounts"]}
        self.assertLessEqual({"/mnt/nfs_share", "/mnt/gigs"}, mounts)

    def test_the_runbook_of_the_reference_word_for_word(self):
        text = (support.SOURCE / "share/examples/homelab/AGENTS.md")
        config = self.one(self.overlay(), "ConfigMap", "openclaw-agents-md")
        self.assertEqual(config["data"]["AGENTS.md"], text.read_text())

    def test_the_options_render(self):
        for folder in sorted((K8S / "options").iterdir()):
            with self.subTest(folder.name):
                for one in render.parse(render.render(folder)):
                    self.assertEqual(list(TABLES.problems(one)), [])


    def test_the_dashboard_shows_what_there_is(self):
        text = (K8S / "options/monitoring/openclaw.json").read_text()
        sources = "".join(p.read_text() for p in (
            support.SOURCE / "bin/oc-recv-http").glob("metrics*.c"))
        names = {name.removesuffix("_bucket") for name
                 in re.findall(r"\bopenclaw_\w+", text)}
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertIn(f'"{name}"', sources)


class Typos(Case):
    """One letter of a field's name is changed, everywhere in turn."""

    def fields(self, value, path=()):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield (*path, key)
                yield from self.fields(inner, (*path, key))
        elif isinstance(value, list):
            for i, inner in enumerate(value):
                yield from self.fields(inner, (*path, i))

    def test_every_field(self):
        free = {"labels", "annotations", "matchLabels", "data", "selector",
                "encryptedData", "requests", "limits", "capacity"}
        missed, tried = [], 0
        for original in self.overlay():
            for path in list(self.fields(original)):
                if free.intersection(path[:-1]):
                    continue  # any name is right there
                changed = copy.deepcopy(original)
                place = changed
                for step in path[:-1]:
                    place = place[step]
                place[str(path[-1])[:-1] + "q"] = place.pop(path[-1])
                tried += 1
                if not list(TABLES.problems(changed)):
                    missed.append(path)
        self.assertEqual(missed, [])
        self.assertGreater(tried, 500)

    def test_wrong_types(self):
        for path, value in (("replicas", "1"), ("serviceName", 3),
                            ("template", []), ("podManagementPolicy", "Any"),
                            ("selector", None)):
            with self.subTest(path):
                one = self.one(self.overlay(), "StatefulSet", "openclaw")
                one["spec"][path] = value
                self.assertTrue(list(TABLES.problems(one)))

    def test_a_number_where_text_belongs(self):
        objects = self.overlay()
        self.container(objects, "node")["args"].append(120)
        one = self.one(objects, "StatefulSet", "openclaw")
        self.assertIn("text", next(TABLES.problems(one))[1])

    def test_a_key_that_is_there_twice(self):
        with self.assertRaises(render.Failed):
            render.parse("kind: A\nkind: B\n")

    def test_a_kind_that_nobody_knows(self):
        objects = [{"apiVersion": "apps/v1", "kind": "StatefullSet",
                    "metadata": {"name": "a"}}]
        found = " ".join(t for _, t in TABLES.problems(objects[0]))
        self.assertIn("did you mean apps/v1 StatefulSet?", found)


class Faults(Case):
    """Each of them is added to a homelab that is right."""

    def assert_found(self, objects, pattern):
        lines = problems(objects)
        self.assertTrue(any(re.search(pattern, line) for line in lines),
                        f"{pattern} in {lines}")

    def test_a_secret_in_plain_text(self):
        objects = self.overlay()
        objects.append({"apiVersion": "v1", "kind": "Secret",
                        "metadata": {"name": "gemini-api-key"},
                        "stringData": {"api-key": "x"}})
        self.assert_found(objects, "Secret in plain text")

    def test_a_secret_in_the_environment(self):
        objects = self.overlay()
        self.container(objects, "gateway")["env"].append(
            {"name": "OPENCLAW_GATEWAY_TOKEN", "value": "hunter2"})
        self.assert_found(objects, "env.*a secret in plain text")

    def test_a_secret_in_a_config_map(self):
        objects = self.overlay()
        config = self.one(objects, "ConfigMap", "openclaw-agents-md")
        config["data"]["AGENTS.md"] += f"curl api.telegram.org/bot{TOKEN}/x\n"
        self.assert_found(objects, "Telegram bot's token")

    def test_a_secret_in_an_argument(self):
        objects = self.overlay()
        self.container(objects, "gateway")["args"] += [
            "-H", "Authorization: Bearer abcdefghijklmnopqrstuvwxyz"]
        self.assert_found(objects, "a bearer token in plain text")

    def test_a_secret_that_a_container_does_not_need(self):
        for name, volume in (("chrome", "google-cookies"),
                             ("gateway", "ssh-key"),
                             ("node", "telegram-token")):
            with self.subTest(name):
                objects = self.overlay()
                self.container(objects, name)["volumeMounts"].append(
                    {"name": volume, "mountPath": "/mnt/x"})
                self.assert_found(objects, f"{name} does not need the secret")

    def test_a_secret_by_reference_that_is_not_needed(self):
        for add in ({"env": [{"name": "K", "valueFrom": {"secretKeyRef": {
                "name": "gemini-api-key", "key": "api-key"}}}]},
                {"envFrom": [{"secretRef": {"name": "gemini-api-key"}}]}):
            objects = self.overlay()
            self.container(objects, "chrome").update(add)
            self.assert_found(objects, "chrome does not need the secret")

    def test_a_token_where_nobody_runs_kubectl(self):
        objects = self.overlay()
        self.container(objects, "chrome")["volumeMounts"].append(
            {"name": "kube-token", "mountPath": "/var/run/token"})
        self.assert_found(objects, "chrome runs no kubectl")
        objects = self.overlay()
        del self.pod(objects)["automountServiceAccountToken"]
        self.assert_found(objects, "automountServiceAccountToken: is not")

    def test_images_without_a_tag(self):
        for image, words in (("zenika/alpine-chrome", "has no tag"),
                             ("localhost:5000/openclaw", "has no tag"),
                             ("openclaw:latest", "latest")):
            with self.subTest(image):
                objects = self.overlay()
                self.container(objects, "chrome")["image"] = image
                self.assert_found(objects, words)

    def test_roles(self):
        for rule, words in (
                ({"apiGroups": ["*"], "resources": ["pods"],
                  "verbs": ["get"]}, "apiGroups has"),
                ({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]},
                 "verbs has"),
                ({"apiGroups": [""], "resources": ["pods/*"],
                  "verbs": ["get"]}, "resources has"),
                ({"apiGroups": [""], "resources": ["secrets"],
                  "verbs": ["list"]}, "read every secret"),
                ({"apiGroups": [""], "resources": ["pods/exec"],
                  "verbs": ["create"]}, "a way around")):
            with self.subTest(words):
                objects = self.overlay()
                self.one(objects, "Role", "openclaw")["rules"].append(rule)
                self.assert_found(objects, words)

    def test_the_level_restricted(self):
        for change, words in (
                ({"hostNetwork": True}, "restricted forbids"),
                ({"securityContext": {}}, "runAsNonRoot"),
                ({"volumes": [{"name": "n", "nfs": {
                    "server": "a", "path": "/"}}]}, "forbids nfs")):
            with self.subTest(words):
                objects = self.overlay()
                self.pod(objects).update(change)
                self.assert_found(objects, words)
        for field, words in (("capabilities", "capabilities.drop"),
                             ("readOnlyRootFilesystem", "readOnlyRoot"),
                             ("allowPrivilegeEscalation", "Escalation")):
            with self.subTest(field):
                objects = self.overlay()
                del self.container(objects, "node")["securityContext"][field]
                self.assert_found(objects, words)

    def test_probes(self):
        objects = self.overlay()
        gateway = self.container(objects, "gateway")
        gateway["livenessProbe"]["httpGet"]["path"] = "/"
        self.assert_found(objects, "tells nothing about it")
        gateway["livenessProbe"]["httpGet"]["path"] = "/readyz"
        self.assert_found(objects, "is the readiness probe")
        gateway["livenessProbe"]["httpGet"]["port"] = "web"
        self.assert_found(objects, "has no port web")

    def test_too_short_a_grace(self):
        objects = self.overlay()
        self.pod(objects)["terminationGracePeriodSeconds"] = 30
        self.assert_found(objects, "30 is too short")

    def test_names_that_nothing_bears(self):
        for change, words in (
                (lambda o: self.container(o, "node")["volumeMounts"].append(
                    {"name": "nix", "mountPath": "/x"}), "no volume nix"),
                (lambda o: self.pod(o).update(serviceAccountName="x"),
                 "no ServiceAccount x"),
                (lambda o: o.remove(self.one(o, "ConfigMap",
                                             "openclaw-config")),
                 "no ConfigMap openclaw-config"),
                (lambda o: o.remove(self.one(o, "SealedSecret",
                                             "telegram-bot-token")),
                 "no Secret telegram-bot-token"),
                (lambda o: o.remove(self.one(o, "Role", "openclaw")),
                 "no Role openclaw"),
                (lambda o: self.one(o, "HTTPRoute", "openclaw")["spec"][
                    "rules"][0]["backendRefs"][0].update(port=80),
                 "no Service openclaw-gateway with port 80"),
                (lambda o: self.one(o, "Service", "openclaw-gateway")["spec"][
                    "selector"].update(a="b"), "fits no pod")):
            with self.subTest(words):
                objects = self.overlay()
                change(objects)
                self.assert_found(objects, words)

    def test_an_open_network(self):
        objects = self.overlay()
        policy = self.one(objects, "NetworkPolicy", "openclaw")
        policy["spec"]["egress"][1]["to"][0]["ipBlock"]["except"].remove(
            "169.254.0.0/16")
        self.assert_found(objects, "169.254.169.254")
        policy["spec"]["egress"].append({})
        self.assert_found(objects, "everything may be reached")
        for one in [o for o in objects if o["kind"] == "NetworkPolicy"]:
            objects.remove(one)
        self.assert_found(objects, "no NetworkPolicy limits its egress")

    def test_a_configuration_that_is_wrong(self):
        support.need("openclaw")
        objects = self.overlay()
        self.one(objects, "ConfigMap", "openclaw-config")["data"][
            "openclaw.yaml"] += "fallback: []\n"
        self.assert_found(objects, "unknown key `fallback`")

    def test_a_runbook_that_the_role_does_not_fit(self):
        objects = self.overlay()
        self.one(objects, "ConfigMap", "openclaw-agents-md")["data"][
            "AGENTS.md"] += "kubectl create job --from=cronjob/backup b\n"
        self.assert_found(objects, "cronjob/backup, which the Role")


class OldKubectl(Case):
    """Debian 12 has kubectl 1.20, and with it kustomize 2.0."""

    def test_the_fields_that_both_know(self):
        new = {"components", "patches", "replacements", "labels", "configurations"}
        for path in K8S.rglob("kustomization.yaml"):
            with self.subTest(str(path.relative_to(K8S))):
                content = yaml.safe_load(path.read_text())
                self.assertEqual(new & set(content), set())
                for one in content.get("resources", []):
                    self.assertTrue((path.parent / one).is_file(),
                                    "a folder belongs to bases")


if __name__ == "__main__":
    unittest.main()
