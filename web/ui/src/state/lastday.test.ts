import { describe, expect, it } from 'vitest';
import { dayOf, endOf, lastDay } from './lastday';

describe('the last day of something', () => {
  it('is the one that was chosen', () => {
    for (const day of ['2026-11-22', '2026-12-31', '2028-02-29', '2026-03-29', '2026-10-25']) {
      expect(lastDay(endOf(day))).toBe(day);
    }
  });

  it('ends at midnight by the clock of this browser', () => {
    const end = new Date(endOf('2026-11-22')!);
    expect([end.getDate(), end.getHours(), end.getMinutes()]).toEqual([23, 0, 0]);
    expect(dayOf(end.getTime())).toBe('2026-11-23');
  });

  it('is none of what does not end', () => {
    expect(endOf('')).toBeUndefined();
    expect(lastDay(undefined)).toBe('');
    expect(lastDay(null)).toBe('');
  });
});
