//! The stand-in's own calls below `/_sim/`, for tools that are not written in Rust.
//!
//! | call | does |
//! |---|---|
//! | `GET products` | all products, as they travel |
//! | `GET requests` | all requests, see [`RequestRecord`](super::RequestRecord) |
//! | `GET counts` | the sums, see [`Counts`](super::Counts) |
//! | `GET faults`, `POST faults` | the faults; a posted array of [`Fault`] takes their place |
//! | `GET settings`, `POST settings` | the [`Settings`]; a posted object changes the keys that it has |
//! | `POST release` | releases what hangs |
//! | `POST reset` | forgets products, requests, tokens and faults |

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    fault::Fault,
    settings::Settings,
    shared::{Gate, Shared},
    wire::Product,
};

/// The name below `/_sim/` that a path has.
pub(super) fn place(path: &str) -> Option<&str> {
    path.strip_prefix("/_sim/")
}

/// Answers one of the stand-in's own calls.
pub(super) fn answer(shared: &Shared, method: &Method, place: &str, body: &[u8]) -> Answer {
    match (method, place) {
        (&Method::GET, "products") => {
            let memory = shared.read();
            let products = memory.listings.iter().map(|(id, listing)| Product {
                id: id.clone(),
                name: listing.name.clone(),
                price: listing.price.clone(),
            });
            Answer::json(StatusCode::OK, &products.collect::<Vec<_>>())
        }
        (&Method::GET, "requests") => Answer::json(StatusCode::OK, &shared.read().requests),
        (&Method::GET, "counts") => Answer::json(StatusCode::OK, &shared.read().counts),
        (&Method::GET, "faults") => Answer::json(StatusCode::OK, &shared.read().faults.list()),
        (&Method::POST, "faults") => done(set_faults(shared, body)),
        (&Method::GET, "settings") => Answer::json(StatusCode::OK, &shared.read().settings),
        (&Method::POST, "settings") => done(change_settings(shared, body)),
        (&Method::POST, "release") => {
            shared.open(Gate::Released);
            done(Ok(()))
        }
        (&Method::POST, "reset") => {
            shared.change(|memory| memory.reset());
            done(Ok(()))
        }
        _ => Answer::failure(StatusCode::NOT_FOUND, "no such call of the stand-in"),
    }
}

fn set_faults(shared: &Shared, body: &[u8]) -> serde_json::Result<()> {
    let faults: Vec<Fault> = serde_json::from_slice(body)?;
    shared.change(|memory| memory.faults.replace(faults));
    Ok(())
}

fn change_settings(shared: &Shared, body: &[u8]) -> serde_json::Result<()> {
    let changes: serde_json::Map<String, Value> = serde_json::from_slice(body)?;
    shared.change(|memory| {
        let mut merged: serde_json::Map<String, Value> =
            serde_json::from_value(serde_json::to_value(&memory.settings)?)?;
        merged.extend(changes);
        memory.settings = serde_json::from_value::<Settings>(merged.into())?;
        Ok(())
    })
}

fn done(result: serde_json::Result<()>) -> Answer {
    match result {
        Ok(()) => Answer::json(StatusCode::OK, &json!({ "success": true })),
        Err(error) => Answer::failure(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}
