// Stages, queues, models and the disk at a glance.
import { h, put } from "./dom.js";
import { get, Refused } from "./net.js";
import { theme, nextTheme } from "./theme.js";
import { age, bytes, count, duration } from "./format.js";

const LOOK_MS = 5000;
const STATES = { running: "ok", draining: "warn", waiting: "warn", failed: "bad", stopped: "" };

let body = null, timer = 0;

function section(title, ...content) {
  return h("section", null, h("h2", null, title), ...content);
}

function problems(status) {
  if (!status.problems.length)
    return h("p.well", null, h("span.dot.ok"), "All is well.");
  return h("ul.problems", null, status.problems.map((p) => h("li.note", null, p)));
}

function stages(status) {
  const rows = Object.entries(status.chains).sort();
  if (!rows.length) return section("Stages", h("p.empty", null, "No gateway has run on this state yet."));
  return section("Stages", h("div.scroll-x", null, h("table", null,
    h("thead", null, h("tr", null, h("th", null, "Chain"), h("th", null, "State"), h("th.r", null, "Since"), h("th.r", null, "Restarts"), h("th", null, "Last end"))),
    h("tbody", null, rows.map(([name, one]) => h("tr", null,
      h("td.mono", null, name),
      h("td", null, h(`span.dot.${STATES[one.state] || "off"}`), " ", one.state, one.why ? h("span.dim.small", null, ` (${one.why})`) : ""),
      h("td.r", null, one.since ? age(status.now / 1000 - one.since) : ""),
      h(`td.r${one.restarts ? ".warn" : ".dimmer"}`, null, one.restarts || 0),
      h("td.small.dim.mono", null, one.last || "")))))));
}

function queues(status) {
  return section("Queues", h("div.scroll-x", null, h("table", null,
    h("thead", null, h("tr", null, h("th", null, "Queue"), h("th.r", null, "Waiting"), h("th.r", null, "Oldest"), h("th.r", null, "Running"), h("th.r", null, "Given up"))),
    h("tbody", null, Object.entries(status.queues).sort().map(([name, q]) => h("tr", null,
      h("td.mono", null, name),
      h(`td.r${q.waiting ? "" : ".dimmer"}`, null, count(q.waiting)),
      h(`td.r${q.oldest_s > 60 ? ".warn" : ".dim"}`, null, q.waiting ? age(q.oldest_s) : ""),
      h(`td.r${q.running ? "" : ".dimmer"}`, null, count(q.running)),
      h(`td.r${q.given_up ? ".bad" : ".dimmer"}`, null, count(q.given_up))))))));
}

function models(status) {
  const names = [...new Set([...status.configured_models, ...Object.keys(status.models)])];
  return section("Models", h("ul.rows", null, names.map((name, index) => {
    const off = status.models[name];
    return h("li", null, h(`span.dot.${off ? "bad" : "ok"}`), h("span.mono.name", null, name),
      h("span.small.dim", null, off
        ? `not asked for ${duration(off.until - status.now)}: ${off.class || ""} ${off.message || ""}`
        : index === 0 ? "primary" : "ready"));
  })));
}

// "process 7 on box since 2026-11-23T07:22:25Z"
function holder(text) {
  const found = /^(.*) since (\S+)$/.exec(text), at = found && Date.parse(found[2]);
  return at ? h("span", { title: text }, `${found[1]}, for ${age((Date.now() - at) / 1000)}`) : text;
}

// On a phone the frame has no room for these.
function page() {
  return h("section.phone", null, h("h2", null, "This page"),
    h("button", { onclick: (event) => { event.currentTarget.textContent = `Theme: ${nextTheme()}`; } }, `Theme: ${theme()}`), " ",
    h("button", { onclick: () => document.dispatchEvent(new Event("leave")) }, "Leave"));
}

function machine(status) {
  const disk = status.disk, used = disk ? 1 - disk.free_bytes / disk.total_bytes : 0;
  const telegram = status.telegram;
  return section("Gateway", h("dl.facts", null,
    Object.entries(status.roles).map(([role, one]) => [h("dt", null, role),
      h("dd", null, h(`span.dot.${one.running ? "ok" : "bad"}`), " ", one.running ? holder(one.holder) : "nobody has this role")]),
    telegram && [h("dt", null, "telegram"), h("dd", null, telegram.failure ? h("span.bad", null, telegram.failure)
      : telegram.polled_s === undefined ? "not polled yet" : `polled ${age(telegram.polled_s)}${telegram.polled_s < 5 ? "" : " ago"}`)],
    disk && [h("dt", null, "disk"), h("dd", null, `${bytes(disk.free_bytes)} free of ${bytes(disk.total_bytes)}`,
      h("span.meter", { role: "img", "aria-label": `${Math.round(used * 100)} per cent used` },
        h("i", { style: { width: `${used * 100}%` } })))],
    h("dt", null, "version"), h("dd", null, status.version),
    h("dt", null, "API up"), h("dd", null, age((status.now - status.started) / 1000), ` (process ${status.pid})`)));
}

async function look() {
  clearTimeout(timer);
  try {
    const status = await get("/api/status");
    if (body) put(body, problems(status), h("div.grid", null, h("div", null, stages(status), queues(status)), h("div", null, models(status), machine(status))));
  } catch (error) {
    if (!body || error instanceof Refused) return;
    put(body, h("p.note", { role: "alert" }, error.message));
  }
  if (body) timer = setTimeout(look, LOOK_MS);
}

export function show(target) {
  body = h("div.system", null, h("p.dim", null, "…"));
  put(target, h("section.page", null, h("div.head", null, h("h1", null, "System")), body, page()));
  look();
}

export function hide() {
  clearTimeout(timer);
  body = null;
}
