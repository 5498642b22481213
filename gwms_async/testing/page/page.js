// The page of the emulator. It keeps what the server sent, and draws it once per frame. All text goes in by
// textContent: ids, URLs and bodies come from anywhere.

const MOST_ROWS = 300;
const $ = (id) => document.getElementById(id);
const state = { rows: new Map(), total: 0, selected: null, details: null, webhooks: { total: 0, events: {} } };
let source = null;
let frame = 0;
let sample = "";

const clone = (id) => $(id).content.firstElementChild.cloneNode(true);
const make = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more });

function put(node, value, name = "textContent") {
  if (node[name] !== value) node[name] = value;
}

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
  const response = await fetch(`/emulator/${path}`, options);
  const content = await response.json();
  if (!response.ok) throw new Error(content.problem);
  return content;
}

const act = (path, fields) => ask(path, fields).catch(({ message }) => put($("refusal"), message));

// What the server sends

function follow() {
  source?.close();
  source = new EventSource(`/emulator/events?filter=${encodeURIComponent($("filter").value)}`);
  source.addEventListener("reset", (event) => {
    state.rows.clear();
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
const isAbout = ({ id, kind, webhook, entity }, shown) => id === shown.id
  || (kind === "delivery" && webhook === shown.webhook && entity === shown.entity);

function take(event) {
  const { rows = [], samples, ...news } = JSON.parse(event.data);
  Object.assign(state, news);
  for (const row of rows) state.rows.set(row.id, row);
  const ids = [...state.rows.keys()].sort((one, other) => other - one);
  for (const id of ids.slice(MOST_ROWS)) state.rows.delete(id);
  if (samples) fillEvents(samples);
  if (state.details && rows.some((row) => isAbout(row, state.details))) select(state.selected);
  schedule();
}

// Drawing

const tone = (row) => {
  if (row.ms === null) return "waiting";
  if (row.status >= 200 && row.status < 300) return "good";
  return row.kind === "call" && row.status >= 400 && row.status < 500 ? "warn" : "bad";
};
const outcome = (row) => String(row.status ?? row.problem ?? (row.ms === null ? "…" : "no answer"));
const duration = (row) => (row.ms === null ? "" : `${row.ms < 10 ? row.ms : Math.round(row.ms)} ms`);
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
const clock = (row) => new Date(row.at).toLocaleTimeString("en-GB", CLOCK);
const tags = (row) => [row.number > 1 && `attempt ${row.number}`, row.hit].filter(Boolean).join(", ");

function createRow(row) {
  const item = clone("row");
  item.firstElementChild.onclick = () => select(row.id).then(() => $("details").scrollIntoView({ block: "nearest" }));
  item.firstElementChild.onfocus = () => { state.focused = row.id; schedule(); };
  return item;
}

function updateRow(item, row) {
  const button = item.firstElementChild;
  put(button, String(row.id === state.selected), "ariaCurrent");
  put(button, row.id === state.reached ? 0 : -1, "tabIndex");
  if (item.dataset.changed === String(row.changed)) return;
  item.dataset.changed = row.changed;
  button.dataset.tone = tone(row);
  const isCall = row.kind === "call";
  const where = isCall ? `${row.method} ${row.where} ${row.about}` : `${row.entity} → ${row.where}`;
  const kind = isCall ? "API call" : "Delivery";
  const texts = [clock(row), kind, row.what, where, tags(row), outcome(row), duration(row)];
  texts.forEach((text, index) => put(button.children[index], text));
}

function draw() {
  frame = 0;
  const rows = [...state.rows.values()].sort((one, other) => other.id - one.id);
  state.reached = state.rows.has(state.focused) ? state.focused : rows[0]?.id;
  sync($("rows"), rows, createRow, updateRow);
  const older = state.total - rows.length;
  $("older").hidden = older <= 0;
  put($("older"), `${older.toLocaleString("en")} older`);
  const isFiltered = $("filter").value.trim() !== "";
  $("empty").hidden = rows.length > 0 || isFiltered;
  $("nothing").hidden = rows.length > 0 || !isFiltered;
  for (const node of document.querySelectorAll("[data-figure]")) {
    put(node, (state.figures?.[node.dataset.figure] ?? 0).toLocaleString("en"));
  }
  drawAnnouncement(state.announcement);
  drawFaults();
  drawWebhooks();
}

function drawAnnouncement(news) {
  $("announcement").hidden = !news;
  if (!news) return;
  const [text, bar] = $("announcement").children;
  put(text, news.text);
  Object.assign(bar, { hidden: !news.total, max: news.total || 1, value: news.done });
}

const pairs = (list) => list.flatMap(([name, value]) => [make("dt", name), make("dd", value)]);

function drawDetails() {
  const row = state.details;
  $("details").hidden = !row;
  if (!row) return;
  put($("details-title"), `${row.what} ${row.entity ?? ""}`);
  $("again").hidden = row.kind === "call";
  $("badge").dataset.tone = tone(row);
  put($("badge"), `${outcome(row)} ${duration(row)}`);
  put($("why"), row.why);
  const facts = [["Time", clock(row)], ["Request", `${row.method} ${row.where}`], ["Sent to", row.sent],
    ["Webhook", row.webhook], ["Hit by", row.hit]];
  $("facts").replaceChildren(...pairs(facts.filter(([, value]) => value)));
  $("attempts").hidden = row.attempts.length < 2;
  $("attempts").replaceChildren(...row.attempts.map((one) => {
    const more = { className: "badge", ariaCurrent: String(one.id === row.id), onclick: () => select(one.id) };
    const button = make("button", `${clock(one)} ${outcome(one)}`, more);
    button.dataset.tone = tone(one);
    return button;
  }));
  $("sections").replaceChildren(...row.sections.flatMap(({ title, content }) => {
    const isText = typeof content === "string";
    const node = isText ? make("pre", content, { tabIndex: 0, role: "region", ariaLabel: title }) : make("dl", "");
    if (!isText) node.append(...pairs(content));
    return [make("h3", title), node];
  }));
}

function drawFaults() {
  for (const item of document.querySelectorAll("[data-fault]")) {
    const left = state.faults?.[item.dataset.fault] ?? 0;
    put(item.querySelector("[role=switch]"), String(left > 0), "ariaChecked");
    put(item.querySelector("output"), left ? `${left.toLocaleString("en")} left` : "");
  }
}

function drawWebhooks() {
  const { total, events } = state.webhooks;
  put($("webhook-count"), String(total || ""));
  const groups = Object.entries(events).map(([id, group]) => ({ id, ...group }));
  sync($("events"), groups, createGroup, updateGroup);
}

const failed = (count) => (count ? `${count} failed` : "");

function createGroup({ id }) {
  const group = Object.assign(clone("group"), { open: state.webhooks.total <= 10 });
  put(group.querySelector("b"), id);
  return group;
}

function updateGroup(group, { total, active, failures, hooks }) {
  const [summary, list] = group.children;
  put(summary.children[1], `${active} of ${total} active${hooks.length < total ? `, ${hooks.length} shown` : ""}`);
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

async function select(id) {
  state.selected = id;
  schedule();
  const details = id && (await ask(`rows/${id}`).catch(() => null));
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
  if (state.details) select(Number(to.dataset.key));
}

function close() {
  $("rows").querySelector('[aria-current="true"]')?.focus();
  select(null);
}

function fillEvents(samples) {
  const show = () => {
    if (["", sample].includes($("entity").value)) $("entity").value = samples[$("event").value];
    sample = samples[$("event").value];
  };
  if (!$("event").children.length) {
    $("event").append(...Object.keys(samples).map((name) => make("option", name)));
    $("event").value = "UPDATE_ORDER";
  }
  $("event").onchange = show;
  show();
}

async function emit(event) {
  event.preventDefault();
  const type = $("event").value;
  try {
    const { webhooks } = await ask("emit", { event: type, entity: $("entity").value });
    const one = webhooks === 1 ? "webhook" : "webhooks";
    put($("emitted"), webhooks ? `Sent to ${webhooks} ${one}.` : `No active webhook for ${type}: register one, or switch one on.`);
  } catch (error) {
    put($("emitted"), error.message);
  }
}

for (const item of document.querySelectorAll("[data-fault]")) {
  const name = item.dataset.fault;
  item.append(clone("fault"));
  const [times, toggle] = item.querySelectorAll("input, button");
  times.ariaLabel = `${name}: how many`;
  toggle.ariaLabel = name;
  const due = () => (toggle.ariaChecked === "true" ? 0 : Math.max(Math.trunc(times.value), 1));
  toggle.onclick = () => act("faults", { name, times: due() });
}
for (const panel of document.querySelectorAll(".panel")) panel.open = matchMedia("(min-width: 1000px)").matches;
let typing = 0;
$("filter").oninput = () => {
  clearTimeout(typing);
  typing = setTimeout(follow, 150);
};
$("rows").onkeydown = move;
$("emit").querySelector("form").onsubmit = emit;
$("again").onclick = () => act("again", { row: state.details.id });
$("close").onclick = close;
$("reset").onclick = () => act("reset", {});
document.onclick = () => put($("refusal"), "");
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
