import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { en } from './en';

const ROOT = join(import.meta.dirname, '../../../..');

/** What the box may say, from its sources: the values of constants whose names begin so. */
function said(file: string, prefix: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(new RegExp(`^(?:const )?\\s*${prefix}\\w+\\s+= "([^"]+)"`, 'gm'))].map((m) => m[1]!);
}

describe('the words for how a camera is looked at', () => {
  it('are there for each reason, and for none that nobody gives', () => {
    const whys = [...said('nvr/vision/protocol/words.go', 'Why'), ...said('nvr/vision/cost.go', 'Why')];
    expect(whys.length).toBeGreaterThanOrEqual(12);
    expect(en.looking.knownWhys.toSorted()).toEqual(whys.toSorted());
    const trusts = said('nvr/vision/protocol/words.go', 'Hint');
    expect(trusts.length).toBeGreaterThanOrEqual(5);
    expect(en.looking.knownTrusts.toSorted()).toEqual(trusts.toSorted());
  });

  it('are sentences, also for a reason that is new', () => {
    for (const r of en.looking.knownWhys) expect(en.looking.why(r)).toMatch(/^[A-Z].*\.$/);
    for (const r of en.looking.knownTrusts) expect(en.looking.trustWhy(r)).toMatch(/^[A-Z].*\.$/);
    expect(en.looking.why('a comet')).toBe('a comet');
    expect(en.looking.led(1, 0)).toBe('Once it looked because of one, and nothing moved.');
    expect(en.looking.led(7, 5)).toBe('7 times it looked because of one; 5 times something moved.');
    expect(en.looking.led(7, 7)).toBe('7 times it looked because of one; each time something moved.');
  });
});
