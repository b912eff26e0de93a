// The kept file and another one at the same enlargement, moved in step.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { roleName, shown } from "./format.js";
import { enlargement, inverse, mapped, stretching } from "./matrix.js";

const SCALES = [0.25, 0.5, 1, 2, 4];
const SETTLED = 120; // milliseconds without a move after which the sharp part is asked for
const AROUND = 0.25; // of what is seen is asked for on each side too

export function Zoom({ store, kept, file }) {
  // the centre is in pixels of the kept file; the scale is pixels of the page for each of these
  const [view, setView] = useState({ x: kept.width / 2, y: kept.height / 2, scale: 1 });
  const matrix = file.matrix ?? stretching(file, kept);
  const back = inverse(matrix);
  const [fx, fy] = mapped(back, view.x, view.y);
  const larger = enlargement(matrix, fx, fy); // pixels of the kept file for one of the other

  const within = (value, most) => Math.min(Math.max(value, 0), most);
  const moveTo = (x, y) =>
    setView((now) => ({ ...now, x: within(x, kept.width), y: within(y, kept.height) }));
  const scaleBy = (step) =>
    setView((now) => {
      const at = SCALES.findIndex((scale) => scale >= now.scale);
      return { ...now, scale: SCALES[within(at + step, SCALES.length - 1)] };
    });

  const drawKept = { x: view.x, y: view.y, scale: view.scale };
  const drawFile = { x: fx, y: fy, scale: view.scale * larger };
  const moveFile = (x, y) => moveTo(...mapped(matrix, x, y));
  const other = Math.round(view.scale * larger * 100);
  return html`
    <div class="zoom-panes">
      <${Pane} store=${store} file=${kept} view=${drawKept} onMove=${moveTo} onScale=${scaleBy}
        state="Kept" note=${`${view.scale * 100} %`} />
      <${Pane} store=${store} file=${file} view=${drawFile} onMove=${moveFile} onScale=${scaleBy}
        state=${file.removable ? "May go" : "Stays"} note=${`${other} %`} />
    </div>
    <div class="compare-caption"><div class="controls" role="group" aria-label="Enlargement">
      ${SCALES.map(
        (scale) => html`<button type="button" aria-pressed=${String(view.scale === scale)}
          onClick=${() => setView({ ...view, scale })}>${scale * 100} %</button>`,
      )}</div>
      <p class="hint">${store.source.embedded
        ? "This page holds small pictures only; imgsim review shows every pixel."
        : "Drag, or use the arrow keys, to move both; + and - for the enlargement."}</p>
    </div>`;
}

function Pane({ store, file, view, onMove, onScale, state, note }) {
  const box = useRef(null);
  const grip = useRef(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const measure = () =>
      setRoom({ width: box.current.clientWidth, height: box.current.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const move = (dx, dy) => onMove(view.x - dx / view.scale, view.y - dy / view.scale);
  const onPointerDown = (event) => {
    box.current.setPointerCapture(event.pointerId);
    grip.current = [event.clientX, event.clientY];
  };
  const onPointerMove = (event) => {
    if (!grip.current) return;
    move(event.clientX - grip.current[0], event.clientY - grip.current[1]);
    grip.current = [event.clientX, event.clientY];
  };
  const onKeyDown = (event) => {
    const steps = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] };
    if (event.key in steps) move(...steps[event.key]);
    else if (event.key === "+" || event.key === "=") onScale(1);
    else if (event.key === "-") onScale(-1);
    else return;
    event.preventDefault();
  };

  const left = room.width / 2 - view.x * view.scale;
  const top = room.height / 2 - view.y * view.scale;
  const place = (x, y, width, height) => ({
    left: `${left + x * view.scale}px`,
    top: `${top + y * view.scale}px`,
    width: `${width * view.scale}px`,
    height: `${height * view.scale}px`,
  });
  const part = useSharpPart(store, file, view, room);
  return html`<figure class="zoom-pane">
    <figcaption><span class="state">${state}</span> <bdi>${shown(file.name)}</bdi>
      ${file.role && html`<span class="role">${roleName(file.role)}</span>`} <span>${note}</span>
    </figcaption>
    <div class="zoom-room" ref=${box} tabindex="0" role="group"
      aria-label=${`${shown(file.name)}, enlarged: arrow keys move both pictures`}
      onPointerDown=${onPointerDown} onPointerMove=${onPointerMove}
      onPointerUp=${() => (grip.current = null)} onPointerCancel=${() => (grip.current = null)}
      onKeyDown=${onKeyDown}>
      <img src=${store.source.image(file.id, 1280)} alt="" draggable=${false}
        style=${place(0, 0, file.width, file.height)} />
      ${part && html`<img class="sharp" src=${part.source} alt="" draggable=${false}
        style=${place(part.x, part.y, part.width, part.height)} />`}
    </div>
  </figure>`;
}

/** The part of the file that is seen and a little around it, in all its pixels, once it is there. */
function useSharpPart(store, file, view, room) {
  const [part, setPart] = useState(null);
  const { x, y, scale } = view;
  useEffect(() => {
    if (store.source.embedded || !room.width) return undefined;
    let wanted = true;
    const timer = setTimeout(() => {
      const region = regionAround(file, x, y, room.width / scale, room.height / scale);
      if (!region) return;
      const image = new Image();
      image.onload = () => wanted && setPart({ ...region, source: image.src });
      image.src = store.source.crop(file.id, {
        x: (region.x / file.width).toFixed(6),
        y: (region.y / file.height).toFixed(6),
        width: (region.width / file.width).toFixed(6),
        height: (region.height / file.height).toFixed(6),
      });
    }, SETTLED);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [file.id, x, y, scale, room.width, room.height]);
  return part;
}

function regionAround(file, x, y, width, height) {
  const from = (centre, extent) => Math.max(0, Math.floor(centre - extent * (0.5 + AROUND)));
  const to = (centre, extent, most) => Math.min(most, Math.ceil(centre + extent * (0.5 + AROUND)));
  const region = { x: from(x, width), y: from(y, height) };
  region.width = to(x, width, file.width) - region.x;
  region.height = to(y, height, file.height) - region.y;
  return region.width > 0 && region.height > 0 ? region : null;
}
