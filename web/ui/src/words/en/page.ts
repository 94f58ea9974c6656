/** What is on every screen. */

import { plural } from './measures';

export const nav = {
  label: 'Rooms of the page',
  skip: 'Skip to the content',
  home: 'Home',
  events: 'Events',
  cameras: 'Cameras',
  storage: 'Storage',
  people: 'People',
  away: 'Away',
  log: 'Log',
  mine: 'Who has looked',
  more: 'More',
  logOut: 'Log out',
  account: 'You: password, devices',
  newEvents: (n: number) => `${plural(n, 'new event', 'new events')}`,
};

export const common = {
  loading: 'One moment …',
  save: 'Save',
  cancel: 'Cancel',
  close: 'Close',
  back: 'Back',
  retry: 'Try again',
  undo: 'Undo',
  remove: 'Remove',
  edit: 'Edit',
  today: 'Today',
  yesterday: 'Yesterday',
  justNow: 'now',
  unreachable: 'The box at home does not answer. Is it switched on, and are you on the home network?',
  reconnecting: 'The box at home does not answer. Trying again …',
  somethingWrong: 'That did not work.',
  waitSeconds: (s: number) => `Too many tries. Please wait ${plural(s, 'second', 'seconds')}.`,
  notFoundTitle: 'Nothing here',
  notFound: 'This page does not exist, or it is not shared with you.',
  goHome: 'Go to Home',
};
