// The kept file and the chosen one: blinking, their difference, laid upon each other, at 100 %.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { roleName, shown, toldApart } from "./format.js";
import { cssTransform, stretching } from "./matrix.js";
import { Zoom } from "./zoom.js";

const BLINK = 700; // milliseconds of each picture: below three flashes a second
const SIDES = [640, 1280, 2560];
const PARTNERS = 24; // files that are offered to be compared; the arrow keys reach all

export function Compare({ store, detail }) {
  const both = [detail.kept, store.chosen].map((id) => detail.files.find((one) => one.id === id));
  if (!both.every(Boolean)) return null;
  const [kept, file] = toldApart(...both);
  const View = { blink: Blink, difference: Difference, overlay: Overlay, zoom: Zoom }[store.mode];
  return html`<div class="compare">
    <${View} key=${`${store.mode} ${file.id}`} store=${store} group=${detail.id} kept=${kept}
      file=${file} />
    ${store.others.length > 1 && html`<${Partners} store=${store} />`}
  </div>`;
}

function Partners({ store }) {
  const at = store.others.findIndex((file) => file.id === store.chosen);
  const from = Math.max(0, Math.min(at - PARTNERS / 2, store.others.length - PARTNERS));
  return html`<div class="partners" role="group" aria-label="Compared with the kept file">
    ${store.others.slice(from, from + PARTNERS).map(
      (file) => html`<button type="button" aria-pressed=${String(file.id === store.chosen)}
        onClick=${() => store.choose(file.id)}>
        <img src=${store.source.image(file.id, 160)} alt="" />
        <span><bdi>${shown(file.name)}</bdi></span></button>`,
    )}
  </div>`;
}

/** A frame of the kept file's shape, as large as there is room; its children know its size. */
function Frame({ kept, children, className = "", label }) {
  const box = useRef(null);
  const [room, setRoom] = useState(null);
  useLayoutEffect(() => {
    const measure = () => {
      const { clientWidth: w, clientHeight: h } = box.current;
      const scale = Math.min(w / kept.width, h / kept.height);
      setRoom({ width: kept.width * scale, height: kept.height * scale, scale });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [kept.id]);
  const style = room && { width: `${room.width}px`, height: `${room.height}px` };
  return html`<div class="frame-room" ref=${box}>
    ${room && html`<div class="frame ${className}" style=${style} role="img" aria-label=${label}>
      ${children(room)}</div>`}
  </div>`;
}

function sideOf(room) {
  const wanted = Math.max(room.width, room.height) * Math.min(devicePixelRatio || 1, 2);
  return SIDES.find((side) => side >= wanted * 0.9) ?? SIDES.at(-1);
}

function Kept({ store, kept, room }) {
  return html`<img class="layer" src=${store.source.image(kept.id, sideOf(room))} alt="" />`;
}

/** The compared file where it lies upon the kept one. */
function Laid({ store, group, kept, file, room, className = "", style = {} }) {
  if (!store.source.embedded && file.aligned) {
    const source = store.source.aligned(group, file.id, sideOf(room));
    return html`<div class="layer ${className}" style=${style}><img class="layer" src=${source}
      alt="" /></div>`;
  }
  const picture = store.source.image(file.id, sideOf(room));
  if (!file.aligned) {
    return html`<div class="layer ${className}" style=${style}>
      <img class="layer is-contained" src=${picture} alt="" /></div>`;
  }
  const width = room.width;
  const height = (room.width * file.height) / file.width;
  const matrix = file.matrix ?? stretching(file, kept);
  const transform = cssTransform(matrix, file, width, height, room.scale);
  const size = { width: `${width}px`, height: `${height}px`, transform };
  return html`<div class="layer is-cut ${className}" style=${style}>
    <img class="laid" style=${size} src=${picture} alt="" /></div>`;
}

function NotLaid({ file }) {
  if (file.aligned) return null;
  return html`<p class="hint">imgsim did not lay ${" "}<bdi>${shown(file.name)}</bdi> upon the kept
    file, so it is shown as it is.</p>`;
}

function Caption({ kept, file, children }) {
  return html`<div class="compare-caption">
    <p><span class="state">Kept</span> <bdi>${shown(kept.name)}</bdi> <span class="and">and</span>
      ${" "}<bdi>${shown(file.name)}</bdi> ${" "}
      ${file.role && html`<span class="role">${roleName(file.role)}</span>`}</p>
    ${children}</div>`;
}

function Blink({ store, group, kept, file }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const [running, setRunning] = useState(!still);
  const [second, setSecond] = useState(false);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setSecond((now) => !now), BLINK);
    return () => clearInterval(timer);
  }, [running]);
  const swap = () => {
    setRunning(false);
    setSecond((now) => !now);
  };
  return html`
    <${Frame} kept=${kept} label=${`${shown(kept.name)} and ${shown(file.name)} in turn`}>
      ${(room) => html`<${Kept} store=${store} kept=${kept} room=${room} />
        <${Laid} store=${store} group=${group} kept=${kept} file=${file} room=${room}
          className="is-over" style=${{ visibility: second ? "visible" : "hidden" }} />
        <span class="which">${second ? shown(file.name) : `${shown(kept.name)} (kept)`}</span>`}
    <//>
    <${Caption} kept=${kept} file=${file}><div class="controls">
      <button type="button" onClick=${() => setRunning(!running)}>
        ${running ? "Pause" : "Go on"}</button>
      <button type="button" onClick=${swap}>Show the other</button>
    </div><//>
    <${NotLaid} file=${file} />`;
}

function Difference({ store, group, kept, file }) {
  if (!file.aligned) {
    return html`<div class="frame-room"><p class="waiting">imgsim did not lay these two upon each
      other, so there is no difference to show.</p></div>
      <${Caption} kept=${kept} file=${file} />`;
  }
  const label = `Difference of ${shown(kept.name)} and ${shown(file.name)}`;
  return html`
    <${Frame} kept=${kept} label=${label} className="is-difference">
      ${(room) =>
        store.source.embedded
          ? html`<div class="layer difference">
              <${Kept} store=${store} kept=${kept} room=${room} />
              <${Laid} store=${store} group=${group} kept=${kept} file=${file} room=${room}
                className="is-subtracted" /></div>`
          : html`<img class="layer" alt=""
              src=${store.source.difference(group, file.id, sideOf(room))} />`}
    <//>
    <${Caption} kept=${kept} file=${file}>
      <p class="hint">${store.source.embedded
        ? "Bright where the two differ; black where they are equal."
        : "Coloured where the two differ; grey where they are equal."}</p><//>`;
}

function Overlay({ store, group, kept, file }) {
  const [divider, setDivider] = useState(50);
  return html`
    <${Frame} kept=${kept} label=${`${shown(file.name)} laid upon ${shown(kept.name)}`}>
      ${(room) => html`<${Kept} store=${store} kept=${kept} room=${room} />
        <${Laid} store=${store} group=${group} kept=${kept} file=${file} room=${room}
          className="is-over" style=${{ clipPath: `inset(0 0 0 ${divider}%)` }} />
        <span class="divider" style=${{ left: `${divider}%` }}></span>`}
    <//>
    <${Caption} kept=${kept} file=${file}>
      <label class="wipe"><span>Divider</span><input type="range" min="0" max="100" value=${divider}
        onInput=${(event) => setDivider(Number(event.target.value))} />
      </label><//>
    <${NotLaid} file=${file} />`;
}
