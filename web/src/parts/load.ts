import {useCallback, useEffect, useRef, useState} from 'preact/hooks';

export interface Loaded<T> {
  data: T|null;       // The last that came, also while another is awaited.
  error: Error|null;  // Of the last try.
  loading: boolean;
  reload: () => void;
}

// What `load` brings for `keys`; anew when they change, and, with `everyMs`,
// again and again while the page is looked at.
export function useLoad<T>(
    load: (signal: AbortSignal) => Promise<T>, keys: unknown[],
    everyMs = 0): Loaded<T> {
  const [state, setState] =
      useState<{data: T | null, error: Error | null, loading: boolean}>(
          {data: null, error: null, loading: true});
  const [round, setRound] = useState(0);
  const lastKeys = useRef<string>();
  useEffect(() => {
    const abort = new AbortController();
    const isNew = lastKeys.current !== JSON.stringify(keys);
    lastKeys.current = JSON.stringify(keys);
    let timer = 0;
    const again = () => {
      if (everyMs && !abort.signal.aborted) {
        timer = window.setTimeout(run, everyMs);
      }
    };
    const run = async () => {
      if (document.hidden && everyMs) return again();
      try {
        const data = await load(abort.signal);
        if (abort.signal.aborted) return;
        setState({data, error: null, loading: false});
      } catch (error) {
        if (abort.signal.aborted) return;
        setState((old) => ({...old, error: error as Error, loading: false}));
      }
      again();
    };
    setState((old) => isNew ? {data: null, error: null, loading: true} :
                              {...old, loading: true});
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [...keys, round, everyMs]);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  return {...state, reload};
}
