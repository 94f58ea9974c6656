import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AVC, FakeBuffer, FakeVideo, fragment, init } from './fakes';
import { FootagePlayer, exactTime, type FootageState } from './footage';

const NOW = 1_700_000_400_000;
const FIRST = NOW - 3600_000;
const HOLE = { from: NOW - 1800_000, to: NOW - 1500_000 };

interface Asked {
  from: number;
  to: number;
  stream: string;
}

/** A box that recorded the last hour, with one hole, in GOPs of one second. */
function recorder(asked: Asked[], recorded: () => number) {
  return vi.fn((address: string, options: { signal: AbortSignal }) => {
    const q = new URL(address, 'http://box').searchParams;
    const [from, to] = [Number(q.get('from')), Number(q.get('to'))];
    asked.push({ from, to, stream: q.get('stream')! });
    let start = Math.floor(Math.max(from, FIRST) / 1000) * 1000;
    const end = Math.min(to, recorded());
    const seconds: number[] = [];
    for (; start < end; start += 1000) if (start < HOLE.from || start >= HOLE.to) seconds.push(start);
    if (seconds.length === 0) return Promise.resolve(new Response(null, { status: 404 }));
    const zero = seconds[0]!;
    const body = new ReadableStream<Uint8Array>({
      start(c) {
        c.enqueue(init(AVC));
        for (const s of seconds) c.enqueue(fragment((s - zero) / 1000, 25));
        if (!options.signal.aborted) c.close();
      },
    });
    return Promise.resolve(new Response(body, { headers: { 'Hearth-Start': new Date(zero).toISOString() } }));
  });
}

function watcher(nextFootage?: (t: number) => number | undefined, recorded = () => NOW, now = () => NOW) {
  const asked: Asked[] = [];
  const states: FootageState[] = [];
  const video = new FakeVideo();
  const buffer = new FakeBuffer();
  const player = new FootagePlayer(video.element, {
    address: (from, to, stream) => `/footage?from=${from}&to=${to}&stream=${stream}`,
    streams: ['main', 'sub'],
    ...(nextFootage ? { nextFootage } : {}),
    onState: (s) => states.push(s),
    fetch: recorder(asked, recorded) as unknown as typeof fetch,
    open: () =>
      Promise.resolve({
        media: undefined as unknown as MediaSource,
        buffer: buffer as unknown as SourceBuffer,
        close: () => {},
      }),
    canPlay: () => true,
    now,
  });
  const wall = (): number => Number(video.dataset.wallAtZero) + video.currentTime * 1000;
  const watch = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 10; i++) {
      const edge = [...Array(buffer.buffered.length).keys()].some(
        (r) =>
          video.currentTime >= buffer.buffered.start(r) - 0.02 && video.currentTime < buffer.buffered.end(r) - 0.02,
      );
      if (edge && !video.paused) video.advance(0.1);
      await vi.advanceTimersByTimeAsync(100);
    }
  };
  return { player, video, buffer, asked, states, wall, watch };
}

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

