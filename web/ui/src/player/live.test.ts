import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AVC, FakeBuffer, FakeVideo, HEVC, fragment, init, message } from './fakes';
import { LivePlayer, STALE_AFTER, type LiveState } from './live';

class FakeSocket extends EventTarget {
  binaryType = '';
  closed = false;
  readonly address: string;
  constructor(address: string) {
    super();
    this.address = address;
  }
  close(): void {
    this.closed = true;
  }
  say(data: string | ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
  end(code = 1006): void {
    const e = new Event('close') as Event & { code: number };
    e.code = code;
    this.dispatchEvent(e);
  }
}

const T0 = 1_700_000_000_000;
const mime = (codec: string): string => JSON.stringify({ type: 'init', mime: `video/mp4; codecs="${codec}"` });

class Page extends EventTarget {
  visibilityState = 'visible';
  hide(hidden: boolean): void {
    this.visibilityState = hidden ? 'hidden' : 'visible';
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

function viewer(streams: ('main' | 'sub')[] = ['sub', 'main']) {
  const sockets: FakeSocket[] = [];
  const buffers: FakeBuffer[] = [];
  const states: LiveState[] = [];
  const video = new FakeVideo();
  const player = new LivePlayer(video.element, {
    address: (s) => `ws://box/${s}`,
    streams,
    onState: (s) => states.push(s),
    connect: (a) => {
      const s = new FakeSocket(a);
      sockets.push(s);
      return s as unknown as WebSocket;
    },
    open: () => {
      const buffer = new FakeBuffer();
      buffers.push(buffer);
      return Promise.resolve({
        media: undefined as unknown as MediaSource,
        buffer: buffer as unknown as SourceBuffer,
        close: () => {},
      });
    },
    canPlay: (m) => m.includes('avc1'),
  });
  return { player, sockets, buffers, states, video };
}

/** A run of the camera whose clock begins at `dts` seconds: `n` frames from `wall` on. */
function play(s: FakeSocket, wall: number, dts: number, n: number): void {
  for (let i = 0; i < n; i++) s.say(message(fragment(dts + i * 0.04), wall + i * 40, i === 0));
}

let page: Page;
beforeEach(() => {
  page = new Page();
  vi.stubGlobal('document', page);
  vi.useFakeTimers({ now: T0 });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('LivePlayer', () => {
  it('shows the newest picture and says when it was', async () => {
    const { player, sockets, video, states } = viewer();
    player.start();
    sockets[0]!.say(mime('avc1.640028'));
    sockets[0]!.say(message(init(AVC), T0));
    play(sockets[0]!, T0, 500, 50);
    await vi.advanceTimersByTimeAsync(300);
    expect(states.at(-1)).toMatchObject({ status: 'playing', stream: 'sub' });
    expect(video.paused).toBe(false);
    // Two seconds of GOP came at once: the picture is at their end, not at their beginning.
    const wall = Number(video.dataset.wallAtZero) + video.currentTime * 1000;
    expect(wall).toBeGreaterThan(T0 + 1700);
    expect(wall).toBeLessThanOrEqual(T0 + 2000);
    player.stop();
  });

  it('stands still on the picture that it shows, and goes on with the present', async () => {
    const { player, sockets, buffers, video, states } = viewer();
    player.start();
    sockets[0]!.say(mime('avc1.640028'));
    sockets[0]!.say(message(init(AVC), T0));
    play(sockets[0]!, T0, 500, 50);
    await vi.advanceTimersByTimeAsync(300);
    const wall = (): number => Number(video.dataset.wallAtZero) + video.currentTime * 1000;
    const then = wall();
    sockets[0]!.say(message(fragment(502), T0 + 2000)); // still on its way into the buffer
    player.freeze();
    await vi.advanceTimersByTimeAsync(5000);
    expect([video.paused, wall()]).toEqual([true, then]);
    expect(states.at(-1)!.status).toBe('stopped');
    expect(sockets.map((s) => s.closed)).toEqual([true]);

    player.start();
    sockets[1]!.say(mime('avc1.640028'));
    sockets[1]!.say(message(init(AVC), T0 + 5300));
    play(sockets[1]!, T0 + 5300, 506, 25);
    await vi.advanceTimersByTimeAsync(600);
    expect(buffers).toHaveLength(1); // so that nothing flashes
    expect([video.paused, states.at(-1)!.status]).toEqual([false, 'playing']);
    expect(wall()).toBeGreaterThan(T0 + 5300);
    player.stop();
  });

  it('stays on the line over a new run, wherever its clock begins', async () => {
    const { player, sockets, buffers, video } = viewer();
    player.start();
    const s = sockets[0]!;
    s.say(mime('avc1.640028'));
    s.say(message(init(AVC), T0));
    play(s, T0, 500, 25);
    await vi.advanceTimersByTimeAsync(100);
    s.say(mime('avc1.640028'));
    s.say(message(init(AVC), T0 + 9000));
    play(s, T0 + 9000, 0, 25);
    await vi.advanceTimersByTimeAsync(600);
    expect(buffers).toHaveLength(1);
    const wall = Number(video.dataset.wallAtZero) + video.currentTime * 1000;
    expect(wall).toBeGreaterThan(T0 + 9700);
    expect(wall).toBeLessThanOrEqual(T0 + 10_000);
    player.stop();
  });

  it('never lays a run over what is there, also when the camera’s clock went back', async () => {
    const { player, sockets, buffers } = viewer();
    player.start();
    const s = sockets[0]!;
    s.say(mime('avc1.640028'));
    s.say(message(init(AVC), T0));
    play(s, T0, 0, 50);
    await vi.advanceTimersByTimeAsync(100);
    s.say(mime('avc1.640028'));
    s.say(message(init(AVC), T0 - 60_000));
    play(s, T0 - 60_000, 0, 25);
    await vi.advanceTimersByTimeAsync(600);
    expect(buffers[0]!.buffered.length).toBe(1);
    expect(buffers[0]!.buffered.end(0)).toBeCloseTo(3, 1);
    player.stop();
  });

  it('falls back to a stream that this browser plays, and says so', async () => {
    const { player, sockets, states } = viewer(['main', 'sub']);
    player.start();
    sockets[0]!.say(mime('hvc1.1.6.L93.90'));
    sockets[0]!.say(message(init(HEVC), T0));
    await vi.advanceTimersByTimeAsync(10);
    expect(sockets[0]!.closed).toBe(true);
    expect(sockets[1]!.address).toBe('ws://box/sub');
    sockets[1]!.say(mime('avc1.640028'));
    sockets[1]!.say(message(init(AVC), T0));
    play(sockets[1]!, T0, 0, 2);
    await vi.advanceTimersByTimeAsync(10);
    expect(states.at(-1)).toMatchObject({ status: 'playing', stream: 'sub', fallback: 'codec' });
    player.stop();
  });

  it('says that nothing can be played when nothing can', async () => {
    const { player, sockets, states } = viewer(['main']);
    player.start();
    sockets[0]!.say(mime('hvc1.1.6.L93.90'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)!.status).toBe('unplayable');
    expect(sockets).toHaveLength(1);
    player.stop();
  });

  it('moves to the small stream at the second complaint about the line', async () => {
    const { player, sockets, states } = viewer(['main', 'sub']);
    player.start();
    const slow = JSON.stringify({ type: 'notice', code: 'slow', text: 'slow' });
    sockets[0]!.say(slow);
    expect(sockets).toHaveLength(1);
    sockets[0]!.say(slow);
    expect(sockets[1]!.address).toBe('ws://box/sub');
    expect(states.at(-1)!.fallback).toBe('slow');
    player.stop();
    await vi.advanceTimersByTimeAsync(0);
  });

  it('comes back after a loss, each time more patiently, and at once after success', async () => {
    const { player, sockets } = viewer();
    player.start();
    sockets[0]!.end();
    await vi.advanceTimersByTimeAsync(300);
    expect(sockets).toHaveLength(2);
    sockets[1]!.end();
    await vi.advanceTimersByTimeAsync(450);
    expect(sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(600);
    expect(sockets).toHaveLength(3);
    player.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(3);
  });

  it.each([1008, 4404])('does not ask again after %i', async (code) => {
    const { player, sockets, states } = viewer();
    player.start();
    sockets[0]!.end(code);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    expect(states.at(-1)!.status).toBe('refused');
    player.stop();
  });

  it('leaves the line while the page is hidden', async () => {
    const { player, sockets } = viewer();
    player.start();
    page.hide(true);
    expect(sockets[0]!.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    page.hide(false);
    expect(sockets).toHaveLength(2);
    player.stop();
  });

  it('calls a picture stale that stands still', async () => {
    const { player, sockets, states } = viewer();
    player.start();
    sockets[0]!.say(mime('avc1.640028'));
    sockets[0]!.say(message(init(AVC), T0));
    play(sockets[0]!, T0, 0, 5);
    await vi.advanceTimersByTimeAsync(STALE_AFTER - 500);
    expect(states.at(-1)!.status).toBe('playing');
    await vi.advanceTimersByTimeAsync(1000);
    expect(states.at(-1)!.status).toBe('stale');
    play(sockets[0]!, T0 + 6000, 6, 5);
    await vi.advanceTimersByTimeAsync(100);
    expect(states.at(-1)!.status).toBe('playing');
    player.stop();
  });
});
