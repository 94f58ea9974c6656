/** Short sentences at the foot of the page, some with a way back. */

export interface Toast {
  id: number;
  text: string;
  tone: 'calm' | 'alarm';
  undo?: () => void;
  /** What it speaks of. */
  about?: string;
}

const STAYS = 5000;
/** How long an undo is offered, ms. */
export const UNDO_WINDOW = 8000;

class Toasts {
  list: Toast[] = $state.raw([]);
  #next = 1;

  say(text: string, tone: Toast['tone'] = 'calm'): void {
    const id = this.#push({ text, tone });
    setTimeout(() => this.drop(id), STAYS);
  }

  /** Says what was done, and offers a way back for a while; of one matter only the newest way back is offered. */
  done(about: string, text: string, undo: () => void): void {
    this.forget(about);
    const id = this.#push({
      text,
      tone: 'calm',
      about,
      undo: () => {
        this.drop(id);
        undo();
      },
    });
    setTimeout(() => this.drop(id), UNDO_WINDOW);
  }

  /** Says what will be done, and does it unless it is taken back in time. Leaving the page does it at once. */
  later(text: string, act: () => void, takeBack: () => void = () => {}): void {
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      removeEventListener('pagehide', now);
      this.drop(id);
      done();
    };
    const now = (): void => settle(act);
    const id = this.#push({ text, tone: 'calm', undo: () => settle(takeBack) });
    const timer = setTimeout(now, UNDO_WINDOW);
    addEventListener('pagehide', now);
  }

  /** Takes away what is said of a matter. */
  forget(about: string): void {
    this.list = this.list.filter((t) => t.about !== about);
  }

  drop(id: number): void {
    this.list = this.list.filter((t) => t.id !== id);
  }

  #push(t: Omit<Toast, 'id'>): number {
    const id = this.#next++;
    this.list = [...this.list.slice(-2), { ...t, id }];
    return id;
  }
}

export const toasts = new Toasts();
