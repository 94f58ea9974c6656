import { Problem, api, time, type HearthEvent } from '../api';
import { addDays, startOfDay } from '../timeline';
import { w } from '../words';
import { house } from './house.svelte';
import { toasts } from './toasts.svelte';

/** What a person wants to see of all that happened. */
export interface Filter {
  camera: string;
  /** Local midnight of one day, ms; undefined: any day. */
  day: number | undefined;
  which: 'all' | 'new' | 'held';
  /** '' is any. */
  kind?: string;
}

const PAGE = 48;

/** A list of events, newest first, that grows downward on demand and upward by news. */
export class EventList {
  items: HearthEvent[] | undefined = $state.raw();
  failed = $state('');
  loading = $state(false);
  #next: string | undefined = $state();
  #filter: Filter = { camera: '', day: undefined, which: 'all' };
  #asked: AbortController | undefined;
  readonly #page: number;

  constructor(page = PAGE) {
    this.#page = page;
  }

  get more(): boolean {
    return this.#next !== undefined;
  }

  async show(f: Filter): Promise<void> {
    this.#filter = f;
    this.#next = undefined;
    await this.#ask(undefined);
  }

  async earlier(): Promise<void> {
    if (this.#next && !this.loading) await this.#ask(this.#next);
  }

  /** Takes an event that the box told of, if it belongs here. */
  take(e: HearthEvent): void {
    if (!this.items) return;
    const known = this.items.some((x) => x.id === e.id);
    if (known) this.#replace(e);
    else if (this.#fits(e)) this.items = [e, ...this.items].sort((a, b) => time(b.start) - time(a.start));
  }

  async setSeen(e: HearthEvent, reviewed: boolean): Promise<void> {
    this.#replace({ ...e, reviewed });
    house.unseen = Math.max(0, house.unseen + (reviewed ? -1 : 1));
    await this.#try(() => api.review(e.id, reviewed), e);
  }

  async setHeld(e: HearthEvent, held: boolean): Promise<void> {
    this.#replace({ ...e, held });
    await this.#try(() => (held ? api.hold(e.id) : api.release(e.id)), e);
  }

  /** Marks all that is listed; with a way back. */
  async seeAll(): Promise<void> {
    const fresh = (this.items ?? []).filter((e) => !e.reviewed);
    for (const e of fresh) this.#replace({ ...e, reviewed: true });
    house.unseen = Math.max(0, house.unseen - fresh.length);
    toasts.later(
      w.events.markAllDone(fresh.length),
      () => void Promise.allSettled(fresh.map((e) => api.review(e.id, true))).then(() => house.refresh()),
      () => {
        for (const e of fresh) this.#replace(e);
        void house.refresh();
      },
    );
  }

  #fits(e: HearthEvent): boolean {
    const f = this.#filter;
    if (f.camera && f.camera !== e.camera) return false;
    if (f.kind && f.kind !== e.kind) return false;
    if (f.which === 'new' && e.reviewed) return false;
    if (f.which === 'held' && !e.held) return false;
    const t = time(e.start);
    return f.day === undefined || (t >= f.day && t < addDays(f.day, 1));
  }

  #replace(e: HearthEvent): void {
    this.items = this.items?.map((x) => (x.id === e.id ? e : x));
  }

  async #try(act: () => Promise<unknown>, before: HearthEvent): Promise<void> {
    try {
      await act();
    } catch (e) {
      this.#replace(before);
      toasts.say(e instanceof Problem && e.message ? e.message : w.common.somethingWrong, 'alarm');
    }
  }

  async #ask(cursor: string | undefined): Promise<void> {
    this.#asked?.abort();
    const asked = new AbortController();
    this.#asked = asked;
    this.loading = true;
    this.failed = '';
    const f = this.#filter;
    try {
      const page = await api.events(
        {
          camera: f.camera || undefined,
          from: f.day,
          to: f.day === undefined ? undefined : addDays(f.day, 1),
          kind: f.kind || undefined,
          reviewed: f.which === 'new' ? false : undefined,
          held: f.which === 'held' ? true : undefined,
          limit: this.#page,
          cursor,
        },
        asked.signal,
      );
      if (asked.signal.aborted) return;
      const items = page.items ?? [];
      this.items = cursor ? [...(this.items ?? []), ...items] : items;
      this.#next = page.next || undefined;
    } catch (e) {
      if (asked.signal.aborted) return;
      this.failed = e instanceof Problem && e.message ? e.message : w.common.unreachable;
    } finally {
      if (this.#asked === asked) this.loading = false;
    }
  }
}

/** Events under their days, in the order given. */
export function byDay(events: readonly HearthEvent[]): { day: number; events: HearthEvent[] }[] {
  const days: { day: number; events: HearthEvent[] }[] = [];
  for (const e of events) {
    const day = startOfDay(time(e.start));
    const last = days.at(-1);
    if (last?.day === day) last.events.push(e);
    else days.push({ day, events: [e] });
  }
  return days;
}
