// A page without a server: it holds groups and small pictures, and answers live in it.

import { Refused } from "./source.js";

/** The source of what the page holds; null in a page that a server gave. */
export function embeddedSource() {
  const element = document.getElementById("imgsim-data");
  return element ? new EmbeddedSource(JSON.parse(element.textContent)) : null;
}

export class EmbeddedSource {
  constructor(data) {
    this.embedded = true;
    this.data = data;
    this.answers = new Map(); // id of a group -> {answer, kept}
    this.past = []; // what each step changed, to take it back
    this.base = new Map(data.groups.map((group) => [group.id, group]));
    this.revision = 0;
    addEventListener("beforeunload", (event) => {
      if (this.answers.size && this.savedRevision !== this.revision) event.preventDefault();
    });
  }

  subscribe() {}

  image(file) {
    const picture = this.data.pictures[file];
    return picture ? `data:image/jpeg;base64,${picture}` : this.data.no_picture;
  }

  async state() {
    return this.#state();
  }

  async groups() {
    const groups = this.data.groups.map((group) => this.#row(group.id));
    return { generation: 1, revision: this.revision, groups, folders: this.data.folders };
  }

  async group(id) {
    return this.#detail(id);
  }

  async answer({ groups, answer, keep }) {
    return this.#answer(groups.map((id) => [id, { answer, kept: keep ?? this.base.get(id).kept }]));
  }

  async takeBack() {
    const before = this.past.pop();
    if (!before) throw new Refused("there is nothing to take back");
    for (const [id, was] of before) {
      if (was) this.answers.set(id, was);
      else this.answers.delete(id);
    }
    const ids = before.map(([id]) => id);
    return { ...this.#changed(ids), taken_back: ids };
  }

  async previewRule({ rule, answer }) {
    const found = this.#fits(rule, answer);
    let files = 0;
    let bytes = 0n;
    let changes = 0;
    for (const [id, given] of found.fit) {
      const goes = this.#goes(id, given);
      files += goes.length;
      for (const file of goes) bytes += BigInt(file.bytes);
      if (given.kept !== this.base.get(id).kept) changes += 1;
    }
    const preview = {
      groups: found.fit.length,
      files,
      bytes: String(bytes),
      bytes_at_most: String(bytes),
      changes_keeper: changes,
      examples: found.fit.slice(0, 6).map(([id]) => id),
      not_possible: found.not,
      already_decided: found.decided,
    };
    return { preview };
  }

  async applyRule({ rule, answer }) {
    const { fit } = this.#fits(rule, answer);
    return { ...this.#answer(fit), answered: fit.length };
  }

  /** How many files go by the answers so far, and their bytes. */
  planned() {
    let bytes = 0n;
    const groups = this.#plannedGroups();
    for (const { goes } of groups) for (const file of goes) bytes += BigInt(file.bytes);
    return { removals: groups.reduce((n, { goes }) => n + goes.length, 0), bytes: String(bytes) };
  }

  async plan() {
    const text = this.#planText();
    const path = this.data.plan.name;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = path;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    this.savedRevision = this.revision;
    return { path, ...this.planned() };
  }

  // ---- answers ----

  #answer(given) {
    this.past.push(given.map(([id]) => [id, this.answers.get(id)]));
    for (const [id, one] of given) this.answers.set(id, one);
    return this.#changed(given.map(([id]) => id));
  }

  #changed(ids) {
    this.revision += 1;
    return { state: this.#state(), changed: ids.map((id) => this.#row(id)) };
  }

  #state() {
    let bytes = 0n;
    for (const [id, given] of this.answers) {
      for (const file of this.#goes(id, given)) bytes += BigInt(file.bytes);
    }
    return {
      ...this.data.state,
      generation: 1,
      revision: this.revision,
      decided: this.answers.size,
      decided_bytes: String(bytes),
      can_take_back: this.past.length > 0,
    };
  }

  #row(id) {
    const given = this.answers.get(id);
    const row = this.base.get(id);
    if (!given) return row;
    const removable = this.#goes(id, { answer: "keep", kept: given.kept }).length;
    return { ...row, answer: given.answer, kept: given.kept, removable };
  }

  #detail(id) {
    const given = this.answers.get(id);
    const detail = this.data.details[id];
    if (!given || given.kept === detail.kept) return { ...detail, answer: given?.answer ?? null };
    return { ...detail, answer: given.answer, kept: given.kept, kept_because: "you chose it",
      files: detail.files.map((file) => towards(file, detail, given.kept)) };
  }

