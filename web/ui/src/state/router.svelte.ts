/** Real addresses, one page: `/`, `/events`, `/camera/{id}?at=…`, … */

export interface Place {
  screen:
    | 'home'
    | 'events'
    | 'camera'
    | 'cameras'
    | 'add'
    | 'edit'
    | 'storage'
    | 'people'
    | 'away'
    | 'log'
    | 'you'
    | 'join'
    | 'nowhere';
  id: string;
  query: URLSearchParams;
}

/** Reads an address. */
export function placeOf(path: string, search: string): Place {
  const [first = '', second = ''] = path.split('/').filter((p) => p !== '');
  const query = new URLSearchParams(search);
  let id: string;
  try {
    id = decodeURIComponent(second);
  } catch {
    return { screen: 'nowhere', id: '', query };
  }
  switch (first) {
    case '':
      return { screen: 'home', id: '', query };
    case 'events':
    case 'storage':
    case 'people':
    case 'away':
    case 'log':
    case 'you':
    case 'join':
      return { screen: first, id: '', query };
    case 'camera':
      return { screen: id ? 'camera' : 'nowhere', id, query };
    case 'cameras':
      return { screen: id === 'new' ? 'add' : id ? 'edit' : 'cameras', id, query };
  }
  return { screen: 'nowhere', id: '', query };
}

class Router {
  place: Place = $state.raw(placeOf(location.pathname, location.search));

  constructor() {
    addEventListener('popstate', () => {
      this.place = placeOf(location.pathname, location.search);
    });
    document.addEventListener('click', (e) => {
      const link = (e.target as Element | null)?.closest?.('a');
      if (!link || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
      const to = new URL(link.href);
      if (link.target || link.hasAttribute('download') || to.origin !== location.origin) return;
      if (to.pathname.startsWith('/api/') || to.pathname === '/trust' || (to.hash && to.pathname === location.pathname))
        return;
      e.preventDefault();
      this.go(to.pathname + to.search);
    });
  }

  go(to: string, replace = false): void {
    if (replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    const before = this.place;
    this.place = placeOf(location.pathname, location.search);
    if (!replace && (before.screen !== this.place.screen || before.id !== this.place.id)) scrollTo(0, 0);
  }

  /** Changes the address without a new screen, e.g. the moment that is watched. */
  note(to: string): void {
    history.replaceState(null, '', to);
  }
}

export const router = new Router();
