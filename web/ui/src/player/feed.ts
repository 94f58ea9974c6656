import type { Range } from './latency';

type Task =
  | { do: 'append'; data: Uint8Array<ArrayBuffer>; offset: number | undefined }
  | { do: 'remove'; from: number; to: number }
  | { do: 'type'; mime: string };

/** The part of `SourceBuffer` that a feed needs. */
export type BufferLike = Pick<
  SourceBuffer,
  | 'appendBuffer'
  | 'remove'
  | 'abort'
  | 'changeType'
  | 'updating'
  | 'buffered'
  | 'timestampOffset'
  | 'addEventListener'
  | 'removeEventListener'
>;

/**
 * The queue in front of a `SourceBuffer`, which takes one thing at a time. It keeps a bounded stretch behind the
 * picture, and makes room by itself when the browser says that the buffer is full.
 */
export class Feed {
  /** Told after each finished task. */
  onProgress: () => void = () => {};
  /** Told when the browser refuses the bytes; the feed is dead after that. */
  onError: (e: Error) => void = () => {};

  readonly #buffer: BufferLike;
  readonly #now: () => number;
  readonly #keepBehind: number;
  readonly #tasks: Task[] = [];
  #queued = 0;
  #dead = false;
  #clearing = false;
  #fullSince = 0;

  /**
   * @param now the picture's media time, seconds
   * @param keepBehind how much already shown media to keep, seconds
   */
  constructor(buffer: BufferLike, now: () => number, keepBehind: number) {
    this.#buffer = buffer;
    this.#now = now;
    this.#keepBehind = keepBehind;
    buffer.addEventListener('updateend', this.#next);
    buffer.addEventListener('error', this.#failed);
  }

  /** Bytes that wait for the browser. */
  get queuedBytes(): number {
    return this.#queued;
  }

  get idle(): boolean {
    return this.#tasks.length === 0 && !this.#buffer.updating;
  }

  /** @param offset seconds to add to the part's own times from here on */
  append(data: Uint8Array<ArrayBuffer>, offset?: number): void {
    this.#queued += data.length;
    this.#tasks.push({ do: 'append', data, offset });
    this.#next();
  }

  changeType(mime: string): void {
    this.#tasks.push({ do: 'type', mime });
    this.#next();
  }

  /** Forgets all that waits and all that is buffered. */
  clear(): void {
    this.#tasks.length = 0;
    this.#queued = 0;
    if (this.#dead) return;
    if (this.#buffer.updating || this.#buffer.buffered.length > 0) {
      try {
        this.#buffer.abort();
      } catch {
        // A running `remove` cannot be aborted; the one queued below comes after it.
      }
      this.#tasks.push({ do: 'remove', from: 0, to: Infinity });
      this.#clearing = true;
    }
    this.#next();
  }

  /** What is buffered, ascending; nothing while old media is still being cleared away. */
  ranges(): Range[] {
    if (this.#dead || this.#clearing) return [];
    try {
      const b = this.#buffer.buffered;
      return Array.from({ length: b.length }, (_, i) => ({ start: b.start(i), end: b.end(i) }));
    } catch {
      return []; // the element lost its source in between
    }
  }

  close(): void {
    this.#dead = true;
    this.#tasks.length = 0;
    this.#queued = 0;
    this.#buffer.removeEventListener('updateend', this.#next);
    this.#buffer.removeEventListener('error', this.#failed);
  }

  readonly #failed = (): void => this.#die(new Error('the browser cannot decode this stream'));

  #die(e: Error): void {
    if (this.#dead) return;
    this.close();
    this.onError(e);
  }

  readonly #next = (): void => {
    if (this.#dead || this.#buffer.updating) return;
    if (this.#tasks[0]?.do !== 'remove') this.#clearing = false;
    const task = this.#tasks.shift() ?? this.#tidy();
    if (!task) {
      this.onProgress();
      return;
    }
    try {
      this.#run(task);
    } catch (e) {
      if (e instanceof DOMException && e.name === 'QuotaExceededError' && task.do === 'append') this.#makeRoom(task);
      else this.#die(e instanceof Error ? e : new Error(String(e)));
      return;
    }
    this.onProgress();
    // A change of type and an empty removal end at once, without an event.
    if (!this.#buffer.updating) this.#next();
  };

  #run(task: Task): void {
    switch (task.do) {
      case 'append':
        if (task.offset !== undefined && task.offset !== this.#buffer.timestampOffset) {
          this.#buffer.timestampOffset = task.offset;
        }
        this.#buffer.appendBuffer(task.data);
        this.#queued -= task.data.length;
        this.#fullSince = 0;
        break;
      case 'remove':
        this.#buffer.remove(task.from, task.to);
        break;
      case 'type':
        this.#buffer.changeType(task.mime);
        break;
    }
  }

  /** Lets go of what was shown long ago, in steps of a quarter so that it is not done for every fragment. */
  #tidy(): Task | undefined {
    const first = this.ranges()[0];
    const limit = this.#now() - this.#keepBehind;
    if (!first || first.start > limit - Math.max(2, this.#keepBehind / 4)) return undefined;
    return { do: 'remove', from: 0, to: limit };
  }

  #makeRoom(task: Task): void {
    this.#tasks.unshift(task);
    const first = this.ranges()[0];
    const now = this.#now();
    if (first && first.start < now - 1) {
      this.#buffer.remove(0, now - 0.5);
      return;
    }
    // Nothing left to let go of: wait for the picture to move on, but not for ever.
    this.#fullSince ||= performance.now();
    if (performance.now() - this.#fullSince > 60_000) this.#die(new Error('the browser has no room for this video'));
    else setTimeout(this.#next, 500);
  }
}
