/** How many steps can be taken back. */
const MOST = 200;

/** What was before, and what was taken back. Never changed: each step gives another one. */
export interface History<T> {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
}

export const begin = <T>(now: T): History<T> => ({ past: [], now, future: [] });

/** A step forward; what was taken back is gone. */
export const step = <T>(h: History<T>, now: T): History<T> => ({
  past: [...h.past, h.now].slice(-MOST),
  now,
  future: [],
});

export function undo<T>(h: History<T>): History<T> {
  const before = h.past.at(-1);
  return before === undefined ? h : { past: h.past.slice(0, -1), now: before, future: [h.now, ...h.future] };
}

export function redo<T>(h: History<T>): History<T> {
  const [after, ...rest] = h.future;
  return after === undefined ? h : { past: [...h.past, h.now], now: after, future: rest };
}
