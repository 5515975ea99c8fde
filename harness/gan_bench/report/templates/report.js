"use strict";
(() => {
  const root = document.documentElement;
  root.dataset.script = "true";
  const { images: pictures, samples } = JSON.parse(document.getElementById("grids").textContent);
  /* Charts and comparisons, unpacked below. */
  let data = null;
  const unpacked = async (id) => {
    const packed = atob(document.getElementById(id).textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const every = (selector, within = document) => [...within.querySelectorAll(selector)];

  /* Sorting: each implementation is a tbody; its first row has the values. */
  const value = (body, column) => {
    const cell = body.rows[0].cells[column];
    const text = cell.dataset.sort ?? (column ? "" : body.dataset.label);
    if (text === "") return null;
    const number = Number(text);
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  for (const table of every("table.ranking")) {
    const headers = every("thead th", table);
    headers.forEach((header, column) => {
      header.querySelector("button")?.addEventListener("click", () => {
        const up = header.getAttribute("aria-sort") !== "ascending";
        headers.forEach((other) => other.setAttribute("aria-sort", "none"));
        header.setAttribute("aria-sort", up ? "ascending" : "descending");
        const bodies = every("tbody[data-label]", table).map((body) => [value(body, column), body]);
        bodies.sort(([a], [b]) => {
          // Missing values come last in both directions.
          if (a === null || b === null) return (a === null) - (b === null);
          return up ? compare(a, b) : compare(b, a);
        });
        const rest = table.querySelector("tbody.references");
        for (const [, body] of bodies) table.insertBefore(body, rest);
      });
    });
  }

  /* All columns, or those that matter most. */
  const more = document.getElementById("more-columns");
  const showColumns = () => {
    for (const table of every("table.ranking")) {
      table.classList.toggle("whole", more.checked);
      const headers = every("thead th", table);
      const shown = headers.filter((header) => more.checked || !header.classList.contains("extra"));
      for (const cell of every("tr.troubles td", table)) cell.colSpan = shown.length;
    }
  };
  more?.addEventListener("change", showColumns);
  if (more) showColumns();

  /* Filtering: every word must occur in the row's name, recipe, framework, parity or status. */
  const filter = document.getElementById("filter");
  const count = document.getElementById("filter-count");
  const rows = every("table.ranking tbody[data-label]");
  filter?.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const body of rows) {
      body.hidden = !words.every((word) => body.dataset.words.toLowerCase().includes(word));
    }
    count.textContent = `${rows.filter((body) => !body.hidden).length} of ${rows.length} shown`;
  });

  /* Charts. */
  const charts = new Map();
  const paper = { text: "#000", soft: "#444", line: "#ccc", card: "#fff" };
  let printing = false;
  const colours = () => {
    if (printing) return paper;
    const style = getComputedStyle(root);
    const of = (name) => style.getPropertyValue(name).trim();
    return { text: of("--text"), soft: of("--soft"), line: of("--line"), card: of("--card") };
  };
  const theme = (layout) => {
    const { text, soft, line, card } = colours();
    const axis = (own) => ({
      automargin: true, gridcolor: line, linecolor: line, zerolinecolor: line, ...own,
      tickfont: { color: soft }, title: { standoff: 8, ...own.title, font: { color: soft, size: 13 } },
    });
    return {
      ...layout,
      autosize: true, height: layout.height ?? 340, showlegend: false, hovermode: "closest",
      // On the right, half of the last number below fits; at the top, the buttons of the chart.
      margin: { l: 52, r: 26, t: 28, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, family: "inherit", size: 12 },
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: text }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: text },
      xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
    };
  };
  const config = {
    responsive: true, displaylogo: false,
    modeBarButtons: [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  const draw = async (element) => {
    const { data: traces, layout } = data.charts[element.id.replace("chart-", "")];
    // A narrow chart has no space for names among its marks.
    const narrow = element.clientWidth < 420 ? { mode: "markers" } : {};
    const shown = traces.map((trace) => (trace.text ? { ...trace, ...narrow } : trace));
    await Plotly.newPlot(element, shown, theme(layout), config);
    charts.set(element, layout);
  };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => charts.forEach((layout, element) => {
    // Half a landscape page, for any width of the window.
    Plotly.relayout(element, { ...theme(layout), width: printing ? 470 : null });
  });
  scheme.addEventListener("change", redraw);
  for (const [event, state] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => { printing = state; redraw(); });
  }

  /* Show and hide an implementation in all charts and samples. */
  const toggles = every("#legend input[data-toggle]");
  const apply = () => {
    const shown = new Map(toggles.map((box) => [box.dataset.toggle, box.checked]));
    for (const figure of every("figure[data-label]")) {
      figure.hidden = shown.get(figure.dataset.label) === false;
    }
    for (const element of charts.keys()) {
      const visible = element.data.map((trace) => shown.get(trace.meta) !== false);
      Plotly.restyle(element, { visible });
    }
  };
  toggles.forEach((box) => box.addEventListener("change", apply));
  const only = (labels) => {
    toggles.forEach((box) => { box.checked = labels === null || labels.includes(box.dataset.toggle); });
    apply();
  };
  document.getElementById("show-all")?.addEventListener("click", () => only(null));
  document.getElementById("show-none")?.addEventListener("click", () => only([]));

  const finals = every("figure.sample img").map(({ src, alt }) => ({ src, alt }));

  /* Samples: one slider shows the evaluation point that is nearest to its place in training. */
  samples.forEach(({ fractions, rows: grids }, number) => {
    const slider = document.getElementById(`slider-${number}`);
    if (!slider) return;
    const output = document.getElementById(`slider-output-${number}`);
    const play = document.getElementById(`play-${number}`);
    const figures = every(`#samples-${number} figure.sample`);
    const images = figures.map((figure) => figure.querySelector("img"));
    const last = images.map((image) => image.src);
    const show = () => {
      const fraction = fractions[slider.value];
      const shown = figures.map((figure, index) => {
        // Batch sizes may differ, so points are compared by their fraction of training.
        const [share, caption, alt, source] = grids[index].reduce((best, point) =>
          Math.abs(point[0] - fraction) < Math.abs(best[0] - fraction) ? point : best);
        images[index].src = source === null ? last[index] : pictures[source];
        images[index].alt = alt;
        figure.querySelector(".point").textContent = caption;
        return Math.round(100 * share);
      });
      const [least, most] = [Math.min(...shown), Math.max(...shown)];
      output.textContent = `${least === most ? "" : `${least} to `}${most} % of the budget`;
      slider.setAttribute("aria-valuetext", output.textContent);
    };
    slider.addEventListener("input", show);
    let timer = null;
    const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
    play.addEventListener("click", () => {
      if (timer) return stop();
      if (slider.value === slider.max) slider.value = 0;
      show();
      play.textContent = "Stop";
      timer = setInterval(() => {
        slider.value = Number(slider.value) + 1;
        show();
        if (slider.value === slider.max) stop();
      }, 700);
    });
    show();
  });

  /* Compare two. */
  const [left, right] = ["compare-a", "compare-b"].map((id) => document.getElementById(id));
  const body = document.querySelector("#compare-table tbody");
  const cell = (text, kind = "td") => {
    const made = document.createElement(kind);
    made.textContent = text;
    if (kind === "th") made.scope = "row";
    return made;
  };
  const factor = (number) => {
    const size = Math.abs(number);
    // As gan_bench.text.factor: round before counting digits, so 1.996 is 2.0 and not 2.00.
    const rounded = (places) => Number(size.toFixed(places));
    const digits = rounded(2) < 2 ? 2 : rounded(1) < 10 ? 1 : 0;
    const form = Number(size.toPrecision(2)) < 0.1
      ? { maximumSignificantDigits: 2 }
      : { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return `×${number.toLocaleString("en", form)}`;
  };
  const sentence = (a, b) => {
    if (a === b) return "Choose two different implementations.";
    return data.sentences[`${a}\n${b}`] ?? data.sentences[`${b}\n${a}`] ??
      `There is no sentence on these two: ${data.group[a] === data.group[b]
        ? "their ranking has too many pairs" : "they are in different rankings"}.`;
  };
  const against = () => {
    const [a, b] = [left.value, right.value];
    document.getElementById("compare-sentence").textContent = sentence(a, b);
    every("#compare-table thead th.side").forEach((head, index) => {
      head.textContent = [a, b, `${b} / ${a}`][index];
    });
    const facts = [a, b].map((key) =>
      new Map(data.compare[key].map((fact) => [`${fact[0]}\n${fact[1]}`, fact])));
    const names = new Set([...facts[0].keys(), ...facts[1].keys()]);
    const made = [...names].map((name) => {
      const [x, y] = facts.map((known) => known.get(name));
      const row = document.createElement("tr");
      const texts = [x, y].map((fact) => fact?.[2] ?? "—");
      const same = texts[0] === texts[1];
      row.dataset.same = same;
      const compares = data.group[a] === data.group[b] || ["Recipe", "Size"].includes((x ?? y)[0]);
      const ratio = !same && compares && x?.[3] && y?.[3] && x[3] * y[3] > 0 ? factor(y[3] / x[3]) : "";
      row.append(cell((x ?? y)[1], "th"), cell((x ?? y)[0]), ...texts.map((text) => cell(text)),
        cell(same ? "same" : ratio));
      return row;
    });
    made.sort((a_, b_) => (a_.dataset.same === "true") - (b_.dataset.same === "true"));
    body.replaceChildren(...made);
    const differ = made.filter((row) => row.dataset.same === "false").length;
    document.getElementById("compare-count").textContent =
      `Each property: ${differ} of ${made.length} differ`;
    hideSame();
    const grid = (run) => {
      const figures = every("figure.sample");
      const index = figures.findIndex((figure) => run && figure.dataset.run === run);
      return index < 0 ? null : finals[index];
    };
    every("#compare-samples img").forEach((image, index) => {
      const source = grid([left, right][index].selectedOptions[0].dataset.run);
      image.parentElement.hidden = !source;
      if (source) {
        image.src = source.src;
        image.alt = source.alt;
        image.parentElement.querySelector("figcaption").textContent = [a, b][index];
      }
    });
  };
  const box = document.getElementById("compare-differences");
  const hideSame = () => every("tr", body).forEach((row) => {
    row.hidden = box.checked && row.dataset.same === "true";
  });
  const compareTwo = () => {
    if (!left) return;
    if (right.options.length > 1) right.selectedIndex = 1;
    [left, right].forEach((select) => select.addEventListener("change", against));
    box.addEventListener("change", hideSame);
    document.getElementById("compare-only").addEventListener("click", () =>
      only([left, right].map((select) => select.selectedOptions[0].dataset.of)));
    against();
  };

  /* Everything at once, such as for printing. */
  const unfold = document.getElementById("unfold");
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    unfold.setAttribute("aria-pressed", open);
    unfold.textContent = open ? "Fold all" : "Unfold all";
    every("details").forEach((one) => { one.open = open; });
  });

  /* A link to a closed part opens it. */
  const openTarget = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const first = target && target.querySelectorAll("details.fold");
    if (first?.length === 1) first[0].open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();
  /* The first screen shows the top of the same grids. */
  for (const figure of every(".strip figure")) {
    const grid = every("#samples figure[data-run]")
      .find((other) => other.dataset.run === figure.dataset.run);
    if (grid) figure.querySelector("img").src = grid.querySelector("img").src;
  }

  const drawAll = async (charts_) => {
    // All at once: painting the page after each chart would take longer.
    await Promise.all(charts_.map(draw));
    if (toggles.some((box) => !box.checked)) apply();
  };
  const folded = (element) => element.closest("details:not([open]), figure.plot[hidden]");
  /* Everything above works while the charts are unpacked. */
  const start = async () => {
    data = JSON.parse(await unpacked("data"));
    compareTwo();
    const script = document.createElement("script");
    script.textContent = await unpacked("plotly");
    document.head.append(script);
    /* One of several charts at the same place. */
    for (const button of every(".switched button")) {
      button.addEventListener("click", () => {
        const place = button.closest(".switched");
        every("button", place).forEach((other) => other.setAttribute("aria-pressed", other === button));
        every("figure.plot", place).forEach((figure) => {
          figure.hidden = !figure.querySelector(`[id="${button.dataset.shows}"]`);
        });
        drawAll(every(".chart", place).filter((one) => !charts.has(one) && !folded(one)));
      });
    }
    for (const details of every("details")) {
      // A chart has no width before it is unfolded.
      details.addEventListener("toggle", () =>
        drawAll(every(".chart", details).filter((one) => !charts.has(one) && !folded(one))));
    }
    await drawAll(every(".chart").filter((one) => !folded(one)));
    root.dataset.ready = "true";
  };
  if ("DecompressionStream" in window) start();
  else document.getElementById("old-browser").hidden = false;
})();
