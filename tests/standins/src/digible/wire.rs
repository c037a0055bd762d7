//! The three documented calls: their paths, their bodies, and what is wrong with a body.

use std::fmt;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

/// The beginning of every path of Digible's API.
pub(super) const BASE_PATH: &str = "/v1/business";
/// The largest number of products in one batch.
pub const BATCH_LIMIT: usize = 200;

/// One of the three documented calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST account/auth/login`.
    Login,
    /// `POST stores/product/sync`: creates, or a whole upload.
    Batch,
    /// `PUT stores/product/external/update`: one product.
    Update,
}

/// A product's id as in the JSON: `"1"` and `1` are two products.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProductId {
    /// A JSON integer.
    Number(i64),
    /// A JSON string.
    Text(String),
}

/// One product as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The id.
    #[serde(rename = "productId")]
    pub id: ProductId,
    /// The name.
    #[serde(rename = "productName")]
    pub name: String,
    /// The price, a decimal number as text.
    #[serde(rename = "productPrice")]
    pub price: String,
}

/// The body of a login.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    pub(super) email: String,
    pub(super) password: String,
}

/// A request whose path, method and body are as documented.
#[derive(Debug)]
pub(super) enum Call {
    Login(Credentials),
    Batch(Vec<Product>),
    Update(Product),
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Endpoint {
    const ALL: [Self; 3] = [Self::Login, Self::Batch, Self::Update];

    /// The path below the base.
    fn path(self) -> &'static str {
        match self {
            Self::Login => "/account/auth/login",
            Self::Batch => "/stores/product/sync",
            Self::Update => "/stores/product/external/update",
        }
    }

    /// The method that it accepts.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Login | Self::Batch => Method::POST,
            Self::Update => Method::PUT,
        }
    }

    /// The call that a request's target names.
    pub(super) fn at(target: &str) -> Option<Self> {
        let path = target.strip_prefix(BASE_PATH)?;
        Self::ALL.into_iter().find(|each| each.path() == path)
    }
}

impl Call {
    /// Reads a body, strictly.
    pub(super) fn parse(endpoint: Endpoint, body: &[u8]) -> Result<Self, Refusal> {
        let call = match endpoint {
            Endpoint::Login => serde_json::from_slice(body).map(Self::Login),
            Endpoint::Batch => serde_json::from_slice(body).map(Self::Batch),
            Endpoint::Update => serde_json::from_slice(body).map(Self::Update),
        };
        let call = call.map_err(|error| Refusal::bad_request(format!("bad body: {error}")))?;
        call.check()?;
        Ok(call)
    }

    /// The products in it.
    pub(super) fn products(&self) -> &[Product] {
        match self {
            Self::Login(_) => &[],
            Self::Batch(products) => products,
            Self::Update(product) => std::slice::from_ref(product),
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let products = self.products();
        if matches!(self, Self::Batch(_)) && products.is_empty() {
            return Err(Refusal::bad_request("an empty batch".to_owned()));
        }
        if products.len() > BATCH_LIMIT {
            return Err(Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                message: format!("{} products, {BATCH_LIMIT} are the most", products.len()),
            });
        }
        match products.iter().find(|product| !is_decimal(&product.price)) {
            Some(product) => Err(Refusal::bad_request(format!(
                "productPrice `{}` of product `{}` is not a decimal number",
                product.price, product.id
            ))),
            None => Ok(()),
        }
    }
}

impl Refusal {
    fn bad_request(message: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message,
        }
    }
}

impl From<&str> for ProductId {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ProductId {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for ProductId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Whether it is a number such as `1500`, `1500.00` or `-0.5`, without an exponent or a bare point.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(body: &str) -> Result<Call, Refusal> {
        Call::parse(Endpoint::Batch, body.as_bytes())
    }

    #[test]
    fn text_and_number_ids_are_two_products() {
        let call = batch(
            r#"[{"productName":"Soap","productPrice":"1.00","productId":"1"},
                {"productName":"Soap","productPrice":"1.00","productId":1}]"#,
        )
        .unwrap();
        let ids: Vec<_> = call.products().iter().map(|each| each.id.clone()).collect();
        assert_eq!(ids, ["1".into(), ProductId::Number(1)]);
    }

    #[test]
    fn bodies_that_differ_from_the_documented_one_are_refused() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"productName":"a","productPrice":"1","productId":"1"}"#,
            r#"[{"productName":"a","productPrice":"1"}]"#,
            r#"[{"productName":"a","productPrice":1,"productId":"1"}]"#,
            r#"[{"productName":null,"productPrice":"1","productId":"1"}]"#,
            r#"[{"productName":"a","productPrice":"1","productId":1.5}]"#,
            r#"[{"productName":"a","productPrice":"1","productId":"1","status":1}]"#,
            r#"[{"productName":"a","productPrice":"None","productId":"1"}]"#,
        ] {
            assert!(batch(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_batch_has_at_most_200_products() {
        let one = r#"{"productName":"a","productPrice":"1","productId":"1"}"#;
        let many = |count| format!("[{}]", vec![one; count].join(","));
        assert!(batch(&many(200)).is_ok());
        let refusal = batch(&many(201)).unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn prices_are_plain_decimals() {
        for good in ["0", "1500.00", "-0.5", "00.1"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in [
            "", "-", ".5", "5.", "1e3", "1,5", " 1", "+1", "1.2.3", "NaN",
        ] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }
}
