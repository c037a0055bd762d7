//! Page tokens: where a list continues. A token is valid only for its own list.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use shopmaster_product::ProductId;
use tonic::Status;

use super::failure;

/// A list that is sent in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// Refused products, without dismissed ones.
    Parked,
    /// All refused products, including dismissed ones.
    ParkedAndDiscarded,
    /// Products gone from the shop.
    Removed,
}

impl List {
    /// The product after which the requested page begins; none for the first page.
    ///
    /// # Errors
    ///
    /// When the token is not of this list.
    pub(super) fn after(self, token: &str) -> Result<Option<ProductId>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let after = self.read(token).ok_or_else(|| {
            failure::invalid(
                "The page token does not belong to this list",
                "Pass `next_page_token` of the previous answer to the same call with the same options, or leave the token empty for the first page",
            )
        })?;
        Ok(Some(after))
    }

    /// The token of the page after `last`; empty when `last` is none.
    pub(super) fn next(self, last: Option<&ProductId>) -> String {
        let id = match last {
            None => return String::new(),
            Some(ProductId::Integer(number)) => format!("i{number}"),
            Some(ProductId::Text(text)) => format!("t{text}"),
        };
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{id}", self.name()))
    }

    fn read(self, token: &str) -> Option<ProductId> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let id = text.strip_prefix(self.name())?.strip_prefix(':')?;
        if let Some(text) = id.strip_prefix('t') {
            return Some(ProductId::Text(text.to_owned()));
        }
        id.strip_prefix('i')?.parse().ok().map(ProductId::Integer)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::ParkedAndDiscarded => "parked-all",
            Self::Removed => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [List; 3] = [List::Parked, List::ParkedAndDiscarded, List::Removed];

    #[test]
    fn a_token_leads_on_in_its_own_list_and_in_no_other() {
        let ids = [
            ProductId::Integer(i64::MIN),
            ProductId::Integer(7),
            ProductId::Text("7".to_owned()),
            ProductId::Text("ä:t/i".to_owned()),
            ProductId::Text(String::new()),
        ];
        for list in LISTS {
            for id in &ids {
                let token = list.next(Some(id));
                assert_eq!(list.after(&token).unwrap().as_ref(), Some(id));
                for other in LISTS.into_iter().filter(|other| *other != list) {
                    assert!(other.after(&token).is_err(), "{list:?} in {other:?}");
                }
            }
            assert_eq!(list.after(&list.next(None)).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let bad = [
            "x",
            "tP1",
            "cGFya2Vk!",
            "%",
            &encoded("parked:"),
            &encoded("parked:i1x"),
        ];
        for token in bad {
            let status = List::Parked.after(token).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{token}");
        }
    }
}
