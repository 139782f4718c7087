// Turns that run and that finished lately, and the timeline of one.
import { h, put, icon } from "./dom.js";
import { get, follow, Refused } from "./net.js";
import { timeline } from "./timeline.js";
import { ago, duration, shortModel } from "./format.js";

const PAGE = 40;
const SETTLE_MS = 150; // many events at once are one look
const AGES_MS = 15000;

let root = null, list, detail, more, chosen = "", next = null, filter = "";
let turns = new Map(), stop = null, waiting = 0, ages = 0;

// ---- the list

function state(turn) {
  if (turn.state === "running") return ["live", "runs"];
  if (turn.state === "failed") return ["bad", "failed"];
  return turn.fallbacks ? ["warn", "done, after a fallback"] : ["ok", "done"];
}

function row(turn) {
  const [colour, words] = state(turn);
  return h("a.turn", { href: `#turns/${encodeURIComponent(turn.id)}`, "aria-current": turn.id === chosen ? "true" : null, "data-id": turn.id },
    h(`span.dot.${colour}`, { title: words }),
    h("span.visually-hidden", null, `${words}: `),
    h("span.what", null, turn.text || turn.id),
    h("span.when.small.dim.num", null, turn.state === "running" ? "runs" : duration(turn.ms)),
    h("span.who.small.dim", null, [turn.session, shortModel(turn.answered_by)].filter(Boolean).join(" · ")),
    h("span.sums.small.dimmer.num", { "data-at": turn.begun || "" }, [turn.begun ? ago(turn.begun) : ""]));
}

function render() {
  const shown = [...turns.values()].sort((a, b) =>
    (b.state === "running") - (a.state === "running") || (b.begun || 0) - (a.begun || 0));
  const focus = document.activeElement && document.activeElement.dataset && document.activeElement.dataset.id;
  put(list, shown.length ? shown.map(row)
    : h("p.empty", null, filter ? "No turn of this session is remembered." : "No turn yet. Say something in the chat, or to the bot."));
  more.classList.toggle("hidden", !next);
  if (focus) {
    const element = list.querySelector(`[data-id="${CSS.escape(focus)}"]`);
    if (element) element.focus();
  }
}

async function load(before) {
  const query = new URLSearchParams({ limit: PAGE });
  if (before) query.set("before", before);
  if (filter) query.set("session", filter);
  try {
    const page = await get(`/api/turns?${query}`);
    if (!root) return;
    if (!before) {
      // what was paged in stays; what ran is told anew
      for (const [id, turn] of turns) if (turn.state === "running") turns.delete(id);
      if (turns.size === 0) next = page.next || null;
    } else {
      next = page.next || null;
    }
    for (const turn of [...page.turns, ...(page.running || [])]) turns.set(turn.id, turn);
    render();
  } catch (error) {
    if (root && !(error instanceof Refused)) put(list, h("p.note", { role: "alert" }, error.message));
  }
}

// ---- one turn

async function open(id) {
  chosen = id;
  root.dataset.open = id ? "yes" : "no";
  for (const element of list.querySelectorAll(".turn")) {
    if (element.dataset.id === id) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }
  if (!id) {
    put(detail, h("p.empty", null, "Choose a turn to see what happened in it, and when."));
    return;
  }
  try {
    const turn = await get(`/api/turns/${encodeURIComponent(id)}`);
    if (!root || chosen !== id) return;
    const keep = detail.dataset.id === id ? detail.scrollTop : 0;
    const opened = keepOpened(id);
    detail.dataset.id = id;
    put(detail, h("a.back.small", { href: "#turns" }, icon("back"), "All turns"), timeline(turn, opened));
    detail.scrollTop = keep;
  } catch (error) {
    if (!root || chosen !== id || error instanceof Refused) return;
    put(detail, h("a.back.small", { href: "#turns" }, icon("back"), "All turns"),
      h("p.note", { role: "alert" }, error.status === 404 ? "This turn is not known: it waits in the queue, or its record was tidied away." : error.message));
  }
}

// Rows that were open stay open when a running turn is drawn again.
function keepOpened(id) {
  if (detail.dataset.id !== id) return null;
  return new Set([...detail.querySelectorAll("details[open]")].map((d) => d.dataset.key));
}

// ---- live

function soon() {
  if (waiting) return;
  waiting = setTimeout(() => {
    waiting = 0;
    if (!root) return;
    load();
    const turn = turns.get(chosen);
    if (chosen && (!turn || turn.state === "running")) open(chosen);
  }, SETTLE_MS);
}

async function watch() {
  const mine = (stop = new AbortController());
  while (!mine.signal.aborted) {
    try {
      for await (const one of follow("/api/events", mine.signal)) if (one.event !== "text") soon();
    } catch (error) {
      if (error instanceof Refused || mine.signal.aborted) return;
    }
    await new Promise((done) => setTimeout(done, 3000));
    if (!mine.signal.aborted) soon();
  }
}

function tell() {
  for (const element of list.querySelectorAll(".sums"))
    if (element.dataset.at) element.textContent = ago(Number(element.dataset.at));
}

function move(event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const rows = [...list.querySelectorAll(".turn")], at = rows.indexOf(document.activeElement);
  const to = rows[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at < 0 || !to) return;
  event.preventDefault();
  to.focus();
}

async function sessions(picker) {
  try {
    const names = (await get("/api/sessions?limit=100")).sessions.map((s) => s.session);
    put(picker, h("option", { value: "" }, "All sessions"), names.map((n) => h("option", { value: n }, n)));
  } catch (_) { /* the list of turns tells what is wrong */ }
}

export function show(target, argument) {
  turns = new Map();
  next = null;
  filter = "";
  list = h("div.list", { onkeydown: move });
  more = h("button.more.hidden", { onclick: () => load(next) }, "Older turns");
  detail = h("div.detail", { tabindex: -1 });
  const picker = h("select", { "aria-label": "Session", onchange: () => { filter = picker.value; turns = new Map(); load(); } },
    h("option", { value: "" }, "All sessions"));
  root = h("section.turns", null,
    h("div.column", null, h("header.bar", null, h("h1", null, "Turns"), picker), h("div.list-scroll", null, list, more)),
    detail);
  put(target, root);
  load();
  sessions(picker);
  open(argument);
  watch();
  ages = setInterval(tell, AGES_MS);
}

export function update(argument) {
  open(argument);
}

export function hide() {
  clearInterval(ages);
  clearTimeout(waiting);
  waiting = 0;
  if (stop) stop.abort();
  root = null;
}

