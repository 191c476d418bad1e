import type {ComponentChildren} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';
import {Icon} from './icon';

const kPictures = '.jpg,.jpeg,.png,.webp,.heic,.heif,.avif,.svg,image/*';

function isPicture(file: File): boolean {
  return file.type.startsWith('image/') ||
      /\.(jpe?g|png|webp|heic|heif|avif|svg)$/i.test(file.name);
}

export const picturesOf = (files: FileList|null|undefined) =>
    [...files ?? []].filter(isPicture);

// The events of an element that pictures may be dropped on; `over` tells
// whether some are held over it, and not over such an element within it.
export function useDrop(take: (files: File[]) => void, enabled = true) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  if (!enabled) return {over: false, events: {}};
  const held = (event: DragEvent) =>
      [...event.dataTransfer?.types ?? []].includes('Files');
  const events = {
    onDragEnter: (event: DragEvent) => {
      if (!held(event)) return;
      event.preventDefault();
      event.stopPropagation();
      ++depth.current;
      setOver(true);
    },
    onDragOver: (event: DragEvent) => {
      if (held(event)) event.preventDefault();
    },
    onDragLeave: (event: DragEvent) => {
      if (!held(event)) return;
      event.stopPropagation();
      if (--depth.current <= 0) {
        depth.current = 0;
        setOver(false);
      }
    },
    onDrop: (event: DragEvent) => {
      if (!held(event)) return;
      event.preventDefault();
      event.stopPropagation();
      depth.current = 0;
      setOver(false);
      const files = picturesOf(event.dataTransfer?.files);
      if (files.length) take(files);
    },
  };
  return {over, events};
}

// A picture that is dropped beside every target must not replace the page.
export function useNoStrayDrops() {
  useEffect(() => {
    const refuse = (event: DragEvent) => event.preventDefault();
    window.addEventListener('dragover', refuse);
    window.addEventListener('drop', refuse);
    return () => {
      window.removeEventListener('dragover', refuse);
      window.removeEventListener('drop', refuse);
    };
  }, []);
}

export function FileButton({label, take, many, primary}: {
  label: string,
  take: (files: File[]) => void,
  many?: boolean,
  primary?: boolean,
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={primary ? 'primary' : ''}
              onClick={() => input.current?.click()}>
        <Icon name="upload" />{label}
      </button>
      <input ref={input} type="file" accept={kPictures} multiple={!!many}
             hidden aria-label={label}
             onChange={(event) => {
               const files = picturesOf(event.currentTarget.files);
               event.currentTarget.value = '';
               if (files.length) take(files);
             }} />
    </>
  );
}

export function DropZone({take, enabled, hint, children}: {
  take: (files: File[]) => void,
  enabled?: boolean,
  hint: string,
  children: ComponentChildren,
}) {
  const {over, events} = useDrop(take, enabled);
  return (
    <div class={over ? 'drop-zone over' : 'drop-zone'} {...events}>
      {children}
      {over && <div class="drop-hint" aria-hidden="true">{hint}</div>}
    </div>
  );
}
