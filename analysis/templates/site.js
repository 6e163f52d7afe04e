"use strict";

// Everything that is shown goes through textContent: names come from outside.
const PAGE_ROWS = 20;
const LONG_TEXT = 40;
const NARROW = 600;
const MOST_CHOICES = 200;
const OWN_FILE = /^[\w-]+(\/[\w-]+)*\.\w+$/;
const NUMERIC = new Set(["count", "short", "share", "times", "decimal"]);
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const data = JSON.parse(document.getElementById("data").textContent);
const tables = new Map(data.tables.map((table) => [table.name, table]));
const redraws = [];

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// What a cell is sorted, filtered and drawn by: of [text, target] and [value, low, high] the first.
const plain = (cell) => (Array.isArray(cell) ? cell[0] : cell);

function significant(number) {
  if (Math.abs(number) >= 1000) return Math.round(number).toLocaleString("en");
  return String(Number(number.toPrecision(3)));
}

function short(number) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]])
    if (Math.abs(number) >= size && Math.abs(number) < 1e15) return `${significant(number / size)} ${unit}`;
  return Math.abs(number) < 1e15 ? significant(number) : number.toExponential(2);
}

function times(number) {
  if (number < 100) return number.toFixed(2);
  return number < 1e6 ? significant(number) : short(number);
}

const FORMATS = {
  count: (number) => number.toLocaleString("en"),
  short,
  share: (number) => `${(100 * number).toFixed(Math.abs(number) < 0.0995 ? 1 : 0)} %`,
  times: (number) => `${times(number)} x`,
  decimal: (number) => (Math.round(100 * number) / 100 || 0).toFixed(2),  // no "-0.00"
};
const BOUNDS = { times, decimal: FORMATS.decimal };

function cellOf(column, cell) {
  const numeric = NUMERIC.has(column.kind);
  const made = element("td", { class: numeric ? "number" : "text" });
  const value = plain(cell);
  if (typeof value === "string" && value.length > LONG_TEXT) made.className += " long";
  if (value === null) {
    made.className += " none";
    made.textContent = "–";
  } else if (!numeric && Array.isArray(cell) && OWN_FILE.test(cell[1])) {
    const link = element("a", { href: `../${cell[1]}` });
    link.textContent = value;
    made.append(link);
  } else if (!numeric) {
    made.textContent = value;
  } else {
    made.textContent = FORMATS[column.kind](value);
    if (Array.isArray(cell)) {
      const bound = BOUNDS[column.kind];
      const interval = element("span", { class: "interval" });
      interval.textContent = ` [${bound(cell[1])}, ${bound(cell[2])}]`;
      made.append(interval);
    }
  }
  return made;
}

// Numbers by size, texts as people order them; what is missing stands last either way.
function compare(left, right, direction) {
  if (left === null || right === null) return (left === null) - (right === null);
  const order = typeof left === "number" ? left - right : collator.compare(left, right);
  return direction * order;
}

function selectOf(title, values, all, onChange) {
  const select = element("select");
  if (all) select.append(new Option(all, ""));
  for (const [text, value] of values) select.append(new Option(text, value));
  select.addEventListener("change", () => onChange(select.value));
  return element("label", {}, title, select);
}

// The different values of a column, or none where there are too few or too many to choose from.
function choicesOf(table, index) {
  const values = [...new Set(table.rows.map((row) => plain(row[index])))].filter((value) => value !== null);
  if (values.length < 2 || values.length > MOST_CHOICES) return [];
  return values.sort(collator.compare).map((value) => [value, value]);
}

