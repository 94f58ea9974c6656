import { Problem, api, whenSignedOut, type Me } from '../api';
import { show } from './passkey';

/** Who sits in front of the page. */
class Session {
  status: 'starting' | 'setup' | 'out' | 'in' | 'away' = $state('starting');
  me: Me | undefined = $state.raw();
  /** The first owner must bring what `hearth setup-code` prints. */
  needsCode = $state(false);

  constructor() {
    whenSignedOut(() => {
      if (this.status === 'in') this.#out();
    });
  }

  get owner(): boolean {
    return this.me?.role === 'owner';
  }

  /** Asks the box who we are. */
  async find(): Promise<void> {
    try {
      this.#in(await api.me());
    } catch (e) {
      if (!(e instanceof Problem) || e.status === 0 || e.status >= 500) {
        this.status = 'away';
        return;
      }
      this.#out();
      try {
        const setup = await api.setup();
        if (!setup.needed || this.status !== 'out') return;
        this.needsCode = setup.needs_code;
        this.status = 'setup';
      } catch {
        // Then it is the ordinary way in.
      }
    }
  }

  /** Takes an invitation. */
  async join(secret: string, name: string, password: string): Promise<void> {
    this.#in(await api.join(secret, name, password));
  }

  async logIn(name: string, password: string, totp?: string): Promise<void> {
    this.#in(await api.logIn(name, password, totp));
  }

  async logInByPasskey(): Promise<void> {
    const { ticket, options } = await api.beginPasskeyLogin();
    this.#in(await api.logInByPasskey(ticket, await show(options)));
  }

  async setUp(name: string, password: string, code?: string): Promise<void> {
    this.#in(await api.setUp(name, password, code));
  }

  async logOut(): Promise<void> {
    try {
      await api.logOut();
    } finally {
      this.#out();
    }
  }

  #in(me: Me): void {
    this.me = me;
    this.status = 'in';
  }

  #out(): void {
    this.me = undefined;
    this.status = 'out';
  }
}

export const session = new Session();
