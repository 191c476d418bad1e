import {useState} from 'preact/hooks';
import {initials} from '../logic/format';

// A picture of the service; its letters where there is none, or not any more.
export function Picture({src, alt, fallback, contain}: {
  src: string|null,
  alt: string,
  fallback?: string,  // What the letters are taken from.
  contain?: boolean,  // All of it, rather than a full frame.
}) {
  const [bad, setBad] = useState('');
  if (!src || bad === src) {
    return (
      <span class="picture letters" role="img" aria-label={alt}>
        {initials(fallback ?? alt)}
      </span>
    );
  }
  return (
    <img class={contain ? 'picture contain' : 'picture'} src={src} alt={alt}
         loading="lazy" decoding="async" draggable={false}
         onError={() => setBad(src)} />
  );
}
