//! What a successful answer says about each product of its request.
//!
//! Digible's answer to a batch is not documented, so a product counts as acknowledged only when nothing in the
//! answer contradicts it. The answer is read once, completely:
//!
//! 1. An object that names one product of the request is an *entry*: what it says about failure, and what
//!    objects within it say, applies to that product.
//! 2. Under a key that means failure (`errors`, `failedProducts`, …), each element that names a product of the
//!    request refuses it: as an entry, as a bare id, or as a key.
//! 3. Anything else that says that something failed applies to the whole request.
//! 4. Counts of successes must add up to the number sent less the number refused by name; otherwise something
//!    failed that is not named. The same applies to a list of entries that omits products.
//!
//! A repeated product may have properties with any name: in an entry with a name or a price, only plain words
//! count (`error`, not `errorPrinter`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shopmaster_product::ProductId;

use super::super::Rejection;
use super::super::content::denial_words;
use super::super::node::{Members, Node};
use super::keys::{Meaning, Share, meaning};
use super::says::{Says, is_fault_code, is_nothing, is_plain_failure, says, says_yes};

/// What a successful answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Every product was accepted.
    Everything,
    /// Every product was accepted except these; there is at least one of each.
    Partly(Vec<Rejection>),
    /// Something was refused, but not by name: every product counts as refused.
    Refused(String),
    /// Something must be sent again later.
    Later(String),
    /// The token is no longer valid.
    Unauthorized(String),
}

/// The state while an answer is read.
struct Reading<'a> {
    /// The positions of each id in the request.
    places: HashMap<String, Vec<usize>>,
    sent: usize,
    refused: BTreeMap<usize, String>,
    /// The products whose entries say success.
    fine: BTreeSet<usize>,
    /// The products that lists have entries for.
    listed: BTreeSet<usize>,
    /// Why nothing is acknowledged.
    all_refused: Option<String>,
    later: Option<String>,
    unauthorized: Option<String>,
    /// How many products failed, by the answer's own count.
    faults: usize,
    counts: Vec<(Share, usize)>,
    /// Whether a list with as many entries as were sent says success in each, without names.
    positions_fine: bool,
    root: &'a Node,
}

/// Which product an object names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// One product of the request.
    One(usize),
    /// Several products, or one that was not sent.
    Unclear,
    Nobody,
}

/// What the body of a successful answer says about the products in `sent`. `is_multi` means that the status is
/// 207: then each product needs a success of its own.
pub(super) fn told(root: &Node, sent: &[&ProductId], is_multi: bool) -> Told {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, id) in sent.iter().enumerate() {
        places.entry(id.to_string()).or_default().push(index);
    }
    let mut reading = Reading {
        places,
        sent: sent.len(),
        refused: BTreeMap::new(),
        fine: BTreeSet::new(),
        listed: BTreeSet::new(),
        all_refused: None,
        later: None,
        unauthorized: None,
        faults: 0,
        counts: Vec::new(),
        positions_fine: false,
        root,
    };
    reading.walk(root, None);
    reading.sum(is_multi)
}

