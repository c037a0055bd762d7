//! What the keys of an answer mean, judging by their names.
//!
//! Digible's answers are not documented, so names are matched generously: without case and separators, and by
//! their stems.

use super::super::content::plain;

/// What a key says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What failed: a text, products, or a number.
    Fault {
        /// Whether the key is nothing but such a word, and so cannot be a property of a product.
        is_plain: bool,
    },
    /// The number of an error.
    FaultCode,
    /// Whether the request succeeded, or which products did, or how many.
    Success,
    /// An HTTP status, or a word that stands for one.
    Status,
    /// A status, or else a property of a store or product.
    Code,
    /// How many products succeeded.
    Count(Share),
    /// A product's key.
    ProductId,
    /// A key of any kind: it is a product's key if there is no [`ProductId`](Self::ProductId).
    Id,
    /// The product that an entry is about.
    Product,
    /// The name or price of a product: an object with one repeats a product, and its other properties are the
    /// product's too.
    Property,
    /// After how many seconds to retry.
    RetryAfter,
    Other,
}

/// What a count covers: the counts of new, changed and unchanged products add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Whole,
    New,
    Changed,
    Unchanged,
}

/// Names of faults that must match the whole key.
const FAULTS: [&str; 26] = [
    "error",
    "errors",
    "err",
    "errs",
    "errormessage",
    "errormsg",
    "errorlist",
    "haserror",
    "haserrors",
    "iserror",
    "failed",
    "failure",
    "failures",
    "hasfailed",
    "hasfailures",
    "failurereason",
    "rejected",
    "rejection",
    "rejections",
    "refused",
    "invalid",
    "skipped",
    "duplicate",
    "duplicates",
    "notfound",
    "ignored",
];

/// Stems of faults within a longer name: `failedProducts`, `error_list`, `unprocessedItems`.
const FAULT_STEMS: [&str; 33] = [
    "error",
    "fail",
    "reject",
    "refus",
    "skip",
    "invalid",
    "duplicat",
    "notfound",
    "missing",
    "unprocess",
    "notprocess",
    "notsaved",
    "notsync",
    "notupdated",
    "notcreated",
    "notaccepted",
    "notapplied",
    "unsaved",
    "unsync",
    "unmatched",
    "unknownproduct",
    "unknownid",
    "ignored",
    "declined",
    "denied",
    "dropped",
    "discarded",
    "conflict",
    "exception",
    "violation",
    "unsuccessful",
    "badproduct",
    "baditem",
];

const WHOLES: [&str; 17] = [
    "count",
    "total",
    "processed",
    "synced",
    "succeeded",
    "successful",
    "successes",
    "accepted",
    "acknowledged",
    "saved",
    "imported",
    "stored",
    "written",
    "applied",
    "received",
    "affected",
    "completed",
];

const NEW: [&str; 5] = ["created", "inserted", "upserted", "added", "new"];

const CHANGED: [&str; 5] = ["updated", "modified", "matched", "changed", "replaced"];

const UNCHANGED: [&str; 3] = ["unchanged", "existing", "unmodified"];

/// Words that may precede or follow the word for a count, and show that the value is a number.
const COUNTERS: [&str; 4] = ["number", "count", "total", "num"];

/// Words that may precede or follow the word for a count.
const NOUNS: [&str; 8] = [
    "products", "product", "items", "item", "records", "record", "rows", "row",
];

