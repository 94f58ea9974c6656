import { describe, expect, it } from 'vitest';
import {
  DAY,
  HOUR,
  MINUTE,
  NARROWEST,
  SECOND,
  WIDEST,
  addDays,
  clampSelection,
  daysOf,
  edgePull,
  follow,
  holdToPresent,
  nextCovered,
  pan,
  pinch,
  skyline,
  startOfDay,
  ticks,
  toTime,
  toX,
  zoom,
  type View,
} from './geometry';

// The tests run in Berlin (vitest.config.ts): summer time ends on 25 October and begins on 29 March 2026.
const noon = new Date(2026, 10, 22, 12).getTime();
const view = (over: Partial<View> = {}): View => ({ from: noon, span: HOUR, width: 1000, ...over });

/** The same pseudo-random numbers in each run. */
function* numbers(seed: number): Generator<number> {
  for (let x = seed; ;) {
    x = (x * 1_103_515_245 + 12_345) % 2 ** 31;
    yield x / 2 ** 31;
  }
}

describe('places', () => {
  it('goes from time to pixels and back', () => {
    const random = numbers(1);
    for (let i = 0; i < 200; i++) {
      const v = view({ span: NARROWEST + random.next().value! * (WIDEST - NARROWEST) });
      const x = random.next().value! * v.width;
      expect(toX(v, toTime(v, x))).toBeCloseTo(x, 4);
    }
  });

  it('keeps the moment under the pointer while zooming, within the limits', () => {
    const random = numbers(2);
    let v = view();
    for (let i = 0; i < 300; i++) {
      const x = random.next().value! * v.width;
      const under = toTime(v, x);
      v = zoom(v, 0.3 + random.next().value! * 3, x);
      expect(toTime(v, x)).toBeCloseTo(under, 0);
      expect(v.span).toBeGreaterThanOrEqual(NARROWEST);
      expect(v.span).toBeLessThanOrEqual(WIDEST);
    }
  });

  it('keeps both moments under both fingers', () => {
    const v = view();
    const [a, b] = [toTime(v, 300), toTime(v, 500)];
    const after = pinch(v, 300, 500, 200, 700);
    expect(toTime(after, 200)).toBeCloseTo(a, 0);
    expect(toTime(after, 700)).toBeCloseTo(b, 0);
  });

  it('pans by what the finger moved', () => {
    expect(pan(view(), 500).from).toBe(noon + HOUR / 2);
  });

  it('shows no more of the future than a margin', () => {
    const v = holdToPresent(view({ from: noon + DAY }), noon, 0.05);
    expect(toX(v, noon)).toBeCloseTo(950, 6);
    expect(holdToPresent(view({ from: noon - DAY }), noon).from).toBe(noon - DAY);
  });

  it('follows the picture only when it must', () => {
    const v = view();
    expect(follow(v, noon + HOUR / 2)).toBe(v);
    expect(toX(follow(v, noon + HOUR), noon + HOUR)).toBeCloseTo(900, 6);
    expect(toX(follow(v, noon - HOUR), noon - HOUR)).toBeCloseTo(100, 6);
  });

  it('pulls at the edges, the more the nearer', () => {
    expect(edgePull(view(), 500)).toBe(0);
    expect(edgePull(view(), 990)).toBeGreaterThan(edgePull(view(), 970));
    expect(edgePull(view(), 2)).toBeLessThan(0);
  });
});

describe('ticks', () => {
  it.each([
    [10 * SECOND, SECOND],
    [MINUTE, 5 * SECOND],
    [HOUR, 5 * MINUTE],
    [2 * HOUR, 10 * MINUTE],
    [24 * HOUR, 2 * HOUR],
  ])('labels a view of %i ms every %i ms', (span, step) => {
    const labelled = ticks(view({ span }))
      .filter((t) => t.weight !== 'minor')
      .map((t) => t.at);
    for (let i = 1; i < labelled.length; i++) expect(labelled[i]! - labelled[i - 1]!).toBe(step);
    expect(labelled.length).toBeGreaterThan(5);
  });

  it('leaves room for each label at any zoom', () => {
    for (let span = NARROWEST; span <= WIDEST; span *= 1.07) {
      for (const width of [320, 1000, 3000]) {
        const v = view({ span, width });
        const xs = ticks(v)
          .filter((t) => t.weight !== 'minor')
          .map((t) => toX(v, t.at));
        for (let i = 1; i < xs.length; i++) expect(xs[i]! - xs[i - 1]!).toBeGreaterThan(75);
      }
    }
  });

  it.each([
    ['ends', new Date(2026, 9, 25)],
    ['begins', new Date(2026, 2, 29)],
  ])('keeps to the hours of the clock on the day summer time %s', (_, day) => {
    const from = day.getTime();
    const found = ticks({ from, span: addDays(from, 1) - from, width: 1000 });
    const hours = found.filter((t) => t.weight !== 'minor').map((t) => new Date(t.at).getHours());
    expect(hours).toEqual(expect.arrayContaining([0, 6, 12, 18]));
    for (const h of hours) expect(h % 2).toBe(0);
    expect(found.filter((t) => t.weight === 'day').map((t) => t.at)).toEqual([from, addDays(from, 1)]);
    for (let i = 1; i < found.length; i++) expect(found[i]!.at).toBeGreaterThan(found[i - 1]!.at);
  });
});

describe('days', () => {
  it('counts days of 23 and 25 hours as days', () => {
    const before = new Date(2026, 9, 24).getTime();
    expect(addDays(before + 5 * HOUR, 1)).toBe(new Date(2026, 9, 25).getTime());
    expect(addDays(before, 2) - addDays(before, 1)).toBe(25 * HOUR);
    expect(startOfDay(new Date(2026, 9, 25, 23, 59).getTime())).toBe(new Date(2026, 9, 25).getTime());
  });
  it('finds the days that a view touches', () => {
    const from = new Date(2026, 9, 24, 22).getTime();
    expect(daysOf({ from, to: from + 3 * HOUR })).toEqual([
      new Date(2026, 9, 24).getTime(),
      new Date(2026, 9, 25).getTime(),
    ]);
    expect(daysOf({ from, to: from + HOUR })).toHaveLength(1);
  });
});

describe('what there is', () => {
  const spans = [
    { from: 100, to: 200 },
    { from: 300, to: 400 },
  ];
  it.each([
    [50, 100],
    [150, 150],
    [200, 300],
    [250, 300],
    [400, undefined],
  ])('after %i comes %s', (t, want) => expect(nextCovered(spans, t)).toBe(want));

  it('takes the highest of what falls into a column, and all of what is wide', () => {
    const v = view({ from: 0, span: 1000, width: 100 });
    const sky = skyline(
      [
        { from: 100, to: 101, score: 0.4 },
        { from: 105, to: 106, score: 0.9 },
        { from: 500, to: 700, score: 0.5 },
        { from: 2000, to: 3000, score: 1 },
      ],
      v,
      10,
    );
    expect([...sky].map((h) => Math.round(h * 10) / 10)).toEqual([0, 0.9, 0, 0, 0, 0.5, 0.5, 0, 0, 0]);
  });

  it('keeps a selection in order, wide enough, and out of the future', () => {
    expect(clampSelection({ from: noon, to: noon - MINUTE }, noon)).toEqual({ from: noon - MINUTE, to: noon });
    expect(clampSelection({ from: noon, to: noon + MINUTE }, noon)).toEqual({ from: noon - 2000, to: noon });
    const long = clampSelection({ from: noon - DAY, to: noon }, noon);
    expect(long.to - long.from).toBe(2 * HOUR);
  });
});
