import { time, type Camera, type Privacy, type PrivacyChange } from '../api';
import { clock, dayShort, w } from '../words';

/** "18:00", or with its day where that is not today. */
export function untilWhen(text: string, now: number): string {
  const t = time(text);
  const same = new Date(t).toDateString() === new Date(now).toDateString();
  return same ? clock(t) : `${dayShort(t)} ${clock(t)}`;
}

/** What a tile says of a private camera: until when, and why. */
export function privateLabel(camera: Camera, now: number): string {
  if (camera.private_by === 'clock') return w.privacy.clock;
  const words = camera.private_by === 'house' ? w.privacy.house : w.privacy.camera;
  return words(camera.private_until ? untilWhen(camera.private_until, now) : '');
}

/** "since 17:40" */
export function privateSince(camera: Camera, now: number): string {
  return camera.since ? w.privacy.since(untilWhen(camera.since, now)) : '';
}

/** An end that a person can choose for privacy, ms since 1970. */
export interface End {
  label: string;
  at: number;
}

const HOUR = 3_600_000;
const EVENING = 18;
const MORNING = 7;

/** The ends to choose from: in an hour, this evening, and the next morning, by the clock of this browser. */
export function ends(now: number): End[] {
  const oclock = (hour: number, days = 0): number => {
    const d = new Date(now);
    d.setDate(d.getDate() + days);
    return d.setHours(hour, 0, 0, 0);
  };
  const list: End[] = [{ label: w.privacy.forAnHour, at: now + HOUR }];
  const evening = oclock(EVENING);
  if (evening - now > HOUR) list.push({ label: w.privacy.untilEvening(clock(evening)), at: evening });
  const morning = oclock(MORNING);
  if (morning - now > HOUR) list.push({ label: w.privacy.until(clock(morning)), at: morning });
  else list.push({ label: w.privacy.untilTomorrow(clock(oclock(MORNING, 1))), at: oclock(MORNING, 1) });
  return list;
}

/** What makes a rule again what it was: what a person switched comes back with its end, what the hours made without. */
export function wayBack(before: Privacy): PrivacyChange {
  return { on: before.on, ...(before.by_hand && before.until ? { until: before.until } : {}) };
}
