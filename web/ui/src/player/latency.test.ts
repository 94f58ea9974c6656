import { describe, expect, it } from 'vitest';
import { Cushion, JUMP, steer } from './latency';

describe('steer', () => {
  const target = 0.1;
  it('leaves a picture alone that is where it should be', () => {
    expect(steer(9.9, [{ start: 0, end: 10 }], target)).toEqual({ rate: 1 });
  });
  it('hurries a little when late, and slows a little when early', () => {
    const late = steer(9.5, [{ start: 0, end: 10 }], target);
    expect(late.seek).toBeUndefined();
    expect(late.rate).toBeGreaterThan(1.2);
    expect(late.rate).toBeLessThanOrEqual(1.5);
    const early = steer(9.98, [{ start: 0, end: 10 }], target);
    expect(early.rate).toBeLessThan(1);
    expect(early.rate).toBeGreaterThan(0.9);
  });
  it('jumps when far behind, to the target before the edge', () => {
    expect(steer(10 - JUMP - 0.2, [{ start: 0, end: 10 }], target)).toEqual({ seek: 9.9, rate: 1 });
  });
  it('jumps over a hole that it stands in front of', () => {
    const ranges = [
      { start: 0, end: 5 },
      { start: 8, end: 8.5 },
    ];
    expect(steer(5, ranges, target)).toEqual({ seek: 8.4, rate: 1 });
  });
  it('does not jump before the first picture of a stretch', () => {
    expect(steer(0, [{ start: 8, end: 8.04 }], target)).toEqual({ seek: 8, rate: 1 });
  });
  it('brings any backlog to the target without leaving the buffer', () => {
    let now = 0;
    let end = 2;
    for (let i = 0; i < 200; i++) {
      const todo = steer(now, [{ start: 0, end }], target);
      now = todo.seek ?? now + 0.05 * todo.rate;
      end += 0.05;
      expect(now).toBeLessThanOrEqual(end);
    }
    expect(end - now).toBeLessThan(target + 0.05);
  });
  it('says nothing about nothing', () => {
    expect(steer(3, [], target)).toEqual({ rate: 1 });
  });
});

describe('Cushion', () => {
  it('grows when the picture had to wait and forgets it over calm minutes', () => {
    const c = new Cushion();
    const first = c.target;
    for (let i = 0; i < 3; i++) c.starved();
    expect(c.target).toBeGreaterThan(first + 0.1);
    c.calm(600);
    expect(c.target).toBeCloseTo(first, 6);
  });
  it('never keeps more than its limit', () => {
    const c = new Cushion();
    for (let i = 0; i < 100; i++) c.starved();
    expect(c.target).toBe(Cushion.LONGEST);
  });
  it('follows the length of frames', () => {
    const slow = new Cushion();
    for (let i = 0; i < 100; i++) slow.frame(0.2);
    expect(slow.target).toBeGreaterThan(0.3);
  });
});
