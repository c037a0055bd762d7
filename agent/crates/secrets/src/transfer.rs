//! Changes several secrets, or moves them to another store: all of them or none.

use secrecy::SecretString;

use super::{SecretError, SecretName, SecretStore};

/// A secret's new value.
#[derive(Debug, Clone)]
pub struct SecretChange {
    /// The secret to change.
    pub name: SecretName,
    /// The new value; none to remove it.
    pub secret: Option<SecretString>,
}

/// Makes all of these changes in `store`, or none.
///
/// # Errors
///
/// When the store fails; then the old values are restored, as far as the store accepts them.
pub async fn change(store: &SecretStore, changes: Vec<SecretChange>) -> Result<(), SecretError> {
    let names: Vec<_> = changes.iter().map(|change| change.name.clone()).collect();
    let before = kept(store, &names).await?;
    let done = put(store, &changes).await;
    if done.is_err() {
        let _ = put(store, &before).await;
    }
    done
}

/// Moves all secrets from one store to the other, with these changes; all or nothing.
///
/// # Errors
///
/// When either store fails; then the old values are restored, as far as the stores accept them.
pub async fn move_all(
    from: &SecretStore,
    to: &SecretStore,
    changes: Vec<SecretChange>,
) -> Result<(), SecretError> {
    let before = match kept(from, &SecretName::OF_AGENT).await {
        // There is nothing to move, and the change of the store is the solution.
        Err(SecretError::NoStore(_)) => return change(to, changes).await,
        before => before?,
    };
    let overwritten = kept(to, &SecretName::OF_AGENT).await?;
    let mut after = before.clone();
    after.retain(|old| changes.iter().all(|new| new.name != old.name));
    after.extend(changes);
    let done = match put(to, &after).await {
        Ok(()) => from.leave_to(to).await,
        Err(error) => Err(error),
    };
    if done.is_err() {
        let _ = put(to, &overwritten).await;
        let _ = put(from, &before).await;
    }
    done
}

async fn kept(store: &SecretStore, names: &[SecretName]) -> Result<Vec<SecretChange>, SecretError> {
    let mut all = Vec::new();
    for name in names {
        let secret = store.kept(name.clone()).await?;
        let name = name.clone();
        all.push(SecretChange { name, secret });
    }
    Ok(all)
}

async fn put(store: &SecretStore, changes: &[SecretChange]) -> Result<(), SecretError> {
    for SecretChange { name, secret } in changes {
        match secret {
            Some(secret) => store.set(name.clone(), secret.clone()).await?,
            None => store.remove(name.clone()).await?,
        }
    }
    Ok(())
}
