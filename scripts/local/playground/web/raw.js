// The texts as they were sent and answered, in tabs.

import { element, rich, t } from "./text.js";

const panel = document.getElementById("panel");
const copy = document.getElementById("copy");
const tabs = [...document.querySelectorAll("[role=tab]")];

const contents = new Map(); // by tab: { text, nodes }
let selected = "event";

for (const [i, tab] of tabs.entries()) {
  tab.addEventListener("click", () => select(tab.dataset.tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    select(next.dataset.tab);
    next.focus();
  });
}

const again = document.getElementById("again");
const copied = document.getElementById("copied");
let copies = {}; // what the buttons below the panel copy
let link = "";

for (const button of again.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const kind = button.dataset.copy;
    await navigator.clipboard.writeText(kind === "link" ? link : copies[kind]);
    const said = rich(t("raw.copied." + kind, { command: copies.command }));
    if (copies.fresh && kind !== "link") said.push(" ", t("raw.fresh"));
    copied.replaceChildren(...said);
  });
}

// setLink sets the address that repeats the run.
export function setLink(address) {
  link = address;
}

copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(contents.get(selected).text);
  copy.textContent = t("raw.copied");
  setTimeout(() => (copy.textContent = t("raw.copy")), 1500);
});

export function select(name) {
  selected = name;
  for (const tab of tabs) {
    const here = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
  }
  panel.setAttribute("aria-labelledby", "tab-" + name);
  draw();
}

function draw() {
  const content = contents.get(selected);
  panel.replaceChildren(...(content?.nodes ?? [element("p.nothing", t("raw.empty"))]));
  copy.disabled = !content;
}

export function clear() {
  contents.clear();
  copies = {};
  again.hidden = true;
  copied.textContent = "";
  draw();
}

function put(name, text, nodes) {
  const before = contents.get(name);
  contents.set(name, before ? { text: before.text + "\n" + text, nodes: [...before.nodes, ...nodes] } : { text, nodes });
  draw();
}

export const challenge = (text) => put("challenge", text, [element("pre", text)]);

export const answer = (value) => put("answer", JSON.stringify(value), [element("pre", ...coloured(value))]);

// log shows a log line, a member on each row; the rows that say why stand out.
export function log(value) {
  put("log", JSON.stringify(value), [element("pre", ...coloured(value, ["reason", "hint", "error"]))]);
}

// event shows what was sent, and marks what is not as the phone signed it.
export function event({ sent, signed, copies: offered }) {
  copies = offered;
  again.hidden = false;
  const rows = [];
  let changed = false;
  for (const [name, value] of Object.entries(sent)) {
    const [from, to] = difference(signed[name], value);
    changed ||= to > from || value !== signed[name];
    const piece = (text) => JSON.stringify(text).slice(1, -1);
    rows.push(rows.length ? ",\n  " : "{\n  ", element("span.key", JSON.stringify(name)), ": ");
    const string = element("span.string", '"', piece(value.slice(0, from)));
    if (to > from) string.append(element("mark", piece(value.slice(from, to))));
    string.append(piece(value.slice(to)), '"');
    rows.push(string);
  }
  const nodes = [element("pre", ...rows, "\n}")];
  if (changed) nodes.push(element("p.legend", element("mark", "abc"), t("raw.changed")));
  put("event", JSON.stringify(sent), nodes);
}

// difference finds the part of value, from and to, outside of which it is as before.
function difference(before, value) {
  let from = 0;
  while (from < Math.min(before.length, value.length) && before[from] === value[from]) from++;
  let same = 0;
  while (same < Math.min(before.length, value.length) - from && before.at(-1 - same) === value.at(-1 - same)) same++;
  return [from, value.length - same];
}

// coloured writes an object, a member on each row.
function coloured(value, hits = []) {
  const rows = Object.entries(value).map(([name, member]) => {
    const kind = typeof member === "string" ? "string" : "atom";
    const row = [element("span.key", JSON.stringify(name)), ": ", element("span." + kind, JSON.stringify(member))];
    return hits.includes(name) ? [element("span.hit", ...row)] : row;
  });
  return ["{\n  ", ...rows.flatMap((row, i) => (i ? [",\n  ", ...row] : row)), "\n}"];
}
