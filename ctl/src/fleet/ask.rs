//! Asks all shops at once.

use std::{future::Future, pin::pin};

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{Report, Shop, report::Answer};

/// Asks each shop with `ask`, and hands each report to `show` as soon as it is there. Ends when all are there, or when
/// `leave` is: then the shops that have not answered are reported as unknown. Returns all reports.
pub async fn all<F, E>(
    shops: Vec<Shop>,
    ask: impl Fn(Shop) -> F,
    leave: impl Future,
    mut show: impl FnMut(&Report) -> Result<(), E>,
) -> Result<Vec<Report>, E>
where
    F: Future<Output = Report>,
{
    let mut reports = Vec::with_capacity(shops.len());
    let mut unanswered = shops.clone();
    {
        let mut answers: FuturesUnordered<_> = shops.into_iter().map(ask).collect();
        let mut leave = pin!(leave);
        loop {
            let next = tokio::select! {
                // First: Ctrl-C also ends `ssh`, and so connections.
                biased;
                _ = &mut leave => None,
                next = answers.next() => next,
            };
            let Some(report) = next else {
                break;
            };
            unanswered.retain(|shop| shop.name != report.shop.name);
            show(&report)?;
            reports.push(report);
        }
    }
    let unknown = unanswered
        .into_iter()
        .map(|shop| Report::of(shop, Answer::Nothing));
    reports.extend(unknown);
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending, time::Duration};

    use tokio::time::sleep;

    use super::{
        super::{Standing, list::tests::shop},
        *,
    };

    fn shops(count: usize) -> Vec<Shop> {
        (0..count)
            .map(|number| shop(&format!("s{number:03}")))
            .collect()
    }

    fn good(shop: Shop) -> Report {
        Report {
            standing: Standing::Good,
            ..Report::of(shop, Answer::Nothing)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_shown_when_it_answers() {
        // The first one takes longest.
        let ask = |shop: Shop| async move {
            let number: u64 = shop.name[1..].parse().unwrap();
            sleep(Duration::from_secs(10 - number)).await;
            good(shop)
        };
        let mut shown = Vec::new();
        let show = |report: &Report| {
            shown.push(report.shop.name.clone());
            Ok::<_, Infallible>(())
        };
        all(shops(3), ask, pending::<()>(), show).await.unwrap();
        assert_eq!(shown, ["s002", "s001", "s000"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_keeps_what_is_known() {
        let ask = |shop: Shop| async move {
            if shop.name == "s000" || shop.name == "s002" {
                pending::<()>().await;
            }
            good(shop)
        };
        let leave = sleep(Duration::from_secs(5));
        let show = |_: &Report| Ok::<_, Infallible>(());
        let reports = all(shops(3), ask, leave, show).await.unwrap();
        let standings: Vec<_> = reports.iter().map(|it| it.standing).collect();
        assert_eq!(
            standings,
            [Standing::Good, Standing::Unknown, Standing::Unknown]
        );
    }

    #[tokio::test]
    async fn an_output_that_ends_ends_it() {
        let ask = |shop: Shop| async move { good(shop) };
        let show = |_: &Report| Err("closed");
        let ended = all(shops(3), ask, pending::<()>(), show).await;
        assert_eq!(ended.unwrap_err(), "closed");
    }
}