function buildTable(place, table) {
  const state = { words: [], chosen: new Map(), column: -1, direction: 1, page: 0 };
  const texts = table.rows.map((row) => row.map(plain).filter((value) => typeof value === "string").join("\n").toLowerCase());
  const count = element("span", { class: "count", role: "status" });
  const body = element("tbody");
  const heads = table.columns.map((column, index) => headOf(column, () => sortBy(index)));
  const pages = element("div", { class: "pages" });
  const [previous, next] = [["Previous", -1], ["Next", 1]].map(([text, step]) => {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => { state.page += step; show(); });
    return button;
  });
  const where = element("span");
  pages.append(previous, where, next);

  function found() {
    const kept = [];
    table.rows.forEach((row, index) => {
      if (!state.words.every((word) => texts[index].includes(word))) return;
      for (const [column, value] of state.chosen) if (plain(row[column]) !== value) return;
      kept.push(row);
    });
    if (state.column >= 0)
      kept.sort((left, right) => compare(plain(left[state.column]), plain(right[state.column]), state.direction));
    return kept;
  }

  function show() {
    const rows = found();
    const last = Math.max(0, Math.ceil(rows.length / PAGE_ROWS) - 1);
    state.page = Math.min(Math.max(state.page, 0), last);
    const first = state.page * PAGE_ROWS;
    body.replaceChildren(...rows.slice(first, first + PAGE_ROWS).map(
      (row) => element("tr", {}, ...row.map((cell, index) => cellOf(table.columns[index], cell)))));
    const of = rows.length === table.rows.length ? "" : ` of ${FORMATS.count(table.rows.length)}`;
    const capped = table.total > table.rows.length ? `, the first of ${FORMATS.count(table.total)}` : "";
    count.textContent = `${FORMATS.count(rows.length)}${of} rows${capped}`;
    where.textContent = `Page ${state.page + 1} of ${last + 1}`;
    previous.disabled = state.page === 0;
    next.disabled = state.page === last;
    pages.hidden = last === 0;
  }

  // A first choice sorts numbers from the greatest and texts from A; the same again turns it around.
  function sortBy(index) {
    const first = NUMERIC.has(table.columns[index].kind) ? -1 : 1;
    state.direction = state.column === index ? -state.direction : first;
    state.column = index;
    state.page = 0;
    heads.forEach((head, at) => {
      if (at !== index) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", state.direction > 0 ? "ascending" : "descending");
    });
    show();
  }

  const search = element("input", { type: "search", placeholder: "Filter rows", autocomplete: "off", spellcheck: "false" });
  search.setAttribute("aria-label", `Filter the rows of ${table.title}`);
  search.addEventListener("input", () => {
    state.words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    state.page = 0;
    show();
  });
  const tools = element("div", { class: "tools" }, element("label", { class: "search" }, search));
  table.columns.forEach((column, index) => {
    const choices = column.choice ? choicesOf(table, index) : [];
    if (choices.length === 0) return;
    tools.append(selectOf(column.title, choices, "all", (value) => {
      if (value === "") state.chosen.delete(index);
      else state.chosen.set(index, value);
      state.page = 0;
      show();
    }));
  });
  tools.append(count);
  const grid = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
  grid.setAttribute("aria-label", table.title);
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region" }, grid);
  scroll.setAttribute("aria-label", `${table.title}, scrolls sideways`);
  place.append(tools, scroll, pages);
  show();
}

function headOf(column, onClick) {
  const button = element("button", { type: "button" });
  button.textContent = column.title;
  if (column.note) button.title = column.note;
  button.addEventListener("click", onClick);
  return element("th", { scope: "col", class: NUMERIC.has(column.kind) ? "number" : "text" }, button);
}

// A row as Vega reads it; an interval gives three fields.
function recordOf(table, row) {
  const record = {};
  table.columns.forEach(({ key, kind }, index) => {
    const cell = row[index];
    record[key] = plain(cell);
    if (NUMERIC.has(kind) && Array.isArray(cell)) [, record[`${key}_low`], record[`${key}_high`]] = cell;
  });
  return record;
}

function looks(width) {
  const columns = width < NARROW ? 2 : 5;
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const labels = { labelColor: of("quiet"), titleColor: of("quiet"), titleFontWeight: 500, labelFontSize: 12, titleFontSize: 12 };
  const font = getComputedStyle(document.body).fontFamily;
  return {
    background: null,
    font,
    view: { stroke: null },
    axis: { ...labels, gridColor: of("line"), domainColor: of("line"), tickColor: of("line"), titlePadding: 10 },
    legend: { ...labels, orient: "bottom", columns, symbolOpacity: 1, labelLimit: width / columns - 25 },
    range: { category: of("series").split(",").map((color) => color.trim()) },
  };
}

