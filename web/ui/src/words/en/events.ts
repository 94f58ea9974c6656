/** What happened. */

import { plural } from './measures';

export const events = {
  title: 'Events',
  count: (n: number) => plural(n, 'event', 'events'),
  all: 'All',
  unseen: 'New',
  held: 'Kept',
  filters: 'Which events',
  allCameras: 'All cameras',
  camera: 'Camera',
  day: 'Day',
  anyDay: 'Any day',
  clearDay: 'Show all days',
  markAll: 'Mark all seen',
  markAllDone: (n: number) => `${plural(n, 'event', 'events')} marked as seen.`,
  seen: 'Mark as seen',
  unsee: 'Mark as new',
  hold: 'Keep this for good',
  release: 'Let this go with the others',
  play: 'Play',
  pause: 'Stop',
  openAt: 'Show on the timeline',
  download: 'Save as a file',
  emptyTitle: 'All quiet',
  empty: 'Nothing has moved. Enjoy the peace.',
  emptyNewTitle: 'All seen',
  emptyNew: 'You have looked at everything that happened.',
  emptyFiltered: 'Nothing like this happened then.',
  showAll: 'Show all events',
  more: 'Show earlier events',
  end: 'That is all.',
  going: 'going on',
  motion: 'Motion',
  at: (camera: string, time: string) => `${camera}, ${time}`,
  card: (camera: string, time: string) => `motion at ${camera}, ${time}`,
  cardWrong: (camera: string, time: string, wrong: string) => `${camera}, ${time}: ${wrong}`,
  kind: 'What happened',
  anyKind: 'All kinds',
  kinds: { motion: 'Motion', tamper: 'Tampering', frozen: 'Frozen picture' },
  /** What is wrong with a camera, in a sentence; nothing for motion. */
  wrong: (kind: string, detail: string | undefined) => {
    if (kind === 'frozen') return 'The camera showed nothing new: its picture stood still.';
    if (kind !== 'tamper') return '';
    switch (detail) {
      case 'covered':
        return 'The lens was covered.';
      case 'turned':
        return 'The camera was turned to another view.';
      case 'defocused':
        return 'The picture was out of focus.';
    }
    return 'Something was done to the camera.';
  },
  keys: 'Keys',
  keysNext: 'next and previous',
  keysPlay: 'play',
  keysSeen: 'seen',
  keysHold: 'keep',
  clipFailed: 'This clip cannot be played here.',
  newIsNew: 'new',
  before: 'before',
  since: 'since',
  chapters: (n: number) => plural(n, 'chapter', 'chapters'),
  moreBetween: (n: number, from: string, to: string) =>
    from === to ? `And ${n} more at ${from}` : `And ${n} more between ${from} and ${to}`,
  moreAt: (camera: string, n: number, from: string, to: string) =>
    `${n} more at ${camera} between ${from} and ${to}, summed up`,
  eachOfThem: (n: number, visits: number) =>
    n === 1 ? 'Show it' : visits > n ? `Show them in ${n} parts` : `Show each of ${n}`,
};
