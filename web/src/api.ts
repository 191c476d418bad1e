// The service under /v1, as proto/ocelli/v1 says it in protobuf's JSON:
// 64-bit integers are strings, bytes are base64, times RFC 3339, and a field
// that has its default value may be missing.

export type Int64 = string | number;

export interface Box {
  x?: number;
  y?: number;
  width?: number;
  height?: number;
}
export interface Quality {
  size?: number;
  sharpness?: number;
  frontality?: number;
  overall?: number;
}
export interface Face {
  box?: Box;
  score?: number;
  quality?: Quality;
  person?: {name?: string; similarity?: number};
}
export interface Analysis {
  width?: number;
  height?: number;
  faces?: Face[];
}

export interface LiveVideo {
  name: string;
  source?: string;
  effects?: string[];
  sink?: string;
  state?: string;
  error?: string;
  width?: number;
  height?: number;
  frameRate?: number;
  framesIn?: Int64;
  framesOut?: Int64;
  dropped?: Int64;
  reconnects?: Int64;
  tracks?: Int64;
  faces?: number;
  latencyP50?: number;
  latencyP99?: number;
  configured?: boolean;
}
export interface TrackedFace {
  track?: Int64;
  face?: Face;
  unseenUs?: Int64;
  decided?: boolean;
}
export interface LiveFrame {
  sequence?: Int64;
  width?: number;
  height?: number;
  faces?: TrackedFace[];
}
export interface StartLive {
  name: string;
  source: string;
  effects: string[];
  sink: string;
  repeat: boolean;
}

export interface PersonSummary {
  name: string;
  faces?: Int64;
  otherModel?: Int64;
  rejected?: Int64;
}
export interface EnrolledFace {
  id: Int64;
  person?: string;
  image?: string;
  source?: string;
  quality?: Quality;
  created?: string;
  comparable?: boolean;
  hasPicture?: boolean;
}
export interface PersonDetails {
  person: PersonSummary;
  faces?: EnrolledFace[];
}
export interface UnknownPerson {
  id: string;
  seen?: Int64;
  firstSeen?: string;
  lastSeen?: string;
  lastSource?: string;
  pictures?: number;
}

export interface CollectionSummary {
  name: string;
  model?: string;
  dimension?: number;
  items?: Int64;
  bytes?: Int64;
  approximate?: boolean;
  recallAt10?: number;
  readsText?: boolean;
  shared?: string;
  error?: string;
}
export interface CollectionItem {
  id: string;
  digest?: string;
  metadata?: Record<string, string>;
  hasPicture?: boolean;
}
export interface Hit {
  item: CollectionItem;
  similarity?: number;
  identical?: boolean;
}
export interface SearchResponse {
  hits?: Hit[];
  model?: string;
  cached?: boolean;
}
// What to look for: a picture, a text, or what an item looks like.
export type Query =
    {image: Blob}|{text: string}|{id: string};

export interface ArchiveSummary {
  name: string;
  source?: string;
  root?: string;
  running?: boolean;
  state?: string;
  error?: string;
  frames?: Int64;
  waiting?: Int64;
  dropped?: Int64;
  spoolBytes?: Int64;
  trouble?: string;
  updated?: string;
}
export interface ArchivedFrame {
  seq?: Int64;
  run?: number;
  ptsUs?: Int64;
  time?: string;
  width?: number;
  height?: number;
  bytes?: Int64;
  digest?: string;
  key?: string;
  dropped?: boolean;
}
export interface FrameList {
  frames?: ArchivedFrame[];
  more?: boolean;
  firstSeq?: Int64;
  lastSeq?: Int64;
  firstTime?: string;
  lastTime?: string;
}
export interface Verification {
  good?: boolean;
  frames?: Int64;
  objects?: Int64;
  bytes?: Int64;
  head?: string;
  findings?: string[];
  moreFindings?: Int64;
}

export interface ServiceStatus {
  version?: string;
  started?: string;
  now?: string;
  ready?: boolean;
  locked?: boolean;
  requests?: Int64;
  failedRequests?: Int64;
  inFlight?: number;
  images?: Int64;
  imagesCached?: Int64;
  waitingForModels?: number;
  atModels?: number;
  modelSeconds?: number;
  latencyP50?: number;
  latencyP99?: number;
  memoryBytes?: Int64;
  processorSeconds?: number;
  people?: Int64;
  videos?: number;
}
export interface ApiKey {
  name: string;
  id?: string;
  scopes?: Scope[];
  created?: string;
  expires?: string;
  lastUsed?: string;
  revoked?: string;
}
export interface AuditEntry {
  id?: Int64;
  time?: string;
  by?: string;
  action?: string;
  subjectKind?: string;
  subject?: string;
}
export interface Model {
  name: string;
  task?: string;
  licence?: string;
  dimension?: number;
  readsText?: boolean;
}

