// The end of a review: the plan is written, tried, applied, and taken back.

import { html, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { Dialog } from "./dialog.js";
import { count, number, shown, size } from "./format.js";
import { progressText } from "./store.js";

const NAMED = 200; // files that the server names at most

export function FinishDialog({ store }) {
  return store.source.embedded
    ? html`<${SaveDialog} store=${store} />`
    : html`<${ServerDialog} store=${store} />`;
}

const MOST_AGAINST = 8; // contradictions that are listed

function SaveDialog({ store }) {
  const [saved, setSaved] = useState(null);
  const { removals, bytes, against } = store.source.planned();
  const save = async () => setSaved(await store.finish((source) => source.plan({})));
  return html`<${Dialog} store=${store} title="Save the plan">
    <p>${progressText(store.state)}. ${count(removals, "file")} may go, ${size(bytes)}.</p>
    ${against.length > 0 && html`<p class="is-error">Answers contradict each other:</p>
      <ul>${against.slice(0, MOST_AGAINST).map((text) => html`<li>${shown(text)}</li>`)}
      ${against.length > MOST_AGAINST && html`<li>${count(against.length - MOST_AGAINST, "further file")}
        of this kind</li>`}</ul>`}
    <p class="hint">Answers are kept in this page only, until it is closed: save the plan first.</p>
    <div class="dialog-end"><button type="button" class="strong" disabled=${!removals} onClick=${save}>
      Save plan</button></div>
    ${saved && html`<div class="result" role="status">
      <p>The browser saved <strong>${saved.path}</strong>. On the computer with the pictures:</p>
      <pre tabindex="0" aria-label="Commands">${commands(saved.path)}</pre></div>`}
  <//>`;
}

function commands(path) {
  return [
    `imgsim apply ${path}          # says what it would do`,
    `imgsim apply ${path} --yes    # moves the files to a quarantine`,
    "imgsim undo last                       # takes it back",
  ].join("\n");
}

function ServerDialog({ store }) {
  const { plan, run, job } = store.state;
  const [name, setName] = useState("");
  const [undecided, setUndecided] = useState(false);
  const [written, setWritten] = useState(null);
  const [tried, setTried] = useState(null);
  const [whole, setWhole] = useState(false);
  const [asking, setAsking] = useState(false);
  const [applied, setApplied] = useState(null);
  const [undone, setUndone] = useState(null);
  const off = !store.writer || store.busy || store.state.phase !== "ready";
  const forget = () => {
    setTried(null);
    setAsking(false);
    setApplied(null);
    setUndone(null);
  };

  const write = async () => {
    const path = name.trim() || null;
    setWritten(await store.finish((source) => source.plan({ path, undecided })));
  };
  const dryRun = async () => {
    forget();
    setTried(await store.finish((source) => source.apply({ dry_run: true, undecided })));
  };
  const apply = async () => {
    const given = { dry_run: false, undecided, whole_folders: whole };
    const result = await store.finish((source) => source.apply(given));
    forget();
    setApplied(result);
  };
  const undo = async () => {
    const result = await store.finish((source) => source.undo(run.id));
    forget();
    setUndone(result);
  };

  return html`<${Dialog} store=${store} title="Write the plan, and apply it">
    <p>${progressText(store.state)}.</p>
    <label class="check"><input type="checkbox" checked=${undecided} disabled=${off}
      onChange=${(event) => {
        setUndecided(event.target.checked);
        forget();
      }} /> Also groups without an answer, as they are proposed</label>
    <section class="step"><h3>Write the plan</h3>
      ${plan?.path
        ? html`<p class="hint">To <bdi>${shown(plan.path)}</bdi></p>`
        : html`<label class="folder"><span>Name of a new file in the folder of the command</span>
            <input type="text" spellcheck=${false} autocomplete="off" value=${name}
              placeholder="imgsim-plan-….json" onInput=${(event) => setName(event.target.value)} />
          </label>`}
      <button type="button" disabled=${off} onClick=${write}>Write plan</button>
      ${plan?.written && plan.stale &&
      html`<p class="hint">The plan there was written before your last answers.</p>`}
      ${written && html`<p role="status" class="done">${count(written.removals, "file")} to
        go, ${size(written.bytes)}: <bdi>${shown(written.path)}</bdi>
        ${written.left_out > 0 && ` ${count(written.left_out, "group")} left out: files changed.`}</p>`}
    </section>
    <section class="step"><h3>Apply it here</h3>
      <p class="hint">First a dry run: it looks at every file, and changes nothing.</p>
      <button type="button" class=${tried || applied ? "" : "strong"} disabled=${off}
        onClick=${dryRun}>Dry run</button>
      ${tried && html`<${Tried} tried=${tried} whole=${whole} setWhole=${setWhole} off=${off}
        asking=${asking} setAsking=${setAsking} apply=${apply} />`}
      ${applied && html`<div role="status" class="done">
        <p><strong>${count(applied.moved, "file")} moved</strong>, ${size(applied.bytes)}.</p>
        <${Left} result=${applied} />
        <p class="hint"><code>imgsim purge ${shown(applied.run ?? "last")}</code> frees the bytes,
          once you are sure.</p></div>`}
      ${run && !run.undone && html`<p>Run ${shown(run.id)}: ${count(run.moved, "file")} in the
        quarantine. <button type="button" disabled=${off} onClick=${undo}>Undo</button></p>`}
      ${undone && html`<div role="status" class="done">
        <p><strong>${count(undone.restored, "file")} brought back.</strong></p>
        <${Left} result=${undone} /></div>`}
    </section>
    ${store.busy && html`<${Working} job=${job} />`}
  <//>`;
}

function Tried({ tried, whole, setWhole, off, asking, setAsking, apply }) {
  const files = count(tried.moved, "file");
  const opener = useRef(null);
  const cancel = () => {
    setAsking(false);
    setCancelled(true);
  };
  const [cancelled, setCancelled] = useState(false);
  useLayoutEffect(() => {
    if (!cancelled || asking) return;
    opener.current.focus();
    setCancelled(false);
  }, [cancelled, asking]);
  const could = tried.moved > 0 || (whole && tried.whole_folders > 0);
  return html`<div role="status" class="done">
      <p><strong>${files} would move</strong> to the quarantine, ${size(tried.bytes)}.
        ${tried.left_out > 0 && ` ${count(tried.left_out, "group")} left out: files changed.`}</p>
      <${Left} result=${tried} />
    </div>
    ${tried.whole_folders > 0 &&
    html`<label class="check"><input type="checkbox" checked=${whole}
      onChange=${(event) => setWhole(event.target.checked)} /> Also the
      ${" "}${count(tried.whole_folders, "file")} of folders that would lose most of their
      pictures</label>`}
    <button type="button" ref=${opener} class=${asking ? "" : "strong"} disabled=${off || !could || asking}
      onClick=${() => setAsking(true)}>Apply…</button>
    ${asking && html`<${Asking} files=${whole ? "Files" : files} off=${off} apply=${apply}
      cancel=${cancel} />`}`;
}

/** The question before files are moved; it has the focus, so that it is read out. */
function Asking({ files, off, apply, cancel }) {
  const box = useRef(null);
  useLayoutEffect(() => box.current.focus(), []);
  return html`<div class="asking" role="group" aria-labelledby="asking" tabindex="-1" ref=${box}>
    <p id="asking"><strong>${files} move to <code>.imgsim-trash</code></strong> in the folder
      that was scanned. Each is compared with the plan once more first, and one that changed
      stays. Nothing is deleted; Undo brings everything back.</p>
    <button type="button" class="strong" disabled=${off} onClick=${apply}>Move the files</button>
    <button type="button" onClick=${cancel}>Cancel</button></div>`;
}

/** What stays although it was asked for, and why; and what is lost with what goes. */
function Left({ result }) {
  const reasons = (result.reasons ?? []).map((one) => `${count(one.files, "file")}: ${one.reason}`);
  const left = (result.left ?? []).map((one) => `${one.path}: ${one.reason}`);
  const losses = result.losses ?? [];
  return html`
    ${reasons.length > 0 && html`<p>Stay: ${shown(reasons.join("; "))}</p>`}
    <${Lines} title="Files that stay" lines=${left} />
    <${Lines} title="What goes with them" lines=${losses} />
    <${Lines} title="Files that go" lines=${(result.files ?? []).map((one) =>
      `${one.path} (${one.role} of ${one.kept}${one.by_decision ? ", by your decision" : ""})`)} />`;
}

function Lines({ title, lines }) {
  if (!lines.length) return null;
  const n = lines.length < NAMED ? number(lines.length) : `the first ${number(NAMED)}`;
  return html`<details><summary>${title} (${n})</summary>
    <pre tabindex="0" aria-label=${title}>${lines.map(shown).join("\n")}</pre></details>`;
}

function Working({ job }) {
  const progress = job?.running ? job.progress : null;
  const of = progress?.total ? ` ${number(progress.done)} of ${number(progress.total)}` : "";
  return html`<p role="status" class="waiting">${progress ? shown(progress.stage) : "Working"}${of}…</p>`;
}
