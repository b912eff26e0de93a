// Texts of numbers, sizes, dates and names.

const NUMBER = new Intl.NumberFormat("en");
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function count(n, one, many = one + "s") {
  return `${NUMBER.format(n)} ${n === 1 ? one : many}`;
}

export function number(n) {
  return NUMBER.format(n);
}

/** A size, given as text or BigInt since it can pass 2^53, as people read it. */
export function size(bytes) {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** An ISO date as it was noted, without the zone of this computer. */
export function date(text) {
  return text ? text.replace("T", " ").replace(/(:\d\d)\.\d+/, "$1") : "";
}

export function duration(seconds) {
  if (seconds < 90) return count(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5400) return count(Math.round(seconds / 60), "minute");
  return count(Math.round(seconds / 3600), "hour");
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

/** A name as text: what is not seen, or turns the direction of text, is shown by its number. */
export function shown(name) {
  return String(name).replace(UNSEEN, (c) => `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`);
}

/** Two files by what tells them apart: where their names are equal, their folders too. */
export function toldApart(one, other) {
  if (one.name !== other.name) return [one, other];
  return [one, other].map((file) => ({ ...file, name: `${file.folder}/${file.name}` }));
}

export const ANSWERS = {
  keep: "Accepted",
  "keep-all": "All stay",
  "not-duplicates": "Not duplicates",
  mixed: "Partly answered",
};

export const ROLES = {
  exact: "same bytes",
  pixels: "same pixels",
  reencoded: "compressed again",
  smaller: "smaller",
  enlarged: "enlarged",
  edited: "edited",
  noisier: "noisier",
  blurred: "blurred",
  cropped: "cropped",
  rotated: "rotated",
  mirrored: "mirrored",
  stretched: "stretched",
  overlaid: "something laid over",
  inset: "set into another picture",
  turned: "turned",
  damaged: "damaged",
  fuller: "shows more",
  near: "alike",
};

export function roleName(role) {
  return ROLES[role] ?? role;
}
