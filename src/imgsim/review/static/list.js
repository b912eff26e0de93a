// The list of groups: search, filters, and as many rows as can be seen.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { ANSWERS, count, number, roleName, shown, size } from "./format.js";
import { FolderInput } from "./folder_input.js";
import { ORDERS, rolesOf } from "./order.js";

const ROW = 76; // pixels; app.css has the same
const MORE = 6; // rows above and below what can be seen
const SETTLED = 90; // milliseconds after which a row that came into sight asks for its picture

export function GroupList({ store }) {
  return html`<section class="list" aria-label="Groups">
    <${Filters} store=${store} />
    <${Rows} store=${store} />
  </section>`;
}

function Filters({ store }) {
  const { filters, groups, visible } = store;
  const choose = (name) => (event) => store.filter({ [name]: event.target.value });
  const filtered = filters.text || filters.role || filters.folder || filters.answered !== "all";
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <input id="search" type="search" aria-label="Search names" placeholder="Search names"
      autocomplete="off" value=${filters.text} onInput=${choose("text")} />
    <div class="filters-row">
      <label><span>Role</span><select value=${filters.role} onChange=${choose("role")}>
        <option value="">any</option>
        ${rolesOf(groups).map(
          ([role, n]) => html`<option value=${role}>${roleName(role)} (${number(n)})</option>`,
        )}
      </select></label>
      <label><span>Answer</span><select value=${filters.answered} onChange=${choose("answered")}>
        <option value="all">any</option>
        <option value="no">none yet</option>
        <option value="yes">answered</option>
      </select></label>
      <label><span>Order</span><select value=${filters.order} onChange=${choose("order")}>
        ${Object.entries(ORDERS).map(
          ([name, [text]]) => html`<option value=${name}>${text}</option>`,
        )}
      </select></label>
    </div>
    <${FolderInput} label="Folder" folders=${store.folders} value=${filters.folder}
      placeholder="any" onInput=${(folder) => store.filter({ folder })} />
    <p class="shown-count" role="status">
      ${filtered
        ? html`${number(visible.length)} of ${count(groups.length, "group")} ${" "}
            <button type="button" class="link" onClick=${() => store.clearFilters()}>
              show all</button>`
        : count(groups.length, "group")}
    </p>
  </form>`;
}

function Rows({ store }) {
  const box = useRef(null);
  const [first, setFirst] = useState(0);
  const [seen, setSeen] = useState(12);
  const { visible } = store;
  const place = store.place;

  useLayoutEffect(() => {
    const measure = () => setSeen(Math.ceil(box.current.clientHeight / ROW) + 1);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const { scrollTop, clientHeight } = box.current;
    if (place < 0 || clientHeight === 0) return;
    if (place * ROW < scrollTop) box.current.scrollTop = Math.max(0, (place - 1) * ROW);
    else if ((place + 1) * ROW > scrollTop + clientHeight) {
      box.current.scrollTop = (place + 2) * ROW - clientHeight;
    }
  }, [place, visible, store.screen]);

  const onScroll = () => setFirst(Math.floor(box.current.scrollTop / ROW));
  const from = Math.max(0, Math.min(first, visible.length - seen) - MORE);
  const some = visible.slice(from, from + seen + 2 * MORE);
  const active = some.find((group) => group.id === store.selected);

  const onKeyDown = (event) => {
    const far = { Home: -visible.length, End: visible.length, PageUp: 1 - seen, PageDown: seen - 1 };
    if (event.key in far) {
      event.preventDefault();
      store.step(far[event.key]);
    } else if (event.key === "Enter" && matchMedia("(max-width: 799px)").matches) {
      event.preventDefault();
      store.set({ screen: "group" });
    }
  };

  return html`<div class="rows" ref=${box} tabindex="0" role="listbox" aria-label="Groups"
    aria-activedescendant=${active ? `row-${active.id}` : undefined}
    onScroll=${onScroll} onKeyDown=${onKeyDown}>
    <div class="rows-all" role="presentation" style=${{ height: `${visible.length * ROW}px` }}>
      ${some.map(
        (group, i) => html`<${Row} key=${group.id} store=${store} group=${group} place=${from + i}
          selected=${group.id === store.selected} all=${visible.length} />`,
      )}
    </div>
  </div>`;
}

function Row({ store, group, place, selected, all }) {
  const [settled, setSettled] = useState(store.source.embedded);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), SETTLED);
    return () => clearTimeout(timer);
  }, []);
  const answer = group.applied ? "Moved" : group.changed ? "Changed" : ANSWERS[group.answer];
  const gain = group.gainNumber > 0 ? size(group.gain) : "nothing to gain";
  return html`<div class="row ${selected ? "is-selected" : ""}" role="option" id=${`row-${group.id}`}
    aria-selected=${selected ? "true" : "false"} aria-posinset=${place + 1} aria-setsize=${all}
    style=${{ transform: `translateY(${place * ROW}px)` }} onClick=${() => store.select(group.id)}>
    <span class="row-picture">${settled &&
    html`<img fetchpriority="low" src=${store.source.image(group.kept, 160)} alt=""
      decoding="async" draggable=${false} />`}</span>
    <span class="row-text">
      <bdi class="row-name">${shown(group.title ?? group.text.split("\n")[0])}</bdi>
      <span class="row-facts">${count(group.count, "file")} · ${gain}</span>
      <span class="row-facts row-last"><span>${shown(group.note ?? group.roles.map(roleName).join(", "))}</span>
        ${answer && html`<span class="mark mark-${group.changed ? "changed" : group.answer}">
          ${answer}</span>`}</span>
    </span>
  </div>`;
}
