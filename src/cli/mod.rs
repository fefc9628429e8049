//! The commands: one file per verb. A verb reads its words, asks the daemon through `client`, and writes its answer,
//! and nothing else, to stdout; what went wrong is one sentence on stderr and an exit code.

pub mod args;
mod attach;
mod completions;
mod detach;
mod detach_keys;
mod doctor;
mod events;
mod info;
mod kill;
mod ls;
pub mod model;
mod new;
mod out;
mod rename;
mod resize;
mod send;
mod server;
mod snap;
mod ssh_entry;
pub mod stop;
mod table;
mod token;
mod upgrade;
mod version;
mod wait;

use args::Args;
use std::ffi::OsString;
use stop::Stop;

/// A verb: its names, one line about it, its help, and what it does.
struct Verb {
    names: &'static [&'static str],
    summary: &'static str,
    help: &'static str,
    run: fn(&mut Args) -> Result<u8, Stop>,
}

const VERBS: &[Verb] = &[
    new::VERB,
    attach::VERB,
    detach::VERB,
    ls::VERB,
    info::VERB,
    kill::VERB,
    send::VERB,
    snap::VERB,
    wait::VERB,
    resize::VERB,
    rename::VERB,
    events::VERB,
    token::VERB,
    upgrade::VERB,
    doctor::VERB,
    MODEL,
    completions::VERB,
    ssh_entry::VERB,
    version::VERB,
];

const MODEL: Verb = Verb {
    names: &["model"],
    summary: "feed bytes to the terminal model and print its screen",
    help: model::HELP,
    run: |args| {
        model::run(args.parser()).map(|()| stop::OK).map_err(|e| Stop::failure(e.exit_code(), e))
    },
};

/// Verbs that are not run from here (`main` takes `serve`), for the list and for suggestions.
const ELSEWHERE: &[(&str, &str)] = &[("serve", "run the server in the foreground")];

/// Runs the command that `words` are (without the program's name); returns the exit code.
pub fn run(words: Vec<OsString>) -> u8 {
    match dispatch(words) {
        Ok(code) => code,
        Err(Stop::Help(text)) => {
            out::print(text.as_bytes());
            stop::OK
        }
        Err(Stop::Failure { code, sentence }) => {
            out::complain(&sentence);
            code
        }
    }
}

fn dispatch(words: Vec<OsString>) -> Result<u8, Stop> {
    let mut words = words.into_iter();
    let mut dir = None;
    while let Some(word) = words.next() {
        let word = word.to_string_lossy().into_owned();
        match word.as_str() {
            "-h" | "--help" | "help" => return help(words.next()),
            "-V" | "--version" => return version::run(&mut Args::new(Vec::new(), "", None)),
            "--dir" => {
                let value = words.next().and_then(|d| d.into_string().ok());
                dir = Some(value.ok_or_else(|| Stop::usage("--dir needs a directory"))?);
            }
            _ if word.starts_with("--dir=") => dir = Some(word["--dir=".len()..].to_owned()),
            _ if word.starts_with('-') => {
                return Err(Stop::usage(format!("option {word} is unknown; see facemux --help")));
            }
            name => {
                let verb = find(name)?;
                return (verb.run)(&mut Args::new(words.collect(), verb.help, dir));
            }
        }
    }
    out::complain("no command given");
    out::print_err(&overview());
    Ok(stop::USAGE)
}

fn find(name: &str) -> Result<&'static Verb, Stop> {
    VERBS.iter().find(|verb| verb.names.contains(&name)).ok_or_else(|| {
        let mut near: Vec<&str> = all_names().filter(|known| distance(name, known) <= 2).collect();
        near.extend(all_names().filter(|known| name.len() > 1 && known.starts_with(name)));
        near.sort_unstable();
        near.dedup();
        let hint = match near.as_slice() {
            [] => "see facemux --help".to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        Stop::usage(format!("{name:?} is no command; {hint}"))
    })
}

fn all_names() -> impl Iterator<Item = &'static str> {
    let verbs = VERBS.iter().flat_map(|verb| verb.names.iter().copied());
    verbs.chain(ELSEWHERE.iter().map(|(name, _)| *name))
}

fn help(verb: Option<OsString>) -> Result<u8, Stop> {
    match verb.and_then(|v| v.into_string().ok()) {
        Some(name) => Err(Stop::Help(find(&name)?.help)),
        None => {
            out::print(overview().as_bytes());
            Ok(stop::OK)
        }
    }
}

fn overview() -> String {
    let mut text =
        String::from("facemux: terminals that outlive whoever looks at them\n\nCommands:\n");
    for (name, summary) in ELSEWHERE {
        text.push_str(&format!("  {name:<14} {summary}\n"));
    }
    for verb in VERBS {
        text.push_str(&format!("  {:<14} {}\n", verb.names.join(", "), verb.summary));
    }
    text.push_str(
        "\n--dir D (or FACEMUX_DIR) keeps socket and state under D. `facemux COMMAND --help` tells more.\n\
         A face is named by its id, its name or its key (live:12).\n",
    );
    text
}

/// Edits (insert, remove, replace) from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(32).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replace.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_verb_names_near_ones() {
        let sentence = |name| match find(name) {
            Err(Stop::Failure { sentence, .. }) => sentence,
            _ => String::new(),
        };
        assert!(sentence("atach").contains("attach"), "{}", sentence("atach"));
        assert!(sentence("res").contains("resize"));
        assert!(sentence("zzzzzzzz").contains("--help"));
        assert_eq!(distance("kill", "kill"), 0);
        assert_eq!(distance("snap", "spna"), 2);
    }

    #[test]
    fn every_help_opens_with_its_usage_and_gives_an_example() {
        for verb in VERBS {
            assert!(verb.help.starts_with("usage: facemux "), "{:?}", verb.names);
            assert!(verb.help.contains("\nExample"), "{:?}", verb.names);
            assert!(verb.help.lines().all(|line| line.len() <= 100), "{:?}", verb.names);
        }
    }
}
