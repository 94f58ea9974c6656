/** Every call of the page to the box. Nothing else in the page knows an address of the API. */

import type {
  AuditAnswer,
  AuditFilter,
  ApiToken,
  Camera,
  CameraSettings,
  Ceremony,
  Device,
  Diagnostics,
  EventFilter,
  Forecast,
  Grant,
  HearthEvent,
  Invitation,
  Invited,
  JoinLook,
  LoginSession,
  MadeToken,
  Me,
  MotionSettings,
  NewDevice,
  NewInvitation,
  NewTotp,
  Offer,
  Page,
  Passkey,
  Person,
  Pins,
  ReachAnswer,
  RecoveryKeyAnswer,
  RemoteAnswer,
  RemoteChange,
  Role,
  PrivacyChange,
  Settings,
  SetupAnswer,
  Signin,
  StorageAnswer,
  TimelineAnswer,
  Volume,
} from './types';

export * from './types';

const BASE = '/api/v1';

/** An answer that is no success, in the words of the box (RFC 9457). */
export class Problem extends Error {
  constructor(
    /** HTTP status; 0: the box was not reached at all. */
    readonly status: number,
    detail: string,
    /** What is wrong with which field, by the field's name. */
    readonly fields: Record<string, string> = {},
    /** Seconds to wait before another try, when the box said so. */
    readonly retryAfter?: number,
    /** What kind of problem it is, where a caller decides by that. */
    readonly type = '',
  ) {
    super(detail);
  }
}

/** Called whenever the box no longer knows who we are. */
let onSignedOut: () => void = () => {};
export function whenSignedOut(f: () => void): void {
  onSignedOut = f;
}

/** Milliseconds since 1970 of an RFC 3339 text. */
export function time(text: string): number {
  return Date.parse(text);
}

function stamp(ms: number): string {
  return new Date(ms).toISOString();
}

type Query = Record<string, string | number | boolean | undefined>;

function address(path: string, query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '') q.set(k, String(v));
  const tail = q.toString();
  return BASE + path + (tail ? `?${tail}` : '');
}

async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, cache: 'no-store', credentials: 'same-origin' };
  if (signal) init.signal = signal;
  if (method === 'DELETE') init.keepalive = true; // also when the page is just being left
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e;
    throw new Problem(0, '');
  }
  if (!answer.ok) {
    if (answer.status === 401 && !path.endsWith('/session')) onSignedOut();
    throw await problem(answer);
  }
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

/** The box's words, as a sentence. */
export function sentence(s: string): string {
  return s.charAt(0).toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? '' : '.');
}

async function problem(answer: Response): Promise<Problem> {
  const retry = Number(answer.headers.get('Retry-After') ?? NaN);
  const fields: Record<string, string> = {};
  let detail: string;
  let type = '';
  try {
    const body = (await answer.json()) as {
      type?: string;
      title?: string;
      detail?: string;
      errors?: { location?: string; message?: string }[] | null;
    };
    detail = body.detail ?? body.title ?? '';
    type = body.type ?? '';
    for (const e of body.errors ?? []) {
      const name = (e.location ?? '').replace(/^body\.?/, '');
      if (e.message) fields[name] = sentence(e.message);
    }
  } catch {
    detail = answer.statusText;
  }
  return new Problem(answer.status, detail, fields, Number.isNaN(retry) ? undefined : retry, type);
}

function auditQuery(f: AuditFilter): Query {
  const at = (ms: number | undefined) => (ms === undefined ? undefined : stamp(ms));
  return { limit: 100, camera: f.camera, saw_from: at(f.sawFrom), saw_to: at(f.sawTo) };
}

