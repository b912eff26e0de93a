// Many groups answered at once, with what that would do shown before.

import { html, useEffect, useState } from "./vendor/htm-preact.js";
import { Dialog } from "./dialog.js";
import { count, number, roleName, shown, size } from "./format.js";
import { FolderInput } from "./folder_input.js";
import { isOpen, rolesOf } from "./order.js";
import { Lost, Refused } from "./source.js";

const SETTLED = 250;
const MOST_LISTED = 50000;

const KINDS = [
  ["folders", "Groups of two folders"],
  ["folder", "Groups with a file in one folder"],
  ["role", "Groups by what the others are"],
  ["keep", "Another rule for the kept file"],
  ["filter", "The groups that the list shows"],
];

const KEEP_RULES = [
  ["original", "what the others were made from"],
  ["best", "what shows most"],
  ["largest", "most pixels"],
  ["smallest", "fewest pixels"],
  ["oldest", "the oldest"],
  ["newest", "the newest"],
  ["plain-name", "the plainest name"],
  ["has:exif", "with camera data"],
];

const ANSWERS = [
  ["keep", "Accept: the kept file stays, what may go goes into the plan"],
  ["keep-all", "All files stay"],
  ["not-duplicates", "They are no duplicates"],
];

export function RulesDialog({ store }) {
  const [by, setBy] = useState("folders");
  const [given, setGiven] = useState({
    a: "", b: "", keep: "a", folder: "", what: "stays", roles: [], rule: "largest",
  });
  const [answer, setAnswer] = useState("keep");
  const rule = ruleOf(by, given, store);
  const [refused, setRefused] = useState(0);
  const preview = usePreview(store, rule, answer, refused);
  const set = (changes) => setGiven({ ...given, ...changes });
  const kinds = KINDS.filter(([kind]) => kind !== "keep" || !store.source.embedded);
  const groups = preview?.groups ?? 0;
  const apply = async () => {
    if (!(await store.applyRule(rule, answer, preview.basis))) setRefused(refused + 1);
  };

  return html`<${Dialog} store=${store} title="Answer many groups">
    <p class="hint">A rule answers groups that have no answer yet. It can be taken back as one.</p>
    <div class="rule">
      <fieldset><legend>Which groups</legend>
        ${kinds.map(
          ([kind, text]) => html`<label class="check"><input type="radio" name="by" value=${kind}
            checked=${by === kind} onChange=${() => setBy(kind)} /> ${text}</label>`,
        )}
      </fieldset>
      <div class="rule-fields"><${Fields} store=${store} by=${by} given=${given} set=${set} /></div>
      <fieldset><legend>Their answer</legend>
        ${ANSWERS.map(
          ([value, text]) => html`<label class="check"><input type="radio" name="answer"
            value=${value} checked=${answer === value} onChange=${() => setAnswer(value)} />
            ${" "}${text}</label>`,
        )}
      </fieldset>
    </div>
    <${Preview} store=${store} rule=${rule} answer=${answer} preview=${preview} />
    <div class="dialog-end">
      <button type="button" onClick=${() => store.set({ dialog: null })}>Cancel</button>
      <button type="button" class="strong" disabled=${!rule || !groups || store.busy}
        onClick=${apply}>
        ${groups ? `Answer ${count(groups, "group")}` : "Answer"}</button>
    </div>
  <//>`;
}

function Fields({ store, by, given, set }) {
  const { folders } = store;
  if (by === "folders") {
    return html`
      <${FolderInput} label="One folder" folders=${folders} value=${given.a}
        onInput=${(a) => set({ a })} />
      <${FolderInput} label="The other folder" folders=${folders} value=${given.b}
        onInput=${(b) => set({ b })} />
      <label class="folder"><span>What stays</span>
        <select value=${given.keep} onChange=${(event) => set({ keep: event.target.value })}>
          <option value="a">all files in the first</option>
          <option value="b">all files in the second</option>
        </select></label>`;
  }
  if (by === "folder") {
    return html`<${FolderInput} label="Folder" folders=${folders} value=${given.folder}
        onInput=${(folder) => set({ folder })} />
      <label class="folder"><span>Its files</span>
        <select value=${given.what} onChange=${(event) => set({ what: event.target.value })}>
          <option value="stays">all stay</option>
          <option value="goes">go where they may, all others stay</option>
        </select></label>`;
  }
  if (by === "role") {
    const toggle = (role, on) =>
      set({ roles: on ? [...given.roles, role] : given.roles.filter((one) => one !== role) });
    return html`<fieldset class="roles"><legend>All others are one of</legend>
      ${rolesOf(store.groups).map(
        ([role, n]) => html`<label class="check"><input type="checkbox"
          checked=${given.roles.includes(role)}
          onChange=${(event) => toggle(role, event.target.checked)} />
          ${" "}${roleName(role)} (${number(n)})</label>`,
      )}</fieldset>`;
  }
  if (by === "keep") {
    return html`<label class="folder"><span>What stays</span>
      <select value=${given.rule} onChange=${(event) => set({ rule: event.target.value })}>
        ${KEEP_RULES.map(([rule, text]) => html`<option value=${rule}>${text}</option>`)}
      </select></label>
      <p class="hint">As --keep of imgsim find-dupes.</p>`;
  }
  return html`<p>${count(store.visible.length, "group")}: close this, search and filter the list, and
    come back.</p>`;
}

