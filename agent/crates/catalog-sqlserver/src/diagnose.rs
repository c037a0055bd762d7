//! Finds the cause of a failure by examining what the server's error number leaves open.

use shopmaster_catalog::CatalogError;

use super::{
    SqlServerOptions,
    error::{QueryError, Target, named},
    filter::Filter,
    guards,
    session::Session,
};

/// The catalog's error for a fault. What the number leaves open is examined: some engines that use the same
/// protocol have one number for most errors.
pub(crate) async fn explained(
    fault: QueryError,
    session: &mut Session,
    options: &SqlServerOptions,
    over: Target,
    operation: &'static str,
) -> CatalogError {
    let is_open = fault.is_server() && !fault.is_denied() && !fault.is_passing();
    if is_open && let Some(error) = missing(session, options, over).await {
        return error;
    }
    named(fault, operation)
}

/// The object that is missing, or not as it has to be.
async fn missing(
    session: &mut Session,
    options: &SqlServerOptions,
    over: Target,
) -> Option<CatalogError> {
    let installed = match over {
        Target::Nothing => return None,
        Target::Products => {
            return match guards::read(session, options).await {
                Ok(table) => Filter::new(&options.mapping, &table).err(),
                Err(QueryError::Known(error)) => Some(error),
                Err(_) => None,
            };
        }
        Target::ChangeLog => [0, 1].as_slice(),
        Target::Owner => &[2],
    };
    let rows = session.rows(include_str!("sql/installed.sql"), &[]).await;
    let row = rows.ok()?.into_iter().next()?;
    let is_missing = |index: &usize| matches!(row.try_get::<i32, _>(*index), Ok(Some(0)));
    installed
        .iter()
        .any(is_missing)
        .then_some(CatalogError::NotInstalled)
}
