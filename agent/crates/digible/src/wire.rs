//! Digible's interface: paths, the header, request bodies and the answer to a login.
//!
//! This is the only file that changes when Digible's interface does.

use reqwest::Method;
use reqwest::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Item;
use super::node::Node;

/// The header that carries the token.
pub(super) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-access-token");

/// Digible's three calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Exchanges an email and a password for a token.
    Login,
    /// Sends products, new or existing, as an array.
    Batch,
    /// Sends one product that Digible already has.
    Update,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Login, Self::Batch, Self::Update];

    /// The method of the call's requests.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Login | Self::Batch => Method::POST,
            Self::Update => Method::PUT,
        }
    }

    /// The path, relative to the base address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Login => "account/auth/login",
            Self::Batch => "stores/product/sync",
            Self::Update => "stores/product/external/update",
        }
    }

    /// The call's name, for the log and for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Batch => "batch",
            Self::Update => "update",
        }
    }
}

/// The body of a login.
pub(super) fn login_body(email: &str, password: &SecretString) -> Vec<u8> {
    json!({ "email": email, "password": password.expose_secret() })
        .to_string()
        .into_bytes()
}

/// The batch endpoint's body: a top-level array.
pub(super) fn batch_body(items: &[&Item]) -> Vec<u8> {
    let length = items.iter().map(|item| item.body.len() + 1).sum::<usize>() + 1;
    let mut body = Vec::with_capacity(length.max(2));
    body.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&item.body);
    }
    body.push(b']');
    body
}

/// The update endpoint's body: the product alone.
pub(super) fn update_body(item: &Item) -> Vec<u8> {
    item.body.to_vec()
}

/// The token in the answer to a login.
pub(super) fn token(answer: &Node) -> Option<&str> {
    answer.get("data")?.get("token")?.text()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::Digest;
    use shopmaster_product::ProductId;

    fn item(body: &str) -> Item {
        Item {
            id: ProductId::Integer(1),
            body: body.as_bytes().into(),
            digest: Digest::of(body.as_bytes()),
        }
    }

    #[test]
    fn a_batch_is_an_array_of_the_items_own_bytes() {
        let (one, two) = (item(r#"{"a":1}"#), item(r#"{"b": "é"}"#));
        assert_eq!(batch_body(&[&one]), br#"[{"a":1}]"#);
        let body = batch_body(&[&one, &two]);
        assert_eq!(body, r#"[{"a":1},{"b": "é"}]"#.as_bytes());
        assert_eq!(body.capacity(), body.len());
        assert_eq!(batch_body(&[]), b"[]");
    }

    #[test]
    fn an_update_is_the_items_own_bytes() {
        assert_eq!(update_body(&item(r#"{"a":1}"#)), br#"{"a":1}"#);
    }

    #[test]
    fn a_login_escapes_what_people_type() {
        let body = login_body("a@b.c", &SecretString::from("qu\"ote\\"));
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value, json!({"email": "a@b.c", "password": "qu\"ote\\"}));
    }

    #[test]
    fn the_token_is_in_data() {
        let node = |text: &str| Node::parse(text.as_bytes(), 100).unwrap();
        assert_eq!(token(&node(r#"{"data": {"token": "t"}}"#)), Some("t"));
        for without in [
            "{}",
            "[]",
            r#"{"token": "t"}"#,
            r#"{"data": {"token": 1}}"#,
            r#"{"data": {"token": ""}}"#,
        ] {
            assert_eq!(token(&node(without)), None, "{without}");
        }
    }
}
