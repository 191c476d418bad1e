import {ApiError, api, type CollectionSummary, type Hit, type Query}
  from '../api';
import {plural, similarity} from '../logic/format';
import {useLoad} from './load';
import {moveInGrid} from './grid_keys';
import {Loading, Trouble} from './message';
import {Picture} from './picture';

const kHits = 60;

// One query, told apart from others by its key.
export interface Asked {
  key: string;
  query: Query;
  home: string;  // The collection that an id is of.
}

// An item of one collection is looked for in another by its picture, unless
// it is there too.
async function search(collection: string, asked: Asked, where: string[],
                      signal: AbortSignal) {
  const {query} = asked;
  try {
    return await api.search(collection, query, kHits, where, signal);
  } catch (error) {
    const elsewhere = 'id' in query && asked.home !== collection &&
        error instanceof ApiError && error.status === 404;
    if (!elsewhere) throw error;
    const picture = await fetch(
        api.itemPicture(asked.home, query.id, 640), {signal});
    if (!picture.ok) throw error;
    return api.search(collection, {image: await picture.blob()}, kHits, where,
                      signal);
  }
}

function HitCard({hit, collection, choose, add}: {
  hit: Hit,
  collection: string,
  choose: () => void,
  add: (condition: string) => void,
}) {
  const {item} = hit;
  const metadata = Object.entries(item.metadata ?? {});
  return (
    <li class="card hit">
      <button type="button" class="pick" data-cell onClick={choose}
              aria-label={`${item.id}, similarity ${
                  similarity(hit.similarity)}: search for what looks like it`}>
        <Picture src={item.hasPicture ? api.itemPicture(collection, item.id) :
                                        null}
                 alt="" fallback={item.id} contain />
        {hit.identical && <span class="badge">identical</span>}
      </button>
      <span class="hit-line">
        <span class="source" title={item.id}>{item.id}</span>
        <span class="number">{similarity(hit.similarity)}</span>
      </span>
      {metadata.length > 0 &&
        <details class="metadata">
          <summary>{metadata.map(([, value]) => value).join(', ')}</summary>
          {metadata.map(([name, value]) => (
            <button key={name} type="button" class="chip"
                    title="Only those" onClick={() => add(`${name}=${value}`)}>
              {name}={value}
            </button>
          ))}
        </details>}
    </li>
  );
}

export function SearchResults({collection, asked, where, choose, add}: {
  collection: CollectionSummary,
  asked: Asked,
  where: string[],
  choose: (id: string) => void,
  add: (condition: string) => void,
}) {
  const {name} = collection;
  const refused = 'text' in asked.query && !collection.readsText;
  const found = useLoad(
      async (signal) => refused ? {hits: []} :
          await search(name, asked, where, signal),
      [name, asked.key, where.join('\n'), refused]);
  const hits = found.data?.hits ?? [];
  return (
    <section class="results" aria-label={`Found in ${name}`}>
      <header>
        <h2>{name}</h2>
        <span class="note">{collection.model}{found.data && !refused &&
            ` · ${plural(hits.length, 'hit')}`}{found.data?.cached &&
            ' · known picture'}</span>
        {found.loading && <span class="spinner" aria-label="Searching" />}
      </header>
      {refused &&
        <p class="message">The model of {name} does not read texts. Drop a
          picture instead.</p>}
      {found.error && <Trouble error={found.error} retry={found.reload} />}
      {!found.data && found.loading && <Loading what="what looks alike" />}
      {found.data && !refused && hits.length === 0 &&
        <p class="message">Nothing found{where.length > 0 &&
            ' with these filters: remove one'}.</p>}
      <ul class="cards hits" onKeyDown={moveInGrid}>
        {hits.map((hit) => (
          <HitCard key={hit.item.id} hit={hit} collection={name} add={add}
                   choose={() => choose(hit.item.id)} />
        ))}
      </ul>
    </section>
  );
}
