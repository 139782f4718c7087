"""oc-spool on Redis: what it promises with directories holds here, too."""
import re
import unittest

import redis_server
import support
import test_spool


def lua(path, name):
    """The text of a script in the sources."""
    text = (support.SOURCE / path).read_text()
    text = re.search(r'.*?\\n"}?;', text[text.index(name):], re.S)[0]
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    pieces = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    return "".join(pieces).replace("\\n", "\n").replace("\\\\", "\\")


COMMON = lua("lib/queue_lua.c", "queue_lua_common[]")
FINISH = COMMON + lua("lib/queue_redis.c", "redis_script finish_script")


class RedisQueue(test_spool.QueueCase):
    """The same places, seen in Redis."""

    def setUp(self):
        super().setUp()
        self.redis = redis_server.RedisServer()
        self.addCleanup(self.redis.remove)
        self.configure()

    def configure(self, **node):
        self.place.config({"queue": self.redis.url,
                           "node": {"lease_s": 2, **node}})

    def key(self, rest, queue=None):
        return f"oc:{queue or self.queue}:{rest}"

    def names(self, directory, queue=None):
        if directory == "done":
            prefix = self.key("done:", queue)
            return sorted(k[len(prefix):]
                          for k in self.redis.command("KEYS", prefix + "*"))
        if directory in ("tmp", "id"):
            return []
        return self.redis.command("ZRANGE", self.key(directory, queue), 0, -1)

    def line(self, directory, index=0, queue=None):
        name = self.names(directory, queue)[index][21:].partition("#")[0]
        return self.redis.command(
            "HGET", self.key("msg", queue), name).encode()

    def finish(self, *ids, queue=None):
        args = [word for one in ids for word in (one, "")]
        self.redis.command("EVAL", FINISH, 0,
                           "oc:" + (queue or self.queue), *args)


def without(base, *names):
    """A test case that leaves out what only directories have."""
    left_out = {name: None for name in names}
    for name in names:
        assert hasattr(base, name), name
    return type(base.__name__, (RedisQueue, base), left_out)


class Put(without(
        test_spool.Put, "test_same_id_a_week_after_it_was_finished_is_new",
        "test_given_up_turn_is_not_put_again", "test_lost_links_are_restored",
        "test_link_without_a_turn_is_no_turn",
        "test_directory_that_cannot_be_synced_is_told_once",
        "test_newer_state_is_refused_and_left_alone",
        "test_full_disk_is_waited_for")):
    def test_finished_ids_are_remembered_for_a_week(self):
        self.put_ids(self.turn("a"))
        self.finish("a")
        left = self.redis.command("TTL", self.key("done:a"))
        self.assertGreater(left, 7 * 86400 - 60)
        self.assertLessEqual(left, 7 * 86400)

    def test_newer_state_is_refused(self):
        self.redis.command("SET", "oc:format", "2")
        for argv in (["put", "in"], ["take", "in"], ["ls", "in"]):
            result = self.place.run(["oc-spool", *argv], self.turn("a"))
            self.assert_status(result, 78)
            self.assertIn("format", result.err)

    def test_directory_stays_empty(self):
        self.put_ids(self.turn("a"))
        self.assertFalse((self.place.state / "in").exists())

    def test_says_what_a_crash_can_lose(self):
        for policy, words in ((None, "no append-only file"),
                              ("everysec", "does not sync each write")):
            server = redis_server.RedisServer(policy)
            self.addCleanup(server.remove)
            self.place.config({"queue": server.url})
            result = self.put([self.turn("a"), self.turn("b")])
            self.assert_status(result, 0)
            self.assertEqual(len(result.err_lines), 1)
            self.assertIn(words, result.err)

    def test_password(self):
        server = redis_server.RedisServer(password="s3cret pass")
        self.addCleanup(server.remove)
        self.place.config({"queue": server.url})
        file = self.place.folder / "password"
        file.write_text("s3cret pass\n")
        for env, status in (({}, 77), ({"REDIS_PASSWORD": "wrong"}, 77),
                            ({"REDIS_PASSWORD": "s3cret pass"}, 0),
                            ({"REDIS_PASSWORD_FILE": str(file)}, 0)):
            result = self.place.run(
                ["oc-spool", "put", "in"], self.turn("a"), **env)
            self.assert_status(result, status)
            self.assert_no_secret("s3cret", result)

    def test_people_do_not_wait(self):
        self.redis.kill()
        for argv in (["ls"], ["ls", "in"], ["show", "in", "a"],
                     ["drop", "in", "a"]):
            result = self.place.run(["oc-spool", *argv])
            self.assert_status(result, 69)
            self.assertIn("cannot be reached", result.err)


class Take(without(
        test_spool.Take,
        "test_a_reply_that_is_given_up_has_a_notice_and_that_has_none",
        "test_looks_where_nobody_tells", "traced",
        "test_without_inotify", "test_full_disk",
        "test_file_that_is_no_turn_is_put_aside")):
    def test_line_that_is_no_turn_is_put_aside(self):
        self.put_ids([self.turn("a"), self.turn("b")])
        self.redis.command("HSET", self.key("msg"), "a", "rubbish")
        take = self.take()
        self.assertEqual(take.read()["id"], "b")
        self.assertEqual(self.all_states()["a"], ["dead"])

    def test_what_nobody_told_is_seen(self):
        """A finish whose message was lost."""
        self.put_ids([self.turn("a"), self.turn("b", channel="x")])
        take = self.take()
        take.read()
        script = re.sub(r"'PUBLISH', k[^,]*, ", "'ECHO', ", FINISH)
        self.redis.command("EVAL", script, 0, "oc:in", "a", "")
        self.assertEqual(take.read()["id"], "b")


class ByHand(without(test_spool.ByHand)):
    pass


if __name__ == "__main__":
    unittest.main()
