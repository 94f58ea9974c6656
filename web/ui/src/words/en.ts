import { away } from './en/away';
import { camera } from './en/camera';
import { cameras, decoder, identity } from './en/cameras';
import { join, login, setup } from './en/door';
import { events } from './en/events';
import { home, tile } from './en/home';
import { diagnostics, log } from './en/log';
import { looking } from './en/looking';
import { ago, bytes, length, list, span } from './en/measures';
import { motion } from './en/motion';
import { common, nav } from './en/page';
import { invite, people, tokens } from './en/people';
import { privacy } from './en/privacy';
import { recovery } from './en/recovery';
import { storage } from './en/storage';
import { you } from './en/you';

/**
 * Every sentence of the page, in English, by what it is about. Another language is another file of the same shape
 * (`Words`). Short, warm, no jargon; an error says what to do.
 */
export const en = {
  language: 'en',
  name: 'Hearth',
  span,
  length,
  list,
  bytes,
  ago,

  nav,
  common,
  login,
  setup,
  home,
  tile,
  privacy,
  events,
  camera,
  decoder,
  cameras,
  looking,
  motion,
  identity,
  storage,
  recovery,
  people,
  away,
  invite,
  tokens,
  join,
  you,
  diagnostics,
  log,
};

export type Words = typeof en;