function ruleOf(by, given, store) {
  const number = (folder) => store.folders.indexOf(folder);
  if (by === "folders") {
    const [a, b] = [number(given.a), number(given.b)];
    if (a < 0 || b < 0 || a === b) return null;
    return { by, folders: [a, b], keep_in: given.keep === "a" ? a : b };
  }
  if (by === "folder") {
    const folder = number(given.folder);
    return folder < 0 ? null : { by, folder, what: given.what };
  }
  if (by === "role") return given.roles.length ? { by, roles: given.roles } : null;
  if (by === "keep") return { by, rules: [given.rule] };
  const groups = store.visible.filter(isOpen).map((group) => group.id);
  return groups.length && groups.length <= MOST_LISTED ? { by, groups } : null;
}

/** What a rule would do: asked again when it was refused, and when all groups are there. */
function usePreview(store, rule, answer, refused) {
  const [preview, setPreview] = useState(null);
  const asked = JSON.stringify([rule, answer, refused, store.generation]);
  useEffect(() => {
    setPreview(null);
    if (!rule) return undefined;
    let wanted = true;
    const timer = setTimeout(async () => {
      let found;
      try {
        found = (await store.source.previewRule({ rule, answer })).preview;
      } catch (error) {
        if (!(error instanceof Lost || error instanceof Refused)) throw error;
        found = { error: error.message };
      }
      if (wanted) setPreview(found);
    }, SETTLED);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [asked]);
  return preview;
}

/** "That is: 3 files of camera, 1 of phone." */
function fromFolders({ folders = [], further_folders: further = 0 }) {
  if (!folders.length) return "";
  const parts = folders.map(
    ({ folder, files }, at) => html`${at ? ", " : " "}${
      at ? number(files) : count(files, "file")} of <bdi>${shown(folder)}</bdi>`,
  );
  return html`That is:${parts}${further > 0 &&`, others of ${count(further, "further folder")}`}.`;
}

function Preview({ store, rule, answer, preview }) {
  if (!rule) return html`<p class="preview" role="status">Choose which groups.</p>`;
  if (!preview) return html`<p class="preview" role="status">Counting…</p>`;
  if (preview.error) return html`<p class="preview is-error" role="alert">${shown(preview.error)}</p>`;
  const most = preview.bytes_at_most;
  const bytes = most === preview.bytes ? size(most) : `${size(preview.bytes)} to ${size(most)}`;
  const goes = answer === "keep"
    ? html`, <strong>${count(preview.files, "file")}</strong> may go, ${bytes}`
    : "";
  const titles = new Map(store.groups.map((group) => [group.id, group]));
  const examples = (preview.examples ?? []).map((id) => titles.get(id)).filter(Boolean).slice(0, 6);
  return html`<div class="preview" role="status">
    <p><strong>${count(preview.groups, "group")}</strong> would be answered${goes}.${" "}
      ${answer === "keep" && fromFolders(preview)}
      ${preview.changes_keeper > 0 &&
      ` Another file is kept in ${number(preview.changes_keeper)} of them.`}
      ${preview.already_decided > 0 &&
      ` ${count(preview.already_decided, "group")} that you answered before
        ${preview.already_decided === 1 ? "stays" : "stay"} as ${
        preview.already_decided === 1 ? "it is" : "they are"}.`}
      ${preview.not_possible > 0 &&
      ` In ${count(preview.not_possible, "group")} no file may go so, or one changed: not answered.`}</p>
    <div class="examples">${examples.map(
      (group) => html`<img src=${store.source.image(group.kept, 160)} alt=${shown(group.title ?? "")} />`,
    )}</div></div>`;
}
