import { HANDLE, draw, type Inks, type Mark, type Picture, type Words } from './draw';
import { noDay, type DayData } from './days';
import {
  at,
  clampSelection,
  edgePull,
  follow,
  holdToPresent,
  pan,
  pinch,
  toTime,
  toX,
  zoom,
  type Stretch,
  type View,
} from './geometry';

export interface TimelineOptions {
  /** The picture shall go to this moment; `moving` while the finger is down. */
  onScrub: (at: number, moving: boolean) => void;
  /** The pointer touched the right end: show the present. */
  onLive: () => void;
  onView: (v: View) => void;
  onSelect: (s: Stretch) => void;
  /** What is under the pointer: for a bubble beside it. */
  onHover: (h: Hover | undefined) => void;
  words: Words;
  now?: () => number;
}

export interface Hover {
  at: number;
  x: number;
  event: Mark | undefined;
  gap: (Stretch & { reason: string }) | undefined;
  /** The box did not know the time then. */
  unsure: boolean;
}

type Drag =
  | { kind: 'scrub'; pointer: number; x: number }
  | { kind: 'handle'; pointer: number; end: 'from' | 'to'; x: number }
  | { kind: 'pan'; pointer: number; x: number };

/** A tap this near to the present means "live", pixels. */
const LIVE_REACH = 10;

/**
 * A canvas that shows a stretch of a camera's life and lets a person move in it: drag scrubs, the wheel and two fingers
 * zoom, a sideways wheel or a drag with the second button pans.
 */
export class Timeline {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #options: TimelineOptions;
  readonly #life = new AbortController();
  readonly #observer: ResizeObserver;
  #view: View;
  #height = 0;
  #data: DayData = noDay;
  #events: readonly Mark[] = [];
  #playhead: number;
  #live = true;
  #hover: number | undefined;
  #selection: Stretch | undefined;
  #drag: Drag | undefined;
  #fingers = new Map<number, number>();
  #asked = 0;
  #inks: Inks | undefined;
  #font = '12px sans-serif';
  #letters = 12;

