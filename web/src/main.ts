// The page's start. It leaves one reading handle for tests and for people at the browser's console.

import '@xterm/xterm/css/xterm.css';
import './page.css';
import { App, standing } from './app';
import { styleWithoutInline } from './policy';

styleWithoutInline();
const root = document.getElementById('page');
if (root) {
  const app = new App(root);
  app.start();
  Object.defineProperty(window, 'facemux', {
    value: Object.freeze({
      standing: (id: number) => standing(app, id),
      terminal: (id: number) => app.views.get(id)?.terminal.term,
      pending: (id: number) => app.views.get(id)?.connection.pending,
    }),
  });
}
