import { Feed } from './feed';
import { exactTime } from './footage';
import { PartSplitter } from './mp4';
import { openSource, playable } from './source';

export interface ScrubOptions {
  /** The address of the key frame at or before a moment, as an initialization and one fragment. */
  address: (at: number) => string;
  /** Told when a picture stands, with the moment it was taken. */
  onFrame?: (wall: number) => void;
  fetch?: typeof fetch;
  open?: typeof openSource;
  canPlay?: (mime: string) => boolean;
}

const ROOM_BEFORE = 40 * 86_400_000;

/**
 * Shows single key frames while a finger moves over the timeline. One question is under way at a time; when its answer
 * is there, the newest wish goes next and those in between are forgotten: a slow line shows fewer frames, never late ones.
 */
export class Scrubber {
  readonly #video: HTMLVideoElement;
  readonly #options: ScrubOptions;
  readonly #life = new AbortController();
  #wish: number | undefined;
  #busy = false;
  #dead = false;
  #epoch = 0;
  #source: { feed: Feed; mime: string } | undefined;

  constructor(video: HTMLVideoElement, options: ScrubOptions) {
    this.#video = video;
    this.#options = options;
  }

  /**
   * Asks for the picture of a moment, ms since 1970. Gives, when all wishes are done, whether there is a picture; true at
   * once for a wish that joins others.
   */
  async show(at: number): Promise<boolean> {
    this.#wish = at;
    if (this.#busy || this.#dead) return true;
    await this.#work();
    return this.#source !== undefined;
  }

  close(): void {
    this.#dead = true;
    this.#wish = undefined;
    this.#life.abort();
    if (!this.#source) return;
    this.#source.feed.close();
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#wish !== undefined && !this.#dead) {
      const at = this.#wish;
      this.#wish = undefined;
      try {
        await this.#one(at);
      } catch {
        // A picture that does not come is no reason to disturb somebody who is looking for another.
      }
    }
    this.#busy = false;
  }

  async #one(at: number): Promise<void> {
    const { signal } = this.#life;
    const get = this.#options.fetch ?? fetch;
    const answer = await get(this.#options.address(at), { signal, cache: 'no-store' });
    if (!answer.ok) return;
    const header = answer.headers.get('Hearth-Start') ?? '';
    const zero = exactTime(header, Date.parse(header));
    const bytes = new Uint8Array(await answer.arrayBuffer());
    for (const part of new PartSplitter().push(bytes)) {
      if (part.kind === 'init') {
        if (!(await this.#ready(part.mime, at))) return;
        this.#source!.feed.append(part.data);
        continue;
      }
      const wall = (Number.isNaN(zero) ? at : zero) + part.start * 1000;
      this.#source!.feed.append(part.data, (wall - this.#epoch) / 1000 - part.start);
      await this.#goTo((wall - this.#epoch) / 1000);
      this.#options.onFrame?.(wall);
      return;
    }
  }

  async #ready(mime: string, at: number): Promise<boolean> {
    if (this.#source?.mime === mime && at > this.#epoch) return true;
    if (!(this.#options.canPlay ?? playable)(mime)) return false;
    this.#source?.feed.close();
    this.#epoch = at - ROOM_BEFORE;
    const { buffer } = await (this.#options.open ?? openSource)(this.#video, mime, this.#life.signal);
    const feed = new Feed(buffer, () => this.#video.currentTime, Infinity);
    feed.onError = () => {
      this.#source = undefined;
    };
    this.#source = { feed, mime };
    this.#video.dataset.wallAtZero = this.#epoch.toFixed(3);
    return true;
  }

  async #goTo(media: number): Promise<void> {
    const feed = this.#source?.feed;
    if (!feed) return;
    while (!feed.idle) {
      await new Promise<void>((done) => {
        feed.onProgress = done;
      });
      if (this.#dead) return;
    }
    feed.onProgress = () => {};
    const seeked = new Promise<void>((done) => {
      this.#video.addEventListener('seeked', () => done(), { once: true, signal: this.#life.signal });
      this.#life.signal.addEventListener('abort', () => done(), { once: true });
    });
    this.#video.currentTime = media + 0.0005;
    await seeked;
  }
}
