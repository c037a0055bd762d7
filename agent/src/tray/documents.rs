//! Text files that the tray opens in the user's editor.

use std::fmt::Write as _;

use jiff::Zoned;
use shopmaster_proto::{
    Client, Failure,
    v1::{GetInfoResponse, ListParkedRequest, ParkedProduct},
};
use shopmaster_view::{day_and_clock, grouped, products};

use super::{
    event::Setup,
    format::{instant, plain},
};

/// At most this many refused products are listed, which is more than a person reads.
const MOST: usize = 10_000;
/// Products in one page; the agent gives no more at once.
const PAGE: u32 = 1_000;

/// The list of refused products.
///
/// # Errors
///
/// When the agent does not answer, or answers with an error.
pub(super) async fn refused(mut client: Client, now: &Zoned) -> Result<String, Failure> {
    let mut named: Vec<ParkedProduct> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListParkedRequest {
            page_size: PAGE,
            page_token,
            include_discarded: false,
        };
        let answer = client.products.list_parked(request).await?.into_inner();
        named.extend(answer.products);
        page_token = answer.next_page_token;
        if page_token.is_empty() || named.len() >= MOST {
            return Ok(refused_text(&named, answer.total, now));
        }
    }
}

fn refused_text(named: &[ParkedProduct], total: u64, now: &Zoned) -> String {
    let mut text = format!(
        "Products that Digible refuses, {}\n\n\
        {} set aside, so that the others can be sent.\n\
         Fix a product in the shop, and shopMaster sends it again automatically.\n\n",
        now.strftime("%Y-%m-%d %H:%M"),
        products(total)
    );
    for product in named.iter().filter(|product| !product.discarded) {
        let _infallible = writeln!(text, "{}", plain(&product.product_id));
        let _infallible = writeln!(text, "    {}", plain(&product.reason));
        if let Some(since) = product.since.and_then(instant) {
            let since = day_and_clock(since, now.timestamp(), now.time_zone());
            let _infallible = writeln!(text, "    since {since}");
        }
        text.push('\n');
    }
    let named = u64::try_from(named.len()).unwrap_or(u64::MAX);
    if total > named {
        let _infallible = writeln!(text, "and {} more", grouped(total - named));
    }
    text
}

/// Versions, and the paths of the agent's files.
pub(super) fn about(setup: &Setup, info: Option<&GetInfoResponse>, now: &Zoned) -> String {
    let mut text = "shopMaster keeps Digible in sync with the shop.\n\n".to_owned();
    let mut line = |name: &str, value: &str| {
        let _infallible = writeln!(text, "{name:<15}{value}");
    };
    line("Icon", env!("CARGO_PKG_VERSION"));
    line("Instance", setup.instance.as_str());
    let Some(info) = info else {
        line("Agent", "not running");
        line("Listens at", &setup.endpoint.to_string());
        return text;
    };
    line("Agent", &info.version);
    line("Protocol", &info.protocol);
    line("Process", &info.pid.to_string());
    if let Some(started) = info.started_at.and_then(instant) {
        line(
            "Started",
            &day_and_clock(started, now.timestamp(), now.time_zone()),
        );
    }
    line("Listens at", &info.endpoints.join(", "));
    line("Configuration", &info.config_file);
    line("Journal", &info.journal_file);
    line("Log", &info.log_dir);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-21T14:00:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    #[test]
    fn refused_products_are_listed_with_their_reasons() {
        let product = |id: &str, discarded| ParkedProduct {
            product_id: id.to_owned(),
            reason: "the price\nis not a number".to_owned(),
            since: Some(prost_types::Timestamp {
                seconds: now().timestamp().as_second() - 86_400,
                nanos: 0,
            }),
            digest: String::new(),
            discarded,
            ..ParkedProduct::default()
        };
        let named = [product("P1", false), product("P2", true)];
        assert_eq!(
            refused_text(&named, 1_002, &now()),
            "Products that Digible refuses, 2026-11-21 14:00\n\n\
             1,002 products set aside, so that the others can be sent.\n\
             Fix a product in the shop, and shopMaster sends it again automatically.\n\n\
             P1\n    the price is not a number\n    since yesterday 14:00\n\n\
             and 1,000 more\n"
        );
    }
}
