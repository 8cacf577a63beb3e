// The page: presses become runs, and what happens in a run is shown.

import { fromAddress, permalink, same } from "./permalink.js";
import * as raw from "./raw.js";
import * as result from "./result.js";
import { run, times, watchState } from "./stream.js";
import { element, language, ms, rich, sentence, t } from "./text.js";
import * as way from "./way.js";

const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const buttons = [...document.querySelectorAll(".mistake")];
const pressable = [at("sensor"), at("attack"), ...buttons];

const pace = 95; // milliseconds between two lines that are shown
let ready = false;
let running = false;
let pending; // the mistake that the address asks for, while the functions are not ready

// --- what takes part

function question(mistake) {
  const form = new FormData(at("choices"));
  return {
    device: form.get("device"), user: form.get("user"), order: form.get("order"), platform: form.get("platform"),
    challenges: at("challenges").checked, purpose: at("purpose").checked, mistake,
  };
}

function showChoices() {
  const { device, order, challenges, purpose } = question("");
  at("signs").textContent = t("choice.signs", { signs: t("signs." + device) });
  at("challenges-text").textContent = t(challenges ? "choice.challenges.on" : "choice.challenges.off");
  at("purpose-text").textContent = t(!challenges ? "choice.purpose.never" : purpose ? "choice.purpose.on" : "choice.purpose.off");
  at("purpose").disabled = !challenges; // the functions refuse a purpose that nothing binds
  at("item").textContent = t("item." + order);
  at("amount").textContent = t("amount." + order);
}

function chosen() {
  showChoices();
  keep("choices", question(""));
  showAddress({ ...question(""), mistake: undefined });
}

// showAddress makes the address of the page, and those of the other languages, lead to what
// is shown.
function showAddress(asked) {
  history.replaceState(null, "", permalink(asked, language));
  for (const link of document.querySelectorAll("a[data-lang]")) link.href = permalink(asked, link.lang.slice(0, 2));
}

at("choices").addEventListener("change", chosen);

// --- what is kept for this tab, so that another language shows the same

function keep(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {} // then the next page starts empty
}

function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

// --- the phone

function showPhone(verdict) {
  at("phone").dataset.verdict = verdict;
  at("prompt-text").textContent = t(verdict ? "phone." + verdict : "phone.prompt");
  if (["genuine", "refused", "unanswered"].includes(verdict)) at("stamp").setAttribute("href", "#i-" + verdict);
}

// --- a run

// showInStrip scrolls the row of failures sideways, where it is one, to a button.
function showInStrip(button) {
  const strip = button.closest(".strip");
  strip.scrollLeft += button.getBoundingClientRect().left - strip.getBoundingClientRect().left - 24;
}

// player shows the events of a run, one after the other.
function player(asked) {
  const ends = new Map();
  let prepared = 0;
  let server = 0;
  let said = "";
  let reason = "";
  let verdict = "";
  let judged = "";
  result.clear("result.running");
  raw.clear();
  raw.setLink(location.origin + permalink(asked, language));
  way.begin();
  showPhone("running");
  return {
    // known takes notice of an event that is shown later.
    known({ name, data }) {
      if (name === "span" && data.end) ends.set(data.id, data);
    },
    show({ name, data }) {
      switch (name) {
        case "began":
          prepared = data.prepared;
          break;
        case "span":
          way.show(data, ends);
          break;
        case "challenge":
          raw.challenge(data.challenge);
          break;
        case "event":
          raw.event(data);
          break;
        case "answer":
          verdict = data.verdict;
          reason = data.advice[language].reason ?? "";
          judged = result.judge(data, asked);
          said = result.show(data, asked);
          raw.answer(data.answer);
          if (data.log) raw.log(data.log);
          break;
        case "end":
          server = data.total;
          break;
        case "failed":
          verdict = "unanswered";
          said = t("result.failed");
          reason = data.message;
          result.failed(data.message);
          break;
      }
    },
    finish({ took, waited }) {
      if (server) way.finish({ took: took - prepared, waited: waited - prepared, server, prepared, question: asked });
      else way.abandon();
      showPhone(verdict);
      for (const button of buttons) {
        const here = button.dataset.mistake === asked.mistake;
        if (here) button.dataset.verdict = judged || verdict;
        if (here) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
        if (here) showInStrip(button);
      }
      return t("live.done", { verdict: said, reason: reason && sentence(reason), ms: ms(took - prepared) });
    },
  };
}

