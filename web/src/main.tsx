import {render} from 'preact';
import {App} from './app';
import {applyTheme} from './parts/theme';

applyTheme();
render(<App />, document.getElementById('app')!);
