(() => {
  'use strict';

  // What comes from the gateway is text, whatever it holds: it goes into the page by textContent and by attributes that
  // neither run nor load anything. Nodes are made once and changed in place, so that focus and selection stay.

  // MARK: What is known

  const page = {
    snapshot: null,
    /** The id of the box that is open, such as `sinks.slack`. */
    open: '',
    filter: '',
    onlyTroubled: false,
    allServices: false,
    /** What is in the picture, by the id of its box. */
    boxes: new Map(),
    pointerMoved: 0,
  };
  const find = (id) => document.getElementById(id);
  const list = (value) => (Array.isArray(value) ? value.filter((item) => item !== null && item !== undefined) : []);
  const number = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
  const record = (value) => (value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {});
  const sum = (counts) => list(counts).reduce((total, each) => total + number(each.count), 0);

  // MARK: Nodes

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
    node.append(...children);
    return node;
  }

  function draw(tag, attributes = {}, ...children) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
    node.append(...children);
    return node;
  }

  /** A node that has the value already is left alone: writing it again would drop what is selected in it. */
  function setText(node, value) {
    if (node.textContent !== value) node.textContent = value;
  }

  function setAttribute(node, name, value) {
    if (value === null || value === undefined || value === false) {
      if (node.hasAttribute(name)) node.removeAttribute(name);
    } else if (node.getAttribute(name) !== String(value)) {
      node.setAttribute(name, String(value));
    }
  }

  const rowsOf = new WeakMap();

  /**
   * Makes the children of a node those of the items, by key: what is there is updated, what is new made, the rest removed.
   * While a person is at work in it the order stays.
   */
  function reconcile(parent, items, keyOf, create, update, isOrderFrozen = () => false) {
    const old = rowsOf.get(parent) ?? new Map();
    const rows = new Map();
    for (const item of items) {
      let key = keyOf(item);
      while (rows.has(key)) key += '\u0000';
      const row = old.get(key) ?? create(item);
      old.delete(key);
      rows.set(key, row);
      update(row, item);
    }
    for (const row of old.values()) row.node.remove();
    rowsOf.set(parent, rows);
    const isFrozen = isOrderFrozen();
    const skip = (node) => (node === panel.node ? node.nextSibling : node);
    let next = skip(parent.firstChild);
    for (const row of rows.values()) {
      if (row.node === next) {
        next = skip(next.nextSibling);
      } else if (row.node.parentNode !== parent) {
        parent.insertBefore(row.node, isFrozen ? null : next);
      } else if (!isFrozen) {
        parent.insertBefore(row.node, next);
      }
    }
  }

  // MARK: Words

  const invisible = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

  /** Shows what could not be seen, or what would turn the text around it. */
  function clean(value) {
    return String(value ?? '').replace(invisible, (character) =>
      /\s/.test(character) && character < '\u0080'
        ? ' '
        : `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
    );
  }

  const short = (text, limit) => (text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`);

  /** A name inside of other words: it does not change their direction. */
  const isolated = (text, limit = 60) => `\u2068${short(clean(text), limit)}\u2069`;

  const longTexts = new WeakMap();

  /** A text that may be very long: its beginning, and a button for the rest. */
  function setLongText(node, value, limit = 280) {
    let long = longTexts.get(node);
    if (!long) {
      long = { text: make('bdi'), button: make('button', { type: 'button', class: 'link' }), isOpen: false, value: '', limit };
      long.button.addEventListener('click', () => {
        long.isOpen = !long.isOpen;
        showLongText(long);
      });
      node.append(long.text);
      longTexts.set(node, long);
    }
    long.value = clean(value);
    if (long.value.length > limit && !long.button.parentNode) node.append(' ', long.button);
    showLongText(long);
  }

  function showLongText(long) {
    setText(long.text, long.isOpen ? long.value : short(long.value, long.limit));
    setText(long.button, long.isOpen ? 'Show less' : `Show all ${count(long.value.length)} characters`);
    setAttribute(long.button, 'aria-expanded', String(long.isOpen));
    long.button.hidden = long.value.length <= long.limit;
  }

  const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
  const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
  const digits = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });
  const count = (value) => whole.format(number(value));
  const briefly = (value) => (number(value) < 100000 ? count(value) : compact.format(value));
  const percent = (value) => `${Math.round(number(value) * 100)} %`;
  const messages = (value) => `${count(value)} ${value === 1 ? 'message waits' : 'messages wait'}`;

  /** In the unit in which it is a number of at least one. */
  function rate(perSecond) {
    const value = number(perSecond);
    if (value <= 0) return '0/s';
    for (const [factor, unit] of [[1, 's'], [60, 'min'], [3600, 'h']]) {
      const each = value * factor;
      if (each >= 1 || unit === 'h') return `${each >= 100 ? briefly(each) : digits.format(each)}/${unit}`;
    }
  }

  function bytes(value) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
    let size = number(value);
    let unit = 0;
    while (size >= 1000 && unit < units.length - 1) {
      size /= 1000;
      unit += 1;
    }
    return `${size >= 100 || unit === 0 ? Math.round(size) : digits.format(size)} ${units[unit]}`;
  }

  const now = () => Date.parse(page.snapshot?.time) || 0;
  const hasTime = (value) => !Number.isNaN(Date.parse(value));

  function duration(milliseconds) {
    const seconds = Math.round(Math.abs(milliseconds) / 1000);
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    if (seconds < 60) return `${seconds} s`;
    if (minutes < 10) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
    if (minutes < 90) return `${minutes} min`;
    if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
    return `${Math.floor(hours / 24)} days`;
  }

  /** `14:03:20 UTC`, with the day where it is not the snapshot's. */
  function clock(value, today = now()) {
    const text = new Date(Date.parse(value)).toISOString();
    const day = text.slice(0, 10);
    const isToday = today && new Date(today).toISOString().slice(0, 10) === day;
    return `${isToday ? '' : `${day} `}${text.slice(11, 19)} UTC`;
  }

  /** `in 4 min`, or `4 min ago`, as of the snapshot: what is shown is of one moment. */
  function distance(value) {
    const difference = Date.parse(value) - now();
    if (Math.abs(difference) < 500) return 'now';
    return difference > 0 ? `in ${duration(difference)}` : `${duration(difference)} ago`;
  }

  const moment = (value) => (hasTime(value) ? `${clock(value)} (${distance(value)})` : '–');

  // MARK: States

  const circle = 'M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12z';
  const octagon = 'M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4z';
  const triangle = 'M8 1.9 14.7 13.7H1.3z';
  const cross = 'M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4';
  const mark = 'M8 4.6v4M8 11.3v.1';

  /** Each state has a shape of its own, so that it can be told without its colour. */
  const shapes = {
    idle: [circle],
    flowing: ['M4 2.6 13.2 8 4 13.4z', 'filled'],
    waiting: [`${circle}M8 4.8V8l2.3 1.5`],
    shut: [`${circle}M4.9 8h6.2`],
    held: [`${octagon}${mark}`],
    breaker_open: ['M1 11h3M12 11h3M4 11l6.6-6M4 11v.1M12 11v.1'],
    paused: ['M5.2 3v10M10.8 3v10'],
    connecting: [circle, 'dashed'],
    draining: ['M8 1.8v8M4.6 6.6 8 10l3.4-3.4M3 13.7h10'],
    stopped: ['M3.2 3.2h9.6v9.6H3.2z', 'filled'],
    down: [`${circle}${cross}`],
    well: [`${circle}M5.2 8.3l2 2 3.7-4.3`],
    degraded: [`${triangle}M8 6.2v3.3M8 11.6v.1`],
    not_ready: [`${octagon}${cross}`],
    error: [`${octagon}${cross}`],
    warning: [`${triangle}M8 6.2v3.3M8 11.6v.1`],
    notice: [`${circle}M8 7.4v3.8M8 4.8v.1`],
    silent: ['M2 8h3M11 8h3M7 4.5l2 7'],
    unknown: ['M8 1.8 14.2 8 8 14.2 1.8 8z'],
  };
  const tones = {
    flowing: 'good', well: 'good', waiting: 'warn', shut: 'warn', connecting: 'warn', degraded: 'warn', warning: 'warn',
    held: 'bad', breaker_open: 'bad', down: 'bad', not_ready: 'bad', error: 'bad', silent: 'bad',
    paused: 'note', draining: 'note', notice: 'note',
  };
  const words = {
    breaker_open: 'breaker open', connecting: 'not connected', well: 'Well', degraded: 'Degraded', draining: 'draining',
    not_ready: 'Not ready',
  };
  const graveStates = ['down', 'held', 'breaker_open', 'shut', 'connecting', 'paused'];
  const toneOf = (state) => (Object.hasOwn(tones, state) ? tones[state] : 'mute');
  const wordOf = (state) => (Object.hasOwn(words, state) ? words[state] : short(clean(state || 'unknown').replaceAll('_', ' '), 24));
  const levelWord = (level) => {
    const word = wordOf(level);
    return word.charAt(0).toUpperCase() + word.slice(1);
  };

  function makeIcon() {
    return draw('svg', { viewBox: '0 0 16 16', width: 16, height: 16, class: 'icon', 'aria-hidden': 'true' }, draw('path'));
  }

  function setIcon(icon, state) {
    const [shape, style] = Object.hasOwn(shapes, state) ? shapes[state] : shapes.unknown;
    setAttribute(icon.firstChild, 'd', shape);
    setAttribute(icon.firstChild, 'class', style ?? '');
  }

  // MARK: The last hour

  /** A bar for each minute; the last one, which is not over, is lighter. */
  function makeBars(height) {
    const past = draw('path', { class: 'past' });
    const present = draw('path', { class: 'present' });
    const base = draw('path', { class: 'base', d: `M0 ${height - 0.5}H60` });
    const node = draw(
      'svg', { viewBox: `0 0 60 ${height}`, preserveAspectRatio: 'none', class: 'bars', 'aria-hidden': 'true' },
      base, past, present);
    return { node, past, present, height };
  }

  function setBars(bars, minutes) {
    const values = list(minutes).slice(-60).map(number);
    const peak = Math.max(1, ...values);
    const first = 60 - values.length;
    const bar = (value, index) => {
      const height = value > 0 ? Math.max(1, (value / peak) * (bars.height - 1)) : 0;
      return height ? `M${first + index + 0.15} ${bars.height}v${-height.toFixed(2)}h.7v${height.toFixed(2)}z` : '';
    };
    setAttribute(bars.past, 'd', values.slice(0, -1).map(bar).join(''));
    setAttribute(bars.present, 'd', values.length ? bar(values.at(-1), values.length - 1) : '');
  }

  const lastHour = (flow) => list(record(flow).minutes).slice(-60).reduce((total, each) => total + number(each), 0);

  // MARK: What to change

  const sections = ['sinks', 'destinations', 'sources'];

  /** The keys of a path. A name may have dots of its own. */
  function keysOf(path) {
    const [section, ...rest] = path.split('.');
    if (!sections.includes(section)) return [section, ...rest];
    const tail = path.slice(section.length + 1);
    const names = sections.flatMap((each) => list(page.snapshot?.[each]).map((part) => String(part.name)));
    const name = names.filter((each) => tail.startsWith(`${each}.`)).sort((a, b) => b.length - a.length)[0] ?? rest[0] ?? '';
    return [section, name, ...tail.slice(name.length + 1).split('.').filter((each) => each !== '')];
  }

  /** Quotes what YAML would read as something else. */
  function quoted(text) {
    const isPlain = /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
    return isPlain ? text : inQuotes(text);
  }

  const inQuotes = (text) =>
    JSON.stringify(text).replace(invisible, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);

  function yamlLines(path, value) {
    const keys = keysOf(path);
    const text = String(value ?? '…');
    const safe = text.search(invisible) < 0 ? text : inQuotes(text);
    return keys.map((key, depth) => `${'  '.repeat(depth)}${quoted(key)}:${depth === keys.length - 1 ? ` ${safe}` : ''}`).join('\n');
  }

  const fileName = () => {
    const file = record(page.snapshot?.configuration).file;
    return file ? short(clean(file).split('/').filter(Boolean).at(-1) ?? '', 60) : 'sluice.yaml';
  };

  /** What is to be said above the lines, by the origin of the value; nil for what no line of a file sets. */
  function caption(origin) {
    const text = short(clean(origin), 120);
    const hasFile = Boolean(record(page.snapshot?.configuration).file);
    const place = /^(defaults, )?(.+):(\d+)$/.exec(text);
    if (place && place[1]) return `${place[2]}, line ${place[3]} sets it for all, under defaults. For this one alone, write in ${fileName()}:`;
    if (place) return `${place[2]}, line ${place[3]} sets it:`;
    if (text === 'the program') return null;
    if (text.startsWith('built-in') && hasFile) return `Built in, not in the file yet. Add to ${fileName()}:`;
    if (text.startsWith('built-in')) return 'Built in. There is no file yet: “sluice check --print > sluice.yaml” writes it. There:';
    if (/^[A-Z][A-Z0-9_]*$/.test(text)) return `The variable ${text} sets it. In a file it is:`;
    return text ? `Set at ${text}:` : 'In the file:';
  }

  const isHidden = (value) => String(value ?? '').includes('***');

  function makeSnippet() {
    const label = make('p', { class: 'caption' });
    const code = make('code');
    const button = make('button', { type: 'button', class: 'button small' }, 'Copy');
    const node = make('div', { class: 'snippet' }, label, make('div', { class: 'lines' }, make('pre', { tabindex: 0 }, code), button));
    button.addEventListener('click', () => copy(code, button));
    return { node, label, code };
  }

  function setSnippet(snippet, label, lines) {
    setText(snippet.label, label);
    snippet.label.hidden = !label;
    setText(snippet.code, lines);
  }

  /** The clipboard exists on secure addresses alone; elsewhere the old command copies what is selected. */
  async function copy(code, button) {
    let isCopied = false;
    try {
      await navigator.clipboard.writeText(code.textContent);
      isCopied = true;
    } catch {
      getSelection().selectAllChildren(code);
      isCopied = document.execCommand('copy');
    }
    setText(button, isCopied ? 'Copied' : 'Selected: press Ctrl+C');
    setTimeout(() => setText(button, 'Copy'), 2000);
  }

  // MARK: The verdict

  function makeAdvice(isOpen) {
    const meta = make('p', { class: 'meta' });
    const remedy = make('div', { class: 'remedy' });
    const sentence = make('p', { class: 'sentence' });
    const setting = make('p', { class: 'setting' });
    const lines = makeSnippet();
    const details = make('details', { open: isOpen ? '' : null }, make('summary', {}, 'Lines to change'), lines.node);
    const command = makeSnippet();
    remedy.append(sentence, setting, details, command.node);
    const node = make('div', { class: 'advice' }, meta, remedy);
    return { node, meta, remedy, sentence, setting, details, lines, command };
  }

  function setAdvice(advice, problem) {
    const parts = [];
    if (hasTime(problem.since)) parts.push(['since', `since ${moment(problem.since)}`]);
    if (number(problem.waiting) > 0) parts.push(['waiting', messages(problem.waiting)]);
    if (hasTime(problem.until)) parts.push(['until', `asked again at ${moment(problem.until)}`]);
    const subject = clean(problem.subject ?? '');
    if (subject && targetOf(problem.subject)) parts.push(['subject', `Open ${short(subject, 60)}`, problem.subject]);
    reconcile(
      advice.meta, parts, (part) => part[0],
      (part) => ({ node: make(part[2] ? 'a' : 'span') }),
      (row, part) => {
        setText(row.node, part[1]);
        if (part[2]) setAttribute(row.node, 'href', hashOf(part[2]));
      });
    const remedy = record(problem.remedy);
    advice.remedy.hidden = !problem.remedy;
    advice.sentence.hidden = !remedy.text;
    setLongText(advice.sentence, remedy.text);
    const label = remedy.key ? caption(remedy.origin ?? '') : null;
    advice.setting.hidden = !remedy.key;
    reconcile(
      advice.setting, remedy.key ? settingParts(remedy) : [], (part) => part[0],
      (part) => ({ node: make(part[0] === 'key' ? 'code' : 'span') }), (row, part) => setText(row.node, part[1]));
    advice.details.hidden = !label || isHidden(remedy.value);
    if (label) setSnippet(advice.lines, label, yamlLines(remedy.key, remedy.value));
    advice.command.node.hidden = !remedy.command;
    setSnippet(advice.command, '', String(remedy.command ?? ''));
  }

  function settingParts(remedy) {
    const parts = [['key', short(clean(remedy.key), 160)]];
    if (remedy.value !== undefined) parts.push(['value', `is ${short(clean(remedy.value), 120)}`]);
    if (remedy.origin) parts.push(['origin', short(clean(remedy.origin), 120)]);
    return parts;
  }

  const verdict = (() => {
    const icon = makeIcon();
    const level = make('p', { class: 'level' });
    const title = make('h1', { id: 'verdict-text' });
    const more = make('p', { class: 'more' });
    const advice = makeAdvice(true);
    const others = make('ol', { class: 'problems' });
    const heading = make('h2', { class: 'small-title' }, 'Also');
    return { node: find('verdict'), icon, level, title, more, advice, others, heading };
  })();
  verdict.node.append(
    make('div', { class: 'lead' }, verdict.icon, make('div', {}, verdict.level, verdict.title, verdict.more, verdict.advice.node)),
    verdict.heading, verdict.others);

  let announced = '';

  function showVerdict() {
    const said = record(page.snapshot.verdict);
    const problems = list(said.problems);
    const level = String(said.level ?? 'unknown');
    const isFirst = level !== 'well' && problems.length > 0 && problems[0].severity !== 'notice';
    const lead = isFirst ? problems[0] : null;
    setAttribute(verdict.node, 'data-tone', toneOf(level));
    setAttribute(verdict.node, 'data-level', clean(level));
    setIcon(verdict.icon, level);
    setText(verdict.level, `${levelWord(level)}${said.is_ready === false && level !== 'not_ready' ? ', not ready' : ''}`);
    setLongText(verdict.title, said.text, 320);
    const hasMore = lead && lead.text && lead.text !== said.text;
    verdict.more.hidden = !hasMore;
    if (hasMore) setLongText(verdict.more, lead.text);
    verdict.advice.node.hidden = !lead;
    if (lead) setAdvice(verdict.advice, lead);
    const others = lead ? problems.slice(1) : problems;
    verdict.heading.hidden = others.length === 0;
    verdict.others.hidden = others.length === 0;
    setText(verdict.heading, lead ? `Also (${others.length})` : 'Worth knowing');
    reconcile(verdict.others, others, (each) => `${each.severity} ${each.subject ?? ''} ${stem(each.text)}`, makeProblem, setProblem);
    verdict.node.hidden = false;
    document.title = `${levelWord(level)}: ${isolated(said.text, 120)} – Sluice`;
    announce(`${levelWord(level)}: ${short(clean(said.text), 320)}`);
  }

  /** A text without its numbers: it is the same problem while only they change. */
  const stem = (text) => String(text ?? '').replace(/\d+/g, '').slice(0, 200);

  /** Said aloud when something else is the matter, not whenever one message more waits. */
  function announce(text) {
    if (stem(text) === announced) return;
    announced = stem(text);
    setText(find('announcement'), text);
  }

  function makeProblem() {
    const icon = makeIcon();
    const severity = make('span', { class: 'severity' });
    const text = make('span', { class: 'problem-text' });
    const advice = makeAdvice(false);
    const node = make('li', { class: 'problem' }, icon, make('div', {}, make('p', {}, severity, ' ', text), advice.node));
    return { node, icon, severity, text, advice };
  }

  function setProblem(row, problem) {
    const severity = String(problem.severity ?? 'unknown');
    setAttribute(row.node, 'data-tone', toneOf(severity));
    setIcon(row.icon, severity);
    setText(row.severity, wordOf(severity));
    setLongText(row.text, problem.text);
    setAdvice(row.advice, problem);
  }

  // MARK: The boxes

  const hashOf = (id) => `#${encodeURIComponent(String(id).toWellFormed?.() ?? id)}`;
  const destinationOf = (sink) => list(page.snapshot.destinations).find((each) => each.name === sink.destination);
  const sinksOf = (destination) => list(page.snapshot.sinks).filter((each) => each.destination === destination.name);

  /** A destination is drawn where several sinks share it, or where its name says more than the sink's. */
  function isDrawn(destination) {
    const sinks = sinksOf(destination);
    return sinks.length > 1 || (sinks.length === 1 && sinks[0].name !== destination.name);
  }

  /** Of a sink and its destination the state that is graver. */
  function stateOf(part, destination) {
    const own = String(part.state ?? 'unknown');
    const other = String(record(destination).state ?? '');
    return !graveStates.includes(own) && own !== 'draining' && own !== 'stopped' && graveStates.includes(other) ? other : own;
  }

  const paired = (counted) => `${count(counted.in_flight)}/${counted.in_flight_limit ? count(counted.in_flight_limit) : '–'}`;

  function sourceBox(source) {
    const paths = list(source.paths).map(clean);
    return {
      id: `sources.${source.name}`, part: source, group: 'sources', name: source.name, kind: source.kind, flow: record(source.flow),
      state: String(source.state ?? 'unknown'),
      tags: source.is_unsigned ? ['unsigned'] : [],
      facts: [['taken in', briefly(record(source.flow).total)], ['refused', briefly(sum(source.refused))]],
      line: source.note ? clean(source.note) : paths.length ? paths.join(', ') : 'reads a broker',
      isTroubled: Boolean(source.note) || graveStates.includes(source.state),
    };
  }

  function queueBox(queue) {
    const facts = [['written', briefly(record(queue.flow).total)]];
    if (queue.bytes !== undefined) facts.push(['size', bytes(queue.bytes)]);
    if (queue.disk_free !== undefined) facts.push(['disk free', bytes(queue.disk_free)]);
    return {
      id: 'queue', part: queue, group: 'queue', name: queue.topic || 'queue', flow: record(queue.flow),
      kind: queue.kind === 'log' ? 'embedded log' : queue.kind === 'kafka' ? 'Kafka' : queue.kind,
      state: String(queue.state ?? 'unknown'), tags: [], facts,
      line: queue.failure ? clean(queue.failure) : '', isTroubled: Boolean(queue.failure) || graveStates.includes(queue.state),
    };
  }

  function sinkBox(sink) {
    const destination = record(destinationOf(sink));
    const state = stateOf(sink, destination);
    return {
      id: `sinks.${sink.name}`, part: sink, group: 'sinks', name: sink.name, kind: sink.kind, flow: record(sink.flow), state,
      tags: sink.destination && sink.destination !== sink.name ? [`→ ${isolated(sink.destination, 40)}`] : [],
      facts: [
        ['lag', briefly(sink.lag)], ['in flight', paired(sink)],
        ['oldest', hasTime(sink.oldest) ? duration(Date.parse(sink.oldest) - now()) : '–'],
      ],
      line: lineOf(sink, destination, state),
      isTroubled: Boolean(sink.note || destination.note) || graveStates.includes(state),
    };
  }

  function destinationBox(destination) {
    return {
      id: `destinations.${destination.name}`, part: destination, group: 'destinations', name: destination.name,
      kind: `of ${sinksOf(destination).length} ${sinksOf(destination).length === 1 ? 'sink' : 'sinks'}`,
      flow: record(destination.flow), state: String(destination.state ?? 'unknown'), tags: [],
      facts: [
        ['waiting', briefly(destination.waiting)], ['budget', percent(destination.budget_remaining ?? 1)],
        ['amplification', destination.amplification === undefined ? '–' : digits.format(number(destination.amplification))],
      ],
      line: lineOf({}, destination, destination.state),
      isTroubled: Boolean(destination.note) || graveStates.includes(destination.state),
    };
  }

  /** The one thing that is worth a line: until when it waits, what is wrong, or that it works. */
  function lineOf(sink, destination, state) {
    const reason = destination.shut_reason ?? (hasTime(destination.failing_since) ? record(destination.last_failure).reason : null);
    const isHere = ['shut', 'held', 'breaker_open', 'waiting'].includes(state);
    if (isHere && hasTime(destination.next_attempt)) {
      return `${reason ? `${clean(reason)}: ` : ''}next attempt ${moment(destination.next_attempt)}`;
    }
    if (sink.note) return clean(sink.note);
    if (destination.note) return clean(destination.note);
    if (hasTime(sink.empty_by)) return `backlog empty by ${moment(sink.empty_by)}`;
    if (hasTime(destination.last_success)) return `last success ${moment(destination.last_success)}`;
    return 'nothing sent yet';
  }

  function makeBox() {
    const icon = makeIcon();
    const name = make('bdi', { class: 'name' });
    const state = make('span', { class: 'state' });
    const kind = make('span', { class: 'kind' });
    const speed = make('span', { class: 'rate' });
    const hour = make('span', { class: 'hour' });
    const bars = makeBars(16);
    const facts = make('span', { class: 'facts' });
    const line = make('span', { class: 'line' });
    const node = make('li', { class: 'cell' });
    const button = make(
      'button', { type: 'button', class: 'box', 'aria-expanded': 'false' },
      make('span', { class: 'head' }, icon, name, state),
      kind,
      make('span', { class: 'flow' }, make('span', { class: 'figures' }, speed, ' ', hour), bars.node),
      facts, line);
    node.append(button);
    const row = { node, button, icon, name, state, kind, speed, hour, bars, facts, line, box: null };
    button.addEventListener('click', () => toggle(row.box.id));
    return row;
  }

  function setBox(row, box) {
    row.box = box;
    const name = short(clean(box.name), 80);
    const tone = toneOf(box.state);
    setAttribute(row.node, 'data-tone', tone);
    setAttribute(row.node, 'data-state', clean(box.state));
    setIcon(row.icon, box.state);
    setText(row.name, name);
    setText(row.state, wordOf(box.state));
    setText(row.kind, [short(clean(box.kind), 40), ...box.tags].join(' · '));
    setText(row.speed, rate(box.flow.per_second));
    setText(row.hour, `${briefly(lastHour(box.flow))} in 60 min`);
    setBars(row.bars, box.flow.minutes);
    reconcile(
      row.facts, box.facts, (fact) => fact[0],
      (fact) => {
        const value = make('span', { class: 'value' });
        return { node: make('span', { class: 'fact' }, make('span', { class: 'key' }, fact[0]), ' ', value), value };
      },
      (each, fact) => setText(each.value, fact[1]));
    setText(row.line, short(box.line, 200));
    const isOpen = page.open === box.id;
    setAttribute(row.button, 'aria-expanded', String(isOpen));
    setAttribute(row.button, 'aria-controls', isOpen ? 'panel' : null);
  }

  // MARK: The picture

  const picture = find('picture');
  const groups = new Map();
  const lines = draw('svg', { class: 'lines', 'aria-hidden': 'true' });
  picture.append(lines);
  for (const [key, title] of [['sources', 'Sources'], ['queue', 'Queue'], ['sinks', 'Sinks'], ['destinations', 'Destinations']]) {
    const heading = make('h3', { id: `group-${key}` }, title);
    const cells = make('ul', { class: 'cells', 'aria-labelledby': `group-${key}` });
    const empty = make('p', { class: 'muted empty', hidden: '' });
    const node = make('div', { class: 'group', 'data-group': key }, heading, cells, empty);
    picture.append(node);
    groups.set(key, { node, heading, cells, empty, title });
  }

  const most = 8;

  function matches(box) {
    if (page.onlyTroubled && !box.isTroubled) return false;
    const wanted = page.filter.trim().toLowerCase();
    if (!wanted) return true;
    const text = [box.name, box.kind, wordOf(box.state), box.part.group, box.part.destination].map((each) => String(each ?? '').toLowerCase());
    return wanted.split(/\s+/).every((word) => text.some((each) => each.includes(word)));
  }

  function isOrderFrozen(cells) {
    return cells.contains(document.activeElement) || performance.now() - page.pointerMoved < 5000;
  }

  function showPicture() {
    const { sources, queue, sinks, destinations } = page.snapshot;
    const all = {
      sources: list(sources).map(sourceBox), queue: [queueBox(record(queue))], sinks: list(sinks).map(sinkBox),
      destinations: list(destinations).filter(isDrawn).map(destinationBox),
    };
    const isCrowded = [all.sources, all.sinks, all.destinations].some((boxes) => boxes.length > most);
    const total = all.sources.length + all.sinks.length + all.destinations.length;
    find('filters').hidden = !isCrowded && !page.filter && !page.onlyTroubled;
    let shown = 0;
    page.boxes = new Map();
    for (const [key, boxes] of Object.entries(all)) {
      const group = groups.get(key);
      for (const box of boxes) page.boxes.set(box.id, box);
      let visible = key === 'queue' ? boxes : boxes.filter((box) => matches(box) || box.id === page.open);
      if (boxes.length > most) visible = [...visible.filter((box) => box.isTroubled), ...visible.filter((box) => !box.isTroubled)];
      if (key !== 'queue') shown += visible.length;
      group.node.hidden = key === 'destinations' && boxes.length === 0;
      setText(group.heading, boxes.length > 1 ? `${group.title} ${boxes.length}` : group.title);
      reconcile(group.cells, visible, (box) => box.id, makeBox, setBox, () => isOrderFrozen(group.cells));
      group.empty.hidden = visible.length > 0;
      setText(group.empty, boxes.length ? 'None matches.' : key === 'sources' ? 'No source.' : 'No sink.');
    }
    setText(find('shown'), page.filter || page.onlyTroubled ? `${shown} of ${total}` : '');
    setAttribute(picture, 'data-crowded', isCrowded ? '' : null);
    setAttribute(picture, 'data-columns', all.destinations.length ? '4' : '3');
    arrange();
  }

  /** In columns where there is room, else one group below the other, each a grid. */
  function arrange() {
    const width = picture.clientWidth;
    const isCrowded = picture.hasAttribute('data-crowded');
    const needed = picture.getAttribute('data-columns') === '4' ? 1080 : 900;
    setAttribute(picture, 'data-layout', !isCrowded && width >= needed ? 'wide' : 'stack');
    placePanel();
    drawLines();
  }

  // MARK: The lines between the boxes

  function drawLines() {
    const isWide = picture.getAttribute('data-layout') === 'wide';
    const origin = picture.getBoundingClientRect();
    const measure = (node) => {
      const each = node.getBoundingClientRect();
      return { x: each.left - origin.left, y: each.top - origin.top, width: each.width, height: each.height };
    };
    const rowsIn = (key) => [...(rowsOf.get(groups.get(key).cells)?.values() ?? [])];
    const placed = (key) => rowsIn(key).map((row) => ({ box: row.box, frame: measure(row.button) }));
    const queue = placed('queue')[0];
    if (!queue) return;
    const drawn = [];
    const link = (from, to, box, isStopped) => drawn.push({ key: `${from.key} ${to.key}`, from, to, rate: number(box.flow.per_second), isStopped });
    const connect = (key, isBefore) => {
      const boxes = placed(key);
      const ends = [];
      if (boxes.length === 0) return ends;
      const isOneRank = boxes.every(({ frame }) => (isWide ? true : Math.abs(frame.y - boxes[0].frame.y) < 2));
      const parts = isOneRank ? boxes : [trunk(key, boxes, measure(groups.get(key).cells))];
      parts.forEach(({ box, frame }, index) => {
        const share = (index + 1) / (parts.length + 1);
        const own = isWide
          ? { x: isBefore ? frame.x + frame.width : frame.x, y: frame.y + frame.height / 2 }
          : { x: frame.x + frame.width / 2, y: isBefore ? frame.y + frame.height : frame.y };
        const other = isWide
          ? { x: isBefore ? queue.frame.x : queue.frame.x + queue.frame.width, y: queue.frame.y + queue.frame.height * share }
          : { x: clamp(own.x, queue.frame.x + 12, queue.frame.x + queue.frame.width - 12), y: isBefore ? queue.frame.y : queue.frame.y + queue.frame.height };
        own.key = box.id;
        other.key = 'queue';
        const isStopped = graveStates.includes(box.state) || (isBefore && graveStates.includes(queue.box.state));
        if (isBefore) link(own, other, box, isStopped);
        else link(other, own, box, isStopped);
        ends.push({ box, frame });
      });
      return isOneRank ? ends : [];
    };
    connect('sources', true);
    const sinks = connect('sinks', false);
    const destinations = placed('destinations');
    const isOneRank = isWide || destinations.every(({ frame }) => Math.abs(frame.y - destinations[0].frame.y) < 2);
    for (const { box, frame } of isOneRank ? sinks : []) {
      const to = destinations.find((each) => each.box.part.name === box.part.destination);
      if (!to) continue;
      const peers = sinks.filter((each) => each.box.part.destination === box.part.destination);
      const share = (peers.findIndex((each) => each.box === box) + 1) / (peers.length + 1);
      const start = isWide ? { x: frame.x + frame.width, y: frame.y + frame.height / 2 } : { x: frame.x + frame.width / 2, y: frame.y + frame.height };
      const end = isWide ? { x: to.frame.x, y: to.frame.y + to.frame.height * share } : { x: to.frame.x + to.frame.width * share, y: to.frame.y };
      link({ ...start, key: box.id }, { ...end, key: to.box.id }, box, graveStates.includes(to.box.state));
    }
    setAttribute(lines, 'width', Math.round(origin.width));
    setAttribute(lines, 'height', Math.round(origin.height));
    reconcile(lines, drawn, (line) => line.key, makeLine, (row, line) => setLine(row, line, isWide));
  }

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /** One line for a group in several rows: the sum of its boxes. */
  function trunk(key, boxes, frame) {
    const perSecond = boxes.reduce((total, { box }) => total + number(box.flow.per_second), 0);
    return { box: { id: key, state: '', flow: { per_second: perSecond } }, frame };
  }

  function makeLine() {
    const [base, head, moving] = ['base', 'head', 'moving'].map((name) => draw('path', { class: name }));
    return { node: draw('g', {}, base, moving, head), base, head, moving };
  }

  function setLine(row, line, isWide) {
    const { from, to } = line;
    const [x1, y1, x2, y2] = [from.x, from.y, to.x, to.y].map((each) => Math.round(each * 2) / 2);
    const [middleX, middleY] = [(x1 + x2) / 2, (y1 + y2) / 2];
    const curve = isWide
      ? `M${x1} ${y1}C${middleX} ${y1} ${middleX} ${y2} ${x2 - 3} ${y2}`
      : `M${x1} ${y1}C${x1} ${middleY} ${x2} ${middleY} ${x2} ${y2 - 3}`;
    const arrow = isWide ? `M${x2 - 7} ${y2 - 4}l5 4l-5 4` : `M${x2 - 4} ${y2 - 7}l4 5l4-5`;
    const bar = isWide ? `M${x2 - 8} ${y2 - 6}v12` : `M${x2 - 6} ${y2 - 8}h12`;
    setAttribute(row.base, 'd', curve);
    setAttribute(row.moving, 'd', curve);
    setAttribute(row.head, 'd', line.isStopped ? bar : arrow);
    const speed = line.rate <= 0 ? 'none' : line.rate < 0.5 ? 'slow' : line.rate < 20 ? 'middle' : 'fast';
    setAttribute(row.node, 'class', line.isStopped ? 'stopped' : speed);
  }

  // MARK: The box that is open

  const panel = (() => {
    const icon = makeIcon();
    const title = make('h3', { id: 'panel-title' });
    const state = make('span', { class: 'state' });
    const close = make('button', { type: 'button', class: 'button' }, 'Close ', make('kbd', {}, 'Esc'));
    const note = make('p', { class: 'panel-note' });
    const body = make('div', { class: 'parts' });
    const inner = make(
      'section', { id: 'panel', class: 'panel card', tabindex: -1, 'aria-labelledby': 'panel-title' },
      make('div', { class: 'panel-head' }, icon, title, state, close), note, body);
    close.addEventListener('click', () => shut());
    return { node: make('li', { class: 'panel-cell' }, inner), inner, icon, title, state, note, body };
  })();
  const below = make('ul', { class: 'below' });
  picture.after(below);

  /** The id of the box that is meant: a destination that is not drawn is shown by its sink. */
  function targetOf(id) {
    if (page.boxes.has(id) || id === 'poison') return id;
    const sink = list(page.snapshot?.sinks).find((each) => `destinations.${each.destination}` === id);
    return sink ? `sinks.${sink.name}` : null;
  }

  function toggle(id) {
    if (page.open === id) shut();
    else openBox(id);
  }

  function openBox(id, isByPerson = true) {
    page.open = id;
    if (isByPerson) history.replaceState(null, '', hashOf(id));
    showAll();
    if (!panel.node.isConnected) return;
    panel.inner.focus({ preventScroll: true });
    reveal(panel.inner);
  }

  function shut() {
    const button = buttonOf(page.open);
    page.open = '';
    history.replaceState(null, '', location.pathname + location.search);
    showAll();
    button?.focus();
  }

  const rowOf = (id) => [...groups.values()].map((group) => rowsOf.get(group.cells)?.get(id)).find(Boolean);
  const buttonOf = (id) => rowOf(id)?.button;

  function reveal(node) {
    const frame = node.getBoundingClientRect();
    if (frame.top >= 60 && frame.bottom <= innerHeight) return;
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    node.scrollIntoView({ behavior: isCalm ? 'auto' : 'smooth', block: frame.height > innerHeight - 80 ? 'start' : 'nearest' });
  }

  /** Behind its box in a grid, whose cells flow around it, and below the picture where that has columns. */
  function placePanel() {
    const row = rowOf(page.open);
    if (!row) return panel.node.remove();
    if (picture.getAttribute('data-layout') === 'wide') {
      if (panel.node.parentNode !== below) below.append(panel.node);
    } else if (row.node.nextSibling !== panel.node) {
      row.node.after(panel.node);
    }
  }

  function showPanel() {
    const box = page.boxes.get(page.open);
    if (!box) return;
    setAttribute(panel.inner, 'data-tone', toneOf(box.state));
    setIcon(panel.icon, box.state);
    setLongText(panel.title, box.name, 160);
    setText(panel.state, `${wordOf(box.state)} · ${short(clean(box.kind), 60)}`);
    const destination = box.group === 'sinks' ? record(destinationOf(box.part)) : {};
    const notes = [box.part.note ?? box.part.failure, destination.note].filter(Boolean);
    panel.note.hidden = notes.length === 0;
    setLongText(panel.note, [...new Set(notes)].join('; '));
    showParts(panel.body, describe(box));
  }

  function describe(box) {
    switch (box.group) {
      case 'sources': return describeSource(box);
      case 'queue': return describeQueue(box);
      case 'destinations': return [...describeDestination(box.part), chartOf(box, 'Attempts in the last hour'), policyOf('Policy', box.part)];
      default: return describeSink(box);
    }
  }

  const fact = (key, value, tone, href) => ({ key, value: String(value), tone, href });
  const counted = (counts, key) => list(counts).map((each) => fact(key ? key(each.name) : clean(each.name).replaceAll('_', ' '), count(each.count)));

  function chartOf(box, title = 'Last hour') {
    const minutes = list(box.flow.minutes).slice(-60).map(number);
    const peak = Math.max(0, ...minutes);
    const facts = [fact('now', rate(box.flow.per_second)), fact('in 60 min', count(lastHour(box.flow))), fact('since the start', count(box.flow.total))];
    if (peak > 0) {
      const end = now() - (minutes.length - 1 - minutes.lastIndexOf(peak)) * 60000;
      facts.push(fact('most in a minute', `${count(peak)}, about ${clock(new Date(end).toISOString()).replace(/:\d\d UTC$/, ' UTC')}`));
    }
    return { key: 'hour', title, chart: minutes, facts };
  }

  function describeSource(box) {
    const source = box.part;
    const refused = list(source.refused).filter((each) => number(each.count) > 0);
    return [
      {
        key: 'about', title: 'Intake',
        facts: [
          fact('paths', list(source.paths).map(clean).join(', ') || 'none: it reads a broker'),
          fact('routes', list(source.routes).map(clean).join(', ') || '–'),
          fact('unsigned requests', source.is_unsigned ? 'taken: no secret or token is set' : 'refused', source.is_unsigned ? 'note' : null),
        ],
      },
      chartOf(box),
      {
        key: 'refused', title: 'Refused requests by status',
        table: { head: ['Status', 'Requests'], rows: refused.map((each) => [clean(each.name), count(each.count)]), empty: 'None since the start.' },
      },
      ...(list(source.policy).length ? [policyOf('Settings', source)] : []),
    ];
  }

  function describeQueue(box) {
    const queue = box.part;
    const facts = [fact('kind', box.kind), fact('topic', clean(queue.topic))];
    if (queue.bytes !== undefined) facts.push(fact('size', bytes(queue.bytes)));
    if (queue.disk_free !== undefined) facts.push(fact('disk free', bytes(queue.disk_free)));
    if (queue.failure) facts.push(fact('failure', clean(queue.failure), 'bad'));
    return [{ key: 'about', title: 'Queue', facts }, chartOf(box, 'Written in the last hour'), ...(list(queue.policy).length ? [policyOf('Settings', queue)] : [])];
  }

  function describeSink(box) {
    const sink = box.part;
    const destination = record(destinationOf(sink));
    const shared = sinksOf(destination).length > 1;
    const facts = [
      fact('lag', `${count(sink.lag)} ${sink.lag === 1 ? 'event' : 'events'}`),
      fact('oldest', hasTime(sink.oldest) ? `published ${moment(sink.oldest)}` : 'none waits'),
      fact('in flight', `${count(sink.in_flight)} of at most ${count(sink.in_flight_limit)}`),
    ];
    if (hasTime(sink.empty_by)) facts.push(fact('backlog empty', `about ${moment(sink.empty_by)}`));
    facts.push(fact('group', clean(sink.group)));
    if (destination.name !== undefined) {
      const isLink = page.boxes.has(`destinations.${destination.name}`);
      facts.push(fact('destination', clean(destination.name), null, isLink ? `destinations.${destination.name}` : null));
    }
    return [
      { key: 'backlog', title: 'Backlog', facts },
      chartOf(box, 'Deliveries in the last hour'),
      { key: 'outcomes', title: 'Deliveries by outcome', facts: counted(sink.outcomes), empty: 'None since the start.' },
      ...(destination.name === undefined ? [] : describeDestination(destination, shared)),
      policyOf('Policy of the sink', sink),
      ...(destination.name === undefined ? [] : [policyOf(`Policy of the destination${shared ? ', shared' : ''}`, destination)]),
    ];
  }

  function describeDestination(destination, isShared = false) {
    const waiting = number(destination.waiting);
    const waits = [fact('for the next attempt', `${count(waiting)}${hasTime(destination.next_attempt) ? `, until ${moment(destination.next_attempt)}` : ''}`, waiting ? 'warn' : null)];
    waits.push(
      fact('for the retry budget', count(destination.waiting_for_budget)), fact('for the throttle', count(destination.waiting_for_throttle)),
      fact('for a place', count(destination.waiting_for_concurrency)));
    const limits = [fact('retry budget left', percent(destination.budget_remaining ?? 1), number(destination.budget_remaining ?? 1) < 0.1 ? 'warn' : null)];
    limits.push(fact('throttle', destination.permits_per_second === undefined ? 'off' : `${percent(destination.throttle_use)} of ${rate(destination.permits_per_second)} in use`));
    limits.push(fact('attempts at once', destination.concurrency_limit === undefined ? 'not bounded' : `${count(destination.concurrency)} of at most ${count(destination.concurrency_limit)}`));
    limits.push(fact('breaker', destination.breaker === undefined ? 'off' : clean(destination.breaker).replaceAll('_', ' '), destination.breaker === 'open' ? 'bad' : null));
    limits.push(fact('amplification', destination.amplification === undefined ? '–' : `${digits.format(destination.amplification)} attempts a message`));
    const health = [];
    if (destination.shut_by) health.push(fact('nothing is sent', shutWords(destination), 'bad'));
    if (hasTime(destination.failing_since)) health.push(fact('fails since', moment(destination.failing_since), 'bad'));
    health.push(fact('last success', moment(destination.last_success)));
    const failure = record(destination.last_failure);
    health.push(fact('last failure', failure.time ? `${clean(failure.reason)}, ${moment(failure.time)}` : '–'));
    if (failure.description) health.push(fact('it said', clean(failure.description)));
    const failures = list(destination.failures).map((each) => [clean(each.reason), count(each.count), moment(each.last)]);
    const title = isShared ? `Destination ${isolated(destination.name)}, shared by ${sinksOf(destination).length} sinks` : 'Destination';
    return [
      { key: 'health', title, facts: health },
      { key: 'waits', title: 'What waits', facts: waits },
      { key: 'limits', title: 'Limits', facts: limits },
      { key: 'failures', title: 'Failures by cause', table: { head: ['Cause', 'Attempts', 'Last'], rows: failures, empty: 'None since the start.' } },
      { key: 'attempts', title: 'Attempts by result', facts: counted(destination.attempts), empty: 'None since the start.' },
    ];
  }

  function shutWords(destination) {
    const reasons = { retry_after: 'it named a time', held: 'held until it is mended', breaker: 'the breaker is open' };
    const word = Object.hasOwn(reasons, destination.shut_by) ? reasons[destination.shut_by] : clean(destination.shut_by);
    const reason = destination.shut_reason ? ` (${clean(destination.shut_reason)})` : '';
    return `${word}${reason}${hasTime(destination.next_attempt) ? `; next attempt ${moment(destination.next_attempt)}` : ''}`;
  }

  const policyOf = (title, part) => ({ key: `policy ${title}`, title, policy: list(part.policy) });

  // MARK: Parts: facts, a chart, a table, a policy

  function showParts(parent, parts) {
    reconcile(parent, parts, (part) => part.key, makePart, setPart);
  }

  function makePart(part) {
    const row = { title: make('h4'), empty: make('p', { class: 'muted' }, part.empty ?? part.table?.empty ?? 'None.') };
    row.node = make('div', { class: 'part', 'data-part': part.key.split(' ')[0] }, row.title);
    if (part.chart) {
      row.bars = makeBars(24);
      row.node.append(make('div', { class: 'chart' }, row.bars.node, make('div', { class: 'axis' }, make('span', {}, '60 min ago'), make('span', {}, '30'), make('span', {}, 'now'))));
    }
    if (part.facts) row.node.append((row.facts = make('dl', { class: 'list' })));
    if (part.table) row.node.append((row.table = makeTable(part.table.head)).node);
    if (part.policy) row.node.append((row.policy = makePolicy()).node);
    row.node.append(row.empty);
    return row;
  }

  function setPart(row, part) {
    setText(row.title, part.title ?? '');
    row.title.hidden = !part.title;
    if (part.chart) setBars(row.bars, part.chart);
    if (part.facts) setFacts(row.facts, part.facts);
    if (part.table) setTable(row.table, part.table.rows);
    if (part.policy) setPolicy(row.policy, part.policy);
    row.empty.hidden = (part.facts ?? part.table?.rows ?? part.policy ?? []).length > 0;
  }

  function setFacts(node, facts) {
    reconcile(
      node, facts, (each) => each.key,
      (each) => {
        const key = make('dt');
        const value = make('dd');
        const link = each.href ? make('a') : null;
        if (link) value.append(link);
        return { node: make('div', {}, key, value), key, value, link };
      },
      (row, each) => {
        setText(row.key, short(each.key, 80));
        setAttribute(row.value, 'data-tone', each.tone ?? null);
        if (!row.link) return setLongText(row.value, each.value);
        setText(row.link, short(each.value, 80));
        setAttribute(row.link, 'href', hashOf(each.href ?? ''));
      });
  }

  function makeTable(head) {
    const body = make('tbody');
    const cells = head.map((title) => make('th', { scope: 'col' }, title));
    return { node: make('table', { class: 'plain' }, make('thead', {}, make('tr', {}, ...cells)), body), body };
  }

  function setTable(table, rows) {
    table.node.hidden = rows.length === 0;
    reconcile(
      table.body, rows, (row) => row[0],
      (row) => {
        const cells = row.map(() => make('td'));
        return { node: make('tr', {}, ...cells), cells };
      },
      (each, row) => row.forEach((value, index) => setLongText(each.cells[index], value, 100)));
  }

  const changes = { live: 'at once', route: 'restarts its route', restart: 'needs a restart' };

  function makePolicy() {
    const body = make('tbody');
    const head = ['Key', 'Value', 'Origin', 'A change'].map((title) => make('th', { scope: 'col' }, title));
    return { node: make('table', { class: 'policy' }, make('thead', {}, make('tr', {}, ...head)), body), body };
  }

  function setPolicy(policy, values) {
    policy.node.hidden = values.length === 0;
    const rows = values.flatMap((value) => [{ value, isLines: false }, { value, isLines: true }]);
    reconcile(policy.body, rows, (row) => `${row.value.key}${row.isLines ? ' lines' : ''}`, (row) => (row.isLines ? makeLines() : makeValue()), setValue);
  }

  const opened = new Set();

  function makeValue() {
    const button = make('button', { type: 'button', class: 'link', 'aria-expanded': 'false' });
    const [value, origin, change] = [make('td', { class: 'value' }), make('td', { class: 'origin' }), make('td', { class: 'change' })];
    const node = make('tr', {}, make('td', { class: 'key' }, button), value, origin, change);
    const row = { node, button, value, origin, change, key: '' };
    button.addEventListener('click', () => {
      if (!opened.delete(row.key)) opened.add(row.key);
      showPanel();
    });
    return row;
  }

  function makeLines() {
    const snippet = makeSnippet();
    return { node: make('tr', { class: 'lines-row' }, make('td', { colspan: 4 }, snippet.node)), snippet };
  }

  function setValue(row, { value, isLines }) {
    const key = String(value.key);
    const label = isHidden(value.value) ? null : caption(value.origin);
    const isOpen = opened.has(key);
    if (isLines) {
      row.node.hidden = !isOpen;
      if (!isOpen) return;
      setText(row.snippet.code, label ? yamlLines(key, value.value) : `${clean(key)}`);
      setText(row.snippet.label, label ?? (isHidden(value.value) ? 'A secret that stands in the file itself is never shown. Its key:' : 'The program sets it. Its key:'));
      return;
    }
    row.key = key;
    const keys = keysOf(key);
    setText(row.button, short(clean(keys.length > 2 && sections.includes(keys[0]) ? keys.slice(2).join('.') : key), 100));
    setAttribute(row.button, 'aria-expanded', String(isOpen));
    setLongText(row.value, value.value, 100);
    setText(row.origin, short(clean(value.origin), 100));
    setAttribute(row.node, 'class', String(value.origin).startsWith('built-in') ? 'standard' : 'chosen');
    setText(row.change, Object.hasOwn(changes, value.change) ? changes[value.change] : clean(value.change));
  }

  // MARK: Deployments

  const deployments = (() => {
    const node = find('deployments');
    const missing = make('ul', { class: 'missing' });
    const note = make('p', { class: 'muted' });
    const head = make('tr');
    const body = make('tbody');
    const table = make('table', { class: 'grid' }, make('thead', {}, head), body);
    const more = make('button', { type: 'button', class: 'link' });
    more.addEventListener('click', () => {
      page.allServices = !page.allServices;
      showDeployments();
    });
    node.append(note, missing, table, more);
    return { note, missing, head, body, table, more };
  })();

  const keyOfDeployment = (each) => `${each.service}\u0000${each.environment}`;

  function showDeployments() {
    const all = list(page.snapshot.deployments);
    const missing = all.filter((each) => each.is_in_production === false && each.succeeded);
    const environments = environmentsOf(all);
    const services = [...new Set(all.map((each) => String(each.service)))];
    const shown = page.allServices ? services : services.slice(0, 10);
    setText(deployments.note, all.length === 0 ? 'None seen yet.' : missing.length ? 'Not in production yet:' : 'Everything that was deployed is in production.');
    reconcile(
      deployments.missing, missing.slice(0, 8), keyOfDeployment,
      () => {
        const [name, code, where] = [make('bdi', { class: 'name' }), make('code'), make('span', { class: 'muted' })];
        return { node: make('li', {}, name, ' ', code, ' ', where), name, code, where };
      },
      (row, each) => {
        setText(row.name, short(clean(each.service), 60));
        setText(row.code, short(clean(each.commit), 10).replace('…', ''));
        setText(row.where, `in ${isolated(each.environment)} since ${moment(each.time)}`);
      });
    deployments.table.hidden = all.length === 0;
    setAttribute(deployments.table, 'data-cards', environments.length > 4 ? '' : null);
    reconcile(
      deployments.head, ['Service', ...environments], (title) => title,
      () => ({ node: make('th', { scope: 'col' }) }), (row, title) => setText(row.node, short(clean(title), 40)));
    reconcile(
      deployments.body, shown.map((service) => ({ service, environments, all })), (row) => row.service,
      () => {
        const name = make('bdi');
        return { node: make('tr', {}), head: make('th', { scope: 'row' }, name), name };
      },
      setService);
    deployments.more.hidden = services.length <= 10;
    setText(deployments.more, page.allServices ? 'Show fewer' : `Show all ${services.length} services`);
  }

  /** In the order in which commits go through them, as far as that can be told: production is the last one. */
  function environmentsOf(all) {
    const isProduction = new Set(all.filter((each) => each.is_in_production === undefined).map((each) => each.environment));
    const names = [...new Set(all.map((each) => String(each.environment)))].sort();
    return [...names.filter((name) => !isProduction.has(name)), ...names.filter((name) => isProduction.has(name))];
  }

  function setService(row, { service, environments, all }) {
    setText(row.name, short(clean(service), 60));
    const cells = environments.map((environment) => ({ environment, each: all.find((one) => String(one.service) === service && String(one.environment) === environment) }));
    reconcile(
      row.node, [{ environment: '\u0000' }, ...cells], (cell) => cell.environment,
      (cell) => {
        if (cell.environment === '\u0000') return { node: row.head };
        const icon = makeIcon();
        const [label, code, time, badge] = [make('bdi', { class: 'label' }), make('code'), make('span', { class: 'muted' }), make('span', { class: 'badge' })];
        return { node: make('td', {}, label, make('span', { class: 'commit' }, icon, code, badge), time), icon, label, code, time, badge };
      },
      (parts, { environment, each }) => {
        if (environment === '\u0000') return;
        setAttribute(parts.node, 'data-empty', each ? null : '');
        setText(parts.label, short(clean(environment), 40));
        setIcon(parts.icon, !each ? 'idle' : each.succeeded ? 'well' : 'down');
        setAttribute(parts.node, 'data-tone', !each ? 'mute' : each.succeeded ? 'good' : 'bad');
        setText(parts.code, each ? short(clean(each.commit), 10).replace('…', '') : '–');
        setText(parts.time, each ? moment(each.time) : '');
        const word = !each ? '' : !each.succeeded ? 'failed' : each.is_in_production === false ? 'not in production' : '';
        setText(parts.badge, word);
        parts.badge.hidden = !word;
      });
  }

  // MARK: Poison, configuration

  const [poisonParts, configurationParts] = ['poison', 'configuration'].map((id) => {
    const node = make('div', { class: 'parts' });
    find(id).append(node);
    return node;
  });

  function showPoison() {
    const poison = record(page.snapshot.poison);
    const causes = list(poison.causes).filter((each) => number(each.count) > 0);
    const facts = [fact('topic', clean(poison.topic)), fact('not looked at', count(poison.messages), number(poison.messages) ? 'bad' : null)];
    if (hasTime(poison.oldest)) facts.push(fact('oldest', moment(poison.oldest)));
    showParts(poisonParts, [
      { key: 'topic', facts },
      {
        key: 'causes', title: 'By cause, since the start',
        table: { head: ['Cause', 'Route', 'Messages'], rows: causes.map((each) => [clean(each.reason), clean(each.route), count(each.count)]), empty: 'Nothing was poisoned.' },
      },
    ]);
  }

  function showConfiguration() {
    const configuration = record(page.snapshot.configuration);
    const build = record(page.snapshot.build);
    const facts = [fact('from', configuration.file ? clean(configuration.file) : 'the environment'), fact('in force since', moment(configuration.loaded))];
    facts.push(fact('last reload', configuration.refusal ? `refused: ${clean(configuration.refusal)}` : 'taken', configuration.refusal ? 'bad' : null));
    if (configuration.needs_restart) facts.push(fact('needs a restart', clean(configuration.needs_restart), 'warn'));
    const running = [fact('Sluice', clean(build.version)), fact('Swift', clean(build.swift)), fact('started', moment(build.started))];
    if (hasTime(build.started)) running.push(fact('up', duration(now() - Date.parse(build.started))));
    showParts(configurationParts, [{ key: 'file', facts }, { key: 'build', title: 'Build', facts: running }]);
  }

  function showAll() {
    if (!page.snapshot) return;
    find('content').hidden = false;
    showPicture();
    showVerdict();
    showPanel();
    showDeployments();
    showPoison();
    showConfiguration();
    drawLines();
  }

  // MARK: Polling

  const poll = { timer: 0, request: null, failures: 0, isPaused: false, answered: null, failed: '', next: 0, version: '' };
  const rest = () => (poll.failures ? Math.min(10000, 2000 * 2 ** (poll.failures - 1)) : document.hidden ? 30000 : 2000);

  function schedule(delay = rest()) {
    clearTimeout(poll.timer);
    if (poll.isPaused) return;
    poll.next = performance.now() + delay;
    poll.timer = setTimeout(ask, delay);
  }

  /** Why it is no answer, in words. */
  async function refusal(response) {
    const text = short(clean((await response.text()).trim()), 300);
    const said = text && !text.startsWith('<') ? ` It says: ${text}` : '';
    switch (response.status) {
      case 401: return 'The gateway asks for its token. Load this page again, and give METRICS_TOKEN as the password; the user may be anything.';
      case 403: return `The gateway does not take requests under this address. It takes those to an IP address, to localhost, to a name of its machine, and to the names in STATUS_HOSTS.${said}`;
      case 404: return 'Something answers here that has no /status.json: another program, or an older version of the gateway.';
      default: return `The gateway answers with status ${response.status}.${said}`;
    }
  }

  async function ask() {
    // One request at a time: the next one is planned when this one has ended.
    if (poll.request) return;
    const request = new AbortController();
    const limit = setTimeout(() => request.abort(), 10000);
    poll.request = request;
    try {
      const response = await fetch('/status.json', { cache: 'no-store', redirect: 'error', signal: request.signal });
      if (!response.ok) throw new Refused(await refusal(response));
      const snapshot = await response.json();
      if (!snapshot || typeof snapshot.verdict !== 'object') throw new Refused('Something answers here, but not with a status.');
      if (poll.request === request) take(snapshot);
    } catch (error) {
      if (poll.request === request) miss(error instanceof Refused ? error.message : error instanceof SyntaxError ? 'Something answers here, but not with a status.' : '');
    } finally {
      clearTimeout(limit);
      if (poll.request === request) {
        poll.request = null;
        schedule();
      }
    }
  }

  class Refused extends Error {}

  function take(snapshot) {
    poll.failures = 0;
    poll.failed = '';
    poll.answered = performance.now();
    page.snapshot = snapshot;
    const version = String(record(snapshot.build).version ?? '');
    poll.version ||= version;
    const isFirst = find('content').hidden;
    showAll();
    showLive();
    if (isFirst) followHash();
  }

  function miss(message) {
    poll.failures += 1;
    poll.failed = message || 'The gateway does not answer.';
    showLive();
  }

  /** Whether it is alive, and what is said in place of the verdict when it is not. */
  function showLive() {
    const isSilent = poll.failures > 0 && !poll.isPaused;
    const live = find('live');
    setAttribute(document.body, 'data-live', poll.isPaused ? 'paused' : isSilent ? 'silent' : poll.answered === null ? 'new' : 'live');
    const answer = page.snapshot && hasTime(page.snapshot.time) ? clock(page.snapshot.time, null) : '';
    const time = answer.slice(11);
    if (poll.isPaused) setText(live, `Paused${time ? ` at ${time}` : ''}`);
    else if (isSilent) setText(live, 'No answer');
    else setText(live, time ? `Live, ${time}` : 'Asking…');
    if (!isSilent) {
      const isNew = page.snapshot && poll.version && String(record(page.snapshot.build).version) !== poll.version;
      if (isNew) setText(live, 'Updated: load this page again');
      return;
    }
    const seconds = Math.max(0, Math.ceil((poll.next - performance.now()) / 1000));
    const since = answer ? `Last answer at ${answer}, ${duration(performance.now() - poll.answered)} ago; what stands below is of then.` : 'It has not answered yet.';
    setAttribute(verdict.node, 'data-tone', 'bad');
    setAttribute(verdict.node, 'data-level', 'silent');
    setIcon(verdict.icon, 'silent');
    setText(verdict.level, 'No answer');
    setLongText(verdict.title, poll.failed, 500);
    verdict.more.hidden = false;
    setLongText(verdict.more, `${since} ${poll.request || seconds === 0 ? 'Asking again.' : `Asked again in ${seconds} s.`}`);
    verdict.advice.node.hidden = true;
    verdict.others.hidden = true;
    verdict.heading.hidden = true;
    verdict.node.hidden = false;
    document.title = 'No answer – Sluice';
    announce(`No answer: ${poll.failed}`);
  }

  function pause() {
    poll.isPaused = !poll.isPaused;
    setAttribute(find('pause'), 'aria-pressed', String(poll.isPaused));
    setText(find('pause-word'), poll.isPaused ? 'Go on' : 'Pause');
    if (poll.isPaused) {
      clearTimeout(poll.timer);
      poll.request?.abort();
      poll.request = null;
    } else {
      schedule(0);
    }
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
    if (!page.snapshot || id === 'main' || !id) return;
    const target = targetOf(id);
    if (target === 'poison') reveal(find('poison'));
    else if (target) openBox(target, false);
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isWriting = event.target instanceof Element && event.target.matches('input, textarea, select');
    if (event.key === 'Escape') {
      if (event.target === find('filter') && find('filter').value) return search('');
      if (page.open) shut();
    } else if (!isWriting && event.key === 'p') {
      pause();
    } else if (!isWriting && event.key === '/' && !find('filters').hidden) {
      event.preventDefault();
      find('filter').focus();
    }
  }

  function search(text) {
    if (find('filter').value !== text) find('filter').value = text;
    page.filter = text;
    if (page.snapshot) showPicture();
  }

  setText(find('host'), location.host);
  find('pause').hidden = false;
  find('pause').addEventListener('click', pause);
  find('filter').addEventListener('input', (event) => search(event.target.value));
  find('troubled').addEventListener('change', (event) => {
    page.onlyTroubled = event.target.checked;
    if (page.snapshot) showPicture();
  });
  document.addEventListener('keydown', pressed);
  picture.addEventListener('pointermove', () => (page.pointerMoved = performance.now()), { passive: true });
  addEventListener('hashchange', followHash);
  document.addEventListener('visibilitychange', () => {
    if (poll.isPaused || poll.request) return;
    // One that is looked at again is brought up to date at once.
    schedule(document.hidden ? rest() : 0);
  });
  new ResizeObserver(() => page.snapshot && arrange()).observe(picture);
  setInterval(() => poll.failures && showLive(), 1000);
  showLive();
  ask();
})();
