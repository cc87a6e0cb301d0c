//! The properties of a table that no pragma of SQLite returns, from the statement that created it.
//!
//! Only keywords count: comments, strings and quoted names may contain the same words. `REFERENCES`, `DEFERRABLE`, `NOT`
//! and `AUTOINCREMENT` are reserved, so they are keywords wherever they stand without quotes.

use std::iter::Peekable;
use std::str::Chars;

/// The properties of a table that only its statement tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Definition {
    /// Whether each foreign key is checked at the end of the transaction, in the order of the statement.
    pub(super) deferred: Vec<bool>,
    /// Whether the id of a deleted row is never given to a new one.
    pub(super) autoincrement: bool,
}

impl Definition {
    /// Reads a CREATE TABLE statement.
    pub(super) fn read(statement: &str) -> Self {
        let tokens = tokens(statement);
        let mut read = Self::default();
        for (n, token) in tokens.iter().enumerate() {
            match token.as_str() {
                "REFERENCES" => read.deferred.push(false),
                "AUTOINCREMENT" => read.autoincrement = true,
                // SQLite applies it to the last key before it. `NOT DEFERRABLE` is never deferred.
                "DEFERRABLE" => {
                    let is_negated = n.checked_sub(1).is_some_and(|before| tokens[before] == "NOT");
                    let mut after = tokens.iter().skip(n + 1).map(String::as_str);
                    let is_initially = after.next() == Some("INITIALLY") && after.next() == Some("DEFERRED");
                    if let Some(last) = read.deferred.last_mut() {
                        *last = is_initially && !is_negated;
                    }
                }
                _ => {}
            }
        }
        read
    }
}

/// Returns the words of a statement in upper case, with an empty text for each other token. It skips comments.
// https://www.sqlite.org/lang_comment.html, https://www.sqlite.org/lang_keywords.html
fn tokens(statement: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = statement.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '-' if rest.peek() == Some(&'-') => skip_through(&mut rest, '\n'),
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            // A doubled quote inside makes two tokens of one, which changes nothing.
            '\'' | '"' | '`' => {
                skip_through(&mut rest, first);
                tokens.push(String::new());
            }
            '[' => {
                skip_through(&mut rest, ']');
                tokens.push(String::new());
            }
            _ if is_of_word(first) => {
                let mut word = String::from(first.to_ascii_uppercase());
                while let Some(next) = rest.next_if(|next| is_of_word(*next)) {
                    word.push(next.to_ascii_uppercase());
                }
                tokens.push(word);
            }
            _ if first.is_ascii_whitespace() => {}
            _ => tokens.push(String::new()),
        }
    }
    tokens
}

fn is_of_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '$') || !char.is_ascii()
}

fn skip_through(rest: &mut Peekable<Chars<'_>>, end: char) {
    for char in rest {
        if char == end {
            return;
        }
    }
}

/// Skips a comment whose slash was read.
fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    // The first star does not end it: `/*/` is open.
    let mut was_star = false;
    for char in rest.skip(1) {
        if was_star && char == '/' {
            return;
        }
        was_star = char == '*';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deferred(statement: &str) -> Vec<bool> {
        Definition::read(statement).deferred
    }

    #[test]
    fn each_key_has_its_own_time() {
        for (statement, expected) in [
            ("CREATE TABLE t (a INT REFERENCES p)", vec![false]),
            (
                "create table t (a int references p deferrable initially deferred)",
                vec![true],
            ),
            ("CREATE TABLE t (a INT REFERENCES p DEFERRABLE)", vec![false]),
            (
                "CREATE TABLE t (a INT REFERENCES p DEFERRABLE INITIALLY IMMEDIATE)",
                vec![false],
            ),
            (
                "CREATE TABLE t (a INT REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED)",
                vec![false],
            ),
            (
                "CREATE TABLE t (a INT, b INT, FOREIGN KEY (a) REFERENCES p (x) ON DELETE NO ACTION DEFERRABLE \
                 INITIALLY DEFERRED, FOREIGN KEY (b) REFERENCES p)",
                vec![true, false],
            ),
            (
                "CREATE TABLE t (a INT REFERENCES p, b INT REFERENCES p DEFERRABLE INITIALLY DEFERRED, \
                 FOREIGN KEY (a, b) REFERENCES q)",
                vec![false, true, false],
            ),
            // As SQLite reads it: the clause is about the last key.
            (
                "CREATE TABLE t (a INT REFERENCES p, b INT DEFERRABLE INITIALLY DEFERRED)",
                vec![true],
            ),
            ("CREATE TABLE t (a INT DEFERRABLE INITIALLY DEFERRED)", vec![]),
            ("CREATE TABLE t (initially INT, deferred INT)", vec![]),
        ] {
            assert_eq!(deferred(statement), expected, "{statement}");
        }
    }

    #[test]
    fn comments_strings_and_quoted_names_say_nothing() {
        for other in [
            "-- REFERENCES p DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT\n",
            "/* it's DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT */",
            "/*/ DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT */",
            "DEFAULT 'it''s DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT'",
            ", \"REFERENCES p DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT\" TEXT",
            ", `REFERENCES AUTOINCREMENT` TEXT",
            ", [REFERENCES AUTOINCREMENT] TEXT",
            ", autoincrement_of TEXT, no$references TEXT, äREFERENCES TEXT",
            "DEFAULT 'no end DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT",
            "-- DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT",
            "/* DEFERRABLE INITIALLY DEFERRED AUTOINCREMENT *",
        ] {
            let statement = format!("CREATE TABLE t (a INT REFERENCES p {other}");
            let expected = Definition {
                deferred: vec![false],
                autoincrement: false,
            };
            assert_eq!(Definition::read(&statement), expected, "{statement}");
        }
        let statement = "CREATE TABLE t (a INT REFERENCES p /* NOT */ DEFERRABLE--\nINITIALLY/**/DEFERRED,b)";
        assert_eq!(deferred(statement), [true]);
    }

    #[test]
    fn an_id_that_is_given_once_is_seen() {
        for (statement, expected) in [
            ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", true),
            ("CREATE TABLE t (id INTEGER PRIMARY KEY autoincrement, body TEXT)", true),
            (
                "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT DEFAULT 'AUTOINCREMENT')",
                false,
            ),
        ] {
            assert_eq!(Definition::read(statement).autoincrement, expected, "{statement}");
        }
    }
}
