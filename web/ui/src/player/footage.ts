import { Feed } from './feed';
import { PartSplitter } from './mp4';
import { openSource, playable } from './source';
import type { StreamName } from './live';

/** What a viewer of footage is told. */
export interface FootageState {
  /**
   * - `loading`: on the way to the asked moment
   * - `playing`, `paused`: a picture is there
   * - `caughtup`: no footage after this; the present begins
   * - `nothing`: there is no footage at or after the asked moment, or it did not come in time
   * - `unplayable`: this browser does not decode it
   * - `failed`: the server did not answer; `problem` says why
   */
  status: 'idle' | 'loading' | 'playing' | 'paused' | 'caughtup' | 'nothing' | 'unplayable' | 'failed';
  stream: StreamName;
  fallback?: 'codec';
  problem?: string;
}

export interface FootageOptions {
  address: (from: number, to: number, stream: StreamName) => string;
  streams: StreamName[];
  /** The first recorded moment at or after `at`; undefined: none. Only asked after an empty answer. */
  nextFootage?: (at: number) => number | undefined;
  onState?: (s: FootageState) => void;
  /** Told where the picture is, ms since 1970, a few times a second. */
  onMoment?: (wall: number) => void;
  fetch?: typeof fetch;
  open?: typeof openSource;
  canPlay?: (mime: string) => boolean;
  now?: () => number;
}

/** How much is asked for at once, ms of footage at single speed. */
const WINDOW = 20_000;
/** The next window is asked for when less than this is left, seconds at single speed. */
const AHEAD = 12;
const KEEP_BEHIND = 30;
/** The media clock starts this long before the first moment, so that going back never needs a negative time. */
const ROOM_BEFORE = 40 * 86_400_000;
/** Nearer to the present than this there is nothing to fetch yet, ms. */
const PRESENT = 3000;
/** How long to wait for a moment that was live just now to be in the recording, and how often to look, ms. */
const LATEST = 8000;
const AGAIN = 500;
/** How far behind the end of a window a fragment that it had may end, ms: times are rounded. */
const OVERLAP = 5;

interface Source {
  feed: Feed;
  mime: string;
  close: () => void;
  /** The initialization that the buffer has, while what it got last ends where the next window begins. */
  init?: Uint8Array;
}

/**
 * Plays what was recorded, addressed by wall time. Fetches windows of footage one after the other, the last fetch is
 * given up at each jump; holes in the footage are stepped over.
 *
 * On the video element it keeps `data-wall-at-zero` and `data-stream`, as `LivePlayer` does.
 */
export class FootagePlayer {
  readonly #video: HTMLVideoElement;
  readonly #options: FootageOptions;
  #state: FootageState;
  #choice = 0;
  #rate = 1;
  #epoch = 0;
  #source: Source | undefined;
  #load: AbortController | undefined;
  #life = new AbortController();
  /** Where the next window begins, ms. */
  #tail = 0;
  #ended = false;
  #fetching = false;
  /** Whether to wait for what is not recorded yet, and since when there is nothing. */
  #waits = false;
  #emptySince: number | undefined;
  #target: number | undefined;
  #playing = false;
  #frame = 1 / 15;

