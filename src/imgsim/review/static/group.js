// One group: its pictures, what is known of them, and the answers.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { Compare } from "./compare.js";
import { ANSWERS, count, date, number, roleName, shown, size } from "./format.js";
import { FILES_AT_ONCE } from "./store.js";

export const SIDES = [160, 320, 640, 1280, 2560];

const MODES = [
  ["side", "Side by side", "Esc"],
  ["blink", "Blink", "B"],
  ["difference", "Difference", "D"],
  ["overlay", "Overlay", "O"],
  ["zoom", "100 %", "Z"],
];

/** The smallest side that the server gives and that fills so many pixels of the page. */
export function sideFor(pixels) {
  const wanted = pixels * Math.min(devicePixelRatio || 1, 2);
  return SIDES.find((side) => side >= wanted * 0.9) ?? SIDES.at(-1);
}

export function GroupView({ store }) {
  const { group, detail } = store;
  const box = useRef(null);

  useEffect(() => {
    // what was pressed is gone, or was disabled for a moment: its keys go on from the group
    if (!store.refocus || store.busy || store.dialog !== null) return;
    store.refocus = false;
    if (document.activeElement === document.body) box.current?.focus({ preventScroll: true });
  });

  if (!group) {
    return html`<section class="group" aria-label="Group"><div class="card">
      <h2>No group fits</h2><p>None of the groups fits what is searched for.</p>
      <button type="button" onClick=${() => store.clearFilters()}>Show all groups</button>
    </div></section>`;
  }
  return html`<section class="group" aria-label="Group" tabindex="-1" ref=${box}>
    <${Title} store=${store} group=${group} />
    <div class="stage mode-${store.mode}" key=${group.id}>
      ${!detail
        ? html`<p class="waiting" role="status">Loading…</p>`
        : store.mode === "side"
          ? html`<${Pictures} store=${store} detail=${detail} />`
          : html`<${Compare} store=${store} detail=${detail} />`}
    </div>
    <${Answers} store=${store} group=${group} detail=${detail} />
  </section>`;
}

function Title({ store, group }) {
  const back = () => store.set({ screen: "list" });
  return html`<div class="group-top">
    <button type="button" class="to-list" onClick=${back}>‹ List</button>
    <h2><bdi>${shown(group.title ?? group.text)}</bdi>
      <span>${number(store.place + 1)} of ${number(store.visible.length)}</span>
      ${group.answer && html`<span class="mark mark-${group.answer}">${ANSWERS[group.answer]}</span>`}
    </h2>
    <div class="modes" role="group" aria-label="How the pictures are shown">
      ${MODES.map(
        ([mode, text, key]) => html`<button type="button" aria-pressed=${String(store.mode === mode)}
          disabled=${!store.canCompare} onClick=${() => store.set({ mode })}>
          ${text} ${" "}<kbd>${key}</kbd></button>`,
      )}
    </div>
  </div>`;
}

