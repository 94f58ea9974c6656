import { describe, expect, it } from 'vitest';
import { AAC, AVC, HEVC, box, fragment, init } from './fakes';
import { PartSplitter, type Part } from './mp4';

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((p) => [...p]));

describe('PartSplitter', () => {
  it.each([1, 7, 64, 100_000])('finds the same parts in pieces of %i bytes', (size) => {
    const bytes = join(init(AVC), fragment(2, 3), fragment(2.12));
    const splitter = new PartSplitter();
    const parts: Part[] = [];
    for (let i = 0; i < bytes.length; i += size) parts.push(...splitter.push(bytes.slice(i, i + size)));
    expect(parts.map((p) => p.kind)).toEqual(['init', 'media', 'media']);
    expect(parts[1]).toMatchObject({ start: 2, frames: 3 });
    expect((parts[1] as { duration: number }).duration).toBeCloseTo(0.12, 6);
    expect(join(...parts.map((p) => p.data))).toEqual(bytes);
  });

  it.each([
    ['H.264', [AVC], 'video/mp4; codecs="avc1.640028"'],
    ['H.264 with AAC', [AVC, AAC], 'video/mp4; codecs="avc1.640028,mp4a.40.2"'],
    ['H.265', [HEVC], 'video/mp4; codecs="hvc1.1.6.L93.90"'],
    ['JPEG, which no browser plays', [box('mp4v', [1])], 'video/mp4; codecs="mp4v"'],
    ['FLAC beside it', [AVC, box('fLaC', [1])], 'video/mp4; codecs="avc1.640028,flac"'],
  ])('names the codecs of %s', (_, entries, mime) => {
    const [part] = new PartSplitter().push(init(...entries));
    expect(part).toMatchObject({ kind: 'init', mime });
  });

  it('refuses bytes that are no MP4', () => {
    expect(() => new PartSplitter().push(new TextEncoder().encode('HTTP/1.1 502 Bad Gateway'))).toThrow();
  });

  it('refuses a box that claims more than what holds it', () => {
    const bytes = init(AVC);
    const at = String.fromCharCode(...bytes).indexOf('trak') - 4;
    bytes[at] = 0x01; // 16 MB of track in a small moov
    expect(() => new PartSplitter().push(bytes)).toThrow();
  });

  it('refuses a run of samples that is cut short', () => {
    const bytes = fragment(0, 2);
    const at = String.fromCharCode(...bytes).indexOf('trun') + 8;
    bytes.set([0, 0, 0x10, 0], at);
    const splitter = new PartSplitter();
    splitter.push(init(AVC));
    expect(() => splitter.push(bytes)).toThrow();
  });
});
