// Elements are made here and nowhere else.  Text from outside only ever
// becomes a text node, so nothing in it can turn into markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style")
      for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

// h("p.small.dim", {title: "..."}, "text", h("b", null, "more"))
export function h(kind, props, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  return fill(element, props, children);
}

export function svg(kind, props, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  return fill(element, props, children);
}

export function put(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false)
  );
  return element;
}

const ICONS = {
  chat: "M4 5h16v11H9l-5 4z",
  turns: "M4 6h10M8 12h12M4 18h7",
  system: "M4 5h16v6H4zM4 14h16v5H4zM8 8h.01M8 16.5h.01",
  usage: "M5 20V11M12 20V4M19 20v-6",
  back: "M14 6l-6 6 6 6",
};

export function icon(name) {
  return svg("svg", {
    viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.8",
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
  }, svg("path", { d: ICONS[name] }));
}
