import { describe, expect, it } from 'vitest';
import { DATA_FOLDER, type Camera, type Volume } from '../api/types';
import { diskOf, groupsOf, limitFrom, limiterOf, proves, termOf, troublesOf } from './keeping';

const GB = 1e9;
const disk = (id: string, more: Partial<Volume> = {}): Volume => ({
  id,
  path: `/mnt/${id}`,
  state: 'well',
  bytes: 100 * GB,
  free_bytes: 850 * GB,
  disk_bytes: 1000 * GB,
  floor_bytes: 50 * GB,
  ...more,
});
const camera = (id: string, more: Partial<Camera> = {}): Camera => ({
  id,
  name: id,
  state: 'online',
  verbs: [],
  record: 'continuous',
  recorded: { active: true, bytes: 0, lost: 0 },
  ...more,
});

describe('a forecast', () => {
  it.each([
    [0.01, 'hour', 0],
    [0.04, 'hour', 1],
    [0.6, 'hour', 14],
    [0.98, 'day', 1],
    [1.7, 'hour', 41],
    [1.8, 'day', 2],
    [23.4, 'day', 23],
    [364, 'day', 364],
    [365, 'year', 1],
  ] as const)('%s days is said as %s %s', (days, unit, n) => expect(termOf(days)).toEqual({ unit, n }));
});

describe('what limits a camera', () => {
  const used = { bytes: 40 * GB, days: 12 };

  it('is its disk when nothing else is said', () => {
    expect(limiterOf(undefined, used, {}, disk('a'))).toEqual({ by: 'disk' });
    expect(limiterOf({ days: 0, bytes: 0 }, used, { limit_bytes: 0 }, disk('a'))).toEqual({ by: 'disk' });
  });
  it('is its days only when so many will be reached', () => {
    expect(limiterOf({ days: 12 }, used, {}, disk('a'))).toEqual({ by: 'days', days: 12 });
    expect(limiterOf({ days: 30 }, used, {}, disk('a'))).toEqual({ by: 'disk' });
    expect(limiterOf({ days: 30 }, { bytes: 1 }, {}, disk('a'))).toEqual({ by: 'days', days: 30 });
  });
  it('is its bytes when they are nearly used, or fit on the disk', () => {
    expect(limiterOf({ bytes: 42 * GB }, used, {}, disk('a'))).toEqual({ by: 'bytes', bytes: 42 * GB });
    expect(limiterOf({ bytes: 400 * GB }, used, {}, disk('a'))).toEqual({ by: 'bytes', bytes: 400 * GB });
    expect(limiterOf({ bytes: 4000 * GB }, used, {}, disk('a'))).toEqual({ by: 'disk' });
  });
  it('is the limit of all cameras when the disk has more room than that', () => {
    expect(limiterOf({}, used, { limit_bytes: 500 * GB }, disk('a'))).toEqual({ by: 'all', bytes: 500 * GB });
    expect(limiterOf({}, used, { limit_bytes: 5000 * GB }, disk('a'))).toEqual({ by: 'disk' });
  });
});

describe('disks', () => {
  const [own, second] = [disk('own'), disk('second')];

  it('are found by what a camera says', () => {
    expect(diskOf(camera('a'), [own, second])).toBe(own);
    expect(diskOf(camera('a', { volume: DATA_FOLDER }), [own, second])).toBe(own);
    expect(diskOf(camera('a', { volume: 'second' }), [own, second])).toBe(second);
    expect(diskOf(camera('a', { volume: 'lost' }), [own, second])).toBeUndefined();
  });

  it('in trouble name the cameras that are not recorded', () => {
    const gone = disk('second', { state: 'missing' });
    const cameras = [camera('a'), camera('b', { volume: 'second' }), camera('c', { volume: 'second', record: 'off' })];
    expect(troublesOf([own, second], cameras)).toEqual([]);
    expect(troublesOf(undefined, undefined)).toEqual([]);
    expect(troublesOf([own, gone], cameras)).toEqual([{ disk: gone, cameras: [cameras[1]] }]);
  });
});

describe('a recovery key', () => {
  const key = 'AGE-SECRET-KEY-1' + 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE';

  it('is cut into groups that are the whole of it', () => {
    const groups = groupsOf(key);
    expect(key).toHaveLength(74);
    expect(groups.join('')).toBe(key);
    expect(groups[0]).toBe('AGE-SECRET-KEY-1');
    expect(groups[1]).toBe('QPZR');
    expect(groups).toHaveLength(16);
  });
  it('is proved by its end only', () => {
    expect(proves(key, '4KHCE')).toBe(false);
    expect(proves(key, '54KHCE')).toBe(true);
    expect(proves(key, ' 54 kh ce ')).toBe(true);
    expect(proves(key, '54KHCF')).toBe(false);
    expect(proves(key, key)).toBe(true);
  });
});

describe('a limit that is typed', () => {
  it('may be left out, and is a number otherwise', () => {
    expect(limitFrom('')).toBe(0);
    expect(limitFrom(' 14 ', true)).toBe(14);
    expect(limitFrom('1,5')).toBe(1.5);
    expect(limitFrom('1.5', true)).toBeUndefined();
    expect(limitFrom('-3')).toBeUndefined();
    expect(limitFrom('two weeks')).toBeUndefined();
  });
});
