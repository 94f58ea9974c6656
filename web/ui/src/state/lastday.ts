/** The last day that something is good for, as a date field has it, and the moment at which it ends. */

import { time } from '../api';
import { addDays, startOfDay } from '../timeline';

/** "2026-11-22" of what ends with that day, or within it; "" of what does not end. */
export function lastDay(until: string | null | undefined): string {
  return until ? dayOf(time(until) - 1) : '';
}

/** The day of a moment, as a date field has it. */
export function dayOf(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
}

/** When a day ends by the clock of this browser, RFC 3339; undefined when none is given. */
export function endOf(day: string): string | undefined {
  const [y, m, d] = day.split('-').map(Number);
  return y && m && d ? new Date(addDays(startOfDay(new Date(y, m - 1, d).getTime()), 1)).toISOString() : undefined;
}
