//! Where metrics are registered: one Prometheus recorder of our own, never the global one.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::declarations::{self as declared, Declaration, Kind};

/// Who registers, as the `metrics` crate wants to know it.
const METADATA: Metadata<'static> = Metadata::new("herald", Level::INFO, None);

/// A recorder shared by all who register metrics of one engine.
#[derive(Clone)]
pub(super) struct Registry(Arc<PrometheusRecorder>);

impl Registry {
    /// A recorder that knows the help text and buckets of every declared metric.
    pub(super) fn new() -> Self {
        let registry = Self(Arc::new(builder().build_recorder()));
        declared::ALL
            .iter()
            .for_each(|metric| registry.describe(metric));
        registry
    }

    pub(super) fn counter(&self, metric: &Declaration, labels: &[(&'static str, &str)]) -> Counter {
        self.0.register_counter(&key(metric, labels), &METADATA)
    }

    pub(super) fn gauge(&self, metric: &Declaration, labels: &[(&'static str, &str)]) -> Gauge {
        self.0.register_gauge(&key(metric, labels), &METADATA)
    }

    pub(super) fn histogram(
        &self,
        metric: &Declaration,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        self.0.register_histogram(&key(metric, labels), &METADATA)
    }

    pub(super) fn render(&self) -> String {
        self.0.handle().render()
    }

    pub(super) fn run_upkeep(&self) {
        self.0.handle().run_upkeep();
    }

    fn describe(&self, metric: &Declaration) {
        let (name, unit, help) = (metric.name.into(), metric.unit, metric.help.into());
        match metric.kind {
            Kind::Counter => self.0.describe_counter(name, unit, help),
            Kind::Gauge => self.0.describe_gauge(name, unit, help),
            Kind::Histogram => self.0.describe_histogram(name, unit, help),
        }
    }
}

/// Buckets for every histogram: without them the exporter would make summaries, whose quantiles
/// are wrong after a quiet minute.
fn builder() -> PrometheusBuilder {
    declared::ALL
        .iter()
        .filter(|metric| !metric.buckets.is_empty())
        .fold(PrometheusBuilder::new(), |builder, metric| {
            let matcher = Matcher::Full(metric.name.to_owned());
            // Fails only for an empty list, which the filter has removed.
            builder
                .set_buckets_for_metric(matcher, metric.buckets)
                .unwrap_or_default()
        })
}

fn key(metric: &Declaration, labels: &[(&'static str, &str)]) -> Key {
    debug_assert!(
        labels.iter().map(|(name, _)| name).eq(metric.labels),
        "labels of {} are not the declared ones",
        metric.name
    );
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(metric.name, labels)
}

/// A count as a gauge holds it: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floating point, and nobody counts 2^53 rows"
)]
pub(super) const fn approximate(count: u64) -> f64 {
    count as f64
}
