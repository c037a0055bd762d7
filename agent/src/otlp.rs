//! Sends spans and metrics to an OpenTelemetry collector, over HTTP, while `OTEL_EXPORTER_OTLP_ENDPOINT` names one.
//!
//! It is for whoever develops shopMaster, and only part of builds with the feature `otlp`. A span is a step of a run or
//! a request to Digible. The metrics are the gauges and counters that Prometheus reads; spans have the times.

use std::{
    env,
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use http::{Request, Response};
use opentelemetry::{KeyValue, metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{
    MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use shopmaster_base::{SPAN_TARGET, blocking};
use shopmaster_metrics::{Labels, Metrics};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// The standard variable with the collector's address: `http://localhost:4318`.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The name of what is measured.
const SCOPE: &str = "shopmaster";
/// How long one export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last exports may delay the end of the process.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The exporter of this process; none without a collector.
static EXPORT: OnceLock<Option<Export>> = OnceLock::new();

/// Sends spans and metrics to one collector.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

/// The exporter of this process. It must be called within the runtime, which carries the requests.
pub(crate) fn export() -> Option<&'static Export> {
    let export = EXPORT.get_or_init(|| {
        let endpoint = env::var(ENDPOINT).ok().filter(|it| !it.is_empty())?;
        // What is wrong with it cannot be logged: logging begins after this.
        Export::to(&endpoint).ok()
    });
    export.as_ref()
}

impl Export {
    /// Sends to the collector at this address.
    fn to(endpoint: &str) -> Result<Self, Box<dyn Error>> {
        let base = endpoint.trim_end_matches('/');
        let client: Arc<dyn HttpClient> = Arc::new(OnRuntime {
            client: reqwest::Client::builder().timeout(EXPORT_TIMEOUT).build()?,
            runtime: Handle::try_current()?,
        });
        let resource = Resource::builder()
            .with_service_name("shopmaster-agent")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let spans = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&client))
            .with_endpoint(format!("{base}/v1/traces"))
            .build()?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(client)
            .with_endpoint(format!("{base}/v1/metrics"))
            .build()?;
        Ok(Self {
            spans: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(spans)
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_resource(resource)
                .with_periodic_exporter(metrics)
                .build(),
        })
    }

    /// Receives the spans of steps and requests, and no log records.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.spans.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target(SPAN_TARGET, Level::INFO))
    }

    /// Sends these metrics from now on.
    pub(crate) fn measure(&self, metrics: &Arc<Metrics>) {
        let meter = self.metrics.meter(SCOPE);
        for series in metrics.series() {
            let (name, metrics) = (series.name.clone(), Arc::clone(metrics));
            // The meter keeps what it is asked for.
            if series.is_counter {
                let counter = meter.f64_observable_counter(series.name);
                let _kept = counter
                    .with_description(series.help)
                    .with_callback(move |it| {
                        for (labels, value) in samples(&metrics, &name) {
                            it.observe(value, &labels);
                        }
                    })
                    .build();
            } else {
                let gauge = meter.f64_observable_gauge(series.name);
                let _kept = gauge
                    .with_description(series.help)
                    .with_callback(move |it| {
                        for (labels, value) in samples(&metrics, &name) {
                            it.observe(value, &labels);
                        }
                    })
                    .build();
            }
        }
    }

    /// Sends what is left, for a short time at most.
    pub(crate) async fn stop(&self) {
        let export = self.clone();
        let stopping = blocking::run(move || {
            // A collector that does not answer must not hold up the end of the agent.
            let _sent = export.spans.shutdown_with_timeout(STOP_TIMEOUT);
            let _sent = export.metrics.shutdown_with_timeout(STOP_TIMEOUT);
        });
        let _ended = tokio::time::timeout(STOP_TIMEOUT, stopping).await;
    }
}

/// The samples of one series now.
fn samples(metrics: &Metrics, name: &str) -> Vec<(Vec<KeyValue>, f64)> {
    let all = metrics.series().into_iter();
    let samples = all
        .filter(|series| series.name == name)
        .flat_map(|series| series.samples);
    let attributes = |labels: Labels| {
        let labels = labels.into_iter();
        labels
            .map(|(key, value)| KeyValue::new(key, value))
            .collect()
    };
    samples
        .map(|(labels, value)| (attributes(labels), value))
        .collect()
}

