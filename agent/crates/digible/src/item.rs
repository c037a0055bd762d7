//! One product in the form in which Digible receives it.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shopmaster_product::{Price, Problem, ProductId, Row};

/// SHA-256 of a product's body, exactly as it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// One product in the form in which Digible receives it: the same bytes in a batch and in an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The product's key.
    pub id: ProductId,
    /// The JSON object that is sent.
    pub body: Box<[u8]>,
    /// The digest of `body`.
    pub digest: Digest,
}

/// The fields in Digible's order and spelling.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    product_name: &'a str,
    product_price: String,
    product_id: Id<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Id<'a> {
    Integer(i64),
    Text(&'a str),
}

impl Item {
    /// The item for `row`.
    ///
    /// # Errors
    ///
    /// The row's own problem when its name or price cannot be sent, or when nothing in its id could name it to anybody.
    pub fn new(row: &Row) -> Result<Self, Problem> {
        check_id(&row.id)?;
        let name = row.name.as_ref().map_err(Clone::clone)?;
        let price = row.price.as_ref().map_err(Clone::clone)?;
        let body = encode(&row.id, name, *price)?;
        Ok(Self {
            id: row.id.clone(),
            digest: Digest::of(&body),
            body,
        })
    }
}

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

fn check_id(id: &ProductId) -> Result<(), Problem> {
    match id {
        ProductId::Text(text) if text.is_empty() => Err(Problem("the key is empty".to_owned())),
        ProductId::Text(text) if text.trim().is_empty() => {
            Err(Problem("the key has nothing but spaces".to_owned()))
        }
        ProductId::Text(_) | ProductId::Integer(_) => Ok(()),
    }
}

fn encode(id: &ProductId, name: &str, price: Price) -> Result<Box<[u8]>, Problem> {
    let body = Body {
        product_name: name,
        product_price: price.to_string(),
        product_id: match id {
            ProductId::Integer(number) => Id::Integer(*number),
            ProductId::Text(text) => Id::Text(text),
        },
    };
    serde_json::to_vec(&body)
        .map(Vec::into_boxed_slice)
        .map_err(|error| Problem(format!("the product cannot be written as JSON: {error}")))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_names_nothing_is_refused() {
        let problem = |id: &str| {
            let row = Row {
                id: ProductId::Text(id.to_owned()),
                name: Ok("Soap".to_owned()),
                price: Ok(Price::new(150, 2).unwrap()),
            };
            Item::new(&row).err().map(|problem| problem.0)
        };
        assert_eq!(problem("").as_deref(), Some("the key is empty"));
        for spaces in [" ", "   ", "\t", "\u{a0}"] {
            let told = problem(spaces);
            assert_eq!(told.as_deref(), Some("the key has nothing but spaces"));
        }
        assert_eq!(problem(" 1 "), None);
    }

    #[test]
    fn the_body_is_the_documented_one() {
        let row = Row {
            id: ProductId::Text("P001".to_owned()),
            name: Ok("Soap \"fine\"".to_owned()),
            price: Ok(Price::new(150_000, 2).unwrap()),
        };
        let item = Item::new(&row).unwrap();
        assert_eq!(
            std::str::from_utf8(&item.body).unwrap(),
            r#"{"productName":"Soap \"fine\"","productPrice":"1500.00","productId":"P001"}"#
        );
    }

    #[test]
    fn an_integer_key_is_a_number() {
        let row = Row {
            id: ProductId::Integer(7),
            name: Ok(String::new()),
            price: Ok(Price::new(1, 0).unwrap()),
        };
        let item = Item::new(&row).unwrap();
        assert!(item.body.ends_with(br#""productId":7}"#));
    }

    #[test]
    fn a_row_with_a_problem_makes_no_body() {
        let row = Row {
            id: ProductId::Integer(7),
            name: Ok("Soap".to_owned()),
            price: Err(Problem("the price is NULL".to_owned())),
        };
        assert_eq!(
            Item::new(&row),
            Err(Problem("the price is NULL".to_owned()))
        );
    }
}
