import type {ComponentChildren} from 'preact';
import {ApiError} from '../api';
import {Icon, type IconName} from './icon';

// What to do about an error, where the service's own text does not say.
function advice(error: Error): string {
  if (!(error instanceof ApiError)) return 'Reload the page.';
  if (error.status === 0) {
    return 'Is "ocelli serve" running, and the network up?';
  }
  if (error.status === 401) return 'Log in again.';
  if (error.status === 403) {
    return 'Your account does not have this right. An administrator can give it: "ocelli user add NAME --scope read,write".';
  }
  if (error.status === 404) {
    return 'It may have been removed meanwhile: go back and reload.';
  }
  if (error.status === 429 || error.status === 503) {
    return error.retryAfter ? `Try again in ${error.retryAfter} s.` :
                              'Try again in a moment.';
  }
  if (error.status >= 500) return 'The log of the service says more.';
  return '';
}

export const errorText = (error: Error) => {
  const hint = advice(error);
  return hint ? `${error.message}. ${hint}` : error.message;
};

export function Trouble({error, retry}: {error: Error, retry?: () => void}) {
  return (
    <div class="message trouble" role="alert">
      <Icon name="warning" />
      <div>
        <p><strong>{error.message}</strong></p>
        <p>{advice(error)}</p>
      </div>
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

export function Empty({icon, title, children}:
    {icon: IconName, title: string, children?: ComponentChildren}) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Loading({what}: {what: string}) {
  return (
    <p class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      Loading {what} …
    </p>
  );
}