export const api = {
  setUp: (name: string, password: string, code?: string) =>
    ask<Me>('POST', address('/setup'), code ? { name, password, code } : { name, password }),
  logIn: (name: string, password: string, totp?: string) =>
    ask<Me>('POST', address('/session'), totp ? { name, password, totp } : { name, password }),
  logOut: () => ask<void>('DELETE', address('/session')),
  me: () => ask<Me>('GET', address('/session')),
  signin: () => ask<Signin>('GET', address('/me/signin')),
  changePassword: (id: string, current_password: string, password: string) =>
    ask<unknown>('PATCH', address(`/users/${id}`), { current_password, password }),
  beginTotp: (password: string) => ask<NewTotp>('POST', address('/me/totp'), { password }),
  confirmTotp: async (code: string) =>
    (await ask<{ recovery_codes: string[] }>('POST', address('/me/totp/confirm'), { code })).recovery_codes,
  removeTotp: (password: string, code: string) => ask<void>('POST', address('/me/totp/remove'), { password, code }),
  makeRecoveryCodes: async (password: string, code: string) =>
    (await ask<{ recovery_codes: string[] }>('POST', address('/me/recovery-codes'), { password, code })).recovery_codes,
  beginPasskey: (password: string, code?: string) =>
    ask<Ceremony>('POST', address('/me/passkeys/begin'), code ? { password, code } : { password }),
  addPasskey: (ticket: string, name: string, credential: unknown) =>
    ask<Passkey>('POST', address('/me/passkeys'), { ticket, name, credential }),
  renamePasskey: (id: string, name: string) => ask<Passkey>('PATCH', address(`/me/passkeys/${id}`), { name }),
  removePasskey: (id: string) => ask<void>('DELETE', address(`/me/passkeys/${id}`)),
  beginPasskeyLogin: () => ask<Ceremony>('POST', address('/session/passkey/begin')),
  logInByPasskey: (ticket: string, credential: unknown) =>
    ask<Me>('POST', address('/session/passkey'), { ticket, credential }),
  sessions: async () => (await ask<Page<LoginSession>>('GET', address('/sessions'))).items ?? [],
  endSession: (id: string) => ask<void>('DELETE', address(`/sessions/${id}`)),
  endOtherSessions: () => ask<void>('DELETE', address('/sessions')),
  setup: () => ask<SetupAnswer>('GET', address('/setup')),

  cameras: async () => (await ask<Page<Camera>>('GET', address('/cameras'))).items ?? [],
  camera: (id: string) => ask<Camera>('GET', address(`/cameras/${id}`)),
  addCamera: (s: CameraSettings) => ask<Camera>('POST', address('/cameras'), s),
  changeCamera: (id: string, s: Partial<CameraSettings>) => ask<Camera>('PATCH', address(`/cameras/${id}`), s),
  forecast: (id: string, motion: MotionSettings, from: number, to: number, signal: AbortSignal) =>
    ask<Forecast>(
      'POST',
      address(`/cameras/${id}/motion/forecast`),
      { motion, from: stamp(from), to: stamp(to) },
      signal,
    ),
  acceptIdentity: (id: string, stream: 'main' | 'sub', found: Pins) =>
    ask<Camera>('POST', address(`/cameras/${id}/identity`), { decision: 'accept', stream, found }),
  removeCamera: (id: string) => ask<void>('DELETE', address(`/cameras/${id}`)),
  probe: (s: Pick<CameraSettings, 'url' | 'username' | 'password' | 'detect_url'>, signal?: AbortSignal) =>
    ask<Offer>('POST', address('/cameras/probe'), s, signal),
  timeline: (id: string, from: number, to: number) =>
    ask<TimelineAnswer>('GET', address(`/cameras/${id}/timeline`, { from: stamp(from), to: stamp(to) })),

  events: (f: EventFilter, signal?: AbortSignal) =>
    ask<Page<HearthEvent>>(
      'GET',
      address('/events', {
        ...f,
        from: f.from === undefined ? undefined : stamp(f.from),
        to: f.to === undefined ? undefined : stamp(f.to),
      }),
      undefined,
      signal,
    ),
  event: (id: string) => ask<HearthEvent>('GET', address(`/events/${id}`)),
  review: (id: string, reviewed = true) => ask<unknown>('POST', address(`/events/${id}/review`), { reviewed }),
  hold: (id: string) => ask<unknown>('POST', address(`/events/${id}/hold`)),
  release: (id: string) => ask<unknown>('POST', address(`/events/${id}/release`)),

  storage: () => ask<StorageAnswer>('GET', address('/storage')),
  addVolume: (path: string) => ask<Volume>('POST', address('/volumes'), { path }),
  makeRecoveryKey: (password: string) => ask<RecoveryKeyAnswer>('POST', address('/recovery-key'), { password }),
  diagnostics: () => ask<Diagnostics>('GET', address('/diagnostics')),
  /** Where what was shown is saved from. */
  diagnosticsFile: (id: string) => address(`/diagnostics/${id}/zip`),
  settings: () => ask<Settings>('GET', address('/settings')),
  switchHouse: (privacy: PrivacyChange) => ask<Settings>('PATCH', address('/settings'), { privacy }),
  people: async () => (await ask<Page<Person>>('GET', address('/users'))).items ?? [],
  addPerson: (name: string, password: string, role: Role) =>
    ask<Person>('POST', address('/users'), { name, password, role }),
  removePerson: (id: string) => ask<void>('DELETE', address(`/users/${id}`)),
  logOutEverywhere: (id: string) => ask<void>('DELETE', address(`/users/${id}/sessions`)),
  removeFactors: (id: string) => ask<void>('DELETE', address(`/users/${id}/factors`)),
  invitations: async () => (await ask<Page<Invitation>>('GET', address('/invitations'))).items ?? [],
  remote: () => ask<RemoteAnswer>('GET', address('/remote')),
  setRemote: (remote: RemoteChange) => ask<Settings>('PATCH', address('/settings'), { remote }),
  checkRemote: () => ask<ReachAnswer>('POST', address('/remote/check')),
  rotateRemote: () => ask<void>('POST', address('/remote/key')),
  devices: async () => (await ask<Page<Device>>('GET', address('/remote/peers'))).items ?? [],
  addDevice: (name: string, user?: string) => ask<NewDevice>('POST', address('/remote/peers'), { name, user }),
  renameDevice: (id: string, name: string) => ask<Device>('PATCH', address(`/remote/peers/${id}`), { name }),
  recodeDevice: (id: string) => ask<NewDevice>('POST', address(`/remote/peers/${id}/code`), {}),
  approveDevice: (id: string) => ask<Device>('POST', address(`/remote/peers/${id}/approve`)),
  removeDevice: (id: string) => ask<void>('DELETE', address(`/remote/peers/${id}`)),
  invite: (v: NewInvitation) => ask<Invited>('POST', address('/invitations'), v),
  withdraw: (id: string) => ask<void>('DELETE', address(`/invitations/${id}`)),
  invitedTo: (secret: string) => ask<JoinLook>('POST', address('/join/look'), { secret }),
  join: (secret: string, name: string, password: string) =>
    ask<Me>('POST', address('/join'), { secret, name, password }),
  tokens: async () => (await ask<Page<ApiToken>>('GET', address('/tokens'))).items ?? [],
  makeToken: (v: { name: string; grants: Grant[]; metrics: boolean; until?: string }) =>
    ask<MadeToken>('POST', address('/tokens'), v),
  revokeToken: (id: string) => ask<void>('DELETE', address(`/tokens/${id}`)),
  setGrants: (id: string, grants: Grant[]) => ask<unknown>('PUT', address(`/users/${id}/grants`), grants),
  audit: (f: AuditFilter, cursor?: string) =>
    ask<AuditAnswer>(
      'GET',
      address('/audit', { ...auditQuery(f), user: f.user, denied: f.denied || undefined, cursor }),
    ),
  myAudit: (f: AuditFilter, cursor?: string) =>
    ask<AuditAnswer>('GET', address('/audit/mine', { ...auditQuery(f), cursor })),
  /** Where the whole log is saved from. */
  auditFile: (format: 'jsonl' | 'csv') => address('/audit/export', { format }),
};

