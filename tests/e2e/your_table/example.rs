//! Tries an example: with the real programs, in a database of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shopmaster_harness::world::{CtlOutput, World};
use shopmaster_proto::v1::{Capture, CaptureState, RunOutcome, State, Status};
use shopmaster_standins::digible::DigibleSim;

use super::{
    page::{Change, Effect, Step, sections},
    shop::{Kind, Shop},
};
use crate::{help::ready, support::codes};

/// Says that the example is about a shop whose tables are scanned.
const SCANNED: [&str; 2] = ["--capture", "scan"];

/// What an example has come to.
pub struct Example {
    pub world: World,
    pub shop: Shop,
    pub expected: Expected,
}

/// What Digible should have, and what the agent should say about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// Name and price by id, also of products that are gone or refused but were sent before.
    at_digible: BTreeMap<String, (String, String)>,
    gone: BTreeSet<String>,
    refused: BTreeSet<String>,
}

/// Tries a section of a page to its end.
pub async fn try_section(page: &str, heading: &str, kind: Kind) {
    let sections = sections(page);
    let section = sections.iter().find(|section| section.heading == heading);
    let mut example = Example::start(kind).await;
    for step in &section.unwrap().steps {
        example.step(step).await;
    }
    example.end().await;
}

impl Example {
    pub async fn start(kind: Kind) -> Self {
        let (shop, world) = Shop::start(kind).await;
        Self {
            world,
            shop,
            expected: Expected::default(),
        }
    }

    /// The agent ends before its database does.
    pub async fn end(mut self) {
        self.world.stop().await.unwrap();
    }

    pub async fn step(&mut self, step: &Step) {
        match step {
            Step::Sql(sql) => self.shop.run(sql).await.unwrap(),
            Step::Command(arguments) => self.command(arguments).await,
            Step::Products(products) => {
                let listed = Expected::of(products);
                // A product that left the shop stays at Digible.
                let left: Vec<_> = self.expected.leavers(&listed).cloned().collect();
                self.expected.take(products);
                self.expected
                    .take(&left.into_iter().map(Effect::Gone).collect::<Vec<_>>());
                self.settle("all products").await;
                self.assert_checks().await;
            }
            Step::Changes(changes) => {
                for change in changes {
                    self.change(change).await;
                }
            }
        }
    }

    /// Configures the shop, and sets it up: as the page says, with an upload after the first time.
    async fn command(&mut self, arguments: &[String]) {
        let is_first = self.world.digible.count() == 0;
        let words: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.ctl(&words).await;
        let status = ready(&self.world).await.unwrap();
        let capture = status.capture.as_ref().map(Capture::state);
        match words.windows(2).any(|two| two == SCANNED) {
            true => assert_eq!(capture, Some(CaptureState::NotNeeded), "{status:?}"),
            false => drop(self.ctl(&["capture", "install"]).await),
        }
        self.ctl(&["test"]).await;
        if is_first {
            let run = self.world.upload().await.unwrap();
            assert_eq!(run.outcome(), RunOutcome::Completed, "{}", run.message);
        }
    }

    /// Runs `shopmasterctl`, which has to succeed.
    pub async fn ctl(&self, arguments: &[&str]) -> CtlOutput {
        let done = self.world.ctl(arguments).await.unwrap();
        assert_eq!(
            done.code, 0,
            "{arguments:?}:\n{}{}",
            done.stdout, done.stderr
        );
        done
    }

    async fn change(&mut self, change: &Change) {
        if let Some(sql) = &change.sql {
            self.shop.run(sql).await.unwrap();
        }
        let what = change.sql.as_deref().unwrap_or("what happens by itself");
        if change.effects.is_empty() {
            // It has been looked at, and nothing came of it.
            self.world.digible.clear_requests();
            let run = self.world.sync().await.unwrap();
            assert_eq!(run.outcome(), RunOutcome::Completed, "{what}: {run:?}");
        }
        self.expected.take(&change.effects);
        self.settle(what).await;
        if change.effects.is_empty() {
            let applied = self.world.digible.counts().products_applied;
            assert_eq!(applied, 0, "{what}");
        }
    }

