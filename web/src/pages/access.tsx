import {useState} from 'preact/hooks';
import {api, type ApiKey, type AuditEntry, type Scope} from '../api';
import {ago, date, num, timeOfDay} from '../logic/format';
import {useSay} from '../parts/context';
import {ActionDialog, Dialog} from '../parts/dialog';
import {Icon} from '../parts/icon';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble, errorText} from '../parts/message';

const kScopes: Scope[] = ['read', 'write', 'admin'];
const kDays = [0, 1, 7, 30, 90, 365];
const kDayMs = 86400e3;
const kAuditPage = 50;

function NewKey({close, made}:
    {close: () => void, made: (text: string) => void}) {
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>('read');
  const [days, setDays] = useState(90);
  return (
    <ActionDialog title="Make an API key" action="Make" close={close}
                  disabled={!name.trim()}
                  run={async () => {
                    const expires = days ?
                        new Date(Date.now() + days * kDayMs).toISOString() :
                        undefined;
                    // Who may write may read as well.
                    const scopes: Scope[] = scope === 'write' ? ['read', scope] : [scope];
                    const key =
                        await api.createKey(name.trim(), scopes, expires);
                    made(key.text ?? '');
                  }}>
      <label class="field"><span>For which program?</span>
        <input value={name} maxLength={200} required autocomplete="off"
               placeholder="door bell"
               onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field"><span>It may</span>
        <select value={scope} onChange={(event) =>
            setScope(event.currentTarget.value as Scope)}>
          <option value="read">read</option>
          <option value="write">read and write</option>
          <option value="admin">do everything</option>
        </select>
      </label>
      <label class="field"><span>Until</span>
        <select value={String(days)} onChange={(event) =>
            setDays(Number(event.currentTarget.value))}>
          {kDays.map((one) => (
            <option key={one} value={String(one)}>
              {one === 0 ? 'it is revoked' :
                  date(new Date(Date.now() + one * kDayMs).toISOString())}
            </option>
          ))}
        </select>
      </label>
    </ActionDialog>
  );
}

function ShowKey({text, close}: {text: string, close: () => void}) {
  const say = useSay();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch (error) {
      say(errorText(error as Error), 'bad');
    }
  };
  return (
    <Dialog title="The new key" close={close}>
      <p>Keep it now: it is not shown again.</p>
      <pre class="key-text">{text}</pre>
      <footer>
        {/* Browsers have no clipboard for pages without TLS. */}
        {window.isSecureContext &&
            <button type="button" onClick={copy}>Copy</button>}
        <button type="button" class="primary" onClick={close}>Done</button>
      </footer>
    </Dialog>
  );
}

function stateOf(key: ApiKey): string {
  if (key.revoked) return `revoked ${date(key.revoked)}`;
  if (!key.expires) return 'until revoked';
  const over = Date.parse(key.expires) < Date.now();
  return `${over ? 'expired' : 'until'} ${date(key.expires)}`;
}

function Keys({keys, revoke}:
    {keys: ApiKey[], revoke: (name: string) => void}) {
  return (
    <div class="table-place" tabIndex={0} role="region" aria-label="API keys">
      <table>
        <thead>
          <tr><th>Key</th><th>May</th><th>Valid</th><th>Last used</th><th /></tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id} class={key.revoked ? 'past' : ''}>
              <td>{key.name} <span class="note">{key.id}</span></td>
              <td>{kScopes.filter((one) => key.scopes?.includes(one))
                  .join(', ')}</td>
              <td>{stateOf(key)}</td>
              <td>{ago(key.lastUsed, Date.now())}</td>
              <td class="number">{!key.revoked &&
                  <button type="button" class="small"
                          aria-label={`Revoke ${key.name}`}
                          onClick={() => revoke(key.name)}>Revoke</button>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Changes() {
  const [before, setBefore] = useState(0);
  const [older, setOlder] = useState<AuditEntry[]>([]);
  const page = useLoad((signal) => api.audit(before, kAuditPage, signal),
                       [before]);
  const now = page.data?.entries ?? [];
  const all = [...older, ...now];
  if (page.error) return <Trouble error={page.error} retry={page.reload} />;
  if (all.length === 0) {
    return page.loading ? <Loading what="the changes" /> :
                          <p class="note">Nobody changed anything yet.</p>;
  }
  return (
    <>
      <ol class="changes">
        {all.map((entry) => (
          <li key={String(entry.id)}>
            <span class="note">{date(entry.time)} {timeOfDay(entry.time)}</span>
            <span>{entry.by} <strong>{entry.action}</strong>{' '}
              {entry.subjectKind} {entry.subject}</span>
          </li>
        ))}
      </ol>
      {now.length === kAuditPage &&
        <button type="button" onClick={() => {
          setOlder(all);
          setBefore(num(now[now.length - 1]!.id));
        }}>Show more</button>}
    </>
  );
}

// For administrators: the keys of programs, and who changed what.
export function Access() {
  const keys = useLoad(api.keys, []);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState('');
  const [revoking, setRevoking] = useState('');
  const [changes, setChanges] = useState(0);
  const list = keys.data?.keys ?? [];
  const changed = () => {
    keys.reload();
    setChanges((old) => old + 1);
  };
  return (
    <>
      <header class="page-head">
        <h1>Keys and changes</h1>
        <span class="grow" />
        <button type="button" onClick={() => setMaking(true)}>
          <Icon name="plus" />Make a key</button>
      </header>
      {keys.error && <Trouble error={keys.error} retry={keys.reload} />}
      {!keys.data && keys.loading && <Loading what="the keys" />}
      {keys.data && list.length === 0 &&
        <Empty icon="user" title="No API keys yet">
          <p>A program shows its key with each request:{' '}
            <code>Authorization: Bearer ocelli_…</code></p>
          <p>The first key or user locks the service.</p>
        </Empty>}
      {list.length > 0 && <Keys keys={list} revoke={setRevoking} />}
      <section aria-labelledby="changes">
        <h2 id="changes">Changes, the newest first</h2>
        <Changes key={changes} />
      </section>
      {making && <NewKey close={() => setMaking(false)} made={(text) => {
        setMade(text);
        changed();
      }} />}
      {made && <ShowKey text={made} close={() => setMade('')} />}
      {revoking &&
        <ActionDialog title={`Revoke ${revoking}?`} action="Revoke" danger
                      close={() => setRevoking('')}
                      run={async () => {
                        await api.revokeKey(revoking);
                        changed();
                      }}>
          <p>Programs that use it are refused from now on.</p>
        </ActionDialog>}
    </>
  );
}
