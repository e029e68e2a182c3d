'use strict';

// How often Envoy is asked; how many of its answers a rate is over; how many lines stay.
const EVERY = 500, OVER = 10, LINES = 60;

const STATUS = {
  400: ['path_ambiguous', 'account_missing', 'account_duplicate', 'account_invalid', 'account_unknown'],
  403: ['account_reserved', 'credential_not_allowed', 'account_forbidden', 'admin_required', 'account_suspended'],
  429: ['cap_exceeded'],
  503: ['keys_unavailable', 'introspection_unavailable', 'not_ready'],
};

const STEPS = [
  {name: 'Is the path readable?', codes: ['path_ambiguous']},
  {name: 'Is identity forged?', counts: 'requests.forged', said: 'cleaned'},
  {name: 'Which route?', counts: 'requests.public', said: 'public, went on'},
  {name: 'Which account?', codes: ['account_missing', 'account_duplicate', 'account_invalid', 'account_reserved']},
  {name: 'Whose token?', codes: [/^token_/, 'key_inactive', 'keys_unavailable', 'introspection_unavailable']},
  {name: 'May they?', codes: ['account_forbidden', 'admin_required', 'credential_not_allowed', 'account_unknown', 'account_suspended']},
  {name: 'Within the caps?', codes: ['cap_exceeded']},
  {name: 'Forward', counts: 'requests.forwarded', said: 'went on'},
];

const place = id => document.getElementById(id);
const number = value => value.toLocaleString('en');
const status = code => Object.keys(STATUS).find(status => STATUS[status].includes(code)) ?? '401';

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function row(...cells) {
  const made = element('tr');
  made.append(...cells);
  return made;
}

// Each decision with its total: {label, kind, total}, by the statistic's name.
function decisions(stats) {
  const found = {};
  for (const [name, total] of Object.entries(stats)) {
    const [, what, code] = /^requests\.(refused|reported)\.(\w+)$/.exec(name) ?? [];
    if (name === 'requests.forwarded') found[name] = {label: 'forwarded', kind: 'good', total};
    else if (name === 'requests.public') found[name] = {label: 'public', kind: 'good', total};
    else if (what === 'refused') found[name] = {label: `${status(code)} ${code}`, kind: 'bad', total};
    else if (what === 'reported') found[name] = {label: `reported ${code}`, kind: 'bad', total};
  }
  return found;
}

function sum(stats, codes) {
  const counts = code => codes.some(one => one instanceof RegExp ? one.test(code) : one === code);
  return Object.entries(stats)
    .filter(([name]) => /^requests\.(refused|reported)\./.test(name) && counts(name.split('.')[2]))
    .reduce((all, [, value]) => all + value, 0);
}

// Of the last answers: [when, decisions].
let history = [];
let stepsBefore = [];

function rate(name) {
  const [first, last] = [history[0], history[history.length - 1]];
  const seconds = (last[0] - first[0]) / 1000;
  const before = first[1][name]?.total ?? 0;
  return seconds > 0 ? Math.max(0, (last[1][name]?.total ?? 0) - before) / seconds : 0;
}

function showTotals(stats, found) {
  const names = Object.keys(found);
  const all = names.filter(name => !name.includes('.reported.'));
  const refused = names.filter(name => name.includes('.refused.'));
  const total = list => list.reduce((all, name) => all + found[name].total, 0);
  const flight = Object.entries(stats).filter(([name]) => /^caps\..+\.in_flight$/.test(name));
  place('totals').replaceChildren(...[
    [all.reduce((sum, name) => sum + rate(name), 0).toFixed(1), 'requests a second'],
    [number(stats['requests.forwarded'] ?? 0), 'with an account'],
    [number(stats['requests.public'] ?? 0), 'public'],
    [number(total(refused)), 'refused'],
    [number(flight.reduce((most, [, value]) => Math.max(most, value), 0)), 'under way'],
  ].map(([value, label]) => {
    const made = element('div');
    made.append(element('b', value), element('span', label));
    return made;
  }));
}

function showSteps(stats) {
  const values = STEPS.map(step => step.codes ? sum(stats, step.codes) : stats[step.counts] ?? 0);
  place('steps').replaceChildren(...STEPS.map((step, at) => {
    const made = element('li');
    if (values[at] > (stepsBefore[at] ?? values[at])) made.className = 'hit';
    made.append(
      element('em', `${at + 1}`), element('strong', step.name),
      element('b', number(values[at]), values[at] === 0 ? '' : step.codes ? 'bad' : 'good'),
      element('span', step.said ?? 'turned away'));
    return made;
  }));
  stepsBefore = values;
  const unready = sum(stats, ['not_ready']);
  place('unready').textContent = unready === 0 ? '' :
    `${number(unready)} more were refused with 503 not_ready, because the gate itself lacked something: Envoy's log says what.`;
}

