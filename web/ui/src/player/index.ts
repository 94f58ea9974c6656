export { LivePlayer, type LiveState, type StreamName } from './live';
export { FootagePlayer, type FootageState } from './footage';
export { Scrubber } from './scrub';
export { playable } from './source';
