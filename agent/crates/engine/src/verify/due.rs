//! When a verify begins by itself.

use jiff::{Timestamp, tz::TimeZone};

use crate::{alarm::Alarm, core::Core, stop_reason::StepError};

/// Whether one is to begin by itself: something says that rows may be others, or changes may have been missed, or
/// it is the time of the night. Where the table is walked, each walk is one, except after the table was replaced.
pub(crate) async fn is_due(core: &Core) -> Result<bool, StepError> {
    if core.scans() {
        return Ok(core.journal.has_another_catalog().await? && may_begin(core).await?);
    }
    if core.rebuilt.is_due() || rings(core).await? {
        return Ok(true);
    }
    if !core.state.is_captured() || !may_begin(core).await? {
        return Ok(false);
    }
    let counts = core.journal.counts().await?;
    // Of a shop that was never sent as a whole, or that is unconfirmed as a whole, more than can be believed differs.
    let is_known =
        core.journal.compared_at().await?.is_some() && counts.in_doubt * 10 < counts.in_shop();
    Ok(is_known
        && core.journal.uploaded_at().await?.is_none()
        && !core.journal.has_unfinished_upload().await?)
}

/// Whether one may make up for an upload that is due: not so soon after the one before, nor while whoever was asked
/// has not answered.
async fn may_begin(core: &Core) -> Result<bool, StepError> {
    Ok(core.options.automatic
        && core.rebuilt.has_rested()
        && core.journal.verified().await?.asks.is_none())
}

/// Whether it is the time of the night, which rings once.
async fn rings(core: &Core) -> Result<bool, StepError> {
    let Some(time) = core.options.verify else {
        return Ok(false);
    };
    if !core.options.automatic {
        return Ok(false);
    }
    let installation = core.journal.stamp().await?.journal;
    let (alarm, now) = (Alarm::new(time, &installation), Timestamp::now());
    let last = core.journal.verify_rang().await?;
    if !alarm.due(last, now, &TimeZone::system()) {
        return Ok(false);
    }
    core.journal.note_verify_rang(now).await?;
    // The first night of an installation is to come, and before the first upload there is nothing to compare.
    Ok(last.is_some() && core.journal.compared_at().await?.is_some())
}
