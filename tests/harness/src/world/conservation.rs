//! The check that no product is ever lost.

use shopmaster_proto::{
    Failure,
    v1::{ExplainRequest, ProductState},
};
use shopmaster_standins::digible::ProductId;

use super::{World, WorldError};

/// At most this many violations are named by a failed assertion.
const NAMED: usize = 20;

/// The number of products in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conservation {
    /// Products that are the same in the shop and at Digible.
    pub equal: usize,
    /// Products that differ, and that the agent reports as waiting or unconfirmed.
    pub pending: usize,
    /// Products that differ, and that the agent reports as refused.
    pub parked: usize,
    /// Products that only Digible has, and that the agent reports as gone from the shop.
    pub removed: usize,
}

/// A product that differs, with both sides.
struct Difference {
    id: String,
    in_shop: bool,
    what: String,
}

impl World {
    /// Asserts that each product of the shop is the same at Digible or reported as waiting, unconfirmed or refused, and
    /// that each other product at Digible is reported as gone from the shop, waiting or unconfirmed.
    ///
    /// # Errors
    ///
    /// When the shop cannot be read or the agent does not answer.
    ///
    /// # Panics
    ///
    /// When a product was lost, which is the assertion.
    pub async fn assert_equal(&self) -> Result<Conservation, WorldError> {
        let (mut result, differences) = self.compare()?;
        let mut lost = Vec::new();
        for difference in differences {
            let state = self.state_of(&difference.id).await?;
            match state {
                ProductState::Pending | ProductState::InDoubt => result.pending += 1,
                ProductState::Parked if difference.in_shop => result.parked += 1,
                ProductState::Removed if !difference.in_shop => result.removed += 1,
                _ => lost.push(format!(
                    "`{}` ({}) is {}",
                    difference.id,
                    difference.what,
                    state.as_str_name()
                )),
            }
        }
        assert!(
            lost.is_empty(),
            "{} products are lost, among them:\n{}",
            lost.len(),
            lost[..lost.len().min(NAMED)].join("\n")
        );
        Ok(result)
    }

    /// The state that the agent reports for a product.
    ///
    /// # Errors
    ///
    /// When the agent does not answer.
    pub async fn state_of(&self, id: &str) -> Result<ProductState, WorldError> {
        let request = ExplainRequest {
            product_id: id.to_owned(),
            ..ExplainRequest::default()
        };
        let answer = self.client()?.products.explain(request).await;
        let answer = answer.map_err(|status| WorldError::Refused {
            call: "Explain",
            source: Failure::from(status),
        })?;
        Ok(answer.into_inner().state())
    }

    fn compare(&self) -> Result<(Conservation, Vec<Difference>), WorldError> {
        let shop = self.shop.all()?;
        let unsendable = self.shop.unsendable()?;
        let mut cloud = self.digible.products();
        let mut result = Conservation::default();
        let mut differences = Vec::new();
        for (id, expected) in shop {
            let there = cloud.remove(&ProductId::from(id.as_str()));
            let same = there
                .as_ref()
                .is_some_and(|it| it.name == expected.name && it.price == expected.price);
            if same {
                result.equal += 1;
                continue;
            }
            differences.push(Difference {
                id,
                in_shop: true,
                what: format!("shop {expected:?}, Digible {there:?}"),
            });
        }
        for id in unsendable {
            let there = cloud.remove(&ProductId::from(id.as_str()));
            differences.push(Difference {
                id,
                in_shop: true,
                what: format!("shop cannot send it, Digible {there:?}"),
            });
        }
        differences.extend(cloud.into_iter().map(|(id, listing)| Difference {
            id: id.to_string(),
            in_shop: false,
            what: format!("shop has none, Digible {listing:?}"),
        }));
        Ok((result, differences))
    }
}
