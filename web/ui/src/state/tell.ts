import { Problem } from '../api';
import { w } from '../words';

/** What to say of a failed call: at fields of the form, or of the whole. */
export interface Told {
  fields: Record<string, string>;
  whole: string;
}

/** Words for a failure; what the box says of a field that is not among `known` is said of the whole. */
export function tell(e: unknown, known: string[]): Told {
  if (!(e instanceof Problem)) return { fields: {}, whole: w.common.somethingWrong };
  if (e.status === 0) return { fields: {}, whole: w.common.unreachable };
  if (e.status === 429) return { fields: {}, whole: w.common.waitSeconds(e.retryAfter ?? 30) };
  const at = known.some((f) => f in e.fields);
  return { fields: e.fields, whole: at ? '' : e.message || w.common.somethingWrong };
}
