//! Text for people, without color.

pub mod capture;
pub mod check;
pub mod clock;
pub mod config;
pub mod fleet;
pub mod product;
pub mod remote;
pub mod run;
pub mod status;
mod table;
mod text;

pub use clock::Clock;
pub use text::Text;