/// Sends requests on the agent's runtime: OpenTelemetry calls it from threads of its own.
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let request = reqwest::Request::try_from(request)?;
            let response = client.execute(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut whole = Response::new(response.bytes().await?);
            *whole.status_mut() = status;
            *whole.headers_mut() = headers;
            Ok::<_, reqwest::Error>(whole)
        });
        Ok(sending.await??)
    }
}

impl fmt::Debug for OnRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnRuntime").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        convert::Infallible,
        sync::{Mutex, PoisonError},
    };

    use http_body_util::{BodyExt as _, Full};
    use hyper::{body::Incoming, server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use jiff::Timestamp;
    use shopmaster_digible::{Cloud as _, Digible, DigibleOptions};
    use shopmaster_engine::status_store::StatusStore;
    use tokio::net::TcpListener;
    use tracing_subscriber::{Registry, layer::SubscriberExt as _};

    use super::*;

    /// A collector that keeps what arrives, by its path.
    #[derive(Default)]
    struct Collector(Mutex<HashMap<String, Vec<u8>>>);

    impl Collector {
        async fn start() -> (Arc<Self>, String) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = format!("http://{}/", listener.local_addr().unwrap());
            let collector = Arc::new(Self::default());
            tokio::spawn({
                let collector = Arc::clone(&collector);
                async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let collector = Arc::clone(&collector);
                        let service =
                            service_fn(move |request| Arc::clone(&collector).keep(request));
                        let io = TokioIo::new(stream);
                        tokio::spawn(http1::Builder::new().serve_connection(io, service));
                    }
                }
            });
            (collector, at)
        }

        async fn keep(
            self: Arc<Self>,
            request: Request<Incoming>,
        ) -> Result<Response<Full<Bytes>>, Infallible> {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.entry(path).or_default().extend_from_slice(&body);
            Ok(Response::new(Full::default()))
        }

        /// What arrived at this path, with what is no text left out: names are texts in protobuf.
        fn text(&self, path: &str) -> String {
            let kept = self.0.lock().unwrap();
            String::from_utf8_lossy(kept.get(path).map_or(&[], Vec::as_slice)).into_owned()
        }
    }

    #[tokio::test]
    async fn a_span_and_the_metrics_arrive_at_the_collector() {
        let (collector, endpoint) = Collector::start().await;
        let export = Export::to(&endpoint).unwrap();
        let store = Arc::new(StatusStore::new());
        let metrics = Arc::new(Metrics::new(store, Timestamp::now()));
        export.measure(&metrics);
        let subscriber = Registry::default().with(export.layer());
        let guard = tracing::subscriber::set_default(subscriber);
        tracing::error!("a log record is no span");
        let digible = Digible::new(
            DigibleOptions {
                base_url: "http://127.0.0.1:9".to_owned(),
                email: "shop@example.com".to_owned(),
                password: Some("secret".into()),
                token: None,
                timeout: Duration::from_secs(5),
                max_in_flight: 1,
                ca_file: None,
            },
            Box::new(|_| {}),
            Arc::clone(&metrics) as _,
        );
        digible.log_in().await;
        drop(guard);
        export.stop().await;
        let spans = collector.text("/v1/traces");
        for text in ["request", "login", "no_answer", "shopmaster-agent"] {
            assert!(spans.contains(text), "{text} is not in {spans:?}");
        }
        let sent = collector.text("/v1/metrics");
        for text in [
            "shopmaster_pending_products",
            "shopmaster_digible_requests_total",
            "no_answer",
        ] {
            assert!(sent.contains(text), "{text} is not in {sent:?}");
        }
        for text in ["shop@example.com", "secret", "log record"] {
            assert!(!spans.contains(text) && !sent.contains(text), "{text}");
        }
    }

    #[tokio::test]
    async fn a_collector_that_is_away_holds_up_nothing() {
        let export = Export::to("http://127.0.0.1:9").unwrap();
        let subscriber = Registry::default().with(export.layer());
        let guard = tracing::subscriber::set_default(subscriber);
        drop(tracing::info_span!(target: SPAN_TARGET, "step"));
        drop(guard);
        let began = std::time::Instant::now();
        export.stop().await;
        assert!(began.elapsed() < STOP_TIMEOUT * 2);
    }
}
