//! Every bound with its unit, its cost in bytes and its reason. Imports nothing.
//!
//! docs/RUNTIME.md says the same for users: what each bounds and what happens when it is reached.

/// Fewest rows of a terminal: xterm.js refuses fewer.
pub const ROWS_MIN: u16 = 1;
/// Most rows of a terminal: 1000 rows of 1000 8-byte cells are 8 MB a screen.
pub const ROWS_MAX: u16 = 1000;
/// Fewest columns: a wide character needs two; xterm.js clamps to two as well.
pub const COLS_MIN: u16 = 2;
/// Most columns.
pub const COLS_MAX: u16 = 1000;

/// Lines of history a face keeps unless told otherwise.
pub const HISTORY_LINES: usize = 10_000;
/// Lines of history that may be asked for; `HISTORY_BYTES_MAX` binds first for any but the shortest.
pub const HISTORY_LINES_MAX: u32 = 1_000_000;
/// Bytes of packed history a face keeps at most; whichever bound is reached first drops the oldest.
pub const HISTORY_BYTES_MAX: usize = 1 << 20;

/// Bytes of one frame's payload on the Unix socket: a whole environment fits; a peer cannot make us hold more.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
/// Bytes before the payload of a raw frame: length, kind, offset.
pub const FRAME_HEADER_BYTES: usize = 13;
/// Faces alive at once unless told otherwise.
pub const FACES: u32 = 64;
/// Faces alive at once at most: a descriptor or two, 40 KiB and a PTY each.
pub const FACES_MAX: u32 = 4096;
/// Bytes of a face's journal unless told otherwise: viewers may lag this far behind and lose nothing.
pub const JOURNAL_BYTES: u32 = 256 * 1024;
/// Bytes of a journal at least: a turn's read must fit several times.
pub const JOURNAL_BYTES_MIN: u32 = 64 * 1024;
/// Bytes of a journal at most: all of it is memory once a face has printed as much.
pub const JOURNAL_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// How long a face waits, at least, for a driver that has just taken something: a stream that is read loses nothing,
/// a program nobody reads is stopped for a moment once.
pub const HOLD_MIN: std::time::Duration = std::time::Duration::from_millis(100);

/// How long at most, for one that has kept up for `HOLD_EARNED` times as long: on a busy machine a reader may not run
/// for a while.
pub const HOLD_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// How long for a command's only reader that has no terminal, as behind a pipe: bytes it missed nobody could draw anew.
pub const HOLD_WHOLE: std::time::Duration = std::time::Duration::from_secs(10);

/// Keeping up for this many moments earns one to be waited for.
pub const HOLD_EARNED: u32 = 10;

/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;
/// Modes of a terminal that a new face may begin with: RFC 4254 section 8 numbers fewer than this.
pub const TERMINAL_MODES_MAX: usize = 64;
/// Certificates kept at most; each is at most `CERTIFICATE_BYTES_MAX`.
pub const CERTIFICATES_MAX: usize = 256;
/// Bytes of one certificate: the end report, the info, and the last screen while it fits.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of accepted input a face's program has not read yet; a driver beyond it is refused.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of address space of the daemon's own shared memory, the ledger at its start: sparse, only what is used costs.
pub const DAEMON_MEMORY_BYTES: usize = 1 << 20;
/// Ids made durable at a time: one fsync for this many faces; at most so many are skipped after a crash of all.
pub const IDS_RESERVED: u64 = 32;
/// Bytes of memory a face may be limited to at least: a shell starts in it.
pub const FACE_MEMORY_BYTES_MIN: u64 = 1 << 20;
/// Bytes of a Unix socket's path, `sun_path` less its NUL (unix(7)).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Clients of the socket at once: one descriptor each; further ones are closed at once.
pub const CLIENTS_MAX: usize = 4096;

