//! Ways in which programs get away from their parents, each ending in a process whose command line holds MARK.

/// Should a trick work, its process must not burden the machine: none forks for longer than ten seconds.
///
/// Name and shell script; `MARK` stands for a number unlike any other. Each script leaves its process behind it and
/// goes on; what follows decides how the face ends.
pub const TRICKS: &[(&str, &str)] = &[
    ("background", "sleep MARK &"),
    ("nohup", "nohup sleep MARK >/dev/null 2>&1 &"),
    ("setsid", "setsid sleep MARK &"),
    ("setsid --fork", "setsid --fork sleep MARK"),
    ("setsid nohup", "setsid nohup sleep MARK >/dev/null 2>&1 &"),
    ("double fork", "(sleep MARK &)"),
    ("triple fork", "((sleep MARK &) &)"),
    ("session leader that forks again", "setsid sh -c '(sleep MARK &)'"),
    ("empty environment", "env -i sleep MARK &"),
    ("empty environment, own session", "env -i setsid sleep MARK &"),
    ("ignored signals", "trap '' HUP INT TERM QUIT; sleep MARK & trap - HUP INT TERM QUIT"),
    ("own process group", "set -m; sleep MARK & set +m"),
    ("stopped", "sleep MARK & kill -STOP $!"),
    ("stopped in its own session", "setsid sh -c 'kill -STOP $$; sleep MARK' &"),
    ("closed descriptors", "setsid sleep MARK <&- >&- 2>&- &"),
    (
        "a daemon by the book",
        "perl -e 'use POSIX; fork and exit; POSIX::setsid(); fork and exit; chdir \"/\"; umask 0;
         close $_ for *STDIN, *STDOUT, *STDERR; sleep MARK'",
    ),
    ("ten generations", "perl -e 'for (1..10) { fork and exit } sleep MARK'"),
    ("disowned", "bash -c 'sleep MARK & disown -a'"),
    (
        "forks when told to go",
        "perl -e '$SIG{HUP} = $SIG{TERM} = sub { fork and exit }; sleep 1 while MARK' &",
    ),
    (
        "never the same pid for long",
        "perl -e 'fork and exit; $SIG{HUP} = \"IGNORE\";
         while (MARK && time - $^T < 10) { fork and exit; select undef, undef, undef, .002 }'",
    ),
    (
        "traced and stopped",
        "perl -e 'fork and exit; syscall(101, 0, 0, 0, 0); kill \"STOP\", $$; sleep MARK'",
    ),
    ("another name", "bash -c 'exec -a innocent sleep MARK' &"),
    ("other directory and mask", "(cd /tmp; umask 0; exec setsid sleep MARK) &"),
    ("waiting on a pipe of its own", "sh -c 'sleep MARK | cat' &"),
    ("vfork by way of system(3)", "awk 'BEGIN { system(\"setsid sleep MARK &\") }'"),
    (
        "collects its own orphans",
        "perl -e 'fork and exit; syscall(157, 36, 1, 0, 0, 0); setpgrp; fork or (fork and exit); sleep MARK'",
    ),
    (
        "on a terminal of its own",
        "script -q -c 'sleep MARK' /dev/null </dev/null >/dev/null 2>&1 &",
    ),
    ("named like the kernel's", "perl -e 'fork and exit; $0 = \"[kworker/0:MARK]\"; sleep MARK'"),
    ("a descriptor of the terminal kept", "exec 9<>/dev/tty; setsid sleep MARK 9<&9 & exec 9<&-"),
    (
        "many groups at once",
        "perl -e '$SIG{HUP} = \"IGNORE\"; for (1..40) { fork or (setpgrp, sleep MARK) }'",
    ),
    (
        "in a PID namespace of its own, where it may",
        "if [ $(id -u) = 0 ]; then unshare --pid --fork setsid sleep MARK & else setsid sleep MARK & fi",
    ),
    (
        "in another root, where it may",
        "if [ $(id -u) = 0 ]; then chroot / setsid sleep MARK & else setsid sleep MARK & fi",
    ),
];
