"""How each stage of the pipe is run for tests that hold for all of them."""
import functools

import support

# A turn on which a stage acts in a moment, without network and key.
TURN = {"text": "hi"}
FINISHED = {"text": "hi", "reply": {"text": "Hello."}}
# An inner pipeline that answers every turn at once.
ANSWER = ("jq --unbuffered -c 'if .type == \"stop\" then . "
          "else .reply = {text: \"Hello.\"} end'")

CONFIG = {"primary_model": "local/runbook", "fallbacks": [],
          "tools": {"stages": []}}


class Stage:
    def __init__(self, name, args=(), turn=None, configured=True,
                 filters=True, served=b""):
        self.name, self.args = name, list(args)
        self.turn = turn or TURN      # one that it serves
        self.configured = configured  # it reads the configuration
        self.filters = filters        # what it writes is turns
        self.served = served          # else: in its output for each turn

    @property
    def argv(self):
        return [self.name, *self.args]


STAGES = [
    Stage("oc-route-model"),
    Stage("oc-loop", ["--", ANSWER]),
    Stage("oc-plan"),
    Stage("oc-exec-tool"),
    Stage("oc-cdp"),
    Stage("oc-send", ["-c", "stdout"], FINISHED, configured=False,
          filters=False, served=b"Hello."),
    Stage("oc-spool", ["put", "in"], configured=False, filters=False,
          served=b"\n"),
]


def filters(stage):
    return stage.filters


def configured(stage):
    return stage.configured


def each(chosen=lambda stage: True):
    """Runs a test method for each stage that is built, as a subtest."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            there = [s for s in STAGES if chosen(s) and support.built(s.name)]
            if not there:
                self.skipTest("no such stage is built")
            for stage in there:
                with self.subTest(stage.name):
                    test(self, stage)
        return run
    return decorate


class TestCase(support.TestCase):
    def setUp(self):
        super().setUp()
        self.place.config(CONFIG)
