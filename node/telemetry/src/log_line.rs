//! One log line an event: written whole, redacted, with the ids of the work around it.

use crate::{LogFormat, Redact};
use opentelemetry::trace::TraceContextExt;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Names of span fields that every line below the span carries.
pub const CARRIED_FIELDS: [&str; 6] = ["session", "shard", "turn", "call", "request", "user"];

const VALUE_BYTES_MAX: usize = 8 << 10;
const FIELDS_MAX: usize = 64;
const RESERVED: [&str; 5] = ["time", "level", "target", "trace_id", "span"];

/// Where finished lines go, newline included.
pub(crate) type Sink = Box<dyn Fn(&[u8]) + Send + Sync>;

/// Gives the time of a line; from outside, so that tests know it.
pub(crate) type Now = fn() -> jiff::Timestamp;

pub(crate) struct LogLayer {
    pub(crate) format: LogFormat,
    pub(crate) redact: Redact,
    pub(crate) now: Now,
    pub(crate) sink: Sink,
}

type Fields = Vec<(&'static str, Value)>;

/// A span's carried fields, with those of its parents.
struct Carried(Fields);

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let inherited = span.parent().and_then(|parent| {
            parent
                .extensions()
                .get::<Carried>()
                .map(|carried| carried.0.clone())
        });
        let mut fields = Collector {
            carried_only: true,
            fields: inherited.unwrap_or_default(),
        };
        attributes.record(&mut fields);
        span.extensions_mut().replace(Carried(fields.fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let known = extensions.remove::<Carried>().map(|carried| carried.0);
        let mut fields = Collector {
            carried_only: true,
            fields: known.unwrap_or_default(),
        };
        values.record(&mut fields);
        extensions.insert(Carried(fields.fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Collector {
            carried_only: false,
            fields: Vec::new(),
        };
        event.record(&mut own);
        let span = context.event_span(event);
        let mut fields: Fields = Vec::with_capacity(own.fields.len() + 8);
        if let Some(at) = own.fields.iter().position(|(name, _)| *name == "message") {
            fields.push(own.fields.remove(at));
        }
        if let Some(span) = &span {
            if let Some(carried) = span.extensions().get::<Carried>() {
                let unsaid = |name: &str| own.fields.iter().all(|(own, _)| *own != name);
                fields.extend(carried.0.iter().filter(|(name, _)| unsaid(name)).cloned());
            }
            fields.push(("span", span.name().into()));
        }
        if let Some(trace) = current_trace_id() {
            fields.push(("trace_id", trace.into()));
        }
        fields.extend(
            own.fields
                .into_iter()
                .filter(|(name, _)| !RESERVED.contains(name)),
        );
        let line = self.line(event.metadata(), &fields);
        (self.sink)((self.redact)(&line).as_bytes());
    }
}

impl LogLayer {
    fn line(&self, metadata: &Metadata<'_>, fields: &Fields) -> String {
        let time = format!("{:.3}", (self.now)());
        let mut line = match self.format {
            LogFormat::Json => json_line(&time, metadata, fields).unwrap_or_default(),
            LogFormat::Text => text_line(&time, metadata, fields),
        };
        line.push('\n');
        line
    }
}

fn json_line(time: &str, metadata: &Metadata<'_>, fields: &Fields) -> Option<String> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    let mut map = serializer.serialize_map(None).ok()?;
    map.serialize_entry("time", time).ok()?;
    map.serialize_entry("level", metadata.level().as_str())
        .ok()?;
    map.serialize_entry("target", metadata.target()).ok()?;
    for (name, value) in fields {
        map.serialize_entry(name, value).ok()?;
    }
    map.end().ok()?;
    String::from_utf8(bytes).ok()
}

fn text_line(time: &str, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let mut line = format!(
        "{time} {:<5} {}",
        metadata.level().as_str(),
        metadata.target()
    );
    for (name, value) in fields {
        line.push(' ');
        if *name != "message" {
            line.push_str(name);
            line.push('=');
        }
        match value {
            Value::String(text) => push_escaped(&mut line, text),
            other => {
                // writing to a string cannot fail
                let _ = write!(line, "{other}");
            }
        }
    }
    line
}

/// Control characters would let a message forge lines or drive a terminal.
fn push_escaped(line: &mut String, text: &str) {
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

fn current_trace_id() -> Option<String> {
    let context = opentelemetry::Context::current();
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid().then(|| ids.trace_id().to_string())
}

struct Collector {
    carried_only: bool,
    fields: Fields,
}

impl Collector {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if let Some(known) = self.fields.iter_mut().find(|(known, _)| *known == name) {
            known.1 = value;
        } else if self.fields.len() < FIELDS_MAX {
            self.fields.push((name, value));
        }
    }

    fn wants(&self, field: &Field) -> bool {
        !self.carried_only || CARRIED_FIELDS.contains(&field.name())
    }
}

impl Visit for Collector {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.wants(field) {
            let mut text = Shortened(String::new());
            // an error means that the limit was reached
            let _ = write!(text, "{value:?}");
            self.put(field, text.0.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if self.wants(field) {
            let mut text = Shortened(String::new());
            let _ = text.write_str(value);
            self.put(field, text.0.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if self.wants(field) {
            self.put(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if self.wants(field) {
            self.put(field, value.into());
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if self.wants(field) {
            self.put(field, value.into());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if self.wants(field) {
            self.put(field, value.into());
        }
    }
}

/// Takes text up to a limit and ends it with an ellipsis.
struct Shortened(String);

impl fmt::Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = VALUE_BYTES_MAX.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}
