/** Home, and a camera’s tile on it. */

import { plural } from './measures';

export const home = {
  morning: 'Good morning',
  day: 'Good day',
  evening: 'Good evening',
  night: 'Hello',
  hello: (greeting: string, name: string) => (name ? `${greeting}, ${name}` : greeting),
  well: 'All is well at home.',
  look: 'Something needs a look.',
  wall: 'Live cameras',
  lately: 'Lately',
  allEvents: 'All events',
  latelyEmpty: 'Nothing has moved today.',
  noCamerasTitle: 'No camera yet',
  noCameras: 'Add your first camera and it will be here, live.',
  noCamerasGuest: 'No camera is shared with you yet.',
  addCamera: 'Add a camera',
  recording: (n: number, all: number) =>
    n === all
      ? `${plural(n, 'camera', 'cameras')}, all recording`
      : `${n} of ${plural(all, 'camera', 'cameras')} recording`,
  online: (n: number, all: number) =>
    n === all ? `${plural(n, 'camera', 'cameras')}, all live` : `${n} of ${plural(all, 'camera', 'cameras')} live`,
  kept: (days: number) => (days < 1 ? 'recording since today' : `${plural(days, 'day', 'days')} kept`),
  toReview: (n: number) => (n === 0 ? 'nothing to review' : `${n > 99 ? '99+' : n} to review`),
};

export const tile = {
  open: (name: string) => `Open ${name}`,
  live: 'Live',
  connecting: 'Connecting …',
  reconnecting: 'Connecting again …',
  offline: 'Offline',
  stale: 'No new picture',
  private: 'Private',
  quarantined: 'This seems to be another camera',
  quarantinedHint: 'Nothing of it is recorded or shown. Its settings say more.',
  unplayable: 'This browser cannot show this camera’s video.',
  stills: 'Still pictures: browsers do not play Motion JPEG.',
  stillsBadge: 'Still pictures',
  refused: 'Not shared with you any more.',
  lastPicture: (ago: string) => `Last picture ${ago}`,
  since: (ago: string) => `for ${ago}`,
  moving: 'Something moves',
  fallbackCodec: 'Small picture: this browser cannot show the large one.',
  fallbackSlow: 'Small picture: the line is slow.',
};
