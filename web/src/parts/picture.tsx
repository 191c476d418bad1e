import {useEffect, useState} from 'preact/hooks';
import {initials} from '../logic/format';

const kAgainMs = 2000;

// A picture of the service; its letters where there is none, or not any more.
// What could not be had is asked for once more: the service may be busy.
export function Picture({src, alt, fallback, contain}: {
  src: string|null,
  alt: string,
  fallback?: string,  // What the letters are taken from.
  contain?: boolean,  // All of it, rather than a full frame.
}) {
  const [failed, setFailed] = useState({src: '', times: 0, waits: false});
  const times = failed.src === src ? failed.times : 0;
  const waits = failed.src === src && failed.waits;
  useEffect(() => {
    if (!waits || times > 1) return;
    const timer = setTimeout(
        () => setFailed((old) => ({...old, waits: false})), kAgainMs);
    return () => clearTimeout(timer);
  }, [waits, times]);
  if (!src || waits) {
    return (
      <span class="picture letters" role="img" aria-label={alt}>
        {initials(fallback ?? alt)}
      </span>
    );
  }
  return (
    <img class={contain ? 'picture contain' : 'picture'} src={src} alt={alt}
         loading="lazy" decoding="async" draggable={false}
         onError={() => setFailed({src, times: times + 1, waits: true})} />
  );
}
