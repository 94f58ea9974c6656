import { api } from '../api';

/** The box's calendar day, as the page keeps it. */
function today(): string {
  const d = new Date();
  return `${d.getFullYear()}-${d.getMonth() + 1}-${d.getDate()}`;
}

const PUT_OFF = 'recovery-key-put-off';

/**
 * The recovery key while it is being made. It is here and on the screen, nowhere else, until its owner has proved that it
 * is on paper. The only thing that the page ever keeps in the browser is the day on which the owner said "not today".
 */
class Recovery {
  /** Somebody is at it. */
  open = $state(false);
  key = $state('');
  /** When it was made, ms. */
  made = $state(0);
  /** What the owner calls the box. */
  box = $state('');
  /** The last one was made and not kept. */
  again = $state(false);
  #putOff = $state(read());

  get putOff(): boolean {
    return this.#putOff === today();
  }

  begin(): void {
    this.again = false;
    this.open = true;
  }

  /** Makes a key; the older one is worth nothing from then on. */
  async make(password: string): Promise<void> {
    const [settings, answer] = await Promise.all([api.settings(), api.makeRecoveryKey(password)]);
    this.box = settings.name;
    this.made = Date.parse(answer.made);
    this.key = answer.key;
  }

  /** Forgets the key that nobody could keep, to make another. */
  startOver(): void {
    this.key = '';
    this.again = true;
  }

  /** Forgets everything. */
  drop(): void {
    this.open = false;
    this.key = '';
    this.again = false;
  }

  notToday(): void {
    this.#putOff = today();
    try {
      localStorage.setItem(PUT_OFF, this.#putOff);
    } catch {
      // A browser that keeps nothing asks again in the next visit.
    }
  }
}

function read(): string {
  try {
    return localStorage.getItem(PUT_OFF) ?? '';
  } catch {
    return '';
  }
}

export const recovery = new Recovery();
