/** How long it is kept, and on which disks. */

import type { VolumeState } from '../../api/types';
import type { Term } from '../../state/keeping';
import { capital, list, plural } from './measures';

/** "about 23 days", "about 14 hours", "more than a year" */
const term = (t: Term): string => {
  if (t.unit === 'year') return 'more than a year';
  if (t.n === 0) return 'less than an hour';
  return t.n === 1 ? `about ${t.unit === 'hour' ? 'an hour' : 'a day'}` : `about ${t.n} ${t.unit}s`;
};

export const storage = {
  title: 'Storage',
  lead: 'How far back you can look.',
  days: (n: number) => (n < 1 ? 'Since today' : plural(n, 'day', 'days')),
  kept: 'kept',
  term: (t: Term) => capital(term(t)),
  atThisRate: (t: Term) => (t.n > 1 ? 'are kept at this rate' : 'is kept at this rate'),
  oldestIs: (when: string) => `The oldest recording is of ${when}.`,
  used: (used: string, limit: string) => `${used} of ${limit} used`,
  usedOnly: (used: string) => `${used} used`,
  free: (b: string, disks: number) => `${b} free on ${disks > 1 ? 'the disks' : 'the disk'}`,
  perCamera: 'By camera',
  camera: 'Camera',
  recorded: 'Recorded',
  keeps: 'Kept at this rate',
  oldest: (when: string) => `since ${when}`,
  on: (path: string) => `on ${path}`,
  off: 'not recorded',
  byDays: (n: number) => `its limit of ${plural(n, 'day', 'days')}`,
  byBytes: (b: string) => `its limit of ${b}`,
  byAll: (b: string) => `the limit of ${b} for all cameras`,
  byDisk: 'the room on the disk',
  limitedBy: (what: string) => `limited by ${what}`,
  aroundEvents: (t: Term) => `around events ${term(t)}`,
  explain: 'When the room is used up, the oldest recordings go first. Events that you keep stay.',
  changeLimits: 'How long a camera is kept, and on which disk, is in its settings.',
  empty: 'Nothing is recorded yet.',
  share: (name: string, part: string) => `${name}: ${part} of what is recorded`,

  disks: 'Disks',
  ownDisk: 'The box’s own',
  otherDisk: 'Added',
  state: {
    well: 'All right',
    full: 'Full',
    missing: 'Not there',
    foreign: 'Another disk',
    'read-only': 'Cannot be written',
  } satisfies Record<VolumeState, string>,
  since: (when: string) => `since ${when}`,
  footage: 'Recordings',
  freeShort: 'Free',
  floor: 'Kept free',
  size: 'In all',
  boxSays: (problem: string) => `The box says: ${problem}`,
  addDisk: 'Add a disk',
  addDiskLead:
    'Mount the disk on the box first. Then give the folder on it; it should be empty. Which cameras are recorded to it you choose in their settings.',
  path: 'Folder',
  pathPlaceholder: '/mnt/second',
  needPath: 'Please give the folder, such as /mnt/second.',
  diskAdded: (path: string) => `${path} is in use. Choose it in a camera’s settings.`,

  /** A disk in trouble: what it is, who is not recorded, what to do. */
  trouble: (state: VolumeState, path: string) =>
    ({
      well: '',
      full: `The disk at ${path} is full.`,
      missing: `The disk at ${path} is not there.`,
      foreign: `Another disk lies at ${path}.`,
      'read-only': `The disk at ${path} cannot be written.`,
    })[state] || `Something is wrong with the disk at ${path}.`,
  notRecorded: (names: string[]) =>
    names.length === 0
      ? 'No camera is recorded to it.'
      : `${list(names)} ${names.length === 1 ? 'is' : 'are'} not recorded.`,
  todo: {
    well: '',
    full: 'Nothing on it may be let go of any more: release events that you keep, or free some space on it in another way.',
    missing: 'Connect it and mount it there; recording goes on by itself.',
    foreign: 'Put the right one back and mount it there; recording goes on by itself.',
    'read-only': 'It may have errors: check it, then mount it for writing. Recording goes on by itself.',
  } satisfies Record<VolumeState, string>,
  toStorage: 'Show the disks',

  signs: 'Signed exports',
  signsLead:
    'Clips that you save “signed” carry this mark of your box. Give it to whoever checks them: they compare it with what “hearth verify” prints.',
  fingerprint: 'The box’s mark',
};
