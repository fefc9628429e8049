//! `facemux completions`: what a shell needs to complete our commands. Everything is read from the verbs' own help
//! texts, so that there is no second table to keep: option lines (`  -o, --out FILE   what it does`) and the usage.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::{ELSEWHERE, VERBS, Verb, out};
use crate::config;
use std::fmt::Write;

pub(super) const VERB: Verb = Verb {
    names: &["completions"],
    summary: "print a completion script for a shell",
    help: "usage: facemux completions bash|zsh|fish

Prints a script that completes commands, options and the living faces.

Exit: 0, or 2 for another shell.

Examples:
  source <(facemux completions bash)
  facemux completions zsh > ~/.zfunc/_facemux
  facemux completions fish > ~/.config/fish/completions/facemux.fish
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let mut shell = None;
    while let Some(word) = args.word()? {
        match word {
            Word::Value(name) if shell.is_none() => shell = Some(name),
            _ => return Err(args.unknown(&word)),
        }
    }
    let shell = shell.ok_or_else(|| Stop::usage("completions: name a shell: bash, zsh or fish"))?;
    let text = script(&shell).ok_or_else(|| {
        Stop::usage(format!("completions: {shell} is not known; bash, zsh and fish are"))
    })?;
    out::print(text.as_bytes());
    Ok(OK)
}

/// The script for `shell`, when it is one we know.
pub fn script(shell: &str) -> Option<String> {
    let commands: Vec<Command> =
        helps().map(|(names, summary, help)| Command::read(names, summary, help)).collect();
    match shell {
        "bash" => Some(bash(&commands)),
        "zsh" => Some(zsh(&commands)),
        "fish" => Some(fish(&commands)),
        _ => None,
    }
}

/// Names, summary and help of every command.
fn helps() -> impl Iterator<Item = (&'static [&'static str], &'static str, &'static str)> {
    let elsewhere = ELSEWHERE.iter().map(|(name, summary)| {
        let help = if *name == "serve" { config::USAGE } else { "" };
        (std::slice::from_ref(name), *summary, help)
    });
    elsewhere.chain(VERBS.iter().map(|verb| (verb.names, verb.summary, verb.help)))
}

/// What may stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Nothing,
    Face,
    Path,
    Words(Vec<String>),
    Anything,
}

