//! The check of the API key: every call needs the key, the health check too.
//!
//! Any process of the machine can reach a loopback port, so the port alone permits nothing.

#[cfg(test)]
mod fuzz;

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tonic::{Request, Status, metadata::MetadataMap, service::Interceptor};

/// Refuses calls without the key.
#[derive(Clone)]
pub(crate) struct KeyCheck {
    key: Arc<SecretString>,
}

impl KeyCheck {
    pub(crate) fn new(key: SecretString) -> Self {
        Self { key: Arc::new(key) }
    }
}

impl Interceptor for KeyCheck {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(given) = given_key(request.metadata()) else {
            return Err(Status::unauthenticated(
                "Must provide an API key or an Authorization bearer token",
            ));
        };
        // The comparison's time depends on the lengths only.
        if bool::from(given.ct_eq(self.key.expose_secret().as_bytes())) {
            Ok(request)
        } else {
            Err(Status::unauthenticated("Invalid API key or JWT"))
        }
    }
}

fn given_key(metadata: &MetadataMap) -> Option<&[u8]> {
    if let Some(key) = metadata.get("api-key") {
        return Some(key.as_bytes());
    }
    let bearer = metadata.get("authorization")?.as_bytes();
    bearer.strip_prefix(b"Bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(header: Option<(&'static str, &'static str)>) -> Result<(), String> {
        let mut request = Request::new(());
        if let Some((name, value)) = header {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        let checked = KeyCheck::new("secret".into()).call(request);
        checked.map(drop).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn only_the_key_opens() {
        assert!(call(Some(("api-key", "secret"))).is_ok());
        assert!(call(Some(("authorization", "Bearer secret"))).is_ok());
        for (name, value) in [
            ("api-key", "Secret"),
            ("api-key", ""),
            ("api-key", "secret2"),
            ("authorization", "Bearer x"),
        ] {
            assert_eq!(call(Some((name, value))).unwrap_err(), "Invalid API key or JWT");
        }
        assert!(call(None).unwrap_err().starts_with("Must provide"));
        assert!(call(Some(("authorization", "secret"))).is_err());
    }
}
