// The door, the frame and the way between the views.
import { h, put, icon } from "./dom.js";
import { token, tryToken, onRefused, get, Refused } from "./net.js";
import { theme, nextTheme, applyTheme } from "./theme.js";
import * as chat from "./chat.js";
import * as turns from "./turns.js";
import * as system from "./system.js";
import * as usage from "./usage.js";

const VIEWS = {
  chat: { title: "Chat", module: chat },
  turns: { title: "Turns", module: turns },
  system: { title: "System", module: system },
  usage: { title: "Usage", module: usage },
};
const STATUS_MS = 10000;

const door = document.getElementById("door");
let frame = null, shown = null, timer = 0;

// ---- the frame

function link(name) {
  return h("a", { href: `#${name}`, id: `nav-${name}` }, icon(name), h("span", null, VIEWS[name].title),
    h("span.badge.hidden", { id: `badge-${name}` }));
}

function build() {
  return h("div", { id: "frame" },
    h("header", { id: "side" },
      h("div", { id: "brand" }, h("img", { src: "/web/icon.svg", alt: "", width: 26, height: 26 }), "OpenClaw"),
      h("nav", { "aria-label": "Views" }, Object.keys(VIEWS).map(link)),
      h("div", { id: "foot" },
        h("div", { id: "health", role: "status" }),
        h("div.buttons", null,
          h("button.plain", { onclick: (event) => { event.currentTarget.textContent = `Theme: ${nextTheme()}`; }, title: "Automatic, light or dark" }, `Theme: ${theme()}`),
          h("button.plain", { onclick: () => leave(""), title: "Forgets the token" }, "Leave")))),
    h("main", { id: "view", tabindex: "-1" }));
}

function badge(name, number, alert) {
  const element = document.getElementById(`badge-${name}`);
  if (!element) return;
  element.classList.toggle("hidden", !number);
  element.classList.toggle("alert", Boolean(alert));
  element.textContent = number || "";
}

async function look() {
  clearTimeout(timer);
  try {
    const status = await get("/api/status");
    const many = status.problems.length, waits = status.queues.in;
    badge("system", many, true);
    badge("turns", waits.waiting + waits.running);
    put(document.getElementById("health"), h(`span.dot.${many ? "bad" : "ok"}`),
      many ? `${many} ${many === 1 ? "problem" : "problems"}` : "all is well");
  } catch (error) {
    if (error instanceof Refused || !frame) return;
    put(document.getElementById("health"), h("span.dot.bad"), "no answer");
  }
  timer = setTimeout(look, STATUS_MS);
}

// ---- the way

function route() {
  if (!frame) return;
  const [name, ...rest] = location.hash.slice(1).split("/");
  const view = VIEWS[name] ? name : "chat";
  const target = document.getElementById("view");
  for (const one of Object.keys(VIEWS)) {
    const element = document.getElementById(`nav-${one}`);
    if (one === view) element.setAttribute("aria-current", "page");
    else element.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[view].title} · OpenClaw`;
  const argument = rest.length ? decodeURIComponent(rest.join("/")) : "";
  if (shown === view && VIEWS[view].module.update) {
    VIEWS[view].module.update(argument);
    return;
  }
  if (shown) VIEWS[shown].module.hide();
  shown = view;
  VIEWS[view].module.show(target, argument);
}

// ---- the door

function enter() {
  frame = build();
  door.remove();
  document.body.append(frame);
  route();
  look();
}

function leave(reason) {
  token.forget();
  clearTimeout(timer);
  if (frame) {
    if (shown) VIEWS[shown].module.hide();
    shown = null;
    frame.remove();
    frame = null;
    document.body.append(door);
  }
  document.title = "OpenClaw";
  const field = document.getElementById("token");
  field.value = "";
  field.focus();
  document.getElementById("token-problem").textContent = reason;
}

async function knock(event) {
  event.preventDefault();
  const field = document.getElementById("token"), problem = document.getElementById("token-problem");
  const text = field.value.trim();
  problem.textContent = "";
  try {
    await tryToken(text);
  } catch (error) {
    problem.textContent = error.message;
    field.select();
    return;
  }
  token.set(text);
  field.value = "";
  enter();
}

async function begin() {
  applyTheme();
  onRefused(leave);
  document.addEventListener("leave", () => leave(""));
  window.addEventListener("hashchange", route);
  document.getElementById("token-form").addEventListener("submit", knock);
  const kept = token.get();
  if (kept === null) return;
  try {
    await tryToken(kept);
    enter();
  } catch (error) {
    leave(error.message);
  }
}

begin();
