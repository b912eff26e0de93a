// The help: every key, and a switch for those of one letter.

import { html, useState } from "./vendor/htm-preact.js";
import { Dialog } from "./dialog.js";
import { KEYS } from "./keys.js";

export function HelpDialog({ store }) {
  const [url, setUrl] = useState(null);
  return html`<${Dialog} store=${store} title="Help and keys">
    <p>Each group is one picture in several files. <strong>Accept</strong> keeps the file
    marked <em>Kept</em>; those marked <em>May go</em> go into the plan. Nothing on disk changes before
    the plan is applied, and then files are moved into a quarantine, from where they can be brought
    back.</p>
    <div class="keys">${KEYS.map(
      ([title, rows]) => html`<section><h3>${title}</h3><dl>${rows.map(
        ([key, , text]) => html`<dt><kbd>${key}</kbd></dt><dd>${text}</dd>`,
      )}</dl></section>`,
    )}</div>
    <label class="check"><input type="checkbox" checked=${store.keysOn}
      onChange=${(event) => store.setKeys(event.target.checked)} /> Keys of one letter work</label>
    ${!store.source.embedded &&
    html`<div class="controls">
      <button type="button" onClick=${async () => setUrl(await store.link())}>
        Address for another browser</button>
      <button type="button" disabled=${!store.writer} onClick=${() => store.end()}>
        End imgsim review</button></div>
      <p class="hint">All answers are saved already. An address opens this review once, on this
      computer.</p>
      ${url && html`<pre tabindex="0" aria-label="Address">${url}</pre>`}`}
  <//>`;
}
