/** What comes over a live WebSocket; see docs/ref/live.md. */

/** A text message. `init` comes before the bytes of an initialization, `notice` whenever something is to be said. */
export type LiveText = { type: 'init'; mime: string; stream?: string } | { type: 'notice'; code: string; text: string };

/** A binary message: a header of 16 bytes, then a part of a fragmented MP4. */
export interface LiveBytes {
  /** The part begins with a key frame. */
  key: boolean;
  /** When its first picture was taken, ms since 1970. */
  wall: number;
  data: Uint8Array<ArrayBuffer>;
}

export const HEADER_BYTES = 16;
export const WIRE_VERSION = 1;

/** Reads a binary message; undefined for one of a version that this page does not know, or one cut short. */
export function readBytes(message: ArrayBuffer): LiveBytes | undefined {
  if (message.byteLength < HEADER_BYTES) return undefined;
  const head = new DataView(message, 0, HEADER_BYTES);
  if (head.getUint8(0) !== WIRE_VERSION) return undefined;
  return {
    key: (head.getUint8(1) & 1) === 1,
    wall: Number(head.getBigUint64(8) / 1000n) + Number(head.getBigUint64(8) % 1000n) / 1000,
    data: new Uint8Array(message, HEADER_BYTES),
  };
}

/** Reads a text message; undefined for anything that is none. */
export function readText(message: string): LiveText | undefined {
  let m: unknown;
  try {
    m = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof m !== 'object' || m === null) return undefined;
  const { type, mime, stream, code, text, detail } = m as Record<string, unknown>;
  if (type === 'init' && typeof mime === 'string') {
    return typeof stream === 'string' ? { type, mime, stream } : { type, mime };
  }
  if (type === 'notice') {
    const said = typeof text === 'string' ? text : typeof detail === 'string' ? detail : '';
    return { type, code: typeof code === 'string' ? code : '', text: said };
  }
  return undefined;
}