export type Scope = 'read'|'write'|'admin';
export interface Session {
  kind?: string;  // "user", "open", "nobody", ...
  name?: string;  // Of the user.
  scopes?: Scope[];
  csrfToken?: string;
  expires?: string;
}

export class ApiError extends Error {
  constructor(
      readonly status: number,  // 0: no answer came.
      readonly code: string, detail: string,
      readonly retryAfter = 0) {  // Seconds.
    super(detail);
  }
}

interface Request {
  query?: Record<string, string|number|boolean|string[]|undefined>;
  body?: unknown;  // A Blob goes as it is, anything else as JSON.
  signal?: AbortSignal;
}

let csrfToken = '';
let sessionLost = () => {};

export function keepSession(session: Session|null, lost: () => void) {
  csrfToken = session?.csrfToken ?? '';
  sessionLost = lost;
}

// A segment of a path. "." and ".." would be taken for folders, however
// encoded: no name in the service may be one.
export const segment = (text: string) => encodeURIComponent(text);

export function url(path: string, query: Request['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '' || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) {
      search.append(name, String(one));
    }
  }
  const text = search.toString();
  return `v1/${path}${text ? '?' + text : ''}`;
}

export function socketUrl(path: string, query: Request['query']): string {
  const address = new URL(url(path, query), document.baseURI);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  return address.href;
}

async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get('Retry-After')) || 0;
  let detail = `${response.status} ${response.statusText}`;
  let code = '';
  try {
    const problem = await response.json();
    detail = String(problem.detail || problem.title || detail);
    code = String(problem.code ?? '');
  } catch {
    // Not one of ours: a proxy's page, say.
  }
  return new ApiError(response.status, code, detail, wait);
}

async function call<T>(
    method: string, path: string, request: Request = {}): Promise<T> {
  const headers: Record<string, string> = {Accept: 'application/json'};
  let body: BodyInit|undefined;
  if (request.body instanceof Blob) {
    body = request.body;
    headers['Content-Type'] = imageType(request.body);
  } else if (request.body !== undefined) {
    body = JSON.stringify(request.body);
    headers['Content-Type'] = 'application/json';
  }
  if (method !== 'GET' && csrfToken) headers['X-CSRF-Token'] = csrfToken;
  let response: Response;
  try {
    response = await fetch(url(path, request.query), {
      method,
      headers,
      body: body ?? null,
      signal: request.signal ?? null,
      credentials: 'same-origin',
      cache: 'no-cache',
    });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'the service does not answer');
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (response.status === 401 && path !== 'session') sessionLost();
    throw problem;
  }
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as T;
}

// Browsers do not know every kind by the name of its file.
export function imageType(blob: Blob&{name?: string}): string {
  if (blob.type.startsWith('image/')) return blob.type;
  const name = (blob.name ?? '').toLowerCase();
  const ending = name.slice(name.lastIndexOf('.') + 1);
  if (ending === 'heic' || ending === 'heif') return 'image/heic';
  if (ending === 'avif') return 'image/avif';
  return 'image/jpeg';
}

