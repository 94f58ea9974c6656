import { at, type Sight } from '../api';

/** How long what was seen is shown, ms: a little longer than the pause between two looks of a calm camera. */
const SHOWN = 2600;

/** What is seen to move before a camera, while somebody asks. */
export class Sights {
  /** The newest look; undefined when the last is long ago. */
  now: Sight | undefined = $state.raw();

  #source: EventSource;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(camera: string) {
    this.#source = new EventSource(at.motion(camera));
    this.#source.addEventListener('look', (e: MessageEvent<string>) => {
      this.now = JSON.parse(e.data) as Sight;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => (this.now = undefined), SHOWN);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source.close();
  }
}
