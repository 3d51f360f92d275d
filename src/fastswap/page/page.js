"use strict";
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const el = (tag, props = {}, ...kids) => {
    const made = Object.assign(document.createElement(tag), props);
    made.append(...kids);
    return made;
  };
  const SVG = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes = {}, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const clock = (s) => {
    const m = Math.floor(s / 60), rest = (s - 60 * m).toFixed(2).padStart(5, "0");
    return m >= 60 ? `${Math.floor(m / 60)}:${String(m % 60).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
  };
  const number = (v, digits = 3) => (v === null || v === undefined ? "–" : Number(v.toPrecision(digits)).toString());
  const colour = (track) => `var(--t${track % 6})`;
  const STATE = { swapped: "var(--good)", "no face": "var(--line)", "face in doubt": "var(--bad)", "face not selected": "var(--warn)" };

  // Head
  $("title").textContent = D.title;
  $("subtitle").textContent = D.subtitle;
  for (const [name, value, note] of D.facts) {
    $("facts").append(el("div", {}, el("dt", { textContent: name }), el("dd", { textContent: value + " " }, el("small", { textContent: note }))));
  }
  for (const line of D.notices) $("notices").append(el("li", { textContent: line }));
  $("notices").hidden = !D.notices.length;
  $("footer").textContent = D.footer;

  // Before and after
  const slider = $("slider");
  let chosen = -1;
  const slide = () => {
    $("before").style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
    $("handle").style.left = `${slider.value}%`;
  };
  slider.addEventListener("input", slide);
  const choose = (i) => {
    if (i < 0 || i >= D.samples.length) return;
    chosen = i;
    const s = D.samples[i];
    $("before").src = s.before;
    $("after").src = s.after;
    $("caption").textContent = `Frame ${s.frame} at ${clock(s.time)}: ${s.words}`;
    [...$("thumbs").children].forEach((b, k) => b.setAttribute("aria-selected", k === i));
    const strip = $("thumbs"), button = strip.children[i]; // scrolls the strip, never the page
    strip.scrollLeft = button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.clientWidth) / 2;
    draw();
  };
  D.samples.forEach((s, i) => {
    const button = el("button", { type: "button", role: "option", onclick: () => choose(i) }, el("img", { src: s.after, alt: "" }), clock(s.time));
    $("thumbs").append(button);
  });
  addEventListener("keydown", (e) => {
    if (e.target === slider || !["ArrowLeft", "ArrowRight"].includes(e.key)) return;
    choose(Math.max(0, Math.min(D.samples.length - 1, chosen + (e.key === "ArrowRight" ? 1 : -1))));
  });

  // Timeline. Times are those of the bins: one frame each, or several in a long video.
  const T = D.times, N = T.length, END = D.end;
  let from = N ? T[0] : 0, to = END, hover = null, drag = null, width = 1000;
  const LEFT = 92, RIGHT = 14;
  const x = (t) => LEFT + ((t - from) / Math.max(to - from, 1e-9)) * (width - LEFT - RIGHT);
  const timeAt = (px) => from + ((px - LEFT) / (width - LEFT - RIGHT)) * (to - from);
  const binAt = (t) => {
    let low = 0, high = N - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (T[mid] <= t) low = mid; else high = mid - 1;
    }
    return low;
  };
  const visible = () => [Math.max(0, binAt(from) - 1), Math.min(N - 1, binAt(to) + 1)];
  const step = (span) => {
    const raw = span / 8, base = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((k) => k * base).find((v) => v >= raw);
  };
  const until = (i) => (i + 1 < N ? T[i + 1] : END);

  const lanes = (root, top) => {
    const [a, b] = visible();
    let y = top;
    root.append(svg("text", { x: 8, y: y + 10, class: "name" }, "frames"));
    for (let i = a; i <= b;) {
      let k = i;
      while (k < b && D.states[k + 1] === D.states[i]) k++;
      const x0 = Math.max(LEFT, x(T[i])), x1 = Math.min(width - RIGHT, x(until(k)));
      if (x1 > x0) root.append(svg("rect", { x: x0, y, width: Math.max(x1 - x0, 0.5), height: 12, fill: STATE[D.states[i]] || "var(--muted)" }));
      i = k + 1;
    }
    y += 20;
    for (const track of D.tracks) {
      root.append(svg("text", { x: 8, y: y + 9, class: "name" }, `track ${track.track}`));
      for (let i = a; i <= b; i++) {
        if (track.score[i] === null) continue;
        let k = i, sum = 0, count = 0;
        const pixel = (to - from) / (width - LEFT - RIGHT);
        for (; k <= b && track.score[k] !== null && (k === i || T[k] - T[i] < pixel); k++) { sum += track.score[k]; count++; }
        const x0 = Math.max(LEFT, x(T[i])), x1 = Math.min(width - RIGHT, x(until(k - 1)));
        if (x1 > x0) root.append(svg("rect", { x: x0, y, width: x1 - x0 + 0.3, height: 10, fill: colour(track.track), opacity: (0.15 + 0.85 * Math.max(0, (sum / count - 0.5) * 2)).toFixed(2) }));
        i = k - 1;
      }
      y += 16;
    }
    return y + 4;
  };
  const line = (values, a, b, y, high) => {
    // At most two points per pixel: the extremes, so that no peak is lost.
    let path = "", pen = false;
    const pixels = width - LEFT - RIGHT, per = Math.max(1, Math.floor((b - a + 1) / pixels / 1));
    for (let i = a; i <= b; i += per) {
      let low = Infinity, top = -Infinity;
      for (let k = i; k < Math.min(i + per, b + 1); k++) {
        if (values[k] !== null) { low = Math.min(low, values[k]); top = Math.max(top, values[k]); }
      }
      if (low === Infinity) { pen = false; continue; }
      const px = x((T[i] + until(Math.min(i + per - 1, b))) / 2);
      if (px < LEFT - 1 || px > width - RIGHT + 1) { pen = false; continue; }
      for (const v of per > 1 ? [low, top] : [top]) {
        path += `${pen ? "L" : "M"}${px.toFixed(1)} ${y(Math.min(v, high)).toFixed(1)}`;
        pen = true;
      }
    }
    return path;
  };
  const charts = (root, top) => {
    const [a, b] = visible();
    for (const chart of D.charts) {
      const height = 64, y = (v) => top + height - ((v - chart.low) / (chart.high - chart.low)) * (height - 12);
      for (const v of [chart.low, chart.high]) {
        root.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(v), y2: y(v), class: "grid" }));
        root.append(svg("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, number(v)));
      }
      root.append(svg("text", { x: 8, y: top + 22, class: "name" }, chart.name), svg("text", { x: 8, y: top + 36 }, chart.unit));
      for (const series of chart.series) {
        const d = line(series.values, a, b, y, chart.high);
        if (d) root.append(svg("path", { d, stroke: colour(series.track), class: series.kind || "" }));
      }
      top += height + 10;
    }
    return top;
  };
  const draw = () => {
    if (!N) return;
    width = Math.max(480, $("plots").clientWidth);
    const root = svg("svg", { role: "img", "aria-label": "Tracks, skipped frames, confidence and measures over time" });
    let y = lanes(root, 8);
    y = charts(root, y);
    for (let t = Math.ceil(from / step(to - from)) * step(to - from); t <= to; t += step(to - from)) {
      root.append(svg("line", { x1: x(t), x2: x(t), y1: y, y2: y + 4, class: "axis" }), svg("text", { x: x(t), y: y + 16, "text-anchor": x(t) > width - 40 ? "end" : "middle" }, clock(t)));
    }
    for (const t of D.cuts) if (t > from && t < to) root.append(svg("line", { x1: x(t), x2: x(t), y1: 4, y2: y, class: "cut" }));
    D.samples.forEach((s, i) => {
      if (s.time >= from && s.time <= to) root.append(svg("circle", { cx: x(s.time), cy: y, r: i === chosen ? 5 : 3, class: "sample" }));
    });
    root.setAttribute("viewBox", `0 0 ${width} ${y + 22}`);
    root.setAttribute("height", y + 22);
    root.append(svg("line", { id: "cursor", y1: 4, y2: y, class: "cursor", visibility: "hidden" }), svg("rect", { id: "zoom", y: 4, height: y - 4, class: "zoom", width: 0 }));
    root.addEventListener("pointermove", move);
    root.addEventListener("pointerleave", () => { $("tip").hidden = true; $("cursor").setAttribute("visibility", "hidden"); });
    root.addEventListener("pointerdown", (e) => { drag = place(e); root.setPointerCapture(e.pointerId); });
    root.addEventListener("pointerup", drop);
    root.addEventListener("dblclick", () => { [from, to] = [T[0], END]; draw(); });
    $("plots").replaceChildren(root);
  };
  const place = (e) => {
    const box = $("plots").firstChild.getBoundingClientRect();
    return Math.max(from, Math.min(to, timeAt(((e.clientX - box.left) / box.width) * width)));
  };
  const move = (e) => {
    const t = place(e), i = binAt(t), tip = $("tip");
    $("cursor").setAttribute("visibility", "visible");
    $("cursor").setAttribute("x1", x(t));
    $("cursor").setAttribute("x2", x(t));
    if (drag !== null) {
      $("zoom").setAttribute("x", Math.min(x(drag), x(t)));
      $("zoom").setAttribute("width", Math.abs(x(t) - x(drag)));
    }
    const lines = [`frame ${D.numbers[i]} at ${clock(T[i])}: ${D.states[i]}`];
    for (const chart of D.charts) {
      for (const s of chart.series) if (s.values[i] !== null) lines.push(`track ${s.track}, ${chart.name}${s.kind ? " (" + s.kind + ")" : ""}: ${number(s.values[i])}${chart.low ? "" : " " + chart.unit}`);
    }
    tip.replaceChildren(...lines.map((text) => el("div", { textContent: text })));
    tip.hidden = false;
    tip.style.left = `${Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(e.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
  };
  const drop = (e) => {
    const t = place(e), start = drag;
    drag = null;
    if (start !== null && Math.abs(x(t) - x(start)) > 6) {
      [from, to] = [Math.min(start, t), Math.max(start, t)];
      draw();
    } else if (D.samples.length) {
      const away = D.samples.map((s) => Math.abs(s.time - t));
      choose(away.indexOf(Math.min(...away)));
    }
  };
  const seen = [...new Set(D.states)];
  $("legend").append(...seen.map((state) => {
    const mark = el("i");
    mark.style.background = STATE[state] || "var(--muted)";
    return el("span", {}, mark, state);
  }));
  if (D.cuts.length) $("legend").append(el("span", { textContent: "┆ cut" }));
  $("legend").append(el("span", { textContent: "● frame kept above" }));

  // Tables
  const table = (id, rows) => {
    for (const [name, value] of rows) {
      if (value === null || value === "" || (typeof value === "object" && !Object.keys(value).length)) continue;
      const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
      $(id).append(el("tr", {}, el("th", { textContent: name }), el("td", { textContent: text, className: "n" })));
    }
  };
  table("settings", D.settings);
  table("provenance", D.provenance);
  table("measures", D.measures);
  const most = Math.max(1e-9, ...D.stages.map(([, s]) => s));
  for (const [name, seconds] of D.stages) {
    const fill = el("i");
    fill.style.width = `${(100 * seconds) / most}%`;
    $("stages").append(el("div", { className: name === D.limits ? "bar limit" : "bar" }, el("span", { textContent: name }), el("div", {}, fill), el("span", { textContent: `${number(seconds)} s` })));
  }

  if (D.samples.length) {
    choose(D.first);
  } else {
    $("stage").hidden = true;
    $("no-samples").hidden = false;
  }
  slide();
  draw();
  addEventListener("resize", draw);
  document.body.dataset.ready = "true";
})();
