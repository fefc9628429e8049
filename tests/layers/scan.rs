//! Reads Rust source as far as the layout rules need: tokens with their lines, comments apart.
//!
//! Not a parser: strings are skipped, `use` trees are expanded into paths, braces are counted. It must never
//! take a word in a comment or a string for code.

/// One word or punctuation mark of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
    /// Inside an item that only test builds have.
    pub test: bool,
}

/// A path as written (`crate::term::Cell`), its `use` tree expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUse {
    pub segments: Vec<String>,
    pub line: usize,
    pub test: bool,
    /// Inline modules open around it, for `super`.
    pub depth: usize,
    pub in_use: bool,
}

/// One source file, read.
pub struct Source {
    pub tokens: Vec<Token>,
    /// Line and text of every comment.
    pub comments: Vec<(usize, String)>,
}

/// A function: its name, the lines it takes, whether only tests have it.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
    pub test: bool,
}

impl Source {
    pub fn read(text: &str) -> Source {
        let mut lexer = Lexer {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            tokens: vec![],
            comments: vec![],
        };
        lexer.run();
        let mut source = Source { tokens: lexer.tokens, comments: lexer.comments };
        source.mark_tests();
        source
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| t.text.as_str())
    }

    pub fn is(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, w)| self.text(at + i) == *w)
    }

    /// Marks the item behind every `#[cfg(test)]` and `#[test]`.
    fn mark_tests(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            let attribute = self.is(at, &["#", "[", "cfg", "(", "test", ")", "]"])
                || self.is(at, &["#", "[", "test", "]"]);
            if !attribute {
                at += 1;
                continue;
            }
            let end = self.item_end(at);
            for token in &mut self.tokens[at..end] {
                token.test = true;
            }
            at = end;
        }
    }

    /// One past the item that starts at `at`: its closing brace, or its semicolon.
    fn item_end(&self, mut at: usize) -> usize {
        let mut nested = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "(" | "[" => nested += 1,
                ")" | "]" => nested -= 1,
                ";" if nested == 0 => return at + 1,
                "{" if nested == 0 => {
                    let end = self.closing(at) + 1;
                    // `use a::{b, c};` ends at its semicolon.
                    return if self.text(end) == ";" { end + 1 } else { end };
                }
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// The brace that closes the one at `open`, or the last token.
    fn closing(&self, open: usize) -> usize {
        let mut nested = 0;
        for at in open..self.tokens.len() {
            match self.text(at) {
                "{" => nested += 1,
                "}" => nested -= 1,
                _ => {}
            }
            if nested == 0 {
                return at;
            }
        }
        self.tokens.len().saturating_sub(1)
    }

    /// Every path in the code, `use` trees expanded.
    pub fn paths(&self) -> Vec<PathUse> {
        let mut found = vec![];
        let mut modules: Vec<usize> = vec![];
        let mut at = 0;
        while at < self.tokens.len() {
            modules.retain(|end| *end > at);
            if self.text(at) == "mod" && self.text(at + 2) == "{" {
                modules.push(self.closing(at + 2));
                at += 3;
            } else if self.text(at) == "use" && self.text(at + 1) != "<" {
                at = self.use_tree(at + 1, &[], modules.len(), &mut found);
            } else if is_word(self.text(at)) && self.text(at + 1) == ":" && self.text(at + 2) == ":"
            {
                let first = at;
                let mut segments = vec![self.text(at).to_string()];
                while self.is(at + 1, &[":", ":"]) && is_word(self.text(at + 3)) {
                    segments.push(self.text(at + 3).to_string());
                    at += 3;
                }
                let Token { line, test, .. } = self.tokens[first];
                found.push(PathUse { segments, line, test, depth: modules.len(), in_use: false });
                at += 1;
            } else {
                at += 1;
            }
        }
        found
    }

    /// Expands the tree at `at` behind `prefix`; gives the token after it.
    fn use_tree(
        &self,
        mut at: usize,
        prefix: &[String],
        depth: usize,
        found: &mut Vec<PathUse>,
    ) -> usize {
        let mut segments = prefix.to_vec();
        while at < self.tokens.len() {
            match self.text(at) {
                ":" => at += 1,
                "as" => at += 2,
                "{" => {
                    at += 1;
                    while at < self.tokens.len() && self.text(at) != "}" {
                        at = self.use_tree(at, &segments, depth, found);
                        if self.text(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "," | "}" | ";" => break,
                word => {
                    segments.push(word.to_string());
                    at += 1;
                }
            }
        }
        let Token { line, test, .. } = self.tokens[at.min(self.tokens.len()) - 1];
        found.push(PathUse { segments, line, test, depth, in_use: true });
        at
    }

    /// Every function with a body.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = vec![];
        for at in 0..self.tokens.len() {
            if self.text(at) != "fn" || !is_word(self.text(at + 1)) {
                continue;
            }
            let end = self.item_end(at) - 1;
            if self.text(end) != "}" {
                continue;
            }
            let Token { line, test, .. } = self.tokens[at];
            let name = self.text(at + 1).to_string();
            found.push(Function { name, line, lines: self.tokens[end].line + 1 - line, test });
        }
        found
    }

    /// Names of the modules kept in files of their own, and whether only tests have them.
    pub fn file_modules(&self) -> Vec<(String, bool)> {
        (0..self.tokens.len())
            .filter(|at| self.text(*at) == "mod" && self.text(at + 2) == ";")
            .map(|at| (self.text(at + 1).to_string(), self.tokens[at].test))
            .collect()
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<(usize, String)>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn step(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        c
    }

    fn run(&mut self) {
        while self.at < self.chars.len() {
            let c = self.peek(0);
            match c {
                '/' if self.peek(1) == '/' => self.line_comment(),
                '/' if self.peek(1) == '*' => self.block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                _ if c.is_alphabetic() || c == '_' => self.word(),
                _ if c.is_ascii_digit() => self.number(),
                _ if c.is_whitespace() => {
                    self.step();
                }
                _ => {
                    let line = self.line;
                    self.step();
                    self.push(c.to_string(), line);
                }
            }
        }
    }

    fn push(&mut self, text: String, line: usize) {
        self.tokens.push(Token { text, line, test: false });
    }

    fn line_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '\n' {
            text.push(self.step());
        }
        self.comments.push((line, text));
    }

    fn block_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let mut nested = 0;
        while self.at < self.chars.len() {
            if self.peek(0) == '/' && self.peek(1) == '*' {
                nested += 1;
                self.at += 2;
            } else if self.peek(0) == '*' && self.peek(1) == '/' {
                nested -= 1;
                self.at += 2;
                if nested == 0 {
                    break;
                }
            } else {
                text.push(self.step());
            }
        }
        self.comments.push((line, text));
    }

    fn string(&mut self) {
        self.step();
        while self.at < self.chars.len() {
            match self.step() {
                '\\' => {
                    self.step();
                }
                '"' => break,
                _ => {}
            }
        }
    }

    /// From the first `#` or `"` of a raw string to its end.
    fn raw_string(&mut self) {
        let mut marks = 0;
        while self.peek(0) == '#' {
            marks += 1;
            self.step();
        }
        self.step();
        while self.at < self.chars.len() {
            if self.step() == '"' && (0..marks).all(|i| self.peek(i) == '#') {
                self.at += marks;
                break;
            }
        }
    }

    /// A character literal, or the tick of a lifetime or label.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.at += 2;
            self.step();
            while self.at < self.chars.len() && self.step() != '\'' {}
        } else if self.peek(2) == '\'' {
            self.step();
            self.step();
            self.step();
        } else {
            // The name behind it must not count as a word.
            self.step();
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                self.step();
            }
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            text.push(self.step());
        }
        let prefix = matches!(text.as_str(), "r" | "b" | "br" | "c" | "cr");
        let raw = text.ends_with('r')
            && (self.peek(0) == '"' || (self.peek(0) == '#' && matches!(self.peek(1), '"' | '#')));
        if prefix && raw {
            self.raw_string();
        } else if prefix && self.peek(0) == '"' {
            self.string();
        } else if text == "b" && self.peek(0) == '\'' {
            self.quote();
        } else {
            self.push(text, line);
        }
    }

    fn number(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            text.push(self.step());
        }
        self.push(text, line);
    }
}
