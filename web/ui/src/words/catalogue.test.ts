import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'svelte/compiler';
import { describe, expect, it } from 'vitest';
import { en } from './en';

const SRC = join(import.meta.dirname, '..');
const SPOKEN = ['aria-label', 'title', 'placeholder', 'alt', 'label'];

interface Node {
  type: string;
  data?: string;
  name?: string;
  value?: unknown;
  fragment?: { nodes: Node[] };
  [key: string]: unknown;
}

/** The literal words in a component's markup. */
function literals(file: string): string[] {
  const found: string[] = [];
  const visit = (n: unknown): void => {
    if (Array.isArray(n)) return n.forEach(visit);
    if (typeof n !== 'object' || n === null) return;
    const node = n as Node;
    if (node.type === 'Text' && /\p{L}{2,}/u.test(node.data ?? '')) found.push(node.data!.trim());
    if (node.type === 'StyleDirective') return;
    if (node.type === 'Attribute' && !SPOKEN.includes(node.name ?? '')) return;
    for (const [k, v] of Object.entries(node)) if (k !== 'css' && k !== 'instance' && k !== 'module') visit(v);
  };
  visit(parse(readFileSync(file, 'utf8'), { modern: true }).fragment);
  return found;
}

const components = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.svelte'));

describe('the catalogue', () => {
  it('is where the components are', () => expect(components.length).toBeGreaterThan(15));

  it.each(components)('holds every word of %s', (file) => {
    // What is left are names of keys and an example of an address.
    const allowed = ['rtsp://192.168.1.20/stream'];
    expect(literals(join(SRC, file)).filter((t) => !allowed.includes(t))).toEqual([]);
  });

  it('counts, lists and measures in words', () => {
    expect(en.nav.newEvents(1)).toBe('1 new event');
    expect(en.nav.newEvents(2)).toBe('2 new events');
    expect(en.list(['a', 'b', 'c'])).toBe('a, b and c');
    expect(en.bytes(1_500_000_000)).toBe('1.5 GB');
    expect(en.bytes(412)).toBe('412 bytes');
    expect(en.length(61_000)).toBe('1 min 1 s');
    expect(en.ago(10)).toBe('just now');
    expect(en.ago(3 * 3600_000)).toBe('3 h ago');
  });
});
