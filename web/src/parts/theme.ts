import {useState} from 'preact/hooks';

export type Theme = 'auto'|'light'|'dark';
const kKey = 'ocelli-theme';

export const nextTheme = (theme: Theme): Theme =>
    theme === 'auto' ? 'light' : theme === 'light' ? 'dark' : 'auto';
export const themeName = (theme: Theme) => theme === 'auto' ?
    'Colours of the system' : theme === 'light' ? 'Light' : 'Dark';

function stored(): Theme {
  try {
    const theme = localStorage.getItem(kKey);
    return theme === 'light' || theme === 'dark' ? theme : 'auto';
  } catch {
    return 'auto';  // A browser that keeps nothing.
  }
}

export function applyTheme(theme = stored()) {
  if (theme === 'auto') {
    delete document.documentElement.dataset['theme'];
  } else {
    document.documentElement.dataset['theme'] = theme;
  }
  window.dispatchEvent(new Event('themechange'));
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(stored);
  return [theme, (chosen: Theme) => {
    try {
      localStorage.setItem(kKey, chosen);
    } catch {
      // It lasts as long as the page, then.
    }
    applyTheme(chosen);
    setTheme(chosen);
  }];
}
