import { describe, expect, it, vi } from 'vitest';
import { Days, noDay, type DayData } from './days';
import { HOUR, addDays, startOfDay } from './geometry';

const noon = new Date(2026, 10, 22, 12).getTime();
const today = startOfDay(noon);
const data = (from: number): DayData => ({ ...noDay, spans: [{ from, to: from + 1 }] });
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

describe('Days', () => {
  it('asks for each day that is seen, once, and gives them in order', async () => {
    const load = vi.fn((from: number) => Promise.resolve(data(from)));
    const changed = vi.fn();
    const days = new Days(load, changed);
    const seen = { from: today - 2 * HOUR, to: today + HOUR };
    days.want(seen, noon);
    days.want(seen, noon);
    await settle();
    expect(load.mock.calls.map(([from]) => from)).toEqual([addDays(today, -1), today]);
    expect(changed).toHaveBeenCalledTimes(2);
    expect(days.all.spans.map((s) => s.from)).toEqual([addDays(today, -1), today]);
  });

  it('asks for today again, and for a day that is over never again', async () => {
    const load = vi.fn((from: number) => Promise.resolve(data(from)));
    const days = new Days(load, () => {});
    const seen = { from: today - 2 * HOUR, to: today + HOUR };
    days.want(seen, noon);
    await settle();
    days.want(seen, noon + 20_000);
    await settle();
    expect(load.mock.calls.map(([from]) => from)).toEqual([addDays(today, -1), today, today]);
  });

  it('asks again for what failed, but not at once', async () => {
    const load = vi.fn<(from: number, to: number) => Promise<DayData>>(() => Promise.reject(new Error('away')));
    const days = new Days(load, () => {});
    const seen = { from: today, to: today + HOUR };
    days.want(seen, noon);
    await settle();
    days.want(seen, noon + 1000);
    await settle();
    expect(load).toHaveBeenCalledTimes(1);
    days.want(seen, noon + 6000);
    await settle();
    expect(load).toHaveBeenCalledTimes(2);
    expect(days.has(today)).toBe(false);
  });

  it('asks for nothing of the future', () => {
    const load = vi.fn(() => Promise.resolve(data(0)));
    new Days(load, () => {}).want({ from: addDays(today, 1), to: addDays(today, 2) }, noon);
    expect(load).not.toHaveBeenCalled();
  });

  it('holds a few days only', async () => {
    const days = new Days(
      (from) => Promise.resolve(data(from)),
      () => {},
    );
    for (let d = 0; d < 30; d++) days.want({ from: addDays(today, -d), to: addDays(today, -d) + HOUR }, noon);
    await settle();
    expect(days.all.spans).toHaveLength(8);
    expect(days.has(addDays(today, -29))).toBe(true);
    expect(days.has(today)).toBe(false);
  });
});
