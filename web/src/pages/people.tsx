import {useEffect, useRef, useState} from 'preact/hooks';
import {api, type PersonSummary, type UnknownPerson} from '../api';
import {ago, num, plural} from '../logic/format';
import {link} from '../logic/route';
import {useAccount, useSay} from '../parts/context';
import {ActionDialog} from '../parts/dialog';
import {DropZone, FileButton, useDrop} from '../parts/drop_zone';
import {moveInGrid} from '../parts/grid_keys';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';
import {NameInput} from '../parts/name_input';
import {Picture} from '../parts/picture';
import {useEnrolling} from '../parts/uploads';

const kUnknownPictures = 6;
const kUnknownPage = 12;
const kPage = 240;

// The best face of a person that can be shown, asked for once it comes into
// the window.
function useFaceOf(person: PersonSummary) {
  const element = useRef<HTMLLIElement>(null);
  const [src, setSrc] = useState<string|null>(null);
  useEffect(() => {
    if (!element.current || num(person.faces) === 0) return;
    const abort = new AbortController();
    const observer = new IntersectionObserver(async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      const details =
          await api.person(person.name, abort.signal).catch(() => null);
      const best = (details?.faces ?? []).filter((face) => face.hasPicture)
          .sort((a, b) => (b.quality?.overall ?? 0) - (a.quality?.overall ?? 0));
      if (best[0]) setSrc(api.facePicture(best[0].id));
    }, {rootMargin: '200px'});
    observer.observe(element.current);
    return () => {
      observer.disconnect();
      abort.abort();
    };
  }, [person.name, person.faces]);
  return {element, src};
}

function PersonCard({person, drop}: {
  person: PersonSummary,
  drop: ((files: File[]) => void)|null,
}) {
  const {element, src} = useFaceOf(person);
  const {over, events} = useDrop(drop ?? (() => {}), !!drop);
  return (
    <li ref={element} class={over ? 'card over' : 'card'} {...events}>
      <a href={link('people', person.name)} data-cell>
        <Picture src={src} alt="" fallback={person.name} />
        <strong title={person.name}>{person.name}</strong>
        <span class="note">{plural(person.faces, 'face')}</span>
      </a>
    </li>
  );
}

function UnknownGroup({person, changed}:
    {person: UnknownPerson, changed: () => void}) {
  const [asking, setAsking] = useState<'name'|'forget'|null>(null);
  const [name, setName] = useState('');
  const account = useAccount();
  const say = useSay();
  const pictures = Math.min(person.pictures ?? 0, kUnknownPictures);
  return (
    <li class="unknown">
      <div class="unknown-pictures">
        {Array.from({length: Math.max(pictures, 1)}, (_, number) => (
          <Picture key={number} alt={`Unknown person, picture ${number + 1}`}
                   fallback="?"
                   src={pictures ? api.unknownPicture(person.id, number) :
                                   null} />
        ))}
      </div>
      <div class="unknown-line">
        <span>
          <strong>seen {plural(person.seen, 'time')}</strong>
          <span class="note"> last {ago(person.lastSeen, Date.now())}
            {person.lastSource && ` · ${person.lastSource}`}</span>
        </span>
        {account.may('write') &&
          <span class="buttons">
            <button type="button" class="small primary" data-cell
                    onClick={() => setAsking('name')}>Name</button>
            <button type="button" class="small"
                    onClick={() => setAsking('forget')}>Forget</button>
          </span>}
      </div>
      {asking === 'name' &&
        <ActionDialog title="Who is this?" action="Save"
                      disabled={!name.trim()} close={() => setAsking(null)}
                      run={async () => {
                        const made =
                            await api.nameUnknown(person.id, name.trim());
                        say(`${made.name ?? name} has ${
                            plural(made.faces, 'face')} now`);
                        changed();
                      }}>
          <div class="with-picture">
            <Picture src={api.unknownPicture(person.id, 0)} alt="The face"
                     fallback="?" />
            <div>
              <NameInput label="Name" value={name} change={setName} />
              <p class="note">All faces that are kept of this person are
                enrolled.</p>
            </div>
          </div>
        </ActionDialog>}
      {asking === 'forget' &&
        <ActionDialog title="Forget this person?" action="Forget" danger
                      close={() => setAsking(null)}
                      run={async () => {
                        await api.forgetUnknown(person.id);
                        changed();
                      }}>
          <p>The pictures and what was kept to recognise this person are
            deleted. Seen again, they count as somebody new.</p>
        </ActionDialog>}
    </li>
  );
}

