//! What the journal answers, through its public reads alone.

use std::collections::BTreeMap;

use shopmaster_journal::{Counts, DigestBytes, Journal, Result};
use shopmaster_product::ProductId;

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
    /// In flight or in doubt: a restart turns the one into the other.
    pub in_doubt: bool,
    /// Something that was sent may still land.
    pub may_land: bool,
    /// It waits to be sent once more.
    pub waits: bool,
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
            published: known.published(),
            acknowledged_at: known.entry.published.as_ref().map(|it| it.at),
            in_doubt: known.is_in_doubt(),
            may_land: known.in_flight || known.entry.doubt.is_some_and(|it| it.lands_until > 0),
            waits: !known.in_flight && known.entry.doubt.is_some_and(|it| it.due > 0),
            parked: known.parked(),
            retry: known.retry(),
            removed: known.removed(),
        });
        let products = ids.iter().cloned().zip(products);
        let stamp = journal.stamp().await?;
        let answers = [
            (
                "generations",
                format!("{:?}", (stamp.generation, stamp.proposed)),
            ),
            ("counts", format!("{:?}", counts(journal).await?)),
            (
                "parked",
                format!("{:?}", journal.list_parked(None, ALL, true).await?),
            ),
            (
                "removed",
                format!("{:?}", journal.list_removed(None, ALL).await?),
            ),
            ("upload", format!("{:?}", journal.newest_upload().await?)),
            ("uploaded at", format!("{:?}", journal.uploaded_at().await?)),
            (
                "upload resumes",
                format!("{:?}", journal.has_upload_to_resume().await?),
            ),
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

/// Without what depends on time, and on whether a product that waits is also in flight.
async fn counts(journal: &Journal) -> Result<Counts> {
    Ok(Counts {
        confirming: 0,
        confirming_until: None,
        ..journal.counts().await?
    })
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
