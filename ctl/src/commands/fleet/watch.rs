//! `fleet watch`: the status of all shops as it changes.

use std::{pin::pin, time::Duration};

use console::Term;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    signal::ctrl_c,
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::Ctl;
use crate::{
    error::Error,
    exit::Exit,
    fleet::{
        Connector, Shop,
        watch::{Reports, Update, follow},
    },
    render::{
        human::{self, Clock},
        json::ShopJson,
    },
};

/// The shortest time between two drawings.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// Lines of the terminal that the table leaves free: its head, the line for the rest, an empty one, the summary, and the
/// line of the cursor.
const FREE_LINES: usize = 5;
/// What the summary calls a shop that stands well.
const GOOD: &str = "up to date";

/// Follows all shops until Ctrl-C.
pub async fn run(ctl: &Ctl, shops: Vec<Shop>, connector: &Connector) -> Result<Exit, Error> {
    let (updates, arriving) = mpsc::unbounded_channel();
    let followers: FuturesUnordered<_> = shops
        .iter()
        .enumerate()
        .map(|(index, shop)| follow(index, shop.clone(), connector, updates.clone()))
        .collect();
    drop(updates);
    let latest = Reports::new(&shops);
    let terminal = Term::stdout();
    let is_drawn = terminal.is_term() && !ctl.output.json;
    let mut following = pin!(followers.for_each(|()| async {}));
    let mut leave = pin!(ctrl_c());
    let mut shown = pin!(async {
        match is_drawn {
            true => draw(&terminal, latest, arriving).await,
            false => list(ctl, latest, arriving).await,
        }
    });
    tokio::select! {
        biased;
        _ = &mut leave => Ok(Exit::Done),
        end = &mut shown => end.map(|()| Exit::Done),
        // Followers end only when nothing is shown any more.
        () = &mut following => Ok(Exit::Done),
    }
}

/// Prints a line for each change.
async fn list(
    ctl: &Ctl,
    mut latest: Reports,
    mut arriving: mpsc::UnboundedReceiver<Update>,
) -> Result<(), Error> {
    while let Some(update) = arriving.recv().await {
        let index = update.0;
        if !latest.update(update) {
            continue;
        }
        if let Some(report) = latest.report(index) {
            ctl.output.show(&ShopJson::from(report), || {
                human::fleet::change(report, &Clock::local())
            })?;
        }
    }
    Ok(())
}

/// Draws the table in place.
async fn draw(
    terminal: &Term,
    mut latest: Reports,
    mut arriving: mpsc::UnboundedReceiver<Update>,
) -> Result<(), Error> {
    let mut drawn = 0;
    loop {
        let next = Instant::now() + DRAW_INTERVAL;
        drawn = redraw(terminal, &latest, drawn).map_err(Error::Output)?;
        let mut is_changed = false;
        while !is_changed {
            let Some(update) = arriving.recv().await else {
                return Ok(());
            };
            is_changed = latest.update(update);
        }
        // Many shops may change at once: what else arrives until the next drawing is part of it.
        let mut due = pin!(sleep_until(next));
        loop {
            tokio::select! {
                () = &mut due => break,
                update = arriving.recv() => match update {
                    Some(update) => {
                        latest.update(update);
                    }
                    None => break,
                },
            }
        }
    }
}

/// Replaces the lines that were drawn, and returns how many there are now.
fn redraw(terminal: &Term, latest: &Reports, drawn: usize) -> std::io::Result<usize> {
    let (height, width) = terminal.size();
    let rows = usize::from(height).saturating_sub(FREE_LINES).max(1);
    let mut text = human::fleet::table(&latest.sorted(), Some(usize::from(width)), Some(rows));
    text.gap();
    text.line(latest.tally().summary(GOOD));
    terminal.clear_last_lines(drawn)?;
    for line in text.lines() {
        terminal.write_line(line)?;
    }
    Ok(text.lines().count())
}
