import { api, at, time, type Camera, type HearthEvent, type Privacy, type StorageAnswer } from '../api';
import { troublesOf } from './keeping';

/** How long the first picture waits for what is said above it, ms. */
const SOON = 250;

/** What the page knows of the house: its cameras, what moves, how it is kept. Alive while somebody is logged in. */
class House {
  cameras: Camera[] | undefined = $state.raw();
  /** The box answers. */
  reachable = $state(true);
  /** Events that nobody has looked at, 100 meaning "more than 99". */
  unseen = $state(0);
  /** How it is kept; for owners with the disks. */
  storage: StorageAnswer | undefined = $state.raw();
  /** Whether the whole house is private; for owners. */
  privacy: Privacy | undefined = $state.raw();
  /** How far back recordings go, days. */
  readonly daysKept = $derived(
    this.storage?.oldest ? Math.floor((Date.now() - time(this.storage.oldest)) / 86_400_000) : undefined,
  );
  /** Disks that cannot be recorded to; for owners. */
  readonly troubles = $derived(troublesOf(this.storage?.volumes, this.cameras));
  /** The time, to the ten seconds: for ages that are shown. */
  now = $state(Date.now());
  /** Cameras with an event that is still open. */
  moving: ReadonlySet<string> = $state.raw(new Set());

  #news: EventSource | undefined;
  #timers: ReturnType<typeof setInterval>[] = [];
  #listeners = new Set<(e: HearthEvent) => void>();
  #soon: ReturnType<typeof setTimeout> | undefined;
  #open = new Map<string, string>();

  name(id: string): string {
    return this.cameras?.find((c) => c.id === id)?.name ?? '';
  }

  camera(id: string): Camera | undefined {
    return this.cameras?.find((c) => c.id === id);
  }

  /** Begins to watch the house; gives what ends it. */
  enter(): () => void {
    void this.refresh();
    this.#listen();
    this.#timers = [
      setInterval(() => (this.now = Date.now()), 10_000),
      // The news tell changes at once; this is for what was missed.
      setInterval(() => void this.refresh(), 30_000),
    ];
    const seen = (): void => {
      if (document.visibilityState === 'hidden') {
        this.#news?.close();
        this.#news = undefined;
      } else {
        this.now = Date.now();
        void this.refresh();
        this.#listen();
      }
    };
    document.addEventListener('visibilitychange', seen);
    return () => {
      document.removeEventListener('visibilitychange', seen);
      this.#timers.forEach(clearInterval);
      clearTimeout(this.#soon);
      this.#news?.close();
      this.#news = undefined;
      this.cameras = undefined;
      this.storage = undefined;
      this.privacy = undefined;
      this.#open.clear();
      this.moving = new Set();
    };
  }

  /** Tells each event as it opens, changes and ends; gives what ends the telling. */
  onEvent(f: (e: HearthEvent) => void): () => void {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }

  async refresh(): Promise<void> {
    if (document.visibilityState === 'hidden' && this.cameras) return;
    const storage = this.refreshStorage().catch(() => undefined);
    try {
      const cameras = await api.cameras();
      // What stands above the wall, an alarm maybe, comes with it: nothing is to jump down under somebody's finger.
      if (!this.cameras) await Promise.race([storage, new Promise((done) => setTimeout(done, SOON))]);
      this.cameras = cameras;
      this.reachable = true;
    } catch {
      this.reachable = false;
      return;
    }
    await Promise.allSettled([this.#count(), storage, this.#settings()]);
  }

  async #settings(): Promise<void> {
    this.privacy = (await api.settings()).privacy;
  }

  async #count(): Promise<void> {
    const page = await api.events({ reviewed: false, limit: 100 });
    this.unseen = page.items.length;
  }

  async refreshStorage(): Promise<void> {
    this.storage = await api.storage();
  }

  #refreshSoon(): void {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.refresh(), 400);
  }

  #listen(): void {
    this.#news?.close();
    const news = new EventSource(at.news());
    this.#news = news;
    news.addEventListener('open', () => {
      if (!this.reachable) void this.refresh();
    });
    news.addEventListener('event', (m: MessageEvent<string>) => this.#event(m.data));
    news.addEventListener('camera', () => this.#refreshSoon());
    for (const kind of ['recording', 'cameras', 'lost']) news.addEventListener(kind, () => this.#refreshSoon());
    news.addEventListener('error', () => {
      // The browser tries again by itself unless the box said no; a refresh finds out who we still are.
      if (news.readyState === EventSource.CLOSED) this.#refreshSoon();
    });
  }

  #event(data: string): void {
    let e: HearthEvent;
    try {
      e = JSON.parse(data) as HearthEvent;
    } catch {
      return;
    }
    if (!e.id || !e.camera) return;
    const before = this.#open.has(e.id);
    if (e.end) this.#open.delete(e.id);
    else this.#open.set(e.id, e.camera);
    this.moving = new Set(this.#open.values());
    if (!before && !e.reviewed) this.#refreshSoon();
    for (const f of this.#listeners) f(e);
  }
}

export const house = new House();
