//! Everything that is read: the ChangeLog as a queue, and the product table by key and by page.

pub(crate) mod backlog;
pub(crate) mod batches;
pub(crate) mod changes;
pub(crate) mod lookup;
pub(crate) mod page;
pub(crate) mod price;
pub(crate) mod products;
pub(crate) mod seeking;
pub(crate) mod statements;
pub(crate) mod walk;
pub(crate) mod watched;
