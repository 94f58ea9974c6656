import { describe, expect, it } from 'vitest';
import { perHourFrom, withPerHour } from './perhour';

describe('how many events an hour may have', () => {
  it('is a whole number that the box takes, or nothing', () => {
    expect(perHourFrom('')).toBe(0);
    expect(perHourFrom('  ')).toBe(0);
    expect(perHourFrom(' 6 ')).toBe(6);
    expect(perHourFrom('240')).toBe(240);
    for (const bad of ['0', '241', '1.5', '-3', 'few', '1e2']) expect(perHourFrom(bad), bad).toBeUndefined();
  });

  it('is not named where the box decides', () => {
    expect(withPerHour({ sensitivity: 0.5, events_per_hour: 6 }, 0)).toEqual({ sensitivity: 0.5 });
    expect(withPerHour({ sensitivity: 0.5 }, 6)).toEqual({ sensitivity: 0.5, events_per_hour: 6 });
  });
});
