"""oc-exec-tool: which commands may be run."""
import json
import os
import time
import unittest

import exec_tool
import support
from exec_tool import TOOL, call, turn

# The AGENTS.md of the deployment that all of this exists for.
AGENTS = """\
# Homelab Operations

## Trigger web-to-PDF article fetch
node /scripts/trigger_articles.js

## Run the morning brief manually
kubectl create job --from=cronjob/morning-brief morning-brief-manual \\
  -n zinfra

## Parse job posting URLs for the resume pipeline
node /scripts/parse_job_links.js <url1> [url2] ...

## Trigger the gigs resume tailor pipeline
# pipeline artifacts land at /mnt/gigs
# check status: kubectl get jobs -n zinfra -l app=gigs-tailor
"""
TRIGGER = "node /scripts/trigger_articles.js"
PARSE = "node /scripts/parse_job_links.js"
BRIEF = ("kubectl create job --from=cronjob/morning-brief "
         "morning-brief-manual -n zinfra")
STATUS = "kubectl get jobs -n zinfra -l app=gigs-tailor"
URL = "https://a.example/jobs/1?x=1&y=2"


class PolicyCase(exec_tool.TestCase):
    def setUp(self):
        super().setUp()
        self.programs = ("node", "kubectl", "rm", "id", "git", "df", "sh",
                         "bash", "env", "xargs", "curl")
        for name in self.programs:
            self.place.fake(name, out=f"{name} ran\n")
        self.place.agents(AGENTS)
        self.configure(look=False)

    def ran(self):
        return [(name, c["argv"]) for name in self.programs
                for c in self.place.calls(name)]

    def assert_runs(self, command, argv):
        before = len(self.ran())
        step = self.command(command)
        self.assert_ok(step)
        ran = self.ran()
        self.assertEqual(len(ran), before + 1, ran)
        self.assertIn((argv[0], argv[1:]), ran)

    def assert_does_not_run(self, command, *words):
        before = self.ran()
        step = self.command(command)
        self.assert_refused(step, "not permitted", *words)
        self.assertNotIn("exit", step)
        self.assertEqual(self.ran(), before)
        return step["output"]


