/** Keeping a live picture at the newest edge: pure arithmetic, told what is buffered and answering what to do. */

/** A stretch of buffered media, seconds. */
export interface Range {
  start: number;
  end: number;
}

export interface Steering {
  /** Where to jump to, media seconds; absent: do not jump. */
  seek?: number;
  rate: number;
}

/** Within this of the target nothing is corrected, seconds. */
const CALM = 0.03;
/** Further behind than this past the target, catching up by speed would take too long: jump. Seconds. */
export const JUMP = 1.2;
/** The fastest and slowest that live video plays while it corrects itself. */
const FASTEST = 1.5;
const SLOWEST = 0.92;

/**
 * Says how to get to `target` seconds before the end of what is buffered.
 * @param now where the picture is, media seconds
 * @param ranges what is buffered, ascending
 */
export function steer(now: number, ranges: Range[], target: number): Steering {
  const newest = ranges.at(-1);
  if (!newest) return { rate: 1 };
  const edge = Math.max(newest.start, newest.end - target);
  if (now < newest.start) {
    // In front of a hole: go over it, but first let play what is still there before it.
    const here = ranges.find((r) => now >= r.start && now < r.end - 0.05);
    return here && newest.end - now < JUMP + target ? { rate: FASTEST } : { seek: edge, rate: 1 };
  }
  const late = newest.end - now - target;
  if (late > JUMP || now > newest.end + 0.5) return { seek: edge, rate: 1 };
  if (Math.abs(late) <= CALM) return { rate: 1 };
  return { rate: Math.min(FASTEST, Math.max(SLOWEST, 1 + late)) };
}

/**
 * How far behind the newest edge to stay: at least a frame and a half, more after the picture had to wait, less again
 * with every calm minute.
 */
export class Cushion {
  #extra = 0;
  #frame = 0.05;

  /** The longest cushion; what needs more than this is not live any more. Seconds. */
  static readonly LONGEST = 0.8;

  get target(): number {
    return Math.min(Cushion.LONGEST, 0.02 + 1.5 * this.#frame + this.#extra);
  }

  /** Tells how long a frame lasts, seconds. */
  frame(duration: number): void {
    if (duration > 0 && duration < 1) this.#frame += 0.1 * (duration - this.#frame);
  }

  /** The picture stood still for want of data. */
  starved(): void {
    this.#extra = Math.min(Cushion.LONGEST, this.#extra + 0.06);
  }

  /** Some seconds went by without waiting. */
  calm(seconds: number): void {
    this.#extra = Math.max(0, this.#extra - 0.002 * seconds);
  }
}
