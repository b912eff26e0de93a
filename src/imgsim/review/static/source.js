// What the page asks the server that `imgsim review` started. `embedded.js` answers the same calls
// in a page without a server.

const TAB = "imgsim-tab";

/** An answer of the server that says no: its text and its hint are for people. */
export class Refused extends Error {
  constructor(text, hint = "", status = 0) {
    super(text);
    this.hint = hint;
    this.status = status;
  }
}

/** The server does not answer. */
export class Lost extends Error {}

export class ServerSource {
  constructor() {
    this.embedded = false;
    this.tab = tabName();
  }

  image(file, side) {
    return `/api/image/${encodeURIComponent(file)}?side=${side}`;
  }

  crop(file, part) {
    const query = new URLSearchParams(part);
    return `/api/crop/${encodeURIComponent(file)}?${query}`;
  }

  aligned(group, file, side) {
    return `/api/aligned/${encodeURIComponent(group)}/${encodeURIComponent(file)}?side=${side}`;
  }

  difference(group, file, side) {
    return `/api/difference/${encodeURIComponent(group)}/${encodeURIComponent(file)}?side=${side}`;
  }

  state() {
    return this.#get("/api/state");
  }

  groups() {
    return this.#get("/api/groups");
  }

  /** The rows that changed after a revision. */
  changedSince(revision) {
    return this.#get(`/api/groups?since=${revision}`);
  }

  group(id) {
    return this.#get(`/api/groups/${encodeURIComponent(id)}`);
  }

  answer(body) {
    return this.#post("/api/answer", body);
  }

  takeBack() {
    return this.#post("/api/take-back", {});
  }

  previewRule(body) {
    return this.#post("/api/rules/preview", body);
  }

  applyRule(body) {
    return this.#post("/api/rules/apply", body);
  }

  plan(body) {
    return this.#post("/api/plan", body);
  }

  apply(body) {
    return this.#post("/api/apply", body);
  }

  undo(run) {
    return this.#post("/api/undo", { run });
  }

  /** An address that opens the review in another browser, once. */
  link() {
    return this.#post("/api/link", {});
  }

  takeOver() {
    return this.#post("/api/take-over", {});
  }

  end() {
    return this.#post("/api/end", {});
  }

  /** Calls back with the state whenever it changes, and when the connection is lost or ended. */
  subscribe({ onState, onLost, onEnded }) {
    let ended = false;
    const connect = () => {
      const events = new EventSource(`/api/events?tab=${this.tab}`);
      events.addEventListener("state", (event) => onState(JSON.parse(event.data)));
      events.addEventListener("ended", () => {
        ended = true;
        events.close();
        onEnded();
      });
      events.addEventListener("error", () => {
        if (ended) return;
        onLost();
        if (events.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
      });
    };
    connect();
    addEventListener("pagehide", () => {
      const headers = this.#headers();
      fetch("/api/leave", { method: "POST", headers, body: "{}", keepalive: true }).catch(() => {});
    });
  }

  #headers() {
    return { "Content-Type": "application/json", "X-Imgsim-Tab": this.tab };
  }

  #get(path) {
    return ask(path, { headers: { "X-Imgsim-Tab": this.tab } });
  }

  #post(path, body) {
    return ask(path, { method: "POST", headers: this.#headers(), body: JSON.stringify(body) });
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Lost("no connection to imgsim");
  }
  let document = null;
  try {
    document = await response.json();
  } catch {
    // the status says enough
  }
  if (!response.ok) {
    const text = document?.error ?? `the server answered ${response.status}`;
    throw new Refused(text, document?.hint ?? "", response.status);
  }
  return document;
}

/** The name of this tab: kept when it is loaded again, and not copied when it is duplicated. */
function tabName() {
  const name = sessionStorage.getItem(TAB) ?? randomName();
  sessionStorage.removeItem(TAB);
  addEventListener("pagehide", () => sessionStorage.setItem(TAB, name));
  addEventListener("pageshow", () => sessionStorage.removeItem(TAB));
  return name;
}

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
