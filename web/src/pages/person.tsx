import {useState} from 'preact/hooks';
import {api, type EnrolledFace, type Int64} from '../api';
import {date, num, percent, plural} from '../logic/format';
import {forEachOf} from '../logic/pool';
import {link, type Route} from '../logic/route';
import {useAccount, useSay} from '../parts/context';
import {ActionDialog} from '../parts/dialog';
import {DropZone, FileButton} from '../parts/drop_zone';
import {moveInGrid} from '../parts/grid_keys';
import {Icon} from '../parts/icon';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';
import {NameInput} from '../parts/name_input';
import {Picture} from '../parts/picture';
import {useEnrolling} from '../parts/uploads';

type Asking = 'rename'|'merge'|'forget'|'move'|'reject'|'drop'|null;

function QualityBar({face}: {face: EnrolledFace}) {
  const {size, sharpness, frontality, overall} = face.quality ?? {};
  return (
    <span class="quality"
          title={`size ${percent(size)}, sharpness ${
              percent(sharpness)}, frontality ${percent(frontality)}`}>
      <meter min={0} max={1} low={0.3} high={0.6} optimum={1}
             value={overall ?? 0} aria-label="Quality" />
      <span>{percent(overall)}</span>
    </span>
  );
}

function FaceCard({face, chosen, choose, mayWrite}: {
  face: EnrolledFace,
  chosen: boolean,
  choose: () => void,
  mayWrite: boolean,
}) {
  const what = face.source || 'a face';
  const picture =
      <Picture src={face.hasPicture ? api.facePicture(face.id) : null}
               alt={what} fallback={face.person ?? '?'} />;
  return (
    <li class={chosen ? 'card face-card chosen' : 'card face-card'}>
      {mayWrite ?
          <button type="button" class="pick" data-cell aria-pressed={chosen}
                  aria-label={`Choose ${what}`} onClick={choose}>
            {picture}
            <span class="pick-mark"><Icon name="check" /></span>
          </button> :
          <div class="pick">{picture}</div>}
      <QualityBar face={face} />
      <span class="source" title={face.source}>{face.source}</span>
      <span class="note">{date(face.created)}</span>
      {!face.comparable &&
          <span class="warn" title="Described by another model: it is not compared until enrolled again.">
            another model</span>}
    </li>
  );
}

// The dialogs of a person: each does one thing with the person or with the
// faces that are chosen.
function Dialogs({asking, name, chosen, isAll, close, changed}: {
  asking: Asking,
  name: string,
  chosen: Int64[],
  isAll: boolean,  // Nobody is left without them.
  close: () => void,
  changed: () => void,
}) {
  const [text, setText] = useState('');
  const say = useSay();
  const other = text.trim();
  const faces = plural(chosen.length, 'face');
  const each = (work: (id: Int64) => Promise<unknown>, then: string) =>
      async () => {
    try {
      await forEachOf(chosen, 1, async (id) => void await work(id));
    } catch (error) {
      changed();  // Some of them may have been done.
      throw error;
    }
    if (isAll) {
      location.hash = then;
    } else {
      changed();
    }
  };
  switch (asking) {
    case 'rename':
      return (
        <ActionDialog title={`Rename ${name}`} action="Rename" close={close}
                      disabled={!other || other === name}
                      run={async () => {
                        await api.rename(name, other);
                        location.hash = link('people', other);
                      }}>
          <NameInput label="New name" value={text} change={setText}
                     except={name} />
        </ActionDialog>
      );
    case 'merge':
      return (
        <ActionDialog title={`Merge ${name} into another`} action="Merge"
                      close={close} disabled={!other || other === name}
                      run={async () => {
                        await api.merge(name, other);
                        say(`${name} is ${other} now`);
                        location.hash = link('people', other);
                      }}>
          <NameInput label="Is the same person as" value={text}
                     change={setText} except={name} />
          <p class="note">All faces go there, and {name} is no more.</p>
        </ActionDialog>
      );
    case 'forget':
      return (
        <ActionDialog title={`Forget ${name}?`} action={`Forget ${name}`}
                      danger close={close}
                      run={async () => {
                        await api.forget(name);
                        say(`${name} was forgotten`);
                        location.hash = link('people');
                      }}>
          <p>All faces of {name} are deleted and what they are recognised by is
            overwritten. This can't be undone.</p>
        </ActionDialog>
      );
    case 'move':
      return (
        <ActionDialog title={`Move ${faces}`} action="Move" close={close}
                      disabled={!other || other === name}
                      run={each((id) => api.moveFace(id, other),
                                link('people', other))}>
          <NameInput label="To somebody known, or a new name" value={text}
                     change={setText} except={name} />
        </ActionDialog>
      );
    case 'reject':
      return (
        <ActionDialog title={`Not ${name}?`} action={`Not ${name}`}
                      close={close}
                      run={each((id) => api.notThisPerson(name, id),
                                link('people'))}>
          <p>{chosen.length === 1 ? 'This face is' : `These ${faces} are`} no
            longer {name}'s, and faces like {chosen.length === 1 ? 'it' : 'them'}
            {' '}are not taken for {name} again.</p>
        </ActionDialog>
      );
    case 'drop':
      return (
        <ActionDialog title={`Forget ${faces}?`} action="Forget" danger
                      close={close}
                      run={each((id) => api.forgetFace(id), link('people'))}>
          <p>{name} is recognised without {chosen.length === 1 ?
              'it' : 'them'} from now on. This can't be undone.</p>
        </ActionDialog>
      );
    default:
      return null;
  }
}

