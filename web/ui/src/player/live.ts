import { Feed } from './feed';
import { Cushion, steer } from './latency';
import { PartSplitter, type TrackInfo } from './mp4';
import { openSource, playable } from './source';
import { readBytes, readText } from './wire';

export type StreamName = 'main' | 'sub';

/** What a viewer is told. */
export interface LiveState {
  /**
   * - `connecting`: on the way, or on the way again after a loss
   * - `playing`: pictures come
   * - `stale`: the connection stands, but no picture came for a while; the last one is still shown
   * - `unplayable`: this browser decodes none of the camera's streams
   * - `refused`: the server ended it for good (the right to see was taken, or the camera is gone)
   * - `stopped`: nobody asked yet, or the page is hidden
   */
  status: 'connecting' | 'playing' | 'stale' | 'unplayable' | 'refused' | 'stopped';
  stream: StreamName;
  /** Why it is not the stream that was asked for. */
  fallback?: 'codec' | 'slow';
  /** A sentence from the server. */
  notice?: string;
}

export interface LiveOptions {
  /** The WebSocket's address for a stream. */
  address: (stream: StreamName) => string;
  /** What to try, in this order. */
  streams: StreamName[];
  onState?: (s: LiveState) => void;
  /** In tests: another socket, another source of media. */
  connect?: (address: string) => WebSocket;
  open?: typeof openSource;
  canPlay?: (mime: string) => boolean;
}

/** Without a message for this long the picture counts as stale, ms. Cameras send at least a frame a second. */
export const STALE_AFTER = 4000;
/** So much waiting in front of the browser means that it cannot keep up, bytes. */
const LARGEST_QUEUE = 12 << 20;
/** Waits between attempts, ms; each is drawn between half of it and the whole. */
const WAITS = [300, 1000, 2000, 5000, 10_000];
/** How much of what was shown stays in the buffer, seconds. */
const KEEP_BEHIND = 4;
/** Close codes after which asking again is of no use: policy violation (1008) and our own from 4400 on. */
const isFinal = (code: number): boolean => code === 1008 || (code >= 4400 && code < 4500 && code !== PRIVATE);
/** The camera is private: it will look again. */
const PRIVATE = 4409;

interface Source {
  feed: Feed;
  mime: string;
  close: () => void;
}

/** Where on the media clock a run of the camera lies. */
interface Anchor {
  media: number;
  /** Wall time of media time zero, ms. */
  wallAtZero: number;
}

/**
 * Shows a camera as it is now. Keeps a WebSocket, a source of media and the distance to the newest edge; reconnects by
 * itself; leaves the line while the page is hidden.
 *
 * On the video element it keeps `data-wall-at-zero` (ms since 1970 at media time 0), `data-stream` and `data-live`.
 */
export class LivePlayer {
  readonly #video: HTMLVideoElement;
  readonly #options: LiveOptions;
  #state: LiveState;
  #wanted = false;
  #choice = 0;
  #attempt = 0;
  #slow = 0;
  #session: AbortController | undefined;
  #source: Source | undefined;
  #splitter = new PartSplitter();
  #tracks: TrackInfo[] = [];
  #cushion = new Cushion();
  #anchors: Anchor[] = [];
  #epoch = 0;
  #offset: number | undefined;
  #lastMessage = 0;
  #lastSeek = -Infinity;
  #work: Promise<void> = Promise.resolve();

  constructor(video: HTMLVideoElement, options: LiveOptions) {
    this.#video = video;
    this.#options = options;
    this.#state = { status: 'stopped', stream: options.streams[0] ?? 'main' };
  }

