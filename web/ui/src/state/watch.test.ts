import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Camera } from '../api';
import { FakeVideo } from '../player/fakes';
import { Watch } from './watch.svelte';

const NOW = 1_700_000_400_000;
const SEEN = NOW - 130; // the moment of the picture that live shows

interface Told {
  onState: (s: { status: string; stream: string }) => void;
  onMoment?: (wall: number) => void;
}
const did: string[] = [];
let live: Told;
let past: Told;

vi.mock('../player', () => {
  const hand = (name: string) =>
    class {
      wall = NaN;
      rate = 1;
      constructor(_: HTMLVideoElement, told: Told) {
        if (name === 'live') live = told;
        if (name === 'past') past = told;
        for (const act of ['start', 'freeze', 'stop', 'play', 'pause', 'seek', 'step', 'close', 'prefer', 'hold']) {
          Object.assign(this, { [act]: (...args: unknown[]) => did.push([name, act, ...args].join(' ')) });
        }
      }
    };
  return { LivePlayer: hand('live'), FootagePlayer: hand('past'), Scrubber: hand('scrub') };
});

let watch: Watch;
let close: () => void;
beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  did.length = 0;
  watch = new Watch(
    () => ({ id: 'c', main: { fps: 10 }, state: 'online' }) as Camera,
    () => undefined,
  );
  const screens = { live: new FakeVideo(), footage: new FakeVideo(), scrub: new FakeVideo() };
  screens.live.dataset.wallAtZero = String(SEEN);
  close = watch.open({ live: screens.live.element, footage: screens.footage.element, scrub: screens.scrub.element });
  watch.goLive();
  live.onState({ status: 'playing', stream: 'main' });
  did.length = 0;
});
afterEach(() => {
  close();
  vi.useRealTimers();
});
const now = () => [watch.mode, watch.shown, watch.playing, watch.frozen, watch.moment];

describe('pause while live', () => {
  it('stands still on the picture and asks for nothing', async () => {
    watch.toggle();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(did).toEqual(['live freeze']);
    expect(now()).toEqual(['footage', 'live', false, true, SEEN]);
  });

  it('plays on from there out of the recording', () => {
    watch.toggle();
    did.length = 0;
    watch.toggle();
    expect(did).toEqual([`past seek ${SEEN} true`, 'past play']);
    past.onState({ status: 'loading', stream: 'main' });
    expect(now()).toEqual(['footage', 'live', true, true, SEEN]);
    past.onState({ status: 'playing', stream: 'main' });
    past.onMoment!(SEEN + 500);
    expect(now()).toEqual(['footage', 'footage', true, false, SEEN + 500]);
    expect(did.at(-1)).toBe('live stop');
  });

  it('keeps its picture when the recording does not come', () => {
    watch.toggle();
    watch.toggle();
    past.onState({ status: 'nothing', stream: 'main' });
    expect(now()).toEqual(['footage', 'live', true, true, SEEN]);
    watch.toggle();
    watch.toggle();
    expect(did.filter((d) => d.startsWith('past seek'))).toHaveLength(2);
  });

  it('moves by a picture or by ten seconds from there', () => {
    watch.step(1);
    expect(did).toEqual(['live freeze', `past seek ${SEEN + 100} true`, 'past pause']);
    watch.goLive();
    expect(did.at(-1)).toBe('live start');
    live.onState({ status: 'playing', stream: 'main' });
    watch.toggle();
    did.length = 0;
    watch.skip(-10_000);
    expect(did).toEqual([`past seek ${SEEN - 10_000} false`, 'past pause']);
    expect(now()).toEqual(['footage', 'live', false, false, SEEN - 10_000]);
  });

  it('goes back to live', () => {
    watch.toggle();
    did.length = 0;
    watch.goLive();
    expect(did).toEqual(['live start']);
    live.onState({ status: 'playing', stream: 'main' });
    expect(now().slice(0, 4)).toEqual(['live', 'live', true, false]);
  });
});
