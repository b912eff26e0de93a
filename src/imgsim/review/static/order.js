// Which groups the list shows, and in which order.

export const ORDERS = {
  gain: ["Gain", (a, b) => b.gainNumber - a.gainNumber],
  name: ["Name", (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)],
  date: ["Date", (a, b) => compare(a.date ?? "9999", b.date ?? "9999")],
  surest: ["Surest", (a, b) => (a.distance ?? 0) - (b.distance ?? 0)],
  found: ["As found", () => 0],
  files: ["Files", (a, b) => b.count - a.count],
};

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function inOrder(groups, order) {
  return groups.slice().sort(ORDERS[order][1]); // groups that are equal stay as they were
}

/** Whether a group still waits for an answer, as a whole or for some of its files. */
export function isOpen(group) {
  return !group.applied && (!group.answer || group.answer === "mixed");
}

export function matching(groups, filters, folders) {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const folder = filters.folder.toLowerCase();
  const within = folder
    ? new Set(folders.flatMap((name, i) => (name.toLowerCase().includes(folder) ? [i] : [])))
    : null;
  return groups.filter(
    (group) =>
      words.every((word) => group.text.includes(word)) &&
      (!filters.role || group.roles.includes(filters.role)) &&
      (!within || group.folders.some((i) => within.has(i))) &&
      (filters.answered === "all" || isOpen(group) === (filters.answered === "no")),
  );
}

const counted = new WeakMap();

/** The roles of groups, and in how many each occurs; counted once for each list of groups. */
export function rolesOf(groups) {
  if (!counted.has(groups)) {
    const roles = new Map();
    for (const group of groups) {
      for (const role of group.roles) roles.set(role, (roles.get(role) ?? 0) + 1);
    }
    counted.set(groups, [...roles].sort((a, b) => b[1] - a[1]));
  }
  return counted.get(groups);
}
