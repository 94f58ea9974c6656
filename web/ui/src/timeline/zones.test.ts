import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Days, noDay } from './days';
import {
  HOUR,
  MINUTE,
  addDays,
  daysOf,
  holdToPresent,
  repeated,
  sameTime,
  startOfDay,
  ticks,
  toTime,
  toX,
  type View,
} from './geometry';

// Node takes a zone that is set while it runs.
declare const process: { env: { TZ?: string } };
const home = process.env.TZ;
const inZone = (zone: string): void => void (process.env.TZ = zone);
afterAll(() => inZone(home ?? 'UTC'));

/** A day of a zone: its date, how many hours it has, and what its clock shows twice or leaves out. */
interface Day {
  zone: string;
  date: [number, number, number];
  hours: number;
  /** The first moment (UTC) of what comes twice. */
  twice?: string;
  /** How long what comes twice, or is left out, lasts. */
  shift: number;
}

const DAYS: Day[] = [
  { zone: 'Europe/Berlin', date: [2026, 2, 29], hours: 23, shift: HOUR },
  { zone: 'Europe/Berlin', date: [2026, 9, 25], hours: 25, shift: HOUR, twice: '2026-10-25T00:00:00Z' },
  { zone: 'Europe/Berlin', date: [2026, 10, 22], hours: 24, shift: 0 },
  { zone: 'Australia/Lord_Howe', date: [2026, 3, 5], hours: 24.5, shift: HOUR / 2, twice: '2026-04-04T14:30:00Z' },
  { zone: 'Australia/Lord_Howe', date: [2026, 9, 4], hours: 23.5, shift: HOUR / 2 },
  // Clocks go forward at midnight: the day begins at one; and back at midnight: the day before has its last hour twice.
  { zone: 'America/Santiago', date: [2026, 8, 6], hours: 23, shift: HOUR },
  { zone: 'America/Santiago', date: [2026, 3, 4], hours: 25, shift: HOUR, twice: '2026-04-05T02:00:00Z' },
  { zone: 'Asia/Kathmandu', date: [2026, 9, 25], hours: 24, shift: 0 },
  { zone: 'UTC', date: [2026, 9, 25], hours: 24, shift: 0 },
];

describe.each(DAYS)('$date in $zone', ({ zone, date, hours, twice, shift }) => {
  let day = 0;
  let next = 0;
  beforeEach(() => {
    inZone(zone);
    day = new Date(...date).getTime();
    next = addDays(day, 1);
  });
  const shown = (t: number): string => {
    const d = new Date(t);
    return `${d.getDate()} ${d.getHours()}:${d.getMinutes()}`;
  };

  it(`has ${hours} hours, and each of its moments belongs to it`, () => {
    expect((next - day) / HOUR).toBe(hours);
    for (let t = day; t < next; t += 7 * MINUTE) {
      expect(startOfDay(t)).toBe(day);
      expect(addDays(t, 1)).toBe(next);
      expect(addDays(next + (t - day) / 2, -1)).toBe(day);
    }
    expect(startOfDay(next - 1)).toBe(day);
    expect(startOfDay(next)).toBe(next);
    expect(daysOf({ from: day, to: next })).toEqual([day]);
    expect(daysOf({ from: day - 1, to: next + 1 })).toEqual([addDays(day, -1), day, next]);
  });

  it('is asked for as one day, from its first moment to its last', async () => {
    const load = vi.fn(() => Promise.resolve(noDay));
    const days = new Days(load, () => {});
    days.want({ from: day + HOUR, to: next - HOUR }, next + 2 * HOUR);
    await Promise.resolve();
    expect(load.mock.calls).toEqual([[day, next]]);
  });

  it('has a mark at every step of its clock, and at its beginning', () => {
    for (const span of [10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR]) {
      for (let from = day; from < next; from += span / 2) {
        const v: View = { from, span, width: 1000 };
        const found = ticks(v);
        const at = found.map((t) => t.at);
        expect(at).toEqual([...new Set(at)].sort((a, b) => a - b));
        expect(found.filter((t) => t.weight === 'day').map((t) => t.at)).toEqual(
          [day, next].filter((t) => t >= from && t <= from + span),
        );
        const labelled = found.filter((t) => t.weight !== 'minor');
        for (const [i, t] of labelled.entries()) {
          // On whole minutes of the clock, with room for the label, and no hole but where the clock leaves time out.
          const d = new Date(t.at);
          expect(d.getSeconds()).toBe(0);
          if (i === 0) continue;
          const apart = t.at - labelled[i - 1]!.at;
          if (t.weight === 'major' && labelled[i - 1]!.weight === 'major')
            expect(toX({ ...v, from: 0 }, apart)).toBeGreaterThan(75);
          expect(toX({ ...v, from: 0 }, apart - shift)).toBeLessThan(220);
        }
        expect(labelled.length).toBeGreaterThan(2);
      }
    }
  });

  it('says which moments its clock shows twice', () => {
    const seen = new Map<string, number[]>();
    for (let t = day - 3 * HOUR; t < next + 3 * HOUR; t += 15 * MINUTE) {
      seen.set(shown(t), [...(seen.get(shown(t)) ?? []), t]);
    }
    let doubled = 0;
    for (const times of seen.values()) {
      const want = times.length === 2 ? ['first', 'second'] : [undefined];
      expect(times.map(repeated)).toEqual(want);
      if (times.length === 2) doubled += 15 * MINUTE;
    }
    expect(doubled).toBe(twice ? shift : 0);
    if (twice) {
      expect(repeated(Date.parse(twice))).toBe('first');
      expect(repeated(Date.parse(twice) - 1)).toBe(undefined);
      expect(repeated(Date.parse(twice) + shift)).toBe('second');
      expect(repeated(Date.parse(twice) + 2 * shift)).toBe(undefined);
    }
  });

  it('keeps the time of the clock from day to day', () => {
    for (let h = 0; h < 24; h++) {
      const from = new Date(date[0], date[1], date[2] - 1, h, 20, 30).getTime();
      const there = sameTime(from, day);
      expect(startOfDay(there)).toBe(day);
      if (shift === 0 || twice) expect(shown(there)).toBe(`${date[2]} ${h}:20`);
      const back = sameTime(there, addDays(day, -1));
      if (shift === 0 || twice) expect(back).toBe(from);
    }
  });

  it('lets a moment be picked where it lies', () => {
    const v = holdToPresent({ from: day, span: 24 * HOUR, width: 960 }, next + HOUR);
    for (let x = 0; x <= 960; x += 40) expect(toX(v, toTime(v, x))).toBeCloseTo(x, 6);
    // An hour is as wide as any other, also the one that comes twice.
    expect(toX(v, day + 3 * HOUR) - toX(v, day + 2 * HOUR)).toBeCloseTo(40, 6);
  });
});