/// Bytes of one rendered snapshot: 10,000 rows of coloured text as HTML fit; held for one request.
pub const SNAPSHOT_BYTES_MAX: usize = 16 << 20;
/// Bytes of the input queue that only replies may use: a program that asks is answered also while a driver floods.
pub const INPUT_RESERVED_FOR_REPLIES: u64 = 4 * 1024;
/// Bytes of a line the kernel keeps in canonical mode (N_TTY_BUF_SIZE less one); it drops the rest silently.
pub const LINE_BYTES_MAX: u64 = 4095;
/// Bytes of address space of a checkpoint slot: sparse, only what a checkpoint fills costs memory. A screen whose
/// restore is larger has no checkpoint, and a crash of the daemon costs it its screen.
pub const SLOT_BYTES_MAX: usize = 32 << 20;
/// Bytes of address space of a face's undo log: what the gate has silenced since the last checkpoint. Sparse; when it
/// is half full a checkpoint is taken.
pub const UNDO_BYTES_MAX: usize = 256 * 1024;
/// Drivers of a face that a daemon expects back after its predecessor's crash: further ones may be lapped while away.
pub const DRIVERS_REMEMBERED: usize = 16;
/// Viewers whose input position a face remembers across a crash; a further one takes the place of the oldest.
pub const VIEWERS_REMEMBERED: usize = 128;
/// Replies taken from one read of a PTY; a read is at most a turn, and more than this is an attack on the queue.
pub const REPLIES_MAX: usize = 1024;
/// Announcements (bells, titles, ...) taken from one read of a PTY.
pub const SPAN_EVENTS_MAX: usize = 256;
/// Bytes of a title, a last line or a notification as others see it.
pub const PREVIEW_BYTES_MAX: usize = 256;
/// Bytes of one answer a client puts together, of its own memory: a snapshot, and room for one that grows.
pub const ANSWER_BYTES_MAX: usize = 2 * SNAPSHOT_BYTES_MAX;
/// Bytes of typed input a viewer keeps until they are accepted, to type them again after a reconnect.
pub const UNACCEPTED_BYTES_MAX: usize = 64 * 1024;
/// Rows of history one restore or snapshot carries at most.
pub const HISTORY_ROWS_MAX: u32 = 100_000;
/// Viewers of one face at most: each costs an offset and its place in a list.
pub const VIEWERS_MAX: usize = 1024;
/// Bytes of restores on their way to the viewers of one face, beyond which the oldest are given up and their viewers
/// begin anew with the screen alone. The newest always goes: viewers that stop reading cost no more than this.
pub const RESTORES_BYTES_MAX: usize = 4 << 20;
/// Bytes of a snapshot in one message.
pub const SNAPSHOT_PIECE_BYTES: usize = 64 * 1024;
/// Bytes of one read of a PTY: the kernel gives at most 4095 (N_TTY_BUF_SIZE less one).
pub const PTY_READ_BYTES: usize = 4096;
/// Bytes of a face's output in one turn, one read: what a keystroke in another face waits for at most. A look at the
/// poll costs a hundredth of the read and its parsing.
pub const TURN_BYTES: usize = PTY_READ_BYTES - 1;
/// Bytes of one read of a handed terminal: the kernel's line buffer.
pub const TYPED_BYTES: usize = 4096;
/// Bytes of one frame of a viewer's stream, and of one write to a handed terminal.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of one read of the Unix socket.
pub const SOCKET_READ_BYTES: usize = 16 * 1024;
/// Bytes of answers a client has not read, beyond which its requests wait and events end the connection.
pub const OUTBOX_BYTES_MAX: usize = 1 << 20;
/// How long a connection may say nothing at first.
pub const GREETING_TIME: std::time::Duration = std::time::Duration::from_secs(10);
/// How long a viewer waits at most to hear that its input was accepted, for output to hear it with. It needs to know
/// only to forget what it would type again after a crash.
pub const RECEIPT_TIME: std::time::Duration = std::time::Duration::from_millis(5);
/// Bytes of input of which a viewer hears at once: it waits for room. A sixteenth of what it may keep.
pub const RECEIPT_BYTES: u64 = 4 * 1024;
/// Messages for the keeper that its socket has not taken, beyond which log lines are lost.
pub const KEEPER_QUEUE_MAX: usize = 1024;
/// Parameters, and again sub-parameters, of one control sequence: as many as xterm.js keeps.
pub const PARAMS_MAX: usize = 32;
/// Bytes of one ESC or CSI sequence; a longer one is ignored. 32 parameters of 10 digits fit twice.
pub const SEQUENCE_BYTES_MAX: usize = 1024;
/// Bytes of an OSC string held back from viewers until it is complete; a longer one is ignored by the
/// model and silenced for viewers. Titles, links and colours fit. 4 KiB a face while one is unfinished.
pub const STRING_HELD_BYTES_MAX: usize = 4096;
/// Bytes of an OSC 52 payload kept for the clipboard event; a longer one is dropped. Lives only while
/// the string arrives.
pub const CLIPBOARD_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a DCS kept to answer it: DECRQSS names at most two.
pub const DCS_BYTES_MAX: usize = 16;
/// Styles interned at once, about 60 bytes each: those with RGB colours, links or a coloured underline. More than a
/// screen of 500 x 250 cells can show when each differs; beyond it new styles are shown as the default one.
pub const STYLES_MAX: usize = 1 << 18;
/// Clusters interned at once: at most `CLUSTER_BYTES_MAX` each, twice.
pub const CLUSTERS_MAX: usize = 1 << 16;
/// Bytes of one character with its marks; further marks are dropped.
pub const CLUSTER_BYTES_MAX: usize = 128;
/// Hyperlinks interned at once; each is at most an OSC long. Beyond it text has no link.
pub const LINKS_MAX: usize = 4096;
/// Bytes of a title or icon name; a longer one is cut.
pub const TITLE_BYTES_MAX: usize = 1024;
/// Titles on the stack: as many as xterm.js keeps.
pub const TITLES_MAX: usize = 10;
/// Entries of the kitty keyboard stack with its base.
pub const KITTY_MAX: usize = 32;
/// Bytes of a colour as a program spells it.
pub const COLOR_BYTES_MAX: usize = 40;
/// Bytes of packed text that wrap as one line; beyond it a line is wrapped anew in pieces.
pub const HISTORY_LINE_BYTES_MAX: usize = 32 * 1024;
/// Rows above the screen that a saved cursor's row is counted from: the page keeps as many.
pub const SCROLLBACK_ROWS: u32 = 10_000;
/// Handed terminals whose place in the output outlives the daemon; a further one is painted anew after a crash.
pub const TERMINALS_REMEMBERED: usize = 256;

