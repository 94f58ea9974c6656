/** The words of `/api/v1` as the page uses them. Times are RFC 3339 texts here; `time()` makes them milliseconds. */

export type Role = 'owner' | 'adult' | 'guest';
export type Verb = 'live' | 'events' | 'footage' | 'export' | 'manage';
export const VERBS: Verb[] = ['live', 'events', 'footage', 'export', 'manage'];

export interface Me {
  id: string;
  name: string;
  role: Role;
  /** By a device in the tunnel, from afar maybe. */
  away?: boolean;
}

/** How somebody logs in beyond the password. */
export interface Signin {
  totp?: { since: string; recovery_codes: number };
  passkeys: {
    /** The browser came by a name; an address cannot have passkeys. */
    possible: boolean;
    /** An address with a name, to come by for passkeys. */
    instead?: string;
    items: Passkey[];
  };
}

export interface Passkey {
  id: string;
  name: string;
  /** The name of the box that it opens under. */
  host: string;
  created: string;
  used?: string;
}

/** The first half of making or showing a passkey. */
export interface Ceremony {
  ticket: string;
  options: unknown;
}

/** An authenticator app that is being added. */
export interface NewTotp {
  secret: string;
  uri: string;
  qr_svg: string;
}

/** A browser or program that somebody is logged in with. */
export interface LoginSession {
  id: string;
  device: string;
  from: string;
  created: string;
  seen: string;
  expires: string;
  current: boolean;
  way?: 'password' | 'code' | 'recovery-code' | 'passkey';
}

/** A corner of a polygon, parts of the picture's width and height. */
export type Point = [number, number];

export interface Zone {
  name: string;
  polygon: Point[];
  /** Of its own; absent: as for the whole picture. */
  sensitivity?: number;
  /** The part of the picture that the frame around something has to cover to count here. */
  min_size?: number;
}

export interface MotionSettings {
  /** 0 only what is large and clear, 1 everything. */
  sensitivity: number;
  zones?: Zone[];
  masks?: Point[][];
  /** What moves outside of all zones does not count. */
  only_zones?: boolean;
  /** Nothing is looked at. */
  off?: boolean;
  /** How many events begin in an hour; the rest is summed up. Absent: as many as suits most cameras. */
  events_per_hour?: number;
}

/** How many events other settings would have made. */
export interface Forecast {
  from: string;
  to: string;
  /** When anything is known of first; absent: nothing is. */
  since?: string;
  events: number;
  /** With other sensitivities of the whole picture. */
  levels: { sensitivity: number; events: number }[];
}

/** What was seen in one picture. */
export interface Sight {
  at: string;
  moving: boolean;
  regions?: Region[];
  zones?: string[];
  /** The least sensitivity at which something would move, around `where`. */
  needs?: number;
  where?: Region;
}

export interface Limits {
  /** 0 means none. */
  bytes?: number;
  days?: number;
  /** For footage around events, when that stays longer. */
  event_days?: number;
}

export type RecordMode = 'continuous' | 'motion' | 'off';
export type Transport = 'tcp' | 'udp' | 'auto';
export type DecoderChoice = 'auto' | 'software' | 'vaapi' | 'cuda' | 'v4l2m2m';

/** What an owner says about a camera. A password that is not given stays as it was. */
export interface CameraSettings {
  name: string;
  url: string;
  username?: string;
  password?: string;
  detect_url?: string;
  record: RecordMode;
  audio: boolean;
  transport?: Transport;
  limits?: Limits;
  /** The disk to record to; `DATA_FOLDER` for the box's own. */
  volume?: string;
  motion?: MotionSettings;
  decoder?: DecoderChoice;
  privacy?: PrivacyChange;
}

/** A stream as it comes in, or as a camera offers it. */
export interface StreamInfo {
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  audio?: string;
  audio_problem?: string;
  problem?: string;
  mime?: string;
}

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Hours of a day in which it is private; a `to` that is not after `from` is on the next day. No days: every day. */
export interface Hours {
  days?: Day[] | null;
  from: string;
  to: string;
}

/** A rule of privacy, a camera's own or the house's, as it holds now. */
export interface Privacy {
  on: boolean;
  until?: string;
  by_hand?: boolean;
  schedule: Hours[];
  warning?: string;
}

export interface PrivacyChange {
  on?: boolean;
  until?: string;
  schedule?: Hours[];
}

/** How the way in from afar is doing; what is for owners is absent for others. */
export interface RemoteAnswer {
  enabled: boolean;
  open: boolean;
  url?: string;
  here?: boolean;
  trouble?: string;
  port?: number;
  endpoint?: string;
  assumed_endpoint?: string;
  ipv6?: boolean;
  public_key?: string;
  heard_outside?: string;
  at_home?: boolean;
}

export interface RemoteChange {
  enabled?: boolean;
  port?: number;
  endpoint?: string;
  ipv6?: boolean;
}

