//! Writes the gauges at each scrape.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};
use shopmaster_engine::status_store::StatusStore;

use crate::gauges::{Gauge, gauges};

/// Makes the gauges from the facts that are shown: one snapshot for all of them.
#[derive(Debug)]
pub(crate) struct FromStatus {
    pub(crate) status_store: Arc<StatusStore>,
    pub(crate) started_at: Timestamp,
}

impl FromStatus {
    /// All gauges now, from one snapshot.
    pub(crate) fn gauges(&self) -> Vec<Gauge> {
        let facts = self.status_store.facts();
        gauges(&facts, self.started_at, Timestamp::now())
    }
}

impl Collector for FromStatus {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for gauge in self.gauges() {
            let mut metric = encoder.encode_descriptor(
                gauge.name,
                gauge.help,
                gauge.unit.as_ref(),
                MetricType::Gauge,
            )?;
            for (labels, value) in &gauge.samples {
                if labels.is_empty() {
                    metric.encode_gauge(value)?;
                } else {
                    metric.encode_family(labels)?.encode_gauge(value)?;
                }
            }
        }
        Ok(())
    }
}
