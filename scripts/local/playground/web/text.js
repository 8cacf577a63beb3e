// The words of the page, in its language, and how numbers and Markdown are shown.

const texts = JSON.parse(document.getElementById("texts").textContent);

export const language = document.documentElement.lang.slice(0, 2);

export const has = (key) => key in texts;

export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// ms shows milliseconds with three digits at most that mean something.
export function ms(n) {
  const digits = n < 10 ? 2 : n < 100 ? 1 : 0;
  return n.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// element makes an element from its name and class, "code.said", with children.
export function element(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  made.append(...children);
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#i-" + name);
  svg.append(use);
  return svg;
}

// rich reads the two marks of Markdown that the texts have: `code` and
// [words](a document of docs/).
export function rich(text) {
  return text.split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/).map((part) => {
    if (part.startsWith("`")) return element("code", part.slice(1, -1));
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    if (!link) return part;
    const a = element("a", link[1]);
    a.href = `/playground/read/docs/${link[2]}?lang=${language}`;
    return a;
  });
}

// sentence makes a sentence of a cell of a table.
export function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  const end = language === "zh" ? "。" : ".";
  return /[.。!！?？…]$/.test(begun) ? begun : begun + end;
}
