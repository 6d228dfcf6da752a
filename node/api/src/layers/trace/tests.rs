//! What a call leaves behind.

use super::*;
use ::metrics::{
    self, Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use axum::Router;
use axum::routing::any;
use futures_util::StreamExt;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

#[test]
fn every_declared_call_has_its_own_label_and_others_share_one() {
    assert_eq!(method_of("/aiex.v1.Sessions/Attach"), "Sessions/Attach");
    assert_eq!(method_of("/aiex.v1.Admin/WhoAmI"), "Admin/WhoAmI");
    assert_eq!(method_of("/aiex.v1.Sessions/Made-up"), "unknown");
    assert_eq!(method_of("/grpc.health.v1.Health/made-up"), "grpc.health");
}

#[test]
fn only_a_plain_short_request_id_is_believed() {
    let with = |id: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID_HEADER, id.parse().unwrap());
        request_id(&headers).map(str::to_owned)
    };
    assert_eq!(with("0190-ab_c.d"), Some("0190-ab_c.d".to_owned()));
    for odd in ["", "two words", "a\u{e9}", &"x".repeat(65)] {
        assert_eq!(with(odd), None, "{odd:?}");
    }
}

/// Serves one call whose reply has these headers, body pieces and trailers; gives what was measured.
async fn measured(
    headers: HeaderMap,
    trailers: Option<HeaderMap>,
    read_to_the_end: bool,
) -> Vec<String> {
    let recorder = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let reply = move || {
        let (headers, trailers) = (headers.clone(), trailers.clone());
        async move {
            let data = futures_util::stream::iter([Ok::<_, axum::Error>(Bytes::from_static(b"x"))]);
            let body = Body::new(Trailed {
                data: Body::from_stream(data),
                trailers,
            });
            let mut response = Response::new(body);
            *response.headers_mut() = headers;
            response
        }
    };
    let router = Router::new()
        .fallback(any(reply))
        .layer(axum::middleware::from_fn(trace));
    let request = Request::builder()
        .uri("/aiex.v1.Sessions/List")
        .body(Body::empty())
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    if read_to_the_end {
        let mut body = response.into_body();
        while std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context))
            .await
            .is_some()
        {}
    } else {
        let _ = response.into_body().into_data_stream().next().await;
    }
    recorder.0.lock().unwrap().clone()
}

/// Remembers the labels of every recorded value.
#[derive(Clone, Default)]
struct Measured(Arc<Mutex<Vec<String>>>);

struct Kept(Measured, String);

impl HistogramFn for Kept {
    fn record(&self, _: f64) {
        self.0.0.lock().unwrap().push(self.1.clone());
    }
}

impl Recorder for Measured {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Histogram::from_arc(Arc::new(Kept(self.clone(), name)))
    }
}

struct Trailed {
    data: Body,
    trailers: Option<HeaderMap>,
}

impl HttpBody for Trailed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match ready!(Pin::new(&mut self.data).poll_frame(context)) {
            None => Poll::Ready(
                self.trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(trailers))),
            ),
            frame => Poll::Ready(frame),
        }
    }
}

fn status(code: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", code.parse().unwrap());
    headers
}

fn line(code: &str) -> Vec<String> {
    vec![format!("aiex_rpc_seconds Sessions/List {code}")]
}

#[tokio::test]
async fn a_call_is_measured_once_by_the_code_it_ended_with() {
    let ok = measured(HeaderMap::new(), Some(status("0")), true).await;
    assert_eq!(ok, line("ok"));

    let mut refused = status("5");
    refused.insert(CODE_HEADER, "not_found".parse().unwrap());
    assert_eq!(measured(refused, None, true).await, line("not_found"));

    let gone = measured(HeaderMap::new(), Some(status("0")), false).await;
    assert_eq!(gone, line("cancelled"));
}
