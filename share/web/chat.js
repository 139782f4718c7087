// The conversation: the transcript of a session, and what is said now.
import { h, put } from "./dom.js";
import { get, post, Failed, Refused } from "./net.js";
import { markdown } from "./markdown.js";
import { ToolRow } from "./tool.js";
import { clock, count, duration, shortModel } from "./format.js";

const KEPT = "openclaw.session", OURS = "http:", FIRST = OURS + "web";
const NEAR = 80; // pixels from the end: then new text is followed

let root = null, log, field, send, picker;
let session = FIRST, running = null, shownAt = 0;

// ---- messages

function said(text) {
  return h("article.message.person", null, h("h2.visually-hidden", null, "You"), h("div.text", null, text));
}

function meta(entry) {
  return h("p.meta.small.dimmer", null,
    [entry.model && shortModel(entry.model), duration(entry.ms), entry.tokens].filter(Boolean).join(" · "),
    entry.turn && [" · ", h("a", { href: `#turns/${encodeURIComponent(entry.turn)}` }, "timeline")]);
}

// What a tool gave, which the events do not tell.
async function outputOf(turn, call) {
  const items = (await get(`/api/turns/${encodeURIComponent(turn)}`)).items;
  return items.find((i) => i.kind === "tool" && i.call === call.call && i.ok !== undefined);
}

class Answer {
  constructor() {
    this.turn = null;
    this.tools = new Map();
    this.steps = h("div.steps");
    this.body = h("div.text.markdown");
    this.foot = h("div");
    this.text = "";
    this.element = h("article.message.agent", null, h("h2.visually-hidden", null, "OpenClaw"),
      this.steps, this.body, this.foot);
  }

  // What was said before a tool ran stays above it.
  settle() {
    if (!this.text.trim()) return;
    this.steps.append(h("div.text.markdown", null, markdown(this.text)));
    this.say("");
  }

  say(text) {
    this.text = text;
    put(this.body, markdown(text));
  }

  tool(call) {
    let row = this.tools.get(call.call);
    if (row) {
      row.show(call);
    } else {
      this.settle();
      row = new ToolRow({ ...call }, (one) => outputOf(this.turn, one));
      this.tools.set(call.call, row);
      this.steps.append(row.element);
    }
  }

  wait(text) {
    put(this.foot, text && h("p.meta.small.dimmer", null, h("span.dot.live"), " ", text));
  }

  end(entry) {
    put(this.foot, meta(entry));
  }

  fail(text) {
    put(this.foot, h("p.note.small", { role: "alert" }, text));
  }
}