  /** The files that an answer lets go. */
  #goes(id, { answer, kept }) {
    if (answer !== "keep") return [];
    const detail = this.data.details[id];
    return detail.files
      .map((file) => (kept === detail.kept ? file : towards(file, detail, kept)))
      .filter((file) => file.removable && file.id !== kept);
  }

  // ---- rules ----

  #fits(rule, answer) {
    const fit = [];
    let not = 0;
    let decided = 0;
    for (const row of this.data.groups) {
      const kept = keptBy(rule, this.data.details[row.id], row, this.data.folders);
      if (kept === null) continue;
      const given = { answer, kept: answer === "keep" ? kept : row.kept };
      if (this.answers.has(row.id)) decided += 1;
      else if (answer === "keep" && !this.#goes(row.id, given).length) not += 1;
      else fit.push([row.id, given]);
    }
    return { fit, not, decided };
  }

  // ---- the plan ----

  /** What goes, in the order of the run: no file twice, and none that stays for another group. */
  #plannedGroups() {
    const order = [...this.answers.keys()].sort((a, b) => this.data.order[a] - this.data.order[b]);
    const removed = new Set();
    const kept = new Set();
    const groups = [];
    for (const id of order) {
      const given = this.answers.get(id);
      if (given.answer !== "keep" || removed.has(given.kept)) continue;
      const goes = this.#goes(id, given).filter((f) => !removed.has(f.id) && !kept.has(f.id));
      if (!goes.length || kept.has(given.kept)) continue;
      kept.add(given.kept);
      for (const file of goes) removed.add(file.id);
      groups.push({ id, kept: given.kept, goes });
    }
    return groups;
  }

  /** The plan as imgsim writes it. Its numbers pass 2^53, so they stay the texts that they are. */
  #planText() {
    const { head, files, removals, rules } = this.data.plan;
    const groups = this.#plannedGroups().map(({ id, kept, goes }) => {
      const proposed = kept === this.base.get(id).kept;
      const [rule, reason] = proposed ? rules[id] : ["", "a person chose it"];
      const lines = goes.map((file) => (proposed ? removals[id][file.id] : asEqual(files[file.id])));
      return `\n  {"keep": ${files[kept]},\n   "rule": ${JSON.stringify(rule)}, "reason": ${
        JSON.stringify(reason)},\n   "remove": [\n    ${lines.join(",\n    ")}\n   ]}`;
    });
    const now = new Date();
    const run = `"run": ${JSON.stringify(runName(now))}`;
    const created = `"created_ns": ${BigInt(now.getTime()) * 1000000n}`;
    return `${head[0]} ${run},\n${head[1]} ${created},\n${head[2]}${groups.join(",")}\n ]\n}\n`;
  }
}

/** The removal of a file with the same bytes as the kept one, from the text of the file. */
function asEqual(file) {
  const rest = '"changes": [], "only_here": [], "evidence": "the same bytes"';
  return `{"chosen": true, "role": "exact", ${file.slice(1, -1)}, ${rest}}`;
}

/** A name as those of `imgsim find-dupes --plan`: the time, and letters that make it the only one. */
function runName(now) {
  const [day, time] = now.toISOString().slice(0, 19).split("T");
  const letters = crypto.getRandomValues(new Uint8Array(3));
  const end = Array.from(letters, (b) => b.toString(16).padStart(2, "0")).join("");
  return `${day.replaceAll("-", "")}-${time.replaceAll(":", "")}-${end}`;
}

/** A file as it is to another kept one: only what is equal to it may go, nothing was measured. */
function towards(file, detail, kept) {
  const stays = detail.files.find((one) => one.id === kept);
  if (file.id === kept) return { ...file, role: null, role_text: "", removable: false, evidence: [] };
  if (file.may_go_for?.includes(kept)) {
    return { ...file, role: "exact", role_text: "the same bytes", removable: true, why_not: "",
      evidence: [], changes: [], lost_metadata: [], matrix: null, aligned: true };
  }
  return { ...file, role: null, role_text: "", removable: false, evidence: [], changes: [],
    matrix: null, aligned: sameShape(file, stays), lost_metadata: [],
    why_not: "it was not compared with the file that you keep; imgsim review does that" };
}

function sameShape(file, other) {
  const a = file.width / file.height;
  const b = other.width / other.height;
  return Math.abs(a / b - 1) < 0.01;
}

/** The file that a rule keeps of a group; null if the rule is not about the group. */
function keptBy(rule, detail, row, folders) {
  const within = (file, folder) => file.folder === folder || file.folder.startsWith(`${folder}/`);
  const keep = (files) => {
    if (files.some((file) => file.id === row.kept)) return row.kept;
    return files[0]?.id ?? null;
  };
  if (rule.by === "filter") return rule.groups.includes(row.id) ? row.kept : null;
  if (rule.by === "role") {
    const others = detail.files.filter((file) => file.id !== row.kept);
    return others.every((file) => rule.roles.includes(file.role)) ? row.kept : null;
  }
  if (rule.by === "folders") {
    const names = rule.folders.map((number) => folders[number]);
    const there = new Set(detail.files.map((file) => file.folder));
    if (there.size !== 2 || !names.every((name) => there.has(name))) return null;
    return keep(detail.files.filter((file) => file.folder === folders[rule.keep_in]));
  }
  const inside = detail.files.filter((file) => within(file, folders[rule.folder]));
  const outside = detail.files.filter((file) => !inside.includes(file));
  if (!inside.length || !outside.length) return null;
  return keep(rule.what === "stays" ? inside : outside);
}