async function press(mistake) {
  if (!ready) at("live").textContent = t("sensor.building");
  if (!ready || running) return;
  running = true;
  document.body.dataset.running = "true";
  at("live").textContent = t("live.running");
  const { top } = at("result").getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.6) {
    at("result").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  }
  const asked = question(mistake);
  showAddress(asked);
  const plays = player(asked);
  const events = [];
  let measured;
  const received = (async () => {
    try {
      for await (const event of run(asked)) {
        plays.known(event);
        events.push(event);
      }
    } catch (error) {
      events.push({ name: "failed", data: { message: String(error) } });
    }
    measured = await times();
  })();
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  let shown = 0;
  while (!measured || shown < events.length) {
    if (shown === events.length) {
      await Promise.race([received, pause(16)]);
      continue;
    }
    const event = events[shown++];
    plays.show(event);
    if (event.name === "span" && !calm.matches) await pause(pace);
  }
  at("live").textContent = plays.finish(measured);
  keep("run", { asked, events, measured });
  running = false;
  delete document.body.dataset.running;
}

at("sensor").addEventListener("click", () => press(""));
for (const button of buttons) button.addEventListener("click", () => press(button.dataset.mistake));

// The attack that every system without challenges is open to: a recorded signature, sent
// again. Challenges stay off, so that the page can be tried like that, too.
at("attack").addEventListener("click", () => {
  if (ready && !running) {
    at("challenges").checked = false;
    chosen();
  }
  press("replay");
});

// --- the theme

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
const showTheme = () => at("theme").setAttribute("aria-pressed", String(theme() === "dark"));
dark.addEventListener("change", showTheme);
at("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", theme());
  } catch {} // then it lasts as long as the page
  showTheme();
});
showTheme();

// --- as the address says, else as the last page of this tab left it

const radios = (name) => [...document.getElementsByName(name)].map((radio) => radio.value);
const wanted = fromAddress(location.search, {
  mistake: buttons.map((button) => button.dataset.mistake), device: [...at("device").options].map((option) => option.value),
  user: radios("user"), order: radios("order"), platform: radios("platform"),
});
const choices = { ...question(""), ...kept("choices"), ...wanted };
at("device").value = choices.device;
for (const name of ["user", "order", "platform"]) {
  const radio = document.querySelector(`[name=${name}][value="${CSS.escape(choices[name])}"]`);
  if (radio) radio.checked = true;
}
at("challenges").checked = choices.challenges;
at("purpose").checked = choices.purpose;
at("settings").open = !matchMedia("(max-width: 720px)").matches;
showChoices();
const last = kept("run");
if (last && (wanted.mistake === undefined || same(last.asked, question(wanted.mistake)))) {
  const plays = player(last.asked);
  for (const event of last.events) plays.known(event);
  for (const event of last.events) plays.show(event);
  plays.finish(last.measured);
  showAddress(last.asked);
} else {
  pending = wanted.mistake;
}

// --- the state of the functions

watchState((state) => {
  ready = state === "ready";
  at("state").dataset.state = state;
  at("state-text").textContent = t("state." + state);
  const more = element("span", ...rich(t(`state.${state}.more`)));
  at("sensor-state").replaceChildren(...(ready ? [more] : [sentence(t("state." + state)), " ", more]));
  for (const button of pressable) {
    if (ready) button.removeAttribute("aria-disabled");
    else button.setAttribute("aria-disabled", "true");
  }
  if (ready && pending !== undefined) {
    const mistake = pending;
    pending = undefined;
    press(mistake);
  }
});
