"""oc-cdp: pages are read, filled in, printed and photographed."""
import html
import json
import struct
import unittest
from pathlib import Path

import cdp
import support

SCRIPTED = """<title>Built</title><div id=x></div><script>
setTimeout(() => { document.getElementById('x').innerHTML =
  '<h1>Made by a script</h1><p>and read as text</p>'; }, 50)</script>"""
FORM = """<title>Form</title><h1>Order</h1>
<form action=/sent method=post>
<label>Name <input name=name value=old></label>
<label>Day <input type=date name=day></label>
<label>Size <select name=size><option value=s>Small<option value=l>Large
</select></label>
<label><input type=checkbox name=gift>A gift</label>
<textarea name=note aria-label=Note></textarea>
<button>Send it</button></form>"""
EVENTS = """<title>Events</title><button onclick="
  if (confirm('Really?')) document.title='yes'; else document.title='no';
  ">Ask</button>
<a href=/scripted target=_blank>Elsewhere</a>
<a href=/file.txt download>Load</a>
<input aria-label=Key onkeydown="document.title=event.key">"""
LONG = ("<title>Long</title><style>p {page-break-after: always}</style>"
        + "".join(f"<p>Page {i}</p>" for i in range(60)))
FRAMES = """<title>Outer</title><iframe src=/inner></iframe>"""
INNER = """<title>Inner</title><button onclick="this.innerText='Pressed'">
Inside</button>"""


def form(request):
    return (f"<title>Sent</title><pre>{html.escape(request.body)}</pre>"
            f"<a href=/form>again</a>")


def download(request):
    return cdp.reply(
        request, b"the file's text" * 10,
        Content_Type="application/octet-stream",
        Content_Disposition='attachment; filename="../../notes.txt"')


def large_download(request):
    return cdp.reply(
        request, b"x" * 200000, Content_Type="application/octet-stream",
        Content_Disposition='attachment; filename="large.bin"')


class Pages(cdp.TestCase):
    """With a browser that listens."""
    pages = {"/scripted": SCRIPTED, "/form": FORM, "/sent": form,
             "/events": EVENTS, "/long": LONG, "/frames": FRAMES,
             "/inner": INNER, "/file.txt": download,
             "/large": large_download}
    started = False

    def setUp(self):
        super().setUp()
        shared = self.place.folder / "downloads"
        shared.mkdir()
        self.configure(started=self.started, keep="session",
                       download_bytes=100000,
                       **({} if self.started else
                          {"download_dir": str(shared)}))
        self.stage = self.start_stage()

    def open(self, path):
        return self.do(self.stage, "open", url=self.site.url + path)

    def test_a_page_that_builds_itself(self):
        self.assertIn('"Built"', self.open("/scripted"))
        text = self.do(self.stage, "text")
        self.assertIn("Made by a script\n", text)
        self.assertIn("and read as text", text)
        self.assertEqual(self.turn["taint"], ["web"])
        self.assertIn("Made by a script",
                      self.do(self.stage, "text", selector="h1"))
        self.assertIn("nothing", self.fail_to(
            self.stage, "text", selector=".none"))

    def test_a_form_by_references(self):
        self.open("/form")
        tree = self.do(self.stage, "snapshot")
        self.assertIn('- heading "Order" level 1', tree)
        self.assertIn('value "old"', tree)
        ref = lambda words: self.reference(tree, words)
        self.do(self.stage, "type", ref=ref('textbox "Name'), text="Ada & Co")
        self.do(self.stage, "type", ref=ref('"Note"'), text="first")
        self.do(self.stage, "type", ref=ref('"Note"'), text=" more",
                append=True)
        self.do(self.stage, "select", ref=ref('combobox "Size'),
                option="Large")
        self.assertIn("Small, Large", self.fail_to(
            self.stage, "select", ref=ref('combobox "Size'), option="Huge"))
        self.do(self.stage, "click", ref=ref('checkbox "A gift"'))
        said = self.do(self.stage, "click", ref=ref('button "Send it"'))
        self.assertIn('"Sent"', said)
        self.assertEqual(
            self.do(self.stage, "text").splitlines()[0],
            "name=Ada+%26+Co&day=&size=l&gift=on&note=first+more")
        # what the references named is gone
        self.assertIn("browser_snapshot", self.fail_to(
            self.stage, "click", ref=ref('button "Send it"')))
        self.assertIn('"Form"', self.do(self.stage, "back"))

    def test_dialogs_tabs_keys_and_downloads(self):
        self.open("/events")
        tree = self.do(self.stage, "snapshot")
        ask = self.reference(tree, 'button "Ask"')
        said = self.do(self.stage, "click", ref=ask)
        self.assertIn('"no"', said)
        self.assertIn("dialog confirm, dismissed: Really?", said)
        self.assertIn('"yes"', self.do(
            self.stage, "click", ref=ask, accept_dialog=True))
        self.assertIn('"ArrowDown"', self.do(
            self.stage, "press", key="ArrowDown",
            ref=self.reference(tree, '"Key"')))
        said = self.do(self.stage, "click",
                       ref=self.reference(tree, '"Load"'))
        self.assertIn("downloaded", said)
        media, = self.step["media"]
        self.assertTrue(media["path"].startswith(
            str(self.place.workspace / "browser") + "/"), media)
        self.assertEqual(media["bytes"], 150)
        self.do(self.stage, "click", ref=self.reference(tree, '"Elsewhere"'))
        tabs = self.do(self.stage, "tabs")
        self.assertEqual(len(tabs.splitlines()), 2, tabs)
        support.wait_for(
            lambda: "Made by a script" in self.do(self.stage, "text"),
            cdp.SLOW, "the page of the new tab")
        self.assertEqual(
            len(self.do(self.stage, "tabs", close=2).splitlines()), 1)
        self.assertIn("more than", self.fail_to(
            self.stage, "open", url=self.site.url + "/large"))

    def test_frames(self):
        self.open("/frames")
        tree = self.do(self.stage, "snapshot")
        self.assertIn("Inside", tree)
        self.do(self.stage, "click", ref=self.reference(tree, "Inside"))
        self.assertIn("Pressed", self.do(self.stage, "text"))

    def test_waiting_and_evaluating(self):
        self.open("/inner")
        self.do(self.stage, "evaluate", expression="setTimeout("
                "() => document.body.append('it came'), 300); 1")
        self.do(self.stage, "wait", text="it came")
        self.assertIn("did not come", self.fail_to(
            self.stage, "wait", text="never", ms=300))
        self.assertTrue(self.step["timeout"])
        evaluate = lambda text: self.do(
            self.stage, "evaluate", expression=text)
        self.assertEqual(evaluate("1 + 1"), "2")
        self.assertEqual(json.loads(evaluate("({a: [1, 'x']})")),
                         {"a": [1, "x"]})
        self.assertEqual(evaluate("Promise.resolve('later')"), "later")
        self.assertEqual(evaluate("undefined"), "undefined")
        self.assertIn("ReferenceError", self.fail_to(
            self.stage, "evaluate", expression="nothing_here"))

    def test_pdf_and_screenshot(self):
        self.open("/long")
        self.do(self.stage, "pdf", name="../book", send=True)
        media, = self.step["media"]
        self.assertEqual(media["mime"], "application/pdf")
        self.assertTrue(media["send"])
        data = Path(media["path"]).read_bytes()
        self.assertEqual(len(data), media["bytes"])
        self.assertTrue(data.startswith(b"%PDF-"))
        self.assertTrue(data.rstrip().endswith(b"%%EOF"))
        self.assertEqual(data.count(b"/Type /Page\n"), 60)
        self.assertEqual(
            media["path"], str(self.place.workspace / "browser" / "book.pdf"))
        self.do(self.stage, "screenshot", width=320, height=200)
        media, = self.step["media"]
        data = Path(media["path"]).read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", data[16:24]), (320, 200))
        self.do(self.stage, "screenshot", width=300, full_page=True)
        media, = self.step["media"]
        data = Path(media["path"]).read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        self.assertEqual(width, 300)
        self.assertGreater(height, 1000)

    def test_calls_of_one_turn_run_in_order(self):
        steps = self.ask(
            self.stage,
            cdp.call("open", "a", url=self.site.url + "/inner"),
            cdp.call("evaluate", "b", expression="document.title='1'"),
            cdp.call("evaluate", "c", expression="document.title+'2'"),
            cdp.call("close", "d"),
            cdp.call("text", "e"))
        self.assertEqual([s["call"] for s in steps], list("abcde"))
        self.assertEqual([s["ok"] for s in steps],
                         [True, True, True, True, False])
        self.assertEqual(steps[2]["output"], "12")
        self.assertIn("browser_open", steps[4]["output"])


