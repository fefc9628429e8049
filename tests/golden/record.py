#!/usr/bin/env python3
"""Runs a program on a PTY and keeps what it prints.

record.py OUT COLSxROWS [STEP...] -- PROGRAM [ARG...]

Steps, in order: `type:TEXT` sends text (escapes as in Python), `see:TEXT` waits until the program has
printed it. At the end the recorder waits until nothing was printed for a while, writes OUT and ends the
program; what it prints on its way out is not kept, so that OUT ends with the program's screen.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

QUIET_SECONDS = 0.5
STEP_SECONDS = 15


def read(master, seconds):
    """Output that comes within `seconds`: empty when none did, None at the end of the program."""
    if not select.select([master], [], [], seconds)[0]:
        return b""
    try:
        return os.read(master, 65536) or None
    except OSError:
        return None


def settle(master, kept):
    while True:
        output = read(master, QUIET_SECONDS)
        if not output:
            return
        kept += output


def step(master, kept, seen, what):
    kind, _, text = what.partition(":")
    wanted = text.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace").encode()
    if kind == "type":
        settle(master, kept)
        seen[0] = len(kept)
        os.write(master, wanted)
    elif kind == "see":
        end = time.monotonic() + STEP_SECONDS
        while wanted not in kept[seen[0]:]:
            output = read(master, end - time.monotonic())
            if not output:
                sys.exit(f"record: the program never printed {text!r}")
            kept += output
    else:
        sys.exit(f"record: unknown step {what!r}")


def main():
    out, size, *rest = sys.argv[1:]
    split = rest.index("--")
    steps, program = rest[:split], rest[split + 1:]
    cols, rows = map(int, size.split("x"))
    child, master = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        os.execvp(program[0], program)
    kept, seen = bytearray(), [0]
    for what in steps:
        step(master, kept, seen, what)
    settle(master, kept)
    with open(out, "wb") as file:
        file.write(kept)
    for ending in (signal.SIGHUP, signal.SIGKILL):
        try:
            os.kill(child, ending)
        except ProcessLookupError:
            break
        time.sleep(0.2)
    os.close(master)
    os.waitpid(child, 0)


main()
