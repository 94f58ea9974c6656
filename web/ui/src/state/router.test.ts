import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { placeOf as PlaceOf } from './router.svelte';

let placeOf: typeof PlaceOf;
beforeAll(async () => {
  vi.stubGlobal('location', { pathname: '/', search: '' });
  vi.stubGlobal('addEventListener', () => {});
  vi.stubGlobal('document', { addEventListener: () => {} });
  ({ placeOf } = await import('./router.svelte'));
});

describe('placeOf', () => {
  it.each([
    ['/', 'home', ''],
    ['/events', 'events', ''],
    ['/camera/abc', 'camera', 'abc'],
    ['/camera/a%20b/', 'camera', 'a b'],
    ['/camera', 'nowhere', ''],
    ['/join', 'join', ''],
    ['/cameras', 'cameras', ''],
    ['/cameras/new', 'add', 'new'],
    ['/cameras/abc', 'edit', 'abc'],
    ['/storage', 'storage', ''],
    ['/elsewhere', 'nowhere', ''],
  ])('%s is %s', (path, screen, id) => expect(placeOf(path, '')).toMatchObject({ screen, id }));

  it('keeps what was asked', () => {
    expect(placeOf('/camera/abc', '?at=12').query.get('at')).toBe('12');
  });
  it('takes a broken address for none', () => {
    expect(placeOf('/camera/%E0%A4%A', '').screen).toBe('nowhere');
  });
});
