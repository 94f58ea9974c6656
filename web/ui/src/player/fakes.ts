/**
 * Stand-ins for the browser, for tests: a SourceBuffer that knows what it holds, a video element with a clock, and a
 * small writer of fragmented MP4. They keep the rules that the real ones keep (one task at a time, events later).
 */

const text = (s: string): number[] => [...s].map((c) => c.charCodeAt(0));
const n16 = (n: number): number[] => [(n >> 8) & 255, n & 255];
const n32 = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const n64 = (n: number): number[] => [...n32(Math.floor(n / 2 ** 32)), ...n32(n >>> 0)];
const zeros = (n: number): number[] => new Array<number>(n).fill(0);

export function box(type: string, ...body: (number | number[])[]): number[] {
  const flat = body.flat();
  return [...n32(8 + flat.length), ...text(type), ...flat];
}

export const AVC = box('avc1', zeros(78), box('avcC', 1, 0x64, 0x00, 0x28, 0xff));
export const HEVC = box('hvc1', zeros(78), box('hvcC', 1, 0x01, n32(0x60000000), [0x90, 0, 0, 0, 0, 0], 93, zeros(10)));
export const AAC = box(
  'mp4a',
  zeros(28),
  box('esds', zeros(4), [3, 25, 0, 1, 0], [4, 17, 0x40, 0x15], zeros(11), [5, 2, 0x12, 0x10]),
);

function trak(id: number, handler: string, timescale: number, entry: number[]): number[] {
  return box(
    'trak',
    box('tkhd', zeros(4), zeros(8), n32(id), zeros(60)),
    box(
      'mdia',
      box('mdhd', zeros(4), zeros(8), n32(timescale), zeros(8)),
      box('hdlr', zeros(8), text(handler), zeros(13)),
      box('minf', box('stbl', box('stsd', zeros(4), n32(1), entry))),
    ),
  );
}

/** `ftyp` and `moov`; track 1 has 90 000 ticks a second, track 2 (sound) 48 000. */
export function init(...entries: number[][]): Uint8Array<ArrayBuffer> {
  const traks = entries.map((e, i) =>
    String.fromCharCode(...e.slice(4, 8)) === 'mp4a' ? trak(i + 1, 'soun', 48_000, e) : trak(i + 1, 'vide', 90_000, e),
  );
  return new Uint8Array([...box('ftyp', text('iso6'), zeros(4)), ...box('moov', box('mvhd', zeros(100)), ...traks)]);
}

/** `moof` and `mdat` of track 1, from `start` seconds on, `frames` pictures of `each` seconds. */
export function fragment(start: number, frames = 1, each = 0.04): Uint8Array<ArrayBuffer> {
  const samples = Array.from({ length: frames }, () => [...n32(Math.round(each * 90_000)), ...n32(4)]).flat();
  return new Uint8Array([
    ...box(
      'moof',
      box('mfhd', zeros(8)),
      box(
        'traf',
        box('tfhd', n32(0x020000), n32(1)),
        box('tfdt', [1, 0, 0, 0], n64(Math.round(start * 90_000))),
        box('trun', n32(0x000301), n32(frames), n32(0), samples),
      ),
    ),
    ...box('mdat', zeros(4 * frames)),
  ]);
}

/** A live message: the header of 16 bytes, then a part. */
export function message(data: Uint8Array, wall: number, key = true, version = 1): ArrayBuffer {
  const m = new Uint8Array(16 + data.length);
  m.set([version, key ? 1 : 0, ...n16(0), ...n32(1)]);
  new DataView(m.buffer).setBigUint64(8, BigInt(Math.round(wall * 1000)));
  m.set(data, 16);
  return m.buffer;
}

/** A clock and a place for pictures. */
export class FakeVideo extends EventTarget {
  dataset: Record<string, string> = {};
  playbackRate = 1;
  preservesPitch = true;
  paused = true;
  muted = true;
  seeking = false;
  seeks: number[] = [];
  #time = 0;

  get currentTime(): number {
    return this.#time;
  }
  set currentTime(t: number) {
    this.#time = t;
    this.seeks.push(t);
    this.seeking = true;
    queueMicrotask(() => {
      this.seeking = false;
      this.dispatchEvent(new Event('seeked'));
    });
  }
  /** Time goes by, as when it plays. */
  advance(seconds: number): void {
    this.#time += seconds;
    this.dispatchEvent(new Event('timeupdate'));
  }
  play(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }
  pause(): void {
    this.paused = true;
  }
  load(): void {}
  removeAttribute(): void {}
  get element(): HTMLVideoElement {
    return this as unknown as HTMLVideoElement;
  }
}

/** Holds what it was given, one task at a time, and ends each a turn later, as a browser does. */
export class FakeBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  types: string[] = [];
  appended = 0;
  /** How many bytes fit; more is a QuotaExceededError. */
  room = Infinity;
  #held: { start: number; end: number; bytes: number }[] = [];

  appendBuffer(data: Uint8Array<ArrayBuffer>): void {
    this.#begin();
    if (this.#held.reduce((n, h) => n + h.bytes, 0) + data.length > this.room) {
      this.updating = false;
      throw new DOMException('full', 'QuotaExceededError');
    }
    this.appended++;
    const at = String.fromCharCode(...data.subarray(4, 8)) === 'moof' ? times(data) : undefined;
    if (at) {
      this.#held.push({
        start: at.start + this.timestampOffset,
        end: at.end + this.timestampOffset,
        bytes: data.length,
      });
      this.#held.sort((a, b) => a.start - b.start);
    }
    this.#end();
  }
  remove(from: number, to: number): void {
    this.#begin();
    this.#held = this.#held.filter((h) => h.end <= from || h.start >= to);
    this.#end();
  }
  abort(): void {
    this.updating = false;
  }
  changeType(mime: string): void {
    if (this.updating) throw new DOMException('busy', 'InvalidStateError');
    this.types.push(mime);
  }
  get buffered(): TimeRanges {
    const ranges: { start: number; end: number }[] = [];
    for (const h of this.#held) {
      const last = ranges.at(-1);
      if (last && h.start <= last.end + 0.001) last.end = Math.max(last.end, h.end);
      else ranges.push({ start: h.start, end: h.end });
    }
    return { length: ranges.length, start: (i) => ranges[i]!.start, end: (i) => ranges[i]!.end };
  }
  #begin(): void {
    if (this.updating) throw new DOMException('busy', 'InvalidStateError');
    this.updating = true;
  }
  #end(): void {
    setTimeout(() => {
      if (!this.updating) return;
      this.updating = false;
      this.dispatchEvent(new Event('updateend'));
    }, 0);
  }
}

function times(b: Uint8Array): { start: number; end: number } {
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const find = (name: string): number => {
    const want = text(name);
    for (let i = 0; i < b.length - 4; i++) if (want.every((c, j) => b[i + j] === c)) return i + 4;
    throw new Error(`no ${name}`);
  };
  const start = Number(view.getBigUint64(find('tfdt') + 4)) / 90_000;
  const trun = find('trun');
  const count = view.getUint32(trun + 4);
  return { start, end: start + (count * view.getUint32(trun + 12)) / 90_000 };
}
