import type {ComponentType} from 'preact';
import {useCallback, useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {ApiError, api, keepSession, type Session} from './api';
import {link, parseRoute, type Route} from './logic/route';
import logo from './ocelli.svg';
import {Access} from './pages/access';
import {Archive} from './pages/archive';
import {Archives} from './pages/archives';
import {Camera} from './pages/camera';
import {Live} from './pages/live';
import {Login} from './pages/login';
import {People} from './pages/people';
import {Person} from './pages/person';
import {Search} from './pages/search';
import {Status} from './pages/status';
import {AccountContext, SayContext, type Account, type Say}
  from './parts/context';
import {useNoStrayDrops} from './parts/drop_zone';
import {Icon, type IconName} from './parts/icon';
import {Empty, Loading, Trouble} from './parts/message';
import {UploadPanel, UploadsContext, useUploads} from './parts/uploads';
import {ThemeButton, UserMenu} from './parts/user_menu';

const kTabs: {page: string, title: string, icon: IconName}[] = [
  {page: 'live', title: 'Live', icon: 'live'},
  {page: 'people', title: 'People', icon: 'people'},
  {page: 'search', title: 'Search', icon: 'search'},
  {page: 'archive', title: 'Archive', icon: 'archive'},
  {page: 'status', title: 'Status', icon: 'status'},
];

// The page of a route, and with one more argument the page of one thing.
const kPages: Record<string, ComponentType<{route: Route}>> = {
  'live': Live,
  'live/': Camera,
  'people': People,
  'people/': Person,
  'search': Search,
  'archive': Archives,
  'archive/': Archive,
  'status': Status,
  'access': Access,
};

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parseRoute(location.hash));
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return route;
}

function Navigation({page}: {page: string}) {
  return (
    <nav class="tabs" aria-label="Pages">
      {kTabs.map((tab) => (
        <a key={tab.page} href={link(tab.page)}
           aria-current={tab.page === page ? 'page' : undefined}>
          <Icon name={tab.icon} /><span>{tab.title}</span>
        </a>
      ))}
    </nav>
  );
}

interface Notice {
  text: string;
  kind: 'good'|'bad';
}

function useNotice() {
  const [notice, setNotice] = useState<Notice|null>(null);
  const timer = useRef(0);
  const say = useCallback<Say>((text, kind = 'good') => {
    clearTimeout(timer.current);
    setNotice({text, kind});
    timer.current = window.setTimeout(
        () => setNotice(null), kind === 'bad' ? 12000 : 5000);
  }, []);
  return {notice, say, dismiss: () => setNotice(null)};
}

function Pages({route}: {route: Route}) {
  const main = useRef<HTMLElement>(null);
  const uploads = useUploads();
  const first = useRef(true);
  const place = [route.page, ...route.args].join('/');
  const Page = kPages[route.page + (route.args.length ? '/' : '')];
  useEffect(() => {
    const tab = kTabs.find((one) => one.page === route.page);
    document.title =
        [...route.args, tab?.title ?? (Page ? 'Access' : ''), 'Ocelli'].filter(Boolean).join(' · ');
    // So that Tab and a screen reader begin at the new page.
    if (!first.current) main.current?.focus();
    first.current = false;
    window.scrollTo(0, 0);
  }, [place]);
  return (
    <main id="page" ref={main} tabIndex={-1}>
      <UploadPanel uploads={uploads} />
      <UploadsContext.Provider value={uploads}>
        {Page ? <Page key={place} route={route} /> :
          <Empty icon="warning" title="There is no such page">
            <p><a href={link('live')}>Go to the live pictures</a></p>
          </Empty>}
      </UploadsContext.Provider>
    </main>
  );
}

// Loads who is at the page: null while it is not known.
function useWho() {
  const [session, setSession] = useState<Session|null>(null);
  const [locked, setLocked] = useState(false);
  const [error, setError] = useState<Error|null>(null);
  const load = useCallback(async () => {
    setError(null);
    try {
      const found = await api.session();
      keepSession(found, () => setLocked(true));
      setSession(found);
      setLocked(!(found.scopes ?? []).length);
    } catch (caught) {
      const refused = caught instanceof ApiError && caught.status === 401;
      setLocked(refused);
      if (!refused) setError(caught as Error);
    }
  }, []);
  useEffect(() => void load(), []);
  const ended = useCallback(() => {
    keepSession(null, () => {});
    setSession(null);
    setLocked(true);
  }, []);
  return {session, locked, error, load, ended};
}

export function App() {
  const route = useRoute();
  const {session, locked, error, load, ended} = useWho();
  const {notice, say, dismiss} = useNotice();
  useNoStrayDrops();
  const account = useMemo<Account>(() => ({
    user: session?.kind === 'user' ? session.name ?? '' : '',
    // An administrator may all.
    may: (scope) => (session?.scopes ?? []).some(
        (one) => one === scope || one === 'admin'),
  }), [session]);

  return (
    <AccountContext.Provider value={account}>
      <SayContext.Provider value={say}>
        <a class="skip" href="#page" onClick={(event) => {
          event.preventDefault();
          document.getElementById('page')?.focus();
        }}>Skip to the page</a>
        <header class="bar">
          <a class="brand" href={link('live')} aria-label="Ocelli, start page">
            <img src={logo} alt="" width={26} height={26} /><span>Ocelli</span>
          </a>
          {session && !locked && <Navigation page={route.page} />}
          <div class="bar-end">
            <ThemeButton />
            {session && !locked &&
                <UserMenu scopes={session.scopes ?? []} ended={ended} />}
          </div>
        </header>
        {locked ? <Login loggedIn={load} /> :
         session ? <Pages route={route} /> :
         <main id="page" tabIndex={-1}>
           {error ? <Trouble error={error} retry={load} /> :
                    <Loading what="the page" />}
         </main>}
        <div class="notices" role="status" aria-live="polite">
          {notice &&
            <div class={`notice ${notice.kind}`}>
              <Icon name={notice.kind === 'bad' ? 'warning' : 'check'} />
              <span>{notice.text}</span>
              <button type="button" class="quiet icon-only"
                      aria-label="Dismiss" onClick={dismiss}>
                <Icon name="close" /></button>
            </div>}
        </div>
      </SayContext.Provider>
    </AccountContext.Provider>
  );
}
