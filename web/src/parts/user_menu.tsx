import {useEffect, useRef, useState} from 'preact/hooks';
import {ApiError, api, type Scope} from '../api';
import {ActionDialog} from './dialog';
import {link} from '../logic/route';
import {useAccount, useSay} from './context';
import {Icon} from './icon';
import {errorText} from './message';
import {nextTheme, themeName, useTheme} from './theme';

async function change(old: string, fresh: string) {
  try {
    await api.changePassword(old, fresh);
  } catch (error) {
    const refused = error instanceof ApiError && error.status === 403;
    throw refused ? new ApiError(400, error.code, 'Not your password') : error;
  }
}

function ChangePassword({close, changed}:
    {close: () => void, changed: () => void}) {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const differ = again !== '' && fresh !== again;
  return (
    <ActionDialog title="Change password" action="Change" close={close}
                  disabled={!old || !fresh || fresh !== again}
                  run={async () => {
                    await change(old, fresh);
                    changed();
                  }}>
      <p class="note">All sessions of this account end, this one too.</p>
      <label class="field"><span>Password now</span>
        <input type="password" autocomplete="current-password" value={old}
               onInput={(event) => setOld(event.currentTarget.value)} />
      </label>
      <label class="field"><span>New password</span>
        <input type="password" autocomplete="new-password" value={fresh}
               onInput={(event) => setFresh(event.currentTarget.value)} />
      </label>
      <label class="field"><span>New password again</span>
        <input type="password" autocomplete="new-password" value={again}
               onInput={(event) => setAgain(event.currentTarget.value)} />
      </label>
      {differ && <p class="form-error">The two are not the same.</p>}
    </ActionDialog>
  );
}

export function ThemeButton() {
  const [theme, setTheme] = useTheme();
  return (
    <button type="button" class="quiet icon-only" title={themeName(theme)}
            aria-label={`${themeName(theme)}; change`}
            onClick={() => setTheme(nextTheme(theme))}>
      <Icon name="theme" />
    </button>
  );
}

export function UserMenu({scopes, ended}:
    {scopes: Scope[], ended: () => void}) {
  const {user, may} = useAccount();
  const [open, setOpen] = useState(false);
  const [changing, setChanging] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const say = useSay();
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!menu.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);
  const logOut = async () => {
    try {
      await api.logOut();
      ended();
    } catch (error) {
      say(errorText(error as Error), 'bad');
    }
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && open) {
      event.stopPropagation();
      setOpen(false);
      menu.current?.querySelector('button')?.focus();
    }
  };
  return (
    <div class="menu" ref={menu} onKeyDown={keys}>
      <button type="button" class="quiet" aria-expanded={open}
              aria-label={user ? `Account ${user}` : 'Account'}
              onClick={() => setOpen(!open)}>
        <Icon name="user" />
        {user && <span class="user-name">{user}</span>}
      </button>
      {open &&
        <div class="menu-items">
          {user ?
            <p><strong>{user}</strong><br />
              <span class="note">may {scopes.join(', ')}</span></p> :
            <p class="note">This service is open: whoever reaches it may do
              everything. <code>ocelli user add NAME</code> locks it.</p>}
          {may('admin') &&
            <a class="button quiet" href={link('access')}
               onClick={() => setOpen(false)}>Keys and changes</a>}
          {user &&
            <>
              <button type="button" class="quiet"
                      onClick={() => { setOpen(false); setChanging(true); }}>
                Change password</button>
              <button type="button" class="quiet" onClick={logOut}>
                Log out</button>
            </>}
        </div>}
      {changing &&
          <ChangePassword close={() => setChanging(false)} changed={ended} />}
    </div>
  );
}
