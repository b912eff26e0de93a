// A page without a server: it holds groups and small pictures, and answers live in it.

import { Refused } from "./source.js";

const MOST_FOLDERS = 8; // of which a preview says how many files go

/** The source of what the page holds; null in a page that a server gave. */
export function embeddedSource() {
  const element = document.getElementById("imgsim-data");
  return element ? new EmbeddedSource(JSON.parse(element.textContent)) : null;
}

export class EmbeddedSource {
  constructor(data) {
    this.embedded = true;
    this.data = data;
    this.answers = new Map(); // id of a group -> {answer, kept, stay: files that stay beside it}
    this.past = []; // what each step changed, to take it back
    this.base = new Map(data.groups.map((group) => [group.id, group]));
    this.groupsOf = new Map(); // id of a file -> ids of the groups that it is in
    for (const [id, { files }] of Object.entries(data.details)) {
      for (const file of files) this.groupsOf.set(file.id, [...(this.groupsOf.get(file.id) ?? []), id]);
    }
    this.outcome = null; // of the answers so far, see #outcome
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
    this.outcome = null;
    for (const [id, was] of before) {
      if (was) this.answers.set(id, was);
      else this.answers.delete(id);
    }
    const ids = before.map(([id]) => id);
    return { ...this.#changed(ids), taken_back: ids };
  }

  async previewRule({ rule, answer }) {
    const found = this.#fits(rule, answer);
    const before = this.#outcome();
    const after = this.#outcomeOf(new Map([...this.answers, ...found.fit]));
    const places = new Map();
    let files = 0;
    let bytes = 0n;
    let changes = 0;
    for (const [id, file] of after.removed) {
      if (before.removed.has(id)) continue;
      files += 1;
      bytes += BigInt(file.bytes);
      places.set(file.folder, (places.get(file.folder) ?? 0) + 1);
    }
    for (const [id, given] of found.fit) if (given.kept !== this.base.get(id).kept) changes += 1;
    const most = [...places].sort((a, b) => b[1] - a[1]);
    const preview = {
      groups: found.fit.length,
      files,
      bytes: String(bytes),
      bytes_at_most: String(bytes),
      changes_keeper: changes,
      folders: most.slice(0, MOST_FOLDERS).map(([folder, n]) => ({ folder, files: n })),
      further_folders: Math.max(most.length - MOST_FOLDERS, 0),
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

  /** How many files go by the answers so far, their bytes, and what contradicts in the answers. */
  planned() {
    const { removed, against } = this.#outcome();
    let bytes = 0n;
    for (const file of removed.values()) bytes += BigInt(file.bytes);
    const texts = [...against.values()].map(({ text }) => text);
    return { removals: removed.size, bytes: String(bytes), against: texts };
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
    const before = this.#outcome().against;
    this.past.push(given.map(([id]) => [id, this.answers.get(id)]));
    for (const [id, one] of given) this.answers.set(id, one);
    this.outcome = null;
    const against = [...this.#outcome().against].filter(([key]) => !before.has(key));
    return { ...this.#changed(given.map(([id]) => id)), against: against.map(([, { text }]) => text) };
  }

  /** The rows of groups that were answered, and of those with a file in common with them. */
  #changed(ids) {
    this.revision += 1;
    const files = ids.flatMap((id) => this.data.details[id].files);
    const concerned = new Set([...ids, ...files.flatMap((file) => this.groupsOf.get(file.id))]);
    return { state: this.#state(), changed: [...concerned].map((id) => this.#row(id)) };
  }

  #state() {
    return {
      ...this.data.state,
      generation: 1,
      revision: this.revision,
      decided: this.answers.size,
      decided_bytes: this.planned().bytes,
      can_take_back: this.past.length > 0,
    };
  }

  #row(id) {
    const given = this.answers.get(id);
    const row = this.base.get(id);
    const removable = this.#detail(id).files.filter((file) => file.removable).length;
    if (!given) return removable === row.removable ? row : { ...row, removable };
    return { ...row, answer: given.answer, kept: given.kept, removable };
  }

  #detail(id) {
    const given = this.answers.get(id);
    const detail = this.data.details[id];
    const kept = given?.kept ?? detail.kept;
    const chosen = kept === detail.kept ? {} : { kept, kept_because: "you chose it" };
    const { stay, against } = this.#ifAccepted(id, given, kept);
    const files = detail.files.map((file) => {
      const one = kept === detail.kept ? file : towards(file, detail, kept);
      const why = stay.includes(file.id)
        ? "your rule says that all files of its folder stay"
        : against.get(`${id} ${file.id}`)?.why;
      return one.removable && why ? { ...one, removable: false, why_not: why } : one;
    });
    return { ...detail, ...chosen, answer: given?.answer ?? null, files };
  }

  /** What stays of a group if it is accepted, or as it was: by a rule, and by other answers. */
  #ifAccepted(id, given, kept) {
    if (given?.answer === "keep") return { stay: given.stay ?? [], ...this.#outcome() };
    const alone = this.data.details[id].files.every(({ id: file }) => this.groupsOf.get(file).length < 2);
    if (alone) return { stay: [], against: new Map() };
    return { stay: [], ...this.#outcomeOf(new Map([...this.answers, [id, { answer: "keep", kept }]])) };
  }

  /** The files that an answer lets go, whatever the others say. */
  #goes(id, { answer, kept, stay = [] }) {
    if (answer !== "keep") return [];
    const detail = this.data.details[id];
    return detail.files
      .map((file) => (kept === detail.kept ? file : towards(file, detail, kept)))
      .filter((file) => file.removable && file.id !== kept && !stay.includes(file.id));
  }

  // ---- rules ----

  #fits(rule, answer) {
    const fit = [];
    let not = 0;
    let decided = 0;
    for (const row of this.data.groups) {
      const found = keptBy(rule, this.data.details[row.id], row, this.data.folders);
      if (found === null) continue;
      const given = { answer, ...(answer === "keep" ? found : { kept: row.kept }) };
      if (this.answers.has(row.id)) decided += 1;
      else if (answer === "keep" && !this.#goes(row.id, given).length) not += 1;
      else fit.push([row.id, given]);
    }
    return { fit, not, decided };
  }

  // ---- the plan ----

  #outcome() {
    this.outcome ??= this.#outcomeOf(this.answers);
    return this.outcome;
  }

  /**
   * What answers come to, in the order of the run: no file goes twice, and none that stays for
   * another group. A file that a person chose to keep, or that stays by "keep all" or by a rule,
   * stays whatever is accepted elsewhere, before or after.
   *
   * Returns {groups, removed: files by their ids, against: {text, why, file} by "group file" for what
   * an answer lets go and others do not: all of these files stay}.
   */
  #outcomeOf(answers) {
    const held = new Set();
    for (const [id, { answer, kept, stay = [] }] of answers) {
      const files = this.data.details[id].files.map((file) => file.id);
      const chosen = kept !== this.base.get(id).kept;
      if (answer === "keep-all") for (const file of files) held.add(file);
      if (answer === "keep") for (const file of chosen ? [kept, ...stay] : stay) held.add(file);
    }
    const order = [...answers.keys()].sort((a, b) => this.data.order[a] - this.data.order[b]);
    const groups = new Map(); // by the kept file
    const removed = new Map();
    const against = new Map();
    for (const id of order) {
      const given = answers.get(id);
      const goes = [];
      for (const file of this.#goes(id, given)) {
        const why = removed.has(given.kept)
          ? "the file that is kept for it goes by another answer"
          : held.has(file.id) || groups.has(file.id)
            ? "another answer keeps it"
            : "";
        const text = `${file.name} of ${file.folder} stays: one answer lets it go, and ${why}`;
        if (why) against.set(`${id} ${file.id}`, { why, text, file: file.id });
        else if (!removed.has(file.id)) goes.push({ id, file });
      }
      if (!goes.length) continue;
      if (!groups.has(given.kept)) groups.set(given.kept, { id, kept: given.kept, goes: [] });
      groups.get(given.kept).goes.push(...goes);
      for (const { file } of goes) removed.set(file.id, file);
    }
    for (const [key, { file }] of against) {
      if (removed.has(file)) against.delete(key); // it goes for another file, which stays
    }
    return { groups: [...groups.values()], removed, against };
  }

