//! A text as tokens.

use super::error::Problem;
use std::fmt;
use std::ops::Range;

/// The smallest piece that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name(String),
    Sign(char),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "the number {value}"),
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Sign('\n') => f.write_str("the end of the line"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// A problem and the bytes of the text that it is about.
pub(super) type Fault = (Problem, Range<usize>);
/// A token and the bytes of the text that it is.
pub(super) type Located = (Token, Range<usize>);

/// Splits `text`; the last token is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Located>, Fault> {
    let mut list = Vec::new();
    let mut depth = 0;
    let mut rest = text.char_indices().peekable();
    while let Some(&(start, c)) = rest.peek() {
        let mut end = start + c.len_utf8();
        let token = match c {
            '\n' | ';' | '+' | '*' | '/' | '^' | '(' | ')' | ',' | '=' | '-' => {
                rest.next();
                Token::Sign(c)
            }
            // The signs that formulas are printed with can be read as well.
            '−' | '·' | '×' => {
                rest.next();
                Token::Sign(if c == '−' { '-' } else { '*' })
            }
            c if c.is_whitespace() => {
                rest.next();
                continue;
            }
            c if c.is_ascii_digit() || c == '.' => {
                end = start + number_length(&text[start..]);
                let digits = &text[start..end];
                let value: f64 = digits.parse().map_err(|_| (Problem::Number(digits.to_owned()), start..end))?;
                if !value.is_finite() {
                    return Err((Problem::Number(digits.to_owned()), start..end));
                }
                while rest.next_if(|(i, _)| *i < end).is_some() {}
                Token::Number(value)
            }
            c if c.is_alphabetic() || c == '_' => {
                while let Some((i, c)) = rest.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                    end = i + c.len_utf8();
                }
                Token::Name(text[start..end].to_owned())
            }
            c => return Err((Problem::Character(c), start..end)),
        };
        depth += i32::from(token == Token::Sign('(')) - i32::from(token == Token::Sign(')'));
        // A line may break inside parentheses.
        if depth <= 0 || token != Token::Sign('\n') {
            list.push((token, start..end));
        }
    }
    list.push((Token::End, text.len()..text.len()));
    Ok(list)
}

/// How long the number at the start of `text` is: digits, a point, digits, an exponent.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}
