// The state of the page, and everything that changes it. Components read it by `useStore`.

import { useLayoutEffect, useReducer } from "./vendor/htm-preact.js";
import { count, shown, size } from "./format.js";
import { inOrder, isOpen, matching } from "./order.js";
import { Lost, Refused } from "./source.js";

const REMEMBERED_DETAILS = 200;

export const FILES_AT_ONCE = 24; // of a group that are shown before more are asked for

const NO_FILTERS = { text: "", role: "", folder: "", answered: "all", order: "gain" };

export class Store {
  #listeners = new Set();
  #details = new Map();
  #loading = new Map();

  constructor(source) {
    this.source = source;
    this.state = null; // of the run: what /api/state gives
    this.connection = "opening"; // opening, open, lost, ended
    this.refused = null; // why the page may not be seen
    this.groups = [];
    this.folders = [];
    this.generation = null;
    this.revision = 0; // up to which the rows are known
    this.filters = NO_FILTERS;
    this.visible = []; // groups that the list shows, in its order
    this.places = new Map(); // of these, by their ids
    this.selected = null; // id of the group that is shown
    this.chosen = null; // id of the file that is compared with the kept one
    this.mode = "side"; // side, blink, difference, overlay, zoom
    this.screen = "list"; // list or group, where there is room for one of them
    this.dialog = null; // help, rules, finish
    this.said = null; // {text, hint, error}
    this.busy = false;
    this.loaded = new Set(); // ids of files of the group that is shown, whose pictures are there
    this.refocus = false; // the focus is to be on the group, if it is nowhere
    this.rowsLoading = null; // a promise
    this.keysOn = localValue("imgsim-keys") !== "off";
  }

  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(changes) {
    Object.assign(this, changes);
    for (const listener of this.#listeners) listener();
  }

  async start() {
    this.source.subscribe({
      onState: (state) => this.#arrived(state),
      onLost: () => this.connection !== "ended" && this.set({ connection: "lost" }),
      onEnded: () => this.set({ connection: "ended" }),
    });
    try {
      await this.#arrived(await this.source.state());
    } catch (error) {
      if (error instanceof Lost) this.set({ connection: "lost" });
      else if (error instanceof Refused) this.set({ refused: error });
      else throw error;
    }
  }

  get writer() {
    return Boolean(this.state?.writer) && this.connection === "open";
  }

  get group() {
    return this.visible[this.place] ?? this.groups.find((one) => one.id === this.selected) ?? null;
  }

  get place() {
    return this.places.get(this.selected) ?? -1;
  }

  /** What is known of the group that is shown; null until it is there. */
  get detail() {
    return this.#details.get(this.selected) ?? null;
  }

  // ---- the run ----

  async #arrived(state) {
    if (this.connection === "ended") return;
    if (this.state && state.revision < this.state.revision) return; // it was overtaken
    if (!this.state && state.order) this.filters = { ...this.filters, order: state.order };
    this.set({ state, connection: "open" });
    if (!this.busy) await this.#follow();
  }