function showDecisions(found) {
  const some = Object.entries(found).filter(([, one]) => one.total > 0).sort(([, a], [, b]) => b.total - a.total);
  const most = some[0]?.[1].total ?? 1;
  place('none').hidden = some.length > 0;
  place('decisions').tBodies[0].replaceChildren(...some.map(([name, one]) => {
    const label = element('td'), bar = element('td', undefined, 'bar'), meter = element('meter');
    label.append(element('code', one.label, one.kind));
    meter.max = most;
    meter.value = one.total;
    bar.append(meter);
    return row(label, element('td', number(one.total), 'number'), element('td', rate(name).toFixed(1), 'number'), bar);
  }));
}

function feed(before, found) {
  const now = new Date().toLocaleTimeString('en-GB');
  for (const [name, one] of Object.entries(found)) {
    const more = one.total - (before[name]?.total ?? 0);
    if (more <= 0) continue;
    const line = element('li'), code = element('code', one.label, one.kind);
    line.append(element('time', now), element('span', `+${number(more)}`, 'number'), code);
    place('feed').prepend(line);
  }
  while (place('feed').children.length > LINES) place('feed').lastChild.remove();
  place('quiet').hidden = place('feed').children.length > 0;
}

function showCaps(stats) {
  const names = Object.keys(stats).map(name => /^caps\.(.+)\.admitted$/.exec(name)?.[1]).filter(Boolean);
  place('caps').tBodies[0].replaceChildren(...names.map(cap => {
    const windows = Object.entries(stats)
      .filter(([name, value]) => name.startsWith(`caps.${cap}.refused.`) && value > 0)
      .map(([name, value]) => `${number(value)} ${name.split('.')[3].replace('_', ' ')}`);
    const label = element('td');
    label.append(element('code', cap));
    return row(label, element('td', number(stats[`caps.${cap}.in_flight`] ?? 0), 'number'),
      element('td', number(stats[`caps.${cap}.admitted`]), 'number'),
      element('td', windows.join(', ') || '0', windows.length ? 'number bad' : 'number'));
  }));
}

function showKnown(stats) {
  const lines = [];
  for (let at = 0; `issuer.${at}.keys.usable` in stats; at += 1) {
    const keys = stats[`issuer.${at}.keys.usable`], age = stats[`issuer.${at}.keys.age_seconds`];
    lines.push([`issuer ${at}`, keys === 0 ? 'no keys: none of its tokens passes' : `${keys} ${keys === 1 ? 'key' : 'keys'}, seen ${age} s ago`, keys === 0]);
  }
  if ('directory.accounts' in stats) {
    const fetched = stats['directory.fetched'] > 0;
    lines.push(['directory', fetched ? `${number(stats['directory.accounts'])} accounts, seen ${stats['directory.age_seconds']} s ago` : 'not fetched yet', !fetched]);
  }
  lines.push(['remembered', `${number(stats['tokens.cached'] ?? 0)} requests by token, ${number(stats['introspection.cached'] ?? 0)} by API key`]);
  lines.push(['signatures', `${number(stats['signatures.host'] ?? 0)} verified by Envoy, ${number(stats['signatures.module'] ?? 0)} by the gate`]);
  const paused = ['keys', 'introspection', 'directory'].map(need => [need, stats[`requests.paused.${need}`] ?? 0]);
  lines.push(['waited', paused.map(([need, value]) => `${number(value)} for ${need}`).join(', ')]);
  if (stats.configured === 0) lines.push(['configuration', 'something is missing in the environment: Envoy\'s log says what', true]);
  place('known').replaceChildren(...lines.flatMap(([name, text, bad]) => [element('dt', name), element('dd', text, bad ? 'bad' : '')]));
}

function tell(state, text) {
  place('state').dataset.state = state;
  place('state').textContent = text;
  document.body.classList.toggle('away', state === 'away');
}

async function read() {
  const answer = await fetch('/status/stats', {cache: 'no-store'});
  if (!answer.ok) throw new Error((await answer.json()).detail ?? `${answer.status}`);
  const {stats} = await answer.json();
  const ours = stats.filter(stat => stat.name?.startsWith('wasmcustom.tollgate.'));
  if (ours.length === 0) throw new Error('Envoy runs without the gate');
  return Object.fromEntries(ours.map(stat => [stat.name.slice('wasmcustom.tollgate.'.length), stat.value]));
}

let lost;

async function look() {
  try {
    const stats = await read();
    const found = decisions(stats);
    // An Envoy that was started anew counts from nothing.
    const last = history[history.length - 1]?.[1];
    const isNew = last && Object.keys(last).some(name => (found[name]?.total ?? 0) < last[name].total);
    if (isNew) history = [];
    if (last) feed(isNew ? {} : last, found);
    history = [...history, [performance.now(), found]].slice(-OVER);
    showTotals(stats, found);
    showSteps(stats);
    showDecisions(found);
    showCaps(stats);
    showKnown(stats);
    lost = undefined;
    document.body.classList.add('known');
    tell('live', 'live');
  } catch (error) {
    lost ??= new Date().toLocaleTimeString('en-GB');
    const why = error instanceof TypeError ? 'the upstream, which serves this page, does not answer' : error.message;
    tell('away', `Envoy is away since ${lost}: ${why}`);
  }
  setTimeout(look, EVERY);
}

look();
