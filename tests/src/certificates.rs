//! Certificates of a test's own authority.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority that no other process knows.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    path: PathBuf,
}

/// A server's certificate and its key, both in PEM.
#[derive(Debug)]
pub struct Shown {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Shown {
    /// Writes both into a directory. Returns the paths of the certificate and of the key.
    pub fn write(&self, directory: &Path, name: &str) -> [PathBuf; 2] {
        [("crt", &self.certificate), ("key", &self.key)].map(|(kind, text)| {
            let path = directory.join(format!("{name}.{kind}"));
            std::fs::write(&path, text).unwrap();
            path
        })
    }
}

impl Authority {
    /// Makes an authority, and writes its certificate into a directory.
    pub fn new(directory: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let path = directory.join("authority.pem");
        std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            path,
        }
    }

    /// Returns the path of its certificate.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Signs a certificate for a server of this name or address.
    pub fn sign(&self, name: &str) -> Shown {
        self.signed(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// Signs a certificate for a server of this name that has expired.
    pub fn sign_expired(&self, name: &str) -> Shown {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.signed(&params)
    }

    /// Signs a certificate for a server of this name that is valid until a time, to the second.
    pub fn sign_until(&self, name: &str, until: Timestamp) -> Shown {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        let seconds = until.as_second().unsigned_abs();
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        self.signed(&params)
    }

    fn signed(&self, params: &CertificateParams) -> Shown {
        let key = KeyPair::generate().unwrap();
        Shown {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}
