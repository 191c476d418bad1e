import {useEffect, useMemo, useState} from 'preact/hooks';
import {api, type CollectionSummary} from '../api';
import {plural} from '../logic/format';
import {parseCondition, withCondition} from '../logic/condition';
import type {Route} from '../logic/route';
import {useSay} from '../parts/context';
import {DropZone, FileButton} from '../parts/drop_zone';
import {Icon} from '../parts/icon';
import {useLoad} from '../parts/load';
import {Empty, Loading, Trouble} from '../parts/message';
import {Picture} from '../parts/picture';
import {SearchResults, type Asked} from '../parts/search_results';

// What is asked lies in the address, so that going back works; but for a
// picture, which is kept here until the page is left.
function go(query: URLSearchParams, to: Record<string, string|string[]>) {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(to)) {
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one) next.append(name, one);
    }
  }
  location.hash = `#/search?${next}`;
}

function CollectionSelect({label, value, list, change, none}: {
  label: string,
  value: string,
  list: CollectionSummary[],
  change: (name: string) => void,
  none?: string,
}) {
  return (
    <label class="inline-field">
      <span>{label}</span>
      <select value={value}
              onChange={(event) => change(event.currentTarget.value)}>
        {none && <option value="">{none}</option>}
        {list.map((one) => (
          <option key={one.name} value={one.name} disabled={!!one.error}>
            {one.name} ({plural(one.items, 'picture')}
            {one.model && `, ${one.model}`})
          </option>
        ))}
      </select>
    </label>
  );
}

function Filters({where, change}:
    {where: string[], change: (where: string[]) => void}) {
  const [text, setText] = useState('');
  const say = useSay();
  const add = (event: Event) => {
    event.preventDefault();
    if (!parseCondition(text)) {
      say('A filter looks like region=Africa; also != < <= > >= and ~',
          'bad');
      return;
    }
    change(withCondition(where, text));
    setText('');
  };
  return (
    <div class="filters">
      {where.map((condition) => (
        <button type="button" key={condition} class="chip on"
                aria-label={`Remove the filter ${condition}`}
                onClick={() => change(where.filter((one) => one !== condition))}>
          {condition}<Icon name="close" />
        </button>
      ))}
      <form onSubmit={add}>
        <input class="filter" value={text} placeholder="Filter: region=Africa"
               aria-label="Add a filter on metadata" autocomplete="off"
               spellcheck={false} title="name=value; also != < <= > >= and ~ (contains)"
               onInput={(event) => setText(event.currentTarget.value)} />
        {text && <button type="submit" class="small">Add</button>}
      </form>
    </div>
  );
}

function useAddress(file: Blob|null): string {
  const address = useMemo(() => file ? URL.createObjectURL(file) : '', [file]);
  useEffect(() => () => URL.revokeObjectURL(address), [address]);
  return address;
}

function QueryBox({readsText, text, ask, take}: {
  readsText: boolean,
  text: string,
  ask: (text: string) => void,
  take: (files: File[]) => void,
}) {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const files = [...event.clipboardData?.files ?? []]
          .filter((file) => file.type.startsWith('image/'));
      if (files.length) take(files);
    };
    window.addEventListener('paste', pasted);
    return () => window.removeEventListener('paste', pasted);
  });
  return (
    <form class="query" role="search" onSubmit={(event) => {
      event.preventDefault();
      ask(typed.trim());
    }}>
      {readsText &&
        <>
          <input type="search" value={typed} maxLength={500}
                 placeholder="Describe a picture: a red flag with a star"
                 aria-label="Describe a picture"
                 onInput={(event) => setTyped(event.currentTarget.value)} />
          <button type="submit" class="primary" disabled={!typed.trim()}>
            <Icon name="search" />Search</button>
        </>}
      <FileButton label="Choose a picture" primary={!readsText} take={take} />
      <span class="note">or drop or paste one
        {!readsText && '; the model of this collection does not read texts'}
      </span>
    </form>
  );
}