/// Bytes of a command that comes over SSH: held once for each channel.
pub const REMOTE_COMMAND_BYTES_MAX: usize = 32 * 1024;
/// Bytes of one authorized_keys file; a longer one is not read. Held once for the SSH frontend.
pub const AUTHORIZED_KEYS_BYTES_MAX: u64 = 1 << 20;
/// Keys of one authorized_keys file, about 200 bytes each.
pub const AUTHORIZED_KEYS_MAX: usize = 4096;
/// SSH connections at once: one descriptor and about 64 KiB each, more while bytes wait.
pub const SSH_CONNECTIONS_MAX: usize = 512;
/// SSH connections that have not logged in, at once: about 50 KiB each; the longest waiting makes room for a new one.
pub const SSH_WAITING_MAX: usize = 64;
/// How long an SSH connection has to log in unless told otherwise, in seconds.
pub const SSH_LOGIN_SECONDS: u64 = 30;
/// Tries to authenticate on one SSH connection, the question what there is among them: an agent with a handful of keys
/// gets through.
pub const SSH_AUTH_TRIES_MAX: usize = 8;
/// Connections of one source that may fail before its next ones are made to wait.
pub const SSH_BACKOFF_AFTER: u32 = 10;
/// Sources whose failures are remembered, 64 bytes each; the oldest is forgotten.
pub const SSH_SOURCES_MAX: usize = 1024;
/// Channels of one SSH connection at once: a connection to the daemon or a process each.
pub const SSH_CHANNELS_MAX: usize = 16;
/// Bytes a client may send on an SSH channel before it is granted more (RFC 4254 5.2).
pub const SSH_WINDOW_BYTES: u32 = 256 * 1024;
/// Bytes of one SSH packet's data, what every client must take (RFC 4253 6.1).
pub const SSH_PACKET_BYTES: u32 = 32 * 1024;
/// Bytes read ahead of what an SSH connection asks for: a keystroke's packet is one read. Held for each connection.
pub const SSH_READ_AHEAD_BYTES: usize = 2 * 1024;
/// Packets of one channel that wait for it to be read: the session waits beyond that.
pub const SSH_CHANNEL_PACKETS: usize = 8;
/// Bytes typed on an SSH channel and not yet taken; beyond that nothing more is read from its connection.
pub const SSH_BACKLOG_BYTES: usize = 64 * 1024;
/// Bytes of output taken from the daemon for an SSH client that has no room for them; the rest stays an offset.
pub const SSH_OUTPUT_BYTES: usize = 64 * 1024;
/// Tokens and browsers' cookies kept at most; about 300 bytes each on disk and in the web process.
pub const TOKENS_MAX: usize = 1024;
/// How long a browser's cookie lasts, in milliseconds: 30 days.
pub const COOKIE_MS: u64 = 30 * 24 * 3600 * 1000;
/// How long the link that `serve` prints may be used, in milliseconds: a day.
pub const LINK_MS: u64 = 24 * 3600 * 1000;
/// Single-use tickets waiting for their WebSocket at once; about 150 bytes each, the oldest goes first.
pub const TICKETS_MAX: usize = 1024;
/// How long a ticket may wait, in milliseconds.
pub const TICKET_MS: u64 = 30_000;
/// HTTP connections at once: a descriptor each, two as a WebSocket; further ones are answered 503 and closed.
pub const WEB_CONNECTIONS_MAX: usize = 2048;
/// Bytes of a request's head, and so of what an unfinished one can hold.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 64;
/// Milliseconds a request's head and body may take to arrive, and an answer to be taken.
pub const HEAD_MS_MAX: u64 = 10_000;
/// Milliseconds a connection may wait for its next request.
pub const KEEP_ALIVE_MS: u64 = 60_000;
/// Bytes of a request's body: the largest is input for a face.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one WebSocket message and of one of its frames: input, or a little JSON.
pub const WS_MESSAGE_BYTES_MAX: usize = 64 * 1024 + 64;
/// Bytes a WebSocket reads at once while idle: allocated for each connection.
pub const WS_READ_BYTES: usize = 2 * 1024;
/// Bytes waiting for one page's socket before no more is taken from the daemon for it.
pub const WS_UNSENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes a page may be sent beyond what it has acknowledged as shown: half a journal, so that a page that falls
/// behind by a window can still be served from it.
pub const WS_WINDOW_BYTES: u32 = 128 * 1024;
/// Milliseconds between a WebSocket's pings; a page that has not answered one by the next is gone.
pub const WS_PING_MS: u64 = 60_000;
/// Pings, pongs and empty messages a page may send in one period between our pings.
pub const WS_IDLE_FRAMES_MAX: u32 = 1200;
/// Sources of failed logins remembered at once; 40 bytes each.
pub const SOURCES_MAX: usize = 1024;
/// Failed logins a source may have at once; one more is forgiven every `LOGIN_FORGIVE_MS`.
pub const LOGIN_FAILURES_MAX: u32 = 10;
/// Milliseconds until a failed login is forgiven.
pub const LOGIN_FORGIVE_MS: u64 = 6_000;
/// Bytes of packed history a line of the limit asked for may use: a face told to keep few lines holds little memory.
pub const HISTORY_LINE_BYTES: usize = 256;
/// Descriptors the keeper leaves free when it starts faces: what it takes to start daemon and frontends again, or to
/// hand over to another program. Of few, half.
pub const KEEPER_DESCRIPTORS_FREE: u64 = 32;
/// Descriptors the daemon leaves free when it takes clients: faces must find room. Of few, a quarter.
pub const DAEMON_DESCRIPTORS_FREE: u64 = 64;
/// Bytes of one message of the keeper: a certificate and what names it.
pub const KEEPER_MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// How long faces that print wait, at most, for the answer to a keystroke in another: a program on a machine with few
/// processors gets one at once. The poll's resolution; at a person's speed of typing it costs them nothing.
pub const ECHO_TIME: std::time::Duration = std::time::Duration::from_millis(1);
