// The page of the emulator. It keeps what the server sent, and draws it once per frame. All text goes in by
// textContent: ids, URLs and bodies come from anywhere.

const MOST_ROWS = 300;
const $ = (id) => document.getElementById(id);
const state = { rows: [], total: 0, kept: 0, run: "", newest: 0, selected: null, details: null, again: null, figures: {},
  faults: {}, routes: {}, announcement: null, webhooks: { total: 0, events: {} } };
let source = null;
let frame = 0;
let sample = "";

const clone = (id) => $(id).content.firstElementChild.cloneNode(true);
const make = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more });
const put = (node, value, name = "textContent") => { if (node[name] !== value) node[name] = value; };

// Make the children of a node those of the items, moving as few as possible, so that focus stays where it is.
function sync(parent, items, create, update) {
  const keys = new Set(items.map((item) => String(item.id)));
  const nodes = new Map();
  for (const node of [...parent.children]) {
    if (keys.has(node.dataset.key)) nodes.set(node.dataset.key, node);
    else node.remove();
  }
  let next = parent.firstElementChild;
  for (const item of items) {
    const node = nodes.get(String(item.id)) ?? create(item);
    node.dataset.key = item.id;
    update(node, item);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}

const schedule = () => { frame ||= requestAnimationFrame(draw); };

async function ask(path, fields) {
  const headers = { "Content-Type": "application/json" };
  const options = fields && { method: "POST", headers, body: JSON.stringify(fields) };
  const gone = () => Response.json({ problem: "The emulator does not answer. Was it stopped?" }, { status: 503 });
  const response = await fetch(`/emulator/${path}`, options).catch(gone);
  const content = await response.json();
  if (!response.ok) throw new Error(content.problem);
  return content;
}

const say = (id, text, className = "bad") => { Object.assign($(id), { textContent: text, className }); };
const hush = () => ["refusal", "emitted"].forEach((id) => say(id, ""));
const act = (path, fields) => ask(path, fields).catch(({ message }) => say("refusal", message));

// What the server sends

function follow() {
  source?.close();
  source = new EventSource(`/emulator/events?filter=${encodeURIComponent($("filter").value)}`);
  source.addEventListener("reset", (event) => {
    const [run] = event.lastEventId.split(":");
    if (run !== state.run) { // another emulator, whose rows have the same numbers
      Object.assign(state, { run, newest: 0, again: null });
      if (state.selected) close();
    }
    state.rows = [];
    hush();
    take(event);
  });
  source.addEventListener("news", take);
  source.onopen = () => link("live");
  source.onerror = ({ target }) => {
    link("offline");
    if (target === source && target.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
}

const link = (text) => { $("link").textContent = $("link").dataset.state = text; };

// Whether a row is the one whose details are shown, or another attempt at its delivery.
const isAbout = ({ id, delivery }, shown) => id === shown.id || (delivery !== null && delivery === shown.delivery);

function take(event) {
  const { rows = [], samples, ...news } = JSON.parse(event.data);
  if (news.webhooks && news.webhooks.total !== state.webhooks.total) hush();
  Object.assign(state, news);
  const again = state.again && rows.find((row) => row.id > state.again.after && isAbout(row, state.again));
  state.newest = Math.max(state.newest, ...rows.map((row) => row.id));
  const known = new Map([...state.rows, ...rows].map((row) => [row.id, row]));
  state.rows = [...known.values()].sort((one, other) => other.id - one.id).slice(0, MOST_ROWS);
  if (samples) fillEvents(samples);
  if (again) {
    state.again = null;
    show(again.id);
  } else if (state.details && rows.some((row) => isAbout(row, state.details))) select(state.selected);
  schedule();
}

// Drawing

const duration = (row) => (row.ms === null ? "" : `${row.ms < 10 ? row.ms : Math.round(row.ms)} ms`);
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
const clock = (row) => new Date(row.at).toLocaleTimeString("en-GB", CLOCK);
const number = (value) => value.toLocaleString("en");

function createRow(row) {
  const item = clone("row");
  item.firstElementChild.onclick = () => show(row.id);
  item.firstElementChild.onfocus = () => { state.focused = row.id; schedule(); };
  return item;
}

function updateRow(item, row) {
  const button = item.firstElementChild;
  put(button, String(row.id === state.selected), "ariaCurrent");
  put(button, row.id === state.reached ? 0 : -1, "tabIndex");
  const version = `${state.run}:${row.changed}`;
  if (item.dataset.version === version) return;
  item.dataset.version = version;
  button.dataset.tone = row.tone;
  const texts = [clock(row), row.kind, row.what, row.where, row.tags, row.outcome, duration(row)];
  texts.forEach((text, index) => put(button.children[index], text));
}

function draw() {
  frame = 0;
  const { rows } = state;
  state.reached = (rows.find((row) => row.id === state.focused) ?? rows[0])?.id;
  sync($("rows"), rows, createRow, updateRow);
  const older = state.total - rows.length;
  $("older").hidden = older <= 0;
  put($("older"), `${number(older)} older rows; the filter searches them too`);
  const isFiltered = $("filter").value.trim() !== "";
  put($("shown"), isFiltered ? `${number(state.total)} of ${number(state.kept)}` : "");
  $("empty").hidden = rows.length > 0 || isFiltered;
  $("nothing").hidden = rows.length > 0 || !isFiltered;
  for (const node of document.querySelectorAll("[data-figure]")) put(node, number(state.figures[node.dataset.figure] ?? 0));
  const { text = "", done = 0, total = 0 } = state.announcement ?? {};
  const [line, bar] = $("announcement").children;
  $("announcement").hidden = !text;
  put(line, text);
  Object.assign(bar, { hidden: !total, max: total || 1, value: done });
  for (const item of document.querySelectorAll("[data-fault]")) {
    const left = state.faults[item.dataset.fault] ?? 0;
    put(item.querySelector("[role=switch]"), String(left > 0), "ariaChecked");
    put(item.querySelector("output"), left ? `${number(left)} left` : "");
  }
  drawWebhooks();
}

const pairs = (list) => list.flatMap(([name, value]) => [make("dt", name), make("dd", value)]);

function drawDetails() {
  const row = state.details;
  $("details").hidden = !row;
  if (!row) return;
  put($("details-title"), row.title);
  $("again").hidden = row.delivery === null;
  $("badge").dataset.tone = row.tone;
  put($("badge"), `${row.outcome} ${duration(row)}`);
  put($("why"), row.why);
  $("facts").replaceChildren(...pairs([["Time", clock(row)], ...row.facts]));
  $("attempts").hidden = row.attempts.length < 2;
  $("attempts").replaceChildren(...row.attempts.map((one) => {
    const more = { className: "badge", ariaCurrent: String(one.id === row.id), onclick: () => show(one.id) };
    const button = make("button", `${clock(one)} ${one.outcome}`, more);
    button.dataset.tone = one.tone;
    return button;
  }));
  $("sections").replaceChildren(...row.sections.flatMap(({ title, content }) => {
    const isText = typeof content === "string";
    const node = isText ? make("pre", content, { tabIndex: 0, role: "region", ariaLabel: title }) : make("dl", "");
    if (!isText) node.append(...pairs(content));
    return [make("h3", title), node];
  }));
}

function drawWebhooks() {
  const { total, events } = state.webhooks;
  put($("webhook-count"), String(total || ""));
  put($("routes"), Object.entries(state.routes).map(routed).join(" "));
  const groups = Object.entries(events).map(([id, group]) => ({ id, ...group }));
  sync($("events"), groups, createGroup, updateGroup);
}

const routed = ([origin, target]) => `Deliveries to ${origin === "*" ? "other hosts" : origin} go to ${target}.`;
const failed = (count) => (count ? `${count} failed` : "");

function createGroup({ id }) {
  const group = Object.assign(clone("group"), { open: state.webhooks.total <= 10 });
  put(group.querySelector("b"), id);
  return group;
}

function updateGroup(group, { total, active, failures, hooks }) {
  const [summary, list] = group.children;
  const cut = hooks.length < total ? `, the newest ${hooks.length} shown` : "";
  put(summary.children[1], `${active} of ${total} active${cut}`);
  put(summary.children[2], failed(failures));
  sync(list, hooks, createHook, updateHook);
}

function createHook({ id }) {
  const item = clone("hook");
  const toggle = item.lastElementChild;
  toggle.ariaLabel = `Webhook ${id} active`;
  toggle.onclick = () => act("webhooks", { id, active: toggle.ariaChecked !== "true" });
  return item;
}

function updateHook(item, hook) {
  const [text, failures, toggle] = item.children;
  put(text, `${hook.id} ${hook.method} ${hook.url}`);
  put(failures, failed(hook.failures));
  put(toggle, String(hook.active), "ariaChecked");
}

// What people do

// Show the details of a row; the browser's Back closes them.
async function show(id) {
  if (!state.selected) history.pushState(null, "");
  await select(id);
  $("details").scrollIntoView();
}

async function select(id) {
  state.selected = id;
  schedule();
  const details = id && (await act(`rows/${id}`));
  if (state.selected !== id) return;
  state.details = details;
  drawDetails();
}

function move(event) {
  const item = event.target.closest("li");
  const to = { ArrowDown: item?.nextElementSibling, ArrowUp: item?.previousElementSibling,
    Home: $("rows").firstElementChild, End: $("rows").lastElementChild }[event.key];
  if (!to) return;
  event.preventDefault();
  to.firstElementChild.focus();
  if (state.details) show(Number(to.dataset.key));
}

function close() {
  $("rows").querySelector('[aria-current="true"]')?.focus();
  history.back();
}

function fillEvents(samples) {
  const names = $("event").options.length ? [] : Object.keys(samples);
  $("event").append(...names.map((name) => make("option", name, { selected: name === "UPDATE_ORDER" })));
  $("event").onchange = () => {
    const isTheirs = !["", sample].includes($("entity").value);
    sample = samples[$("event").value];
    if (!isTheirs) $("entity").value = sample;
  };
  $("event").onchange();
}

async function emit(event) {
  event.preventDefault();
  const type = $("event").value;
  const sent = await ask("emit", { event: type, entity: $("entity").value }).catch((error) => error);
  if (sent.webhooks) say("emitted", `Queued for ${sent.webhooks} webhook${sent.webhooks > 1 ? "s" : ""}.`, "hint");
  else say("emitted", sent.message ?? `No active webhook for ${type}: register one, or switch one on.`);
}

for (const item of document.querySelectorAll("[data-fault]")) {
  item.append(clone("hits"));
  const [times, toggle] = item.querySelectorAll("input, button");
  [times.ariaLabel, toggle.ariaLabel] = [`${item.dataset.fault}: how many`, item.dataset.fault];
  const set = (hits) => act("faults", { name: item.dataset.fault, times: hits });
  toggle.onclick = () => (toggle.ariaChecked === "true" ? set(0) : times.reportValidity() && set(times.valueAsNumber));
  times.onchange = () => toggle.ariaChecked === "true" && times.reportValidity() && set(times.valueAsNumber);
}
put($("origin"), location.origin);
for (const panel of document.querySelectorAll(".panel")) panel.open = matchMedia("(min-width: 1000px)").matches;
let typing = 0;
$("filter").oninput = () => { clearTimeout(typing); typing = setTimeout(follow, 150); };
$("rows").onkeydown = move;
$("emit").querySelector("form").onsubmit = emit;
$("again").onclick = () => {
  state.again = { ...state.details, after: state.newest };
  put($("why"), "Queued again. The new attempt will appear here.");
  act("again", { row: state.again.id });
};
$("copy").onclick = () => navigator.clipboard.writeText($("setup").textContent).then(() => put($("copy"), "Copied"));
$("sample").onclick = () => put($("entity"), sample, "value");
$("close").onclick = close;
$("reset").onclick = () => act("reset", {});
document.onclick = hush;
window.onpopstate = () => select(null);
document.onkeydown = (event) => {
  if (event.key === "Escape" && state.details) close();
  if (event.key === "/" && !event.target.matches("input, textarea, select")) {
    event.preventDefault();
    $("filter").focus();
  }
};
// A browser opens few connections to a server: hidden tabs leave theirs to the others.
document.onvisibilitychange = () => (document.hidden ? source.close() : follow());
follow();
