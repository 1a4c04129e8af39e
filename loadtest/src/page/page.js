// Shows what was measured (the JSON above); draws the charts with uPlot.
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.querySelector("main");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const section = (title, ...content) => main.append(element("section", {}, element("h2", {}, title), ...content));
const table = (head, rows, numbers) => {
  const row = (tag) => (cells) =>
    element("tr", {}, ...cells.map((cell, n) => element(tag, { className: numbers.includes(n) ? "n" : "" }, String(cell))));
  const body = element("tbody", {}, ...rows.map(row("td")));
  return element("div", { className: "wide" }, element("table", {}, element("thead", {}, row("th")(head)), body));
};
const pairs = (title, all) => {
  if (all.length)
    section(title, element("dl", {}, ...all.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])));
};

document.title = `Herald, load test: ${data.title}`;
main.append(
  element("header", {}, element("p", { className: "kind" }, "Herald load test"), element("h1", {}, data.title), element("p", {}, data.about)),
  element("p", { className: `verdict ${data.good ? "good" : "bad"}` }, `${data.good ? "✓" : "✗"} ${data.summary}`),
);
if (!data.settled && data.verdicts.length) main.append(element("p", {}, "Acceptances were still expected when patience ended."));
main.append(
  element("ul", { className: "tiles" }, ...data.tiles.map(([name, value]) => element("li", {}, element("b", {}, value), element("span", {}, name)))),
);
if (data.verdicts.length) {
  const judged = table(["Verdict", "Figure", "Measured", "Wanted"], data.verdicts, [2]);
  for (const cell of judged.querySelectorAll("td:first-child"))
    cell.className = { ok: "good", MISSED: "bad" }[cell.textContent] ?? "open";
  section("Verdicts", judged);
}
if (data.charts.marks.length) {
  const marks = data.charts.marks.map(([at, what]) => element("li", {}, what, element("span", {}, ` ${at.toFixed(1)} s`)));
  section("What happened", element("ol", { className: "marks" }, ...marks));
}

// A dashed line, with its number, for everything that happened.
const happenings = (plot) => {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--mark");
  ctx.setLineDash([4, 4]);
  data.charts.marks.forEach(([at], n) => {
    const x = plot.valToPos(at, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(n + 1, x + 3, bbox.top + 10 * devicePixelRatio);
  });
  ctx.restore();
};
const synchronised = uPlot.sync("time");
const draw = (chart, place) => {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--rule"), width: 1 } };
  const line = ([name], n) => ({ label: name, stroke: colour(`--h${(n % 6) + 1}`), width: 2, spanGaps: false });
  const options = {
    width: place.clientWidth,
    height: 240,
    cursor: { sync: { key: synchronised.key } },
    scales: { x: { time: false }, y: chart.log ? { distr: 3 } : { range: (_, least, most) => [0, most * 1.05 || 1] } },
    axes: [{ ...axis, values: (_, at) => at.map((seconds) => `${seconds} s`) }, { ...axis, size: 64 }],
    series: [{ label: "s" }, ...chart.lines.map(line)],
    hooks: { draw: [happenings] },
  };
  const plot = new uPlot(options, [data.charts.at, ...chart.lines.map(([, values]) => values)], place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 240 })).observe(place);
};
const charts = element("div", { className: "charts" });
section("Over time", charts);
for (const chart of data.charts.charts) {
  const place = element("div");
  charts.append(element("figure", { className: "chart" }, element("figcaption", {}, element("h3", {}, chart.title), element("span", {}, ` ${chart.unit}`)), place));
  draw(chart, place);
}

section("Publish to acceptance, milliseconds", table(["", "accepted", "p50", "p90", "p99", "p99.9", "max"], data.latencies, [1, 2, 3, 4, 5, 6]));
if (data.rows.length) section("What became of the notifications", table(["status", "reason", "count"], data.rows, [2]));
pairs("How it was run", data.settings);
pairs("Where it was run", data.machine);
