/**
 * Where things lie on a timeline: pure arithmetic between wall time (ms since 1970) and pixels. Days and hours are those
 * of the browser's own zone, summer time included.
 */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The narrowest and the widest view. */
export const NARROWEST = 10 * SECOND;
export const WIDEST = 24 * HOUR;

/** What is seen: from `from` on, `span` ms, over `width` pixels. */
export interface View {
  from: number;
  span: number;
  width: number;
}

/** A stretch of wall time. */
export interface Stretch {
  from: number;
  to: number;
}

export function toX(v: View, t: number): number {
  return ((t - v.from) / v.span) * v.width;
}

export function toTime(v: View, x: number): number {
  return v.from + (x / v.width) * v.span;
}

/** Moves the view by pixels; a positive distance shows later times. */
export function pan(v: View, dx: number): View {
  return { ...v, from: v.from + (dx / v.width) * v.span };
}

/** Zooms so that the moment under `x` stays under `x`. A factor under 1 shows less. */
export function zoom(v: View, factor: number, x: number): View {
  const span = Math.min(WIDEST, Math.max(NARROWEST, v.span * factor));
  return { ...v, span, from: toTime(v, x) - (x / v.width) * span };
}

/** Two fingers: the moments that were under `a` and `b` come to lie under `a2` and `b2`, as far as the limits allow. */
export function pinch(v: View, a: number, b: number, a2: number, b2: number): View {
  const before = Math.max(1, Math.abs(b - a));
  const after = Math.max(1, Math.abs(b2 - a2));
  const zoomed = zoom(v, before / after, (a + b) / 2);
  return pan(zoomed, (a + b) / 2 - (a2 + b2) / 2);
}

/** Keeps the view from showing more of the future than a margin of its right end. */
export function holdToPresent(v: View, now: number, margin = 0.04): View {
  const latest = now + margin * v.span - v.span;
  return v.from > latest ? { ...v, from: latest } : v;
}

/** Moves the view so that `t` is seen with a margin on each side; leaves it alone when it already is. */
export function follow(v: View, t: number, margin = 0.1): View {
  const room = v.span * margin;
  if (t < v.from + room) return { ...v, from: t - room };
  if (t > v.from + v.span - room) return { ...v, from: t - v.span + room };
  return v;
}

/** How fast the view moves while something is dragged at `x` near an edge: spans a second, 0 in the middle. */
export function edgePull(v: View, x: number, zone = 36): number {
  const reach = Math.min(zone, v.width / 6);
  if (x < reach) return -Math.min(1, (reach - x) / reach) * 0.6;
  if (x > v.width - reach) return Math.min(1, (x - v.width + reach) / reach) * 0.6;
  return 0;
}

const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  DAY,
];

export interface Tick {
  at: number;
  /** `minor` ticks have a line only. */
  weight: 'day' | 'major' | 'minor';
}

/** The distance of labelled ticks, ms, so that labels keep at least `room` pixels. */
export function tickStep(v: View, room: number): number {
  const least = (room / v.width) * v.span;
  return STEPS.find((s) => s >= least) ?? DAY;
}

/** The labelled and unlabelled ticks of a view, ascending. */
export function ticks(v: View, room = 76): Tick[] {
  const major = tickStep(v, room);
  const minor = minorOf(major);
  const found: Tick[] = [];
  let labelled = -Infinity;
  for (const at of multiples(v, minor)) {
    let weight: Tick['weight'] = 'minor';
    if (at === startOfDay(at)) weight = 'day';
    // The hour that comes twice brings a second 02:00 soon after the first: it has a label only where there is room.
    else if (onMultiple(at, major) && at - labelled >= major) weight = 'major';
    if (weight !== 'minor') labelled = at;
    found.push({ at, weight });
  }
  return found;
}

function minorOf(major: number): number {
  const i = STEPS.indexOf(major);
  const finer = STEPS.slice(0, Math.max(0, i)).filter((s) => major % s === 0 && major / s <= 6);
  return finer[0] ?? major;
}

/** Minutes and seconds since the local midnight decide, so that 06:00 stays 06:00 also on the days that clocks change. */
function onMultiple(at: number, step: number): boolean {
  const d = new Date(at);
  const sinceMidnight = d.getHours() * HOUR + d.getMinutes() * MINUTE + d.getSeconds() * SECOND + d.getMilliseconds();
  return sinceMidnight % step === 0;
}

