// The timeline of a turn: who did what, from when to when.
import { h } from "./dom.js";
import { markdown } from "./markdown.js";
import { gist, pretty } from "./tool.js";
import { clock, cost, count, duration, moment, plural, shortModel } from "./format.js";

function pair(name, ...value) {
  return [h("dt", null, name), h("dd", null, ...value)];
}

function text(value) {
  return value && h("pre", { tabindex: 0 }, h("code", null, value));
}

function tokens(usage) {
  if (!usage) return null;
  const parts = [`${count(usage.input || 0)} in`, `${count(usage.output || 0)} out`];
  if (usage.cached) parts.push(`${count(usage.cached)} cached`);
  if (usage.thoughts) parts.push(`${count(usage.thoughts)} thoughts`);
  return parts.join(", ");
}

// ---- rows: {key, kind, name, gist, from, ms, state, words, body}

function modelRow(item, index) {
  const error = item.error;
  return {
    key: `m${index}`, kind: "model", name: shortModel(item.model) || "model",
    gist: error ? `${error.class}: ${error.message || ""}` : item.calls ? `wants ${item.calls.join(", ")}` : "answers",
    from: item.at, ms: item.ms, state: error ? "failed" : "ok",
    body: [
      h("dl", null, item.model && pair("model", h("span.mono", null, item.model)), tokens(item.usage) && pair("tokens", tokens(item.usage)), item.cost && pair("cost", cost(item.cost)),
        error && error.status && pair("status", error.status)),
      text(error ? error.message : item.text),
    ],
  };
}

function toolRow(item, index) {
  const runs = item.ok === undefined;
  return {
    key: `t${index}`, kind: "tool", name: item.name || "tool", gist: gist(item.args),
    from: item.at, ms: item.ms, state: runs ? "runs" : item.ok ? "ok" : "failed",
    body: [
      text(pretty(item.args)), text(item.output),
      h("dl", null, item.exit !== undefined && pair("exit", item.exit), item.signal && pair("signal", item.signal),
        item.timeout && pair("ended", "at its deadline"), item.cpu_ms !== undefined && pair("processor", duration(item.cpu_ms)),
        item.rss_bytes && pair("memory", `${(item.rss_bytes / 1e6).toFixed(1)} MB`)),
    ],
  };
}

function rowsOf(turn) {
  const rows = [];
  if (turn.route)
    rows.push({
      key: "route", kind: "route", name: "route", gist: `${turn.route.rule || "default"} → ${turn.route.models.join(", ")}`,
      from: turn.begun, ms: 0, state: "ok", body: [h("ol", null, turn.route.models.map((m) => h("li.mono", null, m)))],
    });
  turn.items.forEach((item, index) => {
    if (item.kind === "model") rows.push(modelRow(item, index));
    else if (item.kind === "tool") rows.push(toolRow(item, index));
    else rows.push({ key: `a${index}`, kind: "again", name: "again", gist: `begun again after a crash (run ${item.run})`, from: item.at, ms: 0, state: "failed", body: [] });
  });
  if (turn.delivery) {
    const d = turn.delivery, done = d.status !== "sending";
    rows.push({
      key: "delivery", kind: "send", name: "delivery", gist: d.error ? `${d.status}: ${d.error}` : d.status,
      from: d.begun, ms: done ? d.at - d.begun : undefined, state: !done ? "runs" : d.status === "sent" ? "ok" : "failed",
      body: [h("dl", null, pair("status", d.status), d.parts && pair("parts", Array.isArray(d.parts) ? d.parts.length : d.parts))],
    });
  } else if (turn.ended && turn.channel) {
    rows.push({ key: "reply", kind: "send", name: "reply", gist: `to ${turn.channel}`, from: turn.ended, ms: 0, state: "ok", body: [] });
  }
  return rows;
}

// ---- the picture

