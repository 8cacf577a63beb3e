// The answer: the verdict in a word, what happened, and what to do about it.

import { element, has, language, rich, sentence, t } from "./text.js";

const at = (id) => document.getElementById(id);

export function clear(state) {
  at("result").dataset.verdict = "";
  at("badge").setAttribute("href", "#i-finger");
  at("word").textContent = t(state);
  at("sub").textContent = state === "result.empty" ? t("result.empty.more") : "";
  at("meaning").hidden = true;
}

// failed says that the playground itself could not do it.
export function failed(message) {
  clear("result.failed");
  at("sub").textContent = message;
}

// show shows an answer, and returns what is said about it in a sentence.
export function show(answer, question) {
  const { verdict, code, advice } = answer;
  const text = advice[language];
  const judged = judge(answer, question);
  at("result").dataset.verdict = judged;
  at("badge").setAttribute("href", "#i-" + (judged === "careful" ? "unanswered" : judged));
  at("word").textContent = t("verdict." + judged);
  at("sub").replaceChildren(element("code", code ? `isOk: false, errCode: ${code}` : `isOk: ${verdict === "genuine"}`));
  if (text.reason) at("sub").append(element("span.reason", t("result.reason", { reason: text.reason })));
  at("happened").replaceChildren(...rich(happened(question)));
  at("do").replaceChildren(...whatToDo(answer, question, text).map((line) => element("p", ...rich(line))));
  at("meaning").hidden = false;
  return t("verdict." + judged);
}

// judge is the verdict, but "careful" where it is genuine and should not be: nobody
// has asked for that signature.
export function judge({ verdict }, { mistake, challenges, purpose }) {
  const asked = mistake === "another-order" ? challenges && purpose : challenges || !["replay", "expired", "made-up"].includes(mistake);
  return verdict === "genuine" && !asked ? "careful" : verdict;
}

function happened({ mistake, challenges, purpose }) {
  const key = "happened." + (mistake || "genuine");
  const form = !challenges ? ".off" : purpose ? "" : ".plain";
  return t(has(key + form) ? key + form : key);
}

function whatToDo(answer, question, text) {
  const { verdict, code } = answer;
  if (judge(answer, question) === "careful") return [t(question.challenges ? "do.careful.purpose" : "do.careful")];
  const own = "do." + question.mistake;
  const lines = has(own) ? [t(own)] : [];
  if (verdict === "unanswered") {
    if (!lines.length) lines.push(sentence(text.do || text.meaning));
    if (text.do) lines.push(t("do.code", { code, meaning: sentence(text.meaning) }));
  }
  if (!lines.length) lines.push(t("do." + verdict));
  return lines;
}
