import { describe, expect, it, vi } from 'vitest';
import { AVC, FakeBuffer, FakeVideo, fragment, init } from './fakes';
import { Scrubber } from './scrub';

const T0 = 1_700_000_000_000;

/** A box that answers when it is told to, with the key frame of the second that was asked for. */
function finger() {
  const asked: number[] = [];
  const answers: (() => void)[] = [];
  const frames: number[] = [];
  const video = new FakeVideo();
  const scrubber = new Scrubber(video.element, {
    address: (at) => String(at),
    onFrame: (wall) => frames.push(wall),
    fetch: ((address: string) => {
      const at = Number(address);
      asked.push(at);
      return new Promise<Response>((done) => {
        answers.push(() => {
          if (at < T0) return done(new Response(null, { status: 404 }));
          const body = new Uint8Array([...init(AVC), ...fragment(0)]);
          const key = new Date(Math.floor(at / 1000) * 1000).toISOString();
          done(new Response(body, { headers: { 'Hearth-Start': key } }));
        });
      });
    }) as unknown as typeof fetch,
    open: () =>
      Promise.resolve({
        media: undefined as unknown as MediaSource,
        buffer: new FakeBuffer() as unknown as SourceBuffer,
        close: () => {},
      }),
    canPlay: () => true,
  });
  return { scrubber, asked, answers, frames, video };
}

describe('Scrubber', () => {
  it('has one question under way and then asks for the newest wish only', async () => {
    const { scrubber, asked, answers, frames } = finger();
    for (let i = 0; i < 10; i++) void scrubber.show(T0 + i * 5000);
    expect(asked).toEqual([T0]);
    answers[0]!();
    await vi.waitFor(() => expect(asked).toEqual([T0, T0 + 45_000]));
    answers[1]!();
    await vi.waitFor(() => expect(frames).toEqual([T0, T0 + 45_000]));
    scrubber.close();
  });

  it('shows the moment of the key frame, not the one that was asked for', async () => {
    const { scrubber, answers, frames, video } = finger();
    const shown = scrubber.show(T0 + 1437);
    answers[0]!();
    expect(await shown).toBe(true);
    expect(frames).toEqual([T0 + 1000]);
    expect(Math.abs(Number(video.dataset.wallAtZero) + video.currentTime * 1000 - T0 - 1000)).toBeLessThan(1);
    scrubber.close();
  });

  it('goes on after a moment that has no picture', async () => {
    const { scrubber, answers, asked, frames } = finger();
    const first = scrubber.show(T0 - 5000);
    answers[0]!();
    expect(await first).toBe(false);
    const second = scrubber.show(T0 + 2000);
    answers[1]!();
    expect(await second).toBe(true);
    expect(asked).toHaveLength(2);
    expect(frames).toEqual([T0 + 2000]);
    scrubber.close();
  });

  it('shows nothing after it was closed', async () => {
    const { scrubber, answers, frames, asked } = finger();
    void scrubber.show(T0);
    scrubber.close();
    answers[0]!();
    await scrubber.show(T0 + 1000);
    expect(frames).toEqual([]);
    expect(asked).toHaveLength(1);
  });
});
