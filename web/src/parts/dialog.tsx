import type {ComponentChildren} from 'preact';
import {useLayoutEffect, useRef, useState} from 'preact/hooks';
import {Icon} from './icon';
import {errorText} from './message';

// A modal dialog: the browser keeps the focus in it and closes it on Escape.
export function Dialog({title, close, children, wide}: {
  title: string,
  close: () => void,
  children: ComponentChildren,
  wide?: boolean,
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before what is in it takes the focus for itself.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>(
        'input, select, textarea, footer button')?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class={wide ? 'wide' : ''} aria-label={title}
            onCancel={(event) => { event.preventDefault(); close(); }}
            onKeyDown={(event) => event.stopPropagation()}
            onClick={(event) => event.target === dialog.current && close()}>
      <div class="dialog-body">
        <header>
          <h2>{title}</h2>
          <button type="button" class="quiet icon-only" aria-label="Close"
                  onClick={close}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

// A dialog that does one thing, stays open while it is done, and says why it
// could not be.
export function ActionDialog({title, action, danger, disabled, run, close,
                              children}: {
  title: string,
  action: string,
  danger?: boolean,
  disabled?: boolean,
  run: () => Promise<unknown>,
  close: () => void,
  children: ComponentChildren,
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error|null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || disabled) return;
    setBusy(true);
    setError(null);
    try {
      await run();
      close();
    } catch (caught) {
      setError(caught as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={submit}>
        {children}
        {error && <p class="form-error" role="alert">{errorText(error)}</p>}
        <footer>
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" class={danger ? 'danger' : 'primary'}
                  disabled={busy || disabled}>
            {busy ? 'Working …' : action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
