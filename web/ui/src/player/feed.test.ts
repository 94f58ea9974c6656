import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeBuffer, fragment } from './fakes';
import { Feed } from './feed';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Feed', () => {
  it('gives the buffer one thing at a time, in order', async () => {
    const buffer = new FakeBuffer();
    const feed = new Feed(buffer, () => 0, 10);
    for (let i = 0; i < 50; i++) feed.append(fragment(i * 0.04));
    expect(feed.queuedBytes).toBeGreaterThan(0);
    await vi.runAllTimersAsync();
    expect(feed.idle).toBe(true);
    expect(feed.queuedBytes).toBe(0);
    expect(feed.ranges()).toHaveLength(1);
    expect(feed.ranges()[0]!.end).toBeCloseTo(2, 6);
  });

  it('lets go of what was shown long ago', async () => {
    const buffer = new FakeBuffer();
    let now = 0;
    const feed = new Feed(buffer, () => now, 4);
    for (let i = 0; i < 400; i++) {
      feed.append(fragment(i * 0.1, 1, 0.1));
      now = i * 0.1;
      await vi.runAllTimersAsync();
    }
    const [held] = feed.ranges();
    expect(held!.start).toBeGreaterThan(now - 7);
    expect(held!.start).toBeLessThanOrEqual(now - 4);
  });

  it('makes room when the browser says that it is full', async () => {
    const buffer = new FakeBuffer();
    buffer.room = fragment(0).length * 20;
    let now = 0;
    const feed = new Feed(buffer, () => now, 1000);
    const died = vi.fn();
    feed.onError = died;
    for (let i = 0; i < 60; i++) {
      feed.append(fragment(i, 1, 1));
      now = i;
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(died).not.toHaveBeenCalled();
    expect(buffer.appended).toBe(60);
    expect(feed.ranges().at(-1)!.end).toBe(60);
  });

  it('says that there is no room after a minute without any', async () => {
    const buffer = new FakeBuffer();
    buffer.room = 10;
    const feed = new Feed(buffer, () => 0, 10);
    const died = vi.fn();
    feed.onError = died;
    feed.append(fragment(0));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(died).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(3000);
    expect(died).toHaveBeenCalledOnce();
  });

  it('shows nothing of what is being cleared away', async () => {
    const buffer = new FakeBuffer();
    const feed = new Feed(buffer, () => 0, 10);
    feed.append(fragment(5, 1, 1));
    await vi.runAllTimersAsync();
    feed.append(fragment(6, 1, 1));
    feed.clear();
    expect(feed.ranges()).toEqual([]);
    feed.append(fragment(1, 1, 1));
    await vi.runAllTimersAsync();
    expect(feed.ranges()).toEqual([{ start: 1, end: 2 }]);
  });

  it('dies once, with the browser’s refusal', async () => {
    const buffer = new FakeBuffer();
    const feed = new Feed(buffer, () => 0, 10);
    const died = vi.fn();
    feed.onError = died;
    buffer.dispatchEvent(new Event('error'));
    buffer.dispatchEvent(new Event('error'));
    feed.append(fragment(0));
    await vi.runAllTimersAsync();
    expect(died).toHaveBeenCalledOnce();
    expect(buffer.appended).toBe(0);
  });
});
