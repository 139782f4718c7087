"""The Telegram webhook: what it takes becomes turns as what is polled does."""
import http.client
import json
import signal
import time
import unittest

import support
from fake.telegram import ADA, TOKEN, Telegram
from test_recv_telegram import ReceiverCase

SECRET = "Web_hook-Secret-0123456789"
URL = "https://claw.example.org/telegram"


class PickupCase(ReceiverCase):
    """oc-recv-telegram alone: the test lays down what a webhook took."""

    def setUp(self):
        super().setUp()
        self.place.env["TELEGRAM_WEBHOOK_SECRET"] = SECRET
        self.updates = self.place.state / "updates"
        self.next = 500

    def configure(self, **telegram):
        super().configure(**{"webhook": {"url": URL}, **telegram})

    def lay(self, text, update_id=None, **fields):
        """As oc-recv-http does: written elsewhere, then moved there."""
        if update_id is None:
            self.next += 1
            update_id = self.next
        for name in ("tmp", "new", "done"):
            (self.updates / name).mkdir(parents=True, exist_ok=True)
        update = {"update_id": update_id, "message": {
            "message_id": update_id, "from": ADA, "date": int(time.time()),
            "chat": {"id": 42, "type": "private"}, "text": text, **fields}}
        path = self.updates / "tmp" / f"{update_id}.1"
        path.write_text(json.dumps(update))
        path.rename(self.updates / "new" / str(update_id))
        return update_id

    def wait_done(self, *ids):
        support.wait_for(
            lambda: not list((self.updates / "new").iterdir()) and
            all((self.updates / "done" / str(i)).exists() for i in ids),
            what="all updates to be done with", state=self.state)


