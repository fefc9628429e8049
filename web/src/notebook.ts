// Keeps the page's memory in localStorage, shared with other tabs of this page: only what this tab changed is
// written over what is there. It owns the timing of writes; the form is remember.ts's.

import { type FaceMemory, type Memory, STORED_AS, faceMemory, read, rememberFace, write } from './remember';

/** How long changes are gathered before they are written, in milliseconds. */
const SETTLE = 250;

/** The memory and its changes. */
export class Notebook {
  memory: Memory = read(stored());
  private changes: Partial<Memory> = {};
  private readonly faces = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  face(id: number, created: string): FaceMemory {
    return faceMemory(this.memory, id, created);
  }

  change(change: Partial<Memory>): void {
    this.memory = { ...this.memory, ...change };
    this.changes = { ...this.changes, ...change };
    this.soon();
  }

  changeFace(id: number, created: string, change: Partial<FaceMemory>): void {
    this.memory = rememberFace(this.memory, id, created, change, Date.now());
    this.faces.add(id);
    this.soon();
  }

  /** Writes what is not written yet. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const there = read(stored());
    const faces = { ...there.faces };
    for (const id of this.faces) {
      const mine = this.memory.faces[id];
      if (mine) faces[id] = mine;
    }
    this.memory = { ...there, ...this.changes, faces };
    try {
      localStorage.setItem(STORED_AS, write(this.memory));
    } catch {
      // No storage, or none left: this page works, and forgets.
    }
    this.changes = {};
    this.faces.clear();
  }

  private soon(): void {
    this.timer ??= setTimeout(() => this.flush(), SETTLE);
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}