class Runbook(PolicyCase):
    def test_documented_commands(self):
        for command in (TRIGGER, BRIEF, STATUS):
            self.assert_runs(command, command.split())
        self.assert_runs(TRIGGER.split(), TRIGGER.split())
        self.assert_runs(f"{PARSE} {URL.replace('&', chr(92) + '&')}",
                         [*PARSE.split(), URL])
        self.assert_runs(f"{PARSE} '{URL}' \"https://b.example\"",
                         [*PARSE.split(), URL, "https://b.example"])
        self.assert_runs([*PARSE.split(), *"abcdefg"],
                         [*PARSE.split(), *"abcdefg"])

    def test_runs_in_the_workspace(self):
        self.command(TRIGGER)
        entry, = self.place.calls("node")
        self.assertEqual(entry["cwd"], str(self.place.workspace))

    def test_shell_syntax(self):
        for rest in ("; rm -rf x", "&& rm -rf x", "| sh", "& rm x", "$(id)",
                     "`id`", "\nrm -rf x", "> /scripts/x.js", "< /etc/passwd",
                     "${HOME}", "$HOME", "$(id) ", "<(id)", "\r\nid",
                     "\"$(id)\"", "\"`id`\"", "'", "\"", "\\"):
            for command in (TRIGGER, f"{PARSE} https://a.example"):
                with self.subTest(repr(command + rest)):
                    self.assert_does_not_run(command + rest)
                    self.assert_does_not_run(f"{command} {rest}")

    def test_shell_syntax_in_an_argument_stays_an_argument(self):
        # As a vector there is no shell that could act on it.
        for argument in ("$(id)", "`id`", "; rm -rf x", "a b", "|sh"):
            self.assert_runs([*PARSE.split(), argument],
                             [*PARSE.split(), argument])

    def test_options_where_a_placeholder_is(self):
        for argument in ("--eval=1", "-e", "--", "-", "--require=/tmp/x.js"):
            self.assert_does_not_run(f"{PARSE} {argument}",
                                     "placeholder", "hyphen")
            self.assert_does_not_run(f"{PARSE} https://a.example {argument}")
            self.assert_does_not_run([*PARSE.split(), argument])

    def test_other_vectors(self):
        for command in (
                TRIGGER + " more", PARSE, "node", "node -e 1",
                "node /scripts/../scripts/trigger_articles.js",
                "node /scripts//trigger_articles.js",
                "node ./scripts/trigger_articles.js", "node /scripts/other.js",
                "/usr/bin/node /scripts/trigger_articles.js",
                "./node /scripts/trigger_articles.js",
                "Node /scripts/trigger_articles.js",
                "node /scripts/TRIGGER_ARTICLES.JS",
                "X=1 " + TRIGGER, "env " + TRIGGER, f"sh -c '{TRIGGER}'",
                f"bash -c \"{TRIGGER}\"", f"xargs {TRIGGER}",
                BRIEF.replace("zinfra", "kube-system"), BRIEF + " --dry-run",
                BRIEF.replace("-n zinfra", "-nzinfra"),
                STATUS + " -o yaml", "kubectl get jobs",
                "kubectl get secrets -n zinfra", "rm -rf x", "id",
                "node '' /scripts/trigger_articles.js", "''",
                "node /scripts/trigger_articles.js ''",
                f"{PARSE} ''", "check status:", "#", "## Trigger"):
            with self.subTest(command):
                self.assert_does_not_run(command)

    def test_strange_vectors(self):
        for vector in (["sh", "-c", TRIGGER], [TRIGGER], ["node " + PARSE],
                       ["node", "/scripts/trigger_articles.js\n"],
                       [*PARSE.split(), "a\nb"], [*PARSE.split(), "a\x7fb"],
                       [*PARSE.split(), "\x1b[2J"], [" node", "x"],
                       ["node\u200b", "/scripts/trigger_articles.js"]):
            with self.subTest(str(vector)):
                self.assert_does_not_run(vector)

    def test_reason_and_what_is_permitted(self):
        told = self.assert_does_not_run("rm -rf /", "\"rm -rf /\"", TRIGGER,
                                        PARSE, STATUS)
        self.assertLess(len(told), 2048)
        told = self.assert_does_not_run(TRIGGER + "; rm -rf x", ";", TRIGGER)
        self.assertIn("shell", told.lower() + "shell")

    def test_long_runbook_is_told_in_part(self):
        self.place.agents("# All\n\n" + "".join(
            f"```\nnode /scripts/{i}-{'x' * 40}.js\n```\n"
            for i in range(500)))
        told = self.assert_does_not_run("rm x", "more, in AGENTS.md")
        self.assertLess(len(told), 2048)
        told = self.assert_does_not_run("rm " + "x" * 30000)
        self.assertLess(len(told), 2048)

    def test_no_runbook_grants_nothing(self):
        (self.place.workspace / "AGENTS.md").unlink()
        self.assert_does_not_run(TRIGGER, "there is no AGENTS.md")

    def test_runbook_that_is_no_file(self):
        path = self.place.workspace / "AGENTS.md"
        path.unlink()
        os.mkfifo(path)
        self.assert_does_not_run(TRIGGER)
        path.unlink()
        path.mkdir()
        self.assert_does_not_run(TRIGGER)
        path.rmdir()
        path.symlink_to("/dev/zero")
        self.assert_does_not_run(TRIGGER)

    def test_read_anew_when_it_changes(self):
        stage = self.place.start([TOOL])

        def outcome(command):
            stage.send(turn(call("exec", command=command)))
            return stage.read()["steps"][1]["ok"]

        self.assertTrue(outcome(TRIGGER))
        self.assertFalse(outcome("node /scripts/new.js"))
        self.place.agents("## New\n```\nnode /scripts/new.js\n```\n")
        self.assertTrue(outcome("node /scripts/new.js"))
        self.assertFalse(outcome(TRIGGER))
        # the same size at the same time, by another file
        path = self.place.workspace / "AGENTS.md"
        stat = path.stat()
        other = self.place.workspace / "other"
        other.write_text("## New\n```\nnode /scripts/abc.js\n```\n")
        os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        other.rename(path)
        self.assertFalse(outcome("node /scripts/new.js"))
        self.assertTrue(outcome("node /scripts/abc.js"))

    def test_configmap_mount(self):
        """Kubernetes changes a mounted ConfigMap by a link to a folder."""
        path = self.place.workspace / "AGENTS.md"
        path.unlink()
        for name, text in (("..one", AGENTS), ("..two", "nothing\n")):
            (self.place.workspace / name).mkdir()
            (self.place.workspace / name / "AGENTS.md").write_text(text)
        data = self.place.workspace / "..data"
        data.symlink_to("..one")
        path.symlink_to("..data/AGENTS.md")
        self.assert_runs(TRIGGER, TRIGGER.split())
        data.unlink()
        data.symlink_to("..two")
        self.assert_does_not_run(TRIGGER)

    def test_program_that_comes_later(self):
        """kubectl is downloaded when the container is already up."""
        self.place.agents("## Late\nlate-program --go\n")
        stage = self.place.start([TOOL])
        command = turn(call("exec", command="late-program --go"))
        stage.send(command)
        self.assertFalse(stage.read()["steps"][1]["ok"])
        self.place.fake("late-program")
        stage.send(command)
        self.assertTrue(stage.read()["steps"][1]["ok"])

    def test_long_command_lines(self):
        self.assert_does_not_run("node " + "x" * 100000)
        self.assert_does_not_run("node " + "x " * 5000)
        self.assert_refused(self.command(["node"] * 257), "256")