  constructor(video: HTMLVideoElement, options: FootageOptions) {
    this.#video = video;
    this.#options = options;
    this.#state = { status: 'idle', stream: options.streams[0] ?? 'main' };
    const { signal } = this.#life;
    video.addEventListener('timeupdate', this.#tick, { signal });
    video.addEventListener('waiting', this.#tick, { signal });
    video.addEventListener('seeked', this.#seeked, { signal });
    const beat = setInterval(this.#tick, 250);
    signal.addEventListener('abort', () => clearInterval(beat));
  }

  get state(): FootageState {
    return this.#state;
  }

  /** The moment of the picture, ms since 1970: while on the way, the moment that was asked for. */
  get wall(): number {
    return this.#target ?? this.#epoch + this.#video.currentTime * 1000;
  }

  get playing(): boolean {
    return this.#playing;
  }

  get rate(): number {
    return this.#rate;
  }

  set rate(r: number) {
    this.#rate = r;
    this.#video.playbackRate = r;
    this.#video.preservesPitch = true;
  }

  /**
   * Goes to a moment; plays on from there or stands still, as before.
   *
   * @param waits for a moment that may not be recorded yet: waits for it, and then stays as far behind the present
   */
  seek(at: number, waits = false): void {
    this.#waits = waits;
    this.#emptySince = undefined;
    this.#target = at;
    this.#ended = false;
    const media = this.#toMedia(at);
    const here = this.#source?.feed.ranges().some((r) => media >= r.start - 0.01 && media < r.end - this.#frame);
    // Also a jump within the buffer is told of when it begins and ends: another picture may be in front until then.
    this.#say({ status: 'loading', problem: undefined });
    if (here) this.#video.currentTime = media;
    else this.#fetchFrom(at);
  }

  play(): void {
    this.#playing = true;
    if (this.#state.status === 'paused') this.#say({ status: 'playing' });
    this.#video.playbackRate = this.#rate;
    this.#video.play().catch(() => undefined);
  }

  pause(): void {
    this.#playing = false;
    this.#video.pause();
    if (this.#state.status === 'playing') this.#say({ status: 'paused' });
  }

  /** Stands still for the moment, without forgetting that it was playing. */
  hold(): void {
    this.#video.pause();
  }

  /** Changes which streams to try, in this order; what follows is fetched from the first that this browser plays. */
  prefer(streams: StreamName[]): void {
    if (streams.join() === this.#options.streams.join()) return;
    this.#options.streams = streams;
    this.#choice = 0;
    this.#say({ stream: streams[0] ?? 'main' });
    if (this.#state.status === 'idle') return;
    const here = this.wall;
    this.#target = here;
    this.#ended = false;
    this.#fetchFrom(here);
  }

  /** Stands still and moves by single pictures. */
  step(frames: number): void {
    this.pause();
    this.seek(this.wall + frames * this.#frame * 1000, this.#waits);
  }

  close(): void {
    this.#life.abort();
    this.#load?.abort();
    this.#dropSource();
    delete this.#video.dataset.wallAtZero;
  }

  #say(s: Partial<FootageState>): void {
    const next = { ...this.#state, ...s };
    if (
      next.status === this.#state.status &&
      next.stream === this.#state.stream &&
      next.problem === this.#state.problem
    )
      return;
    this.#state = next;
    this.#video.dataset.stream = next.stream;
    this.#options.onState?.(next);
  }

  #toMedia(wall: number): number {
    return (wall - this.#epoch) / 1000;
  }

  #dropSource(): void {
    this.#source?.feed.close();
    this.#source?.close();
    this.#source = undefined;
  }

  #fetchFrom(at: number): void {
    this.#load?.abort();
    this.#load = new AbortController();
    if (this.#epoch === 0 || at < this.#epoch) {
      this.#dropSource();
      this.#epoch = at - ROOM_BEFORE;
      this.#video.dataset.wallAtZero = this.#epoch.toFixed(3);
    }
    this.#tail = at;
    this.#fetching = true; // clearing tells of progress, which must not begin another window
    this.#source?.feed.clear();
    if (this.#source) this.#source.init = undefined;
    void this.#window(this.#load.signal);
  }

  async #window(signal: AbortSignal): Promise<void> {
    const now = (this.#options.now ?? Date.now)();
    // Too near to the present to ask again; the clock will bring more.
    this.#fetching = false;
    if (this.#tail > now - PRESENT && this.#target === undefined) return;
    this.#fetching = true;
    const from = this.#tail;
    const to = from + WINDOW * Math.max(1, this.#rate);
    try {
      const got = await this.#read(from, to, signal);
      if (signal.aborted) return;
      this.#fetching = false;
      if (got === undefined) return;
      if (got > from + 1) {
        this.#emptySince = undefined;
        this.#tail = got;
        return;
      }
      // Nothing in this window: go on where the footage does.
      const next = this.#options.nextFootage?.(to) ?? undefined;
      if (next !== undefined && next > from) {
        this.#tail = next;
        if (this.#target !== undefined) this.#target = next;
        void this.#window(signal);
        return;
      }
      this.#emptySince ??= now;
      if (this.#waits && now - this.#emptySince < LATEST) {
        this.#fetching = true; // until the next look nobody else has to ask
        setTimeout(() => {
          if (!signal.aborted) void this.#window(signal);
        }, AGAIN);
        return;
      }
      this.#ended = true;
      this.#tick();
      if (this.#target !== undefined) {
        this.#say({ status: to > now - PRESENT && !this.#waits ? 'caughtup' : 'nothing' });
      }
    } catch (e) {
      if (signal.aborted) return;
      this.#fetching = false;
      this.#ended = true;
      this.#say({ status: 'failed', problem: e instanceof Error ? e.message : String(e) });
    }
  }

  /** Reads one answer into the feed; gives the moment at which it ends, or `from` when it was empty. */
  async #read(from: number, to: number, signal: AbortSignal): Promise<number | undefined> {
    const stream = this.#options.streams[this.#choice] ?? 'main';
    const get = this.#options.fetch ?? fetch;
    const answer = await get(this.#options.address(from, to, stream), { signal, cache: 'no-store' });
    if (answer.status === 404 || answer.status === 204) return from;
    if (!answer.ok || !answer.body) throw new Error(await problemOf(answer));
    const start = Date.parse(answer.headers.get('Hearth-Start') ?? '');
    const zero = Number.isNaN(start) ? from : exactTime(answer.headers.get('Hearth-Start') ?? '', start);
    const splitter = new PartSplitter();
    const reader = answer.body.getReader();
    let end = from;
    // An answer begins with a key frame, and so with pictures that are in the buffer when the window before ended between
    // two. Given again, they would take those behind them out of it, and the picture that is shown would stand.
    let known = this.#target === undefined ? this.#source?.init : undefined;
    if (this.#source) this.#source.init = undefined;
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return undefined;
      if (done) return end;
      for (const part of splitter.push(value)) {
        if (part.kind === 'init') {
          const same = known !== undefined && equal(known, part.data);
          known = same ? part.data : undefined;
          if (!(await this.#ready(part.mime, signal)) || signal.aborted) return undefined;
          if (!same) this.#source?.feed.append(part.data);
          if (this.#source) this.#source.init = part.data;
          continue;
        }
        if (part.frames > 0 && part.duration > 0) this.#frame = part.duration / part.frames;
        const until = zero + (part.start + part.duration) * 1000;
        if (known !== undefined && until <= from + OVERLAP) continue;
        this.#source?.feed.append(part.data, this.#toMedia(zero));
        end = Math.max(end, until);
      }
    }
  }

  /** Makes the buffer fit for a type; false: this browser cannot, and another way was taken. */
  async #ready(mime: string, signal: AbortSignal): Promise<boolean> {
    if (this.#source?.mime === mime) return true;
    const canPlay = this.#options.canPlay ?? playable;
    if (!canPlay(mime)) {
      if (this.#choice + 1 < this.#options.streams.length) {
        this.#choice++;
        this.#say({ stream: this.#options.streams[this.#choice]!, fallback: 'codec' });
        this.#fetchFrom(this.#tail);
      } else {
        this.#say({ status: 'unplayable' });
      }
      return false;
    }
    if (this.#source) {
      this.#source.feed.changeType(mime);
      this.#source.mime = mime;
      return true;
    }
    const open = this.#options.open ?? openSource;
    const { buffer, close } = await open(this.#video, mime, signal);
    const feed = new Feed(buffer, () => this.#video.currentTime, KEEP_BEHIND);
    feed.onProgress = this.#tick;
    feed.onError = (e) => {
      this.#load?.abort();
      this.#dropSource();
      this.#say({ status: 'failed', problem: e.message });
    };
    this.#source = { feed, mime, close };
    return true;
  }

  readonly #seeked = (): void => {
    if (this.#target === undefined) return;
    if (Math.abs(this.#video.currentTime - this.#toMedia(this.#target)) < 5) this.#arrived();
  };

  #arrived(): void {
    this.#target = undefined;
    this.#say({ status: this.#playing ? 'playing' : 'paused' });
    this.#video.playbackRate = this.#rate;
    if (this.#playing) this.#video.play().catch(() => undefined);
  }

  /** Looks after everything that depends on where the picture is. */
  readonly #tick = (): void => {
    const feed = this.#source?.feed;
    if (!feed) return;
    const ranges = feed.ranges();
    if (this.#target !== undefined) {
      // On the way: go to the moment, or to the first picture after it, as soon as that is in the buffer.
      const media = this.#toMedia(this.#target);
      const there = ranges.find((r) => r.end > media + 0.001);
      if (there) {
        const goal = Math.max(media, there.start);
        this.#target = this.#epoch + goal * 1000;
        if (Math.abs(this.#video.currentTime - goal) > 0.001) this.#video.currentTime = goal;
        else if (!this.#video.seeking) this.#arrived();
      }
    } else {
      this.#stepOverHole(ranges);
      this.#options.onMoment?.(this.wall);
    }
    // What was fetched counts, also where the browser has not swallowed it yet.
    const ahead = (this.#tail - this.wall) / 1000;
    if (!this.#fetching && !this.#ended && this.#load && ahead < AHEAD * Math.max(1, this.#rate)) {
      void this.#window(this.#load.signal);
    }
    const left = (ranges.at(-1)?.end ?? 0) - this.#video.currentTime;
    const behind = this.#waits && this.#rate <= 1;
    const present = !behind && this.#tail > (this.#options.now ?? Date.now)() - 2 * PRESENT;
    if ((this.#ended || present) && !this.#fetching && this.#target === undefined && left < 0.15 && feed.idle) {
      this.#say({ status: 'caughtup' });
    }
  };

  #stepOverHole(ranges: { start: number; end: number }[]): void {
    if (!this.#playing || this.#video.seeking) return;
    const now = this.#video.currentTime;
    const inside = ranges.some((r) => now >= r.start - 0.01 && now < r.end - 0.12);
    if (inside) return;
    const next = ranges.find((r) => r.start > now);
    if (next) this.#video.currentTime = next.start;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

/** `Date.parse` keeps only milliseconds; the header has microseconds. */
export function exactTime(text: string, ms: number): number {
  const fraction = /\.(\d{4,9})/.exec(text)?.[1];
  if (!fraction) return ms;
  return Math.floor(ms / 1000) * 1000 + Number(`0.${fraction}`) * 1000;
}

async function problemOf(answer: Response): Promise<string> {
  try {
    const body = (await answer.json()) as { detail?: string; title?: string };
    return body.detail ?? body.title ?? answer.statusText;
  } catch {
    return answer.statusText;
  }
}
