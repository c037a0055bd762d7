//! Asks all shops at once, within limits.

use std::{future::Future, num::NonZeroUsize, pin::pin, time::Duration};

use futures_util::{StreamExt as _, stream};

use super::{Report, Shop, report::Answer};

/// How many shops are asked at once, and how long each may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Shops at once.
    pub jobs: NonZeroUsize,
    /// From the beginning of the connection to the answer.
    pub timeout: Duration,
}

/// Asks each shop with `ask`, and hands each report to `tell` as soon as it is there. Ends when all are there, or when
/// `leave` is: then the shops that have not answered are reported as unknown. Returns all reports.
pub async fn all<F, E>(
    shops: Vec<Shop>,
    jobs: NonZeroUsize,
    ask: impl Fn(Shop) -> F,
    leave: impl Future,
    mut tell: impl FnMut(&Report) -> Result<(), E>,
) -> Result<Vec<Report>, E>
where
    F: Future<Output = Report>,
{
    let mut reports = Vec::with_capacity(shops.len());
    let mut unanswered = shops.clone();
    {
        let mut answers = pin!(stream::iter(shops).map(ask).buffer_unordered(jobs.get()));
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
            tell(&report)?;
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
    use std::{cell::Cell, convert::Infallible, future::pending};

    use tokio::time::{Instant, sleep};

    use super::{
        super::{Standing, list::tests::shop},
        *,
    };

    fn shops(count: usize) -> Vec<Shop> {
        (0..count)
            .map(|number| shop(&format!("s{number:03}")))
            .collect()
    }

    fn jobs(jobs: usize) -> NonZeroUsize {
        NonZeroUsize::new(jobs).unwrap()
    }

    fn good(shop: Shop) -> Report {
        Report {
            standing: Standing::Good,
            ..Report::of(shop, Answer::Nothing)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_so_many_are_asked_at_once() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let ask = |shop: Shop| {
            let (now, most) = (&now, &most);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                sleep(Duration::from_secs(1)).await;
                now.set(now.get() - 1);
                good(shop)
            }
        };
        let start = Instant::now();
        let tell = |_: &Report| Ok::<_, Infallible>(());
        let reports = all(shops(100), jobs(10), ask, pending::<()>(), tell).await;
        assert_eq!(reports.unwrap().len(), 100);
        assert_eq!(most.get(), 10);
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_told_when_it_answers() {
        // The first one takes longest.
        let ask = |shop: Shop| async move {
            let number: u64 = shop.name[1..].parse().unwrap();
            sleep(Duration::from_secs(10 - number)).await;
            good(shop)
        };
        let mut told = Vec::new();
        let tell = |report: &Report| {
            told.push(report.shop.name.clone());
            Ok::<_, Infallible>(())
        };
        all(shops(3), jobs(64), ask, pending::<()>(), tell)
            .await
            .unwrap();
        assert_eq!(told, ["s002", "s001", "s000"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_keeps_what_is_known() {
        let ask = |shop: Shop| async move {
            if shop.name != "s001" {
                pending::<()>().await;
            }
            good(shop)
        };
        let leave = sleep(Duration::from_secs(5));
        let tell = |_: &Report| Ok::<_, Infallible>(());
        let reports = all(shops(3), jobs(2), ask, leave, tell).await.unwrap();
        let standings: Vec<_> = reports.iter().map(|it| it.standing).collect();
        assert_eq!(
            standings,
            [Standing::Good, Standing::Unknown, Standing::Unknown]
        );
    }

    #[tokio::test]
    async fn who_cannot_be_told_ends_it() {
        let ask = |shop: Shop| async move { good(shop) };
        let tell = |_: &Report| Err("closed");
        let ended = all(shops(3), jobs(2), ask, pending::<()>(), tell).await;
        assert_eq!(ended.unwrap_err(), "closed");
    }
}
