// Which bytes of a face's output are new to this page. It owns one offset: everything before it was
// handed to the terminal. What a server sends twice is dropped here; what it leaves out is noticed here.

/** What to do with a message of output or of a restore. */
export type Take =
  | { is: 'write'; bytes: Uint8Array; upto: number }
  | { is: 'nothing' }
  | { is: 'gap' };

/** One face's output stream as this page has it. */
export class Inbox {
  private next: number | null = null;
  private restoring: number | null = null;

  /** Where to resume; null when only a restore helps. */
  get resume(): number | null {
    return this.restoring === null ? this.next : null;
  }

  /** Output from the child's offset `offset` on. */
  output(offset: number, bytes: Uint8Array): Take {
    if (this.next === null || this.restoring !== null || offset > this.next) return { is: 'gap' };
    const known = this.next - offset;
    if (known >= bytes.length) return { is: 'nothing' };
    this.next = offset + bytes.length;
    return { is: 'write', bytes: known === 0 ? bytes : bytes.subarray(known), upto: this.next };
  }

  /** One piece of a restore taken at `offset`; `upto` is reached with its last piece alone. */
  restore(offset: number, first: boolean, last: boolean, bytes: Uint8Array): Take {
    if (!first && this.restoring !== offset) return { is: 'gap' };
    this.restoring = last ? null : offset;
    if (last) this.next = offset;
    return { is: 'write', bytes, upto: last ? offset : -1 };
  }

  /** The connection is gone: half a restore is none. */
  disconnected(): void {
    if (this.restoring !== null) this.next = null;
    this.restoring = null;
  }

  /** The terminal of this page was thrown away: the next attachment needs a restore. */
  forget(): void {
    this.next = null;
    this.restoring = null;
  }
}
