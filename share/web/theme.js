// Light, dark, or as the machine has it.

const KEY = "openclaw.theme", THEMES = ["auto", "light", "dark"];

export function theme() {
  const kept = localStorage.getItem(KEY);
  return THEMES.includes(kept) ? kept : "auto";
}

export function applyTheme() {
  if (theme() === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme());
}

// The next one, which holds from now on.
export function nextTheme() {
  localStorage.setItem(KEY, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  applyTheme();
  return theme();
}
