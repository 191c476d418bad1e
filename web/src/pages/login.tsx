import {useEffect, useRef, useState} from 'preact/hooks';
import {ApiError, api} from '../api';
import logo from '../ocelli.svg';
import {errorText} from '../parts/message';

export function Login({loggedIn}: {loggedIn: () => void}) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      await api.logIn(name, password);
      loggedIn();
    } catch (caught) {
      setBusy(false);
      setPassword('');
      const refused = caught instanceof ApiError && caught.status === 401;
      setError(refused ? 'Name and password do not belong together.' :
                         errorText(caught as Error));
      first.current?.focus();
    }
  };
  return (
    <main class="login" id="page" tabIndex={-1}>
      <form class="panel" onSubmit={submit}>
        <img src={logo} alt="" width={56} height={56} />
        <h1>Log in to Ocelli</h1>
        <label class="field"><span>Name</span>
          <input ref={first} name="name" autocomplete="username" required
                 value={name} maxLength={200} autocapitalize="none"
                 onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label class="field"><span>Password</span>
          <input type="password" name="password" required value={password}
                 autocomplete="current-password"
                 onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        {error && <p class="form-error" role="alert">{error}</p>}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Logging in …' : 'Log in'}</button>
        <p class="note">No account? An administrator makes one:{' '}
          <code>ocelli user add NAME</code></p>
      </form>
    </main>
  );
}