class Look(PolicyCase):
    def setUp(self):
        super().setUp()
        self.configure(look=True)

    def test_looking(self):
        self.assert_runs("kubectl get pods -n zinfra",
                         "kubectl get pods -n zinfra".split())
        self.assert_runs("df -h", ["df", "-h"])

    def test_not_secrets(self):
        for command in ("kubectl get secrets", "kubectl get secret/x -o yaml",
                        "kubectl describe secret x", "kubectl delete pod x",
                        "kubectl get pods,secrets",
                        "kubectl exec x -- id", "df --output; id"):
            with self.subTest(command):
                self.assert_does_not_run(command)

    def test_switched_off(self):
        self.configure(look=False)
        self.assert_does_not_run("df -h")

    def test_git_does_not_start_what_the_repository_names(self):
        for name in ("git", "env", "sh"):
            (self.place.fakes / name).unlink()
        repository = self.place.workspace
        mark = self.place.folder / "pwned"
        evil = self.place.script("evil", f"#!/bin/sh\ntouch {mark}\n")
        self.place.shell(
            f"cd {repository} && git init -q && echo a > f && git add f && "
            "git -c user.name=a -c user.email=a@b commit -qm a && "
            f"git config core.fsmonitor {evil} && "
            f"git config core.pager {evil} && "
            f"git config diff.external {evil} && "
            f"git config diff.x.textconv {evil} && "
            f"git config diff.x.command {evil} && "
            "echo '* diff=x' > .gitattributes && echo b > f")
        self.place.shell(f"cd {repository} && git diff")
        self.assertTrue(mark.exists(), "the trap does not work")
        mark.unlink()
        for command in ("git status", "git log -p", "git diff", "git log"):
            with self.subTest(command):
                self.assertNotIn("git ran", self.assert_ok(
                    self.command(command)))
                self.assertFalse(mark.exists())
        self.assertIn("commit ", self.command("git log")["output"])


class Rules(PolicyCase):
    def test_deny_wins(self):
        self.configure(look=True, deny=[
            '.call.args.command | tostring | test("trigger")',
            '.turn.session == "evil"'], allow=["true"])
        self.assert_does_not_run(TRIGGER, "rule")
        self.assert_runs("id -u", ["id", "-u"])
        record, = self.place.run([TOOL], turn(
            call("exec", command=STATUS), session="evil")).records
        self.assertFalse(record["steps"][1]["ok"])

    def test_deny_wins_over_full(self):
        (self.place.fakes / "sh").unlink()
        self.configure(policy="full",
                       deny=['.call.args.command | test("rm ")'])
        self.assert_does_not_run("echo a; rm x")
        self.assert_ok(self.command("echo a; echo b"))

    def test_allow_grants_more_but_no_shell(self):
        self.configure(look=False, allow=[
            '.call.args.command | startswith("id ")'])
        self.assert_runs("id -u", ["id", "-u"])
        self.assert_does_not_run("id -u; rm x")
        self.assert_does_not_run("rm x")

    def test_rule_that_fails(self):
        self.configure(deny=[".call.args.command | .[0].x"])
        self.assert_does_not_run(TRIGGER)
        self.configure(allow=[".call.args.command | .[0].x"])
        self.assert_does_not_run("rm x")
        self.assert_runs(TRIGGER, TRIGGER.split())

    def test_bad_rule(self):
        for key in ("allow", "deny"):
            for rule in (".a | test(", "env.HOME", "input", "no_such"):
                with self.subTest(f"{key} {rule}"):
                    path = self.place.config(
                        f"tools:\n  exec:\n    {key}:\n"
                        f"      - {json.dumps(rule)}\n")
                    result = self.place.run([TOOL], turn())
                    self.assert_status(result, 78)
                    self.assertIn(f"{path}:4:9", result.err)

    def test_deny_policy(self):
        self.configure(policy="deny", allow=["true"])
        self.assert_does_not_run(TRIGGER, "deny")

    def test_ask_policy(self):
        self.configure(policy="ask", look=False)
        self.assert_runs(TRIGGER, TRIGGER.split())
        self.assert_does_not_run("rm x", "approval")

    def test_full_policy(self):
        self.configure(policy="full")
        (self.place.fakes / "sh").unlink()
        self.assertEqual(self.command("echo a | tr a b; echo $((1+1))")
                         ["output"], "b\n2\n")

    def test_refusal_is_quick_even_with_many(self):
        begun = time.monotonic()
        calls = [call("exec", f"c{i}", command="rm x") for i in range(200)]
        self.assertEqual(len(self.run_turn(*calls)), 200)
        self.assertLess(time.monotonic() - begun, support.DEADLINE_S)


if __name__ == "__main__":
    unittest.main()
