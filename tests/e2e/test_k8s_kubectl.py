"""Messages that end in kubectl, against an API server with the Role alone."""
import shutil
import sys
import unittest

import gateway
import support

K8S = support.SOURCE / "k8s"
sys.path.append(str(K8S))

try:
    from checking import render
except ImportError:
    render = None

HOMELAB = support.SOURCE / "share/examples/homelab/AGENTS.md"
BRIEF = ("kubectl create job --from=cronjob/morning-brief "
         "morning-brief-manual -n zinfra")


class Cluster(gateway.GatewayCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("kubectl"):
            raise unittest.SkipTest("there is no kubectl")
        if render is None:
            raise unittest.SkipTest("there is no python3-yaml")
        cls.objects = render.parse(render.render(K8S / "overlays/homelab"))

    def setUp(self):
        super().setUp()
        from fake.kubernetes import Kubernetes, kubectl_is_old
        role = next(o for o in self.objects if o["kind"] == "Role")
        self.cluster = self.enterContext(Kubernetes(
            [o for o in self.objects if o["kind"] == "CronJob"],
            rules=role["rules"], old=kubectl_is_old()))
        self.place.env["KUBECONFIG"] = str(self.cluster.kubeconfig(
            self.place.folder / "kubeconfig"))
        self.place.agents(HOMELAB.read_text())

    def enterContext(self, context):  # Python 3.10 has none
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def kubectl(self, *args):
        return self.place.run(["kubectl", *args])

    def assert_brief_was_started(self):
        self.assertEqual(list(self.cluster.jobs()), ["morning-brief-manual"])
        job = self.cluster.jobs()["morning-brief-manual"]
        self.assertEqual(job["metadata"]["ownerReferences"][0]["name"],
                         "morning-brief")
        container = job["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["args"],
                         ["sh", "/etc/openclaw/jobs/morning-brief.sh"])


class Role(Cluster):
    """What the Role allows, seen by kubectl itself."""

    def test_what_the_runbook_asks_for(self):
        self.assert_status(self.kubectl(*BRIEF.split()[1:]), 0)
        self.assert_brief_was_started()
        self.assert_status(self.kubectl(
            "get", "jobs", "-n", "zinfra", "-l", "app=gigs-tailor"), 0)
        result = self.kubectl("get", "jobs", "-n", "zinfra")
        self.assertIn(b"morning-brief-manual", result.out)
        result = self.kubectl("describe", "job/morning-brief-manual",
                              "-n", "zinfra")
        self.assertIn(b"morning-brief.sh", result.out)

    def test_logs(self):
        self.cluster.add("pods", {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "brief-1", "namespace": "zinfra"},
            "spec": {"containers": [{"name": "brief", "image": "i:1"}]}})
        self.cluster.logs["brief-1"] = "five items\n"
        result = self.kubectl("logs", "brief-1", "-n", "zinfra")
        self.assertEqual(result.out, b"five items\n", result)

    def test_what_nobody_asked_for(self):
        for args in (["get", "secrets", "-n", "zinfra"],
                     ["create", "job", "--from=cronjob/other", "x",
                      "-n", "zinfra"]):
            result = self.kubectl(*args)
            self.assertNotEqual(result.status, 0)
            self.assertIn("orbidden", result.err)
        self.assertEqual(self.cluster.jobs(), {})


class Agent(Cluster):
    """From the words to the Job."""

    def test_without_any_model(self):
        self.gateway("--role", "node")
        self.put("m1", "run the morning brief")
        self.assertIn("morning-brief-manual", self.wait_reply("m1"))
        self.assert_brief_was_started()

    def test_with_a_scripted_model(self):
        model = self.model({"gemini-2.5-flash": [
            {"calls": [{"name": "exec", "args": {"command": BRIEF}}]},
            {"text": "The morning brief runs."}]})
        self.configure(primary_model="google/gemini-2.5-flash",
                       providers={"google": {"base_url": model.google_url}})
        self.gateway("--role", "node", GEMINI_API_KEY="AIza-test")
        self.put("m1", "run the morning brief")
        self.assertEqual(self.wait_reply("m1"), "The morning brief runs.")
        self.assert_brief_was_started()
        self.assertIn("created", str(model.requests[-1].results))

    def test_a_model_that_wants_more(self):
        model = self.model({"gemini-2.5-flash": [
            {"calls": [{"name": "exec", "args": {
                "command": "kubectl create job --from=cronjob/morning-brief "
                           "another -n kube-system"}}]},
            {"text": "It was refused."}]})
        self.configure(primary_model="google/gemini-2.5-flash",
                       providers={"google": {"base_url": model.google_url}})
        self.gateway("--role", "node", GEMINI_API_KEY="AIza-test")
        self.put("m1", "run the morning brief in kube-system")
        self.wait_reply("m1")
        self.assertEqual(self.cluster.jobs(), {})
        self.assertFalse([c for c in self.cluster.calls if c[0] == "POST"])


class Scripts(Cluster):
    """What the homelab's scripts do when the agent runs them."""

    def setUp(self):
        super().setUp()
        if not shutil.which("node"):
            self.skipTest("there is no node")

    def script(self, name, *args, **env):
        return self.place.run(
            ["node", K8S / "overlays/homelab/scripts" / name, *args], **env)

    def test_trigger_articles(self):
        self.assert_status(self.script("trigger_articles.js"), 0)
        (name, job), = self.cluster.jobs().items()
        self.assertRegex(name, r"^web-to-pdf-\d{14}$")
        self.assertEqual(job["metadata"]["ownerReferences"][0]["name"],
                         "web-to-pdf")

    def test_parse_job_links(self):
        result = self.script("parse_job_links.js", "https://a.example/1",
                             "https://b.example/2",
                             GIGS=str(self.place.folder))
        self.assert_status(result, 0)
        file, = (self.place.folder / "inbox").iterdir()
        self.assertEqual(file.read_text(),
                         "https://a.example/1\nhttps://b.example/2\n")
        for wrong in ([], ["--help"], ["file:///etc/passwd"]):
            self.assert_status(self.script(
                "parse_job_links.js", *wrong, GIGS=str(self.place.folder)), 64)


if __name__ == "__main__":
    unittest.main()
