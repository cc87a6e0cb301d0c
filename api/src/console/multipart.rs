//! Forms with a file, as browsers send them: `multipart/form-data` (RFC 7578).
//!
//! A form is small and whole in memory, so this splits a text at its boundary. A form that is not exactly as browsers
//! write it is refused.

/// Returns the fields of a form, in its order; `None` if it is not one. A file is a field with its text.
pub(super) fn fields(form: &str, boundary: &str) -> Option<Vec<(String, String)>> {
    let delimiter = format!("\r\n--{boundary}");
    // No line end comes before the first one.
    let mut rest = form.strip_prefix(delimiter.trim_start())?;
    let mut fields = Vec::new();
    while !rest.starts_with("--") {
        let (part, after) = rest.strip_prefix("\r\n")?.split_once(&*delimiter)?;
        let (head, value) = part.split_once("\r\n\r\n")?;
        fields.push((name(head)?.to_owned(), value.to_owned()));
        rest = after;
    }
    Some(fields)
}

/// Returns the name of the field that a part's head describes.
fn name(head: &str) -> Option<&str> {
    let is_disposition = |kind: &str| kind.eq_ignore_ascii_case("content-disposition");
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, says) = lines.find(|(kind, _)| is_disposition(kind))?;
    let (_, rest) = says.split_once("; name=\"")?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"ids\"\r\n\r\nm-1\r\nm-2\r\n--b\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"x; name=\"\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\n";

    #[test]
    fn a_form_has_its_fields_and_files() {
        let read = fields(FORM, "b").unwrap();
        let expected = [("ids", "m-1\r\nm-2"), ("file", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(fields("--b--\r\n", "b"), Some(Vec::new()));
    }

    #[test]
    fn a_broken_form_is_none() {
        for cut in 0..FORM.len() - "--\r\n".len() {
            let (part, _) = FORM.split_at(cut);
            assert_eq!(fields(part, "b"), None, "{cut}");
        }
        for wrong in ["", "ids=m-1", "--bc\r\n", "--b\r\n\r\nno head\r\n--b--"] {
            assert_eq!(fields(wrong, "b"), None, "{wrong}");
        }
    }
}
