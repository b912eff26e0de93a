// A folder of the run: written, with some that fit offered below it.

import { html, useRef } from "./vendor/htm-preact.js";

const OFFERED = 40;
let fields = 0;

export function FolderInput({ label, folders, value, onInput, placeholder = "" }) {
  const id = useRef(null);
  id.current ??= `folders-${(fields += 1)}`;
  const wanted = value.toLowerCase();
  const some = [];
  for (const folder of folders) {
    if (folder.toLowerCase().includes(wanted) && some.push(folder) === OFFERED) break;
  }
  return html`<label class="folder"><span>${label}</span>
    <input type="text" list=${id.current} autocomplete="off" spellcheck=${false} value=${value}
      placeholder=${placeholder} onInput=${(event) => onInput(event.target.value)} />
    <datalist id=${id.current}>${some.map((folder) => html`<option value=${folder}></option>`)}
    </datalist></label>`;
}