/** A picture in the browser's memory; `free` it when it is not shown any more. */
export interface Picture {
  url: string;
  /** When it was taken, ms since 1970. */
  taken: number;
  free: () => void;
}

/** The newest picture of a camera. Making it costs the box something: ask only where nothing else is shown. */
export async function snapshot(id: string, signal: AbortSignal): Promise<Picture> {
  const answer = await fetch(address(`/cameras/${id}/snapshot.jpg`), { signal, cache: 'no-store' });
  if (!answer.ok) throw await problem(answer);
  const url = URL.createObjectURL(await answer.blob());
  const taken = time(answer.headers.get('Hearth-Time') ?? '');
  return { url, taken: Number.isNaN(taken) ? Date.now() : taken, free: () => URL.revokeObjectURL(url) };
}

/** Addresses that the browser itself opens. */
export const at = {
  live: (id: string, stream: 'main' | 'sub') => {
    const { protocol, host } = location;
    return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${address(`/cameras/${id}/live`, { stream })}`;
  },
  /** What is seen to move now. */
  motion: (id: string) => address(`/cameras/${id}/motion`),
  /** Of a time that was recorded more than once, `beneath` leaves out so many of the latest recordings. */
  footage: (id: string, from: number, to: number, stream: 'main' | 'sub', beneath = 0) =>
    address(`/cameras/${id}/footage`, { from: stamp(from), to: stamp(to), stream, beneath: beneath || undefined }),
  frame: (id: string, moment: number, stream: 'main' | 'sub', beneath = 0) =>
    address(`/cameras/${id}/frame`, { at: stamp(moment), stream, beneath: beneath || undefined }),
  export: (id: string, from: number, to: number, beneath = 0) =>
    address(`/cameras/${id}/export.mp4`, { from: stamp(from), to: stamp(to), beneath: beneath || undefined }),
  /** The same as an archive that can be checked elsewhere. */
  signedExport: (id: string, from: number, to: number, beneath = 0) =>
    address(`/cameras/${id}/export.zip`, { from: stamp(from), to: stamp(to), beneath: beneath || undefined }),
  thumbnail: (id: string) => address(`/events/${id}/thumbnail.jpg`),
  chapter: (id: string, chapter: string) => address(`/events/${id}/chapters/${chapter}/thumbnail.jpg`),
  /** What happened in three seconds: a small film that is fetched whole. */
  preview: (id: string) => address(`/events/${id}/preview.mp4`),
  news: () => address('/stream'),
};
