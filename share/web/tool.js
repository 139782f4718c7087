// A tool's call in one line that opens: what was asked, and what came back.
import { h, put } from "./dom.js";
import { duration } from "./format.js";

// The part of the arguments that a person recognises the call by.
export function gist(args) {
  if (args === undefined || args === null) return "";
  if (typeof args === "string") return args;
  for (const key of ["command", "path", "url", "query", "name"])
    if (typeof args[key] === "string") return args[key];
  const text = JSON.stringify(args);
  return text === "{}" ? "" : text;
}

export function pretty(args) {
  if (args === undefined || args === null) return "";
  if (typeof args === "string") return args;
  if (typeof args.command === "string" && Object.keys(args).length === 1) return args.command;
  return JSON.stringify(args, null, 2);
}

export class ToolRow {
  // `more` fetches what is not known of a call that has ended, when the row is
  // opened: a promise of the same keys as below.
  constructor(call, more) {
    this.mark = h("span.mark");
    this.time = h("span.time.num");
    this.body = h("div.tool-body");
    this.element = h("details.tool", null,
      h("summary", null, this.mark, h("span.name.mono", null, call.name || "tool"),
        h("span.gist.mono", null, gist(call.args)), this.time),
      this.body);
    this.element.addEventListener("toggle", async () => {
      if (!this.element.open || !more || this.call.ok === undefined || this.call.output !== undefined) return;
      const found = await more(this.call).catch(() => null);
      if (found) this.show(found);
    });
    this.call = call;
    this.show(call);
  }

  // Keys: ok, ms, output, exit, timeout; without ok it runs.
  show(more) {
    Object.assign(this.call, more);
    const { ok, ms, output, exit, timeout } = this.call;
    const state = ok === undefined ? "runs" : ok ? "ok" : "failed";
    this.element.dataset.state = state;
    this.mark.textContent = { runs: "●", ok: "✓", failed: "✕" }[state];
    this.mark.setAttribute("title", { runs: "runs", ok: "went well", failed: "failed" }[state]);
    this.time.textContent = duration(ms);
    const asked = pretty(this.call.args);
    put(this.body,
      asked && h("pre", { tabindex: 0 }, h("code", null, asked)),
      output && h("pre.output", { tabindex: 0 }, h("code", null, output)),
      (timeout || exit > 0) && h("p.small.dim", null, timeout ? "ended at its deadline" : `exit status ${exit}`),
      state === "runs" && h("p.small.dim", null, "runs …"));
  }
}
