import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { en } from './en';

const ROOT = join(import.meta.dirname, '../../../..');

/** The texts in the sources of some packages that match. */
function texts(folders: string[], pattern: RegExp): string[] {
  const found: string[] = [];
  for (const folder of folders) {
    for (const file of readdirSync(join(ROOT, folder))) {
      if (!file.endsWith('.go') || file.endsWith('_test.go')) continue;
      for (const m of readFileSync(join(ROOT, folder, file), 'utf8').matchAll(pattern)) found.push(m[1]!);
    }
  }
  return [...new Set(found)].sort();
}

/** Every reason that the box gives for a stretch without footage, by the places in its sources that make them. */
const sources: [string, string[], RegExp, number][] = [
  ['the receiver of a camera', ['nvr/camera'], /\breason[A-Z]\w* += "([^"]+)"/g, 10],
  ['the privacy switch', ['nvr'], /\bgapPrivate\s+= "([^"]+)"/g, 1],
  ['the recorder', ['nvr/record'], /\.(?:end|stop|pause)\("([^"]+)"\)/g, 4],
  ['notes in the files', ['storage/commit', 'storage/recovery'], /\b[Rr]eason: "([^"]+)"/g, 3],
  ['the timeline', ['storage'], /Reason: "([^"]+)"/g, 1],
  ['a hole of the timeline', ['storage'], /^\t+return "((?:Hearth|nothing)[^"]+)"$/gm, 2],
  ['what is let go of', ['storage/ledger', 'storage/index'], /\b(?:LetGo|letGo) += "([^"]+)"/g, 1],
];

describe('the words for a gap', () => {
  const known = new Set(en.camera.knownGaps);
  const said: string[] = [];

  it.each(sources)('are there for %s', (_, folders, pattern, least) => {
    const found = texts(folders, pattern);
    said.push(...found);
    expect(found.length).toBeGreaterThanOrEqual(least);
    expect(found.filter((r) => !known.has(r))).toEqual([]);
  });

  it('are there for each trouble with a disk', () => {
    const pass = readFileSync(join(ROOT, 'storage/commit/pass.go'), 'utf8');
    const body = /^func reason\(err error\) string \{\n([\s\S]*?)^\}/m.exec(pass)?.[1] ?? '';
    const found = [...body.matchAll(/return "([^"]+)"/g)].map((m) => m[1]!);
    said.push(...found);
    expect(found.length).toBeGreaterThanOrEqual(6);
    expect(found.filter((r) => !known.has(r))).toEqual([]);
  });

  it('are not there for what nobody says', () => {
    expect([...known].filter((r) => !said.includes(r))).toEqual([]);
  });

  it('are sentences, also for a reason that is new', () => {
    for (const r of known) expect(en.camera.gap(r)).toMatch(/^[A-Z].*[^.]$/);
    expect(en.camera.gap('a comet')).toBe('Not recorded: a comet');
  });
});
