import { at, type Sight } from '../api';

/** How long what was seen is shown, ms: a little longer than the pause between two looks of a calm camera. */
const SHOWN = 2600;

/** After how long to ask again when the box refused, ms: it is being started anew, or too many listen. */
const AGAIN = 5000;

/** What is seen to move before a camera, while somebody asks. */
export class Sights {
  /** The newest look; undefined when the last is long ago. */
  now: Sight | undefined = $state.raw();

  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(camera: string) {
    this.#listen(camera);
  }

  #listen(camera: string): void {
    const source = new EventSource(at.motion(camera));
    this.#source = source;
    source.addEventListener('error', () => {
      // A connection that was lost the browser makes again by itself, one that was refused it does not.
      if (source.readyState === EventSource.CLOSED) this.#again = setTimeout(() => this.#listen(camera), AGAIN);
    });
    source.addEventListener('look', (e: MessageEvent<string>) => {
      this.now = JSON.parse(e.data) as Sight;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => (this.now = undefined), SHOWN);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    this.#source?.close();
  }
}
