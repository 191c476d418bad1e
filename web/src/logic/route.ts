// Where the page is, in the part of the address after '#': no server needs to
// know of it. "#/people/Ada%20Lovelace?sort=name".
export interface Route {
  page: string;
  args: string[];
  query: URLSearchParams;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const [page, ...args] = path.split('/').filter(Boolean).map(decode);
  return {page: page ?? 'live', args, query: new URLSearchParams(query)};
}

export function link(page: string, ...args: string[]): string {
  return '#/' + [page, ...args].map(encodeURIComponent).join('/');
}
