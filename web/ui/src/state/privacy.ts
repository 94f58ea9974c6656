import { time, type Camera } from '../api';
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