impl Value {
    /// From the placeholder of a help text.
    fn read(placeholder: &str) -> Value {
        let bare = placeholder.trim_matches(|c| matches!(c, '[' | ']' | '.'));
        match bare {
            "" => Value::Nothing,
            "ID" => Value::Face,
            "FILE" | "DIR" | "PATH" | "FILE|-" => Value::Path,
            _ if bare.contains('|') => {
                let plain = |w: &&str| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                Value::Words(bare.split('|').filter(plain).map(str::to_owned).collect())
            }
            _ => Value::Anything,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Flag {
    short: Option<String>,
    long: Option<String>,
    value: Value,
    about: String,
}

struct Command {
    names: &'static [&'static str],
    summary: &'static str,
    flags: Vec<Flag>,
    operand: Value,
}

impl Command {
    fn read(names: &'static [&'static str], summary: &'static str, help: &str) -> Command {
        let usage: String =
            help.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let words: Vec<&str> = usage.split_whitespace().skip(3).collect();
        let mut flags: Vec<Flag> = help.lines().filter_map(Flag::read).collect();
        for (i, word) in words.iter().enumerate() {
            let name = word.trim_start_matches('[').trim_end_matches(']');
            // The usage names the choices where the option's own line has only a letter.
            let choice = words.get(i + 1).map_or(Value::Nothing, |w| Value::read(w));
            match flags.iter_mut().find(|f| f.names().any(|n| n == name)) {
                Some(flag) if matches!(choice, Value::Words(_)) && !word.ends_with(']') => {
                    flag.value = choice
                }
                None if name.starts_with("--") && name.len() > 2 => {
                    let value = if word.ends_with(']') { Value::Nothing } else { choice };
                    flags.push(Flag {
                        short: None,
                        long: Some(name.to_owned()),
                        value,
                        about: String::new(),
                    });
                }
                _ => {}
            }
        }
        let operand = words.first().map_or(Value::Nothing, |w| Value::read(w));
        let operand =
            if words.first().is_some_and(|w| w.contains('-')) { Value::Nothing } else { operand };
        Command { names, summary, flags, operand }
    }
}

impl Flag {
    /// From an option's line of a help text.
    fn read(line: &str) -> Option<Flag> {
        let line = line
            .strip_prefix("  ")
            .filter(|rest| rest.starts_with('-') && !rest.starts_with("-- "))?;
        let (head, about) = line.split_once("  ").unwrap_or((line, ""));
        let mut flag =
            Flag { short: None, long: None, value: Value::Nothing, about: about.trim().to_owned() };
        for word in head.split([' ', ',']).filter(|w| !w.is_empty()) {
            if word.starts_with("--") {
                flag.long = Some(word.to_owned());
            } else if word.starts_with('-') && word.len() > 1 {
                flag.short = Some(word.to_owned());
            } else if flag.value == Value::Nothing {
                flag.value = Value::read(word);
            }
        }
        if flag.long.as_deref() == Some("--cwd") {
            flag.value = Value::Path;
        }
        Some(flag)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.short.as_deref().into_iter().chain(self.long.as_deref())
    }
}

/// Prints the ids and names of the living, one a line; a name has no character that JSON would escape.
const FACES: &str = concat!(
    r"facemux ls --json 2>/dev/null | tr '{,' '\n\n' | ",
    r#"sed -n 's/^"id"://p; s/^"name":"\(.*\)"$/\1/p'"#
);

fn bash(commands: &[Command]) -> String {
    let verbs: Vec<&str> = commands.iter().flat_map(|c| c.names.iter().copied()).collect();
    let mut text = format!(
        "# facemux completions for bash: source <(facemux completions bash)
_facemux_faces() {{
    {FACES}
}}
_facemux() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} verb= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            --dir) ((i++)) ;;
            -*) ;;
            *) verb=${{COMP_WORDS[i]}}; break ;;
        esac
    done
    COMPREPLY=()
    if [[ $before == --dir ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- \"$word\")
        return
    fi
    case $verb in
        '') mapfile -t COMPREPLY < <(compgen -W '{} --dir --help --version' -- \"$word\") ;;
",
        verbs.join(" ")
    );
    for command in commands {
        let _ = writeln!(text, "        {})\n            case $before in", command.names.join("|"));
        for flag in command.flags.iter().filter(|f| f.value != Value::Nothing) {
            let names: Vec<&str> = flag.names().collect();
            let _ = writeln!(
                text,
                "                {}) {}; return ;;",
                names.join("|"),
                bash_value(&flag.value)
            );
        }
        let options: Vec<&str> =
            command.flags.iter().flat_map(Flag::names).chain(["--help"]).collect();
        let _ = writeln!(
            text,
            "            esac
            if [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")
            else
                {}
            fi ;;",
            options.join(" "),
            bash_value(&command.operand)
        );
    }
    text.push_str("    esac\n}\ncomplete -F _facemux facemux\n");
    text
}

fn bash_value(value: &Value) -> String {
    match value {
        Value::Nothing | Value::Anything => ":".to_owned(),
        Value::Face => {
            r#"mapfile -t COMPREPLY < <(compgen -W "$(_facemux_faces)" -- "$word")"#.to_owned()
        }
        Value::Path => {
            r#"compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")"#.to_owned()
        }
        Value::Words(words) => {
            format!(r#"mapfile -t COMPREPLY < <(compgen -W '{}' -- "$word")"#, words.join(" "))
        }
    }
}

fn zsh(commands: &[Command]) -> String {
    let mut text = format!(
        "#compdef facemux
# facemux completions for zsh: a file named _facemux in a directory of $fpath
_facemux_faces() {{
    local -a faces
    faces=(${{(f)\"$({FACES})\"}})
    compadd -a faces
}}
_facemux() {{
    local curcontext=$curcontext state line
    _arguments -C '--dir[keep socket and state there]:directory:_files -/' '--help[what there is]' \\
        '--version[the version]' \\
        '1:command:->verb' '*::argument:->rest'
    case $state in
        verb)
            local -a verbs
            verbs=(
"
    );
    for command in commands {
        for name in command.names {
            let _ =
                writeln!(text, "                '{name}:{}'", quoted(command.summary, ZSH_QUOTE));
        }
    }
    text.push_str(
        "            )
            _describe command verbs ;;
        rest)
            case $words[1] in
",
    );
    for command in commands {
        let _ = write!(
            text,
            "                {}) _arguments '--help[tell more]'",
            command.names.join("|")
        );
        for flag in &command.flags {
            for name in flag.names() {
                let about = quoted(&flag.about, ZSH_QUOTE)
                    .replace('[', "(")
                    .replace(']', ")")
                    .replace(':', "");
                let _ = write!(
                    text,
                    " \\\n                    '{name}[{about}]{}'",
                    zsh_value(&flag.value)
                );
            }
        }
        if command.operand != Value::Nothing {
            let _ = write!(text, " \\\n                    '*{}'", zsh_value(&command.operand));
        }
        text.push_str(" ;;\n");
    }
    text.push_str(
        "            esac ;;
    esac
}
if [[ $funcstack[1] == _facemux ]]; then
    _facemux \"$@\"
else
    compdef _facemux facemux
fi
",
    );
    text
}

fn zsh_value(value: &Value) -> String {
    match value {
        Value::Nothing => String::new(),
        Value::Anything => ":value:".to_owned(),
        Value::Face => ":face:_facemux_faces".to_owned(),
        Value::Path => ":file:_files".to_owned(),
        Value::Words(words) => format!(":value:({})", words.join(" ")),
    }
}

fn fish(commands: &[Command]) -> String {
    let verbs: Vec<&str> = commands.iter().flat_map(|c| c.names.iter().copied()).collect();
    let mut text = format!(
        "# facemux completions for fish: ~/.config/fish/completions/facemux.fish
function __facemux_faces
    {FACES}
end
set -l verbs {}
complete -c facemux -f
complete -c facemux -l dir -r -F -d 'keep socket and state there'
complete -c facemux -l help -d 'tell more'
",
        verbs.join(" ")
    );
    for command in commands {
        for name in command.names {
            let about = quoted(command.summary, FISH_QUOTE);
            let _ = writeln!(
                text,
                "complete -c facemux -n \"not __fish_seen_subcommand_from $verbs\" -a {name} -d '{about}'"
            );
        }
        let seen = format!(
            "complete -c facemux -n '__fish_seen_subcommand_from {}'",
            command.names.join(" ")
        );
        for flag in &command.flags {
            let short = flag.short.as_ref().map_or(String::new(), |s| format!(" -s {}", &s[1..]));
            let long = flag.long.as_ref().map_or(String::new(), |l| format!(" -l {}", &l[2..]));
            let value = fish_value(&flag.value, " -x");
            let _ = writeln!(
                text,
                "{seen}{short}{long}{value} -d '{}'",
                quoted(&flag.about, FISH_QUOTE)
            );
        }
        if !matches!(command.operand, Value::Nothing | Value::Anything) {
            let _ = writeln!(text, "{seen}{}", fish_value(&command.operand, ""));
        }
    }
    text
}

fn fish_value(value: &Value, exclusive: &str) -> String {
    match value {
        Value::Nothing => String::new(),
        Value::Anything => exclusive.to_owned(),
        Value::Face => format!("{exclusive} -a '(__facemux_faces)'"),
        Value::Path => " -r -F".to_owned(),
        Value::Words(words) => format!("{exclusive} -a '{}'", words.join(" ")),
    }
}

/// Text as it stands between single quotes: in zsh a quote is closed, escaped and opened again; fish escapes it.
fn quoted(text: &str, quote: &str) -> String {
    text.replace('\\', "").replace('\'', quote)
}

const ZSH_QUOTE: &str = r"'\''";
const FISH_QUOTE: &str = r"\'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_the_help() {
        let help = "usage: facemux snap ID [--format text|ansi] [-o FILE]\n\nPrints.\n  --format F   how\n  \
                    -o, --out FILE    into a file\n  --all  [all] of it\n\nExample:\n  facemux snap 12\n";
        let command = Command::read(&["snap"], "print", help);
        assert_eq!(command.operand, Value::Face);
        let flag = |short: Option<&str>, long: &str, value, about: &str| Flag {
            short: short.map(str::to_owned),
            long: Some(long.to_owned()),
            value,
            about: about.to_owned(),
        };
        let words = Value::Words(vec!["text".to_owned(), "ansi".to_owned()]);
        assert_eq!(
            command.flags,
            [
                flag(None, "--format", words, "how"),
                flag(Some("-o"), "--out", Value::Path, "into a file"),
                flag(None, "--all", Value::Nothing, "[all] of it"),
            ]
        );
    }

    #[test]
    fn the_man_page_tells_every_command_and_option() {
        let page = include_str!("../../docs/facemux.1");
        let mut missing = vec![];
        for (names, _, help) in helps() {
            if !page.contains(&format!(".It Cm {}", names[0])) {
                missing.push(names[0].to_owned());
            }
            for flag in help.lines().filter_map(Flag::read) {
                let name = flag.long.or(flag.short).expect("an option has a name");
                // In mdoc the macro writes the first dash.
                if !page.contains(&format!("Fl {}", &name[1..])) {
                    missing.push(format!("{} {name}", names[0]));
                }
            }
        }
        assert!(missing.is_empty(), "not in docs/facemux.1: {missing:?}");
    }

    #[test]
    fn every_script_names_every_command_and_option() {
        for shell in ["bash", "zsh", "fish"] {
            let text = script(shell).expect("a shell we know");
            for (names, _, help) in helps() {
                assert!(names.iter().all(|name| text.contains(name)), "{shell} {names:?}");
                for flag in help.lines().filter_map(Flag::read) {
                    let long = flag.long.map(|l| l.trim_start_matches("--").to_owned());
                    assert!(long.is_none_or(|l| text.contains(&l)), "{shell} {names:?}");
                }
            }
        }
        assert_eq!(script("csh"), None);
    }
}