  get state(): LiveState {
    return this.#state;
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    document.addEventListener('visibilitychange', this.#visibility);
    this.#video.addEventListener('waiting', this.#waiting);
    this.#visibility();
  }

  /** Leaves the line and stands still on the picture that is shown; `start` goes on with the present. */
  freeze(): void {
    this.#end();
    this.#video.pause();
    // The picture may be one behind the clock, which would be another than the one that is recorded for this moment.
    const { currentTime } = this.#video;
    if (this.#source) this.#video.currentTime = currentTime;
  }

  /** Ends it and takes the picture away. */
  stop(): void {
    this.#end();
    this.#dropSource();
  }

  #end(): void {
    this.#wanted = false;
    document.removeEventListener('visibilitychange', this.#visibility);
    this.#video.removeEventListener('waiting', this.#waiting);
    this.#leave();
    this.#say({ status: 'stopped' });
  }

  readonly #visibility = (): void => {
    if (document.visibilityState === 'hidden') {
      this.#leave();
      this.#say({ status: 'stopped' });
    } else if (this.#wanted && !this.#session) {
      this.#attempt = 0;
      this.#dial();
    }
  };

  readonly #waiting = (): void => {
    if (this.#state.status === 'playing') this.#cushion.starved();
  };

  #say(s: Partial<LiveState>): void {
    const next = { ...this.#state, ...s };
    if (Object.keys(next).every((k) => next[k as keyof LiveState] === this.#state[k as keyof LiveState])) return;
    this.#state = next;
    this.#video.dataset.stream = next.stream;
    this.#video.dataset.live = next.status;
    this.#options.onState?.(next);
  }

  #leave(): void {
    this.#session?.abort();
    this.#session = undefined;
  }

  #dropSource(): void {
    this.#source?.feed.close();
    this.#source?.close();
    this.#source = undefined;
    this.#anchors = [];
    this.#offset = undefined;
    delete this.#video.dataset.wallAtZero;
  }

  #dial(): void {
    const stream = this.#options.streams[this.#choice];
    if (!stream) return;
    const session = new AbortController();
    this.#session = session;
    this.#splitter = new PartSplitter();
    this.#offset = undefined;
    this.#say({ status: 'connecting', stream });
    const connect = this.#options.connect ?? ((a: string) => new WebSocket(a));
    const socket = connect(this.#options.address(stream));
    socket.binaryType = 'arraybuffer';
    const { signal } = session;
    this.#lastMessage = performance.now();
    socket.addEventListener('message', (e: MessageEvent<string | ArrayBuffer>) => this.#message(e.data, signal), {
      signal,
    });
    socket.addEventListener('close', (e) => this.#closed(session, e.code), { signal });
    // A socket that is closed while it connects makes the browser complain: it is left to open first.
    signal.addEventListener('abort', () => {
      if (socket.readyState === 0) socket.addEventListener('open', () => socket.close());
      else socket.close();
    });
    const beat = setInterval(() => this.#beat(), 200);
    signal.addEventListener('abort', () => clearInterval(beat));
  }

  #closed(session: AbortController, code: number): void {
    session.abort();
    if (this.#session !== session) return;
    this.#session = undefined;
    if (isFinal(code)) {
      this.#dropSource();
      this.#say({ status: 'refused' });
      return;
    }
    // Who shows it is told when it looks again; this is for a switch back that nobody heard of.
    if (code === PRIVATE) this.#attempt = WAITS.length - 1;
    const wait = WAITS[Math.min(this.#attempt++, WAITS.length - 1)]!;
    this.#say({ status: 'connecting' });
    setTimeout(
      () => {
        if (this.#wanted && !this.#session && document.visibilityState !== 'hidden') this.#dial();
      },
      wait * (0.5 + Math.random() / 2),
    );
  }

  #message(data: string | ArrayBuffer, signal: AbortSignal): void {
    this.#lastMessage = performance.now();
    if (typeof data === 'string') {
      const text = readText(data);
      if (text?.type === 'notice') this.#notice(text.code, text.text);
      else if (text?.type === 'init') this.#type(text.mime, signal);
      return;
    }
    const message = readBytes(data);
    if (!message) return;
    // Opening the source takes a turn of the event loop: what comes meanwhile waits in order.
    this.#work = this.#work
      .then(() => this.#append(message.data, message.wall, signal))
      .catch((e: unknown) => this.#broken(e, signal));
  }

  #notice(code: string, text: string): void {
    if (code === 'slow' && ++this.#slow > 1) this.#fallBack('slow');
    else this.#say({ notice: text });
  }

  /** Moves to the next stream, if there is one. */
  #fallBack(why: 'codec' | 'slow'): boolean {
    if (this.#choice + 1 >= this.#options.streams.length) return false;
    this.#choice++;
    this.#slow = 0;
    this.#leave();
    this.#say({ fallback: why });
    this.#dial();
    return true;
  }

  #type(mime: string, signal: AbortSignal): void {
    const canPlay = this.#options.canPlay ?? playable;
    if (!canPlay(mime)) {
      if (!this.#fallBack('codec')) {
        this.#leave();
        this.#dropSource();
        this.#say({ status: 'unplayable' });
      }
      return;
    }
    this.#work = this.#work.then(() => this.#open(mime, signal)).catch((e: unknown) => this.#broken(e, signal));
  }

  async #open(mime: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#splitter = new PartSplitter();
    this.#offset = undefined;
    if (this.#source?.mime === mime) return;
    this.#dropSource();
    const open = this.#options.open ?? openSource;
    const { buffer, close } = await open(this.#video, mime, signal);
    const feed = new Feed(buffer, () => this.#video.currentTime, KEEP_BEHIND);
    // A whole GOP may come at once: steer by its end, not by each of its frames.
    feed.onProgress = () => {
      if (feed.idle) this.#steer();
    };
    feed.onError = (e) => this.#broken(e, signal);
    this.#source = { feed, mime, close };
  }

  #append(data: Uint8Array<ArrayBuffer>, wall: number, signal: AbortSignal): void {
    const feed = this.#source?.feed;
    if (!feed || signal.aborted) return;
    if (feed.queuedBytes > LARGEST_QUEUE) {
      // Not even swallowing works: begin again, smaller if possible.
      if (!this.#fallBack('slow')) throw new Error('this browser is too slow for the stream');
      return;
    }
    let part = 0;
    for (const p of this.#splitter.push(data)) {
      if (p.kind === 'init') {
        this.#tracks = p.tracks;
        this.#offset = undefined;
        feed.append(p.data);
        continue;
      }
      // The header tells the wall time of the message's first fragment.
      if (part++ === 0) this.#anchor(p.start, wall, feed);
      if (this.#tracks.some((t) => t.kind === 'video')) this.#cushion.frame(p.duration / Math.max(1, p.frames));
      feed.append(p.data, this.#offset);
    }
    if (part > 0 && this.#state.status !== 'playing') {
      this.#attempt = 0;
      this.#say({ status: 'playing' });
      this.#video.play().catch(() => undefined); // muted video may always play; a pause by the browser is no error
    }
  }

  /** Lays a run onto the media clock by its wall time, never over what is buffered already. */
  #anchor(start: number, wall: number, feed: Feed): void {
    if (this.#offset === undefined) {
      this.#epoch ||= wall;
      const end = feed.ranges().at(-1)?.end ?? 0;
      const media = Math.max((wall - this.#epoch) / 1000, end, 0);
      this.#offset = media - start;
      this.#anchors.push({ media, wallAtZero: wall - media * 1000 });
      if (this.#anchors.length > 8) this.#anchors.shift();
    } else {
      // The camera's clock is slewed against ours: follow it without touching the picture.
      const last = this.#anchors.at(-1);
      if (last) last.wallAtZero = wall - (start + this.#offset) * 1000;
    }
    const now = this.#video.currentTime;
    const here = this.#anchors.findLast((a) => a.media <= now + 0.001) ?? this.#anchors[0];
    if (here) this.#video.dataset.wallAtZero = here.wallAtZero.toFixed(3);
  }

  #broken(e: unknown, signal: AbortSignal): void {
    if (signal.aborted || (e instanceof DOMException && e.name === 'AbortError')) return;
    const session = this.#session;
    this.#dropSource();
    this.#epoch = 0;
    if (session) this.#closed(session, 1000);
  }

  #beat(): void {
    this.#steer();
    if (this.#state.status !== 'playing') return;
    this.#cushion.calm(0.2);
    if (performance.now() - this.#lastMessage > STALE_AFTER) this.#say({ status: 'stale' });
  }

  #steer(): void {
    const feed = this.#source?.feed;
    if (!feed || !this.#wanted) return;
    const todo = steer(this.#video.currentTime, feed.ranges(), this.#cushion.target);
    if (this.#video.playbackRate !== todo.rate) this.#video.playbackRate = todo.rate;
    const t = performance.now();
    if (todo.seek !== undefined && t - this.#lastSeek > 400) {
      this.#lastSeek = t;
      this.#video.currentTime = todo.seek;
    }
    if (this.#video.paused && this.#state.status === 'playing') this.#video.play().catch(() => undefined);
  }
}
