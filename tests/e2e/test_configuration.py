"""openclaw.yaml: the manual says what the programs do, and errors say where."""
import json
import re

import support

MANUAL = support.SOURCE / "share" / "man" / "openclaw.yaml.5"
# The gateway's keys, which the manual leaves out until there is a gateway.


def example():
    """The example of the manual, as a person would copy it."""
    text = MANUAL.read_text().split(".Sh EXAMPLES\n")[1]
    return re.search(r"^\.Bd -literal\n(.*?)^\.Ed", text, re.M | re.S)[1]


def documented():
    """Each key of the manual that has a default: the key and its text."""
    return re.findall(
        r"^\.It Ic ([\w.]+) : .*?Pq (.*)$", MANUAL.read_text(), re.M)


def flat(value, prefix=""):
    """{"a":{"b":1}} as {"a.b":1}; an empty mapping is left out."""
    if not isinstance(value, dict):
        return {prefix: value}
    result = {}
    for key, inner in value.items():
        result |= flat(inner, f"{prefix}.{key}" if prefix else key)
    return result


def as_text(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    return json.dumps(value)


class Manual(support.TestCase):
    def defaults(self):
        result = self.place.run(["openclaw", "config", "show"])
        self.assert_status(result, 0)
        return flat(json.loads(result.out))

    def test_example(self):
        self.place.config(example())
        result = self.place.run(["openclaw", "config", "check"])
        self.assert_status(result, 0)

    def test_defaults(self):
        defaults = self.defaults()
        checked = 0
        for key, text in documented():
            if key in defaults:
                self.assertEqual(as_text(defaults[key]), text, key)
                checked += 1
        self.assertGreater(checked, 25)

    def test_every_key_is_documented(self):
        keys = [key for key, _ in documented()]
        missing = [
            key for key in self.defaults()
            if key not in keys and
            not key.startswith("providers.")]
        self.assertEqual(missing, [])


class Problems(support.TestCase):
    def check(self, text):
        self.path = self.place.config(text)
        return self.place.run(["openclaw", "config", "check"])

    def assert_problems(self, text, *problems):
        result = self.check(text)
        self.assert_status(result, 78)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), len(problems), result)
        for line, problem in zip(lines, problems):
            self.assertIn(f"{self.path}:{problem}", line)

    def test_every_problem_is_a_line(self):
        self.assert_problems(
            "fallback: []\n"
            "limits:\n"
            "  steps: many\n"
            "tools: {exec: {policy: everything}}\n",
            "1:1: unknown key `fallback`; did you mean `fallbacks`?",
            "3:10: expected a whole number, found text",
            "4:24: `everything`")

    def test_ask_with_a_bad_rule(self):
        support.need("openclaw")
        path = self.place.config("routes:\n  - {name: a, when: '.text |',"
                                 " model: local/runbook}\n")
        result = self.place.run(["openclaw", "ask", "hi"])
        self.assert_status(result, 78)
        self.assertIn(f"{path}:2:21:", result.err)

    def test_rules(self):
        self.assert_problems(
            "routes:\n"
            "  - {name: a, when: '.text &&', model: openai/x}\n"
            "tools: {exec: {allow: ['env.HOME']}}\n",
            "2:21: the rule routes[0].when: syntax error",
            "3:24: the rule tools.exec.allow[0]: line 1: `env`")

    def test_the_users_own_jq_functions_are_not_there(self):
        (self.place.home / ".jq").write_text("def yes: true;\n")
        result = self.check("tools: {exec: {allow: ['yes']}}\n")
        self.assert_status(result, 78)
        self.assertIn("yes/0 is not defined", result.err)

    def test_a_secret_is_refused_and_not_shown(self):
        for text in ("api_key: sk-hush\n",
                     "providers: {google: {key: hush}}\n",
                     "litellm_base_url: http://me:hush@llm:4000\n"):
            with self.subTest(text):
                result = self.check(text)
                self.assert_status(result, 78)
                self.assert_no_secret("hush", result)

    def test_json_with_tabs(self):
        result = self.check(
            '{\n\t"primary_model":\t"local/runbook",\n'
            '\t"fallbacks": []\n}\n')
        self.assert_status(result, 0)


if __name__ == "__main__":
    support.unittest.main()
