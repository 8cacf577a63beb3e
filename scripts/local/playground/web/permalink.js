// Addresses that repeat a run: /?mistake=replay&challenges=off. What they do not name is as
// it was chosen before.

const defaults = { device: "android", user: "alice", order: "longjing", platform: "lambda", challenges: true, purpose: true };

const plain = (value) => (typeof value === "boolean" ? (value ? "on" : "off") : value);

// permalink is the address of the page for a question. Without a mistake, it runs nothing.
export function permalink(question, language) {
  const address = new URLSearchParams({ lang: language });
  if (question.mistake !== undefined) address.set("mistake", question.mistake || "none");
  for (const [name, value] of Object.entries(defaults)) {
    if (question[name] !== value) address.set(name, plain(question[name]));
  }
  return "/?" + address;
}

// fromAddress reads what an address names, as far as there are such values. It has a
// mistake, "" for none, if the address wants a run: all that is not named has its default
// then.
export function fromAddress(search, values) {
  const address = new URLSearchParams(search);
  const mistake = address.get("mistake");
  const runs = mistake === "none" || values.mistake.includes(mistake);
  const wanted = runs ? { ...defaults, mistake: mistake === "none" ? "" : mistake } : {};
  for (const name of Object.keys(defaults)) {
    const value = address.get(name);
    if (typeof defaults[name] !== "boolean") {
      if (values[name].includes(value)) wanted[name] = value;
    } else if (value === "on" || value === "off") wanted[name] = value === "on";
  }
  return wanted;
}

export const same = (a, b) => permalink(a, "") === permalink(b, "");
