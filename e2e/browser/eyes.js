// Runs in the page: reads which camera's which picture a <video> shows. `readMark` (nvr/sim/mark/mark.js) stands in
// front of it; see chromium.mjs.
window.hearthEyes = (() => {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const paper = canvas.getContext('2d', { willReadFrequently: true });

  /** The mark of what an image or a video shows now, or null. */
  function look(picture) {
    paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return readMark(paper.getImageData(0, 0, canvas.width, canvas.height));
  }

  /** Follows a video for `count` presented pictures, or until `within` ms are over. */
  function frames(video, count, within) {
    return new Promise((done) => {
      const seen = [];
      const end = setTimeout(() => done(seen), within);
      const next = () => {
        const at = Date.now();
        const mark = look(video);
        seen.push({ at, media: video.currentTime, camera: mark?.camera, frame: mark?.frame });
        if (seen.length < count) return video.requestVideoFrameCallback(next);
        clearTimeout(end);
        done(seen);
      };
      video.requestVideoFrameCallback(next);
    });
  }

  let waiting;

  /**
   * Gets ready to clock the way from the next click to the first presented picture of each of `count` videos that this
   * click brings. `pictured` gives the answer.
   */
  function expectPictures(selector, count) {
    const old = new Set(document.querySelectorAll(selector));
    let clicked;
    addEventListener('click', () => (clicked = performance.now()), { capture: true, once: true });
    waiting = new Promise((done) => {
      const seen = [];
      const find = () => {
        for (const video of document.querySelectorAll(selector)) {
          if (old.has(video)) continue;
          old.add(video);
          video.requestVideoFrameCallback(() => {
            const [ms, at] = [performance.now() - clicked, Date.now()];
            const mark = look(video);
            const camera = video.closest('[data-camera]')?.dataset.camera;
            seen.push({ ms, at, id: camera, camera: mark?.camera, frame: mark?.frame });
            if (seen.length < count) return;
            watch.disconnect();
            done(seen);
          });
        }
      };
      const watch = new MutationObserver(find);
      watch.observe(document, { childList: true, subtree: true });
    });
  }

  return { look, frames, expectPictures, pictured: () => waiting };
})();

addEventListener('securitypolicyviolation', (e) => {
  window.hearthTrouble?.(`the policy forbids ${e.violatedDirective}: ${e.blockedURI}`);
});
