"use strict";
// Draws the report from the JSON in #data. Nothing is fetched; every value is put in as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");

  // ---- Making elements --------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) {
        element.addEventListener(name.slice(2), value);
      } else if (value !== null && value !== undefined && value !== false) {
        element.setAttribute(name, value);
      }
    }
    for (const child of [].concat(children === undefined ? [] : children)) {
      if (child !== null && child !== undefined) {
        element.append(child);
      }
    }
    return element;
  }

  const html = (tag, attributes, children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);
  const svgText = (x, y, text, attributes) => svg("text", { x, y, ...attributes }, String(text));

  // Fills the width that there is, but is not drawn smaller than `least` pixels wide: it scrolls.
  function drawing(width, height, label, least, children) {
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
      style: `width:100%;min-width:${least}px` }, children);
  }

  // ---- Text of values ---------------------------------------------------------------------------

  const integers = new Intl.NumberFormat("en-US");
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

  function show(value) {
    if (value === null || value === undefined) {
      return "–";
    }
    if (typeof value !== "number") {
      return String(value);
    }
    return Number.isInteger(value) ? integers.format(value) : value.toFixed(2);
  }

  function seconds(value) {
    if (value === null || value === undefined) {
      return "–";
    }
    if (value < 0.01) {
      return `${(value * 1000).toFixed(1)} ms`;
    }
    return value < 120 ? `${value.toFixed(2)} s` : `${(value / 60).toFixed(1)} min`;
  }

  function bytes(value) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
  }

  const stateCell = (state) => html("span", { class: `state ${state}` }, state);

  const stateColors = { success: "--good", pass: "--good", warn: "--warn", error: "--bad",
    fail: "--bad", cancelled: "--bad", skipped: "--skip" };
  const colorOfState = (state) => `var(${stateColors[state] || "--skip"})`;
  const colorOfLayer = (layer) => `var(--${layer})`;

  function clip(text, width, font = 12) {
    const most = Math.max(3, Math.floor(width / (font * 0.56)));
    return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  }

  // ---- Sections ---------------------------------------------------------------------------------

  const contents = document.getElementById("contents");

  function section(id, title, children) {
    contents.append(html("a", { href: `#${id}` }, title));
    const made = html("section", { id }, [html("h2", {}, title)].concat(children));
    main.append(made);
    return made;
  }

  const card = (title, children) =>
    html("div", { class: "card" }, [title ? html("h3", {}, title) : null].concat(children));
  const grid = (children) => html("div", { class: "grid" }, children);
  const legend = (entries) => html("p", { class: "legend" }, entries.map(([color, text]) =>
    html("span", {}, [html("i", { style: `background:${color}` }), text])));

  const classOf = (column) => (column.number ? "number" : column.isName ? "name"
    : column.isTime ? "time" : column.isLong ? "long" : null);

  // Columns are {name, title, number, isName, isTime, isLong, cell}; `cell` makes what a row shows.
  function table(columns, rows, rowAttributes) {
    const head = columns.map((c) => html("th", { class: c.number ? "number" : null, scope: "col" },
      c.title));
    const body = rows.map((row) => html("tr", rowAttributes ? rowAttributes(row) : {},
      columns.map((c) => html("td", { class: classOf(c) },
        c.cell ? c.cell(row) : show(row[c.name])))));
    return html("div", { class: "scroll" }, html("table", {},
      [html("thead", {}, html("tr", {}, head)), html("tbody", {}, body)]));
  }

  // ---- Bars -------------------------------------------------------------------------------------

  // Horizontal bars with their values: entries are {label, value, note, color}.
  function bars(entries, label, options = {}) {
    const width = 520;
    const labelWidth = options.labelWidth || 150;
    const rowHeight = 24;
    const greatest = Math.max(1, ...entries.map((e) => e.value));
    const room = width - labelWidth - 120;
    const rows = entries.map((entry, i) => {
      const y = i * rowHeight;
      const length = Math.max(entry.value > 0 ? 1 : 0, (entry.value / greatest) * room);
      return svg("g", {}, [
        svg("title", {}, `${entry.label}: ${show(entry.value)}${entry.note ? `, ${entry.note}` : ""}`),
        svgText(labelWidth - 8, y + 16, clip(entry.label, labelWidth - 8), { "text-anchor": "end" }),
        svg("rect", { x: labelWidth, y: y + 4, width: room, height: 16, rx: 2, fill: "var(--track)" }),
        svg("rect", { x: labelWidth, y: y + 4, width: length, height: 16, rx: 2,
          fill: entry.color || "var(--accent)" }),
        svgText(labelWidth + room + 8, y + 16,
          compact.format(entry.value) + (entry.note ? ` · ${entry.note}` : ""), { class: "muted" }),
      ]);
    });
    return drawing(width, entries.length * rowHeight + 2, label, 0, rows);
  }

  // ---- Summary ----------------------------------------------------------------------------------

  const lastRun = data.runs.length > 0 ? data.runs[data.runs.length - 1] : null;
  const modelOf = new Map(data.models.map((m) => [m.name, m]));

  function tile(name, value, note) {
    return html("div", { class: "tile" }, [html("span", { class: "muted" }, name),
      html("b", {}, value), html("span", { class: "muted" }, note || "")]);
  }

  function summary() {
    const rowsOf = (name) => (modelOf.has(name) ? modelOf.get(name).rows : null);
    document.title = `${data.title} – report`;
    document.getElementById("title").textContent = data.title;
    document.getElementById("subtitle").textContent =
      `${data.store}, version ${data.store_version}, written ${data.generated_at} UTC`;
    document.getElementById("footer").textContent = `libmedallion ${data.version}`;
    const tiles = [];
    if (lastRun !== null) {
      tiles.push(tile("Last run", stateCell(lastRun.state),
        `run ${lastRun.run_id}, ${lastRun.started_at}`));
      tiles.push(tile("Took", seconds(lastRun.seconds), `${show(lastRun.n_total)} tasks`));
    }
    for (const [name, title] of [["fact_ratings", "Ratings"], ["mart_movie_analytics", "Movies"],
      ["dim_users", "Users"], ["fact_tags", "Tags"]]) {
      tiles.push(tile(title, show(rowsOf(name)), name));
    }
    main.append(html("div", { class: "tiles" }, tiles));
    if (lastRun === null) {
      main.append(html("p", { class: "muted" }, "Nothing was built in this store yet."));
    }
    if (lastRun !== null && lastRun.message) {
      main.append(html("p", { class: "state error" }, lastRun.message));
    }
  }

  // ---- Business questions -----------------------------------------------------------------------

  function business() {
    const charts = [];
    const { genres, segments, rating_tiers: tiers, decades } = data.charts;
    if (genres.length > 0) {
      charts.push(card("Ratings by genre, and their average", bars(genres.map((g) => ({
        label: g.label, value: g.value, note: g.average === null ? "" : `avg ${g.average.toFixed(2)}`,
        color: "var(--gold)" })), "Ratings by genre")));
    }
    const others = [];
    if (segments.length > 0) {
      others.push(card("Users by segment", bars(segments, "Users by segment")));
    }
    if (tiers.length > 0) {
      others.push(card("Movies by rating tier", bars(tiers, "Movies by rating tier")));
    }
    if (decades.length > 0) {
      others.push(card("Movies by decade", bars(decades, "Movies by decade")));
    }
    if (others.length > 0) {
      charts.push(html("div", { style: "display:grid;gap:16px;align-content:start" }, others));
    }
    if (charts.length > 0) {
      section("business", "At a glance", grid(charts));
    }
  }

  // Numbers that name something have no thousands.
  const isName = (column) => column === "year" || column.endsWith("_id");

  function tops() {
    const cards = data.tops.filter((top) => top.rows.length > 0).map((top) => card(top.title, [
      table(top.columns.map((name, i) => ({
        title: name.replaceAll("_", " "), number: typeof top.rows[0][i] === "number",
        cell: (row) => (isName(name) ? String(row[i]) : show(row[i])) })), top.rows),
      html("p", { class: "muted" }, top.table),
    ]));
    if (cards.length > 0) {
      section("tops", "Top of the marts", grid(cards));
    }
  }

  // ---- Runs -------------------------------------------------------------------------------------

  function durations(choose) {
    const runs = data.runs.slice(-60);
    const width = 1120;
    const height = 130;
    const step = Math.min(40, (width - 60) / Math.max(1, runs.length));
    const longest = Math.max(0.001, ...runs.map((r) => r.seconds));
    const marks = runs.map((run, i) => {
      const length = Math.max(2, (run.seconds / longest) * (height - 40));
      return svg("g", { onclick: () => choose(run.run_id), style: "cursor:pointer" }, [
        svg("title", {}, `run ${run.run_id}, ${run.started_at}: ${run.state}, ${seconds(run.seconds)}`),
        svg("rect", { x: 50 + i * step, y: 0, width: step, height: height - 20, fill: "transparent" }),
        svg("rect", { x: 50 + i * step + 2, y: height - 20 - length, width: Math.max(2, step - 4),
          height: length, rx: 2, fill: colorOfState(run.state) }),
        step >= 18 || i === runs.length - 1 || i === 0
          ? svgText(50 + i * step + step / 2, height - 5, run.run_id,
            { "text-anchor": "middle", class: "muted" }) : null,
      ]);
    });
    return html("div", { class: "scroll" }, drawing(width, height, "Durations of runs", 700, [
      svgText(42, 12, seconds(longest), { "text-anchor": "end", class: "muted" }),
      svgText(42, height - 20, "0 s", { "text-anchor": "end", class: "muted" }),
      svg("line", { x1: 50, x2: width, y1: height - 20, y2: height - 20, class: "axis" }),
      ...marks,
    ]));
  }

  // One bar per task, by when it started; tests of one table share a row so that the chart stays
  // readable.
  function gantt(run, tasks) {
    const started = tasks.filter((t) => t.state !== "skipped");
    if (started.length === 0) {
      return html("p", { class: "muted" }, "No task of this run was started.");
    }
    const rows = new Map();
    for (const task of started) {
      const label = task.kind === "test" ? `tests of ${task.table}` : task.name.replace(/.*\//, "");
      const row = rows.get(label) || { label, tasks: [] };
      row.tasks.push(task);
      rows.set(label, row);
    }
    const width = 1120;
    const labelWidth = 260;
    const rowHeight = 20;
    const first = Math.min(0, ...started.map((t) => t.start_seconds));
    const last = Math.max(first + 0.001, ...started.map((t) => t.start_seconds + t.seconds));
    const x = (time) => labelWidth + ((time - first) / (last - first)) * (width - labelWidth - 10);
    const height = rows.size * rowHeight + 24;
    const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => {
      const time = first + part * (last - first);
      return svg("g", {}, [
        svg("line", { x1: x(time), x2: x(time), y1: 0, y2: height - 20, class: "axis" }),
        svgText(x(time), height - 5, seconds(Math.abs(time)).replace(/^/, time < 0 ? "−" : ""),
          { "text-anchor": part === 1 ? "end" : part === 0 ? "start" : "middle", class: "muted" }),
      ]);
    });
    const drawn = [...rows.values()].map((row, i) => svg("g", {}, [
      svgText(labelWidth - 10, i * rowHeight + 14, clip(row.label, labelWidth - 10),
        { "text-anchor": "end" }),
      ...row.tasks.map((task) => svg("rect", { x: x(task.start_seconds), y: i * rowHeight + 3,
        width: Math.max(1.5, x(task.start_seconds + task.seconds) - x(task.start_seconds)),
        height: rowHeight - 6, rx: 2,
        fill: task.state === "success" ? colorOfLayer(task.layer) : colorOfState(task.state),
        opacity: task.kind === "test" ? 0.7 : 1 },
        svg("title", {}, `${task.kind} ${task.name}: ${task.state}, ${seconds(task.seconds)}`))),
    ]));
    return html("div", { class: "scroll" },
      drawing(width, height, `Tasks of run ${run.run_id}`, 800, [...lines, ...drawn]));
  }

  function runs() {
    if (data.runs.length === 0) {
      return;
    }
    const byRun = new Map();
    for (const task of data.tasks) {
      byRun.set(task.run_id, (byRun.get(task.run_id) || []).concat(task));
    }
    const detail = html("div", { class: "card" });
    const list = html("div", { class: "card" });
    const columns = [
      { title: "Run", name: "run_id", number: true },
      { title: "State", cell: (r) => stateCell(r.state) },
      { title: "Command", name: "command" },
      { title: "Started (UTC)", name: "started_at", isTime: true },
      { title: "Took", number: true, cell: (r) => seconds(r.seconds) },
      { title: "Rows loaded", name: "n_loaded", number: true },
      { title: "Pass", name: "n_pass", number: true },
      { title: "Warn", name: "n_warn", number: true },
      { title: "Error", name: "n_error", number: true },
      { title: "Skip", name: "n_skip", number: true },
      { title: "Message", isLong: true, cell: (r) => r.message || "" },
    ];
    function choose(id) {
      const run = data.runs.find((r) => r.run_id === id);
      const tasks = byRun.get(id);
      detail.replaceChildren(html("h3", {}, `Run ${id}: what ran when`),
        tasks ? gantt(run, tasks)
          : html("p", { class: "muted" }, "The tasks of this run are not in the report."),
        legend([[colorOfLayer("bronze"), "bronze"], [colorOfLayer("silver"), "silver"],
          [colorOfLayer("gold"), "gold"], [colorOfState("pass"), "tests passed"],
          [colorOfState("warn"), "warned"], [colorOfState("fail"), "failed"]]));
      list.replaceChildren(table(columns, data.runs.slice(-12).reverse(), (r) => ({
        class: r.run_id === id ? "choice chosen" : "choice", tabindex: 0,
        onclick: () => choose(r.run_id),
        onkeydown: (event) => event.key === "Enter" && choose(r.run_id) })));
    }
    choose(lastRun.run_id);
    section("runs", "Runs", html("div", { style: "display:grid;gap:16px" }, [
      card("Duration of each run", durations(choose)), list, detail]));
  }

  // ---- Tests ------------------------------------------------------------------------------------

  function tests() {
    const withTests = [...data.runs].reverse().find((run) =>
      data.tasks.some((t) => t.run_id === run.run_id && t.kind === "test"));
    if (withTests === undefined) {
      return;
    }
    const order = { fail: 0, error: 1, warn: 2, skipped: 3, pass: 4 };
    const all = data.tasks.filter((t) => t.run_id === withTests.run_id && t.kind === "test")
      .sort((a, b) => order[a.state] - order[b.state]);
    const count = (state) => all.filter((t) => t.state === state).length;
    const columns = [
      { title: "State", cell: (t) => stateCell(t.state) },
      { title: "Test", name: "name", isName: true },
      { title: "Table", name: "table", isName: true },
      { title: "Failing rows", name: "n_failures", number: true },
      { title: "Tested", name: "n_rows", number: true },
      { title: "Took", number: true, cell: (t) => seconds(t.seconds) },
      { title: "Message", isLong: true, cell: (t) => t.message || "" },
    ];
    const loud = all.filter((t) => t.state !== "pass");
    const quiet = all.filter((t) => t.state === "pass");
    const line = ["pass", "warn", "fail", "error", "skipped"].filter((s) => count(s) > 0)
      .map((s) => `${count(s)} ${s}`).join(", ");
    section("tests", "Data quality", card(`Run ${withTests.run_id}: ${line}`, [
      loud.length > 0 ? table(columns, loud) : null,
      quiet.length > 0 ? html("details", {}, [html("summary", {}, `${quiet.length} passed`),
        table(columns, quiet)]) : null,
    ]));
  }

  // ---- Lineage ----------------------------------------------------------------------------------

  // Tables in columns by how far they are from the sources.
  function depths() {
    const depth = new Map();
    const find = (name, seen) => {
      if (!depth.has(name)) {
        const model = modelOf.get(name);
        const refs = (model ? model.refs : []).filter((r) => modelOf.has(r) && !seen.has(r));
        depth.set(name, refs.length === 0 ? 0
          : 1 + Math.max(...refs.map((r) => find(r, new Set(seen).add(name)))));
      }
      return depth.get(name);
    };
    data.models.forEach((m) => find(m.name, new Set()));
    return depth;
  }

  function reach(name, next) {
    const found = new Set([name]);
    const todo = [name];
    while (todo.length > 0) {
      for (const other of next(todo.pop())) {
        if (!found.has(other)) {
          found.add(other);
          todo.push(other);
        }
      }
    }
    return found;
  }

  function lineage() {
    const depth = depths();
    const columns = [];
    for (const model of data.models) {
      const at = depth.get(model.name);
      (columns[at] = columns[at] || []).push(model);
    }
    const boxWidth = 208;
    const boxHeight = 40;
    const gapX = 26;
    const gapY = 16;
    const tallest = Math.max(...columns.map((c) => c.length));
    const height = tallest * (boxHeight + gapY) + gapY;
    const width = columns.length * (boxWidth + gapX) - gapX + 4;
    const place = new Map();
    columns.forEach((column, c) => {
      // A table stands near the middle of what it is built from.
      const middle = (m) => {
        const ys = m.refs.filter((r) => place.has(r)).map((r) => place.get(r).y);
        return ys.length === 0 ? 0 : ys.reduce((a, b) => a + b, 0) / ys.length;
      };
      const sorted = c === 0 ? column : [...column].sort((a, b) => middle(a) - middle(b));
      const room = height / sorted.length;
      sorted.forEach((model, i) => place.set(model.name,
        { x: 2 + c * (boxWidth + gapX), y: room * i + (room - boxHeight) / 2 }));
    });
    const parents = (name) => (modelOf.get(name).refs).filter((r) => modelOf.has(r));
    const children = (name) => data.models.filter((m) => m.refs.includes(name)).map((m) => m.name);
    const edges = [];
    const nodes = [];
    function light(name) {
      const lit = name === null ? new Set()
        : new Set([...reach(name, parents), ...reach(name, children)]);
      edges.forEach((e) => e.line.classList.toggle("lit", lit.has(e.from) && lit.has(e.to)));
      nodes.forEach((n) => n.box.classList.toggle("lit", lit.has(n.name)));
    }
    for (const model of data.models) {
      const to = place.get(model.name);
      for (const ref of parents(model.name)) {
        const from = place.get(ref);
        const x1 = from.x + boxWidth;
        const y1 = from.y + boxHeight / 2;
        const y2 = to.y + boxHeight / 2;
        const bend = (x1 + to.x) / 2;
        edges.push({ from: ref, to: model.name, line: svg("path", { class: "edge",
          d: `M${x1} ${y1} C${bend} ${y1} ${bend} ${y2} ${to.x} ${y2}` }) });
      }
    }
    for (const model of data.models) {
      const { x, y } = place.get(model.name);
      nodes.push({ name: model.name, box: svg("g", { class: "node", tabindex: 0,
        onmouseenter: () => light(model.name), onmouseleave: () => light(null),
        onfocus: () => light(model.name), onblur: () => light(null),
        onclick: () => openModel(model.name),
        onkeydown: (event) => event.key === "Enter" && openModel(model.name) }, [
        svg("title", {}, `${model.name} (${model.layer} ${model.kind}): ${model.description}`),
        svg("rect", { x, y, width: boxWidth, height: boxHeight, rx: 6,
          stroke: colorOfLayer(model.layer) }),
        svgText(x + 10, y + 17, clip(model.name, boxWidth - 16)),
        svgText(x + 10, y + 32, `${model.kind}${model.rows === null ? ""
          : ` · ${compact.format(model.rows)} rows`}`, { class: "muted" }),
      ]) });
    }
    section("lineage", "Lineage", card(null, [
      html("div", { class: "scroll" }, drawing(width, height, "Lineage of tables", 1100,
        edges.map((e) => e.line).concat(nodes.map((n) => n.box)))),
      legend([[colorOfLayer("bronze"), "bronze: sources"], [colorOfLayer("silver"), "silver"],
        [colorOfLayer("gold"), "gold"]]),
    ]));
  }

  // ---- Rows over time ---------------------------------------------------------------------------

  function growth() {
    const points = new Map();
    for (const task of data.tasks) {
      if ((task.kind === "model" || task.kind === "snapshot") && task.state === "success") {
        points.set(task.name, (points.get(task.name) || []).concat(
          { run: task.run_id, at: task.started_at, rows: task.n_rows }));
      }
    }
    if (points.size === 0) {
      return;
    }
    const holder = html("div", {});
    function draw(name) {
      const list = points.get(name);
      const width = 1120;
      const height = 200;
      const greatest = Math.max(1, ...list.map((p) => p.rows));
      const x = (i) => 80 + (list.length === 1 ? 0.5 : i / (list.length - 1)) * (width - 120);
      const y = (rows) => height - 30 - (rows / greatest) * (height - 50);
      const parts = [
        svg("line", { x1: 70, x2: width - 20, y1: y(0), y2: y(0), class: "axis" }),
        svg("line", { x1: 70, x2: width - 20, y1: y(greatest), y2: y(greatest), class: "axis" }),
        svgText(62, y(0) + 4, "0", { "text-anchor": "end", class: "muted" }),
        svgText(62, y(greatest) + 4, compact.format(greatest), { "text-anchor": "end", class: "muted" }),
        svg("polyline", { points: list.map((p, i) => `${x(i)},${y(p.rows)}`).join(" "), fill: "none",
          stroke: "var(--accent)", "stroke-width": 2 }),
      ];
      list.forEach((p, i) => {
        parts.push(svg("circle", { cx: x(i), cy: y(p.rows), r: 4, fill: "var(--accent)" },
          svg("title", {}, `run ${p.run}, ${p.at}: ${show(p.rows)} rows`)));
        if (list.length <= 20 || i === 0 || i === list.length - 1) {
          parts.push(svgText(x(i), height - 10, p.run, { "text-anchor": "middle", class: "muted" }));
        }
      });
      holder.replaceChildren(html("div", { class: "scroll" },
        drawing(width, height, `Rows of ${name} after each run`, 600, parts)));
    }
    const names = data.models.map((m) => m.name).filter((n) => points.has(n));
    const first = names.includes("fact_ratings") ? "fact_ratings" : names[0];
    const choice = html("select", { "aria-label": "Table",
      onchange: (event) => draw(event.target.value) },
    names.map((n) => html("option", { value: n, selected: n === first ? "" : null }, n)));
    draw(first);
    section("growth", "Rows over time", card(null, [choice, holder,
      html("p", { class: "muted" }, "Rows of the table after each run, by number of the run.")]));
  }

  // ---- Snapshots --------------------------------------------------------------------------------

  function snapshots() {
    const cards = data.snapshots.map((snapshot) => card(snapshot.name, [
      html("p", { class: "muted" },
        `${show(snapshot.current)} current rows, ${show(snapshot.rows)} in all; key ${snapshot.key}; ` +
        `watches ${snapshot.check || "all columns"}`),
      table([
        { title: "At (UTC)", name: "at", isTime: true },
        { title: "Entered", name: "entered", number: true },
        { title: "New keys", name: "inserted", number: true },
        { title: "Deletions", name: "deleted", number: true },
        { title: "Ended", name: "ended", number: true },
      ], snapshot.changes),
    ]));
    if (cards.length > 0) {
      section("snapshots", "Snapshot changes", grid(cards));
    }
  }

  // ---- Versions ---------------------------------------------------------------------------------

  // Of a version whose manifest is damaged only its number and the message are known.
  function versions() {
    const size = (value) => (value === undefined ? show(value) : bytes(value));
    if (data.versions.length > 0) {
      section("versions", "Store", card("Versions", table([
        { title: "Version", name: "version", number: true },
        { title: "Committed (UTC)", name: "committed_at", isTime: true },
        { title: "What", name: "message", isLong: true },
        { title: "Tables", name: "n_tables", number: true },
        { title: "New on disk", number: true, cell: (v) => size(v.new_bytes) },
        { title: "In all", number: true, cell: (v) => size(v.size_bytes) },
      ], [...data.versions].reverse())));
    }
  }

  // ---- Documentation ----------------------------------------------------------------------------

  const docsOf = new Map();

  function openModel(name) {
    const details = docsOf.get(name);
    details.open = true;
    details.hidden = false;
    details.scrollIntoView({ block: "center" });
    details.querySelector("summary").focus({ preventScroll: true });
  }

  function documentation() {
    const entries = data.models.map((model) => {
      const facts = [`${model.layer} ${model.kind}`];
      if (model.rows !== null) {
        facts.push(`${show(model.rows)} rows`);
      }
      if (model.key) {
        facts.push(`key ${model.key}`);
      }
      const details = html("details", {}, [
        html("summary", {}, [html("b", {}, model.name),
          html("span", { class: "muted" }, facts.join(" · "))]),
        html("p", {}, model.description),
        model.refs.length > 0 ? html("p", { class: "muted" }, `Built from ${model.refs.join(", ")}`)
          : null,
        table([{ title: "Column", name: "name", isName: true }, { title: "Type", name: "type" },
          { title: "Description", name: "description" }], model.columns),
        model.tests.length > 0 ? html("p", { class: "muted" }, `Tests: ${model.tests.map((t) =>
          `${t.name}${t.severity === "warn" ? " (warn)" : ""}`).join(", ")}`) : null,
      ]);
      docsOf.set(model.name, details);
      return { details, text: [model.name, model.description, ...model.columns.map((c) =>
        `${c.name} ${c.description}`)].join(" ").toLowerCase() };
    });
    const search = html("input", { type: "search", placeholder: "Search tables and columns",
      "aria-label": "Search tables and columns",
      oninput: (event) => {
        const words = event.target.value.toLowerCase().split(/\s+/);
        entries.forEach((e) => {
          e.details.hidden = !words.every((w) => e.text.includes(w));
        });
      } });
    section("docs", "Tables and columns", card(null, [search].concat(entries.map((e) => e.details))));
  }

  // ---- Light and dark ---------------------------------------------------------------------------

  // As the system has it, until the button says otherwise.
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const setTheme = (isDark) => {
    root.dataset.theme = isDark ? "dark" : "light";
  };
  setTheme(prefersDark.matches);
  prefersDark.addEventListener("change", (event) => setTheme(event.matches));
  document.getElementById("theme").addEventListener("click",
    () => setTheme(root.dataset.theme === "light"));

  summary();
  business();
  tops();
  runs();
  tests();
  lineage();
  growth();
  snapshots();
  versions();
  documentation();
})();
