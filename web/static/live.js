// Rows that change their place glide there, and the plot follows the chain. Without this file the pages are whole.
(() => {
  "use strict";
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let places = new Map();
  let scrolled = new Map(); // a table that is swapped stays where its reader moved it

  document.addEventListener("htmx:beforeRequest", (e) => {
    if (document.hidden) e.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", () => {
    places = new Map([...document.querySelectorAll("tr.row")].map((row) => [row.id, row.offsetTop]));
  });
  document.addEventListener("htmx:beforeSwap", () => {
    scrolled = new Map([...document.querySelectorAll(".scroll[id]")].map((box) => [box.id, box.scrollLeft]));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, left] of scrolled) {
      const box = document.getElementById(id);
      if (box) box.scrollLeft = left;
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (still.matches) return;
    for (const row of document.querySelectorAll("tr.row")) {
      const from = places.get(row.id);
      const by = from === undefined ? 0 : from - row.offsetTop;
      if (by) row.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: 450, easing: "ease-out" });
    }
    places = new Map();
  });

  const box = document.getElementById("plot");
  if (!box || !window.uPlot) return;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const share = (v) => (v == null ? "–" : (100 * v).toFixed(1) + " %");
  let plot = null, shape = "";

  const options = (d) => ({
    width: box.clientWidth,
    height: 300,
    scales: { x: { time: false, range: (u, lo, hi) => (lo === hi ? [lo - 1, hi + 1] : [lo, hi]) }, y: { range: (u, lo, hi) => [0, Math.max(0.05, hi * 1.08)] } },
    axes: [0, 1].map((i) => ({
      stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 },
      incrs: i ? undefined : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
      values: i ? (u, all) => all.map((v) => (100 * v).toFixed(0) + " %") : (u, all) => all.map((v) => v.toLocaleString("en")),
    })),
    series: [{ label: "height", value: (u, v) => (v == null ? "–" : v.toLocaleString("en")) }].concat(d.uids.map((uid, i) => ({
      label: (d.models[i] || "miner") + " (" + uid + ")", stroke: colour("--l" + (uid % 8)), width: 2, points: { show: (u) => u.data[0].length < 3 },
      value: (u, v) => share(v),
    }))),
  });

  const draw = async () => {
    if (document.hidden) return;
    const d = await (await fetch(box.dataset.from)).json();
    const now = d.uids.join() + matchMedia("(prefers-color-scheme: dark)").matches;
    if (plot && now === shape) return plot.setData(d.data);
    if (plot) plot.destroy();
    shape = now;
    plot = new uPlot(options(d), d.data, box);
  };
  const again = () => draw().catch(() => {}).finally(() => setTimeout(again, 2000));
  again();
  addEventListener("resize", () => plot && plot.setSize({ width: box.clientWidth, height: 300 }));
})();
