/**
 * Just enough of ISO/IEC 14496-12 to steer Media Source Extensions: where parts begin, which codecs an initialization
 * names, and when a fragment starts. Bytes come from our own server; still every length is checked before it is used.
 */

/** What a `moov` says of one track. */
export interface TrackInfo {
  id: number;
  kind: 'video' | 'audio' | 'other';
  /** Ticks per second of the track's decode times. */
  timescale: number;
  /** RFC 6381, e.g. `avc1.640028`; empty if unknown. */
  codec: string;
}

/** A piece that a SourceBuffer takes as a whole. */
export type Part =
  | { kind: 'init'; data: Uint8Array<ArrayBuffer>; tracks: TrackInfo[]; mime: string }
  | {
      kind: 'media';
      data: Uint8Array<ArrayBuffer>;
      /** Decode time of the first video sample, seconds on the stream's own clock (before any offset). */
      start: number;
      /** How long the video samples of this fragment last together, seconds. */
      duration: number;
      /** How many video samples it has. */
      frames: number;
    };

/** No fragment of at most one second is larger than this; a length beyond it is a broken stream. */
const LARGEST_BOX = 64 << 20;

interface Box {
  type: string;
  /** Offset of the box's content, after its header. */
  body: number;
  end: number;
}

function u32(b: Uint8Array, at: number): number {
  if (at + 4 > b.length) throw new Error('MP4 box ends too early');
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

function u64(b: Uint8Array, at: number): number {
  return u32(b, at) * 2 ** 32 + u32(b, at + 4);
}

function fourCC(b: Uint8Array, at: number): string {
  return String.fromCharCode(b[at] ?? 0, b[at + 1] ?? 0, b[at + 2] ?? 0, b[at + 3] ?? 0);
}

function* boxes(b: Uint8Array, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    let size = u32(b, at);
    let body = at + 8;
    if (size === 1) {
      size = u64(b, at + 8);
      body = at + 16;
    } else if (size === 0) {
      size = to - at;
    }
    if (size < body - at || at + size > to) throw new Error('MP4 box is larger than what holds it');
    yield { type: fourCC(b, at + 4), body, end: at + size };
    at += size;
  }
}

function find(b: Uint8Array, parent: Box, ...path: string[]): Box | undefined {
  let here: Box | undefined = parent;
  for (const type of path) {
    let next: Box | undefined;
    for (const box of boxes(b, here.body, here.end)) {
      if (box.type === type) {
        next = box;
        break;
      }
    }
    if (!next) return undefined;
    here = next;
  }
  return here;
}

/** Cuts a byte stream into parts. Bytes may arrive in any sizes. */
export class PartSplitter {
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #pending: Uint8Array<ArrayBuffer>[] = [];
  #tracks: TrackInfo[] = [];
  #moof: { start: number; duration: number; frames: number } | undefined;

