// When one face's connection is open, waits or is over: a state machine without clock or socket.
// It owns the reconnect rules; time and chance come in as arguments, effects go out.

/** The first delay of a reconnect in milliseconds; it doubles from try to try. */
export const BACKOFF_FIRST = 250;
/** The longest delay in milliseconds: short enough that nobody reaches for reload. */
export const BACKOFF_MAX = 15_000;
/** How long a handshake may take in milliseconds before it counts as lost. */
export const OPENING_MAX = 10_000;
/** Silence after which the connection is asked whether it lives: one ping per minute at most. */
export const PING_AFTER = 60_000;
/** How long the answer may take in milliseconds. */
export const PONG_WITHIN = 8_000;

/** Why a connection is over and does not come back by itself. */
export type Over = 'ended' | 'gone' | 'missing' | 'denied' | 'kicked';

/** Where a connection is. */
export type Phase =
  | { at: 'idle' }
  | { at: 'opening'; since: number }
  | { at: 'open'; heard: number; pongBy: number | null }
  | { at: 'waiting'; until: number; why: string }
  | { at: 'offline' }
  | { at: 'over'; over: Over; text: string };

/** One face's connection: its phase, how many tries failed in a row, and whether it may type. */
export interface Link {
  readonly phase: Phase;
  readonly retry: number;
  readonly drive: boolean;
}

/** What happened. */
export type LinkEvent =
  | { is: 'wanted' }
  | { is: 'unwanted' }
  | { is: 'attached' }
  | { is: 'heard' }
  | { is: 'closed'; code: number; reason: string }
  | { is: 'timer' }
  | { is: 'offline' }
  | { is: 'online' }
  | { is: 'resumed' };

/** What is to be done. */
export type LinkEffect = 'open' | 'close' | 'ping';

/** A link nobody wants yet. */
export const IDLE: Link = { phase: { at: 'idle' }, retry: 0, drive: true };

/** The delay before try number `retry` (from 0), with `chance` in [0, 1) spreading it over its upper half. */
export function backoff(retry: number, chance: number): number {
  const full = Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** Math.min(retry, 16));
  return Math.round(full / 2 + (full / 2) * chance);
}

/** When the machine wants its timer event; null when it sleeps. */
export function deadline(link: Link): number | null {
  const phase = link.phase;
  switch (phase.at) {
    case 'opening': return phase.since + OPENING_MAX;
    case 'open': return phase.pongBy ?? phase.heard + PING_AFTER;
    case 'waiting': return phase.until;
    default: return null;
  }
}

/** One event in, the new link and what is to be done out. */
export function step(link: Link, event: LinkEvent, now: number, chance: number): { link: Link; effects: LinkEffect[] } {
  switch (event.is) {
    case 'wanted':
      return wanted(link, now);
    case 'unwanted':
      return { link: { ...link, phase: { at: 'idle' }, retry: 0 }, effects: hasSocket(link) ? ['close'] : [] };
    case 'attached':
      return { link: { ...link, phase: { at: 'open', heard: now, pongBy: null }, retry: 0 }, effects: [] };
    case 'heard':
      return link.phase.at === 'open' ? keep({ ...link, phase: { at: 'open', heard: now, pongBy: null } }) : keep(link);
    case 'closed':
      return hasSocket(link) ? closed(link, event.code, event.reason, now, chance) : keep(link);
    case 'timer':
      return timer(link, now, chance);
    case 'offline':
      if (hasSocket(link)) return { link: { ...link, phase: { at: 'offline' } }, effects: ['close'] };
      return keep(link.phase.at === 'waiting' ? { ...link, phase: { at: 'offline' } } : link);
    case 'online':
      return link.phase.at === 'offline' || link.phase.at === 'waiting' ? open({ ...link, retry: 0 }, now) : keep(link);
    case 'resumed':
      if (link.phase.at === 'waiting') return open({ ...link, retry: 0 }, now);
      if (link.phase.at === 'open' && link.phase.pongBy === null) return ping(link, link.phase.heard, now);
      return keep(link);
  }
}

function wanted(link: Link, now: number): { link: Link; effects: LinkEffect[] } {
  if (hasSocket(link)) return keep(link);
  return open({ ...link, retry: 0 }, now);
}

function timer(link: Link, now: number, chance: number): { link: Link; effects: LinkEffect[] } {
  const due = deadline(link);
  if (due === null || now < due) return keep(link);
  const phase = link.phase;
  if (phase.at === 'waiting') return open(link, now);
  if (phase.at === 'open' && phase.pongBy === null) return ping(link, phase.heard, now);
  const why = phase.at === 'open' ? 'no answer to a ping' : 'no answer to the handshake';
  return { link: wait(link, why, now, chance), effects: ['close'] };
}

function closed(link: Link, code: number, reason: string, now: number, chance: number): { link: Link; effects: LinkEffect[] } {
  const over = overBy(code);
  if (over) return keep({ ...link, phase: { at: 'over', over, text: reason || overText(over) } });
  if (code === 4409 && link.drive) return open({ ...link, drive: false }, now);
  return keep(wait(link, reason || (code === 1001 ? 'the server restarts' : 'connection lost'), now, chance));
}

function overBy(code: number): Over | null {
  switch (code) {
    case 1000: return 'ended';
    case 1008: return 'denied';
    case 4001: return 'kicked';
    case 4404: return 'missing';
    case 4410: return 'gone';
    default: return null;
  }
}

function overText(over: Over): string {
  switch (over) {
    case 'ended': return 'ended';
    case 'gone': return 'ended before';
    case 'missing': return 'no such face';
    case 'denied': return 'not allowed';
    case 'kicked': return 'detached by its owner';
  }
}

function open(link: Link, now: number): { link: Link; effects: LinkEffect[] } {
  return { link: { ...link, phase: { at: 'opening', since: now } }, effects: ['open'] };
}

function ping(link: Link, heard: number, now: number): { link: Link; effects: LinkEffect[] } {
  return { link: { ...link, phase: { at: 'open', heard, pongBy: now + PONG_WITHIN } }, effects: ['ping'] };
}

function wait(link: Link, why: string, now: number, chance: number): Link {
  return { ...link, retry: link.retry + 1, phase: { at: 'waiting', until: now + backoff(link.retry, chance), why } };
}

function hasSocket(link: Link): boolean {
  return link.phase.at === 'opening' || link.phase.at === 'open';
}

function keep(link: Link): { link: Link; effects: LinkEffect[] } {
  return { link, effects: [] };
}
