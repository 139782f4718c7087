// What the models were asked and what it cost: by day, model and session.
import { h, put } from "./dom.js";
import { get, Refused } from "./net.js";
import { stackedBars } from "./plot.js";
import { count, cost } from "./format.js";

const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
const MEASURES = {
  tokens: { title: "Tokens", of: (g) => g.input + g.output, format: count },
  cost: { title: "Cost", of: (g) => g.cost, format: cost },
  calls: { title: "Requests", of: (g) => g.calls, format: count },
};

let body = null, data = null, measure = "tokens", days = 14, watcher = null;

function choice(name, options, value, pick) {
  return h("div.choice", { role: "radiogroup", "aria-label": name }, options.map(([key, text]) =>
    h("label", null, h("input", { type: "radio", name, value: key, checked: key === value, onchange: () => pick(key) }), h("span", null, text))));
}

function figure(name, value, more) {
  return h("div.figure", null, h("span.small.dim", null, name), h("span.big.num", null, value), h("span.small.dimmer", null, more || ""));
}

function figures() {
  const t = data.total;
  return h("div.figures", null,
    figure("Requests", count(t.calls), t.failed ? `${count(t.failed)} failed` : "none failed"),
    figure("Tokens in", count(t.input), t.cached ? `${count(t.cached)} cached` : ""),
    figure("Tokens out", count(t.output)),
    figure("Cost", cost(t.cost), "at your prices"));
}

// The largest models have a colour each, the rest share one.
function seriesOf() {
  const of = MEASURES[measure].of;
  const named = [...data.models].sort((a, b) => of(b) - of(a)).filter((m) => of(m) > 0);
  const series = named.slice(0, COLOURS.length).map((m, i) =>
    ({ name: m.name, colour: `var(${COLOURS[i]})` }));
  if (named.length > series.length) series.push({ name: "others", colour: "var(--c8)", rest: true });
  return series;
}

function draw(plot, legend) {
  const series = seriesOf(), { of, format, title } = MEASURES[measure];
  const known = new Set(series.map((s) => s.name));
  const values = (day) => series.map((s) =>
    day.models.filter((m) => (s.rest ? !known.has(m.name) : m.name === s.name)).reduce((a, m) => a + of(m), 0));
  stackedBars(plot, {
    days: data.days.map((d) => ({ day: d.day, values: values(d) })), series, format, title: `${title} by day and model`,
  });
  put(legend, series.map((s) => h("li", null, h("i", { style: { background: s.colour } }), s.name)));
}

function list(title, groups, what) {
  const all = Math.max(1, ...groups.map((g) => g.input + g.output));
  return h("section", null, h("h2", null, title),
    groups.length ? h("div.scroll-x", null, h("table.usage", null,
      h("thead", null, h("tr", null, h("th", null, what), h("th.r", null, "Requests"), h("th.r", null, "Failed"),
        h("th.r", null, "In"), h("th.r", null, "Out"), h("th.r", null, "Cost"))),
      h("tbody", null, groups.map((g) => h("tr", null,
        h("td.name", null, h("span.mono", null, g.name),
          h("span.share", { "aria-hidden": "true" }, h("i", { style: { width: `${(100 * (g.input + g.output)) / all}%` } }))),
        h("td.r", null, count(g.calls)), h(`td.r${g.failed ? ".bad" : ".dimmer"}`, null, count(g.failed)),
        h("td.r", null, count(g.input)), h("td.r", null, count(g.output)), h("td.r", null, cost(g.cost)))))))
      : h("p.empty", null, "Nothing in these days."));
}

function render() {
  const plot = h("div.plot"), legend = h("ul.legend");
  put(body, figures(),
    h("section.chart", null,
      h("div.chart-head", null, h("h2", null, "By day"),
        choice("measure", Object.entries(MEASURES).map(([k, m]) => [k, m.title]), measure, (key) => { measure = key; draw(plot, legend); })),
      plot, legend),
    list("By model", data.models, "Model"), list("By session", data.sessions, "Session"));
  draw(plot, legend);
  if (watcher) watcher.disconnect();
  watcher = new ResizeObserver(() => draw(plot, legend));
  watcher.observe(body);
}

async function load() {
  const wanted = days;
  try {
    const got = await get(`/api/usage?days=${wanted}`);
    if (!body || wanted !== days) return;
    data = got;
    render();
  } catch (error) {
    if (body && !(error instanceof Refused)) put(body, h("p.note", { role: "alert" }, error.message));
  }
}

export function show(target) {
  body = h("div.usage-body", null, h("p.dim", null, "…"));
  put(target, h("section.page", null,
    h("div.head", null, h("h1", null, "Usage"),
      choice("days", [["7", "7 days"], ["14", "14 days"], ["31", "31 days"]], String(days), (key) => { days = Number(key); load(); })),
    body));
  load();
}

export function hide() {
  if (watcher) watcher.disconnect();
  watcher = null;
  body = null;
}
