"""OpenAI's own client for JavaScript, unmodified, against our gateway."""
import fcntl
import json
import os
import pwd
import shutil
import subprocess
import unittest

import http_case
import support

PACKAGE = "openai@6.49.0"
FOLDER = support.SOURCE / "build" / "npm" / PACKAGE

SCRIPT = """
import OpenAI from "openai";
import { toFile } from "openai";
const client = new OpenAI({
  baseURL: process.env.URL, apiKey: process.env.KEY, maxRetries: 0 });
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "hello" }];
const out = {};
out.models = [];
for await (const m of client.models.list()) out.models.push(m.id);
out.model = (await client.models.retrieve("openclaw/default")).id;

const whole = await client.chat.completions.create(
  { model: "openclaw", messages });
out.whole = [whole.choices[0].message.content, whole.usage.total_tokens];

out.pieces = [];
const stream = await client.chat.completions.create({
  model: "openclaw", messages, stream: true,
  stream_options: { include_usage: true } });
for await (const chunk of stream) {
  if (chunk.usage) out.usage = chunk.usage.total_tokens;
  for (const c of chunk.choices)
    if (c.delta.content) out.pieces.push(c.delta.content);
}
const runner = client.chat.completions.stream({ model: "openclaw", messages });
out.runner = (await runner.finalChatCompletion()).choices[0].message.content;

const first = await client.responses.create({
  model: "openclaw", input: "hello", instructions: "Be brief." });
out.first = [first.output_text, first.usage.total_tokens, first.status];
const second = await client.responses.create({
  model: "openclaw", input: "again", previous_response_id: first.id });
out.second = second.output_text;
out.events = [];
let text = "";
for await (const e of await client.responses.create({
  model: "openclaw", input: "hello", stream: true })) {
  if (out.events.at(-1) !== e.type) out.events.push(e.type);
  if (e.type === "response.output_text.delta") text += e.delta;
}
out.streamed = text;
const final = await client.responses.stream(
  { model: "openclaw", input: "hello" }).finalResponse();
out.final = final.output_text;

out.errors = [];
for (const wrong of [
  () => new OpenAI({ baseURL: process.env.URL, apiKey: "wrong" })
    .models.list(),
  () => client.models.retrieve("gpt-4o"),
  () => client.chat.completions.create({ model: "gpt-4o", messages }),
  () => client.responses.create({
    model: "openclaw", input: "x", previous_response_id: "resp_x" }),
  () => client.chat.completions.create({ model: "openclaw", messages },
    { headers: { "x-openclaw-model": "openai/limited" } })]) {
  try { await wrong(); out.errors.push("none"); }
  catch (e) { out.errors.push(e.constructor.name); }
}
console.log(JSON.stringify(out));
"""


def install():
    """The folder with node_modules; SkipTest says what is missing."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest("node or npm is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (FOLDER / "complete").exists():
            return FOLDER
        (FOLDER / "package.json").write_text('{"private":true}')
        home = pwd.getpwuid(os.getuid()).pw_dir
        try:
            result = subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund",
                 "--ignore-scripts", PACKAGE],
                cwd=FOLDER, capture_output=True, timeout=90,
                env={**os.environ, "npm_config_userconfig": f"{home}/.npmrc",
                     "npm_config_cache": str(FOLDER / "cache")})
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest("npm's registry is too slow") from None
        if result.returncode != 0:
            raise unittest.SkipTest(
                f"npm cannot install {PACKAGE}: "
                f"{result.stderr.decode(errors='replace')[-300:]}")
        (FOLDER / "complete").touch()
    return FOLDER


class OpenAI(http_case.ApiCase):

    def test_the_client_for_javascript(self):
        folder = install()
        answer = {"text": "Hello Ada, how are you?", "gap": 0.05,
                  "usage": {"input": 7, "output": 5}}
        self.with_model({"m": [answer], "limited": [{"status": 429}]},
                        fallbacks=["openai/limited"])
        self.start()
        script = folder / f"client-{os.getpid()}.mjs"
        script.write_text(SCRIPT)
        self.addCleanup(script.unlink)
        result = self.place.run(
            ["node", str(script)], seconds=60,
            URL=f"http://127.0.0.1:{self.port}/v1", KEY=http_case.TOKEN)
        self.assert_status(result, 0)
        out = json.loads(result.out)
        text = answer["text"]
        self.assertEqual(out["models"], ["openclaw", "openclaw/default"])
        self.assertEqual(out["model"], "openclaw/default")
        self.assertEqual(out["whole"], [text, 12])
        self.assertEqual("".join(out["pieces"]), text)
        self.assertGreater(len(out["pieces"]), 1)
        self.assertEqual(out["usage"], 12)
        self.assertEqual(out["runner"], text)
        self.assertEqual(out["first"], [text, 12, "completed"])
        self.assertEqual(out["second"], text)
        self.assertEqual(out["streamed"], text)
        self.assertEqual(out["final"], text)
        self.assertEqual(out["events"][-1], "response.completed")
        self.assertEqual(out["errors"], [
            "AuthenticationError", "NotFoundError", "BadRequestError",
            "NotFoundError", "RateLimitError"])


if __name__ == "__main__":
    unittest.main()