/** Every zone in use today is a whole number of these away from UTC, in summer and in winter. */
const QUARTER = 15 * MINUTE;

function multiples(v: View, step: number): number[] {
  const end = v.from + v.span;
  const found = new Set<number>();
  // Steps on the clock of UTC that meet every step on the clock of the zone, whatever its distance.
  const grid = step < QUARTER ? common(step, QUARTER) : QUARTER;
  for (let t = Math.ceil(v.from / grid) * grid; t <= end; t += grid) if (onMultiple(t, step)) found.add(t);
  // Where clocks go forward at midnight, a day begins at one.
  for (const day of daysOf({ from: v.from, to: end + 1 })) if (day >= v.from) found.add(day);
  return [...found].sort((a, b) => a - b);
}

/** The greatest common divisor. */
function common(a: number, b: number): number {
  return b === 0 ? a : common(b, a % b);
}

/** Local midnight at or before a moment. */
export function startOfDay(t: number): number {
  const d = new Date(t);
  return new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
}

/** Local midnight `days` days from the day of `t`; days of 23 and 25 hours count as one. */
export function addDays(t: number, days: number): number {
  const d = new Date(t);
  return new Date(d.getFullYear(), d.getMonth(), d.getDate() + days).getTime();
}

/** The same time of another day, by the clock; on the day that does not have it, the next time that there is. */
export function sameTime(t: number, day: number): number {
  const [d, to] = [new Date(t), new Date(day)];
  const at = new Date(to.getFullYear(), to.getMonth(), to.getDate(), d.getHours(), d.getMinutes(), d.getSeconds());
  return at.getTime() + d.getMilliseconds();
}

/** How far local time is ahead of UTC, ms. */
function ahead(t: number): number {
  return -new Date(t).getTimezoneOffset() * MINUTE;
}

/**
 * Whether the clock shows the time of this moment twice, as in the night in which summer time ends: `first` or `second`.
 * Undefined at all other times.
 */
export function repeated(t: number): 'first' | 'second' | undefined {
  const shown = t + ahead(t);
  const [before, after] = [shown - ahead(t - DAY / 2), shown - ahead(t + DAY / 2)];
  if (after > t && after + ahead(after) === shown) return 'first';
  if (before < t && before + ahead(before) === shown) return 'second';
  return undefined;
}

/** The local days that a view touches, as their midnights. */
export function daysOf(s: Stretch): number[] {
  const found: number[] = [];
  for (let t = startOfDay(s.from); t < s.to; t = addDays(t, 1)) found.push(t);
  return found;
}

/** The first of the stretches that covers `t`, give or take `slack` ms. */
export function at<T extends Stretch>(list: readonly T[], t: number, slack = 0): T | undefined {
  return list.find((s) => t >= s.from - slack && t <= s.to + slack);
}

/** The first covered moment at or after `t`; undefined if nothing follows. The list is ascending. */
export function nextCovered(list: readonly Stretch[], t: number): number | undefined {
  for (const s of list) if (s.to > t) return Math.max(t, s.from);
  return undefined;
}

/** One column of the skyline: the highest score of what touches it, 0 to 1. */
export function skyline(
  motion: readonly (Stretch & { score: number })[],
  v: View,
  columns: number,
): Float32Array<ArrayBuffer> {
  const heights = new Float32Array(columns);
  const perColumn = v.span / columns;
  for (const m of motion) {
    if (m.to <= v.from || m.from >= v.from + v.span) continue;
    const first = Math.max(0, Math.floor((m.from - v.from) / perColumn));
    const last = Math.min(columns - 1, Math.ceil((m.to - v.from) / perColumn) - 1);
    for (let i = first; i <= last; i++) heights[i] = Math.max(heights[i]!, Math.min(1, m.score));
  }
  return heights;
}

/** The selected stretch for an export, kept in order, between `least` and `most` long, not in the future. */
export function clampSelection(s: Stretch, now: number, least = 2 * SECOND, most = 2 * HOUR): Stretch {
  let { from, to } = s.from <= s.to ? s : { from: s.to, to: s.from };
  to = Math.min(to, now);
  from = Math.min(from, to - least);
  if (to - from > most) from = to - most;
  return { from, to };
}
