// The colours of a terminal and which theme is on. It owns the two palettes; the page's own colours are in page.css.

import type { ITheme } from '@xterm/xterm';
import type { ThemeChoice } from './remember';

const DARK: ITheme = {
  background: '#111418', foreground: '#d9dee5', cursor: '#e8c07d', cursorAccent: '#111418',
  selectionForeground: '#f4f7fa', selectionBackground: '#33507a', selectionInactiveBackground: '#2a3a52',
  black: '#22272e', red: '#f4786f', green: '#7fc97f', yellow: '#e5b95c', blue: '#76aef5', magenta: '#cf9bf2', cyan: '#63c7c9', white: '#c6ccd4',
  brightBlack: '#818a96', brightRed: '#ff9d94', brightGreen: '#a2e0a0', brightYellow: '#f6d488', brightBlue: '#9dc6ff', brightMagenta: '#e0baff', brightCyan: '#8fe3e4', brightWhite: '#f7f9fb',
  scrollbarSliderBackground: '#8b949e40', scrollbarSliderHoverBackground: '#8b949e70', scrollbarSliderActiveBackground: '#8b949e90',
};

const LIGHT: ITheme = {
  background: '#fdfdfb', foreground: '#24292f', cursor: '#7a4d00', cursorAccent: '#fdfdfb',
  selectionForeground: '#14181c', selectionBackground: '#b9d3f5', selectionInactiveBackground: '#d5e0ee',
  black: '#24292f', red: '#b3261e', green: '#1b6e2c', yellow: '#7d5600', blue: '#0b56b3', magenta: '#7a34ab', cyan: '#0b6a72', white: '#626b76',
  brightBlack: '#57606a', brightRed: '#c4332a', brightGreen: '#207a35', brightYellow: '#8a6100', brightBlue: '#1863c6', brightMagenta: '#8a45bd', brightCyan: '#0f747d', brightWhite: '#3d444d',
  scrollbarSliderBackground: '#57606a40', scrollbarSliderHoverBackground: '#57606a70', scrollbarSliderActiveBackground: '#57606a90',
};

/** How found text is marked in each theme. */
export function findColours(dark: boolean): { matchBackground: string; activeMatchBackground: string; matchOverviewRuler: string; activeMatchColorOverviewRuler: string } {
  return dark
    ? { matchBackground: '#4a3f17', activeMatchBackground: '#8a6a12', matchOverviewRuler: '#e5b95c', activeMatchColorOverviewRuler: '#ffd98a' }
    : { matchBackground: '#ffe9a8', activeMatchBackground: '#ffc53d', matchOverviewRuler: '#b98900', activeMatchColorOverviewRuler: '#7d5600' };
}

/** The terminal's colours. */
export function palette(dark: boolean): ITheme {
  return dark ? DARK : LIGHT;
}

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** Whether a choice means dark now. */
export function isDark(choice: ThemeChoice): boolean {
  return choice === 'dark' || (choice === 'system' && prefersDark.matches);
}

/** Puts the theme on the document, the browser's own bars with it. */
export function apply(choice: ThemeChoice): void {
  const dark = isDark(choice);
  document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', dark ? '#171b20' : '#f1f2f0');
}

/** Calls back when the system's preference changes. */
export function onPreference(changed: () => void): void {
  prefersDark.addEventListener('change', changed);
}
