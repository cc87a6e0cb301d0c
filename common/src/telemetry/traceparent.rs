//! The `traceparent` header of W3C Trace Context (version 00, level 2).

use std::fmt;
use std::str::FromStr;

/// The trace of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span that is the parent of the next span; never 0.
    pub span_id: u64,
    /// Whether the caller records this trace.
    pub sampled: bool,
}

/// The header is not a `traceparent`; the caller starts a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// Returns the beginning of a new trace.
    pub fn new() -> Self {
        Self {
            trace_id: nonzero(rand::random),
            span_id: nonzero(rand::random),
            sampled: true,
        }
    }

    /// Returns a new span of the same trace, for the next service.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: nonzero(rand::random),
            ..self
        }
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns a number other than 0, which means "invalid" in the header.
fn nonzero<T: Default + PartialEq>(random: impl Fn() -> T) -> T {
    loop {
        let number = random();
        if number != T::default() {
            return number;
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let mut parts = text.splitn(4, '-');
        let mut part = || parts.next().ok_or(InvalidTraceparent);
        let (version, trace_id, span_id, rest) = (part()?, part()?, part()?, part()?);
        let version = hex(version, 2)?;
        // A later version may append fields; only the fields of version 00 are read.
        let flags = match rest.split_once('-') {
            None => rest,
            Some((flags, _)) if version > 0 => flags,
            Some(_) => return Err(InvalidTraceparent),
        };
        let (trace_id, span_id) = (hex(trace_id, 32)?, hex(span_id, 16)?);
        let flags = hex(flags, 2)?;
        if version == 0xff || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceparent);
        }
        let span_id = u64::try_from(span_id).map_err(|_| InvalidTraceparent)?;
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}

/// Reads exactly `digits` lower-case hexadecimal digits, as the specification demands.
fn hex(text: &str, digits: usize) -> Result<u128, InvalidTraceparent> {
    let strict = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !strict {
        return Err(InvalidTraceparent);
    }
    u128::from_str_radix(text, 16).map_err(|_| InvalidTraceparent)
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    #[test]
    fn the_specification_s_example_is_read_and_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context: TraceContext = text.parse().unwrap();
        assert_eq!(context.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331);
        assert!(context.sampled);
        assert_eq!(context.to_string(), text);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02-what-comes";
        assert!(!later.parse::<TraceContext>().unwrap().sampled);
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for wrong in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(wrong.parse::<TraceContext>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let parent = TraceContext::new();
        let child = parent.child();
        assert_eq!((child.trace_id, child.sampled), (parent.trace_id, parent.sampled));
        assert_ne!(child.span_id, parent.span_id);
        assert_eq!(child.to_string().parse(), Ok(child));
    }
}
