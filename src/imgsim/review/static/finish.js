// The end of a review: the plan is written, tried, applied, and taken back.

import { html, useState } from "./vendor/htm-preact.js";
import { Dialog } from "./dialog.js";
import { count, number, shown, size } from "./format.js";
import { progressText } from "./store.js";

export function FinishDialog({ store }) {
  return store.source.embedded
    ? html`<${SaveDialog} store=${store} />`
    : html`<${ServerDialog} store=${store} />`;
}

function SaveDialog({ store }) {
  const [saved, setSaved] = useState(null);
  const { removals, bytes } = store.source.planned();
  const save = async () => setSaved(await store.finish((source) => source.plan({})));
  return html`<${Dialog} store=${store} title="Save the plan">
    <p>${progressText(store.state)}. ${count(removals, "file")} may go, ${size(bytes)}.</p>
    <p class="hint">Answers are kept in this page only, until it is closed: save the plan first.</p>
    <div class="dialog-end"><button type="button" class="strong" disabled=${!removals} onClick=${save}>
      Save plan</button></div>
    ${saved && html`<div class="result" role="status">
      <p>Saved as <strong>${saved.path}</strong>, by the browser. On the computer with the pictures:</p>
      <pre tabindex="0" aria-label="Commands">imgsim apply ${saved.path}          # says what it would do
imgsim apply ${saved.path} --yes    # moves the files to a quarantine
imgsim undo last                    # takes it back</pre></div>`}
  <//>`;
}

function ServerDialog({ store }) {
  const { plan, run } = store.state;
  const [path, setPath] = useState(plan?.path ?? plan?.suggested ?? "");
  const [undecided, setUndecided] = useState(false);
  const [written, setWritten] = useState(null);
  const [tried, setTried] = useState(null);
  const [asking, setAsking] = useState(false);
  const [applied, setApplied] = useState(null);
  const [undone, setUndone] = useState(null);
  const off = !store.writer || store.busy;
  const isWritten = Boolean(plan?.written) && !plan.stale;
  const canApply = store.state.can_apply !== false;

  const write = async () => {
    setTried(null);
    setAsking(false);
    setWritten(await store.finish((source) => source.plan({ path: path.trim() || null, undecided })));
  };
  const dryRun = async () => {
    setAsking(false);
    setApplied(null);
    setTried(await store.finish((source) => source.apply({ dry_run: true })));
  };
  const apply = async () => {
    setAsking(false);
    setUndone(null);
    const result = await store.finish((source) => source.apply({ dry_run: false }));
    setApplied(result);
    if (result) setTried(null);
  };
  const undo = async () => {
    setApplied(null);
    setUndone(await store.finish((source) => source.undo(run?.id ?? "last")));
  };

  return html`<${Dialog} store=${store} title="Write the plan, and apply it">
    <p>${progressText(store.state)}.</p>
    <${Trouble} said=${store.said} />
    <section class="step"><h3>1. Write the plan</h3>
      <label class="folder"><span>File</span>
        <input type="text" spellcheck=${false} autocomplete="off" value=${path}
          onInput=${(event) => setPath(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${undecided}
        onChange=${(event) => setUndecided(event.target.checked)} />
        ${" "}Also groups without an answer, as they are proposed</label>
      <button type="button" class=${isWritten ? "" : "strong"} disabled=${off} onClick=${write}>
        Write plan</button>
      ${plan?.written && plan.stale &&
      html`<p class="hint">The plan that is there was written before your last answers.</p>`}
      ${written && html`<p role="status" class="done">${count(written.removals, "file")} to go,
        ${" "}${size(written.bytes)}: <bdi>${shown(written.path)}</bdi></p>`}
    </section>
    <section class="step"><h3>2. Try it</h3>
      <p class="hint">Looks at every file, and changes nothing.</p>
      <button type="button" class=${isWritten && !tried ? "strong" : ""}
        disabled=${off || !isWritten || !canApply} onClick=${dryRun}>Dry run</button>
      ${!canApply && html`<p class="hint">${shown(store.state.why_not_apply ?? "")}</p>`}
      ${tried && html`<div role="status" class="done">
        <p>${count(tried.files, "file")} would move to the quarantine, ${size(tried.bytes)}.
          ${tried.left > 0 && ` ${count(tried.left, "file")} would stay.`}</p>
        <${Lines} lines=${tried.lines} /></div>`}
    </section>
    <section class="step"><h3>3. Apply</h3>
      <button type="button" class=${tried && tried.files && !asking ? "strong" : ""}
        disabled=${off || !tried || !tried.files || asking} onClick=${() => setAsking(true)}>
        Apply…</button>
      ${asking && html`<div class="asking" role="alertdialog" aria-label="Apply the plan">
        <p><strong>${count(tried.files, "file")} (${size(tried.bytes)}) move to
          <code>.imgsim-trash</code></strong> in the folder that was scanned. Each is compared with
          the plan once more first; one that changed stays. Nothing is deleted, and Undo brings
          everything back.</p>
        <button type="button" class="strong" disabled=${off} onClick=${apply}>
          Move ${count(tried.files, "file")}</button>
        <button type="button" onClick=${() => setAsking(false)}>Cancel</button></div>`}
      ${applied && html`<div role="status" class="done">
        <p>${count(applied.files, "file")} moved, ${size(applied.bytes)}.
          ${applied.left > 0 && ` ${count(applied.left, "file")} stayed.`}</p>
        <${Lines} lines=${applied.lines} />
        <p class="hint"><code>imgsim purge ${shown(applied.run ?? "last")}</code> frees the bytes, once
          you are sure.</p></div>`}
      ${run && !run.undone && html`<p>Run ${shown(run.id)}: ${number(run.moved)} moved.
        ${" "}<button type="button" disabled=${off || run.can_undo === false} onClick=${undo}>
        Undo</button></p>`}
      ${undone && html`<div role="status" class="done"><p>${count(undone.files, "file")} brought back.
        ${undone.left > 0 && ` ${count(undone.left, "file")} could not be.`}</p>
        <${Lines} lines=${undone.lines} /></div>`}
    </section>
    ${store.busy && html`<p role="status" class="waiting">Working…</p>`}
  <//>`;
}

/** What went wrong: the message of the page lies behind the dialog. */
function Trouble({ said }) {
  if (!said?.error) return null;
  return html`<p class="is-error" role="alert">${said.text}${said.hint && `: ${said.hint}`}</p>`;
}

function Lines({ lines }) {
  if (!lines?.length) return null;
  return html`<details><summary>${count(lines.length, "line")}</summary>
    <pre tabindex="0" aria-label="What stays, and why">${lines.map(shown).join("\n")}</pre></details>`;
}
