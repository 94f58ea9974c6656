/** What is kept for how long, and why no longer: arithmetic on what the box says about its disks. */

import { DATA_FOLDER, type Camera, type Limits, type StorageAnswer, type Volume } from '../api/types';

/** Forecasts end here: what is kept longer is "more than a year". */
export const LONGEST = 365;

/** A number of days as one would say it. */
export interface Term {
  unit: 'hour' | 'day' | 'year';
  /** 0: less than one. */
  n: number;
}

/** Says a forecast in days as people do: hours below two days except for one, nothing beyond a year. */
export function termOf(days: number): Term {
  if (days >= LONGEST - 0.5) return { unit: 'year', n: 1 };
  if (days >= 1.75) return { unit: 'day', n: Math.round(days) };
  if (days >= 0.95 && days < 1.25) return { unit: 'day', n: 1 };
  const hours = days * 24;
  if (hours < 0.75) return { unit: 'hour', n: 0 };
  return { unit: 'hour', n: Math.round(hours) };
}

/** What lets a camera's footage go first. */
export type Limiter =
  { by: 'days'; days: number } | { by: 'bytes'; bytes: number } | { by: 'all'; bytes: number } | { by: 'disk' };

/**
 * What limits a camera. While nothing is forecast it is what will come first as far as that can be said: its own limits,
 * then that of all cameras, then its disk.
 */
export function limiterOf(
  limits: Limits | undefined,
  used: { bytes: number; days?: number },
  all: Pick<StorageAnswer, 'limit_bytes'>,
  disk: Volume | undefined,
): Limiter {
  const days = limits?.days ?? 0;
  const bytes = limits?.bytes ?? 0;
  const byDays = days > 0 && (used.days === undefined || used.days >= days * 0.99);
  if (byDays) return { by: 'days', days };
  // A limit of bytes that is far away may never be reached, because the disk is shared.
  if (bytes > 0 && (used.days === undefined || used.bytes >= bytes * 0.9)) return { by: 'bytes', bytes };
  const room = disk ? disk.bytes + disk.free_bytes - disk.floor_bytes : Infinity;
  const total = all.limit_bytes ?? 0;
  if (total > 0 && total <= room) return { by: 'all', bytes: total };
  if (bytes > 0 && bytes < room) return { by: 'bytes', bytes };
  return { by: 'disk' };
}

/** The disk that a camera is recorded to; undefined when it is none of those that are known. */
export function diskOf(camera: Camera | undefined, volumes: readonly Volume[] | undefined): Volume | undefined {
  if (!camera || !volumes) return undefined;
  if (!camera.volume || camera.volume === DATA_FOLDER) return volumes[0];
  return volumes.find((v) => v.id === camera.volume);
}

/** A disk that cannot be recorded to, and the cameras that are meant for it. */
export interface Trouble {
  disk: Volume;
  cameras: Camera[];
}

export function troublesOf(volumes: readonly Volume[] | undefined, cameras: readonly Camera[] | undefined): Trouble[] {
  return (volumes ?? [])
    .filter((v) => v.state !== 'well')
    .map((disk) => ({
      disk,
      cameras: (cameras ?? []).filter((c) => c.record !== 'off' && diskOf(c, volumes) === disk),
    }));
}

/** How many letters of the key's end one has to type to show that it is on paper. */
export const PROOF = 6;

/** Cuts a recovery key into what can be read aloud: its fixed beginning, then groups of four. */
export function groupsOf(key: string): string[] {
  const at = key.lastIndexOf('-1') + 2;
  const head = at > 1 ? key.slice(0, at) : '';
  return [...(head ? [head] : []), ...(key.slice(at > 1 ? at : 0).match(/.{1,4}/g) ?? [])];
}

/** Whether somebody typed the end of the key; small letters and blanks do not matter. */
export function proves(key: string, typed: string): boolean {
  const end = typed.replace(/\s/g, '').toUpperCase();
  return end.length >= PROOF && key.toUpperCase().endsWith(end);
}

/** Reads what was typed as a limit: empty is 0, none; undefined is no number. */
export function limitFrom(typed: string, whole = false): number | undefined {
  const text = typed.trim().replace(',', '.');
  if (text === '') return 0;
  if (!(whole ? /^\d{1,9}$/ : /^\d{1,9}(\.\d+)?$/).test(text)) return undefined;
  return Number(text);
}
