//! Numbers, times, names and sentences for people: one spelling for the tray, the command line and every page.

pub mod names;
mod number;
mod sentence;
mod terminal;
mod time;

pub use number::{grouped, noun, products};
pub use sentence::{lower_first, upper_first};
pub use terminal::is_obeyed;
pub use time::{age, clock, day_and_clock};
