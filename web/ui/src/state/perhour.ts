/** How many events of a camera begin in an hour, as the box takes it. */

import type { MotionSettings } from '../api/types';
import { limitFrom } from './keeping';

/** What the box takes at most. */
export const MOST_PER_HOUR = 240;

/** Reads what was typed: empty is 0, as many as suits most cameras; undefined is nothing that the box would take. */
export function perHourFrom(typed: string): number | undefined {
  if (typed.trim() === '') return 0;
  const n = limitFrom(typed, true);
  return n !== undefined && n >= 1 && n <= MOST_PER_HOUR ? n : undefined;
}

/** Settings with so many; those that leave it to the box do not name it. */
export function withPerHour(settings: MotionSettings, n: number): MotionSettings {
  const rest = { ...settings };
  delete rest.events_per_hour;
  return n > 0 ? { ...rest, events_per_hour: n } : rest;
}
