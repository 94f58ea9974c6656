/** Areas drawn on a picture: polygons of points [x, y], parts of its width and height from the upper left, 0 to 1. */

import type { Point } from '../api';

export type Polygon = Point[];

export const MAX_POINTS = 64;
export const MAX_AREAS = 32;
/** The least part of the picture that the box takes for an area. */
const LEAST_AREA = 0.0005;
/** Coordinates are kept to a tenth of a thousandth: finer than any picture. */
const round = (v: number): number => Math.round(v * 1e4) / 1e4;
const within = (v: number): number => round(Math.min(1, Math.max(0, v)));

export const point = (x: number, y: number): Point => [within(x), within(y)];

/** Where new areas begin, the first in the middle: 36 places of which no two have a corner nearer to each other than `APART`. */
const PLACES: Point[] = [0, -0.08, 0.08, -0.16, 0.04, -0.12].flatMap((lower) =>
  [0.24, 0.28, 0.2, 0.32, 0.16, 0.36].map((x): Point => [x, x + lower]),
);
/** The side of a new area. */
const SIDE = 0.52;
/** How far the corners of a new area are from the points of those that are there, as long as there is room. */
export const APART = 0.03;

/** A rectangle in the middle, a little aside where something is there, so that it does not lie on another area. */
export function fresh(taken: readonly Polygon[]): Polygon {
  const points = taken.flat();
  const room = (p: Polygon): number =>
    Math.min(...p.flatMap(([x, y]) => points.map((c) => (c[0] - x) ** 2 + (c[1] - y) ** 2)));
  const places = PLACES.map(([x, y]) => [
    point(x, y),
    point(x + SIDE, y),
    point(x + SIDE, y + SIDE),
    point(x, y + SIDE),
  ]);
  return places.find((p) => room(p) >= APART ** 2) ?? places.reduce((best, p) => (room(p) > room(best) ? p : best));
}

export function movePoint(p: Polygon, i: number, x: number, y: number): Polygon {
  return p.map((c, at) => (at === i ? point(x, y) : c));
}

/** Moves all of it, as far as the picture goes. */
export function moveAll(p: Polygon, dx: number, dy: number): Polygon {
  const held = (d: number, axis: 0 | 1): number =>
    Math.min(1 - Math.max(...p.map((c) => c[axis])), Math.max(-Math.min(...p.map((c) => c[axis])), d));
  const [mx, my] = [held(dx, 0), held(dy, 1)];
  return p.map(([x, y]) => point(x + mx, y + my));
}

/** The middle of the line that leads away from a point. */
export function between(p: Polygon, i: number): Point {
  const a = p[i]!;
  const b = p[(i + 1) % p.length]!;
  return point((a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
}

/** Puts a point into the line that leads away from a point. */
export function insert(p: Polygon, i: number): Polygon {
  if (p.length >= MAX_POINTS) return p;
  return [...p.slice(0, i + 1), between(p, i), ...p.slice(i + 1)];
}

/** Takes a point away; three always stay. */
export function without(p: Polygon, i: number): Polygon {
  return p.length > 3 ? p.filter((_, at) => at !== i) : p;
}

export function middle(p: Polygon): Point {
  const sum = p.reduce<[number, number]>(([x, y], c) => [x + c[0], y + c[1]], [0, 0]);
  return point(sum[0] / p.length, sum[1] / p.length);
}

export function area(p: Polygon): number {
  return Math.abs(
    p.reduce((sum, a, i) => {
      const b = p[(i + 1) % p.length]!;
      return sum + a[0] * b[1] - b[0] * a[1];
    }, 0) / 2,
  );
}

const turn = (a: Point, b: Point, c: Point): number => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

function on(c: Point, a: Point, b: Point): boolean {
  return (
    turn(a, b, c) === 0 &&
    Math.min(a[0], b[0]) <= c[0] &&
    c[0] <= Math.max(a[0], b[0]) &&
    Math.min(a[1], b[1]) <= c[1] &&
    c[1] <= Math.max(a[1], b[1])
  );
}

function meet(a: Point, b: Point, c: Point, d: Point): boolean {
  if (on(a, c, d) || on(b, c, d) || on(c, a, b) || on(d, a, b)) return true;
  return turn(a, b, c) > 0 !== turn(a, b, d) > 0 && turn(c, d, a) > 0 !== turn(c, d, b) > 0;
}

/** Whether two lines of it have a point in common, but for the one where neighbours meet. The box asks the same. */
export function crosses(p: Polygon): boolean {
  const n = p.length;
  for (let i = 0; i < n; i++) {
    const a = p[i]!;
    const b = p[(i + 1) % n]!;
    if (a[0] === b[0] && a[1] === b[1]) return true;
    for (let k = i + 1; k < n; k++) {
      const c = p[k]!;
      const d = p[(k + 1) % n]!;
      if (k === i + 1) {
        if (on(d, a, b) || on(a, c, d)) return true;
      } else if (i === 0 && k === n - 1) {
        if (on(c, a, b) || on(b, c, d)) return true;
      } else if (meet(a, b, c, d)) return true;
    }
  }
  return false;
}

/** What is wrong with it, as the box would say too. */
export function fault(p: Polygon): 'crosses' | 'small' | undefined {
  if (crosses(p)) return 'crosses';
  return area(p) < LEAST_AREA ? 'small' : undefined;
}
