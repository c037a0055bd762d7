//! Why the client cannot be created.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// Why the client cannot be created; you have to fix the configuration or the computer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("Digible's address (`digible.base_url`) is not a valid URL")]
    BaseUrl {
        #[source]
        source: <Url as FromStr>::Err,
    },
    #[error("Digible's address (`digible.base_url`) must begin with `https://`")]
    Scheme,
    #[error(
        "the password must not be sent to `{host}` unencrypted: use `https` in `digible.base_url`"
    )]
    PlainHttp { host: String },
    #[error("Digible's address (`digible.base_url`) must not contain a user name or a password")]
    UserInfo,
    #[error("Digible's address (`digible.base_url`) must not contain `?` or `#`")]
    Query,
    #[error("cannot read the certificates of `digible.ca_file` `{}`", path.display())]
    ReadCaFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`digible.ca_file` `{}` contains no usable PEM certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error(
        "cannot set up encrypted connections; without certificates on this computer, install the `ca-certificates` package or set `digible.ca_file`"
    )]
    Build {
        #[source]
        source: reqwest::Error,
    },
}