describe('FootagePlayer', () => {
  it('goes to the asked moment, not to its key frame', async () => {
    const { player, states, wall } = watcher();
    player.seek(NOW - 600_000 + 437);
    await vi.advanceTimersByTimeAsync(300);
    expect(states.at(-1)!.status).toBe('paused');
    expect(wall()).toBeCloseTo(NOW - 600_000 + 437, 0);
    player.close();
  });

  it('plays through many windows without asking twice for the same', async () => {
    const { player, asked, wall, watch } = watcher();
    player.play();
    player.seek(NOW - 600_000);
    await watch(70);
    expect(wall()).toBeGreaterThan(NOW - 535_000);
    expect(asked.length).toBeGreaterThan(3);
    for (let i = 1; i < asked.length; i++) expect(asked[i]!.from).toBeCloseTo(asked[i - 1]!.to, -1);
    player.close();
  });

  it('steps over a hole', async () => {
    const { player, wall, watch } = watcher((t) => (t < HOLE.from ? t : Math.max(t, HOLE.to)));
    player.play();
    player.seek(HOLE.from - 4000);
    await watch(12);
    expect(wall()).toBeGreaterThan(HOLE.to);
    expect(wall()).toBeLessThan(HOLE.to + 12_000);
    player.close();
  });

  it('shows the first picture after the asked moment when that was not recorded', async () => {
    const { player, wall } = watcher((t) => (t < HOLE.from ? t : Math.max(t, HOLE.to)));
    player.seek(HOLE.from + 60_000);
    await vi.advanceTimersByTimeAsync(500);
    expect(wall()).toBeCloseTo(HOLE.to, 0);
    player.close();
  });

  it('jumps inside of what is there without asking', async () => {
    const { player, asked, states, wall } = watcher();
    player.seek(NOW - 600_000);
    await vi.advanceTimersByTimeAsync(300);
    const before = asked.length;
    states.length = 0;
    player.seek(NOW - 600_000 + 5200);
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toHaveLength(before);
    expect(states.map((s) => s.status)).toEqual(['loading', 'paused']);
    expect(wall()).toBeCloseTo(NOW - 600_000 + 5200, 0);
    player.close();
  });

  it('never shows the old place after a jump back', async () => {
    const { player, wall, states } = watcher();
    player.seek(NOW - 600_000);
    await vi.advanceTimersByTimeAsync(300);
    player.seek(NOW - 3000_000);
    expect(states.at(-1)!.status).toBe('loading');
    await vi.advanceTimersByTimeAsync(300);
    expect(states.at(-1)!.status).toBe('paused');
    expect(wall()).toBeCloseTo(NOW - 3000_000, 0);
    player.close();
  });

  it('forgets the jumps in between', async () => {
    const { player, wall } = watcher();
    for (let i = 0; i < 20; i++) player.seek(NOW - 3000_000 + i * 60_000);
    await vi.advanceTimersByTimeAsync(500);
    expect(wall()).toBeCloseTo(NOW - 3000_000 + 19 * 60_000, 0);
    player.close();
  });

  it('moves by single frames while it stands', async () => {
    const { player, wall } = watcher();
    player.seek(NOW - 600_000);
    await vi.advanceTimersByTimeAsync(300);
    player.step(3);
    await vi.advanceTimersByTimeAsync(10);
    expect(wall()).toBeCloseTo(NOW - 600_000 + 120, 0);
    player.step(-1);
    await vi.advanceTimersByTimeAsync(10);
    expect(wall()).toBeCloseTo(NOW - 600_000 + 80, 0);
    player.close();
  });

  it('says when the present begins', async () => {
    const { player, states, watch } = watcher(() => undefined);
    player.play();
    player.seek(NOW - 5000);
    await watch(8);
    expect(states.at(-1)!.status).toBe('caughtup');
    player.close();
  });

  it('waits for a moment that is not recorded yet, and stays behind the present', async () => {
    // Recorded to the last whole second, two seconds late.
    const late = (): number => Math.floor((Date.now() - 2000) / 1000) * 1000;
    const { player, asked, states, wall, watch } = watcher(() => undefined, late, Date.now);
    player.seek(NOW - 100, true);
    player.play();
    await watch(1);
    expect(states.map((s) => s.status)).toEqual(['loading']);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(4);
    await watch(2);
    expect(states.at(-1)!.status).toBe('playing');
    expect(wall()).toBeGreaterThanOrEqual(NOW - 100);
    expect(wall()).toBeLessThan(NOW + 1500);
    await watch(20);
    expect(states.map((s) => s.status)).toEqual(['loading', 'playing']);
    expect(wall()).toBeGreaterThan(NOW + 14_000);
    expect(wall()).toBeLessThan(Date.now() - 2000);
    player.close();
  });

  it('does not wait for ever', async () => {
    const { player, asked, states, watch } = watcher(() => undefined, undefined, Date.now);
    player.seek(NOW + 1000, true);
    await watch(7.5);
    expect(states.map((s) => s.status)).toEqual(['loading']);
    await watch(2);
    expect(states.map((s) => s.status)).toEqual(['loading', 'nothing']);
    const before = asked.length;
    await watch(5);
    expect(asked).toHaveLength(before);
    player.close();
  });

  it('waits for nothing any more after another jump', async () => {
    const { player, asked, states, watch } = watcher(() => undefined, undefined, Date.now);
    player.seek(NOW + 1000, true);
    await watch(1);
    player.seek(NOW - 600_000);
    await watch(9);
    expect(states.at(-1)!.status).toBe('paused');
    expect(asked.filter((a) => a.from > NOW)).toHaveLength(3);
    player.close();
  });

  it('takes the small stream for high speeds, from where it is', async () => {
    const { player, asked, wall, watch } = watcher();
    player.play();
    player.seek(NOW - 600_000);
    await watch(3);
    const here = wall();
    player.prefer(['sub', 'main']);
    player.rate = 8;
    await watch(1);
    expect(asked.at(-1)!.stream).toBe('sub');
    expect(wall()).toBeGreaterThanOrEqual(here);
    expect(wall()).toBeLessThan(here + 20_000);
    player.close();
  });

  it('tells what the box said when it failed', async () => {
    const { player, states } = watcher();
    const broken = new FootagePlayer(new FakeVideo().element, {
      address: () => '/',
      streams: ['main'],
      onState: (s) => states.push(s),
      fetch: () => Promise.resolve(Response.json({ detail: 'The disk is away.' }, { status: 503 })),
      now: () => NOW,
    });
    broken.seek(NOW - 60_000);
    await vi.advanceTimersByTimeAsync(100);
    expect(states.at(-1)).toMatchObject({ status: 'failed', problem: 'The disk is away.' });
    broken.close();
    player.close();
  });
});

describe('exactTime', () => {
  it('keeps microseconds', () => {
    const text = '2026-11-22T03:00:00.123456Z';
    expect(exactTime(text, Date.parse(text))).toBeCloseTo(Date.parse('2026-11-22T03:00:00Z') + 123.456, 3);
  });
  it('takes whole seconds as they are', () => {
    const text = '2026-11-22T03:00:00Z';
    expect(exactTime(text, Date.parse(text))).toBe(Date.parse(text));
  });
});
