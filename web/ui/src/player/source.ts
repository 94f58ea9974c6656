/** Media Source Extensions as browsers have them: `MediaSource`, or `ManagedMediaSource` on an iPhone (17.1 and later). */

type SourceClass = typeof MediaSource;

function sourceClass(): SourceClass | undefined {
  const g = globalThis as unknown as { ManagedMediaSource?: SourceClass; MediaSource?: SourceClass };
  return g.ManagedMediaSource ?? g.MediaSource;
}

/** Whether this browser can show video of this type at all. */
export function playable(mime: string): boolean {
  return sourceClass()?.isTypeSupported(mime) ?? false;
}

/** Opens a source behind a video element and gives its one buffer. Rejects when the signal ends it first. */
export async function openSource(
  video: HTMLVideoElement,
  mime: string,
  signal: AbortSignal,
): Promise<{ media: MediaSource; buffer: SourceBuffer; close: () => void }> {
  const Source = sourceClass();
  if (!Source) throw new Error('this browser has no Media Source Extensions');
  const media = new Source();
  // A managed source is refused as long as the picture could be sent to a television.
  video.disableRemotePlayback = true;
  const address = URL.createObjectURL(media);
  const opened = new Promise<void>((done, fail) => {
    media.addEventListener('sourceopen', () => done(), { once: true });
    signal.addEventListener('abort', () => fail(new DOMException('closed', 'AbortError')), { once: true });
  });
  video.src = address;
  try {
    await opened;
  } finally {
    URL.revokeObjectURL(address);
  }
  signal.throwIfAborted();
  const buffer = media.addSourceBuffer(mime);
  buffer.mode = 'segments';
  return {
    media,
    buffer,
    close: () => {
      // Taking the address away before the element forgets it would log an error for nothing.
      video.removeAttribute('src');
      video.load();
    },
  };
}