  constructor(canvas: HTMLCanvasElement, options: TimelineOptions, span: number) {
    this.#canvas = canvas;
    this.#options = options;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('this browser cannot draw');
    this.#context = context;
    const now = this.#now();
    this.#playhead = now;
    this.#view = holdToPresent({ from: now - span, span, width: 1 }, now);
    const { signal } = this.#life;
    canvas.addEventListener('pointerdown', this.#down, { signal });
    canvas.addEventListener('pointermove', this.#move, { signal });
    canvas.addEventListener('pointerup', this.#up, { signal });
    canvas.addEventListener('pointercancel', this.#up, { signal });
    canvas.addEventListener('pointerleave', this.#gone, { signal });
    canvas.addEventListener('contextmenu', (e) => e.preventDefault(), { signal });
    canvas.addEventListener('wheel', this.#wheel, { signal, passive: false });
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.recolour(), { signal });
    const beat = setInterval(() => this.#beat(), 250);
    signal.addEventListener('abort', () => clearInterval(beat));
  }

  get view(): View {
    return this.#view;
  }

  get dragging(): boolean {
    return this.#drag !== undefined;
  }

  setData(d: DayData): void {
    this.#data = d;
    this.#ask();
  }

  setEvents(e: readonly Mark[]): void {
    this.#events = e;
    this.#ask();
  }

  /** Where the picture is. Playing on, the view goes along; a view that a hand moved away is left alone. */
  setPlayhead(t: number, live: boolean): void {
    const before = this.#playhead;
    this.#playhead = t;
    this.#live = live;
    if (!this.#drag && this.#fingers.size === 0) {
      const wasSeen = before >= this.#view.from && before <= this.#view.from + this.#view.span;
      if (wasSeen && !live) this.#setView(follow(this.#view, t, 0.06));
    }
    this.#ask();
  }

  select(s: Stretch | undefined): void {
    this.#selection = s && clampSelection(s, this.#now());
    if (this.#selection) this.#options.onSelect(this.#selection);
    this.#ask();
  }

  /** Shows a moment in the middle. */
  reveal(t: number, span = this.#view.span): void {
    const v = { ...this.#view, span, from: t - span / 2 };
    this.#setView(holdToPresent(v, this.#now()));
  }

  zoomBy(factor: number, around = this.#playhead): void {
    const x = Math.min(this.#view.width, Math.max(0, toX(this.#view, around)));
    this.#setView(holdToPresent(zoom(this.#view, factor, x), this.#now()));
  }

  /** Reads the colours again. */
  recolour(): void {
    this.#inks = undefined;
    this.#ask();
  }

  close(): void {
    this.#life.abort();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#asked);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  #setView(v: View): void {
    if (v.from === this.#view.from && v.span === this.#view.span && v.width === this.#view.width) return;
    this.#view = v;
    this.#options.onView(v);
    this.#ask();
  }

  #resize(): void {
    const { width, height } = this.#canvas.getBoundingClientRect();
    if (width === 0) return;
    const scale = Math.min(3, devicePixelRatio || 1);
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#height = height;
    this.#setView({ ...this.#view, width });
    this.#paint();
  }

  #beat(): void {
    const now = this.#now();
    const v = this.#view;
    if (this.#live && !this.#drag) {
      // Live, the right end is the present: time flows through the view.
      const rightEnd = v.from + v.span;
      if (rightEnd > now - v.span * 0.02 - 2000) this.#setView({ ...v, from: now + v.span * 0.04 - v.span });
    }
    const pulled = this.#drag && this.#drag.kind !== 'pan' ? edgePull(v, this.#drag.x) : 0;
    if (pulled !== 0 && this.#drag) {
      this.#setView(holdToPresent(pan(v, pulled * v.width * 0.25), now));
      this.#dragTo(this.#drag.x);
    }
    this.#ask();
  }

  #ask(): void {
    if (this.#asked === 0) {
      this.#asked = requestAnimationFrame(() => {
        this.#asked = 0;
        this.#paint();
      });
    }
  }

  #paint(): void {
    if (this.#height === 0) return;
    const inks = (this.#inks ??= this.#readInks());
    const p: Picture = {
      view: this.#view,
      height: this.#height,
      data: this.#data,
      events: this.#events,
      playhead: this.#playhead,
      now: this.#now(),
      hover: this.#drag ? undefined : this.#hover,
      selection: this.#selection,
      live: this.#live,
      letters: this.#letters,
    };
    draw(this.#context, p, inks, this.#options.words, this.#font);
  }

  #readInks(): Inks {
    const style = getComputedStyle(this.#canvas);
    const ink = (name: string): string => style.getPropertyValue(`--timeline-${name}`).trim() || 'gray';
    this.#letters = parseFloat(style.fontSize) || 12;
    this.#font = `${style.fontSize} ${style.fontFamily}`;
    return {
      ground: ink('ground'),
      footage: ink('footage'),
      skyline: ink('skyline'),
      event: ink('event'),
      eventSeen: ink('event-seen'),
      gap: ink('gap'),
      line: ink('line'),
      text: ink('text'),
      textStrong: ink('text-strong'),
      accent: ink('accent'),
      future: ink('future'),
    };
  }

  #x(e: PointerEvent | WheelEvent): number {
    return e.clientX - this.#canvas.getBoundingClientRect().left;
  }

  readonly #down = (e: PointerEvent): void => {
    const x = this.#x(e);
    this.#gone();
    this.#canvas.setPointerCapture(e.pointerId);
    this.#fingers.set(e.pointerId, x);
    if (this.#fingers.size > 1) {
      // A second finger: this was no scrub, it is a pinch.
      this.#drag = undefined;
      return;
    }
    const handle = this.#handleAt(x);
    if (handle) this.#drag = { kind: 'handle', pointer: e.pointerId, end: handle, x };
    else if (e.button === 1 || e.button === 2 || e.altKey) this.#drag = { kind: 'pan', pointer: e.pointerId, x };
    else {
      this.#drag = { kind: 'scrub', pointer: e.pointerId, x };
      this.#dragTo(x);
    }
    e.preventDefault();
    this.#canvas.focus({ preventScroll: true });
  };

  readonly #move = (e: PointerEvent): void => {
    const x = this.#x(e);
    if (this.#fingers.size === 2 && this.#fingers.has(e.pointerId)) {
      const [a, b] = [...this.#fingers.values()] as [number, number];
      this.#fingers.set(e.pointerId, x);
      const [a2, b2] = [...this.#fingers.values()] as [number, number];
      this.#setView(holdToPresent(pinch(this.#view, a, b, a2, b2), this.#now()));
      return;
    }
    if (this.#drag?.pointer === e.pointerId) {
      if (this.#drag.kind === 'pan') this.#setView(holdToPresent(pan(this.#view, this.#drag.x - x), this.#now()));
      this.#drag.x = x;
      this.#fingers.set(e.pointerId, x);
      if (this.#drag.kind !== 'pan') this.#dragTo(x);
      return;
    }
    if (e.pointerType === 'mouse') this.#hoverAt(x);
  };

  readonly #up = (e: PointerEvent): void => {
    this.#fingers.delete(e.pointerId);
    const drag = this.#drag;
    if (drag?.pointer !== e.pointerId) return;
    this.#drag = undefined;
    if (drag.kind !== 'scrub' || e.type === 'pointercancel') return;
    if (this.#atPresent(drag.x)) this.#options.onLive();
    else this.#options.onScrub(Math.min(this.#now(), toTime(this.#view, drag.x)), false);
  };

  readonly #gone = (): void => {
    this.#hover = undefined;
    this.#options.onHover(undefined);
    this.#ask();
  };

  readonly #wheel = (e: WheelEvent): void => {
    e.preventDefault();
    const lines = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) {
      const dx = (e.deltaX || e.deltaY) * lines;
      this.#setView(holdToPresent(pan(this.#view, dx), this.#now()));
    } else {
      const factor = Math.exp(Math.max(-240, Math.min(240, e.deltaY * lines)) * 0.0022);
      this.#setView(holdToPresent(zoom(this.#view, factor, this.#x(e)), this.#now()));
    }
  };

  #atPresent(x: number): boolean {
    return x >= toX(this.#view, this.#now()) - LIVE_REACH;
  }

  #handleAt(x: number): 'from' | 'to' | undefined {
    const s = this.#selection;
    if (!s) return undefined;
    const a = Math.abs(x - toX(this.#view, s.from));
    const b = Math.abs(x - toX(this.#view, s.to));
    if (Math.min(a, b) > HANDLE + 6) return undefined;
    return a < b ? 'from' : 'to';
  }

  #dragTo(x: number): void {
    const now = this.#now();
    const t = Math.min(now, toTime(this.#view, Math.min(this.#view.width, Math.max(0, x))));
    if (this.#drag?.kind === 'handle' && this.#selection) {
      const other = this.#drag.end === 'from' ? this.#selection.to : this.#selection.from;
      if (t > other) this.#drag.end = 'to';
      else if (t < other) this.#drag.end = 'from';
      this.#selection = clampSelection({ from: Math.min(t, other), to: Math.max(t, other) }, now);
      this.#options.onSelect(this.#selection);
      this.#options.onScrub(t, true);
    } else if (this.#drag?.kind === 'scrub') {
      this.#playhead = t;
      this.#options.onScrub(t, true);
    }
    this.#ask();
  }

  #hoverAt(x: number): void {
    const t = toTime(this.#view, x);
    const slack = (4 / this.#view.width) * this.#view.span;
    this.#hover = t;
    this.#options.onHover({
      at: t,
      x,
      event: at(this.#events, t, slack),
      gap: at(this.#data.gaps, t),
      unsure: at(this.#data.unsure, t) !== undefined,
    });
    this.#canvas.style.cursor = this.#handleAt(x) ? 'ew-resize' : 'pointer';
    this.#ask();
  }
}