function Pictures({ store, detail }) {
  const box = useRef(null);
  const [side, setSide] = useState(null);
  const kept = detail.files.find((file) => file.id === detail.kept) ?? detail.files[0];
  const files = [kept, ...detail.files.filter((file) => file !== kept)];
  const [most, setMost] = useState(FILES_AT_ONCE);
  const chosenAt = files.findIndex((file) => file.id === store.chosen);
  const some = files.slice(0, Math.max(most, chosenAt + 1));

  useLayoutEffect(() => {
    const measure = () => {
      const picture = box.current?.querySelector(".picture");
      if (!picture) return;
      const next = sideFor(Math.max(picture.clientWidth, picture.clientHeight));
      store.side = next;
      setSide(next);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [files.length]);

  return html`<div class="pictures pictures-${Math.min(files.length, 5)}" ref=${box} tabindex="-1">
      ${some.map(
        (file) => html`<${Figure} key=${file.id} store=${store} file=${file} kept=${kept}
          side=${side} because=${detail.kept_because} />`,
      )}
    </div>
    ${some.length < files.length &&
    html`<p class="related"><button type="button" onClick=${() => setMost(most + FILES_AT_ONCE)}>
      Show more of the ${number(files.length)} files</button></p>`}
    ${detail.more > 0 &&
    html`<p class="related">${count(detail.more, "further file")} of this group
      ${detail.more === 1 ? "is" : "are"} not shown here.</p>`}
    ${(detail.related ?? []).length > 0 &&
    html`<div class="related"><h3>Belongs to it, and stays</h3><ul>${detail.related.map(
      (one) => html`<li><bdi>${shown(one.path ?? one.name)}</bdi> (${shown(one.text ?? one.relation)})</li>`,
    )}</ul></div>`}`;
}

function Figure({ store, file, kept, side, because }) {
  const isKept = file === kept;
  const chosen = store.chosen === file.id;
  const box = useRef(null);
  const goes = file.removable && !isKept;
  const state = file.moved ? "moved" : isKept ? "kept" : goes ? "goes" : "stays";
  const goesText = file.decided === "remove" ? "Goes, you decided" : file.accepted ? "Goes" : "May go";
  const stateText = { moved: "Moved", kept: "Kept", goes: goesText, stays: "Stays" }[state];
  const label = `${stateText}: ${shown(file.name)}`;

  useEffect(() => {
    if (chosen && store.others.length > 1) box.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  return html`<figure class="file is-${state} ${chosen ? "is-chosen" : ""}" ref=${box}>
    <div class="file-top">
      <span class="state">${stateText}</span>
      ${file.role && html`<span class="role">${roleName(file.role)}</span>`}
      ${file.changed && html`<span class="warn">changed since it was shown</span>`}
      ${!isKept && html`<button type="button" class="keep-this" disabled=${!store.writer || !store.seen}
        onClick=${() => store.keepChosen(file.id)} aria-label=${`Keep ${shown(file.name)} instead`}>
        Keep this</button>`}
      ${!isKept && file.can_be_removed && !store.source.embedded &&
      html`<button type="button" class="keep-this" disabled=${!store.writer || !store.seen}
        onClick=${() => store.removeOne(file.id)} aria-label=${`Remove ${shown(file.name)}`}>
        Remove this</button>`}
    </div>
    <button type="button" class="picture" aria-pressed=${String(chosen)} aria-label=${label}
      style=${{ aspectRatio: shape(kept) }}
      onClick=${() => (isKept ? store.set({}) : store.choose(file.id))}
      onDblClick=${() => {
        store.choose(file.id);
        store.setMode("zoom");
      }}>
      ${side && html`<img fetchpriority="high" src=${store.source.image(file.id, side)} alt=""
        onLoad=${() => store.pictureLoaded(file.id)} onError=${() => store.pictureLoaded(file.id)}
        draggable=${false} decoding="async" width=${file.width || undefined}
        height=${file.height || undefined} />`}
    </button>
    <figcaption><${Facts} file=${file} kept=${kept} isKept=${isKept} because=${because} /></figcaption>
  </figure>`;
}

/** The shape of all pictures of a group, within what leaves room for two of them. */
function shape(kept) {
  if (!kept.width) return "4 / 3"; // its size is not read yet
  return String(Math.min(Math.max(kept.width / kept.height, 0.6), 2.2));
}

function Facts({ file, kept, isKept, because }) {
  const differs = (key) => (!isKept && file[key] !== kept[key] ? "differs" : "");
  const pixels = file.width === kept.width && file.height === kept.height;
  const lost = file.lost_metadata ?? [];
  const changes = isKept ? [] : (file.changes ?? []);
  const evidence = (file.evidence ?? []).filter((text) => text !== file.role_text);
  return html`
    <p class="name"><bdi>${shown(file.name)}</bdi></p>
    <p class="place"><bdi class=${differs("folder")}>${shown(file.folder)}</bdi></p>
    <dl>
      ${file.split && html`<dt>Split</dt><dd class="differs">${shown(file.split)}</dd>`}
      ${file.label && html`<dt>Label</dt><dd class=${differs("label")}>${shown(file.label)}</dd>`}
      ${file.width > 0 && html`<dt>Pixels</dt>
      <dd class=${pixels ? "" : "differs"}>${number(file.width)} × ${number(file.height)}</dd>`}
      <dt>Size</dt><dd class=${differs("bytes")}>${size(file.bytes)}</dd>
      ${file.format && html`<dt>Format</dt><dd class=${differs("format")}>
        ${shown(file.format)}${file.quality ? `, quality ${file.quality}` : ""}</dd>`}
      ${(file.date || kept.date) &&
      html`<dt>Date</dt><dd class=${differs("date")}>${date(file.date) || "none"}</dd>`}
      ${(file.camera || kept.camera) &&
      html`<dt>Camera</dt><dd class=${differs("camera")}>${shown(file.camera || "none")}</dd>`}
      ${isKept && because && html`<dt>Kept</dt><dd>${shown(because)}</dd>`}
      ${!isKept && file.role_text && !file.why_not?.startsWith(file.role_text) &&
      html`<dt>It is</dt><dd>${shown(file.role_text)}</dd>`}
      ${changes.length > 0 && html`<dt>Also</dt><dd>${shown(changes.join(", "))}</dd>`}
      ${file.damage && html`<dt>Damaged</dt><dd class="warn">${shown(file.damage)}</dd>`}
      ${evidence.length > 0 && html`<dt>Evidence</dt><dd>${shown(evidence.join("; "))}</dd>`}
      ${!isKept && !file.removable && file.why_not &&
      html`<dt>Stays</dt><dd>${shown(file.why_not)}</dd>`}
      ${lost.length > 0 &&
      html`<dt>Only here</dt><dd class="lost">${shown(lost.join(", "))}</dd>`}
    </dl>`;
}

function Answers({ store, group, detail }) {
  const goes = detail ? detail.files.filter((f) => f.removable && f.id !== detail.kept) : [];
  const bytes = goes.reduce((sum, file) => sum + BigInt(file.bytes), 0n);
  const what = goes.length ? `${count(goes.length, "file")} may go, ${size(bytes)}` : "none may go";
  const off = !store.writer || store.busy || !detail;
  const unseen = off || (store.mode === "side" && !store.seen);
  const answered = (answer) => String(group.answer === answer);
  return html`<div class="answers" role="group" aria-label="Answer">
    <button type="button" class="accept" disabled=${unseen} aria-pressed=${answered("keep")}
      onClick=${() => store.accept()}>
      <span>Accept <kbd>Enter</kbd></span><small>${what}</small></button>
    <button type="button" disabled=${off} aria-pressed=${answered("keep-all")}
      onClick=${() => store.answer("keep-all")}><span>Keep all <kbd>A</kbd></span></button>
    <button type="button" disabled=${off} aria-pressed=${answered("not-duplicates")}
      onClick=${() => store.answer("not-duplicates")}>
      <span>Not duplicates <kbd>N</kbd></span></button>
    <button type="button" disabled=${!store.writer || store.busy || !store.state.can_take_back}
      onClick=${() => store.takeBack()}>
      <span>Take back <kbd>U</kbd></span></button>
    <span class="steps">
      <button type="button" onClick=${() => store.step(-1)} disabled=${store.place <= 0}
        aria-label="Previous group">‹</button>
      <button type="button" onClick=${() => store.step(1)}
        disabled=${store.place >= store.visible.length - 1} aria-label="Next group">›</button>
    </span>
  </div>`;
}
