// Shows the values under the pointer, or, with the arrow keys, those of a focused chart.
for (const chart of document.querySelectorAll(".chart")) {
  const data = JSON.parse(chart.querySelector("script").textContent);
  const area = chart.querySelector(".area");
  const cross = chart.querySelector(".cross");
  const tip = chart.querySelector(".tip");
  const classes = [...chart.querySelectorAll(".legend li")].map((entry) => entry.className);
  let shown = -1;

  const row = (style, name, value) => {
    const line = document.createElement("div");
    line.className = style;
    line.append(document.createElement("i"), name);
    const figure = document.createElement("b");
    figure.textContent = value ?? "–";
    line.append(figure);
    return line;
  };

  const show = (index) => {
    shown = Math.max(0, Math.min(data.at.length - 1, index));
    const at = data.at[shown];
    const share = at / data.seconds;
    const head = document.createElement("strong");
    head.textContent = `${Math.round(at * 10) / 10} s`;
    tip.replaceChildren(head, ...data.names.map((name, n) => row(classes[n], name, data.values[n][shown])));
    for (const [when, what] of data.marks) {
      if (Math.abs(when - at) > data.seconds / 60) continue;
      const note = document.createElement("small");
      note.textContent = what;
      tip.append(note);
    }
    cross.hidden = tip.hidden = false;
    cross.style.left = `${share * 100}%`;
    // Beside the line, on the side with more room.
    tip.style.left = share < 0.5 ? `calc(${share * 100}% + .6rem)` : "auto";
    tip.style.right = share < 0.5 ? "auto" : `calc(${(1 - share) * 100}% + .6rem)`;
  };
  const hide = () => {
    cross.hidden = tip.hidden = true;
    shown = -1;
  };

  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) / box.width) * data.at.length));
  });
  area.addEventListener("pointerleave", hide);
  chart.addEventListener("blur", hide);
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    show(shown < 0 ? 0 : shown + step);
  });
}
