// Curves, keys and what survives an update. Everything else is the server's.
"use strict";

// An update brings the page as the server knows it: what a reader has opened stays open, and what
// is being typed stays.
if (window.Idiomorph) {
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
    name !== "open" && (name !== "value" || element.type === "hidden");
}

// A page that no longer hears of changes says so: what it shows may be old.
const lost = document.getElementById("lost");
let lostAt = null;
document.addEventListener("htmx:sseError", () => {
  lostAt ??= new Date();
  lost.textContent = `Not connected since ${lostAt.toLocaleTimeString()}: what stands here may be old. ` +
    "Trying again; if the server was started anew, open the address that it printed.";
  lost.hidden = false;
});
document.addEventListener("htmx:sseOpen", () => { lostAt = null; lost.hidden = true; });

// How long trials have run goes on between two updates.
const told = (seconds) => seconds < 60 ? `${Math.floor(seconds)} s`
  : seconds < 3600 ? `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`
  : `${Math.floor(seconds / 3600)} h ${String(Math.floor(seconds / 60) % 60).padStart(2, "0")} min`;
const counted = new WeakMap();
setInterval(() => {
  for (const each of document.querySelectorAll("[data-ran]")) {
    const known = counted.get(each);
    if (known?.ran !== each.dataset.ran) counted.set(each, { ran: each.dataset.ran, at: Date.now() });
    else each.textContent = told(Number(known.ran) + (Date.now() - known.at) / 1000);
  }
}, 1000);

// A study that was never run: until there is something to show.
if (document.querySelector("[data-waits]")) {
  setInterval(async () => {
    const answer = await fetch(location.href).catch(() => null);
    if (answer?.ok) location.reload();
  }, 3000);
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function drawCurves(box, told) {
  const plot = box.querySelector(".plot");
  plot.replaceChildren();
  const said = box.querySelector("[data-said]");
  const longest = Math.max(0, ...told.curves.map((each) => each.x.length));
  said.dataset.usual ??= said.textContent;
  said.textContent = longest > 1 ? said.dataset.usual : longest === 1
    ? "The program reported one point only at this rung: there is no curve to draw."
    : "No curve is left on disk for this rung: nothing was reported, or trials/ was removed.";
  if (longest < 2) return;
  const looks = [[], [9, 2], [2, 2], [9, 2, 2, 2]];
  const seen = { true: 0, false: 0 };
  const tables = told.curves.map((each) => [each.x, each.y]);
  const axis = (label, size) => ({
    label, size, stroke: css("--soft"), grid: { stroke: css("--rule"), width: 1 },
    ticks: { stroke: css("--rule"), width: 1 },
  });
  const width = () => Math.max(280, box.clientWidth);
  const chart = new uPlot({
    width: width(), height: 320,
    scales: { x: { time: false } },
    axes: [
      { ...axis(`compute (${told.unit})`, 46), values: (_, ticks) => ticks.map((t) => t === 0 ? "0" : t.toExponential(1).replace("e+", "e").replace(".0e", "e")), space: 70 },
      axis("training loss, as reported", 56),
    ],
    series: [
      { label: "compute", value: (_, v) => v == null ? "—" : v.toExponential(2) },
      ...told.curves.map((each) => ({
        label: each.name, spanGaps: false, width: each.baseline ? 1.3 : 1.8,
        points: { show: false },
        stroke: css(each.baseline ? "--soft" : "--accent"),
        dash: each.baseline ? [4, 3] : looks[seen[false]++ % looks.length],
        value: (_, v) => v == null ? "—" : v.toFixed(4),
      })),
    ],
  }, uPlot.join(tables), plot);
  new ResizeObserver(() => chart.setSize({ width: width(), height: 320 })).observe(box);
}

async function loadCurves(box) {
  const rung = box.querySelector("[data-rung]").value;
  const answer = await fetch(`${box.dataset.curves}?rung=${encodeURIComponent(rung)}`);
  if (answer.ok) drawCurves(box, await answer.json());
}

for (const box of document.querySelectorAll("[data-curves]")) {
  box.querySelector("[data-rung]").addEventListener("change", () => loadCurves(box));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => loadCurves(box));
  loadCurves(box);
}

let before = "";
const pages = { o: "/", l: "/ladder", s: "/scaling", p: "/spending", t: "/trust" };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing) { typing.blur(); return; }
  if (typing) return;
  const base = document.querySelector("[data-base]")?.dataset.base;
  if (before === "g" && pages[event.key] && base) location.href = base + pages[event.key];
  else if (event.key === "/") { document.querySelector("[data-search]")?.focus(); event.preventDefault(); }
  else if (event.key === "j" || event.key === "k") moveRow(event.key === "j" ? 1 : -1);
  before = event.key;
});

function moveRow(step) {
  const links = [...document.querySelectorAll("main tbody .name a")];
  const at = links.indexOf(document.activeElement);
  const next = links[Math.min(Math.max(at + step, 0), links.length - 1)];
  next?.focus();
}
