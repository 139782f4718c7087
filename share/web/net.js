// Calls to the gateway.  The token lives in this tab's sessionStorage alone.

const KEY = "openclaw.token";
let refused = () => {};

export class Refused extends Error {}
export class Failed extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

// Called when a token that held so far does not any more.
export function onRefused(callback) {
  refused = callback;
}

function headers(given, more) {
  return { ...(given ? { Authorization: `Bearer ${given}` } : {}), ...more };
}

async function problemOf(response) {
  let message = `the gateway answered ${response.status}`;
  try {
    const body = await response.json();
    if (body.error && body.error.message) message = body.error.message;
  } catch (_) { /* no JSON: the status tells enough */ }
  return message;
}

async function check(response) {
  if (response.ok) return response;
  const message = await problemOf(response);
  if (response.status === 401) throw new Refused("This is not the gateway's token.");
  if (response.status === 429) {
    const wait = response.headers.get("Retry-After");
    throw new Refused(`Too many wrong tokens. Try again in ${wait || "some"} seconds.`);
  }
  throw new Failed(response.status, message);
}

async function call(path, options) {
  try {
    return await check(await fetch(path, { cache: "no-store", credentials: "omit", ...options }));
  } catch (error) {
    if (error instanceof Refused) refused(error.message);
    if (error instanceof TypeError) throw new Failed(0, "The gateway cannot be reached.");
    throw error;
  }
}

// Whether a token is right; it is not kept here.
export async function tryToken(text) {
  try {
    await check(await fetch("/api/status", { cache: "no-store", credentials: "omit", headers: headers(text) }));
  } catch (error) {
    if (error instanceof TypeError) throw new Failed(0, "The gateway cannot be reached.");
    throw error;
  }
}

export async function get(path, signal) {
  const response = await call(path, { headers: headers(token.get()), signal });
  return response.json();
}

// The events of a stream, {event, data}, as they come.  A comment that begins
// with "openclaw." is one too: there other clients see nothing of it.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      for (let end; (end = text.search(/\r?\n\r?\n/)) >= 0; ) {
        const one = { event: "message", data: "" };
        for (const line of text.slice(0, end).split(/\r?\n/)) {
          const ours = /^: (openclaw\.\w+) (.*)$/.exec(line);
          if (ours) [, one.event, one.data] = ours;
          else if (line.startsWith("event:")) one.event = line.slice(6).trim();
          else if (line.startsWith("data:")) one.data += line.slice(line[5] === " " ? 6 : 5);
        }
        text = text.slice(end).replace(/^\r?\n\r?\n/, "");
        if (one.data) yield one;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

export async function* follow(path, signal) {
  yield* events(await call(path, { headers: headers(token.get()), signal }));
}

// The id of the turn that it makes, and its events.
export async function post(path, body, more, signal) {
  const response = await call(path, {
    method: "POST", body: JSON.stringify(body), signal,
    headers: headers(token.get(), { "Content-Type": "application/json", ...more }),
  });
  return { turn: response.headers.get("X-OpenClaw-Turn"), events: events(response) };
}
