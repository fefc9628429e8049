//! Splits a command line into words as a POSIX shell does (Shell Command Language 2.2, quoting), and nothing more.
//!
//! Nothing is expanded and nothing has a meaning of its own: `$`, `*`, `;`, `|` and `>` are letters. No command that
//! comes over the network ever reaches a shell on its way to a verb.

use super::RemoteError;

/// The words of `line`.
///
/// # Errors
/// An open quote, or a line that ends in a backslash.
pub fn split(line: &str) -> Result<Vec<String>, RemoteError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => single_quoted(&mut rest, word.get_or_insert_default())?,
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err(RemoteError::Backslash),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), RemoteError> {
    for c in rest {
        if c == '\'' {
            return Ok(());
        }
        word.push(c);
    }
    Err(RemoteError::Quote('\''))
}

fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), RemoteError> {
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match rest.next() {
                Some('\n') => {}
                Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                Some(c) => word.extend(['\\', c]),
                None => return Err(RemoteError::Quote('"')),
            },
            c => word.push(c),
        }
    }
    Err(RemoteError::Quote('"'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_are_a_shells() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  a\tb  ", &["a", "b"]),
            (
                "new -- sh -c 'echo \"hi there\"; ls'",
                &["new", "--", "sh", "-c", "echo \"hi there\"; ls"],
            ),
            ("a'b'\"c\"d", &["abcd"]),
            ("'' \"\"", &["", ""]),
            (r#""a\"b\\c\$d\e""#, &[r#"a"b\c$d\e"#]),
            (r"a\ b \'", &["a b", "'"]),
            ("$HOME *; | > `x`", &["$HOME", "*;", "|", ">", "`x`"]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).unwrap(), *words, "{line}");
        }
        for bad in ["'", "a \"b", "a\\", "\"a\\"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec(any::<String>(), 0..6)) {
            let line: Vec<String> =
                words.iter().map(|w| format!("'{}'", w.replace('\'', r"'\''"))).collect();
            prop_assert_eq!(split(&line.join(" ")).unwrap(), words);
        }

        #[test]
        fn no_line_is_too_strange(line in any::<String>()) {
            let _ = split(&line);
        }
    }
}