export function Person({route}: {route: Route}) {
  const name = route.args[0] ?? '';
  const details = useLoad((signal) => api.person(name, signal), [name]);
  const account = useAccount();
  const enrol = useEnrolling(details.reload);
  const [asking, setAsking] = useState<Asking>(null);
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const mayWrite = account.may('write');
  const person = details.data?.person;
  const faces = details.data?.faces ?? [];
  const picked = faces.filter((face) => chosen.has(String(face.id)));
  const toggle = (id: string) => setChosen((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const add = (files: File[]) => void enrol(files, name);
  const others = num(person?.otherModel);
  return (
    <DropZone take={add} enabled={mayWrite && !!person}
              hint={`Drop to add to ${name}`}>
      <header class="page-head">
        <a class="button quiet icon-only" href={link('people')}
           aria-label="All people"><Icon name="back" /></a>
        <h1>{name}</h1>
        {person && <span class="note">{plural(person.faces, 'face')}
          {num(person.rejected) > 0 &&
              `, ${plural(person.rejected, 'face')} that are not`}</span>}
        <span class="grow" />
        {mayWrite && person &&
          <>
            <FileButton label="Add photos" many take={add} />
            <button type="button" onClick={() => setAsking('rename')}>
              Rename</button>
            <button type="button" onClick={() => setAsking('merge')}>
              Merge …</button>
            <button type="button" class="danger-quiet"
                    onClick={() => setAsking('forget')}>Forget …</button>
          </>}
      </header>
      {details.error && <Trouble error={details.error} retry={details.reload} />}
      {!details.data && details.loading && <Loading what={name} />}
      {others > 0 &&
        <p class="message">{plural(others, 'face')} come from another model and
          are not compared: add the photos again.</p>}
      {person && faces.length === 0 &&
        <Empty icon="people" title={`No faces of ${name}`}>
          <p>Drop photos here.</p>
        </Empty>}
      {mayWrite && faces.length > 0 &&
        <div class="toolbar" role="toolbar" aria-label="Chosen faces">
          {picked.length === 0 ?
            <span class="note">Choose faces to move, refuse or forget them.
            </span> :
            <>
              <strong>{picked.length} chosen</strong>
              <button type="button" class="small"
                      onClick={() => setAsking('move')}>
                <Icon name="move" />Move to …</button>
              <button type="button" class="small"
                      onClick={() => setAsking('reject')}>
                <Icon name="reject" />Not {name}</button>
              <button type="button" class="small"
                      onClick={() => setAsking('drop')}>
                <Icon name="trash" />Forget</button>
              <button type="button" class="small quiet"
                      onClick={() => setChosen(new Set())}>None</button>
            </>}
        </div>}
      <ul class="cards" onKeyDown={(event) => {
        if (event.key === 'Escape') setChosen(new Set());
        moveInGrid(event);
      }}>
        {faces.map((face) => {
          const id = String(face.id);
          return <FaceCard key={id} face={face} chosen={chosen.has(id)}
                           choose={() => toggle(id)} mayWrite={mayWrite} />;
        })}
      </ul>
      <Dialogs key={asking} asking={asking} name={name}
               chosen={picked.map((face) => face.id)}
               isAll={picked.length === faces.length}
               close={() => setAsking(null)}
               changed={() => { setChosen(new Set()); details.reload(); }} />
    </DropZone>
  );
}
