// Stacked bars by day, in SVG.  The same numbers stand in tables beside it, so
// the picture is one image to a reader of screens.
import { h, svg, put } from "./dom.js";

const HEIGHT = 240, LEFT = 46, BOTTOM = 24, TOP = 10, RIGHT = 4;

// A round number not below `most`, and how many lines make it.
function scale(most) {
  if (most <= 0) return { top: 1, lines: 1 };
  const unit = 10 ** Math.floor(Math.log10(most));
  for (const [factor, lines] of [[1, 4], [1.5, 3], [2, 4], [2.5, 5], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 5]])
    if (factor * unit >= most) return { top: factor * unit, lines };
  return { top: 10 * unit, lines: 5 };
}

function label(day) {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });
}

// days: [{day, values: [a number for each series]}]
export function stackedBars(element, { days, series, format, title }) {
  const width = Math.max(260, element.clientWidth || 600);
  const inner = width - LEFT - RIGHT, high = HEIGHT - TOP - BOTTOM;
  const sum = (d) => d.values.reduce((a, b) => a + b, 0);
  const { top, lines } = scale(Math.max(...days.map(sum)));
  const step = inner / days.length, bar = Math.max(2, Math.min(46, step * 0.68));
  const y = (v) => TOP + high * (1 - v / top);
  const every = Math.ceil(54 / step);
  const tip = h("div.tip.small", { "aria-hidden": "true" });

  const grid = [];
  for (let i = 0; i <= lines; i++) {
    const at = Math.round(y((top * i) / lines)) + 0.5;
    grid.push(svg("line.grid", { x1: LEFT, x2: width - RIGHT, y1: at, y2: at }),
      svg("text.tick", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, format((top * i) / lines)));
  }

  const point = (day, index) => {
    const rows = series.map((s, i) => [s, day.values[i]]).filter((r) => r[1] > 0).reverse();
    put(tip, h("b", null, label(day.day)), rows.map(([s, v]) =>
      h("span.row", null, h("i", { style: { background: s.colour } }), s.name, h("span.num", null, format(v)))),
      rows.length !== 1 && h("span.row.sum", null, "together", h("span.num", null, format(sum(day)))));
    const left = LEFT + step * (index + 0.5);
    tip.style.setProperty("left", `${Math.min(Math.max(left, 80), width - 80)}px`);
    tip.classList.add("on");
  };

  const bars = days.map((day, index) => {
    const x = LEFT + step * index + (step - bar) / 2;
    let base = 0;
    const parts = day.values.map((value, i) => {
      if (value <= 0) return null;
      const from = y(base), to = y((base += value));
      return svg("rect", { x, y: to, width: bar, height: Math.max(0.75, from - to), style: { fill: series[i].colour } });
    });
    return svg("g.bar", { onpointerenter: () => point(day, index), onpointerdown: () => point(day, index) },
      svg("rect.hit", { x: LEFT + step * index, y: TOP, width: step, height: high }), parts);
  });

  const ticks = days.map((day, index) => (days.length - 1 - index) % every === 0 &&
    svg("text.tick", { x: Math.min(LEFT + step * (index + 0.5), width - 20), y: HEIGHT - 6, "text-anchor": "middle" }, label(day.day)));

  put(element,
    svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": title,
      onpointerleave: () => tip.classList.remove("on") }, grid, bars, ticks.filter(Boolean)),
    tip);
}
