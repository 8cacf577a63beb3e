// What the server tells: the state of the functions, and what happens in a run.

// watchState calls with "building", "ready" or "lost", now and at each change. The
// browser connects again by itself.
export function watchState(told) {
  const source = new EventSource("/playground/state");
  source.addEventListener("state", (event) => told(JSON.parse(event.data).state));
  source.addEventListener("error", () => told("lost"));
}

// times are those of the last run as the browser's network took them, in
// milliseconds: until its answer began, and until it was whole. What the page draws
// meanwhile is not in them.
export async function times() {
  for (let tries = 0; tries < 50; tries++) { // the entry comes a moment after the answer
    const entry = performance.getEntriesByType("resource").findLast(({ name }) => name.endsWith("/playground/run"));
    if (entry) {
      performance.clearResourceTimings();
      return { waited: entry.responseStart - entry.startTime, took: entry.responseEnd - entry.startTime };
    }
    await new Promise((done) => setTimeout(done, 10));
  }
  return { waited: 0, took: 0 };
}

// run asks one question and yields the events of its stream, as {name, data}.
export async function* run(question) {
  const response = await fetch("/playground/run", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question),
  });
  if (!response.ok) {
    yield { name: "failed", data: await response.json() };
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event);
      yield { name, data: JSON.parse(data) };
    }
  }
}