  /** The plan as imgsim writes it. Its numbers pass 2^53, so they stay the texts that they are. */
  #planText() {
    const { head, files, removals, rules } = this.data.plan;
    const proposed = (id, kept) => kept === this.base.get(id).kept;
    const groups = this.#outcome().groups.map(({ id, kept, goes }) => {
      const [rule, reason] = proposed(id, kept) ? rules[id] : ["", "a person chose it"];
      const lines = goes.map((one) =>
        proposed(one.id, kept) ? removals[one.id][one.file.id] : asEqual(files[one.file.id]));
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

/** What a rule keeps of a group: {kept, stay}; null if the rule is not about the group. */
function keptBy(rule, detail, row, folders) {
  const within = (file, folder) => file.folder === folder || file.folder.startsWith(`${folder}/`);
  // the kept file is one of some, and all of them stay
  const keep = (files) => {
    const kept = files.find((file) => file.id === row.kept) ?? files[0];
    const stay = files.filter((file) => file !== kept).map((file) => file.id);
    return kept ? { kept: kept.id, stay } : null;
  };
  if (rule.by === "filter") return rule.groups.includes(row.id) ? { kept: row.kept } : null;
  if (rule.by === "role") {
    const others = detail.files.filter((file) => file.id !== row.kept);
    return others.every((file) => rule.roles.includes(file.role)) ? { kept: row.kept } : null;
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
