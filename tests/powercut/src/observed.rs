//! What the journal answers, through its public reads alone.

use std::collections::BTreeMap;

use shopmaster_agent::{
    journal::{DigestBytes, Doubt, Journal, Result},
    product::ProductId,
};

/// All that can be read of a journal and that neither a restart nor time changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    pub products: BTreeMap<ProductId, Product>,
    /// The rest, as text, by what was asked.
    pub answers: BTreeMap<&'static str, String>,
    /// The journal's own id; none before it was ever opened.
    pub id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    pub published: Option<DigestBytes>,
    pub acknowledged_at: Option<i64>,
    /// In which way may change with a restart.
    pub in_doubt: bool,
    pub parked: Option<DigestBytes>,
    pub retry: bool,
    pub removed: bool,
}

const ALL: u32 = 10_000;
/// How many differences are enough to see what kind it is.
const SHOWN: usize = 5;

impl Observed {
    pub async fn of(journal: &Journal, ids: &[ProductId]) -> Result<Self> {
        let known = journal.known(ids.to_vec()).await?.into_iter();
        let products = known.map(|known| Product {
            published: known.published,
            acknowledged_at: known.acknowledged_at,
            in_doubt: known.doubt != Doubt::None,
            parked: known.parked,
            retry: known.retry,
            removed: known.removed,
        });
        let products = ids.iter().cloned().zip(products);
        let stamp = journal.stamp().await?;
        let answers = [
            (
                "generations",
                format!("{:?}", (stamp.generation, stamp.proposed)),
            ),
            ("counts", format!("{:?}", journal.counts().await?)),
            (
                "parked",
                format!("{:?}", journal.list_parked(None, ALL).await?),
            ),
            (
                "removed",
                format!("{:?}", journal.list_removed(None, ALL).await?),
            ),
            ("upload", format!("{:?}", journal.newest_upload().await?)),
            ("uploaded at", format!("{:?}", journal.uploaded_at().await?)),
            ("pause", format!("{:?}", journal.pause().await?)),
            ("runs", runs(journal).await?),
        ];
        Ok(Self {
            products: products
                .filter(|(_, product)| *product != Product::default())
                .collect(),
            answers: answers.into(),
            id: Some(stamp.journal),
        })
    }

    /// What differs from `expected`; none when nothing does.
    pub fn difference(&self, expected: &Self) -> Option<String> {
        let mut differences = Vec::new();
        if expected.id.is_some() && self.id != expected.id {
            differences.push(format!("id {:?} instead of {:?}", self.id, expected.id));
        }
        for id in self.products.keys().chain(expected.products.keys()) {
            let (is, should) = (self.products.get(id), expected.products.get(id));
            if is != should {
                differences.push(format!("{id:?} is {is:?} instead of {should:?}"));
            }
        }
        for (asked, is) in &self.answers {
            let should = expected.answers.get(asked);
            if should != Some(is) {
                let shorten = |text: &str| text.chars().take(300).collect::<String>();
                let should = should.map(|should| shorten(should));
                differences.push(format!("{asked}: {} instead of {should:?}", shorten(is)));
            }
        }
        differences.dedup();
        let more = differences.len().saturating_sub(SHOWN);
        differences.truncate(SHOWN);
        if more > 0 {
            differences.push(format!("and {more} more"));
        }
        (!differences.is_empty()).then(|| differences.join("\n  "))
    }
}

/// Runs without their records, which may be long: each is one letter many times, or is damaged.
async fn runs(journal: &Journal) -> Result<String> {
    let runs = journal.stored_runs(ALL).await?.into_iter();
    let runs = runs.map(|run| {
        let record = run.record.as_bytes();
        let whole = record.is_empty() || record[1..] == record[..record.len() - 1];
        let letter = run.record.chars().next();
        (
            run.id,
            run.started_at,
            run.finished_at,
            letter,
            record.len(),
            whole,
        )
    });
    Ok(format!("{:?}", runs.collect::<Vec<_>>()))
}
