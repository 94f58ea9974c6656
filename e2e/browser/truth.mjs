// What the test knows of the simulated cameras: which number each one draws, and when it took which picture.
import { must } from './chromium.mjs';

export class Truth {
  /** @param cameras [{name, number, zero (ms since 1970 at picture 0), visits: [{from, to}]}] */
  constructor(cameras, fps) {
    this.cameras = cameras;
    this.period = 1000 / fps;
  }

  /** When a picture was taken, ms since 1970. */
  taken(camera, frame) {
    return camera.zero + frame * this.period;
  }

  /** The picture that was the newest at a moment. */
  frameAt(camera, wall) {
    return Math.floor((wall - camera.zero) / this.period + 1e-6);
  }

  /** Fails unless every picture is a readable one of this camera, and none goes back in time. */
  check(camera, frames, least) {
    must(frames.length >= least, `${frames.length} pictures, want at least ${least}`);
    for (const [i, f] of frames.entries()) {
      must(f.camera !== undefined, `picture ${i} has no readable mark`);
      must(f.camera === camera.number, `picture ${i} is of camera ${f.camera}, want ${camera.number} (${camera.name})`);
      if (i > 0) must(f.frame >= frames[i - 1].frame, `after picture ${frames[i - 1].frame} came ${f.frame}`);
    }
  }
}