export const api = {
  session: () => call<Session>('GET', 'session'),
  logIn: (name: string, password: string) =>
      call<void>('POST', 'session', {body: {name, password}}),
  logOut: () => call<void>('DELETE', 'session'),
  changePassword: (oldPassword: string, newPassword: string) => call<void>(
      'POST', 'session/password', {body: {oldPassword, newPassword}}),

  status: (signal?: AbortSignal) =>
      call<ServiceStatus>('GET', 'status', {signal}),
  models: () => call<{models?: Model[]}>('GET', 'models'),
  keys: (signal?: AbortSignal) =>
      call<{keys?: ApiKey[]}>('GET', 'keys', {signal}),
  createKey: (name: string, scopes: Scope[], expires?: string) =>
      call<{key?: ApiKey, text?: string}>(
          'POST', 'keys', {body: {name, scopes, expires}}),
  revokeKey: (name: string) => call<void>('DELETE', `keys/${segment(name)}`),
  audit: (before: number, limit: number, signal?: AbortSignal) =>
      call<{entries?: AuditEntry[]}>('GET', 'audit', {
        query: {before: before || undefined, limit},
        signal,
      }),

  videos: (signal?: AbortSignal) =>
      call<{videos?: LiveVideo[]}>('GET', 'live', {signal}),
  startVideo: (video: StartLive) =>
      call<LiveVideo>('POST', 'live', {body: video}),
  stopVideo: (name: string) => call<void>('DELETE', `live/${segment(name)}`),
  nameTrack: (video: string, track: Int64, person: string) => call<void>(
      'POST', `live/${segment(video)}/tracks/${track}/name`, {body: {person}}),

  people: (signal?: AbortSignal) =>
      call<{people?: PersonSummary[]}>('GET', 'people', {signal}),
  person: (name: string, signal?: AbortSignal) =>
      call<PersonDetails>('GET', `people/${segment(name)}`, {signal}),
  rename: (name: string, newName: string) => call<PersonSummary>(
      'PATCH', `people/${segment(name)}`, {body: {newName}}),
  merge: (name: string, into: string) => call<PersonSummary>(
      'POST', `people/${segment(name)}/merge`, {body: {into}}),
  forget: (name: string) => call<void>('DELETE', `people/${segment(name)}`),
  // `face`: which, from 1 from the left; 0: there is only one.
  enrol: (name: string, image: Blob, source: string, face = 0,
          signal?: AbortSignal) =>
      call<EnrolledFace>('POST', `people/${segment(name)}/faces`, {
        query: {source, face: face || undefined},
        body: image,
        signal,
      }),
  notThisPerson: (name: string, enrolled: Int64) => call<void>(
      'POST', `people/${segment(name)}/rejections`,
      {body: {enrolled: String(enrolled)}}),
  moveFace: (id: Int64, person: string) =>
      call<EnrolledFace>('PATCH', `faces/${id}`, {body: {person}}),
  forgetFace: (id: Int64) => call<void>('DELETE', `faces/${id}`),
  facePicture: (id: Int64) => url(`faces/${id}/picture`),

  unknown: (signal?: AbortSignal) =>
      call<{people?: UnknownPerson[]}>('GET', 'unknown', {signal}),
  unknownPicture: (id: string, number: number) =>
      url(`unknown/${segment(id)}/picture`, {number: number || undefined}),
  nameUnknown: (id: string, name: string) => call<PersonSummary>(
      'POST', `unknown/${segment(id)}/name`, {body: {name}}),
  forgetUnknown: (id: string) => call<void>('DELETE', `unknown/${segment(id)}`),

  recognize: (image: Blob, signal?: AbortSignal) =>
      call<{analysis?: Analysis}>('POST', 'recognize', {body: image, signal}),

  collections: (signal?: AbortSignal) =>
      call<{collections?: CollectionSummary[]}>('GET', 'collections', {signal}),
  search: (collection: string, query: Query, k: number, where: string[],
           signal?: AbortSignal) => {
    const path = `collections/${segment(collection)}/search`;
    return 'image' in query ?
        call<SearchResponse>(
            'POST', path, {query: {k, where}, body: query.image, signal}) :
        call<SearchResponse>(
            'POST', path, {body: {...query, k, where}, signal});
  },
  itemPicture: (collection: string, id: string, maxSide?: number) =>
      url(`collections/${segment(collection)}/items/${segment(id)}/picture`,
          {max_side: maxSide}),

  archives: (signal?: AbortSignal) =>
      call<{archives?: ArchiveSummary[]}>('GET', 'archive', {signal}),
  frames: (name: string, fromSeq: number, limit: number, step: number,
           signal?: AbortSignal) =>
      call<FrameList>('GET', `archive/${segment(name)}/frames`, {
        query: {
          from_seq: fromSeq || undefined,
          limit,
          step: step > 1 ? step : undefined,
        },
        signal,
      }),
  framePicture: (name: string, seq: Int64, maxSide: number) =>
      url(`archive/${segment(name)}/frames/${seq}/picture`,
          {max_side: maxSide}),
  verify: (name: string, quick: boolean, signal?: AbortSignal) =>
      call<Verification>(
          'POST', `archive/${segment(name)}/verify`, {body: {quick}, signal}),
};