class Pickup(PickupCase):
    def test_telegram_is_told_where_to_send_them(self):
        self.start()
        call = self.telegram.wait_calls("setWebhook")[0]
        self.assertEqual(call.params["url"], URL)
        self.assertEqual(call.params["secret_token"], SECRET)
        self.assertIn("message", call.params["allowed_updates"])
        self.assertFalse(call.params["drop_pending_updates"])
        self.receiver.wait_stderr("come by the webhook")
        self.stop()
        self.assertEqual(self.telegram.calls_of("getUpdates"), [])
        self.assert_no_secret(SECRET, self.receiver, self.place.state)

    def test_updates_become_turns(self):
        early = self.lay("laid before the start")
        self.start()
        self.assertEqual(self.turns(1)[0]["text"], "laid before the start")
        late = self.lay("and while it runs")
        turn = self.turns(2)[1]
        self.assertEqual(turn["text"], "and while it runs")
        self.assertEqual(turn["session"], "telegram:42")
        self.assertEqual(turn["id"], f"telegram-7001-{late}")
        self.wait_done(early, late)
        self.assertEqual(
            (self.updates / "done" / str(late)).read_text(), "")
        self.stop()

    def test_an_album_is_one_turn_and_files_are_fetched(self):
        photo = self.telegram.add_file(b"\x89PNG\r\n\x1a\nx", "a.png")
        self.start()
        self.receiver.wait_stderr("come by the webhook")
        for part in ("one", "two"):
            self.lay(None, caption=part, media_group_id="g",
                     photo=[{"file_id": photo, "file_size": 9}])
        turn = self.turns(1)[0]
        self.assertEqual(len(turn["media"]), 2)
        self.stop()

    def test_a_stranger_is_told_a_code_and_nothing_else(self):
        bob = {"id": 43, "is_bot": False, "first_name": "Bob"}
        self.telegram.add_chat(43)
        stranger = self.lay("let me in", **{"from": bob},
                            chat={"id": 43, "type": "private"})
        self.start()
        self.assertIn("pairing approve",
                      self.telegram.wait_sent(1)[0]["text"])
        self.wait_done(stranger)
        self.assertEqual(self.turns(), [])
        self.stop()

    def test_nothing_is_done_with_that_is_not_safe(self):
        full = self.place.folder / "put.log.full"
        full.touch()
        self.start()
        id = self.lay("hello")
        self.receiver.wait_stderr("come by the webhook")
        self.telegram.wait_calls("getWebhookInfo")
        self.assertEqual([p.name for p in (self.updates / "new").iterdir()],
                         [str(id)])
        full.unlink()
        self.turns(1)
        self.wait_done(id)
        self.stop()

    def test_a_kill_loses_nothing(self):
        full = self.place.folder / "put.log.full"
        full.touch()
        self.start()
        ids = [self.lay(f"message {i}", date=1000 + i) for i in range(5)]
        self.receiver.wait_stderr("come by the webhook")
        self.receiver.kill()
        full.unlink()
        self.start()
        self.wait_done(*ids)
        self.receiver.signal(signal.SIGTERM)
        self.receiver.wait()
        text = "\n".join(t["text"] for t in self.turns())
        for i in range(5):
            self.assertIn(f"message {i}", text)

    def test_a_file_that_is_no_update_is_passed_over(self):
        for name in ("tmp", "new", "done"):
            (self.updates / name).mkdir(parents=True)
        (self.updates / "new" / "77").write_text("{")
        self.lay("hello")
        self.start()
        self.turns(1)
        self.wait_done(77)
        self.receiver.wait_stderr("holds no update")
        self.stop()

    def test_back_to_polling_what_was_left_comes_first(self):
        self.configure(webhook={})
        left = self.lay("left by the webhook", update_id=880500)
        self.telegram.update_id = 880600
        self.telegram.say("came later")
        self.start()
        turns = self.turns(2)
        self.assertEqual([t["text"] for t in turns],
                         ["left by the webhook", "came later"])
        self.wait_done(left)
        self.telegram.wait_confirmed(880601)
        self.telegram.wait_calls("deleteWebhook")
        self.stop()
        state = json.loads((self.place.state / "telegram.json").read_text())
        self.assertEqual(state["offset"], 880602)

    def test_without_a_secret_it_does_not_start(self):
        for secret, said in (("", "is not set"), ("with blanks", "takes"),
                             ("x" * 257, "takes")):
            result = self.place.run(["oc-recv-telegram"],
                                    TELEGRAM_WEBHOOK_SECRET=secret)
            self.assert_status(result, 78)
            self.assertIn(said, result.err)
            self.assertNotIn("with blanks", result.err)

    def test_someone_else_sets_the_webhook(self):
        self.start()
        self.receiver.wait_stderr("come by the webhook")
        # as it is found a minute later
        self.stop()
        self.telegram.webhook = "https://elsewhere.example.org/"
        self.start()
        self.telegram.wait_calls("setWebhook", 2)
        self.assertEqual(self.telegram.webhook, URL)
        self.stop()