describe('the words for a moment', () => {
  const words = async (zone: string, language: string): Promise<typeof import('../words')> => {
    inZone(zone);
    vi.resetModules();
    vi.stubGlobal('navigator', { language, languages: [language] });
    return import('../words');
  };

  it('tell the two hours apart when summer time ends', async () => {
    const { clock, clockSeconds } = await words('Europe/Berlin', 'en-GB');
    const at = (text: string): string => clock(Date.parse(text));
    expect(at('2026-10-24T23:30:00Z')).toBe('01:30');
    expect(at('2026-10-25T00:30:00Z')).toBe('02:30 CEST');
    expect(at('2026-10-25T01:30:00Z')).toBe('02:30 CET');
    expect(at('2026-10-25T02:30:00Z')).toBe('03:30');
    expect(clockSeconds(Date.parse('2026-10-25T01:30:09Z'))).toBe('02:30:09 CET');
    expect(at('2026-03-29T01:30:00Z')).toBe('03:30');
  });
  it('use the distance to UTC where a zone has no name', async () => {
    const { clock } = await words('Australia/Lord_Howe', 'en-US');
    expect(clock(Date.parse('2026-04-04T14:45:00Z'))).toMatch(/^01:45.AM GMT\+11$/);
    expect(clock(Date.parse('2026-04-04T15:15:00Z'))).toMatch(/^01:45.AM GMT\+10:30$/);
  });
  it('say nothing of zones in UTC', async () => {
    const { clock } = await words('UTC', 'en-GB');
    for (let h = 0; h < 48; h++) expect(clock(Date.parse('2026-10-24T00:10:00Z') + h * HOUR)).toMatch(/^\d\d:10$/);
  });
});

describe('events under their days', () => {
  it('belong to the day of the clock, and stay in order through the hour that comes twice', async () => {
    inZone('Europe/Berlin');
    vi.resetModules();
    const { byDay } = await import('../state/events.svelte');
    const event = (start: string): Parameters<typeof byDay>[0][number] => ({
      id: start,
      camera: '',
      kind: 'motion',
      start,
      score: 1,
      has_thumb: false,
      reviewed: false,
      held: false,
    });
    const list = [
      '2026-10-25T23:00:00Z', // 00:00 on the 26th
      '2026-10-25T22:59:59Z',
      '2026-10-25T01:30:00Z', // the second 02:30
      '2026-10-25T00:30:00Z', // the first
      '2026-10-24T22:00:00Z', // 00:00 on the 25th
      '2026-10-24T21:59:59Z',
    ];
    expect(byDay(list.map(event)).map((d) => [new Date(d.day).getDate(), d.events.map((e) => e.id)])).toEqual([
      [26, list.slice(0, 1)],
      [25, list.slice(1, 5)],
      [24, list.slice(5)],
    ]);
  });
});