function transcript(data) {
  const out = [];
  let answer = null, day = "";
  const begin = () => {
    if (!answer) {
      answer = new Answer();
      out.push(answer.element);
    }
  };
  for (const entry of data.entries) {
    const today = new Date(entry.at).toDateString();
    if (entry.role === "user") {
      if (today !== day) out.push(h("p.day.small.dimmer", null, new Date(entry.at).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" })));
      day = today;
      answer = null;
      out.push(said(entry.text || ""));
      continue;
    }
    begin();
    if (entry.role === "tool") {
      answer.tool({ call: entry.call, ok: entry.ok, ms: entry.ms, output: entry.output, exit: entry.exit });
      continue;
    }
    if (entry.text) {
      answer.settle();
      answer.say(entry.text);
    }
    for (const call of entry.calls || []) answer.tool({ call: call.id, name: call.name, args: call.args });
    answer.end({ ...entry, tokens: clock(entry.at) });
  }
  if (data.cut) out.unshift(h("p.day.small.dimmer", null, "What was said before is in the transcript."));
  return out;
}

// ---- the view

function atEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
}

function welcome() {
  return h("div.welcome", null, h("h1", null, "What is to be done?"),
    h("p.dim", null, "The agent runs what AGENTS.md documents, and looks at the rest. Each call of a tool is shown as it runs."));
}

// One that nobody spoke in has no transcript yet.
async function load(known) {
  const at = ++shownAt;
  if (!known) {
    put(log, welcome());
    return;
  }
  put(log, h("p.day.small.dimmer", null, "…"));
  try {
    const data = await get(`/api/sessions/${encodeURIComponent(session)}?limit=120`);
    if (at === shownAt) put(log, data.entries.length ? transcript(data) : welcome());
  } catch (error) {
    if (error instanceof Refused || at !== shownAt) return;
    put(log, error.status === 404 ? welcome() : h("p.note", null, error.message));
  }
  toEnd();
}

// Lists them.  Whether the one that is shown may be there.
async function sessions() {
  let names = [], known = true;
  try {
    const all = await get("/api/sessions?limit=100");
    names = all.sessions.map((s) => s.session);
    known = names.includes(session) || all.count > names.length;
  } catch (error) {
    if (error instanceof Refused || !root) return false;
  }
  if (!names.includes(session)) names.unshift(session);
  put(picker, names.map((n) => h("option", { value: n, selected: n === session }, n.startsWith(OURS) ? n.slice(OURS.length) : n)),
    h("option", { value: "" }, "New session …"));
  picker.value = session;
  return known;
}

async function choose(name) {
  session = name;
  localStorage.setItem(KEPT, name);
  mode();
  const known = await sessions();
  if (root && session === name && !running) load(known);
}

function pick() {
  if (picker.value) {
    choose(picker.value);
    return;
  }
  const now = new Date(), two = (n) => String(n).padStart(2, "0");
  choose(`${OURS}web-${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`);
  field.focus();
}

// ---- talking

function takeTool(answer, data) {
  const event = JSON.parse(data);
  answer.tool({
    call: event.call, name: event.name, args: event.args, ok: event.ok, ms: event.ms, output: event.output,
  });
  const runs = [...answer.tools.values()].filter((t) => t.call.ok === undefined).map((t) => t.call.name);
  answer.wait(runs.length ? `${runs.join(", ")} runs` : "thinks");
}

// One piece of a chat completion.  False: the stream is over.
function takeChunk(answer, data, entry) {
  if (data === "[DONE]") return false;
  const chunk = JSON.parse(data);
  if (chunk.error) throw new Failed(0, chunk.error.message);
  if (chunk.usage) entry.tokens = `${count(chunk.usage.prompt_tokens)} in, ${count(chunk.usage.completion_tokens)} out`;
  const delta = chunk.choices && chunk.choices[0] && chunk.choices[0].delta;
  if (delta && delta.content) {
    answer.wait("");
    answer.say(answer.text + delta.content);
  }
  return true;
}

async function say(text) {
  const answer = new Answer(), entry = {}, began = performance.now();
  const stop = new AbortController();
  const body = {
    model: "openclaw", stream: true, stream_options: { include_usage: true },
    messages: [{ role: "user", content: text }],
  };
  running = stop;
  if (log.querySelector(".welcome")) put(log);
  log.append(said(text), answer.element);
  answer.wait("waits for its turn");
  toEnd();
  mode();
  try {
    const key = { "x-openclaw-session-key": session.slice(OURS.length) };
    const answered = await post("/v1/chat/completions", body, key, stop.signal);
    answer.turn = entry.turn = answered.turn;
    for await (const one of answered.events) {
      const follow = atEnd();
      if (one.event === "openclaw.tool") takeTool(answer, one.data);
      else if (!takeChunk(answer, one.data, entry)) break;
      if (follow) toEnd();
    }
    answer.end({ ...entry, ms: performance.now() - began });
  } catch (error) {
    if (stop.signal.aborted) answer.fail("Stopped.");
    else if (!(error instanceof Refused)) answer.fail(error.message);
  }
  running = null;
  mode();
  toEnd();
  sessions();
}

function mode() {
  if (!root) return;
  const ours = session.startsWith(OURS);
  field.disabled = !ours;
  field.placeholder = ours ? "Message" : "This conversation is held elsewhere; here it can be read.";
  send.textContent = running ? "Stop" : "Send";
  send.classList.toggle("primary", !running);
  send.disabled = !running && (!ours || !field.value.trim());
}

function submit(event) {
  event.preventDefault();
  if (running) {
    running.abort();
    return;
  }
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  grow();
  say(text);
}

function grow() {
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${Math.min(field.scrollHeight + 2, 220)}px`);
  mode();
}

function key(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!running) submit(event);
  } else if (event.key === "Escape" && running) {
    running.abort();
  }
}

export function show(target, argument) {
  session = argument || localStorage.getItem(KEPT) || FIRST;
  log = h("div.log", { role: "log", "aria-live": "polite", "aria-label": "Conversation", tabindex: 0 });
  field = h("textarea", { id: "say", rows: 1, placeholder: "Message", "aria-label": "Message", enterkeyhint: "send", oninput: grow, onkeydown: key });
  send = h("button.primary", { type: "submit" }, "Send");
  picker = h("select", { "aria-label": "Session", onchange: pick });
  root = h("section.chat", null,
    h("header.bar", null, h("h1", null, "Chat"), h("label.session.small.dim", null, "Session ", picker)),
    log,
    h("form.composer", { onsubmit: submit }, field, send));
  put(target, root);
  choose(session);
  mode();
  if (matchMedia("(min-width: 721px)").matches) field.focus();
}

export function update(argument) {
  if (argument && argument !== session) choose(argument);
}

export function hide() {
  if (running) running.abort();
  root = null;
}
