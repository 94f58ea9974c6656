import { skyline, ticks, toX, type Stretch, type View } from './geometry';
import type { DayData } from './days';

/** An event as the timeline draws it. */
export interface Mark extends Stretch {
  id: string;
  score: number;
  reviewed: boolean;
  held: boolean;
}

/** Everything that is to be seen. */
export interface Picture {
  view: View;
  height: number;
  data: DayData;
  events: readonly Mark[];
  /** The moment of the picture above. */
  playhead: number;
  now: number;
  /** Where the pointer is, if it is over the timeline. */
  hover: number | undefined;
  selection: Stretch | undefined;
  live: boolean;
  /** The size of letters, CSS pixels. */
  letters: number;
}

/** Colours, from the page's custom properties. */
export interface Inks {
  ground: string;
  footage: string;
  skyline: string;
  event: string;
  eventSeen: string;
  gap: string;
  line: string;
  text: string;
  textStrong: string;
  accent: string;
  future: string;
}

export interface Words {
  tick: (at: number, step: 'day' | 'major', seconds: boolean) => string;
}

/** Where the rows lie, in CSS pixels from above. */
export function rows(
  height: number,
  letters: number,
): {
  skyTop: number;
  skyBottom: number;
  bandTop: number;
  bandBottom: number;
  labels: number;
} {
  const labels = height - Math.round(letters * 1.85);
  return { skyTop: 10, skyBottom: labels - 20, bandTop: labels - 16, bandBottom: labels - 6, labels };
}

const SKY_COLUMN = 2;
export const HANDLE = 10;

/** Paints a timeline; the context is scaled to CSS pixels. */
export function draw(c: CanvasRenderingContext2D, p: Picture, ink: Inks, words: Words, font: string): void {
  const { view: v, height } = p;
  const y = rows(height, p.letters);
  c.clearRect(0, 0, v.width, height);

  const nowX = toX(v, p.now);
  const end = Math.min(v.width, nowX);

  // Footage: one calm band. What is missing inside of it is hatched.
  c.fillStyle = ink.ground;
  roundRect(c, 0, y.bandTop, Math.max(0, end), y.bandBottom - y.bandTop, 3);
  for (const s of p.data.spans) {
    const [a, b] = clip(v, s);
    if (b > 0 && a < v.width) {
      c.fillStyle = ink.footage;
      c.fillRect(a, y.bandTop, Math.max(1, b - a), y.bandBottom - y.bandTop);
    }
  }
  // What was recorded twice lies in two layers; where the time may be off, the band is striped.
  for (const s of p.data.twice) {
    const [a, b] = clip(v, s);
    if (b <= 0 || a >= v.width) continue;
    c.fillStyle = ink.footage;
    c.fillRect(a, y.bandTop - 4, Math.max(2, b - a), 2);
  }
  for (const s of p.data.unsure) {
    const [a, b] = clip(v, s);
    if (b > 0 && a < v.width) hatch(c, a, y.bandTop, Math.max(2, b - a), y.bandBottom - y.bandTop, ink.textStrong);
  }
  for (const g of p.data.gaps) {
    const [a, b] = clip(v, g);
    if (b > 0 && a < v.width) hatch(c, a, y.skyTop, Math.max(2, b - a), y.bandBottom - y.skyTop, ink.gap);
  }

  drawTicks(c, p, ink, words, font, y.labels);

  // Motion: a skyline that stands on the band. Neighbours of one height are one house.
  const columns = Math.max(1, Math.floor(v.width / SKY_COLUMN));
  const heights = skyline(p.data.motion, v, columns);
  c.fillStyle = ink.skyline;
  const room = y.skyBottom - y.skyTop;
  for (let i = 0; i < columns;) {
    const h = heights[i]!;
    let j = i + 1;
    while (j < columns && heights[j] === h) j++;
    if (h > 0) {
      const tall = (0.1 + 0.9 * h) * room;
      c.beginPath();
      c.roundRect(i * SKY_COLUMN, y.skyBottom + 3 - tall, (j - i) * SKY_COLUMN - 0.5, tall, [2, 2, 0, 0]);
      c.fill();
    }
    i = j;
  }
  c.restore();

  // Events: bars along the foot of the skyline.
  for (const e of p.events) {
    const [a, b] = clip(v, e);
    if (b < 0 || a > v.width) continue;
    c.fillStyle = e.reviewed ? ink.eventSeen : ink.event;
    roundRect(c, a, y.bandTop, Math.max(4, b - a), y.bandBottom - y.bandTop, 3);
    if (e.held) {
      c.beginPath();
      c.arc(a + Math.max(4, b - a) / 2, y.bandTop - 5, 2.5, 0, 7);
      c.fill();
    }
  }

  if (nowX < v.width) {
    c.fillStyle = ink.future;
    c.fillRect(nowX, 0, v.width - nowX, y.labels);
  }

  if (p.selection) drawSelection(c, p, p.selection, ink, y.labels);

  if (p.hover !== undefined && !p.selection) {
    c.fillStyle = ink.line;
    c.fillRect(Math.round(toX(v, p.hover)), 4, 1, y.labels - 4);
  }

  const x = toX(v, p.playhead);
  if (x >= -8 && x <= v.width + 8) {
    c.fillStyle = ink.accent;
    c.fillRect(Math.round(x) - 1, 6, 2, y.labels - 6);
    c.beginPath();
    c.arc(x, 7, 6, 0, 7);
    c.fill();
  }
}

