//! Windows as lines of a form: `sat sun 22:00-06:00`.

use lethe_common::schedule::Window;

use crate::http::problem::Problem;

/// Returns a window as a line.
pub(super) fn line(window: &Window) -> String {
    let days = window.days.iter().flatten().map(String::as_str);
    let times = format!("{}-{}", window.from, window.to);
    days.chain([times.as_str()]).collect::<Vec<_>>().join(" ")
}

/// Reads windows from lines; `None` without any.
///
/// # Errors
/// The first line that is no window. Whether its days and times exist is checked later.
pub(super) fn read(text: &str) -> Result<Option<Vec<Window>>, Problem> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let windows = lines.enumerate().map(|(n, line)| {
        let wrong = || {
            Problem::invalid(
                &format!("windows[{n}]"),
                "write days and times, such as `sat sun 22:00-06:00`",
            )
        };
        window(line).ok_or_else(wrong)
    });
    let windows: Vec<Window> = windows.collect::<Result<_, _>>()?;
    Ok((!windows.is_empty()).then_some(windows))
}

fn window(line: &str) -> Option<Window> {
    let words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_lowercase).collect();
    let times = words.pop()?;
    let (from, to) = times.split_once('-')?;
    Some(Window {
        from: from.to_owned(),
        to: to.to_owned(),
        days: (!words.is_empty()).then_some(words),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_as_they_are_read() {
        let text = "sat sun 22:00-06:00\n12:00-13:00";
        let windows = read(text).unwrap().unwrap();
        assert_eq!(windows.iter().map(line).collect::<Vec<_>>().join("\n"), text);
        assert_eq!(
            windows[0].days.as_deref(),
            Some(&["sat".to_owned(), "sun".to_owned()][..])
        );
        assert_eq!(windows[1].days, None);
        let loose = read("  Sat,Sun\t22:00-06:00 \r\n\r\n12:00-13:00\r\n").unwrap();
        assert_eq!(loose, Some(windows));
        assert_eq!(read(" \n\r\n").unwrap(), None);
    }

    #[test]
    fn a_line_that_is_no_window_is_named() {
        for (text, field) in [("22:00", "windows[0]"), ("22:00-06:00\nsat", "windows[1]")] {
            assert_eq!(read(text).unwrap_err().field.as_deref(), Some(field), "{text}");
        }
    }
}