function ticks(span) {
  const most = span / 4, unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const step = [1, 2, 5, 10].map((f) => f * unit).find((s) => s >= most) || unit * 10;
  const out = [];
  for (let at = 0; at <= span; at += step) out.push(at);
  return out;
}

function tickName(at, span) {
  if (at === 0) return "0";
  return span < 2000 ? `${Math.round(at)} ms` : `${Number((at / 1000).toFixed(2))} s`;
}

const MARKS = { ok: "", failed: "✕", runs: "●" };

function drawRow(row, begin, span, now, opened) {
  const end = row.ms === undefined ? now : row.from + row.ms;
  const left = (100 * (row.from - begin)) / span, width = (100 * (end - row.from)) / span;
  return h("details.span", { "data-key": row.key, "data-kind": row.kind, "data-state": row.state, open: opened && opened.has(row.key) },
    h("summary", null,
      h("span.label", null, h("b.mono", null, row.name), " ", h("span.gist.small", { title: row.gist }, row.gist)),
      h("span.track", { "aria-hidden": "true" },
        h("i", { style: { left: `${Math.min(Math.max(left, 0), 99.2)}%`, width: `${Math.max(width, 0.8)}%` } })),
      h("span.took.small.num", null, MARKS[row.state] && h("span.bad", null, MARKS[row.state], " "), row.ms === 0 ? "" : row.ms === undefined ? "runs" : duration(row.ms))),
    h("div.inside", null, row.body));
}

export function timeline(turn, opened) {
  const rows = rowsOf(turn), now = Math.max(Date.now(), turn.begun);
  const begin = turn.begun;
  const end = Math.max(turn.ended || now, ...rows.map((r) => (r.ms === undefined ? now : r.from + r.ms)), begin + 1);
  const span = end - begin;
  const words = { running: "runs", done: "done", failed: "failed" }[turn.state];
  const from = turn.from && (turn.from.name || turn.from.id);
  return [
    h("header.turn-head", null,
      h("h1", null, turn.text || "(no text)"),
      h("p.small.dim", null, h(`span.dot.${turn.state === "running" ? "live" : turn.state === "failed" ? "bad" : "ok"}`), ` ${words} · ${moment(turn.begun)}`,
        turn.runs > 1 && h("span.warn", null, ` · begun ${turn.runs} times`))),
    h("dl.facts", null,
      pair("took", h("span.num", null, turn.ms !== undefined ? duration(turn.ms) : duration(now - turn.begun))),
      pair("steps", `${plural(turn.steps, "step")}, ${plural(turn.calls, "call")}${turn.fallbacks ? `, ${plural(turn.fallbacks, "fallback")}` : ""}`),
      pair("tokens", `${count(turn.input)} in, ${count(turn.output)} out`),
      turn.cost !== undefined && pair("cost", cost(turn.cost)),
      pair("session", h("a.mono", { href: `#chat/${encodeURIComponent(turn.session || "local")}` }, turn.session || "local")),
      pair("channel", turn.channel || "stdout", from ? ` from ${from}` : ""),
      pair("id", h("span.mono", null, turn.id))),
    turn.error && h("p.note.small", null, `${turn.error.class}: ${turn.error.message || ""}`),
    h("section.waterfall", { "aria-label": "Timeline" },
      h("div.axis.small.dimmer.num", { "aria-hidden": "true" }, h("div.scale", null, ticks(span).map((t) =>
        h("span", { style: { left: `${(100 * t) / span}%` } }, tickName(t, span))))),
      rows.map((r) => drawRow(r, begin, span, now, opened)),
      turn.cut && h("p.small.dim", null, "The journal is longer than is shown here.")),
    turn.reply && h("section.reply", null, h("h2", null, "Reply"), h("div.text.markdown", null, markdown(turn.reply.text || ""))),
    h("p.small.dimmer", null, `begun ${clock(turn.begun)}${turn.ended ? `, ended ${clock(turn.ended)}` : ""}`),
  ];
}
