import { repeated } from '../timeline/geometry';
import { en, type Words } from './en';

export type { Words };

/** The languages that the page speaks; the first is the one for everybody else. */
const languages: Record<string, Words> = { en };

function choose(wanted: readonly string[]): Words {
  for (const tag of wanted) {
    const found = languages[tag.slice(0, 2).toLowerCase()];
    if (found) return found;
  }
  return en;
}

/** The words of this visit. */
export const w: Words = choose(typeof navigator === 'undefined' ? [] : (navigator.languages ?? []));

// Dates follow the habits of the browser's region, also where the words are English.
const region = typeof navigator === 'undefined' ? 'en' : (navigator.language ?? 'en');
const locale = region.toLowerCase().startsWith(w.language) ? region : w.language;

const formats = {
  clock: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
  clockSeconds: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
  day: new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }),
  dayShort: new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short' }),
  dayYear: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' }),
};

const zone = { timeZoneName: 'short' } as const;
const zoned = {
  clock: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', ...zone }),
  clockSeconds: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', ...zone }),
};

/** "18:04"; in the hour that comes twice, when summer time ends, with the zone: "02:30 CEST" and "02:30 CET". */
export const clock = (ms: number): string => (repeated(ms) ? zoned : formats).clock.format(ms);
/** "18:04:09", likewise. */
export const clockSeconds = (ms: number): string => (repeated(ms) ? zoned : formats).clockSeconds.format(ms);
/** "Saturday, 22 November" */
export const dayLong = (ms: number): string => formats.day.format(ms);
/** "Sat, 22 Nov" */
export const dayShort = (ms: number): string => formats.dayShort.format(ms);
/** "22 November 2026" */
export const dayYear = (ms: number): string => formats.dayYear.format(ms);
