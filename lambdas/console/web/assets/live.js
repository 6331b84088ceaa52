// Optional: brings the parts of a page up to date. Without it the page says when it was made, and a reload does the same.
"use strict";
const EVERY = 5000;

/** Whether a person is at work in it: what they typed or opened must not vanish under their hands. */
function busy(part) {
  const fields = [...part.querySelectorAll("input:not([type=hidden]), textarea, select")];
  return part.contains(document.activeElement) || fields.some((field) => field.value !== field.defaultValue && field.value !== "")
    || part.querySelector("details[open]") !== null;
}

function renew(fresh) {
  const names = (page) => [...page.querySelectorAll("[data-live]")].map((part) => part.dataset.live).join();
  if (names(fresh) !== names(document)) {
    const main = document.querySelector("main");
    if (!busy(main)) main.replaceWith(fresh.querySelector("main"));
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const made = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!busy(part) && part.innerHTML !== made.innerHTML) part.innerHTML = made.innerHTML;
  }
}

async function look() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok && !answer.redirected) renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the next look asks again */ }
}

for (const form of document.querySelectorAll("form[data-send]")) form.submit();

if (document.querySelector("[data-live]") && !new URLSearchParams(location.search).has("still")) {
  setInterval(() => { if (!document.hidden) look(); }, EVERY);
}