    /// Waits until Digible and the agent's lists are as expected.
    pub async fn settle(&self, what: &str) {
        let expected = &self.expected;
        let is_there = |digible: &DigibleSim| listings(digible) == expected.at_digible;
        if self.world.wait_digible(is_there).await.is_err() {
            let status = self.world.wait_status(|_| true).await;
            panic!(
                "{what}: Digible has {:?}, and not {:?}; {status:?}",
                listings(&self.world.digible),
                expected.at_digible
            );
        }
        let status = self.world.wait_status(|status| expected.is_told(status));
        if let Err(error) = status.await {
            panic!("{what}: {error}, and not {expected:?}");
        }
        assert_eq!(self.listed("removed").await, expected.gone, "{what}");
        assert_eq!(self.listed("parked").await, expected.refused, "{what}");
    }

    /// What the checks show as they would send it is what was sent, and no table that a view reads is overlooked.
    async fn assert_checks(&self) {
        let tested = self.ctl(&["test", "--json"]).await.json().unwrap();
        let checks = tested["checks"].as_array().unwrap();
        let check = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
        assert_ne!(
            check("catalog.suggestions")["verdict"],
            "warning",
            "{tested}"
        );
        let samples = check("catalog.products")["samples"].as_array().unwrap();
        assert!(!samples.is_empty(), "{tested}");
        for sample in samples {
            let id = match &sample["productId"] {
                Value::String(id) => id.clone(),
                number => number.to_string(),
            };
            let text = |key: &str| sample[key].as_str().unwrap().to_owned();
            let product = (text("productName"), text("productPrice"));
            assert_eq!(
                self.expected.at_digible.get(&id),
                Some(&product),
                "{tested}"
            );
        }
    }

    /// The ids in one of the agent's lists.
    pub async fn listed(&self, list: &str) -> BTreeSet<String> {
        let listed = self.world.ctl(&[list, "--json"]).await.unwrap();
        let listed = listed.json().unwrap();
        let products = listed["products"].as_array().unwrap().iter();
        let id = |product: &Value| product["product_id"].as_str().unwrap().to_owned();
        products.map(id).collect()
    }
}

impl Expected {
    fn of(products: &[Effect]) -> Self {
        let mut expected = Self::default();
        expected.take(products);
        expected
    }

    pub fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            let (Effect::Has { id, .. } | Effect::Gone(id) | Effect::Refused(id)) = effect;
            self.gone.remove(id);
            self.refused.remove(id);
            match effect {
                Effect::Has { id, name, price } => {
                    let product = (name.clone(), price.clone());
                    self.at_digible.insert(id.clone(), product);
                }
                Effect::Gone(id) => {
                    self.gone.insert(id.clone());
                }
                Effect::Refused(id) => {
                    self.refused.insert(id.clone());
                }
            }
        }
    }

    /// What was sent, and is not in `now`.
    fn leavers<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = &'a String> {
        let stays = |id: &String| now.at_digible.contains_key(id) || now.refused.contains(id);
        self.at_digible.keys().filter(move |id| !stays(id))
    }

    /// Whether the agent says so, and nothing else.
    fn is_told(&self, status: &Status) -> bool {
        let is_settled = status.pending == 0 && status.in_doubt == 0;
        let is_counted =
            status.removed == self.gone.len() as u64 && status.parked == self.refused.len() as u64;
        let is_green = self.gone.is_empty() && self.refused.is_empty();
        let state = match is_green {
            true => State::UpToDate,
            false => State::Attention,
        };
        let issues = codes(status);
        let is_quiet = issues.iter().all(|code| *code == "PRODUCTS_REFUSED");
        is_settled && is_counted && status.state() == state && is_quiet
    }
}

fn listings(digible: &DigibleSim) -> BTreeMap<String, (String, String)> {
    let products = digible.products().into_iter();
    products
        .map(|(id, listing)| (id.to_string(), (listing.name, listing.price)))
        .collect()
}
