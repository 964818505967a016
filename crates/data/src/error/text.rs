//! How messages show what a file holds.

/// The most characters of a file's own text that a message repeats.
const SHOWN_CHARACTERS: usize = 60;

/// Text of a file in quotes: shortened, and with control characters spelled out, since a message goes to a terminal.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::from("\"");
    for (position, character) in text.chars().enumerate() {
        if position == SHOWN_CHARACTERS {
            shown.push('…');
            break;
        }
        push_plain(character, &mut shown);
    }
    shown.push('"');
    shown
}

/// Text of a file as part of a message, whole: a name to be typed, or what another library says.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    text.chars().for_each(|character| push_plain(character, &mut plain));
    plain
}

fn push_plain(character: char, to: &mut String) {
    if character.is_control() {
        to.extend(character.escape_default());
    } else {
        to.push(character);
    }
}

pub(super) fn shown_list(texts: &[String]) -> String {
    texts.iter().map(|text| shown(text)).collect::<Vec<_>>().join(", ")
}

/// What stands after a list of the columns that there are.
pub(super) fn and_more(more: usize, columns: &[String]) -> String {
    match (more, columns) {
        (0, [_]) => " alone (cells are parted by a comma, a semicolon, a tab or a bar)".to_string(),
        (0, _) => String::new(),
        _ => format!(" and {more} more"),
    }
}

pub(super) fn in_column(column: Option<&str>) -> String {
    column.map_or(String::new(), |column| format!(", column {}", shown(column)))
}

pub(super) fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!(" (did you mean {}?)", shown(nearest)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

pub(super) fn times(dims: &[usize]) -> String {
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// The candidate most like `text`, unless none is much like it.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let lower = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_file_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\n"), "\"a\\u{1b}[2J\\n\"");
        assert_eq!(plain("it's\r\u{0}"), "it's\\r\\u{0}");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), SHOWN_CHARACTERS + 3);
    }

    #[test]
    fn suggests_only_what_is_alike() {
        let names = ["Price".to_string(), "rooms".to_string()];
        assert_eq!(nearest("prise", &names).as_deref(), Some("Price"));
        assert_eq!(nearest("zzz", &names), None);
    }
}
