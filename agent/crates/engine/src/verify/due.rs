//! When a verify starts automatically.

use jiff::{Timestamp, tz::TimeZone};

use crate::{alarm::Alarm, core::Core, stop_reason::StepError};

/// Whether a verify should start automatically: there are signs that rows have changed without a trigger, changes may
/// have been missed, or it is the time of the nightly verify. In scan mode every scan is a verify, so one is due only
/// after the table was replaced.
pub(crate) async fn is_due(core: &Core) -> Result<bool, StepError> {
    if core.scans() {
        return Ok(core.journal.has_another_catalog().await? && may_begin(core).await?);
    }
    if rings(core).await? || (core.rebuilt.is_due() && may_begin(core).await?) {
        return Ok(true);
    }
    if core.options.scans_too && core.state.is_captured() && is_scan_due(core).await? {
        return Ok(true);
    }
    if !core.state.is_captured() || !may_begin(core).await? {
        return Ok(false);
    }
    let counts = core.journal.counts().await?;
    // If the shop was never sent as a whole, or much of it is in doubt, a verify would find too much to be believed.
    let is_known = core.journal.compared_at().await?.is_some()
        && counts.in_doubt * 10 < counts.in_shop().max(1);
    Ok(is_known
        && core.journal.uploaded_at().await?.is_none()
        && !core.journal.has_unfinished_upload().await?)
}

/// Whether the table is to be walked beside capture: an interval after the last walk began, once everything was sent.
async fn is_scan_due(core: &Core) -> Result<bool, StepError> {
    Ok(core.options.automatic
        && core.rebuilt.has_rested_for(core.options.interval)
        && core.journal.uploaded_at().await?.is_some())
}

/// Whether a verify may make up for an upload that is due: not too soon after the previous one, and not while the user
/// has not answered its question.
async fn may_begin(core: &Core) -> Result<bool, StepError> {
    Ok(core.options.automatic
        && core.rebuilt.has_rested()
        && core.journal.verified().await?.asks.is_none())
}

/// Whether the alarm of the nightly verify rings. It rings once each night.
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
    // A new installation waits for its next night, and before the first upload there is nothing to compare.
    Ok(last.is_some() && core.journal.compared_at().await?.is_some())
}
