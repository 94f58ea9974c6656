import { DAY, addDays, daysOf, type Stretch } from './geometry';

/** What a day of a camera holds; ms since 1970. */
export interface DayData {
  spans: Stretch[];
  motion: (Stretch & { score: number })[];
  gaps: (Stretch & { reason: string })[];
  /** Recorded before the box knew the time: it may be off. */
  unsure: Stretch[];
  /** Recorded more than once, because the clock was set back. */
  twice: (Stretch & { times: number })[];
}

/** Nothing. */
export const noDay: DayData = { spans: [], motion: [], gaps: [], unsure: [], twice: [] };

interface Slot {
  data: DayData | undefined;
  asked: number;
  asking: boolean;
}

/** A day that is still growing is asked for again after this, ms. */
const FRESH = 15_000;
/** A day whose question failed is asked for again after this, ms. */
const RETRY = 5000;
const MOST_DAYS = 8;

/** Loads the days that a timeline looks at, each once, today again and again. Holds a few days only. */
export class Days {
  readonly #load: (from: number, to: number) => Promise<DayData>;
  readonly #onChange: () => void;
  readonly #slots = new Map<number, Slot>();

  constructor(load: (from: number, to: number) => Promise<DayData>, onChange: () => void) {
    this.#load = load;
    this.#onChange = onChange;
  }

  /** Makes sure that what is seen is there, or on its way. */
  want(seen: Stretch, now: number): void {
    for (const day of daysOf({ from: seen.from, to: Math.min(seen.to, now) })) {
      const slot = this.#slots.get(day) ?? { data: undefined, asked: -Infinity, asking: false };
      this.#slots.delete(day);
      this.#slots.set(day, slot); // used last
      const end = addDays(day, 1);
      const old = slot.data === undefined ? RETRY : end > now - DAY / 24 ? FRESH : Infinity;
      if (!slot.asking && now - slot.asked >= old) void this.#ask(day, end, slot, now);
    }
    for (const day of this.#slots.keys()) {
      if (this.#slots.size <= MOST_DAYS) break;
      this.#slots.delete(day);
    }
  }

  /** All that is known, ascending, stretches across midnight in two parts. */
  get all(): DayData {
    const days = [...this.#slots.entries()].sort((a, b) => a[0] - b[0]).map(([, s]) => s.data);
    return {
      spans: days.flatMap((d) => d?.spans ?? []),
      motion: days.flatMap((d) => d?.motion ?? []),
      gaps: days.flatMap((d) => d?.gaps ?? []),
      unsure: days.flatMap((d) => d?.unsure ?? []),
      twice: days.flatMap((d) => d?.twice ?? []),
    };
  }

  /** Whether the day of a moment is known. */
  has(day: number): boolean {
    return this.#slots.get(day)?.data !== undefined;
  }

  async #ask(day: number, end: number, slot: Slot, now: number): Promise<void> {
    slot.asking = true;
    slot.asked = now;
    try {
      slot.data = await this.#load(day, end);
    } catch {
      // The page says elsewhere that the server is away; the day is asked for again.
    } finally {
      slot.asking = false;
    }
    this.#onChange();
  }
}
