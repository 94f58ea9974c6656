import { describe, expect, it } from 'vitest';
import { begin, redo, step, undo } from './history';
import {
  APART,
  MAX_AREAS,
  between,
  crosses,
  fault,
  fresh,
  insert,
  middle,
  moveAll,
  movePoint,
  without,
  type Polygon,
} from './shape';

const square: Polygon = [
  [0.2, 0.2],
  [0.4, 0.2],
  [0.4, 0.4],
  [0.2, 0.4],
];

describe('areas on a picture', () => {
  it('begin as rectangles beside each other, as many as there may be', () => {
    const all: Polygon[] = [];
    const apart = (a: Polygon, b: Polygon) =>
      Math.min(...a.flatMap((p) => b.map((q) => Math.hypot(p[0] - q[0], p[1] - q[1]))));
    for (let i = 0; i < MAX_AREAS; i++) {
      const p = fresh(all);
      expect(fault(p)).toBeUndefined();
      for (const c of p.flat()) expect(c >= 0 && c <= 1).toBe(true);
      for (const [k, other] of all.entries()) expect(apart(p, other), `${i} and ${k}`).toBeGreaterThanOrEqual(APART);
      all.push(p);
    }
    // Nor after some went: the next one takes the place of one of them.
    for (const i of [0, 5, 17]) {
      const left = all.filter((_, k) => k !== i);
      expect(Math.min(...left.map((other) => apart(fresh(left), other)))).toBeGreaterThanOrEqual(APART);
    }
  });

  it('begin somewhere where there is no room', () => {
    const dense: Polygon = Array.from({ length: 1156 }, (_, i) => [(i % 34) / 34, Math.floor(i / 34) / 34]);
    expect(fault(fresh([dense]))).toBeUndefined();
  });

  it('keep their points in the picture', () => {
    expect(movePoint(square, 1, 1.5, -3)[1]).toEqual([1, 0]);
    expect(movePoint(square, 1, 0.5, 0.1)).toHaveLength(4);
  });

  it('keep their shape when they are moved against the border', () => {
    const moved = moveAll(square, 2, -2);
    expect(moved[0]).toEqual([0.8, 0]);
    expect(moved[2]).toEqual([1, 0.2]);
  });

  it('take a point into a line, and let go of one, but never of the third last', () => {
    expect(between(square, 3)).toEqual([0.2, 0.3]);
    expect(insert(square, 0)).toHaveLength(5);
    expect(insert(square, 0)[1]).toEqual([0.3, 0.2]);
    expect(without(without(without(square, 0), 0), 0)).toHaveLength(3);
    let many = square;
    for (let i = 0; i < 100; i++) many = insert(many, 0);
    expect(many).toHaveLength(64);
    expect(middle(square)).toEqual([0.3, 0.3]);
  });

  it('must not cross themselves, nor touch, nor be specks', () => {
    expect(fault(square)).toBeUndefined();
    const [a, b, c, d] = square as [Polygon[0], Polygon[0], Polygon[0], Polygon[0]];
    expect(crosses([a, c, b, d])).toBe(true);
    expect(crosses([a, a, b, c])).toBe(true);
    expect(
      crosses([
        [0.1, 0.1],
        [0.5, 0.1],
        [0.5, 0.5],
        [0.3, 0.1],
        [0.1, 0.5],
      ]),
    ).toBe(true);
    expect(
      fault([
        [0.1, 0.1],
        [0.11, 0.1],
        [0.1, 0.11],
      ]),
    ).toBe('small');
  });
});

describe('steps back and forth', () => {
  it('lead where one was', () => {
    let h = step(step(begin(1), 2), 3);
    expect(undo(h).now).toBe(2);
    expect(undo(undo(undo(undo(h)))).now).toBe(1);
    expect(redo(undo(h))).toEqual(h);
    expect(redo(h)).toBe(h);
    h = step(undo(h), 4);
    expect(h.future).toEqual([]);
    expect(undo(h).now).toBe(2);
  });

  it('are not kept for ever', () => {
    let h = begin(0);
    for (let i = 1; i <= 500; i++) h = step(h, i);
    expect(h.past).toHaveLength(200);
  });
});
