import { at, time, type Camera } from '../api';
import { session } from './session.svelte';
import { FootagePlayer, LivePlayer, Scrubber, type FootageState, type LiveState } from '../player';

/** What is on the screen: the present, the past, or a single frame while a finger moves. */
export type Shown = 'live' | 'footage' | 'scrub';

interface Screens {
  live: HTMLVideoElement;
  footage: HTMLVideoElement;
  scrub: HTMLVideoElement;
}

export const SPEEDS = [0.5, 1, 2, 4, 8, 16];
/** From this speed on the small stream is enough, and all that a decoder can do. */
const FAST = 4;

/**
 * One person watching one camera: live, back in time, and between both. Each way has a video element of its own; the
 * last picture stays until the next way has one, so that nothing flashes.
 */
export class Watch {
  mode: 'live' | 'footage' = $state('live');
  shown: Shown = $state('live');
  live: LiveState | undefined = $state.raw();
  footage: FootageState | undefined = $state.raw();
  /** The moment on the screen, ms since 1970. */
  moment = $state(Date.now());
  playing = $state(true);
  speed = $state(1);
  muted = $state(true);
  /** The picture is the one at which live was paused: the recording has shown none yet. */
  frozen = $state(false);
  pictured = $state(false);
  /** Where a time was recorded more than once: so many of the latest recordings are left out. */
  beneath = $state(0);

  readonly #camera: () => Camera;
  readonly #nextFootage: (t: number) => number | undefined;
  #screens: Screens | undefined;
  #live: LivePlayer | undefined;
  #footage: FootagePlayer | undefined;
  #scrub: Scrubber | undefined;
  #scrubbing = false;
  #clock: ReturnType<typeof setInterval> | undefined;

  constructor(camera: () => Camera, nextFootage: (t: number) => number | undefined) {
    this.#camera = camera;
    this.#nextFootage = nextFootage;
  }

