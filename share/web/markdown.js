// A small Markdown to elements: what models write, and nothing that loads or
// runs anything.  Unknown marks stay as text.
import { h } from "./dom.js";

const INLINE = /(`+)([^`]|[^`].*?[^`])\1(?!`)|\*\*(?=\S)(.+?)\*\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"])|(?<![\w*])\*(?=[^\s*])([^*]+?)\*(?![\w*])/;

function inline(text) {
  const out = [];
  while (text) {
    const found = INLINE.exec(text);
    if (!found) {
      out.push(text);
      break;
    }
    if (found.index) out.push(text.slice(0, found.index));
    if (found[1]) out.push(h("code", null, found[2].trim() || found[2]));
    else if (found[3]) out.push(h("strong", null, inline(found[3])));
    else if (found[4]) out.push(link(found[5], found[4]));
    else if (found[6]) out.push(link(found[6], found[6]));
    else out.push(h("em", null, inline(found[7])));
    text = text.slice(found.index + found[0].length);
  }
  return out;
}

function link(href, text) {
  return h("a", { href, rel: "noopener noreferrer nofollow", target: "_blank" }, text);
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((c) => c.trim());
}

const BULLET = /^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$/;
const RULE = /^\s*\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*$/;

function list(lines, at, depth) {
  const first = BULLET.exec(lines[at]), indent = first[1].length;
  const ordered = /\d/.test(first[2]);
  const element = h(ordered ? "ol" : "ul", ordered ? { start: parseInt(first[2], 10) } : null);
  let item = null;
  while (at < lines.length) {
    const found = BULLET.exec(lines[at]);
    if (!found) {
      // a line that goes on
      if (!lines[at].trim() || !/^\s{2,}/.test(lines[at]) || !item) break;
      item.append(" ", ...inline(lines[at].trim()));
      at++;
    } else if (found[1].length > indent + 1 && item && depth < 5) {
      let nested;
      [nested, at] = list(lines, at, depth + 1);
      item.append(nested);
    } else if (found[1].length < indent) {
      break;
    } else {
      item = h("li", null, inline(found[3]));
      element.append(item);
      at++;
    }
  }
  return [element, at];
}

function table(lines, at) {
  const head = cells(lines[at]);
  const body = [];
  for (at += 2; at < lines.length && lines[at].includes("|"); at++) body.push(cells(lines[at]));
  const row = (kind, texts) => h("tr", null, texts.map((t) => h(kind, null, inline(t))));
  return [h("div.scroll-x", null, h("table", null,
    h("thead", null, row("th", head)), h("tbody", null, body.map((r) => row("td", r))))), at];
}

function fence(lines, at) {
  const mark = /^\s*(`{3,}|~{3,})/.exec(lines[at])[1];
  const text = [];
  for (at++; at < lines.length && !lines[at].trim().startsWith(mark); at++) text.push(lines[at]);
  return [h("pre", { tabindex: 0 }, h("code", null, text.join("\n"))), at + 1];
}

function begins(line) {
  return /^\s*(```|~~~)/.test(line) || /^#{1,6}\s/.test(line) || BULLET.test(line) || /^\s*>/.test(line);
}

export function markdown(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n"), out = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at], heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    let element;
    if (!line.trim()) {
      at++;
      continue;
    }
    if (/^\s*(`{3,}|~{3,})/.test(line)) [element, at] = fence(lines, at);
    else if (heading) (element = h("p.heading", null, inline(heading[2]))), at++;
    else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) (element = h("hr")), at++;
    else if (BULLET.test(line)) [element, at] = list(lines, at, 0);
    else if (line.includes("|") && at + 1 < lines.length && RULE.test(lines[at + 1]) && lines[at + 1].includes("-"))
      [element, at] = table(lines, at);
    else if (/^\s*>/.test(line)) {
      const quoted = [];
      for (; at < lines.length && /^\s*>/.test(lines[at]); at++) quoted.push(lines[at].replace(/^\s*>\s?/, ""));
      element = h("blockquote", null, inline(quoted.join(" ")));
    } else {
      element = h("p");
      for (let first = true; at < lines.length && lines[at].trim() && (first || !begins(lines[at])); at++) {
        if (!first) element.append(h("br"));
        element.append(...inline(lines[at]));
        first = false;
      }
    }
    out.push(element);
  }
  return out;
}