/** What a test of the way in found. */
export interface ReachAnswer {
  verdict: string;
  endpoint?: string;
  addresses: string[];
  own?: boolean;
  trouble?: string;
  device?: string;
  when?: string;
  heard_outside?: string;
}

/** A phone or computer that may come in from afar. */
export interface Device {
  id: string;
  name: string;
  user: string;
  user_name: string;
  created: string;
  pending?: boolean;
  needs_code?: boolean;
  online?: boolean;
  last_seen?: string;
  last_from?: string;
  bytes_in: number;
  bytes_out: number;
  address?: string;
  trouble?: 'doubled' | 'clock';
}

/** The same with its code, which is shown once. */
export interface NewDevice extends Device {
  config: string;
  qr_svg: string;
  url: string;
  home_only?: boolean;
}

export interface Settings {
  name: string;
  /** For owners. */
  privacy?: Privacy;
}

export type CameraState = 'online' | 'connecting' | 'offline' | 'quarantined' | 'private';

/** What a camera is known again by; what is absent was not learned. */
export interface Pins {
  tls_key?: string;
  mac?: string;
  serial?: string;
  server?: string;
  realm?: string;
  tool?: string;
}

/** What a camera is known by, and what answered in its place. */
export interface Identity {
  pinned: Pins;
  found?: {
    pins: Pins;
    doubt: 'device' | 'make' | 'unseen';
    differs: string[];
    at: string;
    like: { id: string; name: string }[];
  };
}

/** A camera as the asker may know it; what is optional here is for those who may manage it. */
export interface Camera {
  id: string;
  name: string;
  state: CameraState;
  since?: string;
  /** While it is private: when it looks again by itself, and why it does not. */
  private_until?: string;
  private_by?: 'hand' | 'schedule' | 'house' | 'clock';
  /** A sentence for the owner. */
  problem?: string;
  main?: StreamInfo;
  sub?: StreamInfo;
  /** What the asker may do. */
  verbs: Verb[];
  record: RecordMode;
  recorded: { active: boolean; bytes: number; oldest?: string; lost: number };
  url?: string;
  username?: string;
  has_password?: boolean;
  detect_url?: string;
  transport?: Transport;
  audio?: boolean;
  limits?: Limits;
  volume?: string;
  motion?: MotionSettings;
  decoder?: DecoderChoice;
  /** What decoder can be on this machine. */
  decoders?: DecoderChoice[];
  vision?: Vision;
  identity?: Identity;
  sub_identity?: Identity;
  privacy?: Privacy;
}

/** How the worker that looks for motion does. */
export interface Vision {
  mode: 'stopped' | 'waiting' | 'calm' | 'watching' | 'attentive';
  /** Why it is in its mode, in the box's words. */
  why: string;
  /** Empty until the first picture. */
  decoder: string;
  /** Why not other. */
  decoder_why?: string;
  hardware_failures: number;
  hardware_retry_at?: string;
  problem?: string;
  /** What it cannot do, and what it can because this machine's kernel has not the means to forbid it. */
  sandbox?: string;
  unprotected?: string;
  /** How far the sizes of pictures are trusted to foretell motion, 0 to 1; from 0.5 on they are heeded. */
  hint: { trust: number; why?: string; led: number; right: number };
  /** Over the last minutes: how many seconds that is, processor time per minute, pictures. */
  cost: { seconds: number; cpu: number; received: number; decoded: number };
}

/** A moving area, parts of the picture's width and height. */
export interface Region {
  x: number;
  y: number;
  w: number;
  h: number;
  score?: number;
}

/** A part of a long event, or one of the visits that are summed up. */
export interface Chapter {
  id: string;
  from: string;
  to: string;
  score: number;
  /** When its picture was taken; absent: there is none, or not yet. */
  best?: string;
}

export interface HearthEvent {
  id: string;
  camera: string;
  /** Something moved, something was done to the camera, or it shows nothing new. */
  kind: 'motion' | 'tamper' | 'frozen' | (string & {});
  /** Of tamper: covered, turned or defocused. */
  detail?: string;
  start: string;
  /** Absent while it goes on. */
  end?: string | null;
  score: number;
  /** All that moved. */
  regions?: Region[] | null;
  /** What moved in the moment of the thumbnail. */
  thumb_region?: Region;
  zones?: string[] | null;
  has_thumb: boolean;
  reviewed: boolean;
  held: boolean;
  /** It sums up so many visits beyond what an hour may have. */
  visits?: number;
  /** In order; absent: it has one part. Of what is wrong with a camera: the last moment at which all was well. */
  chapters?: Chapter[];
}

export interface EventFilter {
  camera?: string;
  from?: number;
  to?: number;
  kind?: string;
  reviewed?: boolean;
  held?: boolean;
  limit?: number;
  cursor?: string;
}

export interface Page<T> {
  items: T[];
  next?: string;
}

