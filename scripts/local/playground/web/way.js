// The way: one lane for each station, with a bar for each time that it was asked.

import { element, icon, ms, t } from "./text.js";

const stations = ["page", "challenge", "phone", "function", "token", "wechat"];

const lanes = new Map();
for (const station of stations) {
  const badge = element("span.lane-icon", icon(station));
  badge.firstChild.setAttribute("aria-hidden", "true");
  const lane = element("li.lane", badge,
    element("span.lane-name", t("way." + station)),
    element("span.track"), element("span.lane-ms"),
    element("span.lane-note", t("way.empty." + station)));
  lane.dataset.station = station;
  lane.querySelector(".track").setAttribute("aria-hidden", "true");
  lanes.set(station, lane);
}
document.getElementById("lanes").append(...lanes.values());

const part = (station, name) => lanes.get(station).querySelector(".lane-" + name);

let spans; // by id, as far as they are shown
let page; // the page's own span: { start, end }
let clock; // performance.now() at the beginning of the run
let shift; // by how much the server began later than the page
let live; // whether open spans grow

export function begin() {
  spans = new Map();
  page = { start: 0 };
  clock = performance.now();
  shift = 0;
  live = true;
  for (const [station, lane] of lanes) {
    delete lane.dataset.here;
    delete lane.dataset.now;
    lane.querySelector(".track").replaceChildren();
    part(station, "ms").textContent = "";
    part(station, "note").textContent = t("way.empty." + station);
  }
  draw();
}

// show shows a span. ends says how it ended if that is known already, so that its
// bar has its length at once.
export function show(span, ends) {
  const known = span.end ? span : ends.get(span.id);
  spans.set(span.id, { ...span, shownEnd: known?.end, open: !span.end });
  describe(span.station);
  draw();
}

// finish closes the way. All times are in milliseconds: took is the page's own, of
// which it waited some for the server to begin; server is the server's; prepared
// passed before either.
export function finish({ took, waited, server, prepared, question }) {
  live = false;
  page.end = took;
  for (const [id, span] of spans) { // nobody waits for what has not ended with the run
    if (!span.open) continue;
    spans.set(id, { ...span, open: false, outcome: "left", end: server, shownEnd: server });
    describe(span.station);
  }
  shift = Math.max(0, Math.min(waited, took - server));
  part("page", "note").textContent = t("way.page.note");
  if (prepared >= 20) part("page", "note").append(t("way.prepared", { ms: ms(prepared) }));
  const visited = new Set([...spans.values()].map((span) => span.station));
  if (!visited.has("challenge")) {
    part("challenge", "note").textContent = t(question.challenges ? "way.none.challenge.made" : "way.none.challenge");
  }
  if (!visited.has("wechat")) part("wechat", "note").textContent = t("way.none.wechat");
  const first = (station) => [...spans.values()].find((span) => span.station === station);
  if (first("token")?.start < first("function")?.start) part("token", "note").append(" · " + t("way.early"));
  if (!visited.has("token")) {
    part("token", "note").textContent = t(visited.has("wechat") ? "way.none.token" : "way.none.token.early");
  }
  draw();
}

export function abandon() {
  live = false;
}

// draw puts every bar where it belongs on a scale that all of them share, and goes
// on while something grows.
function draw() {
  const now = performance.now() - clock;
  const ends = [...spans.values()].map((span) => (span.shownEnd ?? now) + shift);
  const scale = Math.max(page.end ?? 0, live && !ends.length ? 0 : Math.max(0, ...ends), 0.5);
  place("page", "page", { start: 0, end: page.end ?? scale, outcome: "ok" }, scale, 0);
  for (const [station, lane] of lanes) {
    const own = station === "page" ? [{ open: live }] : [...spans.values()].filter((span) => span.station === station);
    if (own.length) lane.dataset.here = "true";
    lane.dataset.now = live && own.some((span) => span.open);
    if (station === "page" || !own.length) continue;
    const drawn = own.map((span) => ({ ...span, end: span.shownEnd ?? now }));
    const rows = side(drawn);
    lane.querySelector(".track").style.height = rows > 1 ? `${5 * rows}px` : "";
    for (const span of drawn) place(station, span.id, span, scale, shift, rows);
    if (own.every((span) => span.end)) part(station, "ms").textContent = t("way.ms", { ms: ms(busy(own)) });
  }
  if (page.end) part("page", "ms").textContent = t("way.ms", { ms: ms(page.end) });
  if (live) requestAnimationFrame(() => live && draw());
}

// side gives spans that overlap rows of their own, and returns how many there are.
function side(drawn) {
  const ends = []; // of the last span in each row
  for (const span of drawn) {
    const free = ends.findIndex((end) => end <= span.start);
    span.row = free < 0 ? ends.length : free;
    ends[span.row] = span.end;
  }
  return ends.length;
}

// busy is for how long at least one of the spans lasted.
function busy(own) {
  let until = 0;
  let sum = 0;
  for (const { start, end } of own.toSorted((a, b) => a.start - b.start)) {
    sum += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return sum;
}

function place(station, id, span, scale, offset, rows = 1) {
  const track = lanes.get(station).querySelector(".track");
  let bar = track.querySelector(`[data-id="${id}"]`);
  if (!bar) {
    bar = element("span.bar");
    bar.dataset.id = id;
    track.append(bar);
  }
  bar.dataset.outcome = span.open ? "" : span.outcome ?? "";
  bar.style.left = `min(${(100 * (span.start + offset)) / scale}%, 100% - 3px)`;
  bar.style.top = `${(100 * (span.row ?? 0)) / rows}%`;
  bar.style.height = `calc(${100 / rows}% - ${rows > 1 ? 1 : 0}px)`;
  bar.style.width = `${(100 * Math.max(0, span.end - span.start)) / scale}%`;
}

// describe says what a station was asked and what it said, the same several times
// in one.
function describe(station) {
  const own = [...spans.values()].filter((span) => span.station === station);
  const lines = [];
  for (const span of own) {
    const what = own.length > 1 ? span.what.split("/").pop() : span.what;
    const said = span.outcome === "cut" || span.outcome === "left" ? t("way." + span.outcome) : span.said ?? "…";
    const last = lines.at(-1);
    if (last && last.what === what && last.said === said) last.times++;
    else lines.push({ what, said, outcome: span.outcome, times: 1 });
  }
  part(station, "note").replaceChildren(...lines.flatMap((line, i) => {
    const tone = { refused: "bad", failed: "bad", cut: "bad", left: "late" }[line.outcome] ?? "said";
    return [i ? " · " : "", element("code", line.what), " → ", element("span." + tone, line.said + (line.times > 1 ? ` ×${line.times}` : ""))];
  }));
}
