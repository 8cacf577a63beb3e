// Before the first paint: the theme that was chosen here, else the system's.
// Storage may be closed, in private windows for one; then nothing is kept.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {}
