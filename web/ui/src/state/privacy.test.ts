import { describe, expect, it } from 'vitest';
import { ends, wayBack } from './privacy';

const at = (hour: number, minute = 0): number => new Date(2026, 10, 22, hour, minute).getTime();

describe('ends of privacy', () => {
  it('at noon: an hour, the evening, the next morning', () =>
    expect(ends(at(12)).map((e) => e.at)).toEqual([at(13), at(18), at(31)]));
  it('at night the morning is that of today', () =>
    expect(ends(at(2)).map((e) => e.at)).toEqual([at(3), at(18), at(7)]));
  it('none comes sooner than the hour, or is in the past', () => {
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      const list = ends(at(0, minute));
      expect(list.every((e) => e.at >= at(0, minute + 60))).toBe(true);
      expect(new Set(list.map((e) => e.at)).size).toBe(list.length);
    }
  });
});

describe('the way back', () => {
  it('keeps the end that a person chose', () =>
    expect(wayBack({ on: true, until: '2026-11-22T18:00:00Z', by_hand: true, schedule: [] })).toEqual({
      on: true,
      until: '2026-11-22T18:00:00Z',
    }));
  it('leaves the end of the hours to the hours', () =>
    expect(wayBack({ on: false, until: '2026-11-22T22:00:00Z', schedule: [{ from: '22:00', to: '06:30' }] })).toEqual({
      on: false,
    }));
});