  /** Bring the rows to what the state says. */
  async #follow() {
    const { state } = this;
    if (!state || state.phase === "failed") return;
    if (state.generation !== this.generation && state.groups > 0) await this.#load();
    else if (state.generation !== this.generation) {
      this.generation = state.generation;
      this.groups = [];
      this.#show();
      this.set({});
    } else if (state.revision > this.revision) {
      await this.#attempt(async () => {
        const since = this.revision;
        this.revision = state.revision;
        const { groups, folders, revision } = await this.source.changedSince(since);
        this.revision = Math.max(this.revision, revision);
        this.folders = folders;
        this.#take(groups);
        if (groups.some((group) => group.id === this.selected)) await this.#select(this.selected);
        else this.set({});
      });
    }
  }

  /** Load all rows; who asks while that is done waits for the same. */
  #load() {
    this.rowsLoading ??= this.#loadRows().finally(() => (this.rowsLoading = null));
    return this.rowsLoading;
  }

  async #loadRows() {
    await this.#attempt(async () => {
      const { generation, revision, groups, folders } = await this.source.groups();
      const kept = this.group?.kept;
      for (const group of groups) group.gainNumber = Number(group.gain);
      this.#details.clear();
      this.#loading.clear();
      this.generation = generation;
      this.revision = revision;
      this.groups = groups;
      this.folders = folders;
      this.#show();
      const there =
        groups.find((group) => group.id === this.selected) ??
        groups.find((group) => group.kept === kept);
      if (there) this.selected = there.id; // it goes on as it was shown, by its new number
      this.#select((there ?? this.#firstOpen(this.visible, 0))?.id ?? null);
    });
  }

  // ---- the list ----

  filter(changes) {
    this.filters = { ...this.filters, ...changes };
    this.#show();
    if (this.places.has(this.selected)) this.set({});
    else this.#select(this.visible[0]?.id ?? null);
  }

  clearFilters() {
    this.filter({ ...NO_FILTERS, order: this.filters.order });
  }

  #show() {
    this.visible = inOrder(matching(this.groups, this.filters, this.folders), this.filters.order);
    this.places = new Map(this.visible.map((group, place) => [group.id, place]));
  }

  #firstOpen(groups, from) {
    for (let i = 0; i < groups.length; i += 1) {
      const group = groups[(from + i) % groups.length];
      if (isOpen(group)) return group;
    }
    return groups[0] ?? null;
  }

  select(id, screen = "group") {
    this.screen = screen;
    this.#select(id);
  }

  step(by) {
    const at = this.place;
    const next = this.visible[Math.min(Math.max(at + by, 0), this.visible.length - 1)];
    if (next) this.#select(next.id);
  }

  nextOpen() {
    const next = this.#firstOpen(this.visible, this.place + 1);
    if (next) this.#select(next.id);
  }

  /** Select a group if it is there; what is being done does not wait for its details. */
  #selectSoon(id) {
    if (this.groups.some((group) => group.id === id)) this.#select(id);
    else this.set({});
  }

  async #select(id) {
    const mode = id === this.selected ? this.mode : "side";
    if (id !== this.selected) this.loaded = new Set();
    const { generation } = this;
    this.set({ selected: id, mode, chosen: id === this.selected ? this.chosen : null });
    if (id === null) return;
    await this.#attempt(async () => {
      try {
        await this.#detailOf(id);
      } catch (error) {
        if (error.status !== 404) throw error;
        if (this.selected === id) await this.#groupsReplaced(error, generation);
        return;
      }
      if (this.selected !== id) return;
      this.#choose();
      if (!this.canCompare) this.mode = "side"; // it was asked for before its sizes were known
      this.set({});
      this.#prepareNext();
    });
  }

  /** A group is gone since others took the place of all: they are shown. Else it is an error. */
  async #groupsReplaced(error, generation) {
    const state = await this.source.state();
    if (state.generation === generation && this.generation === generation) throw error;
    await this.#arrived(state);
  }

  #choose() {
    const others = this.others;
    if (!others.some((file) => file.id === this.chosen)) this.chosen = others[0]?.id ?? null;
  }

  /** The files of the group beside the kept one. */
  get others() {
    const detail = this.detail;
    return detail ? detail.files.filter((file) => file.id !== detail.kept) : [];
  }

  /** A picture of the group is there, or cannot be had. */
  pictureLoaded(id) {
    if (this.loaded.has(id)) return;
    this.loaded.add(id);
    this.set({});
  }

  /** Whether the pictures are there by which one tells that files may go. */
  get seen() {
    const { detail } = this;
    if (!detail) return false;
    if (this.mode !== "side") {
      return [...document.querySelectorAll(".stage img")].every((image) => image.complete);
    }
    const some = [detail.kept, ...this.others.map((file) => file.id)].slice(0, FILES_AT_ONCE);
    return some.every((id) => this.loaded.has(id));
  }

  choose(id) {
    if (id !== this.detail?.kept) this.set({ chosen: id });
  }

  chooseBy(step) {
    const others = this.others;
    const at = others.findIndex((file) => file.id === this.chosen);
    const next = others[(at + step + others.length) % others.length];
    if (next) this.set({ chosen: next.id });
  }

  /** Whether two files can be laid upon each other: their sizes have to be read. */
  get canCompare() {
    return this.others.length > 0 && this.detail.files.every((file) => file.width > 0);
  }

  /** Another way to show the pictures; of a group that still loads it is how they will be shown. */
  setMode(mode) {
    if (this.selected === null || (this.detail && !this.canCompare)) return;
    this.set({ mode: this.mode === mode ? "side" : mode });
  }

  async #detailOf(id) {
    if (this.#details.has(id)) return this.#details.get(id);
    if (!this.#loading.has(id)) this.#loading.set(id, this.source.group(id));
    try {
      const detail = await this.#loading.get(id);
      this.#details.set(id, detail);
      while (this.#details.size > REMEMBERED_DETAILS) {
        this.#details.delete(this.#details.keys().next().value);
      }
      return detail;
    } finally {
      this.#loading.delete(id);
    }
  }

  /** Ask for the group that comes next, so that it is there at once; failing is no matter. */
  async #prepareNext() {
    const next = this.#firstOpen(this.visible, this.place + 1);
    if (!next || next.id === this.selected || this.source.embedded) return;
    try {
      const detail = await this.#detailOf(next.id);
      for (const file of detail.files.slice(0, 4)) {
        new Image().src = this.source.image(file.id, this.side ?? 640);
      }
    } catch {
      // it is asked for again when it is shown
    }
  }

  // ---- answers ----

  accept() {
    if (this.seen) this.answer("keep", this.detail.kept);
  }

  keepChosen(id = this.chosen) {
    if (id && this.seen) this.answer("keep", id);
  }

  async answer(answer, keep = null) {
    const id = this.selected;
    if (!this.writer || this.busy || id === null || !this.detail) return;
    const at = this.place;
    const order = this.visible;
    const { revision } = this.detail; // of what is shown: an answer is to that alone
    await this.#change(async () => {
      const kept = this.detail.kept;
      const done = await this.source.answer({ groups: [id], answer, keep, revision });
      this.#details.delete(id);
      this.#done(done);
      const text = answerText(answer, this.groups.find((group) => group.id === id), keep !== kept);
      this.#say(text, done.against);
      this.#selectSoon(this.#firstOpen(this.visible, this.#placeAfter(order, at))?.id);
    });
  }

  /** One file may go, whatever it is to the kept one: said of that one alone, and by no rule. */
  async removeOne(id = this.chosen) {
    const group = this.selected;
    const file = this.others.find((one) => one.id === id);
    if (!this.writer || this.busy || !this.seen || !file || this.source.embedded) return;
    if (!file.can_be_removed) {
      const why = file.removable ? "it may go already" : file.why_not;
      this.fail(`${file.name} is not removed by this`, why);
      return;
    }
    const at = this.place;
    const order = this.visible;
    const { revision } = this.detail;
    await this.#change(async () => {
      this.#done(await this.source.answer({ groups: [group], answer: "remove", file: id, revision }));
      this.#details.delete(group);
      this.#say(`Noted: ${file.name} goes`);
      const now = this.groups.find((one) => one.id === group);
      const next = this.#firstOpen(this.visible, this.#placeAfter(order, at))?.id;
      this.#selectSoon(isOpen(now) ? group : next);
    });
  }

  /** Where the groups that followed a place begin now: the answered one may have left the list. */
  #placeAfter(order, at) {
    for (let i = at + 1; i < order.length; i += 1) {
      if (this.places.has(order[i].id)) return this.places.get(order[i].id);
    }
    return 0;
  }

  async takeBack() {
    if (!this.writer || this.busy) return;
    await this.#change(async () => {
      const done = await this.source.takeBack();
      this.#done(done);
      const [first] = done.taken_back;
      this.#say(done.taken_back.length > 1
        ? `${count(done.taken_back.length, "answer")} taken back` : "Taken back");
      this.#selectSoon(first);
    });
  }

  /** Answers the groups of a rule as its preview said; false if that is not so any more. */
  async applyRule(rule, answer, basis) {
    let answered = false;
    await this.#change(async () => {
      const done = await this.source.applyRule({ rule, answer, basis });
      answered = true;
      this.#done(done);
      this.set({ dialog: null });
      this.#say(`${count(done.answered, "group")} answered`, done.against);
      this.#selectSoon(this.#firstOpen(this.visible, Math.max(this.place, 0))?.id);
    });
    return answered;
  }

  /** Take over what an answer changed. */
  #done({ state, changed }) {
    this.state = state;
    if (state.generation !== this.generation) return; // all rows are asked for again
    this.revision = Math.max(this.revision, state.revision);
    this.#take(changed);
  }

  /** Put rows in the place of those that were there, and forget the details of these groups. */
  #take(rows) {
    for (const group of rows) {
      group.gainNumber = Number(group.gain);
      this.#details.delete(group.id);
      this.#loading.delete(group.id);
    }
    const changed = new Map(rows.map((group) => [group.id, group]));
    this.groups = this.groups.map((group) => changed.get(group.id) ?? group);
    this.#show();
  }

  // ---- the end: plan, apply, undo ----

  /**
   * Runs one of the source's calls that end a review; its document, or null if it failed.
   *
   * What takes long goes on after the call: the state says how far it is, and what came of it.
   */
  async finish(call) {
    let result = null;
    await this.#change(async () => {
      result = await call(this.source);
      if (result.state) this.#done({ changed: [], ...result });
      if (result.running) {
        const job = await this.#jobEnds();
        result = job.result;
        if (job.error) throw new Refused(job.error.error, job.error.hint);
      }
    });
    return result;
  }

  #jobEnds() {
    return new Promise((resolve) => {
      const stop = this.listen(() => {
        const job = this.state?.job;
        if (job && !job.running) {
          stop();
          resolve(job);
        }
      });
      this.set({});
    });
  }

  async link() {
    let url = null;
    await this.#change(async () => ({ url } = await this.source.link()));
    return url;
  }

  async takeOver() {
    await this.#change(async () => {
      const { state } = await this.source.takeOver();
      this.set({ state });
    });
  }

  async end() {
    await this.#change(async () => {
      await this.source.end();
      this.set({ connection: "ended", dialog: null });
    });
  }

  // ---- what is said ----

  /** Say what was done; what contradicts earlier answers stays until it is closed. */
  #say(text, against = []) {
    const further = against.length > 1 ? `; so do ${count(against.length - 1, "further file")}` : "";
    const hint = against.length ? `Your answers contradict: ${against[0]}${further}` : "";
    this.set({ said: { text: shown(text), hint: shown(hint), error: false } });
  }

  fail(text, hint = "") {
    this.set({ said: { text: shown(text), hint: shown(hint), error: true } });
  }

  async #change(work) {
    this.set({ busy: true, said: null });
    await this.#attempt(work);
    this.set({ busy: false, refocus: true });
    await this.#follow();
  }

  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      if (error instanceof Lost) this.set({ connection: "lost" });
      else if (error instanceof Refused) this.fail(error.message, error.hint);
      else throw error;
    }
  }

  setKeys(on) {
    localValue("imgsim-keys", on ? "on" : "off");
    this.set({ keysOn: on });
  }
}

function answerText(answer, group, keptChanged) {
  if (answer === "keep-all") return "All files stay";
  if (answer === "not-duplicates") return "Noted: not duplicates";
  if (!group) return "Accepted";
  if (group.pending) return "Accepted: the others are compared with the file that you keep";
  const goes = group.removable ? `${count(group.removable, "file")} may go` : "no file may go";
  return keptChanged ? `Accepted with another file kept: ${goes}` : `Accepted: ${goes}`;
}

/** What a browser remembers for this page; null where it remembers nothing. */
function localValue(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    // not permitted, as in some private windows
  }
  return null;
}

export function useStore(store) {
  const [, update] = useReducer((n) => n + 1, 0);
  useLayoutEffect(() => store.listen(update), [store]);
  return store;
}

/** "312 of 1,017 decided, 4.1 GB" */
export function progressText(state) {
  const freed = BigInt(state.decided_bytes) > 0n ? `, ${size(state.decided_bytes)}` : "";
  return `${state.decided.toLocaleString("en")} of ${count(state.groups, "group")} decided${freed}`;
}
