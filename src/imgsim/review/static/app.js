// The page as a whole: what stands above the groups, and what is shown where there are none.

import { html, useEffect } from "./vendor/htm-preact.js";
import { FinishDialog } from "./finish.js";
import { count, duration, number, shown } from "./format.js";
import { GroupView } from "./group.js";
import { HelpDialog } from "./help.js";
import { listenToKeys } from "./keys.js";
import { GroupList } from "./list.js";
import { RulesDialog } from "./rules.js";
import { progressText, useStore } from "./store.js";

export function App({ store }) {
  useStore(store);
  useEffect(() => listenToKeys(store), [store]);
  const { state, groups, dialog } = store;
  return html`<div class="page screen-${store.screen}">
    <${Header} store=${store} />
    <${Banners} store=${store} />
    ${groups.length > 0 && store.connection !== "ended"
      ? html`<main class="work"><${GroupList} store=${store} /><${GroupView} store=${store} /></main>`
      : html`<main class="alone"><${Alone} store=${store} state=${state} /></main>`}
    <${Said} store=${store} />
    ${dialog === "help" && html`<${HelpDialog} store=${store} />`}
    ${dialog === "rules" && html`<${RulesDialog} store=${store} />`}
    ${dialog === "finish" && html`<${FinishDialog} store=${store} />`}
  </div>`;
}

function Header({ store }) {
  const { state } = store;
  const ended = store.connection === "ended";
  const open = (dialog) => () => store.set({ dialog });
  const some = store.groups.length > 0 && !ended;
  return html`<header class="top">
    <h1>imgsim <span>review</span></h1>
    ${state && html`<p class="source"><bdi>${shown(state.source?.title ?? "")}</bdi></p>`}
    ${some && html`<div class="progress">
      <progress max=${state.groups} value=${state.decided} aria-label="Groups decided"></progress>
      <span>${progressText(state)}</span>
    </div>`}
    <nav class="top-actions" aria-label="Review">
      ${some && html`
        <button type="button" onClick=${open("rules")} disabled=${!store.writer}>Rules…</button>
        <button type="button" class="strong" onClick=${open("finish")}>
          ${store.source.embedded ? "Save plan…" : "Finish…"}</button>`}
      <button type="button" onClick=${open("help")} aria-label="Help and keys">?</button>
    </nav>
  </header>`;
}

function Banners({ store }) {
  const { state, connection } = store;
  if (connection === "lost") {
    return html`<div class="banner banner-bad" role="alert">
      <p><strong>No connection to imgsim.</strong> All answers so far are saved; this page tries
      again by itself. If the command was ended, start it once more.</p></div>`;
  }
  if (!state || connection === "ended") return null;
  return html`
    ${state.phase === "reading" && store.groups.length > 0 &&
    html`<div class="banner"><${ReadingLine} progress=${state.progress} />
      <p>Files of equal bytes are shown already.</p></div>`}
    ${!state.writer &&
    html`<div class="banner banner-note"><p>Another tab or person answers here. This page shows,
      and changes nothing.</p>
      <button type="button" onClick=${() => store.takeOver()}>Take over</button></div>`}
    ${(state.notes ?? []).length > 0 &&
    html`<div class="banner"><details><summary>${shown(state.notes[0])}</summary>
      ${state.notes.slice(1).map((text) => html`<p>${shown(text)}</p>`)}</details></div>`}
    ${(state.warnings ?? []).map(
      (text) => html`<div class="banner banner-note"><p>${shown(text)}</p></div>`,
    )}`;
}

function ReadingLine({ progress }) {
  if (!progress) return html`<p role="status">Reading…</p>`;
  const { stage, done, total, seconds_left: left } = progress;
  const of = total ? `${number(done)} of ${number(total)}` : done ? number(done) : "";
  const wait = left ? `, about ${duration(left)} left` : "";
  return html`<p role="status">${shown(stage)} ${of}${wait}</p>
    <progress max=${total || 1} value=${total ? done : undefined} aria-label="Reading"></progress>`;
}

function Alone({ store, state }) {
  if (store.connection === "ended") {
    return html`<div class="card" role="status"><h2>imgsim has ended</h2>
      <p>All answers are saved. This tab can be closed; <code>imgsim review</code> with the same
      folders goes on where you stopped.</p></div>`;
  }
  if (store.refused) {
    return html`<div class="card" role="alert"><h2>This page cannot be seen here</h2>
      <p>${shown(store.refused.message)}</p>
      <p class="hint">${shown(store.refused.hint)}</p></div>`;
  }
  if (!state || state.phase === "reading") {
    return html`<div class="card"><h2>Reading pictures</h2>
      ${state && html`<${ReadingLine} progress=${state.progress} />`}
      <p>Groups appear here as soon as the first are found.</p></div>`;
  }
  if (state.phase === "failed") {
    return html`<div class="card" role="alert"><h2>That did not work</h2>
      <p>${shown(state.error?.text ?? "")}</p>
      ${state.error?.hint && html`<p class="hint">${shown(state.error.hint)}</p>`}</div>`;
  }
  if (state.groups > 0) return html`<div class="card" role="status"><p>Loading groups…</p></div>`;
  const compared =
    state.images === 0 ? "No pictures were found." :
    state.images === 1 ? "1 picture was found, and there is no other to compare it with." :
    `${count(state.images, "picture")} were compared, and no two of them are one picture.`;
  return html`<div class="card" role="status"><h2>No duplicates</h2>
    <p>${compared}${state.skipped > 0 &&
    ` ${count(state.skipped, "file")} could not be read.`}</p></div>`;
}

function Said({ store }) {
  const { said } = store;
  useEffect(() => {
    if (!said || said.error || said.hint) return undefined;
    const timer = setTimeout(() => store.said === said && store.set({ said: null }), 8000);
    return () => clearTimeout(timer);
  }, [said]);
  return html`<div class="said ${said ? "is-there" : ""} ${said?.error ? "is-error" : ""}"
    role=${said?.error ? "alert" : "status"} aria-live="polite">
    ${said && html`<span>${said.text}${said.hint && html`<small>${said.hint}</small>`}</span>
      <button type="button" class="link" aria-label="Close this message"
        onClick=${() => store.set({ said: null })}>×</button>`}
  </div>`;
}
