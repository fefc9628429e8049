// What was typed and is not yet known to have reached the face: kept by position, sent once, resent
// after a reconnect from where the server stopped accepting. It must never reorder or drop a byte by itself.

/** The most unaccepted input kept, in bytes: a large paste fits, a lost night of key repeat does not. */
export const OUTBOX_BYTES_MAX = 4 * 1024 * 1024;
/** The most sent ahead of what is accepted, in bytes; the server's own queue is bounded likewise. */
export const INFLIGHT_BYTES_MAX = 64 * 1024;

/** One face's input stream. */
export class Outbox {
  private chunks: Uint8Array[] = [];
  private base = 0;
  private sent = 0;
  private end = 0;

  /** Takes typed bytes; false when they do not fit and none of them was taken. */
  push(bytes: Uint8Array): boolean {
    if (this.end - this.base + bytes.length > OUTBOX_BYTES_MAX) return false;
    if (bytes.length === 0) return true;
    this.chunks.push(bytes);
    this.end += bytes.length;
    return true;
  }

  /** The next piece to send, at most `limit` bytes; null when all is sent or enough is on its way. */
  next(limit: number): { at: number; bytes: Uint8Array } | null {
    const room = Math.min(limit, INFLIGHT_BYTES_MAX - (this.sent - this.base), this.end - this.sent);
    if (room <= 0) return null;
    const bytes = this.copy(this.sent, room);
    const at = this.sent;
    this.sent += room;
    return { at, bytes };
  }

  /** The server has everything before `upto`. */
  accepted(upto: number): void {
    const to = Math.min(upto, this.end);
    while (this.base < to) {
      const first = this.chunks[0];
      if (!first) break;
      const drop = Math.min(first.length, to - this.base);
      if (drop === first.length) this.chunks.shift();
      else this.chunks[0] = first.subarray(drop);
      this.base += drop;
    }
    if (this.sent < this.base) this.sent = this.base;
  }

  /** A new connection: the server has everything before `accepted`, the rest is sent again. */
  reconnected(accepted: number): void {
    this.accepted(accepted);
    this.sent = this.base;
  }

  /** The server took nothing from `at` on and will not: forgets it. Returns how many bytes that were. */
  refused(at: number): number {
    if (at < this.base || at >= this.end) return 0;
    const lost = this.end - at;
    const kept = this.copy(this.base, at - this.base);
    this.chunks = kept.length ? [kept] : [];
    this.end = at;
    if (this.sent > at) this.sent = at;
    return lost;
  }

  /** How many bytes are not accepted yet. */
  get pending(): number {
    return this.end - this.base;
  }

  private copy(from: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    let at = this.base;
    let filled = 0;
    for (const chunk of this.chunks) {
      const skip = Math.max(0, from - at);
      if (skip < chunk.length && filled < length) {
        const part = chunk.subarray(skip, Math.min(chunk.length, skip + length - filled));
        out.set(part, filled);
        filled += part.length;
        from += part.length;
      }
      at += chunk.length;
      if (filled === length) break;
    }
    return out;
  }
}
