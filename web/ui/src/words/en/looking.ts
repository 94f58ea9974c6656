/** How a camera is looked at. */

import { length } from './measures';

/** Why a camera is looked at as it is, as the box says it. A test finds those that are missing here. */
const whys: Record<string, string> = {
  'no key frame has come yet': 'Waiting for a whole picture from the camera.',
  'no pictures come, or it is being started': 'No pictures come, or the look has only just begun.',
  'nothing moves': 'Nothing moves.',
  'it moves on, so key frames will do': 'It has moved for a while; a glance now and then will do.',
  'the machine is behind': 'The machine has too much to do, so it only glances.',
  'a key frame changed': 'A whole picture differed from the one before.',
  'a picture changed': 'A picture differed from those before.',
  "a picture's size jumped": 'A picture took more data than usual.',
  "a picture's quality dropped": 'A picture came in poorer quality than usual.',
  'something small stirred': 'Something small stirred.',
  'what moves is looked at again': 'It looks again at what moves.',
  'you asked for it': 'You asked for it.',
};

/** Why the sizes of pictures are trusted, or not, likewise. */
const trusts: Record<string, string> = {
  'they have foretold what moved': 'Its sizes told of motion before it was seen, so motion is noticed sooner.',
  'they do not go with what moves, but how coarsely pictures are coded does':
    'Its sizes tell nothing, but how coarsely it codes told of motion before it was seen, so motion is noticed sooner.',
  'too little has moved yet to learn from': 'Too little has moved yet to learn from its sizes.',
  'they do not go with what moves: the camera fills its bit rate, or its picture is noisy':
    'Its sizes tell nothing: this camera always sends as much as it may, or its picture is noisy.',
  'they were wrong too often lately': 'Its sizes raised too many false alarms lately.',
  'every picture stands alone': 'This camera sends every picture whole, so sizes tell nothing.',
};

export const looking = {
  title: 'How it is looked at',
  mode: {
    stopped: 'Not now',
    waiting: 'Waiting',
    calm: 'Calm',
    watching: 'Watching closely',
    attentive: 'Always closely',
  },
  knownWhys: Object.keys(whys),
  knownTrusts: Object.keys(trusts),
  why: (reason: string) => whys[reason] ?? reason,
  decoded: 'Pictures decoded',
  decodedOf: (n: number, of: number) => (n === of ? `all ${of}` : `${n} of ${of}`),
  cost: 'Processor time',
  costs: (seconds: number) =>
    `${seconds >= 10 ? seconds.toFixed(0) : seconds >= 1 ? seconds.toFixed(1) : seconds.toFixed(2)} s a minute`,
  over: (ms: number) => `Pictures and processor time are of the last ${length(ms)}.`,
  unknown: 'not known yet',
  trust: 'Trust in the size of pictures',
  trustOf: (part: number) => `${Math.round(part * 100)} %`,
  trustWhy: (reason: string) => trusts[reason] ?? reason,
  led: (n: number, right: number) =>
    n === 1
      ? `Once it looked because of one, and ${right ? 'something' : 'nothing'} moved.`
      : `${n} times it looked because of one; ${right === n ? 'each time' : right === 1 ? 'once' : `${right} times`} something moved.`,
};
