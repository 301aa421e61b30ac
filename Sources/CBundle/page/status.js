'use strict';

// What comes from the gateway is text, whatever it holds: it goes into the page by textContent and by attributes that
// neither run nor load anything. Nodes are made once and changed in place, so that focus and selection stay.

/** The elements of the document, by their ids. */
const at = Object.fromEntries([...document.querySelectorAll('[id]')].map((node) => [node.id, node]));
const page = {
  snapshot: null,
  /** The id of the box that is open, such as `sinks.slack`. */
  open: '',
  filter: '',
  onlyTroubled: false,
  allServices: false,
  allProblems: false,
  /** What is in the picture, by id. */
  boxes: new Map(),
  /** The keys whose lines are shown. */
  lines: new Set(),
  pointerMoved: -Infinity,
};

// MARK: What may be missing or of another kind

const list = (value) => (Array.isArray(value) ? value.filter((each) => each !== null) : []);
const number = (value) => (Number.isFinite(value) ? value : 0);
const record = (value) => (value !== null && typeof value === 'object' ? value : {});
const hasTime = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const look = (table, word) => (Object.hasOwn(table, word) ? table[word] : undefined);
const sum = (values) => values.reduce((total, each) => total + number(each), 0);

// MARK: Nodes

/** A node that has the value already is left alone: writing it again would drop what is selected in it. */
function setText(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function draw(tag, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** A copy of a template, and its parts by the first word of their classes. */
function copyOf(template) {
  const node = at[template].content.firstElementChild.cloneNode(true);
  const row = { node };
  for (const part of node.querySelectorAll('[class]')) row[part.classList[0]] ??= part;
  return row;
}

const rowsIn = new WeakMap();
const rowOf = new WeakMap();

/**
 * Makes the children of a node those of the items, by key: what is there is updated, what is new made, the rest removed.
 * Other children stay where they are. The order is not touched while a person is at work there.
 */
function show(parent, items, template, keyOf, update, isFrozen = false) {
  const old = rowsIn.get(parent) ?? new Map();
  const rows = new Map();
  items.forEach((item, index) => {
    let key = String(keyOf(item, index));
    while (rows.has(key)) key += '\0';
    const row = old.get(key) ?? (typeof template === 'function' ? template(item) : copyOf(template));
    old.delete(key);
    rows.set(key, row);
    rowOf.set(row.node, row);
    update(row, item, index);
  });
  for (const row of old.values()) row.node.remove();
  rowsIn.set(parent, rows);
  const nodes = new Set([...rows.values()].map((row) => row.node));
  const own = (node) => {
    while (node && !nodes.has(node)) node = node.nextSibling;
    return node;
  };
  let next = own(parent.firstChild);
  for (const node of nodes) {
    if (node === next) next = own(next.nextSibling);
    else if (node.parentNode !== parent) parent.insertBefore(node, isFrozen ? null : next);
    else if (!isFrozen) parent.insertBefore(node, next);
  }
}

// MARK: Words

const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Shows what could not be seen, and what would turn the text around it. */
function clean(value) {
  return String(value ?? '').replace(invisible, (each) =>
    '\t\n\r'.includes(each) ? ' ' : `⟨U+${each.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

function short(value, limit) {
  const text = clean(value);
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A name inside of other words: it does not change their direction. */
const isolated = (value, limit = 60) => `\u2068${short(value, limit)}\u2069`;

const longTexts = new WeakMap();

/** A text that may be very long: its beginning, and a button for the rest. */
function setLongText(node, value, limit = 280) {
  const text = clean(value);
  let long = longTexts.get(node);
  if (!long) {
    long = { text: node.appendChild(document.createElement('bdi')), button: document.createElement('button') };
    Object.assign(long.button, { type: 'button', className: 'link' });
    long.button.dataset.do = 'more';
    longTexts.set(node, long).set(long.button, long);
  }
  long.show = () => {
    setText(long.text, long.isOpen ? text : short(text, limit));
    setText(long.button, long.isOpen ? 'Show less' : `Show all ${count(text.length)} characters`);
    setAttribute(long.button, 'aria-expanded', Boolean(long.isOpen));
    if (text.length <= limit) long.button.remove();
    else if (!long.button.parentNode) node.append(' ', long.button);
  };
  long.show();
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });
const count = (value) => whole.format(number(value));
const briefly = (value) => (number(value) < 100000 ? count(value) : compact.format(value));
const percent = (value) => `${Math.round(number(value) * 100)} %`;
const plural = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

/** In the unit that makes it a number of at least one. */
function rate(perSecond) {
  const value = number(perSecond);
  const [factor, unit] = value <= 0 || value >= 1 ? [1, 's'] : value * 60 >= 1 ? [60, 'min'] : [3600, 'h'];
  return `${value * factor >= 100 ? briefly(value * factor) : twoDigits.format(value * factor)}/${unit}`;
}

function bytes(value) {
  const power = Math.min(5, Math.max(0, Math.floor(Math.log10(Math.max(1, number(value))) / 3)));
  const size = number(value) / 1000 ** power;
  return `${size >= 100 ? Math.round(size) : twoDigits.format(size)} ${['B', 'kB', 'MB', 'GB', 'TB', 'PB'][power]}`;
}

const now = () => Date.parse(page.snapshot?.time) || 0;

function duration(milliseconds, isBrief = false) {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const and = (rest, unit) => (rest && !isBrief ? ` ${rest} ${unit}` : '');
  if (seconds < 60) return `${seconds} s`;
  if (minutes < 10) return `${minutes} min${and(seconds % 60, 's')}`;
  if (minutes < 90) return `${minutes} min`;
  if (hours < 48) return `${hours} h${and(minutes % 60, 'min')}`;
  return `${Math.floor(hours / 24)} days`;
}

const iso = (time) => new Date(time).toISOString();

/** `14:03:20 UTC`, with the day where it is not the snapshot's. */
function clock(value) {
  const text = iso(Date.parse(value));
  return `${text.slice(0, 10) === iso(now()).slice(0, 10) ? '' : `${text.slice(0, 10)} `}${text.slice(11, 19)} UTC`;
}

/** With how far that is from the snapshot: all that is shown is of one moment. */
function moment(value) {
  if (!hasTime(value)) return '–';
  const difference = Date.parse(value) - now();
  const words = duration(difference);
  return `${clock(value)} (${words === '0 s' ? 'now' : difference > 0 ? `in ${words}` : `${words} ago`})`;
}

// MARK: States

const circle = 'M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12z';
const octagon = 'M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4z';
const cross = 'M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4';
const stop = `${octagon}${cross}`;
const warning = 'M8 1.9 14.7 13.7H1.3zM8 6.2v3.3M8 11.6v.1';

/** Each state has a shape of its own, so that it can be told without its colour. */
const shapes = {
  idle: circle,
  flowing: 'M4 2.6 13.2 8 4 13.4z',
  waiting: `${circle}M8 4.8V8l2.3 1.5`,
  shut: `${circle}M4.9 8h6.2`,
  held: `${octagon}M8 4.6v4M8 11.3v.1`,
  breaker_open: 'M1 11h3M12 11h3M4 11l6.6-6M4 11v.1M12 11v.1',
  paused: 'M5.2 3v10M10.8 3v10',
  connecting: circle,
  draining: 'M8 1.8v8M4.6 6.6 8 10l3.4-3.4M3 13.7h10',
  stopped: 'M3.2 3.2h9.6v9.6H3.2z',
  down: `${circle}${cross}`,
  well: `${circle}M5.2 8.3l2 2 3.7-4.3`,
  degraded: warning,
  not_ready: stop,
  error: stop,
  warning,
  notice: `${circle}M8 7.4v3.8M8 4.8v.1`,
  silent: 'M2 8h3M11 8h3M7 4.5l2 7',
};
const tones = {
  good: ['flowing', 'well'],
  warn: ['waiting', 'shut', 'connecting', 'degraded', 'warning'],
  bad: ['held', 'breaker_open', 'down', 'not_ready', 'error', 'silent'],
  note: ['paused', 'draining', 'notice'],
};
const graveStates = ['down', 'held', 'breaker_open', 'shut', 'connecting', 'paused'];
const isGrave = (state) => graveStates.includes(state);
const toneOf = (state) => Object.keys(tones).find((tone) => tones[tone].includes(state)) ?? 'mute';
const plain = (state) => short(state || 'unknown', 24).replaceAll('_', ' ');
const wordOf = (state) => (state === 'connecting' ? 'not connected' : plain(state));
const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

function setIcon(icon, state) {
  if (!icon.firstChild) {
    setAttribute(icon, 'viewBox', '0 0 16 16');
    setAttribute(icon, 'aria-hidden', true);
    icon.append(draw('path', {}));
  }
  setAttribute(icon, 'data-shape', look(shapes, state) ? state : 'unknown');
  setAttribute(icon.firstChild, 'd', look(shapes, state) ?? 'M8 1.8 14.2 8 8 14.2 1.8 8z');
}

const minutesOf = (flow) => list(record(flow).minutes).slice(-60).map(number);

/** A bar for each minute of the last hour; the last minute is not over, and lighter. */
function setBars(node, flow) {
  if (!node.firstChild) {
    for (const [name, value] of [['viewBox', '0 0 60 16'], ['preserveAspectRatio', 'none'], ['aria-hidden', true]]) {
      setAttribute(node, name, value);
    }
    const base = draw('path', { class: 'base', d: 'M0 15.5H60' });
    node.append(base, draw('path', { class: 'past' }), draw('path', { class: 'present' }));
  }
  const minutes = minutesOf(flow);
  const peak = Math.max(1, ...minutes);
  const bars = minutes.map((value, index) => {
    const height = Math.max(1, (value / peak) * 15).toFixed(1);
    return value > 0 ? `M${60 - minutes.length + index + 0.15} 16v-${height}h.7v${height}z` : '';
  });
  setAttribute(node.lastChild, 'd', bars.pop() ?? '');
  setAttribute(node.children[1], 'd', bars.join(''));
}

// MARK: What to change

const sections = ['sinks', 'destinations', 'sources'];

/** The keys of a path. A name may have dots of its own. */
function keysOf(path) {
  const [section, ...rest] = path.split('.');
  if (!sections.includes(section)) return [section, ...rest];
  const tail = path.slice(section.length + 1);
  const names = sections.flatMap((each) => list(page.snapshot[each])).map((part) => String(part.name));
  const known = names.filter((each) => `${tail}.`.startsWith(`${each}.`)).sort((a, b) => b.length - a.length);
  const name = known[0] ?? rest[0] ?? '';
  return [section, name, ...tail.slice(name.length + 1).split('.').filter(Boolean)];
}

const inQuotes = (text) =>
  JSON.stringify(text).replace(invisible, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A key that YAML would take for something else is quoted. */
function quoted(key) {
  const isPlain = /^[a-z_][\w./-]*$/i.test(key) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(key);
  return isPlain ? key : inQuotes(key);
}

const isSecret = (value) => String(value).includes('***');

function yamlLines(path, value) {
  const keys = keysOf(path);
  // A secret is better kept elsewhere than in the file.
  const text = isSecret(value) ? '${…}' : String(value ?? '…');
  const last = text.search(invisible) < 0 ? text : inQuotes(text);
  const end = (depth) => (depth < keys.length - 1 ? '' : ` ${last}`);
  return keys.map((key, depth) => `${'  '.repeat(depth)}${quoted(key)}:${end(depth)}`).join('\n');
}

/** Where the value comes from, and where it is to be changed; without lines where no file sets it. */
function settingOf({ key, value, suggestion, origin }) {
  const path = record(page.snapshot.configuration).file;
  const file = path ? short(String(path).split('/').filter(Boolean).pop(), 60) : 'sluice.yaml';
  const from = short(origin, 120);
  const lines = yamlLines(String(key), suggestion ?? value);
  if (value === undefined && !path) return { caption: `Its place in a file is ${short(key, 160)}.` };
  if (value === undefined) return { caption: `Its place in ${file} is ${short(key, 160)}:`, lines };
  const is = `${short(key, 160)} is ${isSecret(value) ? 'a secret' : short(value, 120)}`;
  const place = /^(defaults, )?(.+:\d+)$/.exec(from);
  if (from === 'the program') return { caption: `${is}, set by the program.` };
  const alone = `For this one alone, in ${file}:`;
  if (place?.[1]) return { caption: `${is}, set for all in ${place[2]} (defaults). ${alone}`, lines };
  if (place) return { caption: `${is}, set in ${from}${suggestion === undefined ? '' : '. Change it to'}:`, lines };
  if (/^[A-Z][A-Z0-9_]*$/.test(from)) return { caption: `${is}, set by the variable ${from}. In a file:`, lines };
  if (!from.startsWith('built-in')) return { caption: `${is}${from ? `, set in ${from}` : ''}:`, lines };
  const how = path ? `add to ${file}` : 'write a file; sluice check --print > sluice.yaml makes one';
  return { caption: `${is}, ${from}. To change it, ${how}:`, lines };
}

/** The clipboard exists on secure addresses alone; elsewhere the old command copies what is selected. */
async function copy(button) {
  const code = button.parentNode.querySelector('code');
  const isCopied = await navigator.clipboard?.writeText(code.textContent).then(() => true, () => false);
  if (!isCopied) getSelection().selectAllChildren(code);
  setText(button, isCopied || document.execCommand('copy') ? 'Copied' : 'Selected');
  setTimeout(() => setText(button, 'Copy'), 2000);
}

// MARK: The verdict

const advices = new WeakMap();

/** What is known of a problem beside its text, and what a person can do about it. */
function setAdvice(parent, problem) {
  if (!advices.has(parent)) {
    advices.set(parent, copyOf('tAdvice'));
    parent.append(advices.get(parent).node);
    advices.get(parent).change.open = parent === at.lead;
  }
  const advice = advices.get(parent);
  advice.node.hidden = !problem;
  if (!problem) return;
  const facts = [];
  if (hasTime(problem.since)) facts.push({ key: 'since', text: `since ${moment(problem.since)}` });
  const waiting = plural(problem.waiting, 'message waits', 'messages wait');
  if (number(problem.waiting)) facts.push({ key: 'waiting', text: waiting });
  if (hasTime(problem.until)) facts.push({ key: 'until', text: `tried again at ${moment(problem.until)}` });
  const target = targetOf(problem.subject);
  if (target) facts.push({ key: 'open', text: `Open ${isolated(target.replace(/^[a-z]+\./, ''))}`, href: hashOf(target) });
  show(advice.meta, facts, (fact) => copyOf(fact.href ? 'tLink' : 'tSpan'), (fact) => fact.key, (row, fact) => {
    setText(row.node, fact.text);
    if (fact.href) setAttribute(row.node, 'href', fact.href);
  });
  const remedy = record(problem.remedy);
  setLongText(advice.sentence, remedy.text);
  const setting = remedy.key ? settingOf(remedy) : {};
  advice.plain.hidden = !setting.caption || Boolean(setting.lines);
  setText(advice.plain, setting.lines ? '' : setting.caption ?? '');
  advice.change.hidden = !setting.lines;
  setText(advice.caption, setting.caption ?? '');
  setText(advice.code, setting.lines ?? '');
  advice.order.hidden = !remedy.command;
  setText(advice.command, String(remedy.command ?? ''));
}

function showVerdict() {
  const verdict = record(page.snapshot.verdict);
  const problems = list(verdict.problems);
  const level = String(verdict.level ?? 'unknown');
  const word = capital(wordOf(level));
  const lead = level !== 'well' && problems[0]?.severity !== 'notice' ? problems[0] : null;
  showHeadline(level, word, verdict.text, '');
  setAdvice(at.lead, lead);
  const others = lead ? problems.slice(1) : problems;
  at.others.hidden = at.problems.hidden = others.length === 0;
  setText(at.others, lead ? 'Also' : 'Worth knowing');
  at.furtherProblems.hidden = others.length <= 6;
  setText(at.furtherProblems, page.allProblems ? 'Show fewer' : `Show all ${others.length}`);
  const shown = others.length <= 6 || page.allProblems ? others : others.slice(0, 5);
  show(at.problems, shown, 'tProblem', (each) => `${each.subject} ${stem(each.text)}`, (row, problem) => {
    setAttribute(row.node, 'data-tone', toneOf(problem.severity));
    setIcon(row.icon, problem.severity);
    setText(row.severity, wordOf(problem.severity));
    setLongText(row.text, problem.text);
    setAdvice(row.body, problem);
  });
}

function showHeadline(level, word, text, more) {
  setAttribute(at.verdict, 'data-tone', toneOf(level));
  setAttribute(at.verdict, 'data-level', level);
  at.verdict.hidden = false;
  setIcon(at.levelIcon, level);
  setText(at.level, word);
  setLongText(at.headline, text, 320);
  at.more.hidden = !more;
  setText(at.more, more);
  document.title = `${word}: ${isolated(text, 120)} – Sluice`;
  // Said aloud when something else is the matter, not whenever one message more waits.
  const said = `${word}: ${short(text, 320)}`;
  if (stem(at.said.textContent) !== stem(said)) setText(at.said, said);
}

/** A text without its numbers: it is the same problem while only they change. */
const stem = (text) => String(text).replace(/\d+/g, '').slice(0, 300);

// MARK: The boxes

const hashOf = (id) => `#${encodeURIComponent(id.toWellFormed?.() ?? id)}`;
const destinationOf = (sink) => record(list(page.snapshot.destinations).find((each) => each.name === sink.destination));
const sinksOf = (destination) => list(page.snapshot.sinks).filter((each) => each.destination === destination.name);

/** A destination is drawn where several sinks share it, or where its name says more than the sink's. */
function isDrawn(destination) {
  const sinks = sinksOf(destination);
  return sinks.length > 1 || (sinks.length === 1 && sinks[0].name !== destination.name);
}

function boxOf(group, part, more) {
  const state = String(part.state ?? 'unknown');
  const isTroubled = Boolean(part.note ?? part.failure) || isGrave(more.state ?? state);
  const { name, kind } = part;
  return { group, part, id: `${group}.${name}`, name, kind, flow: record(part.flow), state, isTroubled, ...more };
}

function sourceBox(source) {
  const paths = list(source.paths).join(', ');
  const refused = sum(list(source.refused).map((each) => each.count));
  return boxOf('sources', source, {
    tag: source.is_unsigned ? '· unsigned' : '',
    facts: { 'taken in': briefly(record(source.flow).total), refused: briefly(refused) },
    line: source.note || paths || 'reads a broker',
  });
}

function queueBox(queue) {
  const facts = { written: briefly(record(queue.flow).total) };
  if (queue.bytes !== undefined) facts.size = bytes(queue.bytes);
  if (queue.disk_free !== undefined) facts['disk free'] = bytes(queue.disk_free);
  const kind = look({ log: 'embedded log', kafka: 'Kafka' }, queue.kind) ?? queue.kind;
  return boxOf('queue', queue, { id: 'queue', name: queue.topic || 'queue', kind, facts, line: queue.failure ?? '' });
}

function sinkBox(sink) {
  const destination = destinationOf(sink);
  // Of both the graver state, but a sink that ends says so.
  const isOwn = isGrave(sink.state) || ['draining', 'stopped'].includes(sink.state) || !isGrave(destination.state);
  const state = String((isOwn ? sink : destination).state ?? 'unknown');
  return boxOf('sinks', sink, {
    state,
    tag: sink.destination && sink.destination !== sink.name ? `→ ${isolated(sink.destination, 40)}` : '',
    facts: {
      lag: briefly(sink.lag),
      'in flight': `${count(sink.in_flight)}/${sink.in_flight_limit ? count(sink.in_flight_limit) : '–'}`,
      oldest: hasTime(sink.oldest) ? duration(Date.parse(sink.oldest) - now(), true) : '–',
    },
    line: lineOf(sink, destination, state),
    isTroubled: Boolean(sink.note ?? destination.note) || isGrave(state),
  });
}

function destinationBox(destination) {
  return boxOf('destinations', destination, {
    kind: `of ${plural(sinksOf(destination).length, 'sink', 'sinks')}`,
    facts: {
      waiting: briefly(destination.waiting),
      budget: percent(destination.budget_remaining ?? 1),
      amplification: amplificationOf(destination),
    },
    line: lineOf({}, destination, destination.state),
  });
}

const amplificationOf = ({ amplification: ratio }) => (ratio === undefined ? '–' : twoDigits.format(number(ratio)));

/** The one thing that is worth a line: until when it waits, what is wrong, or that it works. */
function lineOf(sink, destination, state) {
  if (['shut', 'held', 'breaker_open', 'waiting'].includes(state) && hasTime(destination.next_attempt)) {
    const reason = destination.shut_reason ?? (destination.failing_since && record(destination.last_failure).reason);
    return `${reason ? `${reason}: ` : ''}next attempt ${moment(destination.next_attempt)}`;
  }
  if (sink.note || destination.note) return sink.note || destination.note;
  if (hasTime(sink.empty_by)) return `backlog empty by ${moment(sink.empty_by)}`;
  return hasTime(destination.last_success) ? `last success ${moment(destination.last_success)}` : 'nothing sent yet';
}

function setBox(row, box) {
  row.shown = box;
  setAttribute(row.node, 'data-tone', toneOf(box.state));
  setAttribute(row.node, 'data-state', box.state);
  setIcon(row.icon, box.state);
  setText(row.name, short(box.name, 80));
  setText(row.state, wordOf(box.state));
  setText(row.kind, `${short(box.kind, 40)} ${box.tag ?? ''}`);
  setText(row.rate, rate(box.flow.per_second));
  setText(row.hour, `${briefly(sum(minutesOf(box.flow)))} in 60 min`);
  setBars(row.bars, box.flow);
  show(row.facts, Object.entries(box.facts), 'tFact', (fact) => fact[0], (each, fact) => {
    setText(each.key, fact[0]);
    setText(each.value, fact[1]);
  });
  setText(row.line, short(box.line, 200));
  setAttribute(row.box, 'aria-expanded', page.open === box.id);
}

// MARK: The picture

const most = 8;
const groups = ['sources', 'queue', 'sinks', 'destinations'];

function matches(box) {
  if (page.onlyTroubled && !box.isTroubled) return false;
  const { name, kind, part } = box;
  const texts = [name, kind, wordOf(box.state), part.group, part.destination].map((each) => clean(each).toLowerCase());
  return page.filter.toLowerCase().split(/\s+/).every((word) => texts.some((text) => text.includes(word)));
}

function showPicture() {
  const { sources, queue, sinks, destinations } = page.snapshot;
  const all = {
    sources: list(sources).map(sourceBox),
    queue: [queueBox(record(queue))],
    sinks: list(sinks).map(sinkBox),
    destinations: list(destinations).filter(isDrawn).map(destinationBox),
  };
  const boxes = groups.flatMap((group) => all[group]);
  const isCrowded = groups.some((group) => all[group].length > most);
  const isFiltered = page.filter !== '' || page.onlyTroubled;
  page.boxes = new Map(boxes.map((box) => [box.id, box]));
  at.filters.hidden = !isCrowded && !isFiltered;
  for (const group of groups) {
    let shown = all[group].filter((box) => group === 'queue' || box.id === page.open || matches(box));
    if (all[group].length > most) shown = shown.toSorted((a, b) => b.isTroubled - a.isTroubled);
    const isFrozen = at[group].contains(document.activeElement) || performance.now() - page.pointerMoved < 5000;
    show(at[group], shown, 'tCell', (box) => box.id, setBox, isFrozen);
    at[group].parentNode.hidden = group === 'destinations' && all[group].length === 0;
    setText(at[`${group}Title`], capital(group) + (all[group].length > 1 ? ` ${all[group].length}` : ''));
    setText(at[`${group}None`], shown.length ? '' : all[group].length ? 'None matches.' : 'None.');
  }
  const found = boxes.filter((box) => box.group !== 'queue' && matches(box)).length;
  setText(at.shown, isFiltered ? `${found} of ${boxes.length - 1}` : '');
  setAttribute(at.picture, 'data-crowded', isCrowded ? '' : null);
  setAttribute(at.picture, 'data-columns', all.destinations.length ? 4 : 3);
  arrange();
}

/** In columns where there is room, else one group below the other, each a grid. */
function arrange() {
  const needed = at.picture.dataset.columns === '4' ? 1080 : 900;
  const isWide = !('crowded' in at.picture.dataset) && at.picture.clientWidth >= needed;
  setAttribute(at.picture, 'data-layout', isWide ? 'wide' : 'stack');
  placePanel();
  drawLines(isWide);
}

// MARK: The lines between the boxes

function drawLines(isWide) {
  const origin = at.picture.getBoundingClientRect();
  const frameOf = (node) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    return { x: left - origin.left, y: top - origin.top, width, height };
  };
  const placed = Object.fromEntries(groups.map((group) => [group, inOneRank(group, frameOf, isWide)]));
  const queue = placed.queue[0];
  const lines = [
    ...placed.sources.map((from, index) => lineBetween(from, queue, share(index, placed.sources), true)),
    ...placed.sinks.map((to, index) => lineBetween(queue, to, share(index, placed.sinks), false)),
  ];
  for (const to of placed.destinations) {
    const peers = placed.sinks.filter(({ box }) => !box.part || !to.box.part || box.part.destination === to.box.part.name);
    lines.push(...peers.map((from, index) => lineBetween(from, to, share(index, peers), true)));
  }
  setAttribute(at.lines, 'width', Math.round(origin.width));
  setAttribute(at.lines, 'height', Math.round(origin.height));
  show(at.lines, lines, makeLine, (line) => line.key, (row, line) => setLine(row, line, isWide));
}

const share = (index, all) => (index + 1) / (all.length + 1);

/** The boxes of a group with their frames. One in several ranks is drawn as a whole, by the sum of its boxes. */
function inOneRank(group, frameOf, isWide) {
  const rows = [...rowsIn.get(at[group]).values()];
  const boxes = rows.map((row) => ({ box: row.shown, frame: frameOf(row.box) }));
  if (isWide || boxes.every(({ frame }) => Math.abs(frame.y - boxes[0].frame.y) < 2)) return boxes;
  const state = boxes.every(({ box }) => isGrave(box.state)) ? boxes[0].box.state : '';
  const flow = { per_second: sum(boxes.map(({ box }) => box.flow.per_second)) };
  return [{ box: { id: group, state, flow }, frame: frameOf(at[group]) }];
}

/** A line from one box to another; on the box where several meet they are spread. */
function lineBetween(from, to, share, isSpreadAtEnd) {
  const source = isSpreadAtEnd ? from.box : to.box;
  const isStopped = isGrave(from.box.state) || isGrave(to.box.state);
  const rate = number(source.flow.per_second);
  return { key: `${from.box.id} ${to.box.id}`, from: from.frame, to: to.frame, share, isSpreadAtEnd, rate, isStopped };
}

function makeLine() {
  const node = draw('g', {});
  node.append(...['base', 'moving', 'end'].map((name) => draw('path', { class: name })));
  return { node };
}

function setLine({ node }, { from, to, share, isSpreadAtEnd, rate, isStopped }, isWide) {
  const [start, end] = [isSpreadAtEnd ? 0.5 : share, isSpreadAtEnd ? share : 0.5];
  let [x1, y1, x2, y2] = isWide
    ? [from.x + from.width, from.y + from.height * start, to.x, to.y + to.height * end]
    : [from.x + from.width / 2, from.y + from.height, to.x + to.width / 2, to.y];
  // The queue lies across the whole width then, so that lines can be straight.
  if (!isWide && from.width > to.width) x1 = Math.max(x2, from.x);
  else if (!isWide) x2 = to.width > from.width ? x1 : to.x + to.width * end;
  [x1, y1, x2, y2] = [x1, y1, x2, y2].map((each) => Math.round(each * 2) / 2);
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const bend = isWide ? `${x} ${y1} ${x} ${y2} ${x2 - 3} ${y2}` : `${x1} ${y} ${x2} ${y} ${x2} ${y2 - 3}`;
  const curve = `M${x1} ${y1}C${bend}`;
  const arrow = isWide ? `M${x2 - 7} ${y2 - 4}l5 4l-5 4` : `M${x2 - 4} ${y2 - 7}l4 5l4-5`;
  const bar = isWide ? `M${x2 - 8} ${y2 - 6}v12` : `M${x2 - 6} ${y2 - 8}h12`;
  [curve, curve, isStopped ? bar : arrow].forEach((path, index) => setAttribute(node.children[index], 'd', path));
  const speed = rate <= 0 ? 'none' : rate < 0.5 ? 'slow' : rate < 20 ? 'middle' : 'fast';
  setAttribute(node, 'class', isStopped ? 'stopped' : speed);
}

// MARK: The box that is open

const panel = copyOf('tPanel');
const openedRow = () => groups.map((group) => rowsIn.get(at[group])?.get(page.open)).find(Boolean);

/** The id of the box that is meant: a destination that is not drawn is shown by its sink. */
function targetOf(id) {
  if (page.boxes.has(id) || id === 'poison') return id;
  const sink = list(page.snapshot.sinks).find((each) => `destinations.${each.destination}` === id);
  return sink ? `sinks.${sink.name}` : null;
}

function openBox(id) {
  page.open = id;
  history.replaceState(null, '', hashOf(id));
  showAll();
  if (!panel.node.isConnected) return;
  panel.panel.focus({ preventScroll: true });
  reveal(panel.panel);
}

function closeBox() {
  const button = openedRow()?.box;
  page.open = '';
  history.replaceState(null, '', location.pathname + location.search);
  showAll();
  button?.focus();
}

function reveal(node) {
  const { top, bottom, height } = node.getBoundingClientRect();
  if (top >= 60 && bottom <= innerHeight) return;
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  node.scrollIntoView({ behavior, block: height > innerHeight - 80 ? 'start' : 'nearest' });
}

/** Behind its box in a grid, whose cells flow around it; below the picture where that has columns. */
function placePanel() {
  const row = openedRow();
  const isBelow = at.picture.dataset.layout === 'wide';
  if (!row) panel.node.remove();
  else if (isBelow && panel.node.parentNode !== at.below) at.below.append(panel.node);
  else if (!isBelow && row.node.nextSibling !== panel.node) row.node.after(panel.node);
}

function showPanel() {
  const box = page.boxes.get(page.open);
  if (!box) return;
  const { part } = box;
  const destination = box.group === 'sinks' ? destinationOf(part) : {};
  const notes = new Set([part.note ?? part.failure, destination.note].filter(Boolean));
  setAttribute(panel.panel, 'data-tone', toneOf(box.state));
  setIcon(panel.icon, box.state);
  setLongText(panel.title, box.name, 160);
  setText(panel.state, `${wordOf(box.state)} · ${short(box.kind, 60)}`);
  panel.note.hidden = notes.size === 0;
  setLongText(panel.note, [...notes].join('; '));
  const describe = { sources: describeSource, queue: describeQueue, sinks: describeSink, destinations: describeDestination };
  showParts(panel.parts, describe[box.group](part, box));
}

const facts = (title, ...rows) => ({ title, facts: rows.filter(Boolean) });
const counts = (title, all) => facts(title, ...list(all).map((each) => [wordOf(each.name), count(each.count)]));
const policy = (title, part) => ({ title, policy: list(part.policy) });
const hasPolicy = (part) => list(part.policy).length > 0;

function hour(title, flow) {
  const minutes = minutesOf(flow);
  const peak = Math.max(0, ...minutes);
  const time = iso(now() - (minutes.length - 1 - minutes.lastIndexOf(peak)) * 60000).slice(11, 16);
  const rows = [['now', rate(flow.per_second)], ['in 60 min', count(sum(minutes))], ['since the start', count(flow.total)]];
  if (peak > 0) rows.push(['most in a minute', `${count(peak)}, at ${time} UTC`]);
  return { title, flow, facts: rows };
}

function describeSource(source) {
  const refused = list(source.refused).filter((each) => number(each.count) > 0);
  return [
    facts('Intake',
      ['paths', list(source.paths).join(', ') || 'none: it reads a broker'],
      ['routes', list(source.routes).join(', ') || '–'],
      ['unsigned', source.is_unsigned ? 'taken: no secret or token is set' : 'refused', source.is_unsigned ? 'note' : null]),
    hour('Last hour', record(source.flow)),
    { title: 'Refused requests', head: ['Status', 'Requests'], rows: refused.map((each) => [each.name, count(each.count)]) },
    ...(hasPolicy(source) ? [policy('Settings', source)] : []),
  ];
}

function describeQueue(queue, box) {
  return [
    facts('Queue',
      ['kind', box.kind],
      ['topic', queue.topic],
      queue.failure && ['failure', queue.failure, 'bad'],
      queue.bytes !== undefined && ['size', bytes(queue.bytes)],
      queue.disk_free !== undefined && ['disk free', bytes(queue.disk_free)]),
    hour('Written in the last hour', record(queue.flow)),
    ...(hasPolicy(queue) ? [policy('Settings', queue)] : []),
  ];
}

function describeSink(sink) {
  const destination = destinationOf(sink);
  const isShared = sinksOf(destination).length > 1;
  const link = `destinations.${destination.name}`;
  const title = isShared ? `Destination ${isolated(destination.name)}, shared` : 'Destination';
  const name = destination.name === undefined ? '' : title;
  return [
    ...(name ? healthOf(destination, name) : []),
    facts('Backlog',
      ['lag', plural(sink.lag, 'event', 'events')],
      ['oldest', hasTime(sink.oldest) ? moment(sink.oldest) : 'none waits'],
      hasTime(sink.empty_by) && ['empty by', `about ${moment(sink.empty_by)}`],
      ['in flight', `${count(sink.in_flight)} of ${count(sink.in_flight_limit)}`],
      ['group', sink.group],
      ['destination', sink.destination, null, page.boxes.has(link) ? link : null]),
    hour('Deliveries in the last hour', record(sink.flow)),
    counts('Deliveries by outcome', sink.outcomes),
    ...(name ? triesOf(destination) : []),
    policy('Policy of the sink', sink),
    ...(name ? [policy(`Policy of the destination${isShared ? ', shared' : ''}`, destination)] : []),
  ];
}

function describeDestination(destination) {
  return [
    ...healthOf(destination, 'Health'),
    hour('Attempts in the last hour', record(destination.flow)),
    ...triesOf(destination),
    policy('Policy', destination),
  ];
}

function healthOf(destination, title) {
  const failure = record(destination.last_failure);
  const waiting = number(destination.waiting);
  const left = number(destination.budget_remaining ?? 1);
  const why = { retry_after: 'shut: it named a time', held: 'held until it is mended', breaker: 'the breaker is open' };
  const reason = destination.shut_reason ? ` (${destination.shut_reason})` : '';
  const waits = ['budget', 'throttle', 'concurrency'].map((each) => count(destination[`waiting_for_${each}`]));
  const until = waiting && hasTime(destination.next_attempt) ? `, until ${moment(destination.next_attempt)}` : '';
  const { permits_per_second: permits, concurrency_limit: slots } = destination;
  return [
    facts(title,
      destination.shut_by && ['nothing is sent', `${look(why, destination.shut_by) ?? destination.shut_by}${reason}`, 'bad'],
      hasTime(destination.next_attempt) && ['next attempt', moment(destination.next_attempt)],
      hasTime(destination.failing_since) && ['fails since', moment(destination.failing_since), 'bad'],
      ['last success', moment(destination.last_success)],
      ['last failure', failure.time ? `${failure.reason}, ${moment(failure.time)}` : '–'],
      failure.description && ['it said', failure.description]),
    facts('What waits',
      ['for the next attempt', count(waiting) + until, waiting ? 'warn' : null],
      ['for the retry budget', waits[0]],
      ['for the throttle', waits[1]],
      ['for a slot', waits[2]]),
    facts('Limits',
      ['retry budget left', percent(left), left < 0.1 ? 'warn' : null],
      ['throttle', permits === undefined ? 'off' : `${percent(destination.throttle_use)} of ${rate(permits)} in use`],
      ['attempts at once', slots === undefined ? 'not bounded' : `${count(destination.concurrency)} of ${count(slots)}`],
      ['breaker', wordOf(destination.breaker ?? 'off'), destination.breaker === 'open' ? 'bad' : null],
      ['amplification', `${amplificationOf(destination)} per message`]),
  ];
}

function triesOf(destination) {
  const failures = list(destination.failures).map((each) => [each.reason, count(each.count), moment(each.last)]);
  return [
    { title: 'Failures by cause', head: ['Cause', 'Attempts', 'Last'], rows: failures },
    counts('Attempts by result', destination.attempts),
  ];
}

// MARK: Parts: a title, a chart, facts, a table or a policy

function showParts(parent, parts) {
  show(parent, parts, 'tPart', (part) => part.title, (row, part) => {
    setText(row.title, part.title);
    row.title.hidden = !part.title;
    setAttribute(row.node, 'data-part', part.policy ? 'policy' : null);
    row.chart.hidden = !part.flow;
    if (part.flow) setBars(row.bars, part.flow);
    const templateOf = (fact) => copyOf(fact[3] ? 'tRowLink' : 'tRow');
    show(row.list, part.facts ?? [], templateOf, (fact) => `${fact[0]} ${Boolean(fact[3])}`, setFact);
    const rows = part.policy ?? part.rows ?? [];
    row.table.hidden = rows.length === 0;
    row.legend.hidden = !part.policy;
    row.none.hidden = rows.length > 0 || part.facts?.length > 0;
    const heads = part.policy ? ['Key', 'Value', 'Origin', 'Change'] : part.head ?? [];
    show(row.heads, heads, 'tHead', (title) => title, (each, title) => setText(each.node, title));
    if (part.policy) setPolicy(row.body, rows);
    else show(row.body, rows, 'tCells', (cells) => cells[0], setCells);
  });
}

function setFact(row, [key, value, tone, href]) {
  setText(row.key, short(key, 80));
  if (row.to) {
    setText(row.to, short(value, 80));
    setAttribute(row.to, 'href', hashOf(href));
  } else {
    setAttribute(row.value, 'data-tone', tone);
    setLongText(row.value, value);
  }
}

function setCells(row, cells) {
  show(row.node, cells, 'tText', (_, index) => index, (each, value) => setLongText(each.node, value, 100));
}

function setPolicy(body, values) {
  const rows = values.flatMap((value) => (page.lines.has(value.key) ? [{ value }, { value, isLines: true }] : [{ value }]));
  const templateOf = (row) => copyOf(row.isLines ? 'tLines' : 'tValue');
  show(body, rows, templateOf, (row) => `${row.value.key} ${Boolean(row.isLines)}`, (row, { value, isLines }) => {
    const key = String(value.key);
    if (isLines) {
      const setting = settingOf(value);
      setText(row.caption, setting.caption);
      row.snippet.hidden = !setting.lines;
      return setText(row.code, setting.lines ?? '');
    }
    const keys = keysOf(key);
    row.setting = key;
    setText(row.link, short(sections.includes(keys[0]) ? keys.slice(2).join('.') : key, 100));
    setAttribute(row.link, 'aria-expanded', page.lines.has(key));
    setLongText(row.value, value.value, 100);
    setText(row.origin, short(value.origin, 100));
    setText(row.change, short(value.change, 40));
    setAttribute(row.node, 'class', String(value.origin).startsWith('built-in') ? 'standard' : 'chosen');
  });
}

// MARK: Deployments

function showDeployments() {
  const all = list(page.snapshot.deployments);
  const missing = all.filter((each) => each.is_in_production === false && each.succeeded);
  const environments = environmentsOf(all);
  const services = [...new Set(all.map((each) => String(each.service)))];
  const summary = missing.length ? 'Not in production yet:' : 'What was deployed is in production.';
  setText(at.deployed, all.length === 0 ? 'None seen yet.' : summary);
  show(at.missing, missing.slice(0, 8), 'tMissing', (each) => `${each.service}\0${each.environment}`, (row, each) => {
    setText(row.name, short(each.service, 60));
    setText(row.code, commitOf(each));
    setText(row.muted, `in ${isolated(each.environment)} since ${moment(each.time)}`);
  });
  at.services.hidden = all.length === 0;
  setAttribute(at.services, 'data-cards', environments.length > 4 ? '' : null);
  const setHead = (row, title) => setText(row.node, short(title, 40));
  show(at.environments, ['Service', ...environments], 'tHead', (title) => title, setHead);
  show(at.rows, page.allServices ? services : services.slice(0, 10), 'tService', (service) => service, (row, service) => {
    const own = all.filter((each) => String(each.service) === service);
    setText(row.name, short(service, 60));
    show(row.node, environments, 'tCommit', (each) => each, (cell, environment) =>
      setDeployment(cell, environment, own.find((each) => String(each.environment) === environment)));
  });
  at.all.hidden = services.length <= 10;
  setText(at.all, page.allServices ? 'Show fewer' : `Show all ${services.length} services`);
}

const commitOf = (deployment) => clean(deployment.commit).slice(0, 9);

/** In the order in which commits go through them, as far as that can be told: production is the last one. */
function environmentsOf(all) {
  const ofProduction = all.filter((each) => each.is_in_production === undefined);
  const isProduction = new Set(ofProduction.map((each) => String(each.environment)));
  const names = [...new Set(all.map((each) => String(each.environment)))];
  return names.sort().sort((a, b) => isProduction.has(a) - isProduction.has(b));
}

function setDeployment(cell, environment, deployment) {
  const state = !deployment ? 'idle' : deployment.succeeded ? 'well' : 'down';
  const isMissing = deployment?.succeeded && deployment.is_in_production === false;
  const word = isMissing ? 'not in production' : deployment && !deployment.succeeded ? 'failed' : '';
  setText(cell.label, short(environment, 40));
  setIcon(cell.icon, state);
  setAttribute(cell.node, 'data-tone', toneOf(state));
  setAttribute(cell.node, 'data-empty', deployment ? null : '');
  setText(cell.code, deployment ? commitOf(deployment) : '–');
  setText(cell.time, deployment ? moment(deployment.time) : '');
  setText(cell.badge, word);
  cell.badge.hidden = !word;
}

// MARK: Poison, configuration

function showPoison() {
  const poison = record(page.snapshot.poison);
  const causes = list(poison.causes).filter((each) => number(each.count) > 0);
  showParts(at.poisonParts, [
    facts('', ['topic', poison.topic], ['not looked at', count(poison.messages), poison.messages ? 'bad' : null],
      hasTime(poison.oldest) && ['oldest', moment(poison.oldest)]),
    {
      title: 'By cause, since the start',
      head: ['Cause', 'Route', 'Messages'],
      rows: causes.map((each) => [each.reason, each.route, count(each.count)]),
    },
    ...list(page.snapshot.jobs).slice(0, 1).map(() => ({
      title: 'Sent again by jobs',
      // Few columns, so that no word of them is broken beside a long reason.
      head: ['Job', 'State', 'Messages'],
      rows: list(page.snapshot.jobs).map((each) => [
        `${each.id}: ${each.kind} to ${each.to}`, each.why ? `${each.state}: ${each.why}` : each.state,
        `${count(each.left)} left, ${count(each.delivered)} delivered, ${count(each.failed)} failed`]),
    })),
  ]);
}

function showConfiguration() {
  const { file, loaded, refusal, needs_restart: waits } = record(page.snapshot.configuration);
  const { version, swift, started } = record(page.snapshot.build);
  showParts(at.configurationParts, [
    facts('',
      ['from', file ?? 'the environment'],
      ['in force since', moment(loaded)],
      ['last reload', refusal ? `refused: ${refusal}` : 'taken', refusal ? 'bad' : null],
      waits && ['needs a restart', waits, 'warn']),
    facts('Build', ['Sluice', version], ['Swift', swift], ['started', moment(started)],
      hasTime(started) && ['up', duration(now() - Date.parse(started))]),
  ]);
}

function showAll() {
  if (!page.snapshot) return;
  at.content.hidden = false;
  showPicture();
  showVerdict();
  showPanel();
  showDeployments();
  showPoison();
  showConfiguration();
  // What was shown may have moved the boxes.
  arrange();
}

// MARK: Polling

const poll = { timer: 0, request: null, failures: 0, failure: null, isPaused: false, answered: 0, next: 0, version: null };

/** Seldom while the tab is hidden, and less often while the gateway does not answer. */
function schedule(delay) {
  clearTimeout(poll.timer);
  if (poll.isPaused) return;
  const rest = poll.failures ? Math.min(10000, 1000 * 2 ** poll.failures) : document.hidden ? 30000 : 2000;
  poll.next = performance.now() + (delay ?? rest);
  poll.timer = setTimeout(ask, delay ?? rest);
}

class Refusal extends Error {
  constructor(word, headline, more = '') {
    super(headline);
    Object.assign(this, { word, more });
  }
}

const noStatus = new Refusal('No status', 'Something answers here, but not with a status of the gateway.');

async function refusalOf(response) {
  const text = (await response.text()).trim();
  // The gateway's own refusals are a line of JSON.
  const words = /^\{"error":(".*")\}$/s.exec(text);
  const said = text && !text.startsWith('<') ? ` It says: ${short(words ? JSON.parse(words[1]) : text, 300)}` : '';
  const { status } = response;
  if (status === 401) {
    const how = 'Load this page again, and give METRICS_TOKEN as the password; the user may be anything.';
    return new Refusal('No access', 'The gateway asks for its token.', how);
  }
  if (status === 403) {
    const which = 'It accepts IP addresses, localhost, the names of its machine, and those in STATUS_HOSTS.';
    return new Refusal('No access', 'The gateway does not accept this address.', which + said);
  }
  return status === 404 ? noStatus : new Refusal('No status', `The gateway answers with status ${status}.`, said.trim());
}

/** One request at a time: the next one is planned when this one has ended. */
async function ask() {
  if (poll.request) return;
  const request = (poll.request = new AbortController());
  const limit = setTimeout(() => request.abort(), 10000);
  let snapshot = null;
  let failure = null;
  try {
    // A relative address would take over a password that stands in the page's own, which is refused.
    const options = { cache: 'no-store', redirect: 'error', signal: request.signal };
    const response = await fetch(`${location.origin}/status.json`, options);
    if (response.ok) snapshot = await response.json();
    else failure = await refusalOf(response);
  } catch (error) {
    failure = error instanceof SyntaxError ? noStatus : new Refusal('No answer', 'The gateway does not answer.');
  }
  clearTimeout(limit);
  // A request that was given up says nothing.
  if (poll.request !== request) return;
  poll.request = null;
  if (failure ?? !record(snapshot).verdict) miss(failure ?? noStatus);
  else take(snapshot);
  schedule();
  showLive();
}

function take(snapshot) {
  const isFirst = !page.snapshot;
  Object.assign(poll, { failures: 0, answered: performance.now() });
  poll.version ??= record(snapshot.build).version;
  page.snapshot = snapshot;
  showAll();
  if (isFirst) followHash();
}

function miss(failure) {
  poll.failures += 1;
  poll.failure = failure;
}

/** Whether it is alive, and what is said in place of the verdict when it is not. */
function showLive() {
  const isSilent = poll.failures > 0 && !poll.isPaused;
  const time = now() ? `${iso(now()).slice(11, 19)} UTC` : '';
  // A gateway that was replaced may mean something else by its answers.
  const isOther = page.snapshot && (record(page.snapshot.build).version !== poll.version || page.snapshot.version > 1);
  setAttribute(document.body, 'data-live', poll.isPaused ? 'paused' : isSilent ? 'silent' : page.snapshot ? 'live' : 'new');
  if (poll.isPaused) setText(at.live, `Paused${time ? ` at ${time}` : ''}`);
  else if (isSilent) setText(at.live, poll.failure.word);
  else setText(at.live, isOther ? 'Updated: load this page again' : page.snapshot ? `Live, ${time}` : 'Asking…');
  if (!isSilent) return;
  const seconds = Math.ceil((poll.next - performance.now()) / 1000);
  const ago = duration(performance.now() - poll.answered);
  const since = page.snapshot ? `Last answer at ${time}, ${ago} ago: what stands below is of then.` : '';
  const again = poll.request || seconds <= 0 ? 'Asking again.' : `Asked again in ${seconds} s.`;
  const more = [poll.failure.more, since, again].filter(Boolean).join(' ');
  showHeadline('silent', poll.failure.word, poll.failure.message, more);
  setAdvice(at.lead, null);
  at.others.hidden = at.problems.hidden = at.furtherProblems.hidden = true;
}

function pause() {
  poll.isPaused = !poll.isPaused;
  setAttribute(at.pause, 'aria-pressed', poll.isPaused);
  setText(at.pauseWord, poll.isPaused ? 'Go on' : 'Pause');
  poll.request?.abort();
  poll.request = null;
  schedule(0);
  showLive();
}

// MARK: Hands

function followHash() {
  let id = '';
  try {
    id = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  const target = page.snapshot && targetOf(id);
  if (target === 'poison') reveal(at.poison);
  else if (target) openBox(target);
}

function search(text) {
  at.filter.value = text;
  page.filter = text.trim();
  showPicture();
}

/** What the buttons do, by `data-do`. */
const actions = {
  pause,
  copy,
  close: closeBox,
  toggle(button) {
    const { id } = rowOf.get(button.parentNode).shown;
    if (page.open === id) closeBox();
    else openBox(id);
  },
  more(button) {
    const long = longTexts.get(button);
    long.isOpen = !long.isOpen;
    long.show();
  },
  lines(button) {
    const { setting } = rowOf.get(button.closest('tr'));
    if (!page.lines.delete(setting)) page.lines.add(setting);
    showPanel();
  },
  problems() {
    page.allProblems = !page.allProblems;
    showVerdict();
  },
  all() {
    page.allServices = !page.allServices;
    showDeployments();
  },
};

document.addEventListener('click', ({ target }) => {
  const button = target.closest('button[data-do]');
  if (button) actions[button.dataset.do](button);
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isWriting = event.target.matches('input[type=search]');
  if (event.key === 'Escape' && isWriting && at.filter.value) search('');
  else if (event.key === 'Escape' && page.open) closeBox();
  else if (event.key === 'p' && !isWriting) pause();
  else if (event.key === '/' && !isWriting && !at.filters.hidden) {
    event.preventDefault();
    at.filter.focus();
  }
});
at.filter.addEventListener('input', () => search(at.filter.value));
at.troubled.addEventListener('change', () => {
  page.onlyTroubled = at.troubled.checked;
  showPicture();
});
at.picture.addEventListener('pointermove', () => (page.pointerMoved = performance.now()), { passive: true });
addEventListener('hashchange', followHash);
// One that is looked at again is brought up to date at once.
document.addEventListener('visibilitychange', () => poll.request ?? schedule(document.hidden ? undefined : 0));
new ResizeObserver(() => page.snapshot && arrange()).observe(at.picture);
setInterval(() => poll.failures && showLive(), 1000);

setText(at.host, location.host);
at.pause.hidden = false;
showLive();
ask();