class StartedPages(Pages):
    """With one that is started, over its pipes."""
    started = True


class Hand(cdp.TestCase):
    pages = {"/scripted": SCRIPTED, "/long": LONG, "/inner": INNER}

    def setUp(self):
        super().setUp()
        self.configure()

    def test_one_page(self):
        url = self.site.url + "/scripted"
        result = self.by_hand("text", url)
        self.assert_status(result, 0)
        self.assertIn(b"Made by a script", result.out)
        result = self.by_hand("snapshot", url)
        self.assertIn(b'- heading "Made by a script" level 1', result.out)
        result = self.by_hand("eval", url, "document.title")
        self.assertEqual(result.out, b"Built\n")
        self.assertTrue(self.by_hand("pdf", url).out.startswith(b"%PDF-"))
        self.assertTrue(
            self.by_hand("screenshot", url).out.startswith(b"\x89PNG"))

    def test_many_pages(self):
        lines = [{"url": f"{self.site.url}/{name}", "n": n} for n, name in
                 enumerate(["scripted", "none", "inner", "long"])]
        lines.append({"url": "http://10.0.0.1/", "n": 4})
        result = self.by_hand("-j", "2", "-o", "out", "pdf", records=lines)
        self.assert_status(result, 69)
        done = {r["n"]: r for r in result.records}
        self.assertEqual([done[n]["ok"] for n in range(5)],
                         [True, False, True, True, False])
        for n in (0, 2, 3):
            data = (self.place.folder / done[n]["path"]).read_bytes()
            self.assertEqual(len(data), done[n]["bytes"])
            self.assertTrue(data.startswith(b"%PDF-"))
        self.assertIn("404", done[1]["error"])
        self.assertIn("tools.fetch.allow", done[4]["error"])
        self.assertIn("2 of 5 pages failed", result.err)

    def test_exit_statuses(self):
        self.assert_status(self.by_hand("text", "http://10.0.0.1/"), 77)
        self.assert_status(self.by_hand("text", "file:///etc/passwd"), 77)
        self.assert_status(self.by_hand("text", self.site.url + "/none"), 69)
        self.assert_status(self.by_hand("text", records=b"nonsense\n"), 65)
        self.assert_status(self.by_hand("nonsense", "x"), 64)
        self.assert_status(self.by_hand("text", "a", "b"), 64)

    def test_declarations(self):
        result = self.by_hand("-l")
        self.assert_status(result, 0)
        names = [r["name"] for r in result.records]
        self.assertEqual(len(names), 14)
        for record in result.records:
            self.assert_valid(record, "tool.json")
        self.place.config({})
        self.assertEqual(self.by_hand("-l").out, b"")


if __name__ == "__main__":
    unittest.main()