function showTip(event, value) {
  const tip = document.getElementById("tip");
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  const list = element("dl");
  for (const [name, text] of Object.entries(value)) {
    if (text === "" || text === "null" || text === "NaN" || text === "undefined") continue;
    const [term, said] = [element("dt"), element("dd")];
    term.textContent = name;
    said.textContent = text;
    list.append(term, said);
  }
  tip.replaceChildren(list);
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${event.clientY + 14 + height > innerHeight ? Math.max(4, event.clientY - 14 - height) : event.clientY + 14}px`;
}

function buildChart(place, chart) {
  const table = tables.get(chart.table);
  const records = table.rows.map((row) => recordOf(table, row));
  const state = { choice: 0, chosen: new Map(), limit: null };
  const tools = element("div", { class: "tools" });
  if (chart.choices.length > 1) {
    const titles = chart.choices.map(({ title }, index) => [title, String(index)]);
    tools.append(selectOf("Against", titles, null, (value) => { state.choice = Number(value); draw(); }));
  }
  for (const key of chart.filters) {
    const index = table.columns.findIndex((column) => column.key === key);
    const choices = choicesOf(table, index);
    if (choices.length === 0) continue;
    tools.append(selectOf(table.columns[index].title, choices, "all", (value) => {
      if (value === "") state.chosen.delete(key);
      else state.chosen.set(key, value);
      draw();
    }));
  }
  if (chart.limits) {
    const { key, title, steps } = chart.limits;
    const within = (limit) => records.filter((record) => limit === null || record[key] <= limit);
    const first = Math.max(0, steps.findIndex(([, limit]) => 2 * within(limit).length >= records.length));
    state.limit = steps[first][1];
    const label = selectOf(title, steps.map(([text], index) => [text, String(index)]), null, (value) => {
      state.limit = steps[Number(value)][1];
      draw();
    });
    label.lastChild.value = String(first);
    tools.append(label);
  }
  const count = element("span", { class: "count", role: "status" });
  tools.append(count);
  const drawing = element("div", { class: "drawing", role: "img" });
  drawing.setAttribute("aria-label", place.dataset.alt);
  place.append(tools, element("div", { class: "canvas" }, drawing));
  let shown = null;
  let waiting = Promise.resolve();

  async function redraw() {
    const values = records.filter((record) => (state.limit === null || record[chart.limits.key] <= state.limit)
      && [...state.chosen].every(([key, value]) => record[key] === value));
    count.textContent = `${FORMATS.count(values.length)} of ${FORMATS.count(records.length)} marks`;
    const specification = { ...structuredClone(chart.choices[state.choice].specification), datasets: { rows: structuredClone(values) } };
    if (shown) shown.finalize();
    shown = await vegaEmbed(drawing, specification, {
      mode: "vega-lite",
      actions: false,
      ast: true,
      defaultStyle: false,
      renderer: "canvas",
      config: looks(drawing.clientWidth),
      tooltip: (_, event, __, value) => showTip(event, value),
    });
    drawing.dataset.points = String(values.length);
  }

  // One drawing after the other: two at once would both leave a canvas.
  function draw() {
    waiting = waiting.then(redraw);
    return waiting;
  }

  redraws.push(draw);
}

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function themed() {
  const button = document.getElementById("theme");
  button.setAttribute("aria-pressed", String(dark()));
  button.textContent = dark() ? "Light" : "Dark";
  return Promise.all(redraws.map((draw) => draw()));
}

document.getElementById("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  themed();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);
document.querySelectorAll("[data-table]").forEach((place) => buildTable(place, tables.get(place.dataset.table)));
const charts = new Map(data.charts.map((chart) => [chart.name, chart]));
document.querySelectorAll("[data-chart]").forEach((place) => buildChart(place, charts.get(place.dataset.chart)));
themed().then(() => { document.documentElement.dataset.ready = "yes"; });