  open(screens: Screens): () => void {
    this.#screens = screens;
    screens.live.addEventListener('loadeddata', () => (this.pictured = true));
    this.#clock = setInterval(() => {
      if (this.mode === 'live') this.moment = this.#liveMoment();
    }, 250);
    return () => {
      clearInterval(this.#clock);
      this.#live?.stop();
      this.#footage?.close();
      this.#scrub?.close();
    };
  }

  goLive(): void {
    if (!this.#screens) return;
    this.mode = 'live';
    this.playing = true;
    this.frozen = false;
    this.moment = Date.now();
    this.#scrubbing = false;
    this.#footage?.pause();
    if (this.#camera().state === 'private') {
      this.hide();
      return;
    }
    if (this.#live) {
      if (this.live?.status === 'playing') this.#showLive();
      this.#live.start(); // after a pause
      return;
    }
    const id = this.#camera().id;
    this.#live = new LivePlayer(this.#screens.live, {
      address: (s) => at.live(id, s),
      streams: this.#streams(),
      onState: (s) => {
        this.live = s;
        if (s.status === 'playing' && this.mode === 'live') this.#showLive();
      },
    });
    this.#live.start();
    // A camera that is lost has a last picture, and that is better than none.
    const { state, since } = this.#camera();
    if (state === 'offline' && since) void this.#frames(this.#screens).show(time(since) - 500);
  }

  /** Lets go of the present, and of every picture of it: the camera is private now. The past stays. */
  hide(): void {
    this.#live?.stop();
    this.#live = undefined;
    this.live = undefined;
    if (this.mode !== 'live') return;
    this.shown = 'live';
    this.pictured = false;
    this.#footage?.close();
    this.#footage = undefined;
    this.footage = undefined;
  }

  /** Plays, or stands, at a moment of the past. */
  goTo(t: number): void {
    this.frozen = false;
    this.#seek(t, false);
  }

  #seek(t: number, waits: boolean): void {
    if (!this.#screens) return;
    this.#leaveLive();
    this.#scrubbing = false;
    this.moment = t;
    const past = this.#past(this.#screens);
    past.seek(t, waits);
    if (this.playing) past.play();
    else past.pause();
  }

  /** Stands still on the picture that is shown now. What is recorded is not asked for before it is needed. */
  #freeze(): void {
    this.playing = false;
    // Live may have no picture yet; then the last one of the past is still shown.
    this.moment = this.shown === 'footage' && this.#footage ? this.#footage.wall : this.#liveMoment();
    this.#live?.freeze();
    this.footage = undefined;
    this.frozen = true;
    this.#leaveLive();
  }

  /** Goes on out of the recording, which may have to be waited for. */
  #thaw(playing: boolean, ms = 0): void {
    this.playing = playing;
    this.#seek(this.moment + ms, true);
  }

  /** Shows single frames while a finger moves; `goTo` or `goLive` end it. */
  scrubTo(t: number): void {
    if (!this.#screens) return;
    this.#leaveLive();
    this.frozen = false;
    if (!this.#scrubbing) {
      this.#scrubbing = true;
      this.#footage?.hold();
    }
    this.moment = t;
    void this.#frames(this.#screens).show(t);
  }

  #frames(screens: Screens): Scrubber {
    const camera = this.#camera();
    this.#scrub ??= new Scrubber(screens.scrub, {
      address: (m) => at.frame(camera.id, m, camera.sub ? 'sub' : 'main', this.beneath),
      onFrame: () => {
        if (this.#scrubbing || (this.mode === 'live' && this.live?.status !== 'playing')) this.shown = 'scrub';
      },
    });
    return this.#scrub;
  }

  toggle(): void {
    if (this.mode === 'live') {
      this.#freeze();
    } else if (this.playing) {
      this.playing = false;
      this.#footage?.pause();
    } else if (this.frozen) {
      this.#thaw(true);
    } else {
      this.playing = true;
      this.#footage?.play();
    }
  }

  step(frames: number): void {
    if (this.mode === 'live') this.#freeze();
    this.playing = false;
    if (this.frozen) this.#thaw(false, (frames * 1000) / (this.#camera().main?.fps || 15));
    else this.#footage?.step(frames);
  }

  /** Moves by some milliseconds; past the present is the present. */
  skip(ms: number): void {
    const t = (this.mode === 'live' ? this.#liveMoment() : this.moment) + ms;
    if (t >= Date.now() - 2000) this.goLive();
    else this.goTo(t);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    if (this.mode === 'live' && speed < 1) {
      this.#freeze();
      this.#thaw(true);
    }
    if (this.#footage) {
      this.#footage.rate = speed;
      this.#footage.prefer(speed >= FAST && this.#camera().sub ? ['sub', 'main'] : this.#streams());
    }
    this.#sound();
  }

  /** Shows another recording of the same time. */
  showBeneath(n: number): void {
    if (n === this.beneath) return;
    this.beneath = n;
    this.#footage?.close();
    this.#footage = undefined;
    if (this.mode === 'footage') this.goTo(this.moment);
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    this.#sound();
  }

  #sound(): void {
    if (!this.#screens) return;
    this.#screens.live.muted = this.muted || this.mode !== 'live';
    this.#screens.footage.muted = this.muted || this.mode === 'live' || this.speed > 2;
  }

  #streams(): ('main' | 'sub')[] {
    if (!this.#camera().sub) return ['main'];
    // From afar the small one first: TCP in the tunnel collapses where packets get lost.
    return session.me?.away ? ['sub', 'main'] : ['main', 'sub'];
  }

  #liveMoment(): number {
    const video = this.#screens?.live;
    const zero = Number(video?.dataset.wallAtZero ?? NaN);
    return video && !Number.isNaN(zero) ? Math.min(Date.now(), zero + video.currentTime * 1000) : Date.now();
  }

  #showLive(): void {
    this.shown = 'live';
    this.#footage?.close();
    this.#footage = undefined;
    this.footage = undefined;
    this.#sound();
  }

  #leaveLive(): void {
    if (this.mode === 'footage') return;
    this.mode = 'footage';
    this.#sound();
  }

  #past(screens: Screens): FootagePlayer {
    if (this.#footage) return this.#footage;
    const id = this.#camera().id;
    const player = new FootagePlayer(screens.footage, {
      address: (a, b, s) => at.footage(id, a, b, s, this.beneath),
      streams: this.speed >= FAST && this.#camera().sub ? ['sub', 'main'] : this.#streams(),
      nextFootage: this.#nextFootage,
      onState: (s) => this.#past_said(s),
      onMoment: (t) => {
        if (this.mode === 'footage' && !this.#scrubbing && !this.frozen) this.moment = t;
      },
    });
    player.rate = this.speed;
    this.#footage = player;
    return player;
  }

  #past_said(s: FootageState): void {
    if (this.frozen && s.status === 'caughtup') return; // it stands where it stood before live
    this.footage = s;
    if (this.mode !== 'footage' || this.#scrubbing) return;
    if (s.status === 'playing' || s.status === 'paused') {
      this.shown = 'footage';
      this.frozen = false;
      this.pictured = true;
      // The present is left alone only when the past has a picture.
      this.#live?.stop();
      this.#live = undefined;
    }
    if (s.status === 'caughtup') {
      this.speed = 1;
      this.goLive();
    }
  }
}
