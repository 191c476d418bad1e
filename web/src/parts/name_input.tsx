import {useEffect, useId, useRef} from 'preact/hooks';
import {api} from '../api';
import {useLoad} from './load';

// A person's name: one of those that are enrolled, or a new one.
export function NameInput({label, value, change, except}: {
  label: string,
  value: string,
  change: (name: string) => void,
  except?: string,  // Not to be proposed.
}) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const people = useLoad(api.people, []);
  useEffect(() => input.current?.focus(), []);
  const names = (people.data?.people ?? []).map((person) => person.name)
      .filter((name) => name !== except);
  return (
    <label class="field">
      <span>{label}</span>
      <input ref={input} list={id} value={value} maxLength={200} required
             autocomplete="off" spellcheck={false}
             onInput={(event) => change(event.currentTarget.value)} />
      <datalist id={id}>
        {names.map((name) => <option key={name} value={name} />)}
      </datalist>
    </label>
  );
}