  /** Takes more bytes and gives the parts that are whole by now. Throws on bytes that are no MP4. */
  push(chunk: Uint8Array): Part[] {
    let bytes: Uint8Array<ArrayBuffer>;
    if (this.#rest.length === 0) {
      bytes = chunk as Uint8Array<ArrayBuffer>;
    } else {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const parts: Part[] = [];
    let at = 0;
    while (at + 8 <= bytes.length) {
      let size = u32(bytes, at);
      if (size === 1) {
        if (at + 16 > bytes.length) break;
        size = u64(bytes, at + 8);
      }
      if (size < 8 || size > LARGEST_BOX) throw new Error('not a fragmented MP4');
      if (at + size > bytes.length) break;
      this.#take(bytes.subarray(at, at + size), parts);
      at += size;
    }
    this.#rest = at === 0 ? bytes : bytes.slice(at);
    return parts;
  }

  #take(box: Uint8Array<ArrayBuffer>, parts: Part[]): void {
    const type = fourCC(box, 4);
    if (type === 'ftyp') this.#pending = [box];
    else this.#pending.push(box);
    if (type === 'moov') {
      this.#tracks = tracksOf(box);
      parts.push({ kind: 'init', data: join(this.#pending), tracks: this.#tracks, mime: mimeOf(this.#tracks) });
      this.#pending = [];
    } else if (type === 'moof') {
      this.#moof = timesOf(box, this.#tracks);
    } else if (type === 'mdat') {
      if (!this.#moof) throw new Error('media data without its index');
      parts.push({ kind: 'media', data: join(this.#pending), ...this.#moof });
      this.#pending = [];
      this.#moof = undefined;
    }
  }
}

function join(pieces: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of pieces) {
    whole.set(p, at);
    at += p.length;
  }
  return whole;
}

function whole(b: Uint8Array): Box {
  return { type: fourCC(b, 4), body: u32(b, 0) === 1 ? 16 : 8, end: b.length };
}

/** The tracks of a whole `moov` box, in its order. */
export function tracksOf(moov: Uint8Array): TrackInfo[] {
  const tracks: TrackInfo[] = [];
  const root = whole(moov);
  for (const trak of boxes(moov, root.body, root.end)) {
    if (trak.type !== 'trak') continue;
    const tkhd = find(moov, trak, 'tkhd');
    const mdhd = find(moov, trak, 'mdia', 'mdhd');
    const hdlr = find(moov, trak, 'mdia', 'hdlr');
    const stsd = find(moov, trak, 'mdia', 'minf', 'stbl', 'stsd');
    if (!tkhd || !mdhd || !hdlr || !stsd) continue;
    const handler = fourCC(moov, hdlr.body + 8);
    tracks.push({
      id: u32(moov, tkhd.body + (moov[tkhd.body] === 1 ? 20 : 12)),
      kind: handler === 'vide' ? 'video' : handler === 'soun' ? 'audio' : 'other',
      timescale: u32(moov, mdhd.body + (moov[mdhd.body] === 1 ? 20 : 12)) || 1,
      codec: codecOf(moov, stsd),
    });
  }
  return tracks;
}

/** The type to ask `MediaSource.isTypeSupported` for. */
export function mimeOf(tracks: TrackInfo[]): string {
  const codecs = tracks.map((t) => t.codec).filter((c) => c !== '');
  return `video/mp4; codecs="${codecs.join(',')}"`;
}

function hex(n: number): string {
  return n.toString(16).padStart(2, '0');
}

function codecOf(b: Uint8Array, stsd: Box): string {
  const entries = boxes(b, stsd.body + 8, stsd.end);
  const entry = entries.next().value as Box | undefined;
  if (!entry) return '';
  // A visual sample entry has 78 bytes before its boxes, an audio one 28 (14496-12, 12.1.3 and 12.2.3).
  const visual: Box = { ...entry, body: entry.body + 78 };
  const audio: Box = { ...entry, body: entry.body + 28 };
  switch (entry.type) {
    case 'avc1':
    case 'avc3': {
      const c = find(b, visual, 'avcC');
      return c ? `${entry.type}.${hex(b[c.body + 1]!)}${hex(b[c.body + 2]!)}${hex(b[c.body + 3]!)}` : '';
    }
    case 'hvc1':
    case 'hev1': {
      const c = find(b, visual, 'hvcC');
      return c ? `${entry.type}.${hevc(b, c.body)}` : '';
    }
    case 'av01': {
      const c = find(b, visual, 'av1C');
      if (!c) return '';
      const [second, third] = [b[c.body + 1]!, b[c.body + 2]!];
      const depth = third & 0x40 ? ((third & 0x20) !== 0 ? 12 : 10) : 8;
      const level = String(second & 31).padStart(2, '0');
      return `av01.${second >> 5}.${level}${third & 0x80 ? 'H' : 'M'}.${String(depth).padStart(2, '0')}`;
    }
    case 'mp4a': {
      const c = find(b, audio, 'esds');
      return c ? aac(b, c) : '';
    }
    case 'Opus':
      return 'opus';
    case 'fLaC':
      return 'flac';
  }
  return entry.type; // what this page does not know, no browser plays: mp4v, which holds JPEG
}

/** RFC 6381's parameters of H.265, after ISO/IEC 14496-15, annex E.3. */
function hevc(b: Uint8Array, at: number): string {
  const general = b[at + 1]!;
  const space = ['', 'A', 'B', 'C'][general >> 6]!;
  const compatibility = u32(b, at + 2);
  let reversed = 0;
  for (let i = 0; i < 32; i++) if (compatibility & (1 << i)) reversed |= 1 << (31 - i);
  const constraints = Array.from(b.subarray(at + 6, at + 12));
  while (constraints.length > 0 && constraints[constraints.length - 1] === 0) constraints.pop();
  const tier = general & 0x20 ? 'H' : 'L';
  const base = `${space}${general & 31}.${(reversed >>> 0).toString(16).toUpperCase()}.${tier}${b[at + 12]!}`;
  return [base, ...constraints.map((c) => c.toString(16).toUpperCase())].join('.');
}

/** `mp4a.40.<object type>`, out of the descriptors of an `esds` box (14496-1, 7.2.6). */
function aac(b: Uint8Array, esds: Box): string {
  let at = esds.body + 4;
  const descriptor = (): { tag: number; body: number } => {
    const tag = b[at++]!;
    while (at < esds.end && b[at]! & 0x80) at++;
    return { tag, body: ++at };
  };
  const es = descriptor();
  if (es.tag !== 3) return '';
  at = es.body + 3;
  const config = descriptor();
  if (config.tag !== 4) return '';
  const oti = b[config.body]!;
  at = config.body + 13;
  const specific = descriptor();
  if (specific.tag !== 5 || specific.body >= esds.end) return `mp4a.${hex(oti)}`;
  return `mp4a.${hex(oti)}.${b[specific.body]! >> 3}`;
}

/** When the video of a `moof` starts and how long it lasts. A fragment without video is told by its first track. */
function timesOf(moof: Uint8Array, tracks: TrackInfo[]): { start: number; duration: number; frames: number } {
  const root = whole(moof);
  let found: { start: number; duration: number; frames: number } | undefined;
  for (const traf of boxes(moof, root.body, root.end)) {
    if (traf.type !== 'traf') continue;
    const tfhd = find(moof, traf, 'tfhd');
    const tfdt = find(moof, traf, 'tfdt');
    if (!tfhd || !tfdt) continue;
    const track = tracks.find((t) => t.id === u32(moof, tfhd.body + 4));
    const scale = track?.timescale ?? 90000;
    const start = (moof[tfdt.body] === 1 ? u64(moof, tfdt.body + 4) : u32(moof, tfdt.body + 4)) / scale;
    let ticks = 0;
    let frames = 0;
    for (const trun of boxes(moof, traf.body, traf.end)) {
      if (trun.type !== 'trun') continue;
      const sum = samplesOf(moof, tfhd, trun);
      ticks += sum.ticks;
      frames += sum.count;
    }
    const times = { start, duration: ticks / scale, frames };
    if (track?.kind === 'video') return times;
    found ??= times;
  }
  if (!found) throw new Error('fragment without a track');
  return found;
}

function samplesOf(b: Uint8Array, tfhd: Box, trun: Box): { count: number; ticks: number } {
  const headFlags = u32(b, tfhd.body) & 0xffffff;
  let at = tfhd.body + 8 + (headFlags & 0x1 ? 8 : 0) + (headFlags & 0x2 ? 4 : 0);
  const standard = headFlags & 0x8 ? u32(b, at) : 0;
  const flags = u32(b, trun.body) & 0xffffff;
  const count = u32(b, trun.body + 4);
  if (!(flags & 0x100)) return { count, ticks: count * standard };
  at = trun.body + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
  const stride = 4 * [0x100, 0x200, 0x400, 0x800].filter((f) => flags & f).length;
  if (at + count * stride > trun.end) throw new Error('MP4 run of samples ends too early');
  let ticks = 0;
  for (let i = 0; i < count; i++) ticks += u32(b, at + i * stride);
  return { count, ticks };
}
