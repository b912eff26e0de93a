// The keys of the page: one table, which the help shows too.

export const KEYS = [
  ["Answers", [
    ["Enter", ["Enter", "y"], "Accept: the kept file stays, the others may go", (s) => s.accept()],
    ["S", ["s"], "The chosen file stays instead", (s) => s.keepChosen()],
    ["X", ["x"], "The chosen file may go, whatever it is to the kept one", (s) => s.removeOne()],
    ["A", ["a"], "All stay", (s) => s.answer("keep-all")],
    ["N", ["n"], "These are no duplicates", (s) => s.answer("not-duplicates")],
    ["U", ["u"], "Take the last answer back", (s) => s.takeBack()],
  ]],
  ["Groups", [
    ["↓ or J", ["ArrowDown", "j"], "Next group", (s) => s.step(1)],
    ["↑ or K", ["ArrowUp", "k"], "Previous group", (s) => s.step(-1)],
    ["F", ["f"], "Next group without an answer", (s) => s.nextOpen()],
    ["/", ["/"], "Search", () => document.getElementById("search")?.focus()],
  ]],
  ["Pictures", [
    ["→", ["ArrowRight"], "Choose the next file of the group", (s) => s.chooseBy(1)],
    ["←", ["ArrowLeft"], "Choose the one before", (s) => s.chooseBy(-1)],
    ["B", ["b"], "Blink: the chosen file and the kept one in turn", (s) => s.setMode("blink")],
    ["D", ["d"], "Difference of the two", (s) => s.setMode("difference")],
    ["O", ["o"], "One laid upon the other", (s) => s.setMode("overlay")],
    ["Z", ["z"], "100 %, both in step", (s) => s.setMode("zoom")],
    ["Esc", ["Escape"], "Back to side by side, then to the list", (s) => back(s)],
  ]],
  ["Page", [
    ["R", ["r"], "Answer many groups by a rule", (s) => s.writer && s.set({ dialog: "rules" })],
    ["W", ["w"], "Write the plan, and apply it", (s) => s.set({ dialog: "finish" })],
    ["?", ["?"], "This help", (s) => s.set({ dialog: "help" })],
  ]],
];

const ACTIONS = new Map(
  KEYS.flatMap(([, rows]) => rows.flatMap(([, keys, , action]) => keys.map((k) => [k, action]))),
);

function back(store) {
  if (store.mode !== "side") store.set({ mode: "side" });
  else if (store.screen === "group") store.set({ screen: "list" });
}

const PRESSED_THEMSELVES = "button, a, summary, [role=button]";
const WRITTEN_INTO = "input:not([type=checkbox], [type=radio]), textarea, select";

/** Listens to keys until the function that it returns is called. */
export function listenToKeys(store) {
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (store.dialog !== null || store.connection === "ended") return;
    const target = event.target;
    if (target.closest?.(WRITTEN_INTO)) {
      if (event.key === "Escape") {
        event.preventDefault(); // a browser would empty the field
        target.blur();
      }
      return;
    }
    if (event.key === "Enter" && target.closest?.(PRESSED_THEMSELVES)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key.length === 1 && !store.keysOn) return;
    const action = ACTIONS.get(key);
    if (!action || (event.repeat && !key.startsWith("Arrow"))) return;
    event.preventDefault();
    action(store);
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