impl Reading<'_> {
    /// Reads `node`; `within` is the entry that contains it.
    fn walk(&mut self, node: &Node, within: Option<usize>) {
        match node {
            Node::Object(members) => {
                // Outside lists, an `id` is rarely a product's.
                let named = self.named(members, self.sent == 1);
                self.object(node, members, named, within);
            }
            Node::List(elements) => self.list(elements, within),
            _ => {}
        }
    }

    fn list(&mut self, elements: &[Node], within: Option<usize>) {
        let mut are_fine = !elements.is_empty() && elements.len() == self.sent;
        for element in elements {
            let Node::Object(members) = element else {
                are_fine = false;
                self.walk(element, within);
                continue;
            };
            let named = self.named(members, true);
            if let (Named::One(index), None) = (named, within) {
                self.listed.insert(index);
            }
            are_fine &= named == Named::Nobody && says_yes(members);
            self.object(element, members, named, within);
        }
        self.positions_fine |= are_fine;
    }

    fn object(&mut self, node: &Node, members: &Members, named: Named, within: Option<usize>) {
        let entry = match named {
            Named::One(index) => Some(index),
            Named::Unclear | Named::Nobody => within,
        };
        if let (Some(index), true) = (entry, says_yes(members)) {
            self.fine.insert(index);
        }
        let is_echo = members
            .iter()
            .any(|(key, _)| meaning(key) == Meaning::Property);
        let is_root = std::ptr::eq(node, self.root);
        if let Some(places) = self.map_of_all(members) {
            for (index, (_, value)) in places.into_iter().zip(members) {
                self.keyed(index, value);
            }
            return;
        }
        for (key, value) in members {
            match meaning(key) {
                Meaning::Fault { is_plain } if is_plain || !is_echo => {
                    self.fault(key, node, value, entry);
                }
                Meaning::FaultCode if !is_echo && is_fault_code(value) => {
                    self.refuse(entry, node, says(value));
                }
                Meaning::Success => self.success(key, node, value, entry),
                // As in `accepted`.
                Meaning::Count(Share::Whole) if !is_echo && *value == Node::Bool(false) => {
                    self.refuse(entry, node, Says::No);
                }
                Meaning::Status => {
                    let is_no = match (is_echo, value) {
                        (false, _) => says(value).is_bad(),
                        (true, Node::Integer(_)) => says(value).is_bad(),
                        (true, _) => is_plain_failure(value),
                    };
                    if is_no {
                        self.refuse(entry, node, says(value));
                    }
                    self.walk(value, entry);
                }
                // Elsewhere it may be a property of a store or a product.
                Meaning::Code if !is_echo && (entry.is_some() || is_root) => {
                    if says(value).is_bad() {
                        self.refuse(entry, node, says(value));
                    }
                    self.walk(value, entry);
                }
                Meaning::Count(share) if entry.is_none() && !is_echo => self.count(share, value),
                _ => self.walk(value, entry),
            }
        }
    }

    /// The products that the keys of an object name, if they are all that were sent: fewer may be ordinary
    /// keys.
    fn map_of_all(&self, members: &Members) -> Option<Vec<usize>> {
        if members.is_empty() || members.len() != self.sent {
            return None;
        }
        let places: Option<Vec<_>> = members
            .iter()
            .map(|(key, _)| self.bare_place(key))
            .collect();
        let distinct: BTreeSet<_> = places.iter().flatten().collect();
        if distinct.len() < self.sent {
            return None;
        }
        places
    }

    /// Reads the value under a product's own key.
    fn keyed(&mut self, index: usize, value: &Node) {
        match (value, says(value)) {
            (Node::Object(members), _) => self.object(value, members, Named::One(index), None),
            (Node::List(elements), _) => self.list(elements, Some(index)),
            (_, Says::Yes) => {
                self.fine.insert(index);
            }
            (_, Says::Nothing) => {}
            (_, bad) => self.refuse(Some(index), value, bad),
        }
    }

    /// Reads the value under a key that means failure.
    fn fault(&mut self, key: &str, node: &Node, value: &Node, entry: Option<usize>) {
        if is_nothing(value) {
            return;
        }
        let is_switch = matches!(value, Node::Bool(_));
        if is_switch && meaning(key) != (Meaning::Fault { is_plain: true }) {
            return;
        }
        let says = says(value);
        match entry {
            Some(index) if self.names_another(value, index) => self.refuse_all(value),
            Some(_) => self.refuse(entry, node, says),
            None if matches!(says, Says::Later | Says::Unauthorized) => {
                self.refuse(None, node, says);
            }
            None => match count_of(value) {
                Some(count) => self.faults = self.faults.max(count),
                None if self.culprits(value, key) => {}
                None if value.is_collection() => self.refuse_all(value),
                None => self.refuse_all(node),
            },
        }
    }

    /// Refuses the products that `value` names as failed; false when it is also about others.
    fn culprits(&mut self, value: &Node, key: &str) -> bool {
        match value {
            Node::List(elements) => {
                let mut clear = true;
                for element in elements.iter().filter(|element| **element != Node::Null) {
                    clear &= self.culprits(element, key);
                }
                clear
            }
            Node::Object(members) => match self.named(members, true) {
                Named::One(index) => {
                    self.refuse(Some(index), value, says(value));
                    true
                }
                Named::Unclear => false,
                Named::Nobody => self.culprits_within(members, key),
            },
            _ => match id_text(value).and_then(|id| self.bare_place(&id)) {
                Some(index) => {
                    self.refused.entry(index).or_insert_with(|| key.to_owned());
                    true
                }
                None => is_nothing(value),
            },
        }
    }

    /// Refuses the products in a map from ids to texts, or in an object that contains lists of products.
    fn culprits_within(&mut self, members: &Members, key: &str) -> bool {
        let before = self.refused.len();
        let mut found = false;
        for (name, value) in members {
            if let Some(index) = self.bare_place(name) {
                if !is_nothing(value) {
                    self.refuse(Some(index), value, says(value));
                    found = true;
                }
            } else if value.is_collection() {
                if !self.culprits(value, key) {
                    return false;
                }
                found = true;
            }
        }
        // As in `{"count": 3, "items": [one]}`.
        let counts = members
            .iter()
            .filter(|(name, _)| matches!(meaning(name), Meaning::Count(_)))
            .filter_map(|(_, value)| count_of(value));
        let named = self.refused.len() - before;
        found && counts.max().is_none_or(|most| most <= named)
    }

    /// Whether a product other than this one is named anywhere in `value`.
    fn names_another(&self, value: &Node, index: usize) -> bool {
        match value {
            Node::List(elements) => elements
                .iter()
                .any(|element| self.names_another(element, index)),
            Node::Object(members) => {
                let other = match self.named(members, true) {
                    Named::One(named) => named != index,
                    Named::Unclear => true,
                    Named::Nobody => false,
                };
                other
                    || members
                        .iter()
                        .any(|(_, value)| self.names_another(value, index))
            }
            _ => id_text(value)
                .and_then(|id| self.bare_place(&id))
                .is_some_and(|named| named != index),
        }
    }

    fn success(&mut self, key: &str, node: &Node, value: &Node, entry: Option<usize>) {
        match says(value) {
            _ if *value == Node::Integer(0) => self.refuse(entry, node, Says::No),
            // `{"success": 2}` may be a number of products, `{"ok": 1}` is not.
            Says::Nothing | Says::Yes if entry.is_none() && key.len() > "ok".len() => {
                self.count(Share::Whole, value);
            }
            Says::Nothing | Says::Yes => {}
            bad => self.refuse(entry, node, bad),
        }
    }

    fn count(&mut self, share: Share, value: &Node) {
        let count = match value {
            Node::List(elements) => {
                self.list(elements, None);
                Some(elements.len())
            }
            Node::Object(members) => {
                let mut inner = members
                    .iter()
                    .filter(|(key, _)| matches!(meaning(key), Meaning::Count(_)))
                    .filter_map(|(_, value)| count_of(value));
                let count = inner.next();
                if count.is_none() {
                    self.walk(value, None);
                }
                count
            }
            _ => count_of(value),
        };
        self.counts.extend(count.map(|count| (share, count)));
    }

    fn refuse(&mut self, entry: Option<usize>, node: &Node, says: Says) {
        match (says, entry) {
            (Says::Later, _) => self.later = Some(reason(node)),
            (Says::Unauthorized, _) => self.unauthorized = Some(reason(node)),
            (_, Some(index)) => {
                self.refused.entry(index).or_insert_with(|| reason(node));
            }
            (_, None) => self.refuse_all(node),
        }
    }

    fn refuse_all(&mut self, node: &Node) {
        self.all_refused.get_or_insert_with(|| reason(node));
    }

    /// Which product an object names; with `by_id`, any kind of id may be a product's.
    fn named(&self, members: &Members, by_id: bool) -> Named {
        let with = |wanted| {
            members
                .iter()
                .filter(move |(key, _)| meaning(key) == wanted)
                .map(|(_, value)| value)
        };
        let ids = with(Meaning::ProductId).chain(with(Meaning::Product).flat_map(own_ids));
        match self.only(ids) {
            Named::Nobody if by_id => match self.only(with(Meaning::Id)) {
                // The id may belong to anything.
                Named::Unclear if !self.several(with(Meaning::Id)) => Named::Nobody,
                named => named,
            },
            named => named,
        }
    }

    fn only<'n>(&self, ids: impl Iterator<Item = &'n Node>) -> Named {
        let mut found = BTreeSet::new();
        let mut any = false;
        for id in ids.filter_map(id_text) {
            any = true;
            found.extend(self.places.get(&id).into_iter().flatten());
        }
        match (found.len(), found.first()) {
            (1, Some(index)) => Named::One(*index),
            (0, _) if !any => Named::Nobody,
            _ => Named::Unclear,
        }
    }

    /// Whether these ids belong to more than one product of the request.
    fn several<'n>(&self, ids: impl Iterator<Item = &'n Node>) -> bool {
        let ids = ids.filter_map(id_text);
        ids.filter_map(|id| self.places.get(&id)).flatten().count() > 1
    }

    /// The product with this id, which has no key beside it: it must not also be a valid position.
    fn bare_place(&self, id: &str) -> Option<usize> {
        let is_position = id.parse::<usize>().is_ok_and(|number| number <= self.sent);
        match self.places.get(id)?.as_slice() {
            [index] if !is_position || self.sent == 1 => Some(*index),
            _ => None,
        }
    }

    fn sum(self, is_multi: bool) -> Told {
        if let Some(words) = self.unauthorized {
            return Told::Unauthorized(words);
        }
        if let Some(words) = self.later {
            return Told::Later(words);
        }
        if let Some(words) = self.all_refused {
            return Told::Refused(words);
        }
        if let Some(what) = self.shortfall(is_multi) {
            return Told::Refused(format!("{what}: {}", reason(self.root)));
        }
        let first = self.refused.values().next().cloned();
        match first {
            None => Told::Everything,
            Some(words) if self.refused.len() == self.sent => Told::Refused(words),
            Some(_) => Told::Partly(
                self.refused
                    .into_iter()
                    .map(|(index, reason)| Rejection { index, reason })
                    .collect(),
            ),
        }
    }

    /// Evidence that more failed than is named; none when there is no such evidence.
    fn shortfall(&self, is_multi: bool) -> Option<String> {
        let sent = self.sent;
        let expected = sent.saturating_sub(self.refused.len());
        if self.faults > self.refused.len() {
            return Some(format!("{} of {sent} products failed", self.faults));
        }
        if let Some(count) = self.least_count().filter(|count| *count < expected) {
            return Some(format!("only {count} of {sent} products were accepted"));
        }
        let told = |these: &BTreeSet<usize>| {
            let refused = self.refused.keys().filter(|index| !these.contains(index));
            these.len() + refused.count()
        };
        if is_multi && !self.positions_fine && told(&self.fine) < sent {
            return Some(format!(
                "not every one of the {sent} products was clearly accepted"
            ));
        }
        if !self.listed.is_empty() && told(&self.listed) < sent {
            return Some(format!(
                "only {} of {sent} products are listed",
                told(&self.listed)
            ));
        }
        None
    }

    /// The smallest number of successes that the answer gives. Two counts of the same kind are about the same
    /// products.
    fn least_count(&self) -> Option<usize> {
        let most = |wanted: Share| {
            let counts = self.counts.iter().filter(|(share, _)| *share == wanted);
            counts.map(|(_, count)| *count).max()
        };
        let shares = [Share::New, Share::Changed, Share::Unchanged].map(most);
        let sum = shares
            .iter()
            .flatten()
            .copied()
            .reduce(usize::saturating_add);
        let wholes = self
            .counts
            .iter()
            .filter(|(share, _)| *share == Share::Whole);
        wholes.map(|(_, count)| *count).chain(sum).min()
    }
}

/// The ids in a value that stands for a product: the id itself, or an object that contains it.
fn own_ids(product: &Node) -> impl Iterator<Item = &Node> {
    let members = match product {
        Node::Object(members) => Some(members.iter()),
        _ => None,
    };
    let is_id = |key: &str| matches!(meaning(key), Meaning::ProductId | Meaning::Id);
    let inner = members
        .into_iter()
        .flatten()
        .filter(move |(key, _)| is_id(key));
    let scalar = Some(product).filter(|product| !matches!(product, Node::Object(_)));
    inner.map(|(_, value)| value).chain(scalar)
}

fn id_text(value: &Node) -> Option<String> {
    match value {
        Node::Text(text) => Some(text.to_string()),
        Node::Integer(number) => Some(number.to_string()),
        Node::Float(number) if number.fract() == 0.0 => Some(format!("{number:.0}")),
        _ => None,
    }
}

/// A number; negative ones count as zero.
fn count_of(value: &Node) -> Option<usize> {
    let count = value.number()?;
    Some(usize::try_from(count).unwrap_or_default())
}

fn reason(node: &Node) -> String {
    denial_words(node).unwrap_or_else(|| "refused without a reason".to_owned())
}