function drawTicks(c: CanvasRenderingContext2D, p: Picture, ink: Inks, words: Words, font: string, top: number): void {
  const { view: v } = p;
  const all = ticks(v, p.letters * 6.3);
  const labelled = all.filter((t) => t.weight !== 'minor');
  const seconds = v.span < 10 * 60_000;
  c.font = font;
  c.textAlign = 'center';
  c.textBaseline = 'alphabetic';
  for (const t of all) {
    const x = Math.round(toX(v, t.at));
    c.fillStyle = ink.line;
    c.fillRect(x, t.weight === 'minor' ? top - 3 : top - 5, 1, t.weight === 'minor' ? 3 : 6);
    if (t.weight === 'day') c.fillRect(x, 8, 1, top - 8);
  }
  let taken = 0; // the right end of the last label
  for (const t of labelled) {
    const label = words.tick(t.at, t.weight === 'day' ? 'day' : 'major', seconds);
    const half = c.measureText(label).width / 2;
    const x = toX(v, t.at);
    if (x - half < Math.max(2, taken) || x + half > v.width - 2) continue;
    taken = x + half + p.letters * 0.5;
    c.fillStyle = t.weight === 'day' ? ink.textStrong : ink.text;
    c.fillText(label, x, p.height - p.letters * 0.42);
  }
}

function drawSelection(c: CanvasRenderingContext2D, p: Picture, s: Stretch, ink: Inks, bottom: number): void {
  const a = toX(p.view, s.from);
  const b = toX(p.view, s.to);
  c.save();
  c.globalAlpha = 0.22;
  c.fillStyle = ink.accent;
  c.fillRect(a, 4, b - a, bottom - 4);
  c.restore();
  c.fillStyle = ink.accent;
  for (const x of [a, b]) {
    c.fillRect(x - 1, 4, 2, bottom - 4);
    roundRect(c, x - 5, bottom / 2 - 13, 10, 26, 5);
    c.fillStyle = ink.ground;
    c.fillRect(x - 1.5, bottom / 2 - 6, 1, 12);
    c.fillRect(x + 0.5, bottom / 2 - 6, 1, 12);
    c.fillStyle = ink.accent;
  }
}

function clip(v: View, s: Stretch): [number, number] {
  return [Math.max(-10, toX(v, s.from)), Math.min(v.width + 10, toX(v, s.to))];
}

function roundRect(c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, r: number): void {
  if (w <= 0) return;
  c.beginPath();
  c.roundRect(x, y, w, h, Math.min(r, w / 2));
  c.fill();
}

function hatch(c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, ink: string): void {
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.strokeStyle = ink;
  c.lineWidth = 1.25;
  c.beginPath();
  const phase = ((x % 7) + 7) % 7; // so that the hatching stays with the paper, not with the gap
  for (let i = x - h - phase; i < x + w; i += 7) {
    c.moveTo(i, y + h);
    c.lineTo(i + h, y);
  }
  c.stroke();
  c.restore();
}