export function Search({route}: {route: Route}) {
  const collections = useLoad(api.collections, []);
  const [image, setImage] = useState<{file: File, key: string}|null>(null);
  const address = useAddress(image?.file ?? null);
  const {query} = route;
  const list = collections.data?.collections ?? [];
  const usable = list.filter((one) => !one.error);
  const first = list.find((one) => one.name === query.get('in')) ?? usable[0];
  const second = list.find((one) => one.name === query.get('beside'));
  const where = query.getAll('where');
  const text = query.get('text') ?? '';
  const id = query.get('like') ?? '';
  const home = query.get('of') || (first?.name ?? '');
  const change = (to: Record<string, string|string[]>) => go(query, to);

  const asked = useMemo<Asked|null>(() => {
    if (text) return {key: 't' + text, query: {text}, home};
    if (id) return {key: `i${home}/${id}`, query: {id}, home};
    return image && {key: image.key, query: {image: image.file}, home};
  }, [text, id, home, image]);
  const take = ([file]: File[]) => {
    if (!file) return;
    setImage({file, key: `p${Date.now()}`});
    change({text: '', like: '', of: ''});
  };
  const none = {text: '', like: '', of: ''};
  const results = (collection: CollectionSummary) => (
    <SearchResults key={collection.name} collection={collection} asked={asked!}
                   where={where}
                   choose={(hit) => change(
                       {text: '', like: hit, of: collection.name})}
                   add={(condition) => change(
                       {where: withCondition(where, condition)})} />
  );
  return (
    <DropZone take={take} enabled={!!first}
              hint="Drop to search for what looks like it">
      <header class="page-head">
        <h1>Search</h1>
        <span class="grow" />
        {first &&
          <>
            <CollectionSelect label="In" value={first.name} list={list}
                              change={(name) => change({in: name})} />
            {list.length > 1 &&
              <CollectionSelect label="beside" value={second?.name ?? ''}
                                list={list.filter((one) => one !== first)}
                                none="nothing"
                                change={(name) => change({beside: name})} />}
          </>}
      </header>
      {collections.error &&
          <Trouble error={collections.error} retry={collections.reload} />}
      {!collections.data && collections.loading &&
          <Loading what="the collections" />}
      {collections.data && list.length === 0 &&
        <Empty icon="search" title="No collections yet">
          <p>A collection is a set of pictures that is searched by likeness.
            Make one of a folder:</p>
          <pre>{'ocelli collection create holidays\nocelli collection add holidays photos/'}</pre>
        </Empty>}
      {list.filter((one) => one.error).map((one) => (
        <p key={one.name} class="message trouble">
          <Icon name="warning" />
          <span>{one.name} can't be searched: {one.error}</span>
        </p>
      ))}
      {first &&
        <>
          <QueryBox readsText={!!(first.readsText || second?.readsText)}
                    text={text} take={take}
                    ask={(words) => change({...none, text: words})} />
          <Filters where={where} change={(next) => change({where: next})} />
          {asked && !('text' in asked.query) &&
            <p class="asked">
              <Picture src={'id' in asked.query ?
                           api.itemPicture(home, asked.query.id) : address}
                       alt="What is searched for" contain
                       fallback={id || '?'} />
              <span>Like {id ? <strong>{id}</strong> :
                  <strong>{image?.file.name}</strong>}</span>
              <button type="button" class="small quiet" onClick={() => {
                setImage(null);
                change(none);
              }}>Clear</button>
            </p>}
          {asked ?
            <div class={second ? 'beside' : ''}>
              {results(first)}
              {second && results(second)}
            </div> :
            <Empty icon="picture" title="Drop a picture here">
              <p>{first.readsText ? 'Or type what is to be seen in it. ' : ''}
                What looks most like it comes first.</p>
            </Empty>}
        </>}
    </DropZone>
  );
}
