//! Whether capture is still as it was installed: asked all the time, also while nothing is sent.

use std::time::Duration;

use super::{core::Core, halt::StepError};

/// From one look to the next: people are told within a minute.
const LOOK: Duration = Duration::from_secs(45);

/// Looks at capture until the engine stops. Syncs look too, but they may be an hour apart, and one
/// run may wait for long.
pub(super) async fn run(core: &Core) {
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if let Err(error) = look(core).await {
            // Told by those who read and write next, and who know when it works again.
            tracing::debug!(%error, "capture could not be looked at");
        }
    }
}

async fn look(core: &Core) -> Result<(), StepError> {
    core.look_at_capture().await?;
    let checked_at = core.journal.uploaded_at().await?;
    core.board.update(|facts| facts.checked_at = checked_at);
    Ok(())
}