export interface TimelineAnswer {
  spans: { from: string; to: string }[] | null;
  motion: { from: string; to: string; score: number }[] | null;
  gaps: { from: string; to: string; reason: string }[] | null;
  /** Recorded before the box knew the time. */
  unsure?: { from: string; to: string }[];
  /** Recorded more than once, because the clock was set back. */
  twice?: { from: string; to: string; times: number }[];
}

/** What a camera that was tried offers. */
export interface Offer {
  main: StreamInfo;
  sub?: StreamInfo;
  /** Why the given small stream does not work. */
  sub_problem?: string;
  /** A JPEG, base64. */
  picture?: string;
  suggestions: { detect_url?: string };
}

/** What an owner hands to whoever helps: all texts of it. */
export interface Diagnostics {
  /** To save exactly this. */
  id: string;
  files: { name: string; text: string }[];
}

/** The totals are for owners. */
export interface StorageAnswer {
  total_bytes?: number;
  /** 0: none but the free space that is kept. */
  limit_bytes?: number;
  free_bytes?: number;
  disk_bytes?: number;
  floor_bytes?: number;
  /** Recording stands still because nothing more can be let go. */
  full?: boolean;
  oldest?: string;
  /** Of footage that will be kept at the present rate; absent while that is not known. */
  days?: number;
  cameras: CameraStorage[];
  /** The disks, the box's own first. */
  volumes?: Volume[];
  recovery?: Recovery;
  /** Of the key that exports are signed with. */
  fingerprint?: string;
}

export interface CameraStorage {
  id: string;
  bytes: number;
  oldest?: string;
  /** Of footage that will be kept at the present rate; absent while that is not known. */
  days?: number;
  /** The same around events, where that stays longer. */
  event_days?: number;
}

export type VolumeState = 'well' | 'full' | 'missing' | 'foreign' | 'read-only';

/** A disk with footage. What is meant for one in trouble goes nowhere else. */
export interface Volume {
  id: string;
  path: string;
  state: VolumeState;
  /** In the words of the box. */
  problem?: string;
  /** Since when there is trouble. */
  since?: string;
  bytes: number;
  free_bytes: number;
  disk_bytes: number;
  /** Free space that is kept. */
  floor_bytes: number;
}

/** How a camera names the box's own disk. */
export const DATA_FOLDER = '00000000-0000-0000-0000-000000000000';

export interface Recovery {
  /** When the key was made; absent: there is none. */
  made?: string;
  last_snapshot?: string;
  problem?: string;
}

/** A recovery key, which the box tells this once. */
export interface RecoveryKeyAnswer {
  key: string;
  made: string;
}

/** Whether the box waits for its first owner. */
export interface SetupAnswer {
  needed: boolean;
  /** Who asks from here needs what `hearth setup-code` prints. */
  needs_code: boolean;
}

export interface Grant {
  camera: string;
  verbs: Verb[];
  until?: string | null;
}

export interface Person {
  id: string;
  name: string;
  role: Role;
  /** A code is asked for after the password. */
  second_factor: boolean;
  grants?: Grant[] | null;
  last_seen?: string | null;
}

/** A program's way in, without its secret. */
export interface ApiToken {
  id: string;
  name: string;
  user_name: string;
  grants: Grant[];
  metrics: boolean;
  until?: string;
  last_used?: string;
  last_from?: string;
}

/** With the secret, shown once. */
export interface MadeToken extends ApiToken {
  token: string;
}

export interface NewInvitation {
  name: string;
  role: Role;
  grants: Grant[];
  /** For how long it is open; at most 168. */
  hours: number;
}

export interface Invitation {
  id: string;
  name: string;
  role: Role;
  grants: Grant[];
  until: string;
  by: string;
}

/** What is shown once: the way in for whoever is invited. */
export interface Invited extends Invitation {
  link: string;
  qr_svg: string;
}

/** What an invitation invites to. */
export interface JoinLook {
  house: string;
  by: string;
  name: string;
  role: Role;
  cameras: { name: string; verbs: Verb[]; until?: string }[];
  until: string;
}

/** One line of the log: who did what, with which camera, looking at which span, from where. */
export interface AuditLine {
  /** Absent in one's own view. */
  id?: string;
  at: string;
  user?: string;
  user_name?: string;
  /** One's own view: it was the reader's own doing. */
  self?: boolean;
  camera?: string;
  /** "login", "live", "footage", "camera.change", … */
  action: string;
  denied?: boolean;
  detail?: string;
  /** The address that it was done from. */
  from?: string;
  /** The name of the API token that it was done with. */
  token?: string;
  /** What was looked at, from its first to its last moment. */
  saw?: { from: string; to: string };
  /** What of that exactly, when it was not all. */
  pieces?: { from: string; to: string }[];
}

/** One part of the log. */
export interface AuditAnswer extends Page<AuditLine> {
  /** What is wrong with the log itself, in sentences. */
  trouble?: string[];
}

/** Times in ms since 1970. */
export interface AuditFilter {
  user?: string;
  camera?: string;
  sawFrom?: number;
  sawTo?: number;
  denied?: boolean;
}
