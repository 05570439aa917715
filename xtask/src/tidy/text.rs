//! Rust source split into code and comments, line by line.

/// One line: the code without comments and without the content of literals, and the comments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) code: String,
    pub(super) comment: String,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    /// Nesting depth.
    BlockComment(u32),
    Text,
    /// Number of `#` that close it.
    RawText(usize),
}

/// Splits a whole file. Good enough for sources that compile.
pub(super) fn split(source: &str) -> Vec<Line> {
    let chars: Vec<char> = source.chars().collect();
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == '\n' {
            lines.push(Line::default());
            state = if state == State::LineComment { State::Code } else { state };
            at += 1;
            continue;
        }
        let line = lines.last_mut().expect("there is always a line");
        let (next, used) = step(state, &chars[at..], line);
        state = next;
        at += used;
    }
    lines
}

/// Consumes at least one character of `rest`.
fn step(state: State, rest: &[char], line: &mut Line) -> (State, usize) {
    let starts = |text: &str| text.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    match state {
        State::Code if starts("//") => (State::LineComment, 2),
        State::Code if starts("/*") => (State::BlockComment(1), 2),
        State::Code => code(rest, line),
        State::LineComment => {
            line.comment.push(rest[0]);
            (state, 1)
        }
        State::BlockComment(1) if starts("*/") => (State::Code, 2),
        State::BlockComment(depth) if starts("*/") => (State::BlockComment(depth - 1), 2),
        State::BlockComment(depth) if starts("/*") => (State::BlockComment(depth + 1), 2),
        State::BlockComment(_) => {
            line.comment.push(rest[0]);
            (state, 1)
        }
        State::Text if starts("\\\n") => (state, 1),
        State::Text if starts("\\") => (state, 2),
        State::Text if starts("\"") => (State::Code, 1),
        State::RawText(hashes) if rest[0] == '"' && closes(rest, hashes) => (State::Code, 1 + hashes),
        State::Text | State::RawText(_) => (state, 1),
    }
}

fn code(rest: &[char], line: &mut Line) -> (State, usize) {
    match rest[0] {
        '"' => {
            line.code.push_str("\"\"");
            (State::Text, 1)
        }
        'r' if !ends_in_word(&line.code) => match raw_hashes(&rest[1..]) {
            Some(hashes) => (State::RawText(hashes), 2 + hashes),
            None => plain(rest, line),
        },
        '\'' => match char_literal(rest) {
            Some(used) => {
                line.code.push_str("' '");
                (State::Code, used)
            }
            None => plain(rest, line),
        },
        _ => plain(rest, line),
    }
}

fn plain(rest: &[char], line: &mut Line) -> (State, usize) {
    line.code.push(rest[0]);
    (State::Code, 1)
}

fn ends_in_word(code: &str) -> bool {
    // `b` of a byte string is part of the literal's prefix.
    let before = code.strip_suffix('b').unwrap_or(code);
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The number of `#` between `r` and the quote of a raw string.
fn raw_hashes(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    (rest.get(hashes) == Some(&'"')).then_some(hashes)
}

fn closes(rest: &[char], hashes: usize) -> bool {
    rest.len() > hashes && rest[1..=hashes].iter().all(|&c| c == '#')
}

/// The length of a character literal; a lifetime is none.
fn char_literal(rest: &[char]) -> Option<usize> {
    match (rest.get(1)?, rest.get(2)?) {
        ('\\', _) => rest.iter().skip(3).position(|&c| c == '\'').map(|end| end + 4),
        (_, '\'') => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(source: &str) -> Vec<String> {
        split(source).into_iter().map(|l| l.code.trim().to_owned()).collect()
    }

    #[test]
    fn comments_are_kept_apart() {
        let lines = split("a(); // SAFETY: yes\n/* one\n two /* deep */ */ b();");
        assert_eq!(lines[0], Line { code: "a(); ".into(), comment: " SAFETY: yes".into() });
        assert_eq!(lines[1].code, "");
        assert_eq!(lines[2].code.trim(), "b();");
    }

    #[test]
    fn literals_hide_their_content() {
        assert_eq!(code_of(r#"x("unsafe { // \" }"); y();"#), [r#"x(""); y();"#]);
        assert_eq!(code_of("x(r#\"unsafe \" //\"#); y();"), ["x(); y();"]);
        assert_eq!(code_of("x(b'\"', '\\'', '/'); y::<'a>();"), ["x(b' ', ' ', ' '); y::<'a>();"]);
        assert_eq!(code_of("let s = \"one \\\n two\"; z();"), ["let s = \"\"", "; z();"]);
    }

    #[test]
    fn a_name_that_ends_in_r_starts_no_raw_string() {
        assert_eq!(code_of("for x in var\"\" {}"), ["for x in var\"\" {}"]);
    }
}
