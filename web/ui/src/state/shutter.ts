import { Problem, api, type Camera, type Privacy, type PrivacyChange } from '../api';
import { w } from '../words';
import { house } from './house.svelte';
import { untilWhen, wayBack } from './privacy';
import { toasts } from './toasts.svelte';

type Put = (change: PrivacyChange) => Promise<{ now: Privacy | undefined; text: string }>;

/** Switches at once, says what holds now, and offers the way back to `before`. */
async function switchIt(about: string, put: Put, change: PrivacyChange, before: Privacy | undefined): Promise<void> {
  toasts.forget(about);
  try {
    const { now, text } = await put(change);
    if (now?.warning) toasts.say(now.warning, 'alarm');
    else if (before) toasts.done(about, text, () => void switchIt(about, put, wayBack(before), undefined));
    else toasts.say(text);
  } catch (e) {
    toasts.say(e instanceof Problem && e.message ? e.message : w.common.somethingWrong, 'alarm');
  } finally {
    await house.refresh();
  }
}

const end = (p: Privacy | undefined): string => (p?.until ? untilWhen(p.until, Date.now()) : '');

export const switchCamera = (camera: Camera, change: PrivacyChange): Promise<void> =>
  switchIt(
    camera.id,
    async (c) => {
      const { name, privacy: now, state } = await api.changeCamera(camera.id, { privacy: c });
      const until = end(now);
      if (now?.on) return { now, text: w.privacy.isPrivate(name, until) };
      return { now, text: state === 'private' ? w.privacy.houseStays(name) : w.privacy.looks(name, until) };
    },
    change,
    camera.privacy,
  );

export const switchHouse = (change: PrivacyChange): Promise<void> =>
  switchIt(
    'house',
    async (c) => {
      const now = (await api.switchHouse(c)).privacy;
      return { now, text: now?.on ? w.privacy.houseIs(end(now)) : w.privacy.houseLooks(end(now)) };
    },
    change,
    house.privacy,
  );
