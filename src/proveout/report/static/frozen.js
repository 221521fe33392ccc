"use strict";
// Search, keys and which page is shown to those who hear it. Without this, links alone do.
const find = (what) => [...document.querySelectorAll(what)];
const form = document.querySelector(".filter");
const search = form.querySelector("[data-search]");
const word = form.querySelector("[data-word]");
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());

function narrow() {
  const named = search.value.toLowerCase();
  for (const row of find(".ideas tbody tr, .ladder tbody tr")) {
    const name = row.querySelector(".name a").textContent.toLowerCase();
    const said = row.querySelector(".verdict")?.lastChild.textContent.trim();
    row.hidden = !name.includes(named) || (word.value !== "" && said !== word.value);
  }
  for (const each of find(".words button")) {
    each.setAttribute("aria-pressed", String(each.parentNode.dataset.verdict === word.value));
  }
}
search.addEventListener("input", narrow);
word.addEventListener("change", narrow);
for (const each of find(".words span[data-verdict]")) {
  const button = document.createElement("button");
  button.append(...each.childNodes);
  button.addEventListener("click", () => {
    word.value = word.value === each.dataset.verdict ? "" : each.dataset.verdict;
    narrow();
  });
  each.append(button);
}

function shown() {
  const target = document.getElementById(location.hash.slice(1));
  const page = target?.closest(".page") ?? document.getElementById("overview");
  for (const tab of find(".tabs a")) {
    if (tab.hash === `#${page.id}`) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  return page;
}
addEventListener("hashchange", () => shown().focus({ preventScroll: true }));
shown();

let before = "";
const pages = { o: "overview", l: "ladder", s: "scaling", p: "spending", t: "trust" };
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) { if (event.key === "Escape") typing.blur(); return; }
  if (before === "g" && pages[event.key]) location.hash = pages[event.key];
  else if (event.key === "/") {
    if (getComputedStyle(form).display === "none") location.hash = "overview";
    setTimeout(() => search.focus());
    event.preventDefault();
  } else if (event.key === "j" || event.key === "k") {
    const links = [...shown().querySelectorAll("tbody tr:not([hidden]) .name a")];
    const next = links.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
    links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
  }
  before = event.key;
});
