import { describe, expect, it } from 'vitest';
import { fragment, message } from './fakes';
import { readBytes, readText } from './wire';

describe('readBytes', () => {
  it('reads the header to the microsecond and leaves the part', () => {
    const part = fragment(1);
    const got = readBytes(message(part, 1_700_000_000_123.456, true));
    expect(got?.key).toBe(true);
    expect(got?.wall).toBeCloseTo(1_700_000_000_123.456, 3);
    expect(got?.data).toEqual(part);
  });
  it('passes over another version and what is too short', () => {
    expect(readBytes(message(fragment(0), 0, true, 2))).toBeUndefined();
    expect(readBytes(new ArrayBuffer(15))).toBeUndefined();
  });
});

describe('readText', () => {
  it.each([
    ['{"type":"init","mime":"video/mp4","stream":"sub"}', { type: 'init', mime: 'video/mp4', stream: 'sub' }],
    ['{"type":"notice","code":"slow","text":"s"}', { type: 'notice', code: 'slow', text: 's' }],
    ['{"type":"init"}', undefined],
    ['{"type":"tomorrow"}', undefined],
    ['null', undefined],
    ['no JSON', undefined],
  ])('%s', (text, want) => expect(readText(text)).toEqual(want));
});