/// What `key` says about its value.
pub(super) fn meaning(key: &str) -> Meaning {
    let key = plain(key);
    match key.as_str() {
        "success" | "ok" | "issuccess" | "issuccessful" | "isok" | "issuccessfully" => {
            return Meaning::Success;
        }
        "status" | "statuscode" | "httpstatus" | "httpstatuscode" | "httpcode" | "result"
        | "outcome" => return Meaning::Status,
        "code" | "type" => return Meaning::Code,
        "errorcode" | "errcode" | "errno" | "errornumber" | "errorstatus" | "failurecode" => {
            return Meaning::FaultCode;
        }
        "productid" | "externalid" | "externalproductid" | "productexternalid" | "productkey" => {
            return Meaning::ProductId;
        }
        "id" | "key" | "sku" | "ref" | "reference" => return Meaning::Id,
        "product" | "item" | "record" | "entry" | "input" | "row" => return Meaning::Product,
        "productname" | "productprice" | "name" | "price" => return Meaning::Property,
        "retryafter" | "retryafterseconds" | "retryinseconds" => return Meaning::RetryAfter,
        _ => {}
    }
    if FAULTS.contains(&key.as_str()) {
        return Meaning::Fault { is_plain: true };
    }
    if FAULT_STEMS.iter().any(|stem| key.contains(stem)) {
        return Meaning::Fault { is_plain: false };
    }
    share(&key).map_or(Meaning::Other, Meaning::Count)
}

fn share(key: &str) -> Option<Share> {
    let shares = [
        (Share::Whole, WHOLES.as_slice()),
        (Share::New, &NEW),
        (Share::Changed, &CHANGED),
        (Share::Unchanged, &UNCHANGED),
    ];
    let of = |word: &str| {
        let found = shares.iter().find(|(_, words)| words.contains(&word));
        found.map(|(share, _)| *share)
    };
    // As in `nModified`.
    if let Some(share) = of(key).or_else(|| of(key.strip_prefix('n')?)) {
        return Some(share);
    }
    let mut word = key;
    let mut counts = false;
    while let Some((rest, counter)) = stripped(word) {
        counts |= counter;
        word = rest;
        if let Some(share) = of(word) {
            return Some(share);
        }
    }
    // `success` alone may only say that the request succeeded.
    (counts && ["", "success"].contains(&word)).then_some(Share::Whole)
}

/// `word` without one of these words before or after it, and whether that shows that the value is a number.
fn stripped(word: &str) -> Option<(&str, bool)> {
    let counters = COUNTERS.iter().map(|end| (end, true));
    let nouns = NOUNS.iter().map(|end| (end, false));
    counters.chain(nouns).find_map(|(end, counter)| {
        let rest = word.strip_suffix(end).or_else(|| word.strip_prefix(end))?;
        Some((rest, counter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Meaning = Meaning::Fault { is_plain: true };
    const STEM: Meaning = Meaning::Fault { is_plain: false };

    #[test]
    fn keys_tell_what_they_mean() {
        use Meaning::{
            Code, Count, FaultCode, Id, Other, Product, ProductId, Property, RetryAfter, Status,
            Success,
        };
        use Share::{Changed, New, Unchanged, Whole};
        for (meaning_of_all, keys) in [
            (
                PLAIN,
                "error errors ERROR error-list failed Rejected not_found duplicates hasErrors",
            ),
            (
                STEM,
                "failedProducts failed_products productsFailed rejectedItems skippedCount \
                 invalidProducts duplicateIds itemsNotFound unprocessedItems errorCount",
            ),
            (FaultCode, "errorCode err_code errno"),
            (Success, "success ok isSuccess"),
            (Status, "status statusCode http_status result"),
            (Code, "code type"),
            (
                Count(Whole),
                "count total processed syncedCount success_count successfulCount successCount \
                 totalProcessed productsSynced processedRecords productCount total_items rowCount",
            ),
            (
                Count(New),
                "created createdCount inserted nInserted upsertedCount newProducts",
            ),
            (
                Count(Changed),
                "updated nModified matchedCount updatedProducts",
            ),
            (Count(Unchanged), "unchanged existingCount"),
            (ProductId, "productId product_id PRODUCTID externalId"),
            (Id, "id sku"),
            (Product, "product item"),
            (Property, "productName product_price name price"),
            (RetryAfter, "retryAfter retry_after"),
            (
                Other,
                "message data products items limit page createdAt lastUpdated account discount default",
            ),
        ] {
            for key in keys.split_whitespace() {
                assert_eq!(meaning(key), meaning_of_all, "{key}");
            }
        }
    }
}
