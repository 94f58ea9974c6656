/**
 * Every sentence of the page, in English. Another language is another file of the same shape (`Words`).
 * Short, warm, no jargon; an error says what to do.
 */

const plural = (n: number, one: string, many: string): string => (n === 1 ? `${n} ${one}` : `${n} ${many}`);

/** "now", "5 min", "3 h", "2 days": how long something lasts or is ago. */
const span = (ms: number): string => {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return plural(Math.round(s / 86_400), 'day', 'days');
};

const length = (ms: number): string => {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  return s % 60 === 0 ? `${m} min` : `${m} min ${s % 60} s`;
};

const list = (names: string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

const bytes = (n: number): string => {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let u = 0;
  while (n >= 1000 && u < units.length - 1) {
    n /= 1000;
    u++;
  }
  return `${n >= 100 || u === 0 ? Math.round(n) : n.toFixed(1)} ${units[u]}`;
};

export const en = {
  language: 'en',
  name: 'Hearth',
  span,
  length,
  list,
  bytes,
  ago: (ms: number) => (ms < 60_000 ? 'just now' : `${span(ms)} ago`),

  nav: {
    label: 'Rooms of the page',
    skip: 'Skip to the content',
    home: 'Home',
    events: 'Events',
    cameras: 'Cameras',
    storage: 'Storage',
    people: 'People',
    log: 'Log',
    more: 'More',
    logOut: 'Log out',
    account: (name: string) => `Signed in as ${name}`,
    newEvents: (n: number) => `${plural(n, 'new event', 'new events')}`,
  },

  common: {
    loading: 'One moment …',
    save: 'Save',
    cancel: 'Cancel',
    close: 'Close',
    back: 'Back',
    retry: 'Try again',
    undo: 'Undo',
    remove: 'Remove',
    edit: 'Edit',
    today: 'Today',
    yesterday: 'Yesterday',
    justNow: 'now',
    unreachable: 'The box at home does not answer. Is it switched on, and are you on the home network?',
    reconnecting: 'The box at home does not answer. Trying again …',
    somethingWrong: 'That did not work.',
    waitSeconds: (s: number) => `Too many tries. Please wait ${plural(s, 'second', 'seconds')}.`,
    notFoundTitle: 'Nothing here',
    notFound: 'This page does not exist, or it is not shared with you.',
    goHome: 'Go to Home',
  },

  login: {
    title: 'Welcome home',
    lead: 'Log in to see your cameras.',
    name: 'Name',
    password: 'Password',
    show: 'Show the password',
    hide: 'Hide the password',
    submit: 'Log in',
    busy: 'Opening the door …',
    wrong: 'Name or password is not right.',
  },

  setup: {
    title: 'Welcome to Hearth',
    lead: 'This box keeps your cameras’ pictures in your house. It needs one person who owns it: you.',
    name: 'Your name',
    nameHint: 'What shall the house call you?',
    password: 'Choose a password',
    passwordHint: 'At least 8 characters. A short sentence is good, and easy to remember.',
    code: 'Set-up code',
    codeHint: 'The box prints it with “hearth setup-code”.',
    submit: 'Make it mine',
    busy: 'Making keys …',
    promiseKeep: 'Everything stays on this box',
    promiseSee: 'Only who you allow can see',
    promiseLook: 'You can see who looked',
    tooShort: 'Please use at least 8 characters.',
    needName: 'Please give your name.',
  },

  home: {
    morning: 'Good morning',
    day: 'Good day',
    evening: 'Good evening',
    night: 'Hello',
    hello: (greeting: string, name: string) => (name ? `${greeting}, ${name}` : greeting),
    well: 'All is well at home.',
    look: 'Something needs a look.',
    wall: 'Live cameras',
    lately: 'Lately',
    allEvents: 'All events',
    latelyEmpty: 'Nothing has moved today.',
    noCamerasTitle: 'No camera yet',
    noCameras: 'Add your first camera and it will be here, live.',
    noCamerasGuest: 'No camera is shared with you yet.',
    addCamera: 'Add a camera',
    recording: (n: number, all: number) =>
      n === all
        ? `${plural(n, 'camera', 'cameras')}, all recording`
        : `${n} of ${plural(all, 'camera', 'cameras')} recording`,
    online: (n: number, all: number) =>
      n === all ? `${plural(n, 'camera', 'cameras')}, all live` : `${n} of ${plural(all, 'camera', 'cameras')} live`,
    kept: (days: number) => (days < 1 ? 'recording since today' : `${plural(days, 'day', 'days')} kept`),
    toReview: (n: number) => (n === 0 ? 'nothing to review' : `${n > 99 ? '99+' : n} to review`),
  },

  tile: {
    open: (name: string) => `Open ${name}`,
    live: 'Live',
    connecting: 'Connecting …',
    reconnecting: 'Connecting again …',
    offline: 'Offline',
    stale: 'No new picture',
    private: 'Private',
    quarantined: 'This seems to be another camera',
    unplayable: 'This browser cannot show this camera’s video.',
    refused: 'Not shared with you any more.',
    lastPicture: (ago: string) => `Last picture ${ago}`,
    since: (ago: string) => `for ${ago}`,
    moving: 'Something moves',
    fallbackCodec: 'Small picture: this browser cannot show the large one.',
    fallbackSlow: 'Small picture: the line is slow.',
  },

  events: {
    title: 'Events',
    count: (n: number) => plural(n, 'event', 'events'),
    all: 'All',
    unseen: 'New',
    held: 'Kept',
    filters: 'Which events',
    allCameras: 'All cameras',
    camera: 'Camera',
    day: 'Day',
    anyDay: 'Any day',
    clearDay: 'Show all days',
    markAll: 'Mark all seen',
    markAllDone: (n: number) => `${plural(n, 'event', 'events')} marked as seen.`,
    seen: 'Mark as seen',
    unsee: 'Mark as new',
    hold: 'Keep this for good',
    release: 'Let this go with the others',
    play: 'Play',
    pause: 'Stop',
    openAt: 'Show on the timeline',
    download: 'Save as a file',
    emptyTitle: 'All quiet',
    empty: 'Nothing has moved. Enjoy the peace.',
    emptyNewTitle: 'All seen',
    emptyNew: 'You have looked at everything that happened.',
    emptyFiltered: 'Nothing like this happened then.',
    showAll: 'Show all events',
    more: 'Show earlier events',
    end: 'That is all.',
    going: 'going on',
    motion: 'Motion',
    at: (camera: string, time: string) => `${camera}, ${time}`,
    card: (camera: string, time: string) => `motion at ${camera}, ${time}`,
    keys: 'Keys',
    keysNext: 'next and previous',
    keysPlay: 'play',
    keysSeen: 'seen',
    keysHold: 'keep',
    clipFailed: 'This clip cannot be played here.',
    newIsNew: 'new',
  },

  camera: {
    live: 'Live',
    goLive: 'Go to live',
    play: 'Play',
    pause: 'Pause',
    pausedAt: (time: string) => `Paused at ${time}`,
    stepBack: 'One picture back',
    stepForward: 'One picture forward',
    back10: 'Back 10 seconds',
    forward10: 'Forward 10 seconds',
    speed: 'Speed',
    speedOf: (r: number) => `${r === 0.5 ? '½' : r}×`,
    sound: 'Sound on',
    mute: 'Sound off',
    full: 'Whole screen',
    leaveFull: 'Leave the whole screen',
    jump: 'Go to a date',
    previousDay: 'The day before',
    nextDay: 'The day after',
    zoomIn: 'Show less time',
    zoomOut: 'Show more time',
    clip: 'Save a clip',
    clipHint: 'Drag the two handles around what you want to keep.',
    clipSave: (len: string) => `Save ${len}`,
    timeline: 'Timeline',
    timelineValue: (when: string, live: boolean) => (live ? `${when}, live` : when),
    timelineHelp:
      'Arrow keys move, with Shift further. Plus and minus zoom. End goes to live. Home goes to the start of the day.',
    loading: 'Fetching the picture …',
    nothing: 'Nothing was recorded here.',
    nothingAfter: 'Nothing was recorded at this time.',
    gap: (reason: string) =>
      reason === 'the clock was set' ? 'The clock was set here; nothing is missing' : `Not recorded: ${reason}`,
    gapPlain: 'Not recorded',
    unsure: 'The box did not know the time yet: it may be off.',
    twice: (times: number) => `Recorded ${times === 2 ? 'twice' : `${times} times`}: clock set back`,
    takeNewest: 'Show the last one',
    takeBeneath: 'Show the one before',
    failed: 'The recording cannot be fetched right now.',
    settings: 'Camera settings',
    eventsOfDay: 'On this day',
    noEvents: 'Nothing moved.',
    offline: (name: string) => `${name} is offline.`,
    offlineHint: 'You can still look at what was recorded.',
    missing: 'This camera does not exist any more, or it is not shared with you.',
  },

  cameras: {
    title: 'Cameras',
    add: 'Add a camera',
    addLead: 'Type the address that the camera’s manual or app calls “RTSP”.',
    edit: (name: string) => `${name}: settings`,
    url: 'Address',
    urlHint: 'It begins with rtsp:// and may hold name and password; they are sealed away.',
    username: 'Name at the camera',
    password: 'Password at the camera',
    passwordKept: 'unchanged',
    name: 'What do you call it?',
    namePlaceholder: 'Front door',
    look: 'Show me the picture',
    looking: 'Calling the camera …',
    lookingLong: 'Still waiting. Some cameras need ten seconds.',
    found: 'There it is',
    foundHint: 'Is this the right one? Give it a name and save.',
    picture: 'The picture of the camera',
    noPicture: 'The camera answers, but its picture could not be made here.',
    main: 'Large stream',
    sub: 'Small stream',
    none: 'none',
    detect: 'Address of the small stream',
    detectHint: 'Leave it empty: Hearth finds it by itself with most cameras.',
    record: 'Record',
    recordContinuous: 'Always',
    recordMotion: 'When something moves',
    recordOff: 'Never',
    audio: 'Sound',
    audioOn: 'Record sound too',
    audioHint: 'In many countries people must be told.',
    transport: 'How the video comes',
    transportTcp: 'Reliable (TCP)',
    transportUdp: 'Fast (UDP)',
    transportAuto: 'By itself',
    days: 'Keep at most',
    daysUnit: 'days',
    gigabytes: 'And at most',
    gigabytesUnit: 'GB',
    daysHint: 'Empty: as long as there is room.',
    sensitivity: 'How easily it notices motion',
    sensitivityLow: 'only what is large',
    sensitivityHigh: 'every leaf',
    more: 'More settings',
    save: 'Save the camera',
    saved: (name: string) => `${name} is saved.`,
    added: (name: string) => `${name} is part of the house now.`,
    remove: 'Remove this camera',
    removeLead: (name: string) => `Everything that ${name} recorded will be gone for good: its key is destroyed.`,
    removeType: (name: string) => `Type “${name}” to remove it`,
    removed: (name: string) => `${name} is removed.`,
    removing: (name: string) => `${name} will be removed`,
    emptyTitle: 'No camera yet',
    empty: 'Most cameras that speak RTSP or ONVIF work with Hearth.',
    size: (w: number, h: number) => `${w} × ${h}`,
    fps: (n: number) => `${Math.round(n)} pictures a second`,
    status: {
      online: 'Online',
      connecting: 'Connecting',
      offline: 'Offline',
      quarantined: 'Stopped: another camera?',
      private: 'Private',
    },
    needUrl: 'Please give the camera’s address.',
    needName: 'Please give the camera a name.',
  },

  storage: {
    title: 'Storage',
    lead: 'How far back you can look.',
    days: (n: number) => (n < 1 ? 'since today' : plural(n, 'day', 'days')),
    kept: 'kept',
    used: (used: string, limit: string) => `${used} of ${limit} used`,
    usedOnly: (used: string) => `${used} used`,
    free: (b: string) => `${b} free on the disk`,
    perCamera: 'By camera',
    oldest: (when: string) => `since ${when}`,
    explain: 'When the room is used up, the oldest recordings go first. Events that you keep stay.',
    empty: 'Nothing is recorded yet.',
    full: 'The disk is full and nothing more can be let go: nothing is recorded. Release events that are kept, or remove a camera.',
    share: (name: string, part: string) => `${name}: ${part} of what is recorded`,
  },

  people: {
    title: 'People',
    lead: 'Who may see what.',
    add: 'Add a person',
    name: 'Name',
    password: 'First password',
    role: 'Who is it?',
    roles: { owner: 'Owner', adult: 'Adult', guest: 'Guest' },
    roleHints: {
      owner: 'sees and changes everything',
      adult: 'sees all cameras, changes nothing',
      guest: 'sees only what you choose',
    },
    verbs: { live: 'Live', events: 'Events', footage: 'Recordings', export: 'Save files', manage: 'Change' },
    remove: 'Remove',
    removing: (name: string) => `${name} will be removed`,
    you: 'you',
    grants: (name: string) => `What ${name} may see`,
    may: (verb: string, camera: string) => `${verb}: ${camera}`,
    sees: (n: number) => (n === 0 ? 'sees nothing yet' : `sees ${plural(n, 'camera', 'cameras')}`),
    seesAll: 'sees everything',
    save: 'Add',
    saved: 'Saved.',
  },

  log: {
    title: 'Log',
    lead: 'Who looked at what. This list cannot be changed, not even by you.',
    empty: 'Nothing yet.',
    more: 'Show earlier lines',
    from: (where: string) => `from ${where}`,
    span: (from: string, to: string) => `${from} to ${to}`,
    /** One line in words; an act that this page does not know is shown as it is. */
    sentence: (who: string, act: string, camera: string, denied: boolean) => {
      const name = who || 'Somebody';
      const where = camera || 'a camera';
      const acts: Record<string, string> = {
        setup: 'set up the box',
        login: 'logged in',
        logout: 'logged out',
        live: `watched ${where} live`,
        snapshot: `looked at a picture of ${where}`,
        timeline: `looked at the timeline of ${where}`,
        footage: `watched what ${where} recorded`,
        frame: `moved through what ${where} recorded`,
        export: `saved a clip of ${where}`,
        events: 'looked at the events',
        thumbnail: `looked at an event of ${where}`,
        'camera.add': `added ${where}`,
        'camera.change': `changed ${where}`,
        'camera.remove': 'removed a camera',
        'camera.probe': 'tried a camera',
        'user.add': 'added a person',
        'user.change': 'changed a person',
        'user.remove': 'removed a person',
        'user.grants': 'changed who may see what',
        'event.review': `marked an event of ${where} as seen`,
        'event.hold': `kept an event of ${where}`,
        'event.release': `let go of an event of ${where}`,
      };
      const did = acts[act] ?? (camera ? `${act}: ${camera}` : act);
      return denied ? `${name} was refused: ${did}` : `${name} ${did}`;
    },
  },
};

export type Words = typeof en;
