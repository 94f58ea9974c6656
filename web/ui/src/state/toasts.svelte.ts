/** Short sentences at the foot of the page, some with a way back. */

export interface Toast {
  id: number;
  text: string;
  tone: 'calm' | 'alarm';
  undo?: () => void;
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