function EnrolNew({files, enrol, close}: {
  files: File[],
  enrol: (name: string) => void,
  close: () => void,
}) {
  const [name, setName] = useState('');
  return (
    <ActionDialog title={`Enrol ${plural(files.length, 'photo')}`}
                  action="Enrol" disabled={!name.trim()} close={close}
                  run={async () => enrol(name.trim())}>
      <NameInput label="Who is in them?" value={name} change={setName} />
      <p class="note">Somebody known, or a new name. Where a photo shows several
        people you are asked which one.</p>
    </ActionDialog>
  );
}

function Unknown({enrolled}: {enrolled: () => void}) {
  const unknown = useLoad(api.unknown, []);
  const [limit, setLimit] = useState(kUnknownPage);
  const list = unknown.data?.people ?? [];
  if (unknown.error) {
    return <Trouble error={unknown.error} retry={unknown.reload} />;
  }
  if (list.length === 0) return null;
  return (
    <section aria-labelledby="unknown">
      <h2 id="unknown">Not named yet <span class="note">{list.length}</span></h2>
      <ul class="unknowns" onKeyDown={moveInGrid}>
        {list.slice(0, limit).map((person) => (
          <UnknownGroup key={person.id} person={person}
                        changed={() => { unknown.reload(); enrolled(); }} />
        ))}
      </ul>
      <More left={list.length - limit}
            show={() => setLimit(limit + kUnknownPage)} />
    </section>
  );
}

function More({left, show}: {left: number, show: () => void}) {
  if (left <= 0) return null;
  return (
    <p class="more">
      <button type="button" onClick={show}>Show more</button>
      <span class="note">{left} left</span>
    </p>
  );
}

export function People() {
  const people = useLoad(api.people, []);
  const account = useAccount();
  const enrol = useEnrolling(people.reload);
  const [limit, setLimit] = useState(kPage);
  const [filter, setFilter] = useState('');
  const [files, setFiles] = useState<File[]>([]);
  const mayWrite = account.may('write');
  const all = people.data?.people ?? [];
  const shown = all.filter(
      (one) => one.name.toLowerCase().includes(filter.trim().toLowerCase()));
  return (
    <DropZone take={setFiles} enabled={mayWrite}
              hint="Drop to enrol a person">
      <header class="page-head">
        <h1>People</h1>
        {all.length > 0 && <span class="note">{all.length}</span>}
        <span class="grow" />
        {all.length > 8 &&
            <input type="search" class="filter" placeholder="Filter by name"
                   aria-label="Filter by name" value={filter}
                   onInput={(event) => setFilter(event.currentTarget.value)} />}
        {mayWrite && <FileButton label="Add photos" many take={setFiles} />}
      </header>
      {people.error && <Trouble error={people.error} retry={people.reload} />}
      {!people.data && people.loading && <Loading what="people" />}
      <Unknown enrolled={people.reload} />
      {people.data && all.length === 0 &&
        <Empty icon="people" title="Nobody is enrolled yet">
          {mayWrite ?
              <p>Drop photos of one person here, or name a face on the Live
                page. Also: <code>ocelli people add "Ada" ada.jpg</code></p> :
              <p>Somebody with the right to write can enrol people.</p>}
        </Empty>}
      {all.length > 0 &&
        <section aria-labelledby="known">
          <h2 id="known">Known</h2>
          {shown.length === 0 &&
              <p class="note">No name has "{filter}" in it.</p>}
          <ul class="cards" onKeyDown={moveInGrid}>
            {shown.slice(0, limit).map((person) => (
              <PersonCard key={person.name} person={person}
                          drop={mayWrite ?
                              (more) => void enrol(more, person.name) :
                              null} />
            ))}
          </ul>
          <More left={shown.length - limit} show={() => setLimit(limit + kPage)} />
        </section>}
      {files.length > 0 &&
          <EnrolNew files={files} close={() => setFiles([])}
                    enrol={(name) => void enrol(files, name)} />}
    </DropZone>
  );
}