class WebhookCase(PickupCase):
    """With oc-recv-http in front of it, as Telegram sees it."""

    def setUp(self):
        super().setUp()
        support.need("oc-recv-http")
        self.port = support.free_port()
        self.url = f"http://127.0.0.1:{self.port}/telegram"
        self.configure(webhook={"url": self.url})

    def tearDown(self):
        super().tearDown()
        if getattr(self, "http", None):
            self.http.signal(signal.SIGTERM)
            self.assert_status(self.http.wait(), 0)

    def start_http(self):
        where = self.place.state / "run" / "http.json"
        where.unlink(missing_ok=True)
        self.http = self.place.start(
            ["oc-recv-http", "--port", str(self.port), "--", "oc-spool",
             "put", "in"])
        support.wait_for(where.exists, what="the port",
                         state=self.http.stderr)
        return self.http

    def post(self, body, secret=SECRET, path="/telegram"):
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=30)
        try:
            connection.request(
                "POST", path,
                body if isinstance(body, (str, bytes)) else json.dumps(body),
                headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def waiting(self):
        return sorted(p.name for p in (self.updates / "new").iterdir())


class Webhook(WebhookCase):
    def test_what_telegram_sends_becomes_a_turn(self):
        self.start_http()
        self.start()
        self.telegram.wait_calls("setWebhook")
        id = self.telegram.say("hello")
        turn = self.turns(1)[0]
        self.assertEqual(turn["text"], "hello")
        self.assertEqual(turn["id"], f"telegram-7001-{id}")
        self.telegram.wait_confirmed(id)
        self.wait_done(id)
        self.stop()
        self.assertEqual(self.telegram.calls_of("getUpdates"), [])

    def test_an_update_is_on_disk_when_it_is_answered(self):
        self.start_http()
        update = {"update_id": 7, "message": {"text": "x"}}
        self.assertEqual(self.post(update), 200)
        self.assertEqual(
            json.loads((self.updates / "new" / "7").read_text()), update)
        self.assertEqual(self.post(update), 200)
        self.assertEqual(self.waiting(), ["7"])

    def test_who_may(self):
        self.start_http()
        update = {"update_id": 7}
        for secret in (None, "", SECRET[:-1], SECRET + "x", "wrong"):
            self.assertEqual(self.post(update, secret), 401)
        self.assertEqual(self.post(update, path="/telegram2"), 404)
        self.assertEqual(self.waiting(), [])
        self.assert_no_secret(SECRET, self.http)
        self.assert_no_secret_in_processes(SECRET, self.http.pid)

    def test_what_is_no_update(self):
        self.start_http()
        for body in ("", "{", "[]", "{}", {"update_id": "7"},
                     {"update_id": -1}, {"update_id": 0}):
            self.assertEqual(self.post(body), 400, body)
        self.assertEqual(self.post(b"x" * (2 << 20)), 413)
        self.assertEqual(self.waiting(), [])

    def test_broken_characters_are_repaired_later(self):
        self.start_http()
        self.start()
        self.assertEqual(self.post(json.dumps({
            "update_id": 7, "message": {
                "message_id": 1, "date": 1, "from": ADA, "text": "TEXT",
                "chat": {"id": 42, "type": "private"}}}).replace(
                    "TEXT", "half \\ud83d")), 200)
        self.assertEqual(self.turns(1)[0]["text"], "half \ufffd")
        self.stop()

    def test_another_path_behind_a_proxy(self):
        self.configure(webhook={"url": URL, "path": "/tg/hook-1"})
        self.start_http()
        self.assertEqual(self.post({"update_id": 7}), 404)
        self.assertEqual(self.post({"update_id": 7}, path="/tg/hook-1"), 200)

    def test_it_does_not_start_half_configured(self):
        for webhook, secret, said in (
                ({"url": "https://example.org"}, SECRET, "has no path"),
                ({"url": URL}, "", "is not set")):
            self.configure(webhook=webhook)
            result = self.place.run(["oc-recv-http", "--port", "0"],
                                    TELEGRAM_WEBHOOK_SECRET=secret)
            self.assert_status(result, 78)
            self.assertIn(said, result.err)

    def test_kills_in_the_middle_lose_nothing(self):
        """Each text is answered for exactly once, whatever is killed."""
        self.start_http()
        self.start()
        self.telegram.wait_calls("setWebhook")
        ids = []
        for i in range(60):
            # two people: what one writes meanwhile is no one's paste
            ids.append(self.telegram.say(
                f"message {i}", sender=ADA if i % 2 else 43))
            if i in (10, 30, 50):
                self.http.kill()
                self.start_http()
            if i in (20, 40):
                self.receiver.kill()
                self.start()
        self.telegram.wait_confirmed(ids[-1])
        self.wait_done(*ids)
        turns = {t["id"]: t for t in self.turns()}
        said = "\n".join(t["text"] for t in turns.values())
        for i in range(60):
            self.assertEqual(said.split("\n").count(f"message {i}"), 1, i)
        self.stop()

    def configure(self, **telegram):
        super().configure(**{"allow_from": ["42", "43"], **telegram})


if __name__ == "__main__":
    unittest.main()
